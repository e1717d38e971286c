//! Rules 27 to 32: counts, generated keys, and `execute_many`.

use oarlock_core::connection::Many;
use oarlock_core::schema::{Column, Table, Type};
use oarlock_core::{Conn, Db, DbExt, ErrorKind, Result, TxState};

use crate::bench::Bench;
use crate::failure::{Verdict, refused, refused_as};
use crate::tables::{count, ids, insert, items, tx_state};

async fn affected(db: &impl Db, sql: &str) -> Result<Option<u64>> {
    Ok(db.execute(sql, ()).await?.rows_affected)
}

/// `row_count` is the number of matched rows for UPDATE, also where nothing changed.
pub async fn r27_row_count_is_the_number_of_matched_rows(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    items(&bench, &conn, 8).await?;
    assert_eq!(affected(&conn, "UPDATE item SET n = n").await?, Some(8), "nothing changed");
    assert_eq!(affected(&conn, "UPDATE item SET n = 10 WHERE id <= 3").await?, Some(3), "one is 10 already");
    assert_eq!(affected(&conn, "UPDATE item SET n = 1 WHERE id > 100").await?, Some(0));
    assert_eq!(conn.execute("UPDATE item SET n = ? WHERE id < ?", (10, 4)).await?.rows_affected, Some(3));
    assert_eq!(affected(&conn, "INSERT INTO item (id) VALUES (9), (10), (11)").await?, Some(3));
    assert_eq!(affected(&conn, "INSERT INTO item (id) SELECT id FROM item WHERE id < 0").await?, Some(0));
    assert_eq!(affected(&conn, "DELETE FROM item WHERE id > 9").await?, Some(2));
    assert_eq!(affected(&conn, "DELETE FROM item WHERE id > 9").await?, Some(0));
    let mut cursor = conn.query("SELECT id FROM item WHERE id > ?", (4,)).await?;
    assert_eq!(cursor.fetch_all::<(i64,)>().await?.len(), 5);
    assert_eq!(cursor.row_count(), Some(5), "the rows that a query gave");
    Ok(())
}

/// `row_count` of DDL is None, never a stale number.
pub async fn r28_row_count_of_ddl_is_none(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    items(&bench, &conn, 8).await?;
    for ddl in [
        "CREATE TABLE made (id int)",
        "CREATE INDEX made_id ON made (id)",
        "ALTER TABLE made ADD n int",
        "DROP TABLE made",
    ] {
        assert_eq!(affected(&conn, "UPDATE item SET n = 5").await?, Some(8));
        assert_eq!(affected(&conn, ddl).await?, None, "{ddl}");
    }
    Ok(())
}

/// Counts with RETURNING are right after finish, however many rows were read.
pub async fn r29_counts_with_returning_are_right(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    items(&bench, &conn, 8).await?;
    let c = bench.capabilities();
    for (sql, declared, found) in [
        ("INSERT INTO item (id, n) VALUES (21, 1), (22, 2), (23, 3) RETURNING id, n", c.insert_returning, 3),
        ("UPDATE item SET n = 5 WHERE id <= 4 RETURNING id, n", c.update_returning, 4),
        ("DELETE FROM item WHERE id BETWEEN 5 AND 8 RETURNING id, n", c.delete_returning, 4),
    ] {
        for read in [0, 2, 100] {
            let tx = conn.begin().await?;
            if !declared {
                refused_as(tx.execute(sql, ()).await, &[ErrorKind::NotSupported, ErrorKind::Syntax], sql);
                tx.rollback().await?;
                continue;
            }
            let mut cursor = tx.query(sql, ()).await?;
            let names: Vec<&str> = cursor.description().iter().map(|column| &*column.name).collect();
            assert_eq!(names, ["id", "n"], "{sql}");
            assert_eq!(cursor.fetch_many::<(i64, i64)>(read).await?.len(), read.min(found), "{sql}");
            assert_eq!(cursor.finish().await?.rows_affected, u64::try_from(found).ok(), "{sql} after {read} rows");
            drop(cursor);
            tx.rollback().await?;
        }
    }
    assert_eq!(count(&conn).await?, 8);
    Ok(())
}

/// `execute_many` is all or nothing, reports the sum, and on failure the failing index.
pub async fn r30_execute_many_is_all_or_nothing(bench: Bench) -> Verdict {
    const INSERT: &str = "INSERT INTO item (id, name, n) VALUES (?, ?, ?)";
    let conn = bench.conn().await?;
    items(&bench, &conn, 0).await?;
    let row = |id: i64| (id, format!("item {id}"), (id % 2 == 0).then_some(id));
    let rows: Vec<_> = (1..=500).map(row).collect();
    assert_eq!(conn.execute_many(INSERT, &rows).await?.rows_affected, Some(500));
    let found: Vec<(i64, String, Option<i64>)> = conn.fetch_all("SELECT id, name, n FROM item ORDER BY id", ()).await?;
    assert_eq!(found, rows);
    assert_eq!(tx_state(&conn).await?, TxState::Auto);

    let updates = [(0, 100), (0, 2), (0, 0)];
    assert_eq!(
        conn.execute_many("UPDATE item SET n = ? WHERE id <= ?", updates).await?.rows_affected,
        Some(102),
        "the sum"
    );

    for failing in [0, 317, 499] {
        let rows: Vec<_> = (0..500).map(|index| row(if index == failing { 7 } else { 1000 + index })).collect();
        let error =
            refused(conn.execute_many(INSERT, &rows).await, ErrorKind::UniqueViolation, "a batch with a known key");
        assert_eq!(error.batch_index().and_then(|index| i64::try_from(index).ok()), Some(failing));
        assert_eq!((count(&conn).await?, tx_state(&conn).await?), (500, TxState::Auto), "nothing of the batch remains");
    }
    Ok(())
}

