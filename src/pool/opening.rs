//! Opening connections, apart from those who wait for one: a caller that goes away loses none, and takes what comes back first.

use std::sync::Arc;
use std::time::{Duration, Instant};

use oarlock_core::{Error, ErrorKind, Result};
use tokio::runtime::Handle;
use tokio::time::{sleep_until, timeout};

use super::entry::Entry;
use super::outage::Outage;
use super::shared::Shared;

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
        loop {
            let pause = self.pool.slots().outage.as_ref().map(|outage| outage.next);
            if let Some(next) = pause {
                sleep_until(next.into()).await;
            }
            if !self.pool.slots().needs_one(&self.pool.options) {
                return self.give_up();
            }
            match self.attempt().await {
                Ok(entry) => return self.succeed(entry),
                Err(error) => {
                    if !self.fail(error) {
                        return;
                    }
                }
            }
        }
    }

    async fn attempt(&self) -> Result<Entry> {
        let limit = self.pool.options.acquire_timeout.max(SHORTEST_LIMIT);
        let connection = timeout(limit, self.pool.connector.connect()).await.map_err(|_| {
            Error::new(ErrorKind::ConnectionRefused, format!("the server has not let us in within {limit:?}"))
        })??;
        let entry = Entry::new(connection);
        match &self.pool.options.after_connect {
            Some(work) => work.prepare(entry).await,
            None => Ok(entry),
        }
    }

    fn succeed(mut self, mut entry: Entry) {
        self.reserved = false;
        entry.settle(&self.pool);
        {
            let mut slots = self.pool.slots();
            slots.opening -= 1;
            slots.counts.created += 1;
            slots.outage = None;
        }
        self.pool.put(entry, None);
        self.pool.open_more(&Handle::current());
    }

    /// Notes that an attempt failed, and tells those who wait where that is due. Tells whether to try again.
    fn fail(&mut self, error: Error) -> bool {
        let (cause, now) = (Arc::new(error), Instant::now());
        let mut slots = self.pool.slots();
        let outage = Outage::note(slots.outage.take(), Arc::clone(&cause), now);
        let told = outage.is_to_be_told(now, slots.established()).then(|| slots.queue.take_all());
        // One attempt at a time is enough to see when it is over.
        let again = outage.may_pass() && slots.opening == 1 && slots.needs_one(&self.pool.options);
        slots.outage = Some(outage);
        slots.counts.failures += 1;
        drop(slots);
        for waiter in told.into_iter().flatten() {
            drop(waiter.answer.send(Err(Arc::clone(&cause))));
        }
        if !again {
            self.release();
        }
        again
    }

    /// Ends where nobody wants the connection any more.
    fn give_up(mut self) {
        self.release();
    }

    fn release(&mut self) {
        if std::mem::take(&mut self.reserved) {
            let mut slots = self.pool.slots();
            slots.open -= 1;
            slots.opening -= 1;
        }
    }
}

impl Drop for Opening {
    /// Where the runtime has ended, or the driver has panicked, the first who waits is asked to see to it.
    fn drop(&mut self) {
        if !self.reserved {
            return;
        }
        if std::thread::panicking() {
            self.fail(Error::new(ErrorKind::Internal, "the driver panicked while it opened a connection"));
        }
        self.release();
        let first = self.pool.slots().queue.pop();
        drop(first);
    }
}
