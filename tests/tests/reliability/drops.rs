//! Dropping any future at any time is safe, and a result belongs to its query: random calls, dropped after a random number of
//! polls or bytes, on connections of a pool.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use oarlock::{Conn, Db, DbExt, Error, Pool, PoolOptions, Result};
use oarlock_test_support::{At, Direction, Fault, Proxy};
use oarlock_tests::{Database, Engine, Liar, Lie, Verdict, caught, report};

use crate::{Dice, admin, count, proofs};

proofs! {
    dropped_calls_leave_nothing_behind on Sqlite Postgres MySql;
    every_query_gives_its_own_nonce on Sqlite Postgres MySql;
    a_reset_that_does_nothing_is_found_out on Postgres MySql;
    rows_of_another_query_are_found_out on Sqlite Postgres MySql;
    transactions_that_stay_open_are_found_out on Postgres MySql;
    a_place_that_is_lost_is_found_out on Sqlite Postgres MySql;
}

const SIZE: usize = 4;

async fn dropped_calls_leave_nothing_behind(database: Database) -> Verdict {
    rough(&database, Wrong::Lie(Lie::None), count(400, 10_000), true).await
}

async fn every_query_gives_its_own_nonce(database: Database) -> Verdict {
    rough(&database, Wrong::Lie(Lie::None), count(2_000, 1_000_000), false).await
}

async fn a_reset_that_does_nothing_is_found_out(database: Database) -> Verdict {
    let wrong = Wrong::Lie(Lie::ResetDoesNothing);
    caught(wrong, &["the session is soiled"], rough(&database, wrong, 200, true)).await;
    Ok(())
}

async fn rows_of_another_query_are_found_out(database: Database) -> Verdict {
    let words = ["the result of another query", "the session is soiled"];
    let wrong = Wrong::Lie(Lie::MixesRowsUp);
    caught(wrong, &words, rough(&database, wrong, 2_000, false)).await;
    Ok(())
}

async fn transactions_that_stay_open_are_found_out(database: Database) -> Verdict {
    // A dropped statement fails its transaction on PostgreSQL, which ends it: few are dropped, so many calls are made.
    let wrong = Wrong::Lie(Lie::TransactionsStay);
    caught(wrong, &["transactions are open after two seconds"], rough(&database, wrong, 2_000, false)).await;
    Ok(())
}

async fn a_place_that_is_lost_is_found_out(database: Database) -> Verdict {
    caught(Wrong::LosesAPlace, &["no connection was free within"], rough(&database, Wrong::LosesAPlace, 200, true))
        .await;
    Ok(())
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    /// The driver tells a lie, which may be none.
    Lie(Lie),
    /// A connection of the pool never comes back.
    LosesAPlace,
}

/// What the tasks have in common.
struct Field {
    pool: Pool,
    proxy: Option<Proxy>,
    engine: Engine,
    left: AtomicUsize,
    dropped: AtomicUsize,
    /// Drop nearly every call, or now and then one.
    drops: bool,
    /// Change no session and cut no connection.
    is_calm: bool,
}

/// How long a call may wait for a connection: a place that is lost need not be waited for as long.
fn patience(wrong: Wrong) -> Duration {
    if wrong == Wrong::LosesAPlace { Duration::from_secs(2) } else { Duration::from_mins(1) }
}

