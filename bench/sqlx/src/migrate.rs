//! sqlx's migrations, as its command line runs them: one connection, on a runtime of many threads.

use std::path::Path;

use oarlock_bench_protocol::Engine;
use sqlx::Connection;
use sqlx::migrate::Migrator;

pub fn run(engine: Engine, directory: &str, url: &str) -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let migrations = Migrator::new(Path::new(directory)).await?;
        match engine {
            Engine::Sqlite => migrations.run(&mut crate::sqlite(url).await).await?,
            Engine::Postgres => {
                migrations.run(&mut sqlx::PgConnection::connect(url).await?).await?;
            }
            Engine::Mysql => {
                migrations.run(&mut sqlx::MySqlConnection::connect(url).await?).await?;
            }
        }
        Ok(())
    })
}
