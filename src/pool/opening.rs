//! Opening connections, apart from those who wait for one: a caller that goes away loses none, and takes what comes back first.

use std::sync::Arc;
use std::time::{Duration, Instant};

use oarlock_core::{Error, ErrorKind, Result, factory};
use tokio::runtime::Handle;
use tokio::time::{sleep_until, timeout};

use super::entry::Entry;
use super::outage::Outage;
use super::shared::Shared;
use super::slots::Slots;

/// A server that needs longer than the callers wait gets at least as long as this, and its connection goes to those to come.
const SHORTEST_LIMIT: Duration = Duration::from_secs(5);

/// A connection that is being opened: a place of the pool is reserved for it.
pub(super) struct Opening {
    pool: Arc<Shared>,
    reserved: bool,
}

impl Opening {
    pub(super) fn new(pool: Arc<Shared>) -> Self {
        Self { pool, reserved: true }
    }

    /// Opens the connection; tries again as long as somebody wants it and trying may help.
    pub(super) async fn run(mut self) {
        let pool = Arc::clone(&self.pool);
        loop {
            let pause = pool.slots().outage.as_ref().map(|outage| outage.next);
            if let Some(next) = pause
                && pool.unless_closed(sleep_until(next.into())).await.is_none()
            {
                return;
            }
            if self.is_superfluous() {
                return;
            }
            let Some(attempted) = pool.unless_closed(self.attempt()).await else { return };
            match attempted {
                Ok(entry) => return self.succeed(entry).await,
                Err(error) => {
                    if !self.fail(error) {
                        return;
                    }
                }
            }
        }
    }

    /// Gives up where nobody wants the connection any more.
    fn is_superfluous(&mut self) -> bool {
        let pool = Arc::clone(&self.pool);
        let mut slots = pool.slots();
        let superfluous = !slots.needs_one(&pool.options);
        if superfluous {
            self.release(&mut slots);
        }
        superfluous
    }

    async fn attempt(&self) -> Result<Box<Entry>> {
        let limit = self.pool.options.acquire_timeout.max(SHORTEST_LIMIT);
        let connection = timeout(limit, factory::open(&*self.pool.connector)).await.map_err(|_| {
            Error::new(ErrorKind::ConnectionRefused, format!("the server has not let us in within {limit:?}"))
        })??;
        let entry = Box::new(Entry::new(connection, self.pool.options.max_lifetime));
        match &self.pool.options.after_connect {
            Some(work) => work.prepare(entry).await,
            None => Ok(entry),
        }
    }

    async fn succeed(mut self, entry: Box<Entry>) {
        tracing::debug!(target: "oarlock::pool", "a connection of the pool was opened");
        let pool = Arc::clone(&self.pool);
        pool.add(entry).await;
        self.release(&mut pool.slots());
        pool.open_more(&Handle::current());
    }

    /// Notes that an attempt failed, and tells those who wait where that is due. Tells whether to try again.
    fn fail(&mut self, error: Error) -> bool {
        let (now, kind) = (Instant::now(), error.kind());
        let pool = Arc::clone(&self.pool);
        let mut slots = pool.slots();
        let outage = Outage::note(slots.outage.take(), Arc::new(error), now);
        let told = outage.is_to_be_told(now, slots.established());
        // Those who are told go away.
        let wanted = if told { slots.is_cold(&pool.options) } else { slots.needs_one(&pool.options) };
        // One attempt at a time is enough to see when it is over.
        let again = outage.may_pass() && slots.opening == 1 && wanted;
        slots.outage = Some(outage);
        slots.counts.failures += 1;
        if !again {
            self.release(&mut slots);
        }
        drop(slots);
        tracing::debug!(target: "oarlock::pool", %kind, again, "a connection of the pool could not be opened");
        if told {
            pool.news.notify_waiters();
        }
        again
    }

    /// Gives up what was reserved.
    fn release(&mut self, slots: &mut Slots) {
        if std::mem::take(&mut self.reserved) {
            slots.opening -= 1;
            self.pool.drained.notify_waiters();
        }
    }
}

impl Drop for Opening {
    /// Where the runtime has ended, or the driver has panicked, those who wait are asked to see to it.
    fn drop(&mut self) {
        if !self.reserved {
            return;
        }
        if std::thread::panicking() {
            self.fail(Error::new(ErrorKind::Internal, "the driver panicked while it opened a connection"));
        }
        let pool = Arc::clone(&self.pool);
        self.release(&mut pool.slots());
        pool.news.notify_waiters();
    }
}
