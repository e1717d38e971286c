//! The options of a connection, read from its URL.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mysql_async::{Compression, OptsBuilder};
use oarlock_core::cache::StatementCache;
use oarlock_core::factory::CONNECT_TIMEOUT;
use oarlock_core::{Error, ErrorKind, Result, Url};
use oarlock_tls::{Identity, Roots, SslMode, TlsOptions, Words};

const KNOWN: [&str; 17] = [
    "socket",
    "connect_timeout",
    "statement_cache",
    "zero_dates",
    "tinyint1",
    "reset",
    "ssl-mode",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "enable-cleartext-plugin",
    "compression",
    "tcp_keepalive",
];

const TLS_WORDS: Words = Words {
    mode: "ssl-mode",
    modes: ["disabled", "allow", "preferred", "required", "verify_ca", "verify_identity"],
    roots: "ssl-ca",
    certificate: "ssl-cert",
    key: "ssl-key",
};

/// Whether this build can encrypt connections to MySQL: [`tunnel`](crate::tunnel) needs Unix sockets.
pub(crate) const ENCRYPTS: bool = oarlock_tls::AVAILABLE && cfg!(unix);

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
    /// How long one host may take to let us in, its login included; `None` is for ever.
    pub connect_timeout: Option<Duration>,
    /// How many prepared statements are kept.
    pub statement_cache: usize,
    /// What a date of zero is read as.
    pub zero_dates: ZeroDates,
    /// What `TINYINT(1)` is read as.
    pub tinyint1: TinyInt1,
    /// When a reset asks the server.
    pub reset: ResetPolicy,
    /// Whether the connection is encrypted, and how far the server is checked. A Unix socket never is.
    pub tls: TlsOptions,
    /// Whether the password is sent in clear where the server asks for it and others may read it.
    pub cleartext_plugin: bool,
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
    /// `Configuration` for an unknown option or value, `NotSupported` for a mode that demands encryption in a build without
    /// the feature `tls`, or on a system without Unix sockets.
    pub fn parse(url: &Url) -> Result<Self> {
        url.allow_options(&KNOWN)?;
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
            connect_timeout: url
                .duration_option("connect_timeout")?
                .map_or(Some(CONNECT_TIMEOUT), |limit| Some(limit).filter(|limit| !limit.is_zero())),
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
            tls: read_tls(url)?,
            cleartext_plugin: url.switch_option("enable-cleartext-plugin")?.unwrap_or(false),
            compression: url.switch_option("compression")?.unwrap_or(false),
            tcp_keepalive: url.duration_option("tcp_keepalive")?,
        })
    }

    /// Gives the options with one of their hosts alone.
    pub(crate) fn only(self: &Arc<Self>, host: usize) -> Arc<Self> {
        match self.hosts.get(host) {
            Some(host) if self.hosts.len() > 1 => Arc::new(Self { hosts: vec![host.clone()], ..(**self).clone() }),
            _ => Arc::clone(self),
        }
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
            .field("tls", &self.tls)
            .field("cleartext_plugin", &self.cleartext_plugin)
            .field("compression", &self.compression)
            .field("tcp_keepalive", &self.tcp_keepalive)
            .finish()
    }
}

