//! What the proofs share that run in small by default and in full by `tests/reliability`.

/// Tells whether the proofs run in full.
pub fn is_full() -> bool {
    std::env::var("OARLOCK_RELIABILITY").is_ok_and(|how| how == "full")
}

/// Numbers that look random and are the same in every run: `xorshift`.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Makes the numbers of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// Gives a number below a bound.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound.max(1)
    }
}
