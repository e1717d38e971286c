//! The options of a connection, read from its URL.

use std::fmt;
use std::time::Duration;

use mysql_async::{Compression, OptsBuilder};
use oarlock_core::cache::StatementCache;
use oarlock_core::{Error, ErrorKind, Result, Url};

const KNOWN: [&str; 9] = [
    "socket",
    "connect_timeout",
    "statement_cache",
    "zero_dates",
    "tinyint1",
    "reset",
    "ssl-mode",
    "compression",
    "tcp_keepalive",
];

/// What a date of zero (`0000-00-00`, and one with a zero month or day) is read as. It is no date, and no NULL either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ZeroDates {
    /// A `Conversion` error that says so.
    #[default]
    Error,
    /// NULL.
    Null,
}

/// What a column declared as `TINYINT(1)`, MySQL's BOOL, is read as. It may hold any number from -128 to 127.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum TinyInt1 {
    /// An integer: `bool` reads 0 and 1 from it, `i8` every number, and a dynamic value is a number.
    #[default]
    Int,
    /// A truth value where it is 0 or 1, else an integer: for those who read values dynamically and want truth values.
    Bool,
}

/// When [`reset`](oarlock_core::Connection::reset) asks the server for a reset, which drops the prepared statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ResetPolicy {
    /// When a statement ran that may have changed the session, as its text tells: anything but queries and changes of
    /// rows, and whatever names a user variable or a lock. What a stored function changes behind a plain SELECT is not seen.
    #[default]
    Dirty,
    /// Every time.
    Always,
}

/// How a connection is made and kept.
///
/// `Debug` does not show the password.
#[derive(Clone)]
#[non_exhaustive]
pub struct MysqlOptions {
    /// The servers to try, in order: name or address, and port.
    pub hosts: Vec<(String, u16)>,
    /// The Unix socket, instead of a host.
    pub socket: Option<String>,
    /// The user.
    pub user: Option<String>,
    /// The password.
    pub password: Option<String>,
    /// The database; without one, none is selected.
    pub database: Option<String>,
    /// How long making a connection may take, per host.
    pub connect_timeout: Duration,
    /// How many prepared statements are kept.
    pub statement_cache: usize,
    /// What a date of zero is read as.
    pub zero_dates: ZeroDates,
    /// What `TINYINT(1)` is read as.
    pub tinyint1: TinyInt1,
    /// When a reset asks the server.
    pub reset: ResetPolicy,
    /// Whether the protocol is compressed.
    pub compression: bool,
    /// After how long an idle connection is probed by the system.
    pub tcp_keepalive: Option<Duration>,
}

impl MysqlOptions {
    /// Reads a URL of the scheme `mysql` or `mariadb`.
    ///
    /// # Errors
    ///
    /// `Configuration` for an unknown option or value, `NotSupported` for encryption that this build lacks.
    pub fn from_url(url: &Url) -> Result<Self> {
        url.allow_options(&KNOWN)?;
        match url.option("ssl-mode") {
            None | Some("disabled" | "preferred") => {}
            Some("required" | "verify_ca" | "verify_identity") => {
                return Err(Error::not_supported("this build cannot encrypt connections to MySQL")
                    .with_hint("use ssl-mode=disabled, or a tunnel"));
            }
            Some(other) => {
                return Err(unknown("ssl-mode", "disabled, preferred, required, verify_ca or verify_identity", other));
            }
        }
        let mut socket = url.option("socket").map(str::to_owned);
        let mut hosts = Vec::with_capacity(url.hosts().len());
        for host in url.hosts() {
            match host.name.as_str() {
                path if path.starts_with('/') => socket = Some(path.to_owned()),
                name => hosts.push((name.to_owned(), host.port.unwrap_or(3306))),
            }
        }
        if hosts.is_empty() && socket.is_none() {
            hosts.push(("localhost".to_owned(), 3306));
        }
        Ok(Self {
            hosts,
            socket,
            user: url.user().map(str::to_owned),
            password: url.password().map(str::to_owned),
            database: url.database().map(str::to_owned),
            connect_timeout: url.duration_option("connect_timeout")?.unwrap_or(Duration::from_secs(10)),
            statement_cache: url
                .parse_option("statement_cache", "a number of statements")?
                .unwrap_or(StatementCache::<()>::DEFAULT_CAPACITY),
            zero_dates: choice(
                url,
                "zero_dates",
                "error or null",
                &[("error", ZeroDates::Error), ("null", ZeroDates::Null)],
            )?,
            tinyint1: choice(url, "tinyint1", "int or bool", &[("int", TinyInt1::Int), ("bool", TinyInt1::Bool)])?,
            reset: choice(
                url,
                "reset",
                "dirty or always",
                &[("dirty", ResetPolicy::Dirty), ("always", ResetPolicy::Always)],
            )?,
            compression: url.switch_option("compression")?.unwrap_or(false),
            tcp_keepalive: url.duration_option("tcp_keepalive")?,
        })
    }

