//! sqlx's pool as its documentation shows it: `query_as` on `&pool`, the defaults but for its size.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use oarlock_bench_protocol::{Engine, POOL, Pooled, serve_pool};
use sqlx::pool::PoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection, Database, Pool};

use crate::Row;

macro_rules! pooled {
    ($name:ident, $database:ty, $mark:literal) => {
        struct $name(Pool<$database>, Arc<AtomicU64>);

        impl Pooled for $name {
            async fn select(&self, key: i64) -> u64 {
                let sql = concat!("SELECT id, name, hair_color FROM bench_users WHERE id = ", $mark);
                let row: Row = sqlx::query_as(sql).bind(key).fetch_one(&self.0).await.expect("select");
                row.checksum()
            }

            fn opened(&self) -> u64 {
                self.1.load(Ordering::Relaxed)
            }
        }
    };
}

pooled!(Sqlite, sqlx::Sqlite, "?");
pooled!(Postgres, sqlx::Postgres, "$1");
pooled!(MySql, sqlx::MySql, "?");

async fn open<D: Database>(options: <D::Connection as Connection>::Options) -> (Pool<D>, Arc<AtomicU64>) {
    let opened = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&opened);
    let pool = PoolOptions::<D>::new()
        .max_connections(POOL)
        .acquire_timeout(Duration::from_secs(60))
        .after_connect(move |_, _| {
            counter.fetch_add(1, Ordering::Relaxed);
            Box::pin(async { Ok(()) })
        })
        .connect_with(options)
        .await
        .expect("the database is there");
    (pool, opened)
}

pub fn serve(engine: Engine, url: &str) -> std::io::Result<()> {
    match engine {
        Engine::Sqlite => {
            let options: SqliteConnectOptions = url.parse().expect("url");
            let options =
                options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full).foreign_keys(true);
            serve_pool(engine, || async {
                let (pool, opened) = open(options).await;
                Sqlite(pool, opened)
            })
        }
        Engine::Postgres => {
            let options: sqlx::postgres::PgConnectOptions = url.parse().expect("url");
            serve_pool(engine, || async {
                let (pool, opened) = open(options).await;
                Postgres(pool, opened)
            })
        }
        Engine::Mysql => {
            let options: sqlx::mysql::MySqlConnectOptions = url.parse().expect("url");
            serve_pool(engine, || async {
                let (pool, opened) = open(options).await;
                MySql(pool, opened)
            })
        }
    }
}
