//! How a pool behaves: what a program sets, and what the URL sets over it.

use std::time::Duration;

use oarlock_core::connection::BoxFuture;
use oarlock_core::factory::Purpose;
use oarlock_core::{Conn, Error, ErrorKind, Limits, Result, Url};

use super::Pool;
use super::hook::Hook;

/// The pool's options of a URL; all begin alike, so that a driver's own cannot be mistaken for one.
const PREFIX: &str = "pool_";
const KNOWN: [&str; 11] = [
    "pool_max",
    "pool_min_idle",
    "pool_max_opening",
    "pool_timeout",
    "pool_idle_timeout",
    "pool_max_lifetime",
    "pool_validate_after",
    "pool_leak_after",
    "pool_close_timeout",
    "pool_statement_timeout",
    "pool_slow_statement",
];

/// How a pool behaves.
///
/// A URL's options stand above what the program sets, so that whoever runs it can tune it: `pool_max`, `pool_min_idle`,
/// `pool_max_opening`, `pool_timeout` (the acquire timeout), `pool_idle_timeout`, `pool_max_lifetime`, `pool_validate_after`,
/// `pool_leak_after`, `pool_close_timeout`, `pool_statement_timeout` and `pool_slow_statement`. Durations are written `500ms`, `5s` or `2min`, and `off` where there may be none.
///
/// # Examples
///
/// ```no_run
/// # async fn f() -> oarlock::Result<()> {
/// use std::time::Duration;
///
/// use oarlock::{DbExt, PoolOptions};
///
/// let db = PoolOptions::new()
///     .max_size(20)
///     .min_idle(2)
///     .leak_after(Duration::from_secs(60))
///     .after_connect(|conn| Box::pin(async move { conn.execute("SET work_mem = '16MB'", ()).await.map(drop) }))
///     .connect("postgres://localhost/shop?pool_timeout=5s")
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PoolOptions {
    /// The largest number of connections; default 10. More than 65 536 count as so many.
    pub max_size: usize,
    /// How many free connections are kept open; default 0. Those in use do not count, and `max_size` is the limit.
    pub min_idle: usize,
    /// How many connections are opened at a time; default 4. More would only load a server that is just coming up.
    pub max_opening: usize,
    /// The longest wait for a connection, opening one included; default 30 s.
    pub acquire_timeout: Duration,
    /// After how long a free connection is closed, down to `min_idle`; default 10 min.
    pub idle_timeout: Option<Duration>,
    /// How long a connection lives, less a random part of up to a tenth, so that those that were opened together do not end
    /// together; default 30 min. One in use lives on until it comes back.
    pub max_lifetime: Option<Duration>,
    /// For how long a connection may lie unused and still be handed out without a word from the server; default 30 s.
    pub validate_after: Duration,
    /// After how long a connection that does not come back is reported; default 5 min.
    pub leak_after: Option<Duration>,
    /// How long [`Pool::close`] waits for connections to come back; default 30 s.
    pub close_timeout: Duration,
    /// How long a statement on the pool's connections may run; default `None`, for as long as it takes.
    pub statement_timeout: Option<Duration>,
    /// How long a call may take before it is told as slow; default 1 s.
    pub slow_statement: Option<Duration>,
    pub(super) after_connect: Option<Hook>,
    pub(super) before_acquire: Option<Hook>,
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self {
            max_size: 10,
            min_idle: 0,
            max_opening: 4,
            acquire_timeout: Duration::from_secs(30),
            idle_timeout: Some(Duration::from_mins(10)),
            max_lifetime: Some(Duration::from_mins(30)),
            validate_after: Duration::from_secs(30),
            leak_after: Some(Duration::from_mins(5)),
            close_timeout: Duration::from_secs(30),
            statement_timeout: Limits::DEFAULT.timeout(),
            slow_statement: Limits::DEFAULT.slow(),
            after_connect: None,
            before_acquire: None,
        }
    }
}

impl PoolOptions {
    /// Makes the default options.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the largest number of connections; 0 counts as 1.
    #[must_use]
    pub fn max_size(mut self, connections: usize) -> Self {
        self.max_size = connections.max(1);
        self
    }

