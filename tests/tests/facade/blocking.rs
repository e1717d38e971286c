//! The same names without `async`.

use std::time::Duration;

use oarlock::blocking::{self, Pool};
use oarlock::tpc::Branch;
use oarlock::{Column, DbExt, ErrorKind, FromRow, PoolOptions, TxOptions};
use oarlock_tests::{Database, Verdict, on_every_engine, refused};

on_every_engine!(every_name_works_without_async, a_call_inside_an_asynchronous_task_is_an_error);

#[derive(Debug, PartialEq, FromRow)]
struct Item {
    id: i64,
}

async fn every_name_works_without_async(database: Database) -> Verdict {
    // A thread of its own, as a program without a runtime has.
    tokio::task::spawn_blocking(move || std::thread::spawn(move || walk(&database.url)).join())
        .await
        .expect("the task runs")
        .expect("the thread does not panic")?;
    Ok(())
}

fn walk(url: &str) -> oarlock::Result<()> {
    let conn = blocking::connect(url)?;
    conn.script("CREATE TABLE item (id BIGINT NOT NULL PRIMARY KEY); INSERT INTO item VALUES (1)")?;
    assert_eq!(conn.execute("INSERT INTO item VALUES (?)", (2,))?.rows_affected, Some(1));
    assert_eq!(conn.execute_many("INSERT INTO item VALUES (?)", [(3,), (4,)])?.rows_affected, Some(2));
    assert_eq!(conn.fetch_all::<Item>("SELECT id FROM item ORDER BY id", ())?.len(), 4);
    assert_eq!(conn.fetch_one::<Item>("SELECT id FROM item WHERE id = ?", (9,))?, None);
    assert_eq!(conn.require_one::<Item>("SELECT id FROM item WHERE id = ?", (2,))?, Item { id: 2 });
    assert_eq!(conn.fetch_value::<i64>("SELECT COUNT(*) FROM item", ())?, 4);

    let mut cursor = conn.cursor()?;
    cursor.execute("SELECT id FROM item ORDER BY id", ())?;
    assert_eq!(cursor.description().iter().map(|column: &Column| &*column.name).collect::<Vec<_>>(), ["id"]);
    assert_eq!(cursor.fetch_one::<Item>()?, Some(Item { id: 1 }));
    assert_eq!(cursor.fetch_many::<Item>(2)?, [Item { id: 2 }, Item { id: 3 }]);
    assert_eq!(cursor.fetch_all::<Item>()?, [Item { id: 4 }]);
    assert!(!cursor.next_set()?);
    cursor.finish()?;
    assert_eq!(cursor.warnings()?, []);
    assert_eq!(cursor.row_count(), Some(4));
    drop(cursor);
    let buffered = conn.query("SELECT id FROM item ORDER BY id", ())?.buffered()?;
    assert_eq!(buffered.row_count(), 4);

    let mut streamed = Vec::new();
    for row in conn.query("SELECT id FROM item ORDER BY id", ())? {
        streamed.push(row?.get::<i64>("id")?);
    }
    assert_eq!(streamed, [1, 2, 3, 4]);
    assert_eq!(conn.table_names(None)?, ["item"]);
    assert_eq!(conn.table(None, "item")?.columns.len(), 1);
    assert_eq!(conn.describe("SELECT id FROM item WHERE id = ?")?.arity, 1);
    pipelines(&conn)?;
    limits(&conn)?;
    if !conn.info().capabilities.procedures {
        refused(conn.call_procedure("nothing", ()), ErrorKind::NotSupported);
    }
    conn.ping()?;

    conn.begin()?.rollback()?;
    let tx = conn.begin_with(TxOptions::new())?;
    tx.execute("DELETE FROM item", ())?;
    drop(tx);
    conn.transaction(|tx| tx.execute("DELETE FROM item WHERE id = 4", ()).map(drop))?;
    let failed = conn.transaction(|tx| {
        tx.execute("DELETE FROM item", ())?;
        tx.execute("INSERT INTO item VALUES (7), (7)", ()).map(drop)
    });
    refused(failed, ErrorKind::UniqueViolation);
    assert_eq!(conn.fetch_value::<i64>("SELECT COUNT(*) FROM item", ())?, 3);

    conn.set_autocommit(false)?;
    conn.execute("DELETE FROM item", ())?;
    conn.rollback()?;
    conn.execute("DELETE FROM item WHERE id = 3", ())?;
    conn.commit()?;
    conn.set_autocommit(true)?;
    assert_eq!(conn.tpc_branch()?, Branch::None);
    let begun = conn.xid(1, format!("blocking {}", std::process::id()), "").and_then(|xid| conn.tpc_begin(&xid));
    if begun.is_ok() {
        conn.tpc_prepare()?;
        assert!(matches!(conn.tpc_branch()?, Branch::Prepared(_)));
        conn.tpc_rollback(None)?;
        refused(conn.tpc_commit(None), ErrorKind::Interface);
        drop(conn.tpc_recover()?);
    } else {
        // SQLite has it not, and a server's settings may forbid it.
        refused(begun, ErrorKind::NotSupported);
    }
    conn.close()?;

    let pool = Pool::connect(url)?;
    let clone = pool.clone();
    let threads: Vec<_> = (10..14)
        .map(|id| {
            let pool = clone.clone();
            std::thread::spawn(move || pool.execute("INSERT INTO item VALUES (?)", (id,)).map(drop))
        })
        .collect();
    for thread in threads {
        thread.join().expect("no thread panics")?;
    }
    assert_eq!(pool.fetch_value::<i64>("SELECT COUNT(*) FROM item", ())?, 6);

    // What is dropped on a thread without a runtime goes back to the pool all the same, and clean.
    let pool = Pool::connect_with(url, PoolOptions::new().max_size(1))?;
    for _ in 0..3 {
        let tx = pool.begin()?;
        tx.execute("DELETE FROM item", ())?;
        drop(tx);
        let mut cursor = pool.query("SELECT id FROM item ORDER BY id", ())?;
        assert_eq!(cursor.fetch_one::<Item>()?, Some(Item { id: 1 }));
        drop(cursor);
        let conn = pool.acquire()?;
        conn.set_autocommit(false)?;
        conn.execute("DELETE FROM item", ())?;
    }
    assert_eq!(pool.fetch_value::<i64>("SELECT COUNT(*) FROM item", ())?, 6);
    assert_eq!(pool.status().size, 1);
    pool.close()?;
    refused(pool.acquire(), ErrorKind::PoolClosed);
    Ok(())
}

