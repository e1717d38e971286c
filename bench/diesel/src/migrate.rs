//! diesel's migrations, as its command line runs them: read from files, on one connection.

use std::error::Error;

use diesel::migration::MigrationConnection;
use diesel::{Connection, MysqlConnection, PgConnection, SqliteConnection};
use diesel_migrations::{FileBasedMigrations, MigrationHarness};
use oarlock_bench_protocol::Engine;

pub fn run(engine: Engine, directory: &str, url: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
    match engine {
        Engine::Sqlite => apply::<SqliteConnection>(directory, url.trim_start_matches("sqlite:")),
        Engine::Postgres => apply::<PgConnection>(directory, url),
        Engine::Mysql => apply::<MysqlConnection>(directory, url),
    }
}

fn apply<C>(directory: &str, url: &str) -> Result<(), Box<dyn Error + Send + Sync>>
where
    C: Connection + MigrationConnection + MigrationHarness<C::Backend> + 'static,
{
    let migrations = FileBasedMigrations::from_path(directory)?;
    C::establish(url)?.run_pending_migrations(migrations).map(drop)
}