/// Inside a transaction, `execute_many` undoes itself alone.
pub async fn r30_execute_many_in_a_transaction_undoes_itself_alone(bench: Bench) -> Verdict {
    const INSERT: &str = "INSERT INTO item (id, n) VALUES (:id, :n)";
    let conn = bench.conn().await?;
    items(&bench, &conn, 0).await?;
    let tx = conn.begin().await?;
    insert(&tx, 1).await?;
    let batch = |rows: Vec<(i64, i64)>| {
        let tx = &tx;
        async move {
            let mut lease = tx.lease().await?;
            let values: Vec<_> = rows.iter().flat_map(|row| [row.0, row.1]).map(oarlock_core::ValueRef::I64).collect();
            let many = Many {
                sql: INSERT,
                names: Some(&["id", "n"]),
                width: 2,
                rows: rows.len(),
                values: &values,
                guarded: true,
            };
            lease.connection().execute_many(many).await
        }
    };
    let error = refused(batch(vec![(2, 2), (3, 3), (1, 1), (4, 4)]).await, ErrorKind::UniqueViolation, "a known key");
    assert_eq!(error.batch_index(), Some(2));
    assert_eq!(tx_state(&tx).await?, TxState::Open);
    assert_eq!(ids(&tx).await?, [1], "the work before it is there");
    assert_eq!(batch(vec![(5, 5), (6, 6)]).await?.rows_affected, Some(2));
    tx.commit().await?;
    assert_eq!(ids(&conn).await?, [1, 5, 6]);

    // A row that does not fit the statement is found before anything is sent.
    let wrong = conn.execute_many("INSERT INTO item (id, n) VALUES (?, ?)", vec![vec![10, 1], vec![11]]).await;
    assert_eq!(refused(wrong, ErrorKind::Parameters, "a row too short").batch_index(), Some(1));
    refused(
        conn.execute_many("INSERT INTO item (id) VALUES (?)", [(1, 2)]).await,
        ErrorKind::Parameters,
        "a row too long",
    );
    assert_eq!(ids(&conn).await?, [1, 5, 6]);
    Ok(())
}

/// An empty `execute_many` does nothing.
pub async fn r31_an_empty_execute_many_does_nothing(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    items(&bench, &conn, 3).await?;
    let none: [(i64,); 0] = [];
    assert_eq!(conn.execute_many("DELETE FROM item WHERE id <> ?", none).await?.rows_affected, Some(0));
    let sql = "DELETE FROM item WHERE id <> ?";
    let many = Many { sql, names: None, width: 1, rows: 0, values: &[], guarded: false };
    assert_eq!(conn.lease().await?.connection().execute_many(many).await?.rows_affected, Some(0));
    assert_eq!((count(&conn).await?, tx_state(&conn).await?), (3, TxState::Auto));
    Ok(())
}

fn numbered() -> Table {
    Table::new("numbered")
        .column(Column::new("id", Type::Int8).auto())
        .column(Column::new("name", Type::VarChar(100)))
        .primary_key(["id"])
}

/// `last_insert_id` is None unless this statement inserted.
pub async fn r32_last_insert_id_is_none_unless_this_statement_inserted(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    bench.create(&conn, &numbered()).await?;
    let last = |sql: &'static str| {
        let conn: &Conn = &conn;
        async move { Ok::<_, oarlock_core::Error>(conn.execute(sql, ()).await?.last_insert_id) }
    };
    let key = |id: i64| bench.capabilities().last_insert_id.then_some(id);
    assert_eq!(last("INSERT INTO numbered (name) VALUES ('one')").await?, key(1));
    assert_eq!(conn.execute("INSERT INTO numbered (name) VALUES (?)", ("two",)).await?.last_insert_id, key(2));
    for sql in [
        "UPDATE numbered SET name = 'uno' WHERE id = 2",
        "SELECT name FROM numbered",
        "DELETE FROM numbered WHERE id = 1",
        "INSERT INTO numbered (name) SELECT name FROM numbered WHERE id < 0",
        "CREATE TABLE made (id int)",
    ] {
        assert_eq!(last(sql).await?, None, "{sql}");
    }
    assert_eq!(last("INSERT INTO numbered (name) VALUES ('three')").await?, key(3));
    let mut cursor = conn.query("SELECT name FROM numbered ORDER BY id", ()).await?;
    cursor.fetch_one::<(String,)>().await?;
    assert_eq!(cursor.last_insert_id(), None);
    Ok(())
}
