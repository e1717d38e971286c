//! Locks that are not had, servers that take no writes, room that runs out, and what a database must not be made to do.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use oarlock::{DbExt, ErrorKind, Pool, PoolOptions, Result};
use oarlock_test_support::{Direction, Proxy, Server};
use oarlock_tests::{Database, Engine, Verdict, create_item, ids, insert, on_engines, refused, until};

on_engines! {
    a_lock_that_is_not_had_in_time_is_not_tried_again on Sqlite Postgres MySql;
    room_that_runs_out_is_told_and_what_fits_still_goes on Sqlite Postgres MySql;
    no_extension_is_loaded_by_sql on Sqlite;
    a_request_to_stop_that_is_forgotten_is_made_again on Postgres;
    a_dropped_pipeline_is_stopped_where_only_its_beginning_was_answered on Postgres;
}

/// Makes a wait for a lock end soon.
fn impatience(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "PRAGMA busy_timeout = 50",
        Engine::Postgres => "SET lock_timeout = '50ms'",
        Engine::MySql => "SET innodb_lock_wait_timeout = 1",
    }
}

/// MySQL undoes the statement and not the transaction, PostgreSQL fails the transaction, SQLite's does not begin. In each case
/// the closure's error ends it as a whole, once.
async fn a_lock_that_is_not_had_in_time_is_not_tried_again(database: Database) -> Verdict {
    let admin = oarlock::connect(&database.url).await?;
    create_item(&admin).await?;
    insert(&admin, 1).await?;
    let holder = admin.begin().await?;
    holder.execute("UPDATE item SET id = 1 WHERE id = 1", ()).await?;
    let set = impatience(database.engine);
    let options = PoolOptions::new().max_size(1);
    let options = options.after_connect(move |conn| Box::pin(async move { conn.execute(set, ()).await.map(drop) }));
    let pool = options.connect(&database.url).await?;
    let attempts = &AtomicUsize::new(0);
    let waited = pool.transaction(|tx| async move {
        attempts.fetch_add(1, Ordering::SeqCst);
        insert(&tx, 2).await?;
        tx.execute("UPDATE item SET id = 3 WHERE id = 1", ()).await.map(drop)
    });
    let error = refused(waited.await, ErrorKind::LockTimeout);
    assert!(!error.is_retryable() && !error.outcome_unknown(), "{error:?}");
    assert!(attempts.load(Ordering::SeqCst) <= 1, "it was run again");
    holder.rollback().await?;
    assert_eq!(ids(&pool).await?, [1], "nothing of it is there");

    if database.engine == Engine::MySql {
        let holder = admin.begin().await?;
        holder.execute("UPDATE item SET id = 1 WHERE id = 1", ()).await?;
        let tx = pool.begin().await?;
        insert(&tx, 4).await?;
        refused(tx.execute("UPDATE item SET id = 3 WHERE id = 1", ()).await, ErrorKind::LockTimeout);
        insert(&tx, 5).await?;
        tx.commit().await?;
        holder.rollback().await?;
        assert_eq!(ids(&pool).await?, [1, 4, 5], "the statement is undone, and the transaction goes on");
    }
    Ok(())
}

/// Under `innodb_rollback_on_timeout`, the same error takes the whole transaction with it: what comes after must not be
/// committed by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_lock_timeout_that_undoes_the_transaction_is_noticed() -> Result<()> {
    let Some(server) = Server::mysql().setting("innodb_rollback_on_timeout", "ON").start().await else { return Ok(()) };
    let (one, two) = (oarlock::connect(&server.url()).await?, oarlock::connect(&server.url()).await?);
    create_item(&one).await?;
    insert(&one, 1).await?;
    two.execute(impatience(Engine::MySql), ()).await?;
    let holder = one.begin().await?;
    holder.execute("UPDATE item SET id = 1 WHERE id = 1", ()).await?;
    let tx = two.begin().await?;
    insert(&tx, 2).await?;
    refused(tx.execute("UPDATE item SET id = 3 WHERE id = 1", ()).await, ErrorKind::LockTimeout);
    refused(insert(&tx, 4).await, ErrorKind::TransactionFailed);
    refused(tx.commit().await, ErrorKind::TransactionFailed);
    holder.rollback().await?;
    assert_eq!(ids(&one).await?, [1], "half of a transaction was committed");
    Ok(())
}

