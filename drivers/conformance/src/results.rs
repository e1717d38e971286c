//! Rules 17 to 26: columns and rows.

use std::future::poll_fn;
use std::sync::Arc;

use oarlock_core::connection::Query;
use oarlock_core::result::Origin;
use oarlock_core::{Column, Db, DbExt, ErrorKind, Row, Scroll, TxState};

use crate::bench::Bench;
use crate::failure::{Verdict, refused};
use crate::tables::{count, insert, items, tx_state};

fn names(columns: &[Column]) -> Vec<&str> {
    columns.iter().map(|column| &*column.name).collect()
}

/// A SELECT with no rows still has columns.
pub async fn r17_a_select_without_rows_has_columns(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    items(&bench, &conn, 1).await?;
    let mut cursor = conn.query("SELECT id, name AS label FROM item WHERE id < ?", (0,)).await?;
    assert_eq!(names(cursor.description()), ["id", "label"]);
    assert_eq!(cursor.fetch_one::<Row>().await?.map(|row| row.len()), None);
    assert_eq!(names(cursor.description()), ["id", "label"], "also at the end");
    drop(cursor);
    let mut cursor = conn.query("SELECT id, name AS label FROM item WHERE id < 0", ()).await?;
    assert_eq!(names(cursor.description()), ["id", "label"], "without parameters");
    assert_eq!(cursor.fetch_all::<(i64, String)>().await?, []);
    drop(cursor);
    let description = conn.describe("SELECT id, name AS label FROM item WHERE id < ?").await?;
    assert_eq!(names(&description.columns), ["id", "label"]);
    assert_eq!((description.arity, description.native_arity), (1, 1));
    Ok(())
}

/// DDL and a plain INSERT have no columns.
pub async fn r18_statements_without_rows_have_no_columns(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    items(&bench, &conn, 1).await?;
    for sql in [
        "CREATE TABLE made (id int)",
        "INSERT INTO item (id) VALUES (2)",
        "UPDATE item SET n = 1",
        "DELETE FROM item WHERE id = 2",
        "DROP TABLE made",
    ] {
        let cursor = conn.query(sql, ()).await?;
        assert_eq!(names(cursor.description()), Vec::<&str>::new(), "{sql}");
    }
    let cursor = conn.query("INSERT INTO item (id) VALUES (?)", (3,)).await?;
    assert_eq!(names(cursor.description()), Vec::<&str>::new());
    drop(cursor);
    assert_eq!(conn.describe("INSERT INTO item (id) VALUES (?)").await?.columns, []);
    Ok(())
}

/// Fetching from a statement without rows is an error; the transaction is unharmed.
pub async fn r19_fetching_without_rows_is_an_error(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    items(&bench, &conn, 0).await?;
    let tx = conn.begin().await?;
    let mut cursor = tx.cursor().await?;
    refused(cursor.fetch_one::<Row>().await, ErrorKind::Interface, "a fetch before anything was executed");
    cursor.execute("INSERT INTO item (id) VALUES (?)", (1,)).await?;
    refused(cursor.fetch_one::<Row>().await, ErrorKind::Interface, "fetch_one");
    refused(cursor.fetch_many::<Row>(5).await, ErrorKind::Interface, "fetch_many");
    refused(cursor.fetch_all::<Row>().await, ErrorKind::Interface, "fetch_all");
    assert_eq!(cursor.row_count(), Some(1));
    drop(cursor);
    assert_eq!(tx_state(&tx).await?, TxState::Open);
    tx.commit().await?;
    assert_eq!(count(&conn).await?, 1);
    Ok(())
}

/// Duplicate column names survive; lookup by name gives the first.
pub async fn r20_duplicate_names_survive(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    let row: Row = conn.require_one("SELECT 1 AS a, 2 AS b, 3 AS a", ()).await?;
    assert_eq!(names(row.columns()), ["a", "b", "a"]);
    assert_eq!(row.get::<i64>("a")?, 1);
    assert_eq!((row.get::<i64>(0)?, row.get::<i64>(1)?, row.get::<i64>(2)?), (1, 2, 3));
    refused(row.get::<i64>("c"), ErrorKind::ColumnNotFound, "a column that is not there");
    Ok(())
}

