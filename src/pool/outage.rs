//! What a pool does while no connection can be opened.
//!
//! One attempt at a time, with pauses that grow: a server that is coming up is not stormed by all who wait. Those get the
//! error once it has gone on for half a second, and at once where waiting will not help.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use oarlock_core::{Error, ErrorKind};

/// How long a server may be away before those who wait are told.
const PATIENCE: Duration = Duration::from_millis(500);
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// With its jitter, a server that is back is found within half a second.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// Failed attempts to open a connection, since the last that succeeded.
pub(super) struct Outage {
    since: Instant,
    pub(super) attempts: u32,
    pub(super) cause: Arc<Error>,
    /// When the next attempt is due.
    pub(super) next: Instant,
}

impl Outage {
    /// Notes a failed attempt.
    pub(super) fn note(before: Option<Self>, cause: Arc<Error>, now: Instant) -> Self {
        let (since, attempts) = before.map_or((now, 1), |outage| (outage.since, outage.attempts.saturating_add(1)));
        let pause = FIRST_PAUSE.saturating_mul(1 << attempts.min(8).saturating_sub(1)).min(LONGEST_PAUSE);
        Self { since, attempts, cause, next: now + jitter(pause) }
    }

    /// Tells whether trying again may help.
    pub(super) fn may_pass(&self) -> bool {
        use ErrorKind as K;
        matches!(
            self.cause.kind(),
            K::ConnectionRefused
                | K::ConnectionLost
                | K::TooManyConnections
                | K::ResourcesExhausted
                | K::LockTimeout
                | K::PoolTimeout
        )
    }

    /// Tells whether those who wait are to be told now. Where other connections are at work, one of them may still come back.
    pub(super) fn is_to_be_told(&self, now: Instant, established: usize) -> bool {
        !self.may_pass() || (established == 0 && now.duration_since(self.since) >= PATIENCE)
    }

    /// Makes the error for one of those who wait.
    pub(super) fn error(cause: &Arc<Error>) -> Error {
        let mut error = Error::new(cause.kind(), format!("the pool could not open a connection: {}", cause.message()));
        if let Some(state) = cause.sqlstate() {
            error = error.with_sqlstate(state);
        }
        if let Some(code) = cause.code() {
            error = error.with_code(code);
        }
        if let Some(hint) = cause.hint() {
            error = error.with_hint(hint);
        }
        error.with_source(Arc::clone(cause))
    }
}

/// Gives a random duration between a half and one and a half of this one.
fn jitter(pause: Duration) -> Duration {
    pause / 2 + part(pause)
}

/// Gives a random part of a duration.
pub(super) fn part(whole: Duration) -> Duration {
    let random = u32::try_from(RandomState::new().build_hasher().finish() >> 33).unwrap_or_default();
    whole.mul_f64(f64::from(random) / f64::from(u32::MAX >> 1)).min(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outage(kind: ErrorKind, attempts: u32) -> Outage {
        let cause = Arc::new(Error::new(kind, "why"));
        let now = Instant::now();
        (1..attempts).fold(Outage::note(None, Arc::clone(&cause), now), |outage, _| {
            Outage::note(Some(outage), Arc::clone(&cause), now)
        })
    }

    #[test]
    fn pauses_grow_up_to_a_bound() {
        let first = outage(ErrorKind::ConnectionRefused, 1);
        let pause = first.next - first.since;
        assert!(pause >= FIRST_PAUSE / 2 && pause <= FIRST_PAUSE * 3 / 2, "{pause:?}");
        for attempts in [5, 50] {
            let late = outage(ErrorKind::ConnectionRefused, attempts);
            let pause = late.next - late.since;
            assert!(pause >= LONGEST_PAUSE / 2 && pause <= LONGEST_PAUSE * 3 / 2, "{attempts}: {pause:?}");
        }
    }

    #[test]
    fn what_will_not_pass_is_told_at_once_and_the_rest_where_nothing_can_come_back() {
        let now = Instant::now();
        assert!(outage(ErrorKind::Authentication, 1).is_to_be_told(now, 3));
        let refused = outage(ErrorKind::ConnectionRefused, 1);
        assert!(!refused.is_to_be_told(now, 0));
        assert!(refused.is_to_be_told(now + PATIENCE * 2, 0));
        assert!(!refused.is_to_be_told(now + PATIENCE * 2, 1));
    }
}
