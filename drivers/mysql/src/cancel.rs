//! Stopping a statement: `KILL QUERY` on a connection of its own.

use std::sync::Arc;

use oarlock_core::cancel::{Cancel, CancelGate};
use oarlock_core::{BoxFuture, Connection, Error, ErrorKind, Result};

use crate::connection::MysqlConnection;
use crate::options::MysqlOptions;

/// What it takes to stop a session's statement.
pub(crate) struct Canceller {
    gate: Arc<CancelGate>,
    options: Arc<MysqlOptions>,
    id: u32,
    /// What tells the session's server from others. `None` behind a proxy that numbers its sessions itself, and is asked to stop them.
    server: Option<Arc<str>>,
}

impl Canceller {
    /// Makes what stops the statements of the session of an id, on the first server that the options name.
    pub(crate) fn new(options: Arc<MysqlOptions>, id: u32, server: Option<String>) -> Self {
        Self { gate: Arc::default(), options, id, server: server.map(Into::into) }
    }

    /// Gives the options by which the session was opened.
    pub(crate) fn options(&self) -> Arc<MysqlOptions> {
        Arc::clone(&self.options)
    }

    /// Makes the same with other options.
    pub(crate) fn at(&self, options: Arc<MysqlOptions>) -> Self {
        Self { gate: Arc::default(), options, id: self.id, server: self.server.clone() }
    }

    /// Gives the requests that are on their way.
    pub(crate) fn gate(&self) -> &CancelGate {
        &self.gate
    }
}

impl Cancel for Canceller {
    fn cancel(&self) -> BoxFuture<'static, ()> {
        let (options, id, server) = (Arc::clone(&self.options), self.id, self.server.clone());
        self.gate.send(async move { kill(&options, id, server.as_deref()).await })
    }
}

/// There is no session of that id.
const NO_SUCH_THREAD: i64 = 1094;

/// How often another server may answer in place of the session's: a balancer leads elsewhere the next time.
const STRANGERS: usize = 4;

async fn kill(options: &Arc<MysqlOptions>, id: u32, server: Option<&str>) -> Result<()> {
    let mut side = reach(options, server).await?;
    let killed = side.script(&format!("KILL QUERY {id}")).await;
    // The request is made; how the side connection ends is of no account.
    let _ = side.close().await;
    match killed {
        // The session has ended: there is nothing to stop.
        Err(error) if error.code() == Some(NO_SUCH_THREAD) => Ok(()),
        result => result,
    }
}

/// Connects to a session's server once more. Behind a name or a balancer there may be several, and on another one the session of the
/// same number is somebody else's.
async fn reach(options: &Arc<MysqlOptions>, server: Option<&str>) -> Result<MysqlConnection> {
    for _ in 0..STRANGERS {
        let mut side = MysqlConnection::connect(options).await?;
        if server.is_none() || side.canceller.server.as_deref() == server {
            return Ok(side);
        }
        let _ = side.close().await;
    }
    Err(Error::new(
        ErrorKind::ConnectionRefused,
        "another server answered in place of the one that was asked to stop a statement",
    ))
}
