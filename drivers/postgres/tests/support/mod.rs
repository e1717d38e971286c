//! A schema of the server for one test.
#![allow(dead_code, reason = "each test file uses some of it")]

use std::future::poll_fn;
use std::sync::atomic::{AtomicU32, Ordering};

use oarlock_conformance::require_server;
use oarlock_core::connection::Query;
use oarlock_core::{Conn, Connection, DbExt, Url, ValueRef};
use oarlock_postgres::{PostgresConnection, PostgresOptions};

/// A schema, and the way to it.
pub(crate) struct Place {
    name: String,
    url: Url,
    admin: Conn,
}

/// Makes a schema; `None` where no server is there, which was reported then.
pub(crate) async fn place() -> Option<Place> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let url = Url::parse(&require_server("OARLOCK_TEST_POSTGRES_URL")?).unwrap();
    let name = format!("oarlock_driver_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let admin = Conn::new(Box::new(open(&url).await));
    admin.script(&format!("CREATE SCHEMA {name}")).await.unwrap();
    let url = url.with_option("options", &format!("-c search_path={name}"));
    Some(Place { name, url, admin })
}

async fn open(url: &Url) -> PostgresConnection {
    PostgresConnection::connect(&PostgresOptions::parse(url).unwrap()).await.unwrap()
}

impl Place {
    pub(crate) fn url(&self) -> Url {
        self.url.clone()
    }

    pub(crate) async fn raw(&self) -> PostgresConnection {
        open(&self.url).await
    }

    pub(crate) async fn conn(&self) -> Conn {
        Conn::new(Box::new(self.raw().await))
    }

    pub(crate) async fn conn_with(&self, option: &str, value: &str) -> Conn {
        Conn::new(Box::new(open(&self.url.clone().with_option(option, value)).await))
    }

    /// Reads one number.
    pub(crate) async fn value(&self, connection: &mut dyn Connection, sql: &str) -> i64 {
        connection.start(Query::new(sql)).await.unwrap();
        let batch = poll_fn(|cx| connection.poll_fill(cx, 1)).await.unwrap().unwrap();
        poll_fn(|cx| connection.poll_finish(cx)).await.unwrap();
        match batch.get(0, 0).unwrap() {
            ValueRef::I64(number) => number,
            other => panic!("a number, not {}", other.kind_name()),
        }
    }

    /// Removes the schema, with the connections that tests have left open in a transaction.
    pub(crate) async fn drop(self) {
        let others = "SELECT count(pg_terminate_backend(pid)) FROM pg_locks \
            WHERE relation IN (SELECT oid FROM pg_class WHERE relnamespace = CAST(CAST(? AS text) AS regnamespace)) \
            AND pid <> pg_backend_pid()";
        self.admin.execute(others, (&self.name,)).await.unwrap();
        self.admin.script(&format!("DROP SCHEMA {} CASCADE", self.name)).await.unwrap();
        self.admin.close().await.unwrap();
    }
}
