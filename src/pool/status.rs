//! What a pool tells of itself.

use std::fmt;
use std::panic::Location;
use std::time::Duration;

/// How full a pool is, and what it has done since it was made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PoolStatus {
    /// The largest number of connections.
    pub max_size: usize,
    /// Connections that are open, being opened and being closed among them.
    pub size: usize,
    /// Connections that are free.
    pub idle: usize,
    /// Connections that are lent.
    pub in_use: usize,
    /// Connections that are being opened.
    pub opening: usize,
    /// Callers that wait for a connection.
    pub waiting: usize,
    /// How many connections were lent.
    pub acquired: u64,
    /// How many connections were opened.
    pub created: u64,
    /// How many connections were closed, whatever the reason.
    pub discarded: u64,
    /// How many sessions were reset because their borrowers had changed them.
    pub resets: u64,
    /// How many callers did not get a connection in time.
    pub timeouts: u64,
    /// How many attempts to open a connection failed.
    pub failures: u64,
    /// How long those waited who got a connection.
    pub waits: WaitHistogram,
    /// Who holds a connection longer than [`PoolOptions::leak_after`](super::PoolOptions::leak_after), the longest first.
    pub overdue: Vec<Holder>,
}

/// Who holds a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// The call that took it.
    pub site: &'static Location<'static>,
    /// How long ago that was.
    pub held: Duration,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} for {}", self.site.file(), self.site.line(), Brief(self.held))
    }
}

/// Shows a duration as briefly as it matters: in milliseconds below ten seconds, in seconds above.
pub(super) struct Brief(pub(super) Duration);

impl fmt::Display for Brief {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_millis() {
            millis if millis < 10_000 => write!(f, "{millis} ms"),
            millis => write!(f, "{} s", millis / 1000),
        }
    }
}

/// How many buckets a [`WaitHistogram`] has.
const BUCKETS: usize = 27;

/// How long callers waited for a connection, in buckets whose bounds double.
///
/// The first is of those who did not wait at all, the last of those who waited 33 seconds or longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WaitHistogram {
    counts: [u64; BUCKETS],
}

impl WaitHistogram {
    /// Counts a caller.
    pub(super) fn record(&mut self, wait: Duration) {
        let micros = u64::try_from(wait.as_micros()).unwrap_or(u64::MAX);
        let bucket = u64::BITS - micros.leading_zeros();
        let bucket = usize::try_from(bucket).unwrap_or(BUCKETS).min(BUCKETS - 1);
        self.counts[bucket] += 1;
    }

    /// Gives the buckets: the bound below which the waits of each are, `None` for the last, and their number.
    pub fn buckets(&self) -> impl Iterator<Item = (Option<Duration>, u64)> + '_ {
        self.counts.iter().enumerate().map(|(bucket, count)| (bound(bucket), *count))
    }

    /// Gives how many were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Gives the bound below which this part of the waits were, from 0 to 1: `quantile(0.99)` is the 99th percentile, rounded up
    /// to a bucket's bound. `None` where it is in the last bucket, which has no bound, or nothing was counted.
    pub fn quantile(&self, part: f64) -> Option<Duration> {
        let count = self.count();
        let mut seen = 0_u64;
        for (bucket, of) in self.counts.iter().enumerate() {
            seen += of;
            if *of > 0 && at_least(seen, count, part) {
                return bound(bucket);
            }
        }
        None
    }
}

fn bound(bucket: usize) -> Option<Duration> {
    (bucket < BUCKETS - 1).then(|| Duration::from_micros(1 << bucket))
}

/// Tells whether `seen` of `count` is at least this part; in millionths, which no counter of waits is too large for.
fn at_least(seen: u64, count: u64, part: f64) -> bool {
    let wanted = Duration::from_secs(1).mul_f64(part.clamp(0.0, 1.0)).as_micros();
    u128::from(seen) * 1_000_000 >= u128::from(count) * wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_fall_into_buckets_whose_bounds_double() {
        let mut waits = WaitHistogram::default();
        for micros in [0, 1, 2, 3, 1000] {
            waits.record(Duration::from_micros(micros));
        }
        waits.record(Duration::from_hours(1));
        let filled: Vec<_> = waits.buckets().filter(|(_, count)| *count > 0).collect();
        let micros = |bound| Some(Duration::from_micros(bound));
        assert_eq!(filled, [(micros(1), 1), (micros(2), 1), (micros(4), 2), (micros(1024), 1), (None, 1)]);
        assert_eq!((waits.count(), waits.quantile(0.5), waits.quantile(0.8)), (6, micros(4), micros(1024)));
        assert_eq!((waits.quantile(1.0), WaitHistogram::default().quantile(0.5)), (None, None));
    }
}
