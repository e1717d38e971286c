//! LISTEN and NOTIFY: a connection of its own that hears what others say, and comes back by itself when it is lost.

mod inbox;
mod keeper;

use std::collections::BTreeSet;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::Stream;
use oarlock_core::cursor::Cursor;
use oarlock_core::dialect::Flavor;
use oarlock_core::{Db, Error, ErrorKind, Result};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use self::inbox::Inbox;
use self::keeper::{Keeper, Request};
use crate::options::PostgresOptions;
use crate::run::listens;

pub(crate) use self::inbox::Inbox as Ears;

/// The longest name of a channel, in bytes: PostgreSQL would cut a longer one short.
const LONGEST_CHANNEL: usize = 63;

/// What a [`Listener`] gives.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListenEvent {
    /// Somebody notified a channel.
    Notification(Notification),
    /// Notifications may have been missed: the connection was lost and is there again, with every channel listened to; or
    /// they came faster than they were read. Whoever follows the state of something reads that state anew now.
    Missed,
}

/// A notification of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notification {
    /// The channel.
    pub channel: String,
    /// The text that came with it, which may be empty.
    pub payload: String,
    /// The process id of the server's session that notified, as `pg_backend_pid` gives it.
    pub process_id: i32,
}

/// How a [`Listener`] keeps itself up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListenerOptions {
    /// After how long in silence the server is asked for a sign of life, and how long it may take to give one: 30 seconds.
    /// A line that has gone dead without a word is found out by that alone.
    pub heartbeat: Duration,
    /// How many bytes of notifications are kept for a reader who is slow: 16 MiB. What is more is dropped, and the reader
    /// told that it was [missed](ListenEvent::Missed).
    pub most_bytes: usize,
}

impl Default for ListenerOptions {
    fn default() -> Self {
        Self { heartbeat: Duration::from_secs(30), most_bytes: 16 << 20 }
    }
}

impl ListenerOptions {
    /// Makes the default options.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets after how long in silence the server is asked for a sign of life.
    #[must_use]
    pub fn heartbeat(mut self, heartbeat: Duration) -> Self {
        self.heartbeat = heartbeat;
        self
    }

    /// Sets how many bytes of notifications are kept.
    #[must_use]
    pub fn most_bytes(mut self, bytes: usize) -> Self {
        self.most_bytes = bytes;
        self
    }
}

/// Hears what is notified on channels, on a connection of its own. It is a `Stream` of [`ListenEvent`]s.
///
/// A lost connection is made anew, with pauses that grow up to ten seconds, and a [`ListenEvent::Missed`] then tells that
/// notifications may have been lost in between. Only what will not pass by itself ends the stream, with an error: a login
/// that is refused, a database that is gone.
///
/// A background task reads from the server at all times, so that the server need not keep notifications for a reader who is
/// slow. It ends when the listener is dropped. Through pgbouncer, listening works in its session mode only, and
/// `statements=unnamed` is refused.
///
/// # Examples
///
/// ```no_run
/// # async fn example(db: &dyn oarlock_core::Db) -> oarlock_core::Result<()> {
/// use oarlock_core::Url;
/// use oarlock_postgres::{ListenEvent, Listener, NotifyExt, PostgresOptions};
///
/// let options = PostgresOptions::parse(&Url::parse("postgres://localhost/shop")?)?;
/// let mut listener = Listener::connect(&options).await?;
/// listener.listen("orders").await?;
/// db.notify("orders", "4711").await?;
/// while let Some(event) = listener.next().await {
///     match event? {
///         ListenEvent::Notification(order) => println!("{} is new", order.payload),
///         _ => println!("some may have been missed: look at all orders"),
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub struct Listener {
    inbox: Arc<Inbox>,
    requests: mpsc::UnboundedSender<Request>,
    channels: BTreeSet<String>,
    keeper: JoinHandle<()>,
}

impl Listener {
    /// Opens the connection. It must be used within the tokio runtime on which this is called.
    ///
    /// # Errors
    ///
    /// As [`PostgresConnection::connect`](crate::PostgresConnection::connect); `NotSupported` for `statements=unnamed`, which is
    /// for poolers that share sessions.
    pub async fn connect(options: &PostgresOptions) -> Result<Self> {
        Self::connect_with(options, ListenerOptions::default()).await
    }

