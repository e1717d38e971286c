//! Rules 1 to 5, 15, 16 and 54: how a session begins, ends and is made new, and that one statement has it at a time.

use oarlock_core::catalog::CatalogQuery;
use oarlock_core::connection::{Many, Query};
use oarlock_core::{Conn, Cursor, Db, DbExt, ErrorKind, Health, Result, TxOptions, TxState, Value, ValueRef};

use crate::bench::{Bench, until};
use crate::failure::{Verdict, refused};
use crate::tables::{count, insert, items, tx_state};

async fn health(conn: &Conn) -> Result<Health> {
    Ok(conn.lease().await?.connection().health())
}

/// A new connection is ready and in autocommit.
pub async fn r01_a_new_connection_is_ready_and_in_autocommit(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    assert_eq!(health(&conn).await?, Health::Ready);
    assert_eq!(tx_state(&conn).await?, TxState::Auto);
    assert!(conn.autocommit());
    items(&bench, &conn, 0).await?;
    insert(&conn, 1).await?;
    assert_eq!(count(&bench.conn().await?).await?, 1, "another connection sees the row at once");
    Ok(())
}

/// Close ends the session; a later call is an error, not a panic.
pub async fn r02_calls_after_close_are_errors(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    conn.close().await?;
    conn.close().await?;
    assert_eq!(health(&conn).await?, Health::Dead);
    let interface = ErrorKind::Interface;
    refused(conn.execute("SELECT 1", ()).await, interface, "execute");
    refused(conn.ping().await, interface, "ping");
    refused(conn.begin().await, interface, "begin");
    refused(conn.describe("SELECT 1").await, interface, "describe");
    refused(conn.script("SELECT 1").await, interface, "script");
    refused(conn.execute_many("SELECT ?", [(1,)]).await, interface, "execute_many");
    refused(conn.reset().await, interface, "reset");
    refused(conn.table_names(None).await, interface, "table_names");
    let mut lease = conn.lease().await?;
    let raw = lease.connection();
    refused(raw.commit().await, interface, "commit");
    refused(raw.savepoint("a").await, interface, "savepoint");
    refused(raw.warnings().await, interface, "warnings");
    refused(raw.catalog(CatalogQuery::Schemas).await, interface, "catalog");
    let many = Many { sql: "SELECT 1", names: None, width: 0, rows: 0, values: &[], guarded: false };
    refused(raw.execute_many(many).await, interface, "execute_many of no rows");
    refused(raw.start(Query::new("SELECT 1")).await, interface, "start");
    assert!(raw.columns().is_empty());
    raw.abandon();
    assert_eq!(raw.health(), Health::Dead);
    Ok(())
}

/// Close with an open transaction rolls back, and so does a drop without close.
pub async fn r03_close_rolls_an_open_transaction_back(bench: Bench) -> Verdict {
    let witness = bench.conn().await?;
    items(&bench, &witness, 0).await?;
    let conn = bench.conn().await?;
    conn.lease().await?.connection().begin(&TxOptions::new()).await?;
    insert_raw(&conn, 1).await?;
    conn.close().await?;
    assert_eq!(count(&witness).await?, 0, "after close");

    let conn = bench.conn().await?;
    conn.set_autocommit(false).await?;
    insert(&conn, 2).await?;
    assert_eq!(tx_state(&conn).await?, TxState::Open);
    conn.close().await?;
    assert_eq!(count(&witness).await?, 0, "after close without autocommit");

    let conn = bench.conn().await?;
    let tx = conn.begin().await?;
    insert(&tx, 3).await?;
    drop((tx, conn));
    // The row can be written once the lost session's lock on it is gone.
    assert!(until(async || Ok(insert(&witness, 3).await.is_ok())).await?, "the dropped session still holds its row");
    assert_eq!(count(&witness).await?, 1, "the row of the dropped connection is not there");
    Ok(())
}

