//! Rule 61: pipelines give what their statements give one by one, all or nothing.

use oarlock_core::capabilities::DdlInTransaction;
use oarlock_core::connection::Query;
use oarlock_core::params::Parameters;
use oarlock_core::{Conn, Db, DbExt, ErrorKind, TxOptions, TxState, ValueRef, named};

use crate::bench::Bench;
use crate::failure::{Verdict, refused, refused_as};
use crate::tables::{count, ids, insert, items, tx_state};

const INSERT: &str = "INSERT INTO item (id, n) VALUES (?, ?)";

/// A pipeline gives what each of its statements does, in order.
pub async fn r61_a_pipeline_gives_what_its_statements_do(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    items(&bench, &conn, 300).await?;
    let name = String::from("new");
    let mut pipeline = conn.pipeline();
    pipeline
        .add("SELECT id, name FROM item WHERE id > ? ORDER BY id", (2,))
        .add("UPDATE item SET n = n + 1 WHERE id <= :last", named! { last: 100 })
        .add("SELECT n FROM item WHERE id = $1", (100,))
        .add("SELECT id FROM item WHERE id < 0", ())
        .add("DELETE FROM item WHERE id = ?", (1000,))
        .add("UPDATE item SET name = ? WHERE id = 1", (&name,))
        .add("SELECT name, n FROM item WHERE id = 1", ());
    assert_eq!(pipeline.len(), 7);
    for time in 1..=2 {
        let mut results = pipeline.run().await?;
        assert_eq!(results.len(), 7);
        let rows: Vec<(i64, String)> = results[0].fetch_all()?;
        assert_eq!((rows.len(), rows[297].clone()), (298, (300, "item 300".to_owned())));
        let counts: Vec<Option<u64>> = results.iter().map(|result| result.outcome().rows_affected).collect();
        assert_eq!(counts, [298, 100, 1, 0, 0, 1, 1].map(Some));
        assert_eq!(results[2].fetch_one::<(i64,)>()?, Some((1000 + time,)), "it sees what came before it");
        assert_eq!(results[3].fetch_one::<(i64,)>()?, None);
        assert_eq!((results[3].description().len(), &*results[3].description()[0].name), (1, "id"));
        refused(results[1].fetch_one::<(i64,)>(), ErrorKind::Interface, "rows of an UPDATE");
        assert_eq!(results[6].fetch_all::<(String, i64)>()?, [("new".to_owned(), 10 + time)]);
        assert_eq!(tx_state(&conn).await?, TxState::Auto);
    }
    assert_eq!(conn.pipeline().run().await?.len(), 0, "nothing, nothing done");
    if bench.capabilities().read_only_transactions {
        let options = TxOptions::new().read_only();
        let mut results = conn.pipeline().options(options).add("SELECT count(*) FROM item", ()).run().await?;
        assert_eq!(results[0].fetch_one::<(i64,)>()?, Some((300,)));
        let write = conn.pipeline().options(options).add(INSERT, (1000, 1)).run().await;
        assert_eq!(refused(write, ErrorKind::ReadOnly, "a write where reading was said").batch_index(), Some(0));
    }
    assert_eq!((count(&conn).await?, tx_state(&conn).await?), (300, TxState::Auto));
    Ok(())
}

/// The first statement that fails is told, whatever is wrong with those behind it, and nothing remains.
pub async fn r61_a_failing_pipeline_leaves_nothing(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    items(&bench, &conn, 3).await?;
    let known = (2, 0);
    for (index, kinds, second, third) in [
        (1, &[ErrorKind::UniqueViolation][..], (INSERT, known), (INSERT, (12, 0))),
        (2, &[ErrorKind::UniqueViolation], (INSERT, (12, 0)), (INSERT, known)),
        (1, &[ErrorKind::UniqueViolation], (INSERT, known), ("SELECTED ?, ?", known)),
        (1, &[ErrorKind::UniqueViolation], (INSERT, known), ("SELECT id FROM no_such WHERE id IN (?, ?)", known)),
        (1, &[ErrorKind::UniqueViolation], (INSERT, known), ("SELECT id FROM item WHERE id = ?", known)),
        (2, &[ErrorKind::Syntax], (INSERT, (12, 0)), ("SELECTED ?, ?", known)),
        (1, &[ErrorKind::TableNotFound], ("SELECT id FROM no_such WHERE id IN (?, ?)", known), (INSERT, known)),
        (1, &[ErrorKind::Parameters], ("SELECT id FROM item WHERE id = ?", known), (INSERT, known)),
    ] {
        for time in 1..=2 {
            let mut pipeline = conn.pipeline();
            pipeline.add(INSERT, (11, 0)).add(second.0, second.1).add(third.0, third.1).add("DELETE FROM item", ());
            let error = refused_as(pipeline.run().await, kinds, third.0);
            assert_eq!(error.batch_index(), Some(index), "time {time}: {error}");
            assert_eq!((ids(&conn).await?, tx_state(&conn).await?), (vec![1, 2, 3], TxState::Auto), "nothing remains");
        }
    }
    Ok(())
}