    /// Opens the connection, with options of the listener's own.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub async fn connect_with(options: &PostgresOptions, listener: ListenerOptions) -> Result<Self> {
        listens(options.statements)?;
        let inbox = Arc::new(Inbox::new(listener.most_bytes));
        let (requests, asked) = mpsc::unbounded_channel();
        let keeper = Keeper::connect(options.clone(), listener.heartbeat, Arc::clone(&inbox)).await?;
        let keeper = tokio::spawn(keeper.run(asked));
        Ok(Self { inbox, requests, channels: BTreeSet::new(), keeper })
    }

    /// Listens to a channel from now on: whatever is notified once this has returned is heard. The name is taken as it
    /// stands, capitals and all.
    ///
    /// While the connection is being made anew, this waits for it. Where the future is dropped, the channel may or may not
    /// be listened to.
    ///
    /// # Errors
    ///
    /// `InvalidValue` for a name that is empty, has a NUL or more than 63 bytes; `ConnectionLost` when the connection was
    /// lost before the server's word, or the listener has ended: the channel is not listened to then.
    pub async fn listen(&mut self, channel: &str) -> Result<()> {
        check(channel)?;
        self.ask(channel, true).await?;
        self.channels.insert(channel.to_owned());
        Ok(())
    }

    /// Listens to a channel no longer. What has come already is still given.
    ///
    /// # Errors
    ///
    /// As [`listen`](Self::listen).
    pub async fn unlisten(&mut self, channel: &str) -> Result<()> {
        check(channel)?;
        self.ask(channel, false).await?;
        self.channels.remove(channel);
        Ok(())
    }

    /// Gives the channels that are listened to, in order.
    pub fn channels(&self) -> impl Iterator<Item = &str> {
        self.channels.iter().map(String::as_str)
    }

    /// Waits for the next event; `None` once the listener has ended. Dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// What has ended the listener: its last word.
    pub async fn next(&mut self) -> Option<Result<ListenEvent>> {
        poll_fn(|cx| self.inbox.poll_take(cx)).await
    }

    async fn ask(&self, channel: &str, listen: bool) -> Result<()> {
        let (reply, replied) = oneshot::channel();
        let ended = || Error::new(ErrorKind::ConnectionLost, "the listener has ended").with_hint("open another one");
        self.requests.send(Request { channel: channel.to_owned(), listen, reply }).map_err(|_| ended())?;
        replied.await.map_err(|_| ended())?
    }
}

impl Stream for Listener {
    type Item = Result<ListenEvent>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.inbox.poll_take(cx)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("channels", &self.channels).finish_non_exhaustive()
    }
}

fn check(channel: &str) -> Result<()> {
    let wrong = if channel.is_empty() {
        "is empty".to_owned()
    } else if channel.contains('\0') {
        "has a NUL character".to_owned()
    } else if channel.len() > LONGEST_CHANNEL {
        format!("has {} bytes, and may have {LONGEST_CHANNEL}", channel.len())
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::InvalidValue, format!("the channel's name {wrong}")))
}

/// Notifying, on whatever runs statements on PostgreSQL: a pool, a connection, a transaction.
pub trait NotifyExt: Db {
    /// Notifies a channel, whose name is taken as it stands. In a transaction, listeners hear it once that is committed.
    ///
    /// # Errors
    ///
    /// `InvalidValue` for a name that [`Listener::listen`] refuses, and for a payload of 8000 bytes or more;
    /// `NotSupported` on another database.
    fn notify<'a>(&'a self, channel: &'a str, payload: &'a str) -> impl Future<Output = Result<()>> + Send + 'a {
        async move {
            check(channel)?;
            let mut lease = self.lease().await?;
            if lease.info().dialect.flavor != Flavor::Postgres {
                return Err(Error::not_supported(format!("{} has no notifications", lease.info().name)));
            }
            let mut cursor = Cursor::new(lease);
            cursor.execute("SELECT pg_catalog.pg_notify(?, ?)", (channel, payload)).await?;
            cursor.finish().await.map(drop)
        }
    }
}

impl<D: Db + ?Sized> NotifyExt for D {}
