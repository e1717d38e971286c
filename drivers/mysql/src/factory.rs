//! The driver's way in: URLs of `mysql` and `mariadb`.

use std::fmt;
use std::sync::Arc;

use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use oarlock_core::connection::{BoxFuture, Connection, DriverInfo, Endpoint};
use oarlock_core::factory::{Connector, DriverFactory, Purpose, connect_within};
use oarlock_core::{Error, ErrorKind, Result, Url};
use oarlock_tls::SslMode;

use crate::cancel::Canceller;
use crate::connection::MysqlConnection;
use crate::error::{Stage, convert};
use crate::guard::guarded_to_end;
use crate::infile::Refusal;
use crate::limit::PacketLimit;
use crate::options::{ENCRYPTS, MysqlOptions};
use crate::pump;
use crate::server::{FACTS, SETUP, Server, zone};
#[cfg(all(feature = "tls", unix))]
use crate::tunnel::Greeted;

/// The driver for MySQL and MariaDB. Register [`FACTORY`] to find it by URL.
#[derive(Debug, Clone, Copy)]
pub struct MysqlFactory;

/// The driver, for [`oarlock_core::factory::register`].
pub static FACTORY: &MysqlFactory = &MysqlFactory;

impl DriverFactory for MysqlFactory {
    fn schemes(&self) -> &'static [&'static str] {
        &["mysql", "mariadb"]
    }

    fn connector(&self, url: &Url, _: Purpose) -> Result<Arc<dyn Connector>> {
        Ok(Arc::new(MysqlConnector { options: Arc::new(MysqlOptions::parse(url)?) }))
    }
}

#[derive(Debug)]
struct MysqlConnector {
    options: Arc<MysqlOptions>,
}

impl Connector for MysqlConnector {
    fn connect(&self) -> BoxFuture<'_, Box<dyn Connection>> {
        Box::pin(async move { Ok(Box::new(MysqlConnection::connect(&self.options).await?) as Box<dyn Connection>) })
    }

    /// Whether it is MySQL or MariaDB is only known of a server that answers.
    fn endpoint(&self) -> Option<Endpoint> {
        Some(match &*Place::all(&self.options) {
            [only] => only.endpoint("mysql", &self.options),
            _ => Endpoint::new("mysql").namespace(self.options.database.as_deref()),
        })
    }
}

impl MysqlConnection {
    /// Opens a connection, to the first of the hosts that answers, and sets the session up.
    ///
    /// # Errors
    ///
    /// `ConnectionRefused` when no host answers in time, `Tls` when none can be encrypted as the mode demands,
    /// `Authentication`, `TooManyConnections`, `ObjectNotFound` (no such database).
    ///
    /// # Cancellation
    ///
    /// Dropping the future closes what was opened.
    pub async fn connect(options: &Arc<MysqlOptions>) -> Result<Self> {
        let mut refused = None;
        for (index, place) in Place::all(options).into_iter().enumerate() {
            match connect_within(options.connect_timeout, guarded_to_end(place.connect(options))).await {
                Err(error) if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::Tls) => {
                    refused = Some(error.context(place));
                }
                result => {
                    return result.map(|mut connection| {
                        connection.stop_at(options.only(index));
                        connection.info.endpoint = Arc::new(place.endpoint(connection.server.system(), options));
                        connection
                    });
                }
            }
        }
        Err(refused.unwrap_or_else(|| Error::new(ErrorKind::Configuration, "the options name no host")))
    }
}

/// Where a server listens.
#[derive(Debug, Clone, Copy)]
enum Place<'o> {
    Socket(&'o str),
    Host(&'o str, u16),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => f.write_str(path),
            Self::Host(host, port) => write!(f, "{host}:{port}"),
        }
    }
}

impl<'o> Place<'o> {
    /// Gives the places to try, in order.
    fn all(options: &'o MysqlOptions) -> Vec<Self> {
        match &options.socket {
            Some(path) => vec![Self::Socket(path)],
            None => options.hosts.iter().map(|(host, port)| Self::Host(host, *port)).collect(),
        }
    }

    /// Tells where a connection leads.
    fn endpoint(self, system: &'static str, options: &MysqlOptions) -> Endpoint {
        let endpoint = Endpoint::new(system).namespace(options.database.as_deref());
        match self {
            Self::Socket(path) => endpoint.at(path, None),
            Self::Host(host, port) => endpoint.at(host, Some(port)),
        }
    }