/// Reads what there is on encryption, in MySQL's words or libpq's.
fn read_tls(url: &Url) -> Result<TlsOptions> {
    let either = |name: &str, other: &str| match (url.option(name), url.option(other)) {
        (Some(_), Some(_)) => {
            Err(Error::new(ErrorKind::Configuration, format!("the options {name} and {other} are the same: give one")))
        }
        (first, second) => Ok(first.or(second)),
    };
    let mut tls = TlsOptions::new(&TLS_WORDS);
    tls.roots = match either("ssl-ca", "sslrootcert")? {
        None => Roots::Unknown,
        Some("system") => Roots::System,
        Some(path) => Roots::File(path.into()),
    };
    tls.mode = match either("ssl-mode", "sslmode")? {
        // As MySQL's own client: who names authorities wants the server to be checked.
        None => match tls.roots {
            Roots::Unknown => SslMode::default(),
            Roots::System => SslMode::VerifyFull,
            _ => SslMode::VerifyCa,
        },
        Some(word) => match word.to_ascii_lowercase().replace('_', "-").as_str() {
            "disabled" | "disable" => SslMode::Disable,
            "allow" => SslMode::Allow,
            "preferred" | "prefer" => SslMode::Prefer,
            "required" | "require" => SslMode::Require,
            "verify-ca" => SslMode::VerifyCa,
            "verify-identity" | "verify-full" => SslMode::VerifyFull,
            _ => {
                let takes = "disabled, allow, preferred, required, verify_ca or verify_identity";
                return Err(unknown("ssl-mode", takes, word));
            }
        },
    };
    tls.identity = match (either("ssl-cert", "sslcert")?, either("ssl-key", "sslkey")?) {
        (Some(certificate), Some(key)) => Some(Identity { certificate: certificate.into(), key: key.into() }),
        (None, None) => None,
        _ => return Err(Error::new(ErrorKind::Configuration, "ssl-cert and ssl-key are of use together only")),
    };
    tls.check()?;
    if tls.mode >= SslMode::Require && !ENCRYPTS {
        return Err(Error::not_supported(format!("{tls} cannot be had: this system has no Unix sockets"))
            .with_hint("use a tunnel"));
    }
    Ok(tls)
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
        MysqlOptions::parse(&Url::parse(url)?)
    }

    #[test]
    fn a_plain_url_has_defaults() -> Result<()> {
        assert_eq!(options("mysql://h?connect_timeout=0")?.connect_timeout, None);
        let options = options("mysql://ada@db1,db2:3307/shop")?;
        assert_eq!(options.hosts, [("db1".to_owned(), 3306), ("db2".to_owned(), 3307)]);
        assert_eq!((options.user.as_deref(), options.database.as_deref()), (Some("ada"), Some("shop")));
        assert_eq!((options.statement_cache, options.connect_timeout), (256, Some(CONNECT_TIMEOUT)));
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
        let takes = "the option ssl-mode takes disabled, allow, preferred, required, verify_ca or verify_identity";
        assert_eq!(refusal("mysql://h/db?ssl-mode=on"), (ErrorKind::Configuration, format!("{takes}, not \"on\"")));
        let twice = refusal("mysql://h/db?ssl-mode=required&sslmode=disable");
        assert_eq!(twice.1, "the options ssl-mode and sslmode are the same: give one");
        assert_eq!(refusal("mysql://h/db?ssl-key=k").1, "ssl-cert and ssl-key are of use together only");
    }

    #[cfg(not(feature = "tls"))]
    #[test]
    fn encryption_that_cannot_be_had_is_refused() -> Result<()> {
        assert_eq!(options("mysql://h/db")?.tls.mode, SslMode::Prefer);
        for mode in ["required", "verify_ca", "VERIFY_IDENTITY"] {
            let error = options(&format!("mysql://h/db?ssl-mode={mode}")).expect_err(mode);
            assert_eq!(error.kind(), ErrorKind::NotSupported);
            assert_eq!(error.hint(), Some("add the feature tls of oarlock in Cargo.toml"));
        }
        Ok(())
    }

    #[cfg(all(feature = "tls", unix))]
    #[test]
    fn encryption_is_read_in_both_vocabularies() -> Result<()> {
        for (text, mode) in [
            ("", SslMode::Prefer),
            ("ssl-mode=DISABLED", SslMode::Disable),
            ("sslmode=allow", SslMode::Allow),
            ("ssl-mode=REQUIRED", SslMode::Require),
            ("sslmode=require", SslMode::Require),
            ("ssl-ca=/ca.pem", SslMode::VerifyCa),
            ("sslrootcert=/ca.pem&sslmode=prefer", SslMode::Prefer),
            ("ssl-ca=/ca.pem&ssl-mode=VERIFY_IDENTITY", SslMode::VerifyFull),
            ("ssl-ca=/ca.pem&sslmode=verify-full", SslMode::VerifyFull),
            ("ssl-ca=system", SslMode::VerifyFull),
        ] {
            assert_eq!(options(&format!("mysql://h/db?{text}"))?.tls.mode, mode, "{text}");
        }
        let tls = options("mysql://h/db?ssl-ca=/ca&ssl-cert=/c&ssl-key=/k")?.tls;
        assert_eq!(tls.roots, Roots::File("/ca".into()));
        assert_eq!(tls.identity, Some(Identity { certificate: "/c".into(), key: "/k".into() }));
        let error = options("mysql://h/db?ssl-mode=VERIFY_CA").expect_err("no roots");
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("ssl-ca=system with ssl-mode=verify_identity"), "{error}");
        Ok(())
    }

    #[test]
    fn debug_never_shows_the_password() -> Result<()> {
        let shown = format!("{:?}", options("mysql://ada:s3cret@h/db")?);
        assert!(shown.contains("ada") && !shown.contains("s3cret"), "{shown}");
        Ok(())
    }
}
