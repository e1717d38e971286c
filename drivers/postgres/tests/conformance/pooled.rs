//! PostgreSQL behind a pgbouncer that lends its sessions for a transaction.

use std::sync::{Arc, Weak};

use oarlock_conformance::{Fragments, Place, Setup, Stranger, until};
use oarlock_core::connection::{BoxFuture, DriverInfo};
use oarlock_core::factory::DriverFactory;
use oarlock_core::{Capabilities, Conn, Connection, DbExt, Result, Url};
use oarlock_test_support::Server;
use tokio::sync::Mutex;

use crate::setup::Postgres;
use crate::unnamed::Unnamed;

pub(crate) struct PgBouncer;

/// What needs more of a session than pgbouncer keeps for a client: its parameters that the server reports, such as the time zone.
const SESSION_BOUND: [(&str, &str); 3] = [
    ("r05_reset_makes_the_session_new", "what a statement leaves in its session is not there for the next one"),
    ("r50_lock_timeout", "it sets lock_timeout in one session and meets the lock in another"),
    ("r50_statement_timeout", "it sets statement_timeout in one session and runs into it in another"),
];

#[test]
fn exceptions_are_rules() {
    for (rule, _) in SESSION_BOUND {
        assert!(oarlock_conformance::RULES.contains(&rule), "{rule}");
    }
}

/// A test's pooler, before a server that goes with the last test that uses it.
struct Home {
    pooler: Server,
    server: Arc<Server>,
}

impl Home {
    async fn start() -> Option<Self> {
        static SHARED: Mutex<Weak<Server>> = Mutex::const_new(Weak::new());
        let mut shared = SHARED.lock().await;
        let server = match shared.upgrade() {
            Some(server) => server,
            None => Arc::new(Server::postgres().setting("max_prepared_transactions", "64").start().await?),
        };
        *shared = Arc::downgrade(&server);
        let pooler = Server::pgbouncer(&server).setting("default_pool_size", "3");
        let pooler = pooler.setting("server_round_robin", "1").start().await?;
        Some(Self { pooler, server })
    }

    /// Makes the pooler open all the sessions that it may have, so that each transaction gets another than the one before.
    async fn fill(url: &Url) -> Result<()> {
        let mut open = Vec::new();
        for _ in 0..3 {
            let conn = Conn::new(Postgres.connect(url).await?);
            open.push((conn.begin().await?, conn));
        }
        for (tx, conn) in open {
            tx.commit().await?;
            conn.close().await?;
        }
        Ok(())
    }

    async fn admin(&self) -> Result<Conn> {
        Ok(Conn::new(Postgres.connect(&Url::parse(&self.server.url())?).await?))
    }
}

impl Setup for PgBouncer {
    fn factory(&self) -> &'static dyn DriverFactory {
        Postgres.factory()
    }

    fn connect<'a>(&'a self, url: &'a Url) -> BoxFuture<'a, Box<dyn Connection>> {
        Box::pin(async move { Postgres.connect(url).await })
    }

    /// Makes a database, for the schema of a session is nothing that this pooler keeps.
    fn open<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Option<Place>> {
        Box::pin(async move {
            let Some(home) = Home::start().await else { return Ok(None) };
            let admin = home.admin().await?;
            admin.execute(&format!("CREATE DATABASE {name}"), ()).await?;
            admin.close().await?;
            let url =
                Url::parse(&home.pooler.url())?.with_path(format!("/{name}")).with_option("statements", "unnamed");
            Home::fill(&url).await?;
            Ok(Some(Place::new(name, url).keep(home)))
        })
    }

    fn close<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, Vec<String>> {
        Box::pin(async move {
            let home = place.keep.downcast_ref::<Home>().expect("open keeps the servers");
            let admin = home.admin().await?;
            // The sessions are the pooler's, and stay; but nobody works in them any more.
            let busy = "SELECT concat_ws(' ', 'a session', state, 'that last ran', query) FROM pg_stat_activity \
                        WHERE datname = ? AND backend_type = 'client backend' AND state <> 'idle' \
                        UNION ALL SELECT 'a prepared branch' FROM pg_prepared_xacts WHERE database = ?";
            let name = &place.name;
            until(async || Ok(admin.fetch_all::<(String,)>(busy, (name, name)).await?.is_empty())).await?;
            let left: Vec<(String,)> = admin.fetch_all(busy, (name, name)).await?;
            admin.execute(&format!("DROP DATABASE {name} WITH (FORCE)"), ()).await?;
            admin.close().await?;
            Ok(left.into_iter().map(|row| row.0).collect())
        })
    }

    fn required(&self, info: &DriverInfo) -> Capabilities {
        Postgres.required(info)
    }

    fn fragments(&self, info: &DriverInfo) -> Fragments {
        let mut fragments = Unnamed.fragments(info);
        // It ends one of the pooler's, which nobody but the pooler would notice.
        fragments.end_session = None;
        fragments
    }

    fn exception(&self, rule: &str) -> Option<&'static str> {
        SESSION_BOUND.iter().find(|(name, _)| *name == rule).map(|(_, reason)| *reason)
    }

    fn stranger(&self, place: &Place) -> Option<Stranger> {
        let name = &place.name;
        Some(Stranger {
            create: vec![format!("CREATE ROLE {name} LOGIN")],
            drop: vec![format!("DROP OWNED BY {name}"), format!("DROP ROLE {name}")],
            url: place.url.clone().with_user(name, ""),
        })
    }
}