    /// Logs in with or without encryption, in the order that the mode stands for.
    ///
    /// As in libpq, `preferred` and `allow` make a second attempt of the other sort where the first failed. Where it fails
    /// too, the error is that of the attempt with more to tell.
    async fn connect(self, options: &Arc<MysqlOptions>) -> Result<MysqlConnection> {
        let Self::Host(host, port) = self else { return self.open(options).await };
        match options.tls.mode {
            _ if !ENCRYPTS => self.open(options).await,
            SslMode::Disable => self.open(options).await,
            SslMode::Allow => match self.open(options).await {
                Err(refusal) if is_login_refused(&refusal) => open_encrypted(host, port, options).await?.ok_or(refusal),
                result => result,
            },
            SslMode::Prefer => match open_encrypted(host, port, options).await {
                Ok(Some(connection)) => Ok(connection),
                Ok(None) => self.open(options).await,
                Err(error) if error.kind() == ErrorKind::Tls => {
                    tracing::warn!(error = %error, "ssl-mode=preferred goes on without encryption");
                    self.open(options).await.map_err(|_| error)
                }
                Err(error) => Err(error),
            },
            _ => open_encrypted(host, port, options).await?.ok_or_else(|| options.tls.not_offered()),
        }
    }

    /// Logs in on a line that is not encrypted.
    async fn open(self, options: &Arc<MysqlOptions>) -> Result<MysqlConnection> {
        let refusal = Refusal::default();
        let target = options.builder().local_infile_handler(Some(refusal.clone()));
        let target = match self {
            Self::Socket(path) => target.socket(Some(path)).enable_cleartext_plugin(true),
            Self::Host(host, port) => {
                let target = target.ip_or_hostname(host).tcp_port(port);
                target.enable_cleartext_plugin(options.cleartext_plugin)
            }
        };
        let conn = Conn::new(target).await.map_err(|error| convert(error, Stage::Connecting))?;
        begin(conn, options, refusal).await
    }
}

/// Logs in on an encrypted line; `None` where the server offers none.
#[cfg(all(feature = "tls", unix))]
async fn open_encrypted(host: &str, port: u16, options: &Arc<MysqlOptions>) -> Result<Option<MysqlConnection>> {
    let greeted = Greeted::by(host, port, options.tcp_keepalive).await?;
    if !greeted.offers_encryption() {
        return Ok(None);
    }
    let refusal = Refusal::default();
    let target = options.builder().local_infile_handler(Some(refusal.clone())).enable_cleartext_plugin(true);
    let conn = greeted.login(host, &options.tls, target).await?;
    begin(conn, options, refusal).await.map(Some)
}

#[cfg(not(all(feature = "tls", unix)))]
#[expect(clippy::unused_async, reason = "the build with TLS waits for the server here")]
async fn open_encrypted(_: &str, _: u16, options: &Arc<MysqlOptions>) -> Result<Option<MysqlConnection>> {
    Err(Error::not_supported(format!("{} cannot be had in this build", options.tls)))
}

/// Tells whether the server itself refused the login, as it does where a user has to come by an encrypted line.
fn is_login_refused(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Authentication | ErrorKind::Tls) && error.code().is_some()
}

/// Sets the session up.
async fn begin(mut conn: Conn, options: &Arc<MysqlOptions>, refusal: Refusal) -> Result<MysqlConnection> {
    let facts = facts(&mut conn).await.map_err(|error| convert(error, Stage::Connecting))?;
    let (version, sql_mode, time_zone, max_packet, number, place) = facts;
    let server = Server::parse(&version);
    let canceller = Canceller::new(Arc::clone(options), conn.id(), (number == conn.id()).then_some(place));
    let info = DriverInfo {
        name: "mysql",
        server: version,
        dialect: server.dialect(&sql_mode),
        capabilities: server.capabilities(),
        // Whoever knows where the server is adds it.
        endpoint: Arc::new(Endpoint::new(server.system())),
    };
    Ok(MysqlConnection::new(conn, info, server, canceller, refusal, zone(&time_zone), PacketLimit(max_packet)))
}

/// Sets the session up, and asks what there is to know.
async fn facts(conn: &mut Conn) -> mysql_async::Result<(String, String, String, usize, u32, String)> {
    let mut result = conn.query_iter(format!("{SETUP}; {FACTS}")).await?;
    result.collect::<mysql_async::Row>().await?;
    let facts = result.collect::<mysql_async::Row>().await?.pop();
    result.drop_result().await?;
    pump::answer(facts)
}
