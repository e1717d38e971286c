//! What a connection URL says, with what libpq's users have set around it: `PG*` variables and the password file.

use std::fmt;
use std::time::Duration;

use oarlock_core::cache::StatementCache;
use oarlock_core::factory::CONNECT_TIMEOUT;
use oarlock_core::{Error, ErrorKind, Result, Url, connection};
use oarlock_tls::TlsOptions;

use crate::encryption::{self, ChannelBinding, SslNegotiation};
use crate::login::AuthMethods;
use crate::passfile::PassFile;

/// How connections to a PostgreSQL server are made. See the [crate](crate) for the URL's options.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PostgresOptions {
    /// The servers, tried in order.
    pub endpoints: Vec<Endpoint>,
    /// The user; `None` is the operating system's.
    pub user: Option<String>,
    /// The database; `None` is the one of the user's name.
    pub database: Option<String>,
    /// What the server shows in `pg_stat_activity`.
    pub application_name: Option<String>,
    /// Settings for the server in the form of its command line: `-c search_path=shop`.
    pub options: Option<String>,
    /// Whether the connection is encrypted, and how far the server is checked. A Unix socket never is.
    pub tls: TlsOptions,
    /// How the encryption is agreed upon.
    pub ssl_negotiation: SslNegotiation,
    /// Whether the login is bound to the encrypted line, so that nobody can stand in between.
    pub channel_binding: ChannelBinding,
    /// How the server may have us log in.
    pub require_auth: AuthMethods,
    /// Which of the servers will do.
    pub target: Target,
    /// How long one server may take to let us in; `None` is for ever.
    pub connect_timeout: Option<Duration>,
    /// Probes that find a dead server on an idle connection; `None` sends none.
    pub keepalive: Option<Keepalive>,
    /// How long sent data may stay without an answer of the network; `None` is the system's default.
    pub tcp_user_timeout: Option<Duration>,
    /// Whether statements have names, which a pooler of transactions does not know.
    pub statements: StatementNames,
    /// How many prepared statements a connection keeps.
    pub statement_cache: usize,
    /// The session's `statement_timeout`.
    pub statement_timeout: Option<Duration>,
    /// The session's `lock_timeout`.
    pub lock_timeout: Option<Duration>,
    /// The session's `idle_in_transaction_session_timeout`.
    pub idle_in_transaction_timeout: Option<Duration>,
    /// Whether a result's columns tell the table's column they come from: a catalog query for every table that is new to
    /// the connection.
    pub column_origin: bool,
    /// When a session is reset that goes back to a pool.
    pub reset: ResetPolicy,
}

/// A server, and the password for it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Endpoint {
    /// A name, an address, or the directory of a Unix socket (it starts with `/`, or with `@` in the abstract namespace).
    pub host: String,
    /// The port.
    pub port: u16,
    /// The password, by the URL, `PGPASSWORD` or the password file.
    pub password: Option<String>,
}

/// Probes of TCP on an idle connection. What is `None` is the system's default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Keepalive {
    /// How long a connection is idle before the first probe.
    pub idle: Option<Duration>,
    /// The time between probes.
    pub interval: Option<Duration>,
    /// How many probes stay unanswered before the connection counts as lost.
    pub count: Option<u32>,
}

/// Which servers are accepted, in libpq's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Target {
    /// Any.
    #[default]
    Any,
    /// One whose sessions take writes.
    ReadWrite,
    /// One whose sessions do not.
    ReadOnly,
    /// One that is no standby.
    Primary,
    /// A standby.
    Standby,
    /// A standby, or any where there is none.
    PreferStandby,
}

/// Whether statements have names on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum StatementNames {
    /// A statement is prepared once in its session, and runs by its name from then on.
    #[default]
    Named,
    /// A statement's text goes along whenever it runs, so that every session of the server can run it: for poolers that share
    /// sessions between transactions. Nothing stays prepared on the server; what is kept are the types of a statement's
    /// parameters and columns.
    Unnamed,
}

/// When a session is reset that goes back to a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ResetPolicy {
    /// When a statement ran that may have changed the session beyond its transaction, as its text tells: anything but queries and
    /// changes of rows, and whatever calls a function that is not one of the server's own that are known to change nothing.
    /// What a trigger, or a function behind a view or an operator, changes is not seen.
    #[default]
    Dirty,
    /// Every time.
    Always,
}

