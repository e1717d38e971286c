//! The driver's way in: URLs of `mysql` and `mariadb`.

use std::sync::Arc;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder};
use oarlock_core::connection::{BoxFuture, Connection, DriverInfo};
use oarlock_core::factory::{Connector, DriverFactory, Purpose};
use oarlock_core::{Error, ErrorKind, Result, Url};

use crate::connection::MysqlConnection;
use crate::error::{Stage, convert};
use crate::infile::Refusal;
use crate::limit::PacketLimit;
use crate::options::MysqlOptions;
use crate::server::{FACTS, SETUP, Server, zone};

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
        Ok(Arc::new(MysqlConnector { options: Arc::new(MysqlOptions::from_url(url)?) }))
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
}

impl MysqlConnection {
    /// Opens a connection, to the first of the hosts that answers, and sets the session up.
    ///
    /// # Errors
    ///
    /// `ConnectionRefused` when no host answers in time, `Authentication`, `TooManyConnections`, `ObjectNotFound` (no such
    /// database).
    ///
    /// # Cancellation
    ///
    /// Dropping the future closes what was opened.
    pub async fn connect(options: &Arc<MysqlOptions>) -> Result<Self> {
        let refusal = Refusal::default();
        let base = || options.builder().local_infile_handler(Some(refusal.clone()));
        let mut targets: Vec<(String, OptsBuilder)> = Vec::with_capacity(1);
        match &options.socket {
            Some(path) => targets.push((path.clone(), base().socket(Some(path.as_str())))),
            None => {
                targets.extend(options.hosts.iter().map(|(host, port)| {
                    (format!("{host}:{port}"), base().ip_or_hostname(host.as_str()).tcp_port(*port))
                }));
            }
        }
        let mut refused = None;
        for (place, target) in targets {
            match tokio::time::timeout(options.connect_timeout, open(target, options, &refusal)).await {
                Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => refused = Some(error.context(place)),
                Ok(result) => return result,
                Err(_) => {
                    refused = Some(
                        Error::new(ErrorKind::ConnectionRefused, "the server did not answer in time")
                            .with_hint("see the option connect_timeout")
                            .context(place),
                    );
                }
            }
        }
        Err(refused.unwrap_or_else(|| Error::new(ErrorKind::Configuration, "the options name no host")))
    }
}

async fn open(target: OptsBuilder, options: &Arc<MysqlOptions>, refusal: &Refusal) -> Result<MysqlConnection> {
    let connecting = |error| convert(error, Stage::Connecting);
    let mut conn = Conn::new(target).await.map_err(connecting)?;
    let (version, sql_mode, time_zone, max_packet) = facts(&mut conn).await.map_err(connecting)?;
    let server = Server::parse(&version);
    let info = DriverInfo {
        name: "mysql",
        server: version,
        dialect: server.dialect(&sql_mode),
        capabilities: server.capabilities(),
    };
    tracing::debug!(server = %info.server, id = conn.id(), "connected");
    Ok(MysqlConnection::new(
        conn,
        info,
        server,
        Arc::clone(options),
        refusal.clone(),
        zone(&time_zone),
        PacketLimit(max_packet),
    ))
}

/// Sets the session up, and asks what there is to know.
async fn facts(conn: &mut Conn) -> mysql_async::Result<(String, String, String, usize)> {
    let mut result = conn.query_iter(format!("{SETUP}; {FACTS}")).await?;
    result.collect::<mysql_async::Row>().await?;
    let facts = result.collect::<(String, String, String, usize)>().await?.pop();
    result.drop_result().await?;
    facts.ok_or_else(|| std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into())
}