/// Makes so many calls on a pool, of which some are dropped on their way and some cut off, and looks at what is left.
async fn rough(database: &Database, wrong: Wrong, calls: usize, drops: bool) -> Verdict {
    let admin = admin(database).await?;
    admin.execute("CREATE TABLE item (nonce BIGINT NOT NULL)", ()).await?;
    let proxy = if database.engine == Engine::Sqlite { None } else { Some(Proxy::to(&database.url).await) };
    let url = proxy.as_ref().map_or(database.url.as_str(), Proxy::url);
    let options = PoolOptions::new().max_size(SIZE).acquire_timeout(patience(wrong));
    let lie = if let Wrong::Lie(lie) = wrong { lie } else { Lie::None };
    let pool = Pool::new(Arc::new(Liar::new(url, lie)?), options);
    if wrong == Wrong::LosesAPlace {
        std::mem::forget(pool.acquire().await?);
    }
    let field = Arc::new(Field {
        pool: pool.clone(),
        proxy,
        engine: database.engine,
        left: AtomicUsize::new(calls),
        dropped: AtomicUsize::new(0),
        drops,
        // What is soiled would be found out before an open transaction, and what is cut has none.
        is_calm: wrong == Wrong::Lie(Lie::TransactionsStay),
    });
    let tasks = (1..=6).map(|task| tokio::spawn(work(Arc::clone(&field), Dice::new(task))));
    for task in tasks.collect::<Vec<_>>() {
        match task.await {
            Ok(ended) => ended?,
            Err(failure) => std::panic::resume_unwind(failure.into_panic()),
        }
    }
    let dropped = field.dropped.load(Ordering::Relaxed);
    assert!(dropped > calls / if drops { 10 } else { 200 }, "only {dropped} of {calls} calls were dropped");
    if let Some(proxy) = &field.proxy {
        proxy.disarm();
        proxy.drip(Direction::ToClient, false);
    }
    report(&format!("{calls} calls, {dropped} of them dropped"));
    // No place of the pool is lost: all of it can be had at once.
    let mut conns = Vec::new();
    for _ in 0..SIZE {
        conns.push(pool.acquire().await?);
    }
    for conn in &conns {
        is_clean(conn, database.engine).await?;
    }
    drop(conns);
    assert!(pool.status().size <= SIZE, "{:?}", pool.status());
    no_transaction_is_open(&admin, database.engine).await
}

async fn work(field: Arc<Field>, mut dice: Dice) -> Result<()> {
    let take = |left: usize| left.checked_sub(1);
    while let Ok(left) = field.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
        let nonce = i64::try_from(left).unwrap_or_default();
        if let Some(proxy) = &field.proxy {
            // A drip is a thousand times as slow: it stays for five calls or so.
            match dice.below(if field.drops { 40 } else { 4000 }) {
                0..=1 => proxy.drip(Direction::ToClient, true),
                2..=19 | 22..=799 => proxy.drip(Direction::ToClient, false),
                20..=21 if !field.is_calm => proxy.arm(Fault::cut(Direction::ToClient, At::Byte(dice.below(300)))),
                _ => {}
            }
        }
        let drops = field.drops || dice.below(10) == 0;
        // Most calls are over within a few dozens of polls.
        let polls = if drops { dice.below(if field.drops { 24 } else { 8 }) } else { u64::MAX };
        let called = call(&field, dice.below(8), nonce, dice.below(3) == 0 && !field.is_calm);
        match after(polls, called).await {
            None => drop(field.dropped.fetch_add(1, Ordering::Relaxed)),
            Some(Err(error)) if error.is_connection_lost() || is_refusal(&error) => {}
            Some(result) => result?,
        }
    }
    Ok(())
}

/// A connection cut while it was being opened is one that was refused.
fn is_refusal(error: &Error) -> bool {
    matches!(error.kind(), oarlock::ErrorKind::ConnectionRefused)
}

/// Polls a future so often, and drops it.
async fn after<T>(polls: u64, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

async fn call(field: &Field, which: u64, nonce: i64, soils: bool) -> Result<()> {
    let conn = field.pool.acquire().await?;
    is_clean(&conn, field.engine).await?;
    if soils {
        soil(&conn, field.engine).await?;
    }
    match which {
        0..=2 => {
            let found: i64 = conn.fetch_value(echo(field.engine), (nonce,)).await?;
            assert_eq!(found, nonce, "the result of another query");
        }
        3 => {
            let sql = format!("SELECT {nonce} UNION ALL SELECT {nonce} UNION ALL SELECT {nonce}");
            let found: Vec<(i64,)> = conn.fetch_all(&sql, ()).await?;
            assert_eq!(found, [(nonce,); 3], "the result of another query");
        }
        4 => {
            let mut cursor = conn.query(series(field.engine), (nonce,)).await?;
            let first: Option<(i64,)> = cursor.fetch_one().await?;
            assert_eq!(first, Some((nonce,)), "the result of another query");
            // The rest is dropped with the cursor, and the connection is used again.
            drop(cursor);
            let found: i64 = conn.fetch_value(echo(field.engine), (-nonce,)).await?;
            assert_eq!(found, -nonce, "the result of another query");
        }
        5 => {
            let tx = conn.begin().await?;
            tx.execute("INSERT INTO item (nonce) VALUES (?)", (nonce,)).await?;
            let found: i64 = tx.fetch_value("SELECT nonce FROM item WHERE nonce = ?", (nonce,)).await?;
            assert_eq!(found, nonce, "the result of another query");
            tx.rollback().await?;
        }
        6 => {
            let tx = conn.begin().await?;
            let inner = tx.begin().await?;
            inner.execute_many("INSERT INTO item (nonce) VALUES (?)", [(nonce,), (nonce,)]).await?;
            drop(inner);
            assert_eq!(
                tx.fetch_value::<i64>(echo(field.engine), (nonce,)).await?,
                nonce,
                "the result of another query"
            );
        }
        _ => {
            let error = conn.execute("SELECT nonce FROM nowhere", ()).await.expect_err("there is no such table");
            if error.is_connection_lost() {
                return Err(error);
            }
            assert_eq!(error.kind(), oarlock::ErrorKind::TableNotFound, "{error:?}");
        }
    }
    Ok(())
}

fn echo(engine: Engine) -> &'static str {
    match engine {
        Engine::Postgres => "SELECT CAST(? AS bigint)",
        Engine::MySql => "SELECT CAST(? AS SIGNED)",
        Engine::Sqlite => "SELECT ?",
    }
}