/// On a transaction a pipeline is a savepoint: it undoes itself alone, and its work ends with the transaction.
pub async fn r61_a_pipeline_in_a_transaction_undoes_itself_alone(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    items(&bench, &conn, 0).await?;
    let tx = conn.begin().await?;
    insert(&tx, 1).await?;
    for wrong in [INSERT, "SELECTED ?, ?"] {
        let failed = tx.pipeline().add(INSERT, (2, 2)).add(wrong, (1, 1)).add(INSERT, (3, 3)).run().await;
        let error = refused_as(failed, &[ErrorKind::UniqueViolation, ErrorKind::Syntax], wrong);
        assert_eq!(error.batch_index(), Some(1));
        assert_eq!((ids(&tx).await?, tx_state(&tx).await?), (vec![1], TxState::Open), "the work before it is there");
    }
    let read_only = TxOptions::new().read_only();
    let options = tx.pipeline().options(read_only).add("SELECT 1", ()).run().await;
    refused(options, ErrorKind::Interface, "options inside a transaction");
    tx.pipeline().add(INSERT, (4, 4)).add(INSERT, (5, 5)).run().await?;
    let inner = tx.begin().await?;
    inner.pipeline().add(INSERT, (6, 6)).run().await?;
    inner.rollback().await?;
    assert_eq!(ids(&tx).await?, [1, 4, 5]);
    tx.rollback().await?;
    assert_eq!(count(&conn).await?, 0);

    conn.set_autocommit(false).await?;
    let implicit = conn.pipeline().add(INSERT, (7, 7)).run().await;
    refused(implicit, ErrorKind::Interface, "a transaction that no guard holds");
    conn.rollback().await?;
    Ok(())
}

/// A pipeline neither begins nor ends a transaction, and what makes a table is followed by what uses it.
pub async fn r61_a_pipeline_takes_what_can_be_undone(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    items(&bench, &conn, 2).await?;
    for control in ["COMMIT", "ROLLBACK", "BEGIN"] {
        let ended = conn.pipeline().add(INSERT, (11, 0)).add(control, ()).run().await;
        assert_eq!(refused(ended, ErrorKind::Interface, control).batch_index(), Some(1));
    }
    let mut pipeline = conn.pipeline();
    pipeline
        .add("CREATE TABLE made (id int)", ())
        .add("INSERT INTO made VALUES (?)", (7,))
        .add("SELECT id FROM made", ());
    if bench.capabilities().ddl_in_transaction == DdlInTransaction::RolledBack {
        assert_eq!(pipeline.run().await?[2].fetch_all::<(i32,)>()?, [(7,)]);
        conn.execute("DROP TABLE made", ()).await?;
    } else {
        let error = refused(pipeline.run().await, ErrorKind::NotSupported, "DDL that commits");
        assert_eq!(error.batch_index(), Some(0));
        refused(conn.execute("SELECT id FROM made", ()).await, ErrorKind::TableNotFound, "nothing was run");
    }
    if let (true, Some(procedure)) = (bench.capabilities().multiple_result_sets, bench.fragments().procedure) {
        conn.execute(procedure, ()).await?;
        let several = conn.pipeline().add(INSERT, (12, 0)).add("CALL add_one(?)", (7,)).run().await;
        assert_eq!(refused(several, ErrorKind::NotSupported, "several sets of rows").batch_index(), Some(1));
    }
    assert_eq!((ids(&conn).await?, tx_state(&conn).await?), (vec![1, 2], TxState::Auto));
    Ok(())
}

/// A driver's own pipeline works where it is declared, and is `NotSupported` elsewhere.
pub async fn r59_pipelines_are_as_declared(bench: Bench) -> Verdict {
    let conn: Conn = bench.conn().await?;
    items(&bench, &conn, 1).await?;
    let values = [ValueRef::I64(1)];
    let queries = [Query::new("SELECT n FROM item WHERE id = ?").params(Parameters::positional(&values))];
    let mut lease = conn.lease().await?;
    let options = TxOptions::default();
    let result = lease.connection().pipeline(&options, &queries).await;
    if bench.capabilities().pipelining {
        let replies = result?;
        assert_eq!((replies.len(), replies[0].outcome.rows_affected), (1, Some(1)));
        assert_eq!(replies[0].batches[0].get(0, 0)?, ValueRef::I64(10));
    } else {
        refused(result, ErrorKind::NotSupported, "a pipeline of the driver's own");
    }
    Ok(())
}
