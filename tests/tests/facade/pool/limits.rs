//! Limits of time that a pool sets on what runs on its connections.

use std::time::{Duration, Instant};

use oarlock::{Db, DbExt, ErrorKind, Pool, PoolOptions, Result};
use oarlock_tests::{Database, Engine, Verdict, create_item, on_every_engine, refused, until};

on_every_engine!(
    a_statement_past_the_pools_limit_is_stopped,
    a_borrowers_own_limit_is_gone_with_it,
    a_transaction_has_the_pools_limit,
);

const LIMIT: Duration = Duration::from_millis(100);
/// The longest that stopping may take, on a machine that is busy with other things.
const BOUND: Duration = Duration::from_secs(10);

/// A query over `item` that ends when the sun has gone out.
const ENDLESS: &str = "SELECT count(*) AS endless_pool FROM item a, item b, item c, item d, item e, item f";

async fn limited(database: &Database) -> Result<Pool> {
    let pool = PoolOptions::new().max_size(1).statement_timeout(LIMIT).connect(&database.url).await?;
    let rows: Vec<_> = (0..2000).map(|id| (id,)).collect();
    let unlimited = pool.with_timeout(None);
    create_item(&unlimited).await?;
    unlimited.execute_many("INSERT INTO item (id) VALUES (?)", rows).await?;
    Ok(pool)
}

/// Runs what never ends, and requires that the limit ends it.
async fn expires(db: &dyn Db) {
    let begun = Instant::now();
    let error = refused(db.fetch_value::<i64>(ENDLESS, ()).await, ErrorKind::StatementTimeout);
    assert!(begun.elapsed() >= LIMIT && begun.elapsed() < BOUND, "after {:?}", begun.elapsed());
    assert!(!error.outcome_unknown(), "{error}");
}

/// Tells whether the server works on such a statement no more. SQLite's works in the caller's own process, where the file's
/// only connection answers no other call before it has stopped.
async fn is_stopped(database: &Database) -> Result<bool> {
    let running = match database.engine {
        Engine::Sqlite => return Ok(true),
        Engine::Postgres => {
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE \
             '%AS endless_pool%' AND pid <> pg_backend_pid()"
        }
        Engine::MySql => {
            "SELECT count(*) FROM information_schema.processlist WHERE db = database() AND info LIKE '%AS endless_pool%' AND \
             id <> connection_id()"
        }
    };
    let witness = oarlock::connect(&database.url).await?;
    Ok(witness.fetch_value::<i64>(running, ()).await? == 0)
}

async fn a_statement_past_the_pools_limit_is_stopped(database: Database) -> Verdict {
    let pool = limited(&database).await?;
    expires(&pool).await;
    assert!(until(async || is_stopped(&database).await).await?);
    // The pool's only connection is ready, or was replaced.
    assert_eq!(pool.fetch_value::<i64>("SELECT count(*) FROM item", ()).await?, 2000);
    assert!(pool.status().size <= 1);
    // A URL says otherwise than the program.
    let url = database.url_with("pool_statement_timeout=off");
    let pool = PoolOptions::new().statement_timeout(LIMIT).connect(&url).await?;
    assert_eq!(pool.acquire().await?.timeout(), None);
    Ok(())
}

async fn a_borrowers_own_limit_is_gone_with_it(database: Database) -> Verdict {
    let pool = limited(&database).await?;
    let conn = pool.acquire().await?;
    assert_eq!(conn.timeout(), Some(LIMIT));
    conn.set_timeout(None);
    conn.set_slow_statement(None);
    drop(conn);
    let conn = pool.acquire().await?;
    assert_eq!((conn.timeout(), conn.slow_statement()), (Some(LIMIT), Some(Duration::from_secs(1))));
    drop(conn);
    pool.with_timeout(None).execute("SELECT 1", ()).await?;
    expires(&pool).await;
    Ok(())
}

async fn a_transaction_has_the_pools_limit(database: Database) -> Verdict {
    let pool = limited(&database).await?;
    let tx = pool.begin().await?;
    expires(&tx).await;
    tx.rollback().await?;
    let mut tx = pool.begin().await?;
    tx.set_timeout(Duration::from_millis(1));
    drop(tx);
    assert_eq!(pool.acquire().await?.timeout(), Some(LIMIT));
    Ok(())
}