async fn a_call_inside_an_asynchronous_task_is_an_error(database: Database) -> Verdict {
    let error = refused(blocking::connect(&database.url), ErrorKind::Interface);
    assert_eq!(
        error.to_string(),
        "a blocking call was made on a thread of an asynchronous runtime (use the asynchronous namesake there, or a thread of one's \
         own)"
    );
    let pool = blocking::Blocking::new(oarlock::Pool::connect(&database.url).await?);
    refused(pool.execute("SELECT 1", ()), ErrorKind::Interface);
    let inner = pool.into_inner();
    assert_eq!(inner.fetch_value::<i64>("SELECT 1", ()).await?, 1, "the refusal does no harm");
    Ok(())
}

/// Statements sent together.
fn pipelines(conn: &blocking::Conn) -> oarlock::Result<()> {
    let mut pipeline = conn.pipeline();
    pipeline.options(TxOptions::new()).add("INSERT INTO item VALUES (?)", (5,)).add("SELECT COUNT(*) FROM item", ());
    assert_eq!((pipeline.len(), pipeline.is_empty()), (2, false));
    let mut results = pipeline.run()?;
    assert_eq!(results[0].outcome().rows_affected, Some(1));
    assert_eq!(results[1].fetch_one::<(i64,)>()?, Some((5,)));
    let error = refused(pipeline.run(), ErrorKind::UniqueViolation);
    assert_eq!(error.batch_index(), Some(0));
    conn.execute("DELETE FROM item WHERE id = 5", ()).map(drop)
}

/// Limits of time, of a call, a connection and a transaction.
fn limits(conn: &blocking::Conn) -> oarlock::Result<()> {
    conn.execute_many("INSERT INTO item VALUES (?)", (1000..3000).map(|id| (id,)).collect::<Vec<_>>())?;
    let endless = "SELECT COUNT(*) FROM item a, item b, item c, item d, item e, item f";
    let limit = Duration::from_millis(50);
    refused(conn.with_timeout(limit).fetch_value::<i64>(endless, ()), ErrorKind::StatementTimeout);
    refused(conn.with_timeout(limit).transaction(|tx| tx.fetch_value::<i64>(endless, ())), ErrorKind::StatementTimeout);
    conn.set_timeout(limit);
    assert_eq!(conn.timeout(), Some(limit));
    refused(conn.execute(endless, ()), ErrorKind::StatementTimeout);
    conn.set_timeout(None);
    let mut tx = conn.begin()?;
    tx.set_timeout(limit);
    refused(tx.execute(endless, ()), ErrorKind::StatementTimeout);
    drop(tx);
    conn.execute("DELETE FROM item WHERE id >= 1000", ()).map(drop)
}