/// A primary that became a standby, as its clients see it: writes are refused, reads and the pool go on, and writes succeed
/// once the server takes them again.
async fn is_read_only_for_a_while(pool: Pool, admin: &oarlock::Conn, off_and_on: [&str; 2]) -> Result<()> {
    let [off, on] = off_and_on;
    insert(&pool, 1).await?;
    let created = pool.status().created;
    admin.script(off).await?;
    assert!(until(async || Ok(insert(&pool, 2).await.is_err_and(|error| error.kind() == ErrorKind::ReadOnly))).await?);
    let attempts = &AtomicUsize::new(0);
    let written = pool.transaction(|tx| async move {
        attempts.fetch_add(1, Ordering::SeqCst);
        insert(&tx, 3).await
    });
    let error = refused(written.await, ErrorKind::ReadOnly);
    assert!(!error.is_retryable() && !error.outcome_unknown(), "{error:?}");
    assert_eq!(attempts.load(Ordering::SeqCst), 1);
    refused(pool.execute_many("INSERT INTO item (id) VALUES (?)", [(3_i64,), (4,)]).await, ErrorKind::ReadOnly);
    assert!(ids(&pool).await?.contains(&1), "reads go on");
    assert_eq!(pool.status().created, created, "the connections are good for reading");
    admin.script(on).await?;
    assert!(until(async || Ok(insert(&pool, 9).await.is_ok())).await?, "writes do not succeed again");
    assert!(!ids(&pool).await?.contains(&3));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_becomes_read_only_refuses_writes_only() -> Result<()> {
    let Some(server) = Server::postgres().start().await else { return Ok(()) };
    let admin = oarlock::connect(&server.url()).await?;
    create_item(&admin).await?;
    let pool = PoolOptions::new().max_size(2).connect(&server.url()).await?;
    let off = "ALTER SYSTEM SET default_transaction_read_only = on; SELECT pg_reload_conf()";
    let on = "ALTER SYSTEM RESET default_transaction_read_only; SELECT pg_reload_conf()";
    is_read_only_for_a_while(pool, &admin, [off, on]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mysql_that_becomes_read_only_refuses_writes_only() -> Result<()> {
    let Some(server) = Server::mysql().start().await else { return Ok(()) };
    let admin = oarlock::connect(&server.url()).await?;
    create_item(&admin).await?;
    // Who has the rights of an administrator writes all the same.
    admin.script("CREATE USER app@'127.0.0.1'; GRANT SELECT, INSERT ON test.* TO app@'127.0.0.1'").await?;
    let pool = PoolOptions::new().max_size(2).connect(&server.url().replace("root@", "app@")).await?;
    is_read_only_for_a_while(pool, &admin, ["SET GLOBAL read_only = ON", "SET GLOBAL read_only = OFF"]).await
}

/// A file, a sort and a table that may not grow any more stand for a disk that is full.
async fn room_that_runs_out_is_told_and_what_fits_still_goes(database: Database) -> Verdict {
    let conn = oarlock::connect(&database.url).await?;
    let fills = match database.engine {
        Engine::Sqlite => {
            conn.script("CREATE TABLE room (a TEXT); PRAGMA max_page_count = 40").await?;
            "INSERT INTO room SELECT hex(zeroblob(400000))"
        }
        Engine::Postgres => {
            conn.script("CREATE TABLE room (a TEXT); SET temp_file_limit = '64kB'; SET work_mem = '64kB'").await?;
            "INSERT INTO room SELECT md5(i::text) FROM generate_series(1, 50000) AS s(i) ORDER BY 1"
        }
        Engine::MySql => {
            conn.script("SET max_heap_table_size = 16384; CREATE TABLE room (a CHAR(100)) ENGINE = MEMORY").await?;
            "INSERT INTO room WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) SELECT i FROM n"
        }
    };
    let error = refused(conn.execute(fills, ()).await, ErrorKind::ResourcesExhausted);
    assert!(!error.is_retryable() && !error.outcome_unknown(), "{error:?}");
    // A MEMORY table has no transactions: what came before the last row stays.
    conn.execute("DELETE FROM room", ()).await?;
    conn.execute("INSERT INTO room VALUES (?)", ("small",)).await?;
    assert_eq!(conn.fetch_value::<String>("SELECT a FROM room", ()).await?, "small");

    if database.engine != Engine::MySql {
        // In a transaction, either the statement is undone or the whole; never a part of it is committed.
        let tx = conn.begin().await?;
        tx.execute("INSERT INTO room VALUES ('before')", ()).await?;
        refused(tx.execute(fills, ()).await, ErrorKind::ResourcesExhausted);
        let committed = tx.commit().await;
        let found: i64 = conn.fetch_value("SELECT count(*) FROM room WHERE a = 'before'", ()).await?;
        assert_eq!(found, i64::from(committed.is_ok()), "{committed:?}");
        if let Err(error) = committed {
            assert_eq!(error.kind(), ErrorKind::TransactionFailed, "{error:?}");
        }
        assert_eq!(conn.fetch_value::<i64>("SELECT count(*) FROM room WHERE a <> 'before'", ()).await?, 1);
    }
    Ok(())
}

/// A statement, and what stands in a file, load no code into the process. A server would load it into its own.
async fn no_extension_is_loaded_by_sql(database: Database) -> Verdict {
    for trust in ["on", "off", "nothing"] {
        let conn = oarlock::connect(&database.url_with(&format!("trusted={trust}"))).await?;
        let loaded = conn.execute("SELECT load_extension(?)", ("/nowhere/evil.so",)).await;
        refused(loaded, ErrorKind::PermissionDenied);
        conn.script("DROP VIEW IF EXISTS evil; CREATE VIEW evil AS SELECT load_extension('/nowhere/evil.so') AS a")
            .await?;
        let seen = conn.fetch_value::<Option<String>>("SELECT a FROM evil", ()).await;
        assert!(seen.is_err(), "{trust}: {seen:?}");
        assert_eq!(conn.fetch_value::<i64>("SELECT 1", ()).await?, 1);
        conn.execute("DROP VIEW evil", ()).await?;
    }
    Ok(())
}

/// The length of PostgreSQL's request to stop, and its code.
const STOP: [u8; 8] = [0, 0, 0, 16, 4, 210, 22, 46];

/// PostgreSQL forgets a request that comes while it waits for a message; here the first of each statement gets a wrong key, which
/// it passes over as well.
async fn a_request_to_stop_that_is_forgotten_is_made_again(database: Database) -> Verdict {
    const LIMIT: Duration = Duration::from_millis(100);
    let proxy = Proxy::to(&database.url).await;
    let conn = oarlock::connect(proxy.url()).await?;
    let requests = Arc::new(AtomicUsize::new(0));
    proxy.tamper({
        let requests = Arc::clone(&requests);
        move |direction, bytes| {
            if direction == Direction::ToServer
                && bytes.starts_with(&STOP)
                && requests.fetch_add(1, Ordering::SeqCst) == 0
                && let Some(last) = bytes.last_mut()
            {
                *last ^= 1;
            }
        }
    });
    for shape in ["a query", "a script", "a block", "a pipeline", "a batch"] {
        requests.store(0, Ordering::SeqCst);
        let started = Instant::now();
        let limited = conn.with_timeout(LIMIT);
        let result = match shape {
            "a query" => limited.fetch_value::<bool>("SELECT pg_sleep(30) IS NULL", ()).await.map(drop),
            "a script" => limited.script("SELECT 1; SELECT pg_sleep(30)").await,
            "a pipeline" => {
                limited.pipeline().add("SELECT 1", ()).add("SELECT pg_sleep(30) IS NULL", ()).run().await.map(drop)
            }
            "a batch" => limited.execute_many("SELECT pg_sleep(?)", [(0.0,), (0.0,), (30.0,)]).await.map(drop),
            _ => limited.execute("DO $$ BEGIN PERFORM pg_sleep(30); END $$", ()).await.map(drop),
        };
        refused(result, ErrorKind::StatementTimeout);
        assert_eq!(requests.load(Ordering::SeqCst), 2, "{shape}");
        assert!(started.elapsed() < Duration::from_secs(3), "{shape}: {:?}", started.elapsed());
        assert_eq!(conn.fetch_value::<i64>("SELECT 1", ()).await?, 1, "{shape}");
    }
    Ok(())
}

/// All of it leaves at once, and nobody calls the connection again: that it is still busy is told by the replies that are missing.
async fn a_dropped_pipeline_is_stopped_where_only_its_beginning_was_answered(database: Database) -> Verdict {
    let proxy = Proxy::to(&database.url).await;
    let conn = oarlock::connect(proxy.url()).await?;
    let requests = Arc::new(AtomicUsize::new(0));
    proxy.tamper({
        let requests = Arc::clone(&requests);
        move |direction, bytes| {
            if direction == Direction::ToServer && bytes.starts_with(&STOP) {
                requests.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    let sleep = "SELECT pg_sleep(?) IS NULL";
    // The statement is known from here on, so that the first poll sends the whole pipeline.
    conn.pipeline().add(sleep, (0.0,)).run().await?;
    let mut pipeline = conn.pipeline();
    pipeline.add(sleep, (0.0,)).add(sleep, (30.0,));
    {
        let mut run = pin!(pipeline.run());
        assert!(poll_fn(|cx| Poll::Ready(run.as_mut().poll(cx).is_pending())).await);
    }
    assert!(until(async || Ok(requests.load(Ordering::SeqCst) > 0)).await?, "nobody asks the server to stop");
    assert_eq!(conn.fetch_value::<i64>("SELECT 1", ()).await?, 1);
    Ok(())
}
