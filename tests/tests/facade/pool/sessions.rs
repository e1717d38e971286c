//! A connection that comes back is a fresh session. Each trace that a borrower can leave is also left in a pool whose driver
//! only claims to reset: there the next borrower must see it, or the test would prove nothing.

use std::sync::Arc;

use futures_util::TryStreamExt;
use oarlock::connection::run;
use oarlock::postgres::PostgresExt;
use oarlock::{Conn, Db, DbExt, Pool, PoolOptions, Result, Value};
use oarlock_tests::{Database, Engine, Liar, Lie, Verdict, create_item, on_every_engine};

on_every_engine!(nothing_of_a_borrower_is_left_to_the_next, what_changes_nothing_is_lent_again_without_a_reset);

/// A trace of a borrower: how it is left, and a query whose result or error tells it.
struct Trace {
    name: &'static str,
    leave: Vec<String>,
    way: Way,
    probe: &'static str,
}

/// How a trace is left.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Statements,
    Pipeline,
    CopyOut,
    CopyIn,
}

fn trace(name: &'static str, leave: &[&str], probe: &'static str) -> Trace {
    Trace { name, leave: leave.iter().map(|sql| (*sql).to_owned()).collect(), way: Way::Statements, probe }
}

fn traces(database: &Database, conn: &Conn) -> Vec<Trace> {
    let insert = "INSERT INTO item (id) VALUES (1)";
    let rows = "SELECT count(*) FROM item";
    let mut traces = vec![trace("an open transaction", &["BEGIN", insert], rows)];
    traces.extend(match database.engine {
        Engine::Sqlite => vec![
            trace("a failed statement in a transaction", &["BEGIN", insert, insert], rows),
            trace("a setting", &["PRAGMA query_only = ON"], "PRAGMA query_only"),
            trace("the check of foreign keys", &["PRAGMA foreign_keys = OFF"], "PRAGMA foreign_keys"),
            trace("the isolation level", &["PRAGMA read_uncommitted = ON"], "PRAGMA read_uncommitted"),
            trace("a temporary table", &["CREATE TEMPORARY TABLE scratch (id int)"], "SELECT count(*) FROM scratch"),
            trace(
                "an attached database",
                &["ATTACH DATABASE ':memory:' AS side"],
                "SELECT count(*) FROM side.sqlite_schema",
            ),
        ],
        Engine::Postgres => vec![
            trace("a failed transaction", &["BEGIN", insert, "SELECT 1 / 0"], rows),
            trace("a setting", &["SET work_mem = '7MB'"], "SELECT current_setting('work_mem')"),
            trace(
                "a setting by a function",
                &["SELECT set_config('work_mem', '7MB', false)"],
                "SELECT current_setting('work_mem')",
            ),
            trace(
                "a variable of the user",
                &["SET own.word = 'left'"],
                "SELECT COALESCE(current_setting('own.word', true), '')",
            ),
            trace("a temporary table", &["CREATE TEMPORARY TABLE scratch (id int)"], "SELECT count(*) FROM scratch"),
            trace(
                "a temporary table of a query",
                &["SELECT 1 AS id INTO TEMP scratch"],
                "SELECT count(*) FROM scratch",
            ),
            trace(
                "an advisory lock",
                &["SELECT pg_advisory_lock(4711)"],
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()",
            ),
            trace("a subscription", &["LISTEN oars"], "SELECT count(*) FROM pg_listening_channels()"),
            trace("the role", &["SET ROLE pg_monitor"], "SELECT CAST(current_user AS text)"),
            trace("the search path", &["SET search_path = pg_catalog"], "SELECT current_setting('search_path')"),
            trace(
                "the isolation level",
                &["SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE"],
                "SELECT current_setting('default_transaction_isolation')",
            ),
            trace(
                "a prepared statement",
                &["PREPARE mine AS SELECT 1"],
                "SELECT count(*) FROM pg_prepared_statements WHERE name = 'mine'",
            ),
            trace(
                "an open cursor",
                &["DECLARE mine CURSOR WITH HOLD FOR SELECT 1"],
                "SELECT count(*) FROM pg_cursors WHERE name = 'mine'",
            ),
        ],
        Engine::MySql => vec![
            trace("a failed statement in a transaction", &["BEGIN", insert, insert], rows),
            trace("a variable of the user", &["SET @word = 'left'"], "SELECT COALESCE(@word, 'nothing')"),
            trace("a setting", &["SET innodb_lock_wait_timeout = 7"], "SELECT @@innodb_lock_wait_timeout"),
            trace("a temporary table", &["CREATE TEMPORARY TABLE scratch (id int)"], "SELECT count(*) FROM scratch"),
            trace(
                "a lock",
                &["SELECT GET_LOCK(CONCAT(LEFT(DATABASE(), 50), '_p7'), 0)"],
                "SELECT IS_USED_LOCK(CONCAT(LEFT(DATABASE(), 50), '_p7')) IS NULL",
            ),
            trace("the current database", &["USE information_schema"], "SELECT DATABASE()"),
            trace(
                "the isolation level",
                &["SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE"],
                if conn.info().dialect.name == "mariadb" {
                    "SELECT @@tx_isolation"
                } else {
                    "SELECT @@transaction_isolation"
                },
            ),
            trace("autocommit", &["SET autocommit = 0"], "SELECT @@autocommit"),
            trace("a prepared statement", &["PREPARE mine FROM 'SELECT 1'"], "EXECUTE mine"),
        ],
    });
    traces
}

