//! The task that keeps a listener's connection: it asks for channels, looks after the line, and makes it anew.

use std::collections::BTreeSet;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use oarlock_core::factory::CONNECT_TIMEOUT;
use oarlock_core::{Dialect, Error, ErrorKind, Result};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::inbox::Inbox;
use crate::dial::{Dialed, dial};
use crate::error::{self, Context};
use crate::options::PostgresOptions;

/// The pauses between attempts to connect again double from the first on, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// A channel to listen to, or no longer.
pub(super) struct Request {
    pub(super) channel: String,
    pub(super) listen: bool,
    pub(super) reply: oneshot::Sender<Result<()>>,
}

/// The connection, and what it takes to have it again.
pub(super) struct Keeper {
    options: PostgresOptions,
    heartbeat: Duration,
    inbox: Arc<Inbox>,
    channels: BTreeSet<String>,
    line: Line,
}

/// A connection; it ends at once when it is dropped, for nothing on it is worth a goodbye.
struct Line(Dialed);

impl Drop for Line {
    fn drop(&mut self) {
        self.0.task.abort();
    }
}

/// Why the keeper no longer waits on its line.
enum Turn {
    Lost,
    Asked(Request),
    Silence,
    /// Nobody can ask any more.
    Over,
}

impl Keeper {
    pub(super) async fn connect(options: PostgresOptions, heartbeat: Duration, inbox: Arc<Inbox>) -> Result<Self> {
        let channels = BTreeSet::new();
        let line = Line::open(&options, &channels, &inbox).await?;
        Ok(Self { options, heartbeat, inbox, channels, line })
    }

    /// Keeps the connection until the listener is gone, or connecting again is in vain.
    pub(super) async fn run(mut self, mut requests: mpsc::UnboundedReceiver<Request>) {
        loop {
            let lost = match self.wait(&mut requests).await {
                Turn::Over => return,
                Turn::Lost => true,
                Turn::Silence => !self.line.is_alive(self.heartbeat).await,
                Turn::Asked(request) => self.serve(request).await,
            };
            if lost && let Err(error) = self.come_back().await {
                return self.inbox.end(error);
            }
        }
    }

    async fn wait(&mut self, requests: &mut mpsc::UnboundedReceiver<Request>) -> Turn {
        let asked = pin!(requests.recv());
        match timeout(self.heartbeat, select(&mut self.line.0.task, asked)).await {
            Err(_) => Turn::Silence,
            Ok(Either::Left(_)) => Turn::Lost,
            Ok(Either::Right((Some(request), _))) => Turn::Asked(request),
            Ok(Either::Right((None, _))) => Turn::Over,
        }
    }

    /// Does what was asked for; tells whether the connection was lost with it.
    async fn serve(&mut self, Request { channel, listen, reply }: Request) -> bool {
        let verb = if listen { "LISTEN" } else { "UNLISTEN" };
        let done = self.line.run(&format!("{verb} {}", quote(&channel)), self.heartbeat).await;
        let lost = done.as_ref().is_err_and(Error::is_connection_lost);
        if done.is_ok() && listen {
            self.channels.insert(channel);
        } else if done.is_ok() {
            self.channels.remove(&channel);
        }
        // Whoever asked may be gone.
        let _ = reply.send(done);
        lost
    }

    /// Connects again until it is done, and then tells the reader that something may have been missed.
    async fn come_back(&mut self) -> Result<()> {
        tracing::warn!(channels = self.channels.len(), "a listener has lost its connection and makes it anew");
        // Each of the servers may take so long, and so may the channels.
        let steps = u32::try_from(self.options.endpoints.len()).unwrap_or(u32::MAX).saturating_add(1);
        let limit = self.options.connect_timeout.unwrap_or(CONNECT_TIMEOUT).saturating_mul(steps);
        let mut pause = FIRST_PAUSE;
        loop {
            let opened = timeout(limit, Line::open(&self.options, &self.channels, &self.inbox)).await;
            match opened {
                Ok(Ok(line)) => {
                    self.line = line;
                    self.inbox.miss();
                    return Ok(());
                }
                Ok(Err(error)) if is_final(&error) => return Err(error),
                Ok(Err(error)) => tracing::debug!(%error, ?pause, "a listener could not connect again yet"),
                Err(_) => tracing::debug!(?pause, "a listener could not connect again in time"),
            }
            tokio::time::sleep(jitter(pause)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

impl Line {
    /// Connects and listens: from then on nothing is missed.
    async fn open(options: &PostgresOptions, channels: &BTreeSet<String>, inbox: &Arc<Inbox>) -> Result<Self> {
        let line = Self(dial(options).await?);
        line.0.wire.hear(Arc::clone(inbox));
        if !channels.is_empty() {
            let all: Vec<String> = channels.iter().map(|channel| format!("LISTEN {}", quote(channel))).collect();
            line.send(&all.join("; ")).await?;
        }
        Ok(line)
    }

    async fn send(&self, sql: &str) -> Result<()> {
        let Dialed { client, wire, .. } = &self.0;
        client.batch_execute(sql).await.map_err(|error| error::convert(error, wire, Context::default()))
    }

    /// Runs a statement, for which the server has as long as for a sign of life.
    async fn run(&self, sql: &str, limit: Duration) -> Result<()> {
        timeout(limit, self.send(sql)).await.unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::ConnectionLost, format!("the server did not answer within {limit:?}")))
        })
    }

    async fn is_alive(&self, limit: Duration) -> bool {
        self.run("", limit).await.is_ok()
    }
}

/// Tells whether trying again is in vain. All else may pass: a server that restarts, a standby that is about to be promoted.
fn is_final(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Authentication
            | ErrorKind::Configuration
            | ErrorKind::ObjectNotFound
            | ErrorKind::PermissionDenied
            | ErrorKind::NotSupported
    )
}

/// Takes a random part of a pause, not below its half: many listeners shall not come back at once.
fn jitter(pause: Duration) -> Duration {
    let half = pause / 2;
    let micros = u64::try_from(half.as_micros()).unwrap_or(u64::MAX).max(1);
    half + Duration::from_micros(RandomState::new().build_hasher().finish() % micros)
}

fn quote(channel: &str) -> String {
    Dialect::POSTGRES.quote_identifier(channel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_differ_and_keep_to_their_span() {
        let pauses: BTreeSet<Duration> = (0..100).map(|_| jitter(LONGEST_PAUSE)).collect();
        assert!(pauses.len() > 1);
        assert!(pauses.iter().all(|pause| (LONGEST_PAUSE / 2..LONGEST_PAUSE).contains(pause)));
    }
}