fn series(engine: Engine) -> &'static str {
    match engine {
        Engine::Postgres => "SELECT CAST(? AS bigint) + g FROM generate_series(0, 900) AS s(g)",
        Engine::MySql | Engine::Sqlite => {
            "WITH RECURSIVE s(g) AS (SELECT 0 UNION ALL SELECT g + 1 FROM s WHERE g < 900) SELECT ? + g FROM s"
        }
    }
}

/// Leaves something in the session that the next borrower must not see.
async fn soil(conn: &Conn, engine: Engine) -> Result<()> {
    match engine {
        Engine::Postgres => conn.script("SET search_path = pg_catalog, public; SET application_name = 'soiled'").await,
        Engine::MySql => conn.script("SET @soiled = 1").await,
        Engine::Sqlite => conn.script("CREATE TEMP TABLE IF NOT EXISTS soiled (a)").await,
    }
}

/// Requires a borrowed session to be as good as new.
async fn is_clean(conn: &Conn, engine: Engine) -> Result<()> {
    assert_eq!(conn.lease().await?.connection().tx_state(), oarlock::TxState::Auto, "a transaction is open");
    let marks: i64 = match engine {
        Engine::Postgres => {
            conn.fetch_value(
                "SELECT count(*) FROM pg_settings WHERE name = 'application_name' AND setting = 'soiled'",
                (),
            )
            .await?
        }
        Engine::MySql => conn.fetch_value("SELECT CAST(COALESCE(@soiled, 0) AS SIGNED)", ()).await?,
        Engine::Sqlite => conn.fetch_value("SELECT count(*) FROM sqlite_temp_master WHERE name = 'soiled'", ()).await?,
    };
    assert_eq!(marks, 0, "the session is soiled by the borrower before");
    Ok(())
}

/// Requires that within two seconds no transaction is open on the server.
async fn no_transaction_is_open(admin: &Conn, engine: Engine) -> Verdict {
    let sql = match engine {
        Engine::Postgres => {
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
             AND xact_start IS NOT NULL"
        }
        Engine::MySql => {
            "SELECT count(*) FROM information_schema.innodb_trx t JOIN information_schema.processlist p \
             ON p.id = t.trx_mysql_thread_id WHERE p.db = database()"
        }
        Engine::Sqlite => {
            // Nobody holds the file: it can be written.
            admin.execute("INSERT INTO item (nonce) VALUES (0)", ()).await?;
            return Ok(());
        }
    };
    let mut open = 1;
    let within = tokio::time::timeout(Duration::from_secs(2), async {
        while open > 0 {
            // InnoDB tells the same again to whoever has asked within a tenth of a second.
            tokio::time::sleep(Duration::from_millis(120)).await;
            open = admin.fetch_value::<i64>(sql, ()).await?;
        }
        Ok::<_, Error>(())
    });
    let Ok(result) = within.await else { panic!("{open} transactions are open after two seconds") };
    Ok(result?)
}
