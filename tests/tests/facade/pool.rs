//! The pool: how many connections, who waits, and that a borrower never meets what another left.

mod healing;
mod keeping;
mod limits;
mod sessions;
mod waits;

use std::time::Duration;

use oarlock::connection::run;
use oarlock::{Db, DbExt, ErrorKind, Pool, PoolOptions, TxState};
use oarlock_tests::{Database, Engine, Verdict, create_item, ids, insert, on_every_engine, refused, until};

on_every_engine!(
    the_size_is_respected,
    waiters_are_served,
    a_borrower_never_meets_what_another_left,
    a_lost_connection_is_replaced,
    an_idle_connection_that_died_is_found_out,
    closing_ends_waiting_and_later_calls,
    a_cursor_and_a_transaction_give_the_connection_back,
);

async fn small(database: &Database, size: usize) -> oarlock::Result<Pool> {
    let options = PoolOptions::new().max_size(size).acquire_timeout(Duration::from_millis(200));
    options.connect(&database.url).await
}

async fn the_size_is_respected(database: Database) -> Verdict {
    let pool = small(&database, 2).await?;
    let (one, two) = (pool.acquire().await?, pool.acquire().await?);
    let status = pool.status();
    assert_eq!((status.size, status.idle, status.in_use), (2, 0, 2));
    refused(pool.execute("SELECT 1", ()).await, ErrorKind::PoolTimeout);
    refused(pool.begin().await, ErrorKind::PoolTimeout);
    drop((one, two));
    assert_eq!(pool.fetch_value::<i64>("SELECT 1", ()).await?, 1);
    assert!(pool.status().size <= 2);
    Ok(())
}

async fn waiters_are_served(database: Database) -> Verdict {
    let pool = PoolOptions::new().max_size(2).connect(&database.url).await?;
    let held = (pool.acquire().await?, pool.acquire().await?);
    let waiters: Vec<_> = (0..20)
        .map(|number| {
            let pool = pool.clone();
            tokio::spawn(async move { pool.fetch_value::<i64>("SELECT ? + 0", (number,)).await })
        })
        .collect();
    assert!(until(async || Ok(pool.status().waiting == 20)).await?);
    drop(held);
    for (number, waiter) in (0..20).zip(waiters) {
        assert_eq!(waiter.await.expect("no waiter panics")?, number);
    }
    assert_eq!(pool.status().size, 2);
    Ok(())
}

async fn a_borrower_never_meets_what_another_left(database: Database) -> Verdict {
    let pool = small(&database, 1).await?;
    create_item(&pool).await?;
    let (setting, probe) = match database.engine {
        Engine::Sqlite => ("PRAGMA busy_timeout = 7", "PRAGMA busy_timeout"),
        Engine::Postgres => ("SET work_mem = '7MB'", "SELECT current_setting('work_mem')"),
        Engine::MySql => ("SET @left = 'behind'", "SELECT COALESCE(@left, 'nothing')"),
    };
    let before: oarlock::Value = pool.fetch_value(probe, ()).await?;

    // A setting, a temporary table, and a transaction that its borrower's text began.
    let conn = pool.acquire().await?;
    conn.execute(setting, ()).await?;
    assert_ne!(conn.fetch_value::<oarlock::Value>(probe, ()).await?, before);
    conn.execute("CREATE TEMPORARY TABLE scratch (id int)", ()).await?;
    run(conn.lease().await?.connection(), "BEGIN").await?;
    insert(&conn, 1).await?;
    drop(conn);
    assert_eq!(ids(&pool).await?, [0_i64; 0]);
    assert_eq!(pool.fetch_value::<oarlock::Value>(probe, ()).await?, before);
    refused(pool.execute("SELECT id FROM scratch", ()).await, ErrorKind::TableNotFound);

    // A transaction that failed, and a cursor that was not read to its end, in a transaction that was not ended.
    let tx = pool.begin().await?;
    insert(&tx, 2).await?;
    refused(insert(&tx, 2).await, ErrorKind::UniqueViolation);
    drop(tx);
    assert_eq!(ids(&pool).await?, [0_i64; 0]);
    let tx = pool.begin().await?;
    insert(&tx, 3).await?;
    let cursor = tx.query("SELECT id FROM item", ()).await?;
    drop((cursor, tx));
    assert_eq!(ids(&pool).await?, [0_i64; 0]);

    // Autocommit off, and nothing committed.
    let conn = pool.acquire().await?;
    conn.set_autocommit(false).await?;
    insert(&conn, 4).await?;
    drop(conn);
    let conn = pool.acquire().await?;
    assert!(conn.autocommit());
    assert_eq!(conn.lease().await?.connection().tx_state(), TxState::Auto);
    assert_eq!(ids(&conn).await?, [0_i64; 0]);
    Ok(())
}