    /// Sets how many free connections are kept open.
    #[must_use]
    pub fn min_idle(mut self, connections: usize) -> Self {
        self.min_idle = connections;
        self
    }

    /// Sets how many connections are opened at a time; 0 counts as 1.
    #[must_use]
    pub fn max_opening(mut self, connections: usize) -> Self {
        self.max_opening = connections.max(1);
        self
    }

    /// Sets the longest wait for a connection.
    #[must_use]
    pub fn acquire_timeout(mut self, timeout: Duration) -> Self {
        self.acquire_timeout = timeout;
        self
    }

    /// Sets after how long a free connection is closed; `None` keeps it.
    #[must_use]
    pub fn idle_timeout(mut self, unused: impl Into<Option<Duration>>) -> Self {
        self.idle_timeout = unused.into();
        self
    }

    /// Sets how long a connection lives; `None` is for ever.
    #[must_use]
    pub fn max_lifetime(mut self, lifetime: impl Into<Option<Duration>>) -> Self {
        self.max_lifetime = lifetime.into();
        self
    }

    /// Sets for how long a connection may lie unused and still be handed out unasked. One that lay longer is asked for a sign of
    /// life first, and replaced if it gives none; zero asks every time.
    #[must_use]
    pub fn validate_after(mut self, unused: Duration) -> Self {
        self.validate_after = unused;
        self
    }

    /// Sets after how long a connection that does not come back is reported, with the place in the program that took it: as a
    /// warning of `tracing`, once, and in [`PoolStatus::overdue`](super::PoolStatus::overdue). `None` never reports.
    #[must_use]
    pub fn leak_after(mut self, held: impl Into<Option<Duration>>) -> Self {
        self.leak_after = held.into();
        self
    }

