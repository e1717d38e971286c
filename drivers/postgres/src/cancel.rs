//! Stopping a statement: PostgreSQL takes the request on a connection of its own, and names the session by a key.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use oarlock_core::cancel::{Cancel, CancelGate, STOP_LIMIT};
use oarlock_core::{BoxFuture, Error, ErrorKind, Result, connection};
use tokio::io::AsyncReadExt;
use tokio_postgres::CancelToken;

use crate::dial;
use crate::line::{AsItIs, ForRequest, Line};
use crate::options::{Endpoint, PostgresOptions};
use crate::wire::Wire;

/// What it takes to stop a session's statement.
pub(crate) struct Canceller {
    gate: Arc<CancelGate>,
    request: Arc<Request>,
}

/// A request to stop whatever a session runs.
pub(crate) struct Request {
    pub(crate) options: PostgresOptions,
    pub(crate) endpoint: Endpoint,
    /// The session is encrypted, and so are requests about it.
    pub(crate) encrypted: bool,
    /// The session's end of its line.
    pub(crate) local: Option<SocketAddr>,
    pub(crate) token: CancelToken,
    pub(crate) wire: Arc<Wire>,
}

impl Canceller {
    pub(crate) fn new(request: Request) -> Self {
        Self { gate: Arc::default(), request: Arc::new(request) }
    }

    /// Tells where the session leads.
    pub(crate) fn place(&self) -> connection::Endpoint {
        let Request { options, endpoint, local, .. } = &*self.request;
        options.place().at(endpoint.host.as_str(), Some(endpoint.port)).from(*local)
    }

    /// Gives the requests that are on their way.
    pub(crate) fn gate(&self) -> &CancelGate {
        &self.gate
    }
}

impl Cancel for Canceller {
    fn cancel(&self) -> BoxFuture<'static, ()> {
        let request = Arc::clone(&self.request);
        self.gate.send(async move { request.insist().await })
    }
}

/// After so long, a statement that still runs is taken not to have heard of the request.
const UNHEARD: Duration = Duration::from_millis(50);

/// How often to look whether it still runs.
const LOOK: Duration = Duration::from_millis(5);

/// For so long the request is repeated, which is within the time that it may take.
const ENOUGH: Duration = STOP_LIMIT.saturating_sub(Duration::from_secs(1));

impl Request {
    /// Makes the request, and again while it may have been forgotten: PostgreSQL forgets one that comes before a statement, or
    /// between its planning and its execution, where it reads the next message and counts as idle. The connection's next call
    /// waits for the end of this, so that what still runs belongs to the call that was meant.
    async fn insist(&self) -> Result<()> {
        let begun = Instant::now();
        loop {
            dial::reach(self).await?;
            let sent = Instant::now();
            while self.may_be_forgotten() && sent.elapsed() < UNHEARD {
                tokio::time::sleep(LOOK).await;
            }
            // A server that is deaf for so long has taken the request all the same: it is not lost.
            if !self.may_be_forgotten() || begun.elapsed() >= ENOUGH {
                return Ok(());
            }
        }
    }

    /// Tells whether the session is at work on a call of which no rows wait here: once there are rows, it is in the midst of its statement,
    /// and where nobody reads them, it cannot say that it has heard.
    fn may_be_forgotten(&self) -> bool {
        self.wire.is_busy() && !self.wire.rows.has_some()
    }

    /// Sends the request on a line to the server, which closes it when the session has been told.
    pub(crate) async fn send(&self, mut line: Line) -> Result<()> {
        let failed = |error: &dyn std::fmt::Display| {
            let message = format!("the request to stop a statement broke off: {error}");
            Error::new(ErrorKind::ConnectionLost, message).with_outcome_unknown()
        };
        self.token.cancel_query_raw(ForRequest(&mut line), AsItIs).await.map_err(|error| failed(&error))?;
        // An error is as good an end as any: the server has closed the line.
        let _ = line.read_u8().await;
        Ok(())
    }
}
