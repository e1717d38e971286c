//! How the shared conformance suite gets at PostgreSQL: a schema of its own for each test, for a database takes the server much
//! longer to make and to drop.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Weak};

use futures_util::Stream;
use oarlock_conformance::{Call, Place, Setup, Slow, Stranger, end_branches, require_server, required, until};
use oarlock_core::connection::{BoxFuture, DriverInfo};
use oarlock_core::factory::DriverFactory;
use oarlock_core::{Capabilities, Conn, Connection, DbExt, Result, Url};
use oarlock_postgres::{PostgresConnection, PostgresExt, PostgresFactory, PostgresOptions};
use oarlock_test_support::{Server, slow};
use tokio::sync::Mutex;

const SERVER: &str = "OARLOCK_TEST_POSTGRES_URL";

/// What the driver has beyond the contract.
const OWN: &[Call] = &[
    Call {
        name: "a COPY of bytes to the server",
        rows: &[0, 2],
        make: |conn, number| {
            Box::pin(async move {
                let mut copy = conn.copy_in("COPY item (id, n) FROM STDIN (FORMAT csv)").await?;
                copy.send(format!("{number}0,1\n")).await?;
                copy.send(format!("{number}1,1\n")).await?;
                copy.finish().await.map(drop)
            })
        },
    },
    Call {
        name: "a COPY of rows in a transaction",
        rows: &[0, 2],
        make: |conn, number| {
            Box::pin(async move {
                let tx = conn.begin().await?;
                tx.copy_rows("item (id, n)", [(number * 10, 1_i64), (number * 10 + 1, 1)]).await?;
                tx.commit().await
            })
        },
    },
    Call {
        name: "a COPY from the server",
        rows: &[0],
        make: |conn, _| {
            Box::pin(async move {
                let mut copy = conn.copy_out("COPY (SELECT -id FROM item WHERE id <= 5) TO STDOUT").await?;
                while let Some(piece) = poll_fn(|cx| Pin::new(&mut copy).poll_next(cx)).await {
                    piece?;
                }
                Ok(())
            })
        },
    },
];

pub(crate) struct Postgres;

impl Setup for Postgres {
    fn factory(&self) -> &'static dyn DriverFactory {
        &PostgresFactory
    }

    fn connect<'a>(&'a self, url: &'a Url) -> BoxFuture<'a, Box<dyn Connection>> {
        Box::pin(async move {
            let connection = PostgresConnection::connect(&PostgresOptions::parse(url)?).await?;
            Ok(Box::new(connection) as Box<dyn Connection>)
        })
    }

    fn open<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Option<Place>> {
        Box::pin(async move {
            let Some(home) = self.home(name).await? else { return Ok(None) };
            let admin = self.admin(&home.url).await?;
            admin.execute(&format!("CREATE SCHEMA {name}"), ()).await?;
            admin.close().await?;
            let url = home.url.clone().with_option("application_name", name);
            let url = url.with_option("options", &format!("-c search_path={name}"));
            Ok(Some(Place::new(name, url).keep(home)))
        })
    }

    fn close<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, Vec<String>> {
        Box::pin(async move {
            let home = place.keep.downcast_ref::<Home>().expect("open keeps the server");
            let admin = self.admin(&home.url).await?;
            let sessions = "SELECT concat_ws(' ', 'a session', state, 'that last ran', query) FROM pg_stat_activity \
                            WHERE application_name = ?";
            until(async || Ok(admin.fetch_all::<(String,)>(sessions, (&place.name,)).await?.is_empty())).await?;
            let left: Vec<(String,)> = admin.fetch_all(sessions, (&place.name,)).await?;
            let mut left: Vec<String> = left.into_iter().map(|row| row.0).collect();
            left.extend(end_branches(&admin, place).await?);
            admin.execute(&format!("DROP SCHEMA {} CASCADE", place.name), ()).await?;
            admin.close().await?;
            Ok(left)
        })
    }

    fn slow<'a>(&'a self, url: &'a Url) -> BoxFuture<'a, Slow> {
        Box::pin(async move { Ok(slow(url).await) })
    }

    fn own_calls(&self) -> Vec<Call> {
        OWN.to_vec()
    }

    fn may_die(&self, call: &str) -> bool {
        matches!(call, "reset" | "close")
    }

    fn required(&self, _: &DriverInfo) -> Capabilities {
        required::POSTGRES
    }

    fn stranger(&self, place: &Place) -> Option<Stranger> {
        let name = &place.name;
        Some(Stranger {
            // Who may not look into the schema is told that its tables are not there.
            create: vec![
                format!("CREATE ROLE {name} LOGIN PASSWORD 'stranger'"),
                format!("GRANT USAGE ON SCHEMA {name} TO {name}"),
            ],
            drop: vec![format!("DROP OWNED BY {name}"), format!("DROP ROLE {name}")],
            url: place.url.clone().with_user(name, "stranger"),
        })
    }
}

/// The server of a test.
struct Home {
    url: Url,
    /// It goes with the last test that uses it.
    _private: Option<Arc<Server>>,
}

impl Postgres {
    /// Gives the server of the variable, or for two-phase commit, where that one's settings forbid it, a private one.
    async fn home(&self, test: &str) -> Result<Option<Home>> {
        static PRIVATE: Mutex<Weak<Server>> = Mutex::const_new(Weak::new());
        let Some(url) = require_server(SERVER) else { return Ok(None) };
        let url = Url::parse(&url)?;
        if !test.starts_with("oarlock_r57") {
            return Ok(Some(Home { url, _private: None }));
        }
        let admin = self.admin(&url).await?;
        let most: String = admin.fetch_value("SHOW max_prepared_transactions", ()).await?;
        admin.close().await?;
        if most != "0" {
            return Ok(Some(Home { url, _private: None }));
        }
        let mut private = PRIVATE.lock().await;
        let server = match private.upgrade() {
            Some(server) => server,
            None => match Server::postgres().setting("max_prepared_transactions", "64").start().await {
                Some(server) => Arc::new(server),
                None => return Ok(None),
            },
        };
        *private = Arc::downgrade(&server);
        Ok(Some(Home { url: Url::parse(&server.url())?, _private: Some(server) }))
    }

    async fn admin(&self, server: &Url) -> Result<Conn> {
        Ok(Conn::new(self.connect(server).await?))
    }
}