/// An alias is the name; the origin is table and column, or none.
pub async fn r21_an_alias_is_the_name(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    items(&bench, &conn, 1).await?;
    let sql = "SELECT i.name AS \u{fc}ber, i.id, i.n + 1 AS more FROM item i";
    let cursor = conn.query(sql, ()).await?;
    assert_eq!(names(cursor.description()), ["\u{fc}ber", "id", "more"]);
    let origins: Vec<Option<Origin>> = cursor.description().iter().map(|column| column.origin.clone()).collect();
    let from = |column: &str| {
        let origin = Origin { table: Arc::from("item"), column: Arc::from(column) };
        bench.capabilities().column_origin.then_some(origin)
    };
    assert_eq!(origins, [from("name"), from("id"), None]);
    Ok(())
}

/// After the end, `fetch_one` gives None, for ever.
pub async fn r22_after_the_end_there_is_nothing_for_ever(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    items(&bench, &conn, 2).await?;
    let mut cursor = conn.query("SELECT id FROM item ORDER BY id", ()).await?;
    assert_eq!(cursor.fetch_one::<(i64,)>().await?, Some((1,)));
    assert_eq!(cursor.row_count(), None, "not known before the end");
    assert_eq!(cursor.fetch_one::<(i64,)>().await?, Some((2,)));
    for _ in 0..3 {
        assert_eq!(cursor.fetch_one::<(i64,)>().await?, None);
    }
    assert_eq!(cursor.fetch_all::<(i64,)>().await?, []);
    assert_eq!((cursor.row_count(), cursor.row_number()), (Some(2), 2));
    drop(cursor);

    // Below the cursor, where the driver answers by itself.
    let mut lease = conn.lease().await?;
    let raw = lease.connection();
    raw.start(Query::new("SELECT id FROM item")).await?;
    let mut rows = 0;
    while let Some(batch) = poll_fn(|cx| raw.poll_fill(cx, 100)).await? {
        rows += batch.len();
    }
    assert_eq!(rows, 2);
    for _ in 0..3 {
        assert!(poll_fn(|cx| raw.poll_fill(cx, 100)).await?.is_none());
    }
    assert_eq!(poll_fn(|cx| raw.poll_finish(cx)).await?.rows_affected, Some(2));
    Ok(())
}

/// `fetch_many` never exceeds n, and is empty at the end; neither does a batch exceed what was asked for.
pub async fn r23_fetch_many_never_exceeds_n(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    items(&bench, &conn, 10).await?;
    let mut cursor = conn.query("SELECT id FROM item ORDER BY id", ()).await?;
    for (ask, found) in [(3, 3), (0, 0), (4, 4), (10, 3), (5, 0), (1, 0)] {
        assert_eq!(cursor.fetch_many::<(i64,)>(ask).await?.len(), found, "fetch_many({ask})");
    }
    drop(cursor);
    let mut lease = conn.lease().await?;
    let raw = lease.connection();
    for max in [1, 3, 100] {
        raw.start(Query::new("SELECT id FROM item ORDER BY id")).await?;
        let mut rows = 0;
        while let Some(batch) = poll_fn(|cx| raw.poll_fill(cx, max)).await? {
            assert!((1..=max).contains(&batch.len()), "{} rows where at most {max} were asked for", batch.len());
            rows += batch.len();
        }
        assert_eq!(rows, 10);
        poll_fn(|cx| raw.poll_finish(cx)).await?;
    }
    Ok(())
}