    /// Sets how long [`Pool::close`] waits for connections to come back.
    #[must_use]
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.close_timeout = timeout;
        self
    }

    /// Sets how long a statement on the pool's connections may run before it is stopped on the server and fails with
    /// `StatementTimeout`; `None` is for as long as it takes. [`with_timeout`](crate::DbExt::with_timeout), [`Conn::set_timeout`]
    /// and [`Tx::set_timeout`](crate::Tx::set_timeout) replace it for what is run by them, and the next borrower finds it as it was.
    ///
    /// What counts is told at `with_timeout`. Waiting for a connection, and beginning and ending a transaction, are not limited.
    #[must_use]
    pub fn statement_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.statement_timeout = limit.into();
        self
    }

    /// Sets how long a call may take before a warning of `tracing` tells of it: see [`Conn::set_slow_statement`]. `None` tells of
    /// none.
    #[must_use]
    pub fn slow_statement(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.slow_statement = limit.into();
        self
    }

    /// Gives the limits of what runs on the pool's connections.
    pub(super) fn limits(&self) -> Limits {
        Limits::DEFAULT.with_timeout(self.statement_timeout).with_slow(self.slow_statement)
    }

    /// Sets work to be done on every new session: on a connection that was opened, and on one that was reset because its
    /// user had changed the session. What it sets is there for every borrower. An error discards the connection, and is
    /// treated as one of connecting.
    #[must_use]
    pub fn after_connect<F>(mut self, work: F) -> Self
    where
        F: for<'c> Fn(&'c Conn) -> BoxFuture<'c, ()> + Send + Sync + 'static,
    {
        self.after_connect = Some(Hook::new(work));
        self
    }

    /// Sets work to be done before a connection is handed out, each time. An error discards the connection, and another one
    /// is tried; of one that was just opened it is the caller's error.
    #[must_use]
    pub fn before_acquire<F>(mut self, work: F) -> Self
    where
        F: for<'c> Fn(&'c Conn) -> BoxFuture<'c, ()> + Send + Sync + 'static,
    {
        self.before_acquire = Some(Hook::new(work));
        self
    }

    /// Opens a pool: see [`Pool::connect`].
    ///
    /// # Errors
    ///
    /// As [`connect`](crate::connect()).
    #[track_caller]
    pub fn connect(self, url: &str) -> impl Future<Output = Result<Pool>> + Send + use<> {
        let site = std::panic::Location::caller();
        let made = self.build(url);
        async move {
            let pool = made?;
            drop(pool.shared.take(site).await?);
            pool.shared.warm(&tokio::runtime::Handle::current());
            Ok(pool)
        }
    }

    fn build(self, url: &str) -> Result<Pool> {
        let mut url = Url::parse(url)?;
        let options = self.with_url(&mut url)?;
        Ok(Pool::new(crate::connect::connector(&url, Purpose::Pool)?, options))
    }

    /// Takes the pool's options out of a URL.
    pub(crate) fn with_url(mut self, url: &mut Url) -> Result<Self> {
        let unknown = url.options().find(|(name, _)| name.starts_with(PREFIX) && !KNOWN.contains(name));
        if let Some((name, _)) = unknown {
            return Err(Error::new(ErrorKind::Configuration, format!("the pool has no option {name}"))
                .with_hint(format!("it knows {}", KNOWN.join(", "))));
        }
        let whole = "a whole number";
        let [max, min_idle, opening, timeout, idle, lifetime, validate, leak, close, statement, slow] = KNOWN;
        self.max_size = url.parse_option(max, whole)?.unwrap_or(self.max_size).max(1);
        self.min_idle = url.parse_option(min_idle, whole)?.unwrap_or(self.min_idle);
        self.max_opening = url.parse_option(opening, whole)?.unwrap_or(self.max_opening).max(1);
        self.acquire_timeout = url.duration_option(timeout)?.unwrap_or(self.acquire_timeout);
        self.idle_timeout = limit(url, idle, self.idle_timeout)?;
        self.max_lifetime = limit(url, lifetime, self.max_lifetime)?;
        self.validate_after = url.duration_option(validate)?.unwrap_or(self.validate_after);
        self.leak_after = limit(url, leak, self.leak_after)?;
        self.close_timeout = url.duration_option(close)?.unwrap_or(self.close_timeout);
        self.statement_timeout = limit(url, statement, self.statement_timeout)?;
        self.slow_statement = limit(url, slow, self.slow_statement)?;
        for name in KNOWN {
            url.take_option(name);
        }
        Ok(self)
    }
}

/// Reads a duration that may be off.
fn limit(url: &Url, name: &str, otherwise: Option<Duration>) -> Result<Option<Duration>> {
    match url.option(name) {
        None => Ok(otherwise),
        Some("off") => Ok(None),
        Some(_) => url.duration_option(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Result<(PoolOptions, Url)> {
        let mut url = Url::parse(url)?;
        let options = PoolOptions::new().min_idle(1).max_size(3).with_url(&mut url)?;
        Ok((options, url))
    }

    #[test]
    fn the_url_stands_above_the_program_and_is_left_without_the_pools_options() -> Result<()> {
        let (options, url) = read("sqlite:a?mode=ro&pool_max=7&pool_timeout=1500ms&pool_max_lifetime=off")?;
        assert_eq!((options.max_size, options.min_idle), (7, 1));
        assert_eq!(options.acquire_timeout, Duration::from_millis(1500));
        assert_eq!((options.max_lifetime, options.idle_timeout), (None, Some(Duration::from_mins(10))));
        assert_eq!(url.to_string(), "sqlite:a?mode=ro");
        Ok(())
    }

    #[test]
    fn an_unknown_option_of_the_pool_lists_those_it_knows() {
        let error = read("sqlite:a?pool_size=7").expect_err("must fail");
        assert_eq!(error.kind(), ErrorKind::Configuration);
        let message = error.to_string();
        assert!(
            message.starts_with("the pool has no option pool_size (it knows pool_max, pool_min_idle, "),
            "{message}"
        );
        let message = read("sqlite:a?pool_max=many").expect_err("must fail").to_string();
        assert_eq!(message, "the option pool_max takes a whole number, not \"many\"");
    }
}
