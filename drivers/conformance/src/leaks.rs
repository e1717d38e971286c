//! Rule 60: nothing is left on the server. Every test looks for what it left behind; these look at single causes.

use oarlock_core::{Db, DbExt, Result};

use crate::bench::{Bench, until};
use crate::failure::Verdict;
use crate::tables::{count, insert, items};

/// Statements that fall out of the cache are closed on the server.
pub async fn r60_statements_out_of_the_cache_are_closed(bench: Bench) -> Verdict {
    const CAPACITY: i64 = 4;
    let conn = bench.conn_with("statement_cache", &CAPACITY.to_string()).await?;
    items(&bench, &conn, 3).await?;
    for round in 0..40 {
        let sql = format!("SELECT id + {round} FROM item WHERE id = ?");
        assert_eq!(conn.fetch_value::<i64>(&sql, (1,)).await?, round + 1);
        let many = format!("UPDATE item SET n = ? + {round} WHERE id = ?");
        conn.execute_many(&many, [(1, 1), (2, 2)]).await?;
    }
    if let Some(probe) = bench.fragments().prepared {
        // The question itself may be prepared, and one statement may be closed with the next call only.
        let held: i64 = conn.fetch_value(probe, ()).await?;
        assert!(held <= CAPACITY + 2, "{held} statements are prepared where the cache holds {CAPACITY}");
    }
    Ok(())
}

/// A statement cache of no capacity keeps nothing prepared.
pub async fn r60_without_a_cache_nothing_stays_prepared(bench: Bench) -> Verdict {
    let conn = bench.conn_with("statement_cache", "0").await?;
    items(&bench, &conn, 3).await?;
    for round in 0..10 {
        assert_eq!(conn.fetch_value::<i64>("SELECT id FROM item WHERE id = ?", (1,)).await?, 1, "round {round}");
        insert(&conn, 100 + round).await?;
    }
    if let Some(probe) = bench.fragments().prepared {
        let held: i64 = conn.fetch_value(probe, ()).await?;
        assert!(held <= 2, "{held} statements are prepared without a cache");
    }
    Ok(())
}

/// A statement keeps working when the table under it changes its columns.
pub async fn r60_a_cached_statement_survives_a_changed_table(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    items(&bench, &conn, 1).await?;
    let sql = "SELECT * FROM item WHERE id = ?";
    let width = async || -> Result<usize> {
        let mut cursor = conn.query(sql, (1,)).await?;
        let row: oarlock_core::Row = cursor.fetch_one().await?.expect("the row is there");
        assert_eq!(row.len(), cursor.description().len());
        Ok(row.len())
    };
    assert_eq!(width().await?, 3);
    conn.execute("ALTER TABLE item ADD extra int", ()).await?;
    assert_eq!(width().await?, 4);
    bench.conn().await?.execute("ALTER TABLE item ADD another int", ()).await?;
    assert_eq!(width().await?, 5, "changed by another connection");
    Ok(())
}

/// A statement keeps working when its table is made anew with columns of other types.
pub async fn r60_a_cached_statement_survives_a_table_made_anew(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    let insert = "INSERT INTO held (id, v) VALUES (?, ?)";
    let select = "SELECT v FROM held WHERE id = ?";
    for round in 0..2 {
        conn.execute("CREATE TABLE held (id int, v int)", ()).await?;
        conn.execute(insert, (1, 7)).await?;
        assert_eq!(conn.fetch_value::<i64>(select, (1,)).await?, 7, "round {round}");
        conn.execute("DROP TABLE held", ()).await?;
        conn.execute("CREATE TABLE held (id int, v varchar(20))", ()).await?;
        conn.execute(insert, (1, "seven")).await?;
        assert_eq!(conn.fetch_value::<String>(select, (1,)).await?, "seven", "round {round}");
        conn.execute("DROP TABLE held", ()).await?;
    }
    Ok(())
}

/// A connection that is dropped amid a result or a transaction ends its session and frees its locks.
pub async fn r60_a_dropped_connection_frees_its_locks(bench: Bench) -> Verdict {
    let witness = bench.conn().await?;
    items(&bench, &witness, 2000).await?;
    let conn = bench.conn().await?;
    let tx = conn.begin().await?;
    tx.execute("UPDATE item SET n = 0 WHERE id = 1", ()).await?;
    let mut cursor = tx.query("SELECT a.id FROM item a CROSS JOIN (SELECT id FROM item WHERE id < 9) b", ()).await?;
    cursor.fetch_one::<(i64,)>().await?;
    drop((cursor, tx, conn));
    for statement in bench.fragments().lock_timeout {
        witness.execute(statement, ()).await?;
    }
    let freed = until(async || Ok(witness.execute("UPDATE item SET n = 1 WHERE id = 1", ()).await.is_ok())).await?;
    assert!(freed, "the dropped session still holds its locks");
    assert_eq!(count(&witness).await?, 2000);
    witness.lease().await?.connection().ping().await?;
    Ok(())
}
