//! The refusal of LOAD DATA LOCAL INFILE.
//!
//! A server, or whoever speaks for it, may answer any statement by asking for a file of the client's. `mysql_async` always
//! declares that it could send one, and without a handler it breaks the connection. This handler sends nothing in good
//! order and leaves a mark, by which the statement fails. What [`load`](crate::load) feeds is the program's own stream.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::StreamExt;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream;
use mysql_async::prelude::GlobalHandler;
use mysql_async::{InfileData, LocalInfileError};

/// Refuses every file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Refusal(Arc<AtomicBool>);

impl Refusal {
    /// Tells whether a file was refused since the last time.
    pub(crate) fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }

    /// Gives nothing, and notes that it was asked for.
    pub(crate) fn refuse(&self) -> InfileData {
        self.0.store(true, Ordering::Relaxed);
        stream::empty().boxed()
    }
}

impl GlobalHandler for Refusal {
    fn handle(&self, _: &[u8]) -> BoxFuture<'static, Result<InfileData, LocalInfileError>> {
        let nothing = self.refuse();
        async move { Ok(nothing) }.boxed()
    }
}