const KNOWN: [&str; 31] = [
    "host",
    "port",
    "user",
    "password",
    "dbname",
    "passfile",
    "application_name",
    "options",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "sslnegotiation",
    "channel_binding",
    "require_auth",
    "target_session_attrs",
    "connect_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
    "statements",
    "statement_cache",
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "column_origin",
    "reset",
    "fallback_application_name",
    "gssencmode",
];

const DEFAULT_PORT: u16 = 5432;

/// Where libpq looks for the server's socket when nothing names a host: Debian's directory, then the source's default.
pub(crate) const SOCKET_DIRECTORIES: [&str; 2] = ["/var/run/postgresql", "/tmp"];

impl PostgresOptions {
    /// Reads a URL; what it leaves open is taken from the `PG*` variables, then from the password file, as libpq does.
    ///
    /// # Errors
    ///
    /// `Configuration` for an unknown option or a value that cannot be read, `NotSupported` for a mode that demands
    /// encryption in a build without the feature `tls`.
    pub fn parse(url: &Url) -> Result<Self> {
        Self::parse_in(url, &|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    pub(crate) fn parse_in(url: &Url, env: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        url.allow_options(&KNOWN)?;
        let given = |option: &str, variable: &str| url.option(option).map(str::to_owned).or_else(|| env(variable));
        let tls = encryption::read_tls(url, env)?;
        let ssl_negotiation = encryption::read_negotiation(given("sslnegotiation", "PGSSLNEGOTIATION"), &tls)?;
        let channel_binding = encryption::read_binding(given("channel_binding", "PGCHANNELBINDING"))?;
        let require_auth = given("require_auth", "PGREQUIREAUTH")
            .map_or(Ok(AuthMethods::default()), |methods| AuthMethods::parse(&methods))?;
        if let Some(mode) = given("gssencmode", "PGGSSENCMODE").filter(|mode| mode == "require") {
            return Err(Error::not_supported(format!(
                "gssencmode={mode} is not supported: there is no GSSAPI encryption"
            )));
        }
        let user = url.user().map(str::to_owned).or_else(|| given("user", "PGUSER"));
        let database = url.database().map(str::to_owned).or_else(|| given("dbname", "PGDATABASE"));
        let password = url.password().map(str::to_owned).or_else(|| given("password", "PGPASSWORD"));
        let mut endpoints = read_endpoints(url, env)?;
        let file = password.is_none().then(|| PassFile::find_file(url.option("passfile"), env)).flatten();
        let login = user.clone().or_else(|| env("USER")).or_else(|| env("LOGNAME")).unwrap_or_default();
        let name = database.as_deref().unwrap_or(&login);
        for endpoint in &mut endpoints {
            let found = || file.as_ref()?.find(&endpoint.host, endpoint.port, name, &login);
            endpoint.password = password.clone().or_else(found);
        }
        let keepalive = Keepalive {
            idle: url.duration_option("keepalives_idle")?,
            interval: url.duration_option("keepalives_interval")?,
            count: url.parse_option("keepalives_count", "a number")?,
        };
        Ok(Self {
            endpoints,
            user,
            database,
            application_name: given("application_name", "PGAPPNAME")
                .or_else(|| url.option("fallback_application_name").map(str::to_owned)),
            options: given("options", "PGOPTIONS"),
            tls,
            ssl_negotiation,
            channel_binding,
            require_auth,
            target: given("target_session_attrs", "PGTARGETSESSIONATTRS")
                .map_or(Ok(Target::default()), |target| read_target(&target))?,
            connect_timeout: connect_timeout(url, env)?,
            keepalive: url.switch_option("keepalives")?.unwrap_or(true).then_some(keepalive),
            tcp_user_timeout: url.duration_option("tcp_user_timeout")?,
            statements: read_statements(url.option("statements"))?,
            statement_cache: url
                .parse_option("statement_cache", "a number of statements")?
                .unwrap_or(StatementCache::<()>::DEFAULT_CAPACITY),
            statement_timeout: url.duration_option("statement_timeout")?,
            lock_timeout: url.duration_option("lock_timeout")?,
            idle_in_transaction_timeout: url.duration_option("idle_in_transaction_session_timeout")?,
            column_origin: url.switch_option("column_origin")?.unwrap_or(true),
            reset: read_reset(url.option("reset"))?,
        })
    }

    /// Tells where connections lead, but for the server.
    pub(crate) fn place(&self) -> connection::Endpoint {
        let database = self.database.as_deref().or(self.user.as_deref());
        connection::Endpoint::new("postgresql").namespace(database)
    }

    /// Gives the settings that the session begins with. As they come with the connection's first message, they are also
    /// what `RESET ALL` goes back to.
    pub(crate) fn startup_settings(&self) -> Vec<(&'static str, String)> {
        let limits = [
            ("statement_timeout", self.statement_timeout),
            ("lock_timeout", self.lock_timeout),
            ("idle_in_transaction_session_timeout", self.idle_in_transaction_timeout),
        ];
        let limits = limits.into_iter().filter_map(|(name, limit)| Some((name, limit?.as_millis().to_string())));
        std::iter::once(("TimeZone", "UTC".to_owned())).chain(limits).collect()
    }

    /// Gives the same in the form of the server's command line, with what the URL's `options` say behind it.
    pub(crate) fn startup_options(&self) -> String {
        let settings = self.startup_settings().into_iter().map(|(name, value)| format!("-c {name}={value}"));
        settings.chain(self.options.clone()).collect::<Vec<_>>().join(" ")
    }

    /// Tells whether the session begins with settings by their own names. A pooler knows some of those, which it then keeps
    /// for each client; the command line it may refuse. Where the URL has `options`, it has to take them anyway.
    pub(crate) fn names_settings(&self) -> bool {
        self.statements == StatementNames::Unnamed && self.options.is_none()
    }
}

fn read_endpoints(url: &Url, env: &dyn Fn(&str) -> Option<String>) -> Result<Vec<Endpoint>> {
    let port = url.option("port").map(str::to_owned).or_else(|| env("PGPORT"));
    let ports: Vec<u16> = port
        .iter()
        .flat_map(|list| list.split(','))
        .map(|port| {
            if port.is_empty() {
                Ok(DEFAULT_PORT)
            } else {
                port.parse().map_err(|_| invalid("port", "numbers from 1 to 65535"))
            }
        })
        .collect::<Result<_>>()?;
    let named: Vec<(String, Option<u16>)> = match url.hosts() {
        [] => {
            let list = url.option("host").map(str::to_owned).or_else(|| env("PGHOST"));
            list.iter().flat_map(|list| list.split(',')).map(|host| (host.to_owned(), None)).collect()
        }
        hosts => hosts.iter().map(|host| (host.name.clone(), host.port)).collect(),
    };
    let named = if named.is_empty() { vec![(String::new(), None)] } else { named };
    if ports.len() > 1 && ports.len() != named.len() {
        return Err(Error::new(
            ErrorKind::Configuration,
            format!("the option port gives {} ports for {} hosts", ports.len(), named.len()),
        ));
    }
    let endpoint = |(index, (host, port)): (usize, (String, Option<u16>))| {
        let port = port.or_else(|| ports.get(index).or_else(|| ports.first()).copied()).unwrap_or(DEFAULT_PORT);
        let host = if host.is_empty() { default_host(port) } else { host };
        Endpoint { host, port, password: None }
    };
    Ok(named.into_iter().enumerate().map(endpoint).collect())
}

/// Gives the local server's socket, where there is one, or else its address.
fn default_host(port: u16) -> String {
    let has_socket = |directory: &&str| std::path::Path::new(directory).join(format!(".s.PGSQL.{port}")).exists();
    SOCKET_DIRECTORIES.iter().find(|directory| cfg!(unix) && has_socket(directory)).unwrap_or(&"localhost").to_string()
}

fn connect_timeout(url: &Url, env: &dyn Fn(&str) -> Option<String>) -> Result<Option<Duration>> {
    let limit = match (url.duration_option("connect_timeout")?, env("PGCONNECT_TIMEOUT")) {
        (Some(limit), _) => Some(limit),
        (None, Some(seconds)) => {
            let seconds = seconds.parse().map_err(|_| invalid("PGCONNECT_TIMEOUT", "a number of seconds"))?;
            Some(Duration::from_secs(seconds))
        }
        (None, None) => Some(CONNECT_TIMEOUT),
    };
    Ok(limit.filter(|limit| !limit.is_zero()))
}

fn read_target(target: &str) -> Result<Target> {
    Ok(match target {
        "any" => Target::Any,
        "read-write" => Target::ReadWrite,
        "read-only" => Target::ReadOnly,
        "primary" => Target::Primary,
        "standby" => Target::Standby,
        "prefer-standby" => Target::PreferStandby,
        _ => {
            let takes = "any, read-write, read-only, primary, standby or prefer-standby";
            return Err(invalid("target_session_attrs", takes));
        }
    })
}

fn read_statements(names: Option<&str>) -> Result<StatementNames> {
    match names {
        None | Some("named") => Ok(StatementNames::Named),
        Some("unnamed") => Ok(StatementNames::Unnamed),
        Some(_) => Err(invalid("statements", "named or unnamed")),
    }
}

fn read_reset(policy: Option<&str>) -> Result<ResetPolicy> {
    match policy {
        None | Some("dirty") => Ok(ResetPolicy::Dirty),
        Some("always") => Ok(ResetPolicy::Always),
        Some(_) => Err(invalid("reset", "dirty or always")),
    }
}

pub(crate) fn invalid(option: &str, takes: &str) -> Error {
    Error::new(ErrorKind::Configuration, format!("the option {option} takes {takes}"))
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("endpoints", &self.endpoints)
            .field("user", &self.user)
            .field("database", &self.database)
            .field("application_name", &self.application_name)
            .field("tls", &self.tls)
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

/// Never shows the password.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let password = self.password.as_ref().map(|_| "***");
        f.debug_struct("Endpoint")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("password", &password)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str, env: &[(&str, &str)]) -> Result<PostgresOptions> {
        let look = |name: &str| env.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        PostgresOptions::parse_in(&Url::parse(url)?, &look)
    }

    fn places(options: &PostgresOptions) -> Vec<(&str, u16)> {
        options.endpoints.iter().map(|endpoint| (&*endpoint.host, endpoint.port)).collect()
    }

    #[test]
    fn hosts_ports_and_sockets_are_read() -> Result<()> {
        let options = parse("postgres://ada@h1,h2:5433,%2Frun%2Fpg/shop", &[("PGPORT", "6000")])?;
        assert_eq!(places(&options), [("h1", 6000), ("h2", 5433), ("/run/pg", 6000)]);
        assert_eq!((options.user.as_deref(), options.database.as_deref()), (Some("ada"), Some("shop")));
        let options = parse("postgresql:?host=a,b&port=1,2&user=u&dbname=d", &[])?;
        assert_eq!(places(&options), [("a", 1), ("b", 2)]);
        let error = parse("postgres:?host=a,b,c&port=1,2", &[]).expect_err("too few ports");
        assert_eq!(error.message(), "the option port gives 2 ports for 3 hosts");
        Ok(())
    }

    #[test]
    fn variables_fill_what_the_url_leaves_open() -> Result<()> {
        let env = [
            ("PGHOST", "db"),
            ("PGUSER", "ada"),
            ("PGPASSWORD", "s3cret"),
            ("PGDATABASE", "shop"),
            ("PGAPPNAME", "till"),
            ("PGCONNECT_TIMEOUT", "3"),
            ("PGTARGETSESSIONATTRS", "primary"),
        ];
        let options = parse("postgres:", &env)?;
        assert_eq!(places(&options), [("db", 5432)]);
        assert_eq!(options.endpoints[0].password.as_deref(), Some("s3cret"));
        assert_eq!((options.application_name.as_deref(), options.target), (Some("till"), Target::Primary));
        assert_eq!(options.connect_timeout, Some(Duration::from_secs(3)));
        assert_eq!(parse("postgres://h", &[])?.connect_timeout, Some(CONNECT_TIMEOUT));
        assert_eq!(parse("postgres://h?connect_timeout=0", &env)?.connect_timeout, None);
        let options = parse("postgres://bob:pw@other/x?application_name=me", &env)?;
        assert_eq!((options.user.as_deref(), options.application_name.as_deref()), (Some("bob"), Some("me")));
        Ok(())
    }

    #[test]
    fn unknown_options_are_refused() {
        let error = parse("postgres://h?ssl=on", &[]).expect_err("unknown");
        assert!(error.to_string().starts_with("postgres has no option ssl (it knows host, "), "{error}");
    }

    #[test]
    fn limits_and_settings_come_with_the_first_message() -> Result<()> {
        let options = parse("postgres://h?statement_timeout=2s&lock_timeout=50ms&options=-c%20geqo%3Doff", &[])?;
        assert_eq!(
            options.startup_options(),
            "-c TimeZone=UTC -c statement_timeout=2000 -c lock_timeout=50 -c geqo=off"
        );
        Ok(())
    }

    #[test]
    fn the_password_is_never_shown() -> Result<()> {
        let options = parse("postgres://ada:hunter2@h", &[])?;
        assert!(!format!("{options:?} {options:#?}").contains("hunter2"));
        Ok(())
    }
}