async fn a_lost_connection_is_replaced(database: Database) -> Verdict {
    let pool = small(&database, 1).await?;
    for _ in 0..3 {
        let conn = pool.acquire().await?;
        match database.engine {
            Engine::Sqlite => conn.close().await?,
            Engine::Postgres => {
                let ended = conn.execute("SELECT pg_terminate_backend(pg_backend_pid())", ()).await;
                refused(ended, ErrorKind::ConnectionLost);
            }
            Engine::MySql => drop(conn.execute("KILL CONNECTION_ID()", ()).await),
        }
        assert!(conn.execute("SELECT 1", ()).await.is_err(), "the connection is gone");
        drop(conn);
        assert_eq!(pool.fetch_value::<i64>("SELECT 1", ()).await?, 1);
        assert_eq!(pool.status().size, 1);
    }
    Ok(())
}

async fn an_idle_connection_that_died_is_found_out(database: Database) -> Verdict {
    let options = PoolOptions::new().max_size(1).validate_after(Duration::ZERO);
    let pool = options.connect(&database.url).await?;
    let me = match database.engine {
        Engine::Sqlite => return Ok(()),
        Engine::Postgres => "SELECT CAST(pg_backend_pid() AS int8)",
        Engine::MySql => "SELECT CONNECTION_ID()",
    };
    let id: i64 = pool.fetch_value(me, ()).await?;
    let admin = oarlock::connect(&database.url).await?;
    match database.engine {
        Engine::Postgres => admin.execute("SELECT pg_terminate_backend(?)", (id,)).await?,
        _ => admin.execute(&format!("KILL {id}"), ()).await?,
    };
    assert_ne!(pool.fetch_value::<i64>(me, ()).await?, id);
    Ok(())
}

async fn closing_ends_waiting_and_later_calls(database: Database) -> Verdict {
    let pool = PoolOptions::new().max_size(1).connect(&database.url).await?;
    let held = pool.acquire().await?;
    let waiter = tokio::spawn({
        let pool = pool.clone();
        async move { pool.execute("SELECT 1", ()).await }
    });
    assert!(until(async || Ok(pool.status().waiting == 1)).await?);
    let closing = pool.close();
    refused(waiter.await.expect("no panic"), ErrorKind::PoolClosed);
    let error = refused(pool.acquire().await, ErrorKind::PoolClosed);
    assert_eq!(error.to_string(), "the pool is closed");
    assert_eq!(held.fetch_value::<i64>("SELECT 1", ()).await?, 1, "what is borrowed goes on");
    drop(held);
    closing.await?;
    assert_eq!(pool.status().size, 0);
    Ok(())
}

async fn a_cursor_and_a_transaction_give_the_connection_back(database: Database) -> Verdict {
    let pool = small(&database, 1).await?;
    create_item(&pool).await?;
    for id in 0..5 {
        pool.transaction(|tx| async move { insert(&tx, id).await }).await?;
        let mut cursor = pool.query("SELECT id FROM item ORDER BY id", ()).await?;
        assert_eq!(cursor.fetch_one::<(i64,)>().await?, Some((0,)));
        refused(pool.acquire().await, ErrorKind::PoolTimeout);
    }
    assert_eq!(ids(&pool).await?.len(), 5);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooled_memory_database_is_one_database() -> oarlock::Result<()> {
    let pool = Pool::connect("sqlite::memory:").await?;
    create_item(&pool).await?;
    let conns = (pool.acquire().await?, pool.acquire().await?, pool.acquire().await?);
    insert(&conns.0, 1).await?;
    insert(&conns.1, 2).await?;
    assert_eq!(ids(&conns.2).await?, [1, 2]);
    drop(conns);
    let other = Pool::connect("sqlite::memory:").await?;
    refused(ids(&other).await, ErrorKind::TableNotFound);
    assert_eq!(ids(&pool).await?, [1, 2]);
    Ok(())
}
