//! Stopping a statement: `KILL QUERY` on a connection of its own.

use std::sync::Arc;

use oarlock_core::cancel::{Cancel, CancelGate, STOP_LIMIT};
use oarlock_core::{BoxFuture, Connection, Error, ErrorKind, Result};

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
        let under_way = self.gate.depart();
        let (options, id) = (Arc::clone(&self.options), self.id);
        Box::pin(async move {
            // A task of its own: a request that is broken off in the middle could land at any time.
            let task = tokio::spawn(async move {
                match tokio::time::timeout(STOP_LIMIT, kill(&options, id)).await {
                    Ok(sent) => {
                        under_way.landed();
                        sent
                    }
                    Err(_) => Err(Error::new(
                        ErrorKind::ConnectionLost,
                        "the server did not take the request to stop a statement",
                    )),
                }
            });
            task.await.unwrap_or_else(|error| {
                Err(Error::new(ErrorKind::Internal, "the request was ended").with_source(error))
            })
        })
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
