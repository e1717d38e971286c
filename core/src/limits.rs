//! How long calls may take.

use std::fmt;
use std::time::Duration;

use crate::trace::SLOW;

/// How long calls may take: a statement before it is stopped, and any call before it is told as slow.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    // In nanoseconds: it goes with every lease, and is small.
    timeout: u64,
    slow: u64,
}

/// No limit.
const FOREVER: u64 = u64::MAX;

fn to_nanos(limit: Option<Duration>) -> u64 {
    limit.map_or(FOREVER, |limit| u64::try_from(limit.as_nanos()).unwrap_or(FOREVER))
}

fn from_nanos(nanos: u64) -> Option<Duration> {
    (nanos != FOREVER).then(|| Duration::from_nanos(nanos))
}

impl Limits {
    /// A statement runs for as long as it takes, and is slow from a second on.
    pub const DEFAULT: Self = Self { timeout: FOREVER, slow: SLOW.as_secs() * 1_000_000_000 };

    /// Sets how long a statement may run; `None` is for as long as it takes.
    #[must_use]
    pub fn with_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.timeout = to_nanos(limit.into());
        self
    }

    /// Sets how long a call may take before it is [told](crate::trace) as slow; `None` tells of none.
    #[must_use]
    pub fn with_slow(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.slow = to_nanos(limit.into());
        self
    }

    /// Gives how long a statement may run.
    #[must_use]
    pub fn timeout(self) -> Option<Duration> {
        from_nanos(self.timeout)
    }

    /// Gives how long a call may take before it is told as slow.
    #[must_use]
    pub fn slow(self) -> Option<Duration> {
        from_nanos(self.slow)
    }

    /// Gives both as numbers, which can be changed at any time where they are atomic.
    pub(crate) fn to_numbers(self) -> [u64; 2] {
        [self.timeout, self.slow]
    }

    pub(crate) fn from_numbers([timeout, slow]: [u64; 2]) -> Self {
        Self { timeout, slow }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limits").field("timeout", &self.timeout()).field("slow", &self.slow()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_kept_as_they_are_set() {
        let second = Some(Duration::from_secs(1));
        assert_eq!((Limits::default().timeout(), Limits::default().slow()), (None, second));
        let limits = Limits::default().with_timeout(Duration::from_millis(3)).with_slow(None);
        assert_eq!((limits.timeout(), limits.slow()), (Some(Duration::from_millis(3)), None));
        assert_eq!(Limits::default().with_timeout(Duration::MAX).timeout(), None);
        assert_eq!(Limits::from_numbers(limits.to_numbers()), limits);
    }
}
