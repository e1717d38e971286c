//! The shared conformance suite, on PostgreSQL: a schema of its own for each test, for a database takes the server much
//! longer to make and to drop.

use oarlock_conformance::{Place, Setup, Stranger, require_server, required, suite, until};
use oarlock_core::connection::{BoxFuture, DriverInfo};
use oarlock_core::factory::DriverFactory;
use oarlock_core::{Capabilities, Conn, Connection, DbExt, Result, Url};
use oarlock_postgres::{PostgresConnection, PostgresFactory, PostgresOptions};

const SERVER: &str = "OARLOCK_TEST_POSTGRES_URL";

struct Postgres;

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
            let Some(server) = require_server(SERVER) else { return Ok(None) };
            let server = Url::parse(&server)?;
            let admin = self.admin(&server).await?;
            admin.execute(&format!("CREATE SCHEMA {name}"), ()).await?;
            admin.close().await?;
            let url = server.clone().with_option("application_name", name);
            let url = url.with_option("options", &format!("-c search_path={name}"));
            Ok(Some(Place::new(name, url).keep(server)))
        })
    }

    fn close<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, Vec<String>> {
        Box::pin(async move {
            let server = place.keep.downcast_ref::<Url>().expect("open keeps the server's URL");
            let admin = self.admin(server).await?;
            let sessions = "SELECT concat_ws(' ', 'a session', state, 'that last ran', query) FROM pg_stat_activity \
                            WHERE application_name = ?";
            until(async || Ok(admin.fetch_all::<(String,)>(sessions, (&place.name,)).await?.is_empty())).await?;
            let left: Vec<(String,)> = admin.fetch_all(sessions, (&place.name,)).await?;
            admin.execute(&format!("DROP SCHEMA {} CASCADE", place.name), ()).await?;
            admin.close().await?;
            Ok(left.into_iter().map(|row| row.0).collect())
        })
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

impl Postgres {
    async fn admin(&self, server: &Url) -> Result<Conn> {
        Ok(Conn::new(self.connect(server).await?))
    }
}

suite!(Postgres);