async fn insert_raw(conn: &Conn, id: i64) -> Result<()> {
    let sql = format!("INSERT INTO item (id, name, n) VALUES ({id}, 'item', 1)");
    let mut lease = conn.lease().await?;
    oarlock_core::connection::run(lease.connection(), &sql).await.map(drop)
}

/// A ping succeeds on a live session and fails after close.
pub async fn r04_ping_tells_whether_the_session_lives(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    conn.ping().await?;
    assert_eq!(health(&conn).await?, Health::Ready);
    let tx = conn.begin().await?;
    tx.lease().await?.connection().ping().await?;
    assert_eq!(tx_state(&tx).await?, TxState::Open, "a ping leaves the transaction alone");
    tx.rollback().await?;
    conn.close().await?;
    refused(conn.ping().await, ErrorKind::Interface, "a ping after close");
    assert_eq!(health(&conn).await?, Health::Dead);
    Ok(())
}

/// Reset clears the transaction, session variables, temporary tables, isolation, search path or role, and locks.
pub async fn r05_reset_makes_the_session_new(bench: Bench) -> Verdict {
    let fresh = bench.conn().await?;
    let conn = bench.conn().await?;
    items(&bench, &fresh, 0).await?;

    conn.lease().await?.connection().begin(&TxOptions::new()).await?;
    insert(&conn, 1).await?;
    conn.reset().await?;
    assert_eq!(tx_state(&conn).await?, TxState::Auto, "no transaction remains");
    assert_eq!(count(&fresh).await?, 0, "its work is undone");

    for mark in &bench.fragments().marks {
        let unset: Value = conn.fetch_value(mark.probe, ()).await?;
        conn.execute(mark.set, ()).await?;
        let set: Value = conn.fetch_value(mark.probe, ()).await?;
        assert_ne!(set, unset, "{}: the probe does not see the change", mark.name);
        conn.reset().await?;
        let reset: Value = conn.fetch_value(mark.probe, ()).await?;
        assert_eq!(reset, unset, "{} survives a reset", mark.name);
    }

    conn.execute("CREATE TEMPORARY TABLE scratch (id int8)", ()).await?;
    conn.execute("INSERT INTO scratch (id) VALUES (1)", ()).await?;
    conn.reset().await?;
    refused(
        conn.execute("SELECT id FROM scratch", ()).await,
        ErrorKind::TableNotFound,
        "a temporary table after a reset",
    );

    // The session works as before, with the statements that were prepared before.
    insert(&conn, 2).await?;
    assert_eq!((count(&conn).await?, health(&conn).await?), (1, Health::Ready));
    Ok(())
}

/// A cursor sees its own connection's writes, committed or not.
pub async fn r15_a_cursor_sees_its_own_writes(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    items(&bench, &conn, 2).await?;
    let tx = conn.begin().await?;
    insert(&tx, 3).await?;
    tx.execute("UPDATE item SET n = ? WHERE id = ?", (-1, 1)).await?;
    tx.execute("DELETE FROM item WHERE id = ?", (2,)).await?;
    let rows: Vec<(i64, i64)> = tx.fetch_all("SELECT id, n FROM item ORDER BY id", ()).await?;
    assert_eq!(rows, [(1, -1), (3, 30)]);
    tx.commit().await?;
    assert_eq!(count(&conn).await?, 2);
    Ok(())
}