/// Mixed fetches keep order and lose nothing; a batch outlives its cursor and connection.
pub async fn r24_mixed_fetches_keep_order(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    items(&bench, &conn, 1000).await?;
    let mut cursor = conn.query("SELECT id, name FROM item ORDER BY id", ()).await?;
    cursor.set_array_size(64);
    let mut rows: Vec<Row> = Vec::new();
    rows.extend(cursor.fetch_one::<Row>().await?);
    rows.extend(cursor.fetch_many::<Row>(100).await?);
    let mut typed = cursor.rows::<Row>()?;
    rows.extend(typed.next().await?);
    rows.extend(typed.next().await?);
    rows.extend(cursor.fetch_many::<Row>(None).await?);
    rows.extend(cursor.fetch_one::<Row>().await?);
    rows.extend(cursor.fetch_all::<Row>().await?);
    drop(cursor);
    conn.close().await?;
    drop(conn);
    assert_eq!(rows.len(), 1000);
    for (index, row) in rows.iter().enumerate() {
        assert_eq!(row.read::<(usize, String)>()?, (index + 1, format!("item {}", index + 1)));
    }

    let conn = bench.conn().await?;
    let mut buffered = conn.query("SELECT id FROM item ORDER BY id", ()).await?.buffered().await?;
    assert_eq!(count(&conn).await?, 1000, "a buffered cursor holds no connection");
    buffered.scroll(Scroll::Absolute(998))?;
    assert_eq!(buffered.fetch_all::<(i64,)>()?, [(999,), (1000,)]);
    buffered.scroll(Scroll::Relative(-1000))?;
    assert_eq!(buffered.fetch_one::<(i64,)>()?, Some((1,)));
    refused(buffered.scroll(Scroll::Relative(-2)), ErrorKind::OutOfRange, "a scroll before the first row");
    Ok(())
}

/// A changed `array_size` counts from the next fill.
pub async fn r25_a_changed_array_size_counts_from_the_next_fill(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    items(&bench, &conn, 50).await?;
    let mut cursor = conn.query("SELECT id FROM item ORDER BY id", ()).await?;
    cursor.set_array_size(3);
    assert_eq!(cursor.fetch_many::<(i64,)>(None).await?, [(1,), (2,), (3,)]);
    cursor.set_array_size(5);
    assert_eq!(cursor.fetch_many::<(i64,)>(None).await?, [(4,), (5,), (6,), (7,), (8,)]);
    cursor.set_array_size(0);
    assert_eq!(cursor.array_size(), 1);
    assert_eq!(cursor.fetch_many::<(i64,)>(None).await?, [(9,)]);
    assert_eq!(cursor.fetch_all::<(i64,)>().await?.len(), 41);
    Ok(())
}

/// `next_set` drops the rest of the current set, and is false at the end.
pub async fn r26_next_set_drops_the_rest(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    items(&bench, &conn, 3).await?;
    let mut cursor = conn.query("SELECT id FROM item ORDER BY id", ()).await?;
    cursor.fetch_one::<(i64,)>().await?;
    assert!(!cursor.next_set().await?, "a SELECT has one set");
    assert!(!cursor.next_set().await?);
    assert_eq!(cursor.fetch_one::<(i64,)>().await?, None, "the rest was dropped");
    drop(cursor);
    if !bench.capabilities().multiple_result_sets {
        return Ok(());
    }
    let procedure = bench.fragments().procedure.expect("several sets are declared: the fragments need a procedure");
    conn.execute(procedure, ()).await?;
    for read in [0, 1, 2] {
        let mut cursor = conn.call_procedure("add_one", (7,)).await?;
        assert_eq!(names(cursor.description()), ["n"]);
        assert_eq!(cursor.fetch_many::<(i64,)>(read).await?, [(7,), (8,)][..read]);
        assert!(cursor.next_set().await?, "a second set after {read} rows of the first");
        assert_eq!(names(cursor.description()), ["word"]);
        assert_eq!(cursor.fetch_all::<(String,)>().await?, [("done".to_owned(),)]);
        assert!(!cursor.next_set().await?);
        assert!(!cursor.next_set().await?);
    }
    let mut cursor = conn.call_procedure("add_one", (1,)).await?;
    assert_eq!(cursor.fetch_all::<(i64,)>().await?, [(1,), (2,)]);
    assert_eq!(cursor.fetch_one::<(i64,)>().await?, None, "a fetch does not go on to the next set");
    drop(cursor);
    insert(&conn, 4).await?;
    assert_eq!(count(&conn).await?, 4, "a call that was not read to its end leaves the connection correct");
    Ok(())
}
