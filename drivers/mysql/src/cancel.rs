//! Stopping a statement: `KILL QUERY` on a connection of its own.

use std::sync::Arc;

use oarlock_core::cancel::{Cancel, CancelGate};
use oarlock_core::{BoxFuture, Connection, Result};

use crate::connection::MysqlConnection;
use crate::options::MysqlOptions;

/// What it takes to stop a session's statement.
pub(crate) struct Canceller {
    gate: Arc<CancelGate>,
    options: Arc<MysqlOptions>,
    id: u32,
}

impl Canceller {
    /// Makes what stops the statements of the session of an id, on the first server that the options name.
    pub(crate) fn new(options: Arc<MysqlOptions>, id: u32) -> Self {
        Self { gate: Arc::default(), options, id }
    }

    /// Gives the requests that are on their way.
    pub(crate) fn gate(&self) -> &CancelGate {
        &self.gate
    }
}

impl Cancel for Canceller {
    fn cancel(&self) -> BoxFuture<'static, ()> {
        let (options, id) = (Arc::clone(&self.options), self.id);
        self.gate.send(async move { kill(&options, id).await })
    }
}

/// There is no session of that id.
const NO_SUCH_THREAD: i64 = 1094;

async fn kill(options: &Arc<MysqlOptions>, id: u32) -> Result<()> {
    let mut side = MysqlConnection::connect(options).await?;
    let killed = side.script(&format!("KILL QUERY {id}")).await;
    // The request is made; how the side connection ends is of no account.
    let _ = side.close().await;
    match killed {
        // The session has ended: there is nothing to stop.
        Err(error) if error.code() == Some(NO_SUCH_THREAD) => Ok(()),
        result => result,
    }
}