    /// Gives the options that are the same for every host, in `mysql_async`'s form.
    pub(crate) fn builder(&self) -> OptsBuilder {
        OptsBuilder::default()
            .user(self.user.clone())
            .pass(self.password.clone())
            .db_name(self.database.clone())
            .tcp_keepalive(self.tcp_keepalive)
            // UPDATE counts the rows it matched, changed or not.
            .client_found_rows(true)
            // The cache is ours: mysql_async's would look up every text by its own lexer.
            .stmt_cache_size(0)
            // A connection asked for by TCP stays there; without these two settings mysql_async asks the server for them.
            .prefer_socket(false)
            .max_allowed_packet(Some(1 << 30))
            .wait_timeout(Some(28_800))
            .compression(self.compression.then(Compression::default))
    }
}

impl fmt::Debug for MysqlOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MysqlOptions")
            .field("hosts", &self.hosts)
            .field("socket", &self.socket)
            .field("user", &self.user)
            .field("password", &self.password.as_ref().map(|_| "***"))
            .field("database", &self.database)
            .field("connect_timeout", &self.connect_timeout)
            .field("statement_cache", &self.statement_cache)
            .field("zero_dates", &self.zero_dates)
            .field("tinyint1", &self.tinyint1)
            .field("reset", &self.reset)
            .field("compression", &self.compression)
            .field("tcp_keepalive", &self.tcp_keepalive)
            .finish()
    }
}

fn choice<T: Copy + Default>(url: &Url, name: &str, takes: &str, choices: &[(&str, T)]) -> Result<T> {
    match url.option(name) {
        None => Ok(T::default()),
        Some(value) => match choices.iter().find(|(word, _)| *word == value) {
            Some((_, choice)) => Ok(*choice),
            None => Err(unknown(name, takes, value)),
        },
    }
}

fn unknown(name: &str, takes: &str, value: &str) -> Error {
    Error::new(ErrorKind::Configuration, format!("the option {name} takes {takes}, not {value:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(url: &str) -> Result<MysqlOptions> {
        MysqlOptions::from_url(&Url::parse(url)?)
    }

    #[test]
    fn a_plain_url_has_defaults() -> Result<()> {
        let options = options("mysql://ada@db1,db2:3307/shop")?;
        assert_eq!(options.hosts, [("db1".to_owned(), 3306), ("db2".to_owned(), 3307)]);
        assert_eq!((options.user.as_deref(), options.database.as_deref()), (Some("ada"), Some("shop")));
        assert_eq!((options.statement_cache, options.connect_timeout), (256, Duration::from_secs(10)));
        assert_eq!((options.zero_dates, options.tinyint1), (ZeroDates::Error, TinyInt1::Int));
        Ok(())
    }

    #[test]
    fn a_socket_is_an_option_or_a_host() -> Result<()> {
        assert_eq!(options("mysql:///shop?socket=/run/my.sock")?.socket.as_deref(), Some("/run/my.sock"));
        let from_host = options("mysql://root@%2Frun%2Fmy.sock/shop")?;
        assert_eq!((from_host.socket.as_deref(), from_host.hosts.len()), (Some("/run/my.sock"), 0));
        Ok(())
    }

    #[test]
    fn unknown_options_and_values_are_refused() {
        let refusal = |url: &str| {
            let error = options(url).expect_err("must be refused");
            (error.kind(), error.to_string())
        };
        let (kind, message) = refusal("mysql://h/db?zerodates=null");
        assert_eq!(kind, ErrorKind::Configuration);
        assert!(message.starts_with("mysql has no option zerodates (it knows socket, connect_timeout"), "{message}");
        assert_eq!(refusal("mysql://h/db?zero_dates=no").1, "the option zero_dates takes error or null, not \"no\"");
        assert_eq!(refusal("mysql://h/db?ssl-mode=required").0, ErrorKind::NotSupported);
        assert_eq!(refusal("mysql://h/db?ssl-mode=on").0, ErrorKind::Configuration);
    }

    #[test]
    fn debug_never_shows_the_password() -> Result<()> {
        let shown = format!("{:?}", options("mysql://ada:s3cret@h/db")?);
        assert!(shown.contains("ada") && !shown.contains("s3cret"), "{shown}");
        Ok(())
    }
}
