//! A server that means harm, or none that speaks the protocol at all: every call ends, with an error, in bounded memory and
//! without a panic.
//!
//! It is a test of its own process, so that every panic in it is one too many, and its memory is nobody else's.

mod mutated;
mod naive;
mod scripted;

use oarlock_tests::panics;
use std::time::Duration;

/// How long a call may take to find out that its line is cut.
const BOUND: Duration = Duration::from_secs(5);

/// What this process may hold at most: nothing here needs a fraction of it.
const MOST_MEMORY: u64 = 256 << 20;

/// Requires that nothing has panicked, and that memory was never taken at a stranger's word.
fn assert_unharmed(place: &str) {
    assert_eq!(panics(), 0, "{place}: a panic");
    // Only Linux tells it in a file.
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return };
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    assert!(peak.unwrap_or_default() << 10 < MOST_MEMORY, "{place}: {peak:?} kB were held");
}

/// Gives how often something is done: by default, or in a full run.
fn count(default: u64, full: u64) -> u64 {
    if std::env::var("OARLOCK_RELIABILITY").is_ok_and(|how| how == "full") { full } else { default }
}

/// Numbers that look random and are the same in every run: `xorshift`.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// Gives a number below a bound.
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap_or_default() % bound.max(1)
    }

    fn byte(&mut self) -> u8 {
        self.0.to_le_bytes()[self.below(8)]
    }
}
