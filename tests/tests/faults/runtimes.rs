//! Runtimes that end while connections are lent and statements run: nothing hangs, nothing panics, and what is used on another
//! runtime works.

use std::sync::mpsc;
use std::time::Duration;

use oarlock::{DbExt, PoolOptions, Result};
use oarlock_tests::{Database, Engine, count_panics, create_item, ids, insert, panics};
use tokio::runtime::{Builder, Runtime};

/// How long all of it may take: more is a hang.
const BOUND: Duration = Duration::from_secs(20);

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime starts")
}

/// Runs on a thread that is given up when it hangs, and requires that nothing has panicked.
fn within_bound(work: impl FnOnce() -> Result<()> + Send + 'static) {
    count_panics();
    let (done, ended) = mpsc::channel();
    std::thread::spawn(move || done.send(work().map_err(|error| format!("{error:?}"))));
    ended.recv_timeout(BOUND).expect("it hangs, or has panicked").expect("no error");
    assert_eq!(panics(), 0, "a panic");
}

/// A statement that does not end by itself in time.
fn endless(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n",
        Engine::Postgres => "SELECT pg_sleep(60)",
        Engine::MySql => "SELECT SLEEP(60)",
    }
}

fn ends_with_loans_out(engine: Engine) {
    within_bound(move || {
        let keeper = runtime();
        let Some(database) = keeper.block_on(Database::make(engine))? else { return Ok(()) };
        let first = runtime();
        let url = database.url.clone();
        let (pool, tx, cursor, conn, alone) = first.block_on(async {
            let pool = PoolOptions::new().max_size(5).min_idle(1).connect(&url).await?;
            create_item(&pool).await?;
            insert(&pool, 1).await?;
            let tx = pool.begin().await?;
            let cursor = pool.query("SELECT id FROM item", ()).await?;
            let conn = pool.acquire().await?;
            let alone = oarlock::connect(&url).await?;
            // One task waits for the server, others for the pool.
            for _ in 0..4 {
                let pool = pool.clone();
                tokio::spawn(async move { pool.execute(endless(engine), ()).await });
            }
            tokio::task::yield_now().await;
            if engine != Engine::Sqlite {
                insert(&tx, 2).await?;
            }
            Ok::<_, oarlock::Error>((pool, tx, cursor, conn, alone))
        })?;
        drop(first);
        // What was lent is dropped where there is no runtime at all.
        drop((tx, cursor));
        let second = runtime();
        second.block_on(async {
            // What lived on the other runtime may be of no use, and says so.
            drop(tokio::time::timeout(Duration::from_secs(5), conn.execute("SELECT 1", ())).await.expect("no hang"));
            drop(tokio::time::timeout(Duration::from_secs(5), alone.execute("SELECT 1", ())).await.expect("no hang"));
            drop((conn, alone));
            assert_eq!(ids(&pool).await?, [1], "the pool works on another runtime");
            pool.close().await
        })?;
        drop(second);
        keeper.block_on(database.remove())
    });
}

#[test]
fn a_runtime_ends_with_loans_of_sqlite_out() {
    ends_with_loans_out(Engine::Sqlite);
}

#[test]
fn a_runtime_ends_with_loans_of_postgres_out() {
    ends_with_loans_out(Engine::Postgres);
}

#[test]
fn a_runtime_ends_with_loans_of_mysql_out() {
    ends_with_loans_out(Engine::MySql);
}

/// The end of a runtime waits for its blocking threads, and SQLite's statements run on them.
#[test]
fn a_runtime_that_ends_stops_what_runs_on_its_threads() {
    within_bound(|| {
        for kind in ["a statement", "a cursor", "a transaction"] {
            let runtime = runtime();
            runtime.block_on(async {
                let conn = oarlock::connect("sqlite::memory:").await?;
                create_item(&conn).await?;
                let (begun, mut has_begun) = tokio::sync::mpsc::channel(1);
                tokio::spawn(async move {
                    let work = async {
                        match kind {
                            "a statement" => conn.execute(endless(Engine::Sqlite), ()).await.map(drop),
                            "a cursor" => conn.query(endless(Engine::Sqlite), ()).await.map(drop),
                            _ => {
                                let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) \
                                           INSERT INTO item SELECT i FROM n WHERE i < 0";
                                conn.transaction(|tx| async move { tx.execute(sql, ()).await.map(drop) }).await
                            }
                        }
                    };
                    let mut work = std::pin::pin!(work);
                    // It is on its way once it has been polled and a moment has passed.
                    tokio::select! {
                        _ = &mut work => {}
                        () = tokio::time::sleep(Duration::from_millis(50)) => drop(begun.send(()).await),
                    }
                    work.await
                });
                has_begun.recv().await;
                Ok::<_, oarlock::Error>(())
            })?;
            drop(runtime);
        }
        Ok(())
    });
}