/// The traces that are left in other ways than by statements.
fn traces_by_the_way(engine: Engine) -> Vec<Trace> {
    if engine != Engine::Postgres {
        return Vec::new();
    }
    let set = "SELECT set_config('work_mem', '7MB', false)";
    let probe = "SELECT current_setting('work_mem')";
    let out = format!("COPY ({set}) TO STDOUT");
    let into = "COPY item (id) FROM STDIN WHERE set_config('work_mem', '7MB', false) IS NULL";
    vec![
        Trace { way: Way::Pipeline, ..trace("a setting by a pipeline", &["SELECT 1", set], probe) },
        Trace { way: Way::CopyOut, ..trace("a setting by a COPY to the program", &[&out], probe) },
        Trace { way: Way::CopyIn, ..trace("a setting by a COPY from the program", &[into], probe) },
    ]
}

/// Gives what a probe tells: a value, or the kind of its error.
async fn probe(pool: &Pool, sql: &str) -> String {
    match pool.fetch_value::<Value>(sql, ()).await {
        Ok(value) => format!("{value:?}"),
        Err(error) => error.kind().to_string(),
    }
}

/// Leaves a trace, and tells whether the next borrower sees it.
async fn is_seen(pool: &Pool, trace: &Trace) -> Result<bool> {
    let before = probe(pool, trace.probe).await;
    let conn = pool.acquire().await?;
    match trace.way {
        Way::Statements => {
            let mut lease = conn.lease().await?;
            for (index, sql) in trace.leave.iter().enumerate() {
                // The third is there to fail.
                let ran = run(lease.connection(), sql).await;
                assert_eq!(ran.is_err(), index == 2, "{}: {sql}: {ran:?}", trace.name);
            }
        }
        Way::Pipeline => {
            let mut pipeline = conn.pipeline();
            for sql in &trace.leave {
                pipeline.add(sql, ());
            }
            pipeline.run().await?;
        }
        Way::CopyOut => {
            conn.copy_out(&trace.leave[0]).await?.try_collect::<Vec<_>>().await?;
        }
        Way::CopyIn => {
            let mut copy = conn.copy_in(&trace.leave[0]).await?;
            copy.send("1\n").await?;
            copy.finish().await?;
        }
    }
    drop(conn);
    Ok(probe(pool, trace.probe).await != before)
}

async fn nothing_of_a_borrower_is_left_to_the_next(database: Database) -> Verdict {
    let pool = PoolOptions::new().max_size(1).connect(&database.url).await?;
    create_item(&pool).await?;
    let mut traces = traces(&database, &oarlock::connect(&database.url).await?);
    traces.extend(traces_by_the_way(database.engine));
    for trace in &traces {
        assert!(!is_seen(&pool, trace).await?, "{} is left to the next borrower", trace.name);
        assert_eq!(pool.status().created, 1, "{}: the connection is kept", trace.name);
    }
    for trace in &traces {
        let careless =
            Pool::new(Arc::new(Liar::new(&database.url, Lie::ResetIsSaidOnly)?), PoolOptions::new().max_size(1));
        assert!(is_seen(&careless, trace).await?, "{}: a pool that does not reset is not noticed", trace.name);
        careless.close().await?;
    }
    Ok(())
}

async fn what_changes_nothing_is_lent_again_without_a_reset(database: Database) -> Verdict {
    let pool = PoolOptions::new().max_size(1).connect(&database.url).await?;
    create_item(&pool).await?;
    let resets = pool.status().resets;
    for id in 0..5_i64 {
        pool.execute("INSERT INTO item (id) VALUES (?)", (id,)).await?;
        pool.transaction(|tx| async move { tx.execute("UPDATE item SET id = id WHERE id = ?", (id,)).await }).await?;
        assert_eq!(pool.fetch_value::<i64>("SELECT count(*) FROM item WHERE id <= ?", (id,)).await?, id + 1);
        let conn = pool.acquire().await?;
        conn.fetch_all::<(i64,)>("SELECT id FROM item ORDER BY id", ()).await?;
    }
    assert_eq!(pool.status().resets, resets, "of sessions that nobody has changed");
    Ok(())
}
