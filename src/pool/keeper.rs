//! The task that looks after a pool: what is too old goes, what is wanted warm is opened, what does not come back is reported.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::entry::{End, Held};
use super::options::PoolOptions;
use super::shared::Shared;

/// Gives how often to look: often enough that no limit is overrun by more than a quarter.
pub(super) fn rhythm(options: &PoolOptions) -> Duration {
    let warm = (options.min_idle > 0).then_some(Duration::from_secs(4));
    let limits = [options.idle_timeout, options.max_lifetime, options.leak_after, warm];
    let shortest = limits.into_iter().flatten().min().unwrap_or(Duration::MAX);
    (shortest / 4).clamp(Duration::from_millis(10), Duration::from_secs(5))
}

/// Looks after a pool until it is gone or closed.
pub(super) async fn run(pool: Weak<Shared>, rhythm: Duration) {
    loop {
        tokio::time::sleep(rhythm).await;
        let Some(pool) = pool.upgrade() else { return };
        if !look(&pool) {
            return;
        }
    }
}

/// Looks once; tells whether there is more to look after.
fn look(pool: &Arc<Shared>) -> bool {
    let (now, options) = (Instant::now(), &pool.options);
    let free: Vec<_> = std::iter::from_fn(|| pool.connections.try_get().ok()).collect();
    let mut kept = free.len();
    // deadpool gives the one that came back last first, so the longest idle are at the end. They go, down to those that are
    // kept warm; the others go back in the order in which they lay there.
    for placed in free.into_iter().rev() {
        let idle = now.saturating_duration_since(placed.used);
        let dispensable = options.idle_timeout.is_some_and(|limit| idle >= limit) && kept > options.min_idle;
        match placed.spent(now).or(dispensable.then_some(End::Idle)) {
            Some(end) => {
                kept -= 1;
                Shared::retire(Held::new(pool, placed, end));
            }
            None => pool.lay_down(placed),
        }
    }
    let mut slots = pool.slots();
    let late = options.leak_after.map(|limit| slots.loans.newly_held_for(limit, now)).unwrap_or_default();
    let more = !slots.closed || slots.loans.len() > 0;
    drop(slots);
    for holder in late {
        let (site, held_ms) = (holder.site, holder.held.as_millis());
        tracing::warn!(target: "oarlock::pool", %site, held_ms, "a connection has not come back to its pool");
    }
    pool.warm(&Handle::current());
    more
}
