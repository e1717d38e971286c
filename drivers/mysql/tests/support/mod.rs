//! A database of its own for each test, on the server of `OARLOCK_TEST_MYSQL_URL`.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "test code, shared by several binaries"
)]

use std::sync::Arc;

use oarlock_core::factory::{DriverFactory, Purpose};
use oarlock_core::{Conn, Connection, DbExt, Error, Result, Url};
use oarlock_mysql::{FACTORY, MysqlConnection, MysqlOptions};

/// A database that goes with its test.
pub struct Database {
    pub url: Url,
    admin: Conn,
    name: String,
}

/// Makes an empty database; none where there is no server, which fails in CI.
pub async fn database(test: &str) -> Option<Database> {
    let Ok(address) = std::env::var("OARLOCK_TEST_MYSQL_URL") else {
        assert!(std::env::var_os("CI").is_none(), "OARLOCK_TEST_MYSQL_URL is not set");
        eprintln!("{test}: skipped, for OARLOCK_TEST_MYSQL_URL is not set");
        return None;
    };
    let server = Url::parse(&address).unwrap();
    let admin = connect(&server).await.unwrap();
    let name = format!("oarlock_mysql_{test}_{}", std::process::id());
    admin.script(&format!("DROP DATABASE IF EXISTS {name}; CREATE DATABASE {name}")).await.unwrap();
    Some(Database { url: server.with_path(format!("/{name}")), admin, name })
}

/// Opens a connection as users do.
pub async fn connect(url: &Url) -> Result<Conn> {
    Ok(Conn::new(FACTORY.connector(url, Purpose::Single)?.connect().await?))
}

impl Database {
    pub async fn connect(&self) -> Conn {
        connect(&self.url).await.unwrap()
    }

    pub async fn with(&self, option: &str, value: &str) -> Conn {
        connect(&self.url.clone().with_option(option, value)).await.unwrap()
    }

    /// Opens a connection of the driver's own type.
    pub async fn raw(&self) -> MysqlConnection {
        MysqlConnection::connect(&Arc::new(MysqlOptions::parse(&self.url).unwrap())).await.unwrap()
    }

    pub async fn drop(self) {
        self.admin.script(&format!("DROP DATABASE {}", self.name)).await.unwrap();
        self.admin.close().await.unwrap();
    }
}

/// Runs statements through the driver's own type.
pub async fn run(connection: &mut MysqlConnection, sql: &str) -> Result<oarlock_core::Outcome> {
    oarlock_core::connection::run(connection, sql).await
}

/// Reads one value through the driver's own type.
pub async fn value(connection: &mut MysqlConnection, sql: &str) -> Result<oarlock_core::Value> {
    connection.start(oarlock_core::connection::Query::new(sql)).await?;
    let batch = std::future::poll_fn(|cx| connection.poll_fill(cx, 1)).await?;
    let value = batch.ok_or_else(|| Error::interface("no row"))?.get(0, 0)?.to_owned()?;
    std::future::poll_fn(|cx| connection.poll_finish(cx)).await?;
    Ok(value)
}