/// A second open cursor on one connection is rejected with a clear error, and the first goes on.
pub async fn r16_a_second_open_cursor_is_refused(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    items(&bench, &conn, 600).await?;
    let mut first = conn.query("SELECT id FROM item ORDER BY id", ()).await?;
    assert_eq!(first.fetch_one::<(i64,)>().await?, Some((1,)));
    let error = refused(conn.query("SELECT 1", ()).await, ErrorKind::Interface, "a second cursor");
    assert!(error.to_string().contains("cursor"), "the error tells what is in the way: {error}");
    refused(conn.begin().await, ErrorKind::Interface, "a transaction beside an open cursor");
    assert_eq!(first.fetch_all::<(i64,)>().await?.len(), 599);
    drop(first);
    assert_eq!(count(&conn).await?, 600);

    // The same below the cursor, where a driver must see it by itself.
    let mut lease = conn.lease().await?;
    let raw = lease.connection();
    raw.start(Query::new("SELECT id FROM item ORDER BY id")).await?;
    refused(raw.start(Query::new("SELECT 1")).await, ErrorKind::Interface, "a second start");
    let batch = std::future::poll_fn(|cx| raw.poll_fill(cx, 10)).await?.expect("600 rows");
    assert_eq!(batch.get(0, 0)?, ValueRef::I64(1), "the refusal leaves the open statement as it was");
    raw.abandon();
    drop(lease);
    assert_eq!(count(&conn).await?, 600);
    Ok(())
}

/// A half-read cursor that is dropped does not disturb the next statement.
pub async fn r54_a_dropped_cursor_leaves_the_connection_correct(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    items(&bench, &conn, 2000).await?;
    let wide = "SELECT a.id, a.name FROM item a CROSS JOIN (SELECT id FROM item WHERE id <= 20) b ORDER BY a.id, b.id";
    for read in [0, 1, 3, 1000] {
        let mut cursor: Cursor = conn.query(wide, ()).await?;
        cursor.set_array_size(7);
        assert_eq!(cursor.fetch_many::<(i64, String)>(read).await?.len(), read);
        drop(cursor);
        assert_eq!(conn.fetch_value::<i64>("SELECT 40 + 2", ()).await?, 42, "after {read} rows");
        conn.ping().await?;
        assert_eq!(health(&conn).await?, Health::Ready);
    }

    let tx = conn.begin().await?;
    insert(&tx, 5000).await?;
    let mut cursor = tx.query(wide, ()).await?;
    cursor.fetch_one::<(i64, String)>().await?;
    drop(cursor);
    assert_eq!(tx_state(&tx).await?, TxState::Open, "the transaction goes on");
    assert_eq!(tx.fetch_value::<i64>("SELECT count(*) FROM item WHERE id = 5000", ()).await?, 1);
    let mut cursor = tx.query(wide, ()).await?;
    cursor.fetch_one::<(i64, String)>().await?;
    drop(cursor);
    tx.commit().await?;
    assert_eq!(count(&conn).await?, 2001);

    // The same cursor, told to run another statement before the first was read.
    let mut cursor = conn.query(wide, ()).await?;
    cursor.fetch_one::<(i64, String)>().await?;
    cursor.execute("SELECT 'next'", ()).await?;
    assert_eq!(cursor.fetch_all::<(String,)>().await?, [("next".to_owned(),)]);
    Ok(())
}

/// A statement that writes and gives rows is carried out in full or not at all when its cursor is dropped half-read.
pub async fn r54_a_dropped_returning_is_all_or_nothing(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    items(&bench, &conn, 500).await?;
    if !bench.capabilities().insert_returning {
        return Ok(());
    }
    let mut expected = 500;
    for read in [0, 1, 100, 499, 500] {
        let sql = format!("INSERT INTO item (id, n) SELECT id + {expected}, n FROM item WHERE id <= 500 RETURNING id");
        let mut cursor = conn.query(&sql, ()).await?;
        cursor.set_array_size(1);
        assert_eq!(cursor.fetch_many::<(i64,)>(read).await?.len(), read);
        drop(cursor);
        let rows = count(&conn).await?;
        assert!(rows == expected || rows == expected + 500, "{rows} rows after {expected}, {read} of them read");
        assert_eq!(count(&bench.conn().await?).await?, rows, "another connection sees as many");
        expected = rows;
    }
    assert_eq!(tx_state(&conn).await?, TxState::Auto);
    Ok(())
}
