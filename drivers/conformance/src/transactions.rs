//! Rules 6 to 14: how transactions end, nest, fail and keep apart.

use oarlock_core::capabilities::DdlInTransaction;
use oarlock_core::connection::run;
use oarlock_core::schema::{Column, Deferrable, ForeignKey, Table, Type};
use oarlock_core::{Conn, Db, DbExt, Error, ErrorKind, Isolation, Result, Tx, TxOptions, TxState};

use crate::bench::Bench;
use crate::failure::{Verdict, refused};
use crate::tables::{count, ids, insert, items, tx_state};

const ALL_LEVELS: [Isolation; 4] =
    [Isolation::ReadUncommitted, Isolation::ReadCommitted, Isolation::RepeatableRead, Isolation::Serializable];

/// Runs a statement in what the connection itself has open, without a guard.
async fn raw(conn: &Conn, sql: &str) -> Result<()> {
    run(conn.lease().await?.connection(), sql).await.map(drop)
}

async fn begin(conn: &Conn) -> Result<()> {
    conn.lease().await?.connection().begin(&TxOptions::new()).await
}

/// A dropped transaction is rolled back before the next statement.
pub async fn r06_a_dropped_transaction_is_rolled_back(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    items(&bench, &conn, 1).await?;
    let tx = conn.begin().await?;
    insert(&tx, 2).await?;
    let clone = tx.clone();
    drop(tx);
    insert(&clone, 3).await?;
    drop(clone);
    assert_eq!(ids(&conn).await?, [1]);
    assert_eq!(tx_state(&conn).await?, TxState::Auto);

    let tx = conn.begin().await?;
    insert(&tx, 4).await?;
    drop(tx);
    let tx = conn.begin().await?;
    insert(&tx, 5).await?;
    tx.commit().await?;
    assert_eq!(ids(&bench.conn().await?).await?, [1, 5], "the next transaction has none of the dropped one's work");
    Ok(())
}

/// Without autocommit the first statement begins a transaction, and the connection's own commit or rollback ends it.
pub async fn r06_without_autocommit_the_first_statement_begins(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    let witness = bench.conn().await?;
    items(&bench, &conn, 0).await?;
    conn.set_autocommit(false).await?;
    insert(&conn, 1).await?;
    assert_eq!(count(&witness).await?, 0, "not committed yet");
    refused(conn.set_autocommit(true).await, ErrorKind::Interface, "a change while a transaction is open");
    refused(conn.begin().await, ErrorKind::Interface, "a transaction beside the implicit one");
    conn.commit().await?;
    assert_eq!(count(&witness).await?, 1);
    insert(&conn, 2).await?;
    conn.rollback().await?;
    conn.commit().await?;
    assert_eq!(ids(&conn).await?, [1], "a commit of nothing does nothing");
    conn.rollback().await?;
    conn.set_autocommit(true).await?;
    insert(&conn, 3).await?;
    assert_eq!(ids(&witness).await?, [1, 3]);
    Ok(())
}

/// A savepoint is called as its name says, whatever characters that holds: no part of it becomes SQL.
pub async fn r07_a_savepoints_name_is_taken_as_it_stands(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    items(&bench, &conn, 0).await?;
    if !bench.capabilities().savepoints {
        refused(conn.begin().await?.begin().await, ErrorKind::NotSupported, "an inner transaction");
        return Ok(());
    }
    for name in ["Plain", "a b", "it's", "a\"b`c", "back\\slash", "a; ROLLBACK; --", "\u{2032}"] {
        let tx = conn.begin().await?;
        insert(&tx, 1).await?;
        let mut lease = tx.lease().await?;
        lease.connection().savepoint(name).await.map_err(|error| error.context(name))?;
        drop(lease);
        insert(&tx, 2).await?;
        let mut lease = tx.lease().await?;
        lease.connection().rollback_to_savepoint(name).await.map_err(|error| error.context(name))?;
        lease.connection().savepoint(name).await?;
        lease.connection().release_savepoint(name).await?;
        drop(lease);
        assert_eq!(ids(&tx).await?, [1], "{name}");
        tx.rollback().await?;
    }
    let tx = conn.begin().await?;
    for name in ["", "a\0b"] {
        let named = tx.lease().await?.connection().savepoint(name).await;
        refused(named, ErrorKind::InvalidValue, "a name that no server takes");
    }
    assert_eq!(tx_state(&tx).await?, TxState::Open, "the server has seen nothing of it");
    Ok(())
}

/// A dropped inner transaction undoes only its savepoint.
pub async fn r07_a_dropped_inner_transaction_undoes_its_savepoint_only(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    items(&bench, &conn, 0).await?;
    let tx = conn.begin().await?;
    insert(&tx, 1).await?;
    if !bench.capabilities().savepoints {
        refused(tx.begin().await, ErrorKind::NotSupported, "an inner transaction");
        return Ok(());
    }
    let inner = tx.begin().await?;
    insert(&inner, 2).await?;
    refused(insert(&tx, 9).await, ErrorKind::Interface, "the outer transaction while the inner one is open");
    drop(inner);
    insert(&tx, 3).await?;
    assert_eq!(ids(&tx).await?, [1, 3]);

    let inner = tx.begin().await?;
    insert(&inner, 4).await?;
    let innermost = inner.begin().await?;
    insert(&innermost, 5).await?;
    innermost.rollback().await?;
    insert(&inner, 6).await?;
    inner.commit().await?;

    // A failure inside a savepoint does not fail what is around it.
    let inner = tx.begin().await?;
    refused(insert(&inner, 1).await, ErrorKind::UniqueViolation, "a key that is there");
    drop(inner);
    insert(&tx, 7).await?;
    tx.commit().await?;
    assert_eq!(ids(&conn).await?, [1, 3, 4, 6, 7]);
    Ok(())
}

/// Commit of a failed transaction is an error, never Ok.
pub async fn r08_commit_of_a_failed_transaction_is_an_error(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    items(&bench, &conn, 1).await?;
    let tx = conn.begin().await?;
    insert(&tx, 2).await?;
    refused(insert(&tx, 1).await, ErrorKind::UniqueViolation, "a key that is there");
    if !bench.capabilities().failed_transaction_state {
        tx.commit().await?;
        assert_eq!(ids(&conn).await?, [1, 2], "a failed statement alone is undone");
        return Ok(());
    }
    refused(tx.commit().await, ErrorKind::TransactionFailed, "commit of a failed transaction");
    assert_eq!((ids(&conn).await?, tx_state(&conn).await?), (vec![1], TxState::Auto));

    // The same in the user's own words.
    raw(&conn, "BEGIN").await?;
    refused(raw(&conn, "INSERT INTO item (id) VALUES (1)").await, ErrorKind::UniqueViolation, "a key that is there");
    refused(raw(&conn, "COMMIT").await, ErrorKind::TransactionFailed, "COMMIT of a failed transaction");
    conn.rollback().await?;
    assert_eq!((ids(&conn).await?, tx_state(&conn).await?), (vec![1], TxState::Auto));
    Ok(())
}

/// Text that begins or ends a transaction is refused where a guard owns it, and harms nothing.
pub async fn r08_text_cannot_end_a_guarded_transaction(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    items(&bench, &conn, 0).await?;
    let tx = conn.begin().await?;
    insert(&tx, 1).await?;
    for text in ["COMMIT", "ROLLBACK", "BEGIN", " /* now */ commit ;"] {
        refused(tx.execute(text, ()).await, ErrorKind::Interface, text);
        assert_eq!(tx_state(&tx).await?, TxState::Open, "after {text}");
    }
    tx.rollback().await?;
    assert_eq!(count(&conn).await?, 0);
    Ok(())
}

/// The table `boat` whose owner is an `item`, checked at commit.
fn boat() -> Table {
    Table::new("boat")
        .column(Column::new("id", Type::Int8))
        .column(Column::new("item_id", Type::Int8))
        .primary_key(["id"])
        .foreign_key(ForeignKey::new(["item_id"], "item", ["id"]).deferrable(Deferrable::InitiallyDeferred))
}

/// Errors that come late surface at a fetch, at finish or at commit.
pub async fn r09_late_errors_surface(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    items(&bench, &conn, 20_000).await?;
    let (sql, kinds) = bench.fragments().late_failure;
    let mut rows = 0;
    let failed: Result<()> = async {
        let mut cursor = conn.query(sql, ()).await?;
        while let Some((id, _)) = cursor.fetch_one::<(i64, Option<i64>)>().await? {
            rows += 1;
            assert_eq!(id, rows);
        }
        Ok(())
    }
    .await;
    crate::failure::refused_as(failed, kinds, "row 15000");
    assert!(rows < 15_000, "{rows} rows came, and the 15000th cannot be had");
    assert_eq!(count(&conn).await?, 20_000, "the connection goes on");
    conn.execute("DELETE FROM item WHERE id > 8", ()).await?;

    let batch = conn.execute("INSERT INTO item (id) SELECT id + 4 FROM item ORDER BY id", ()).await;
    refused(batch, ErrorKind::UniqueViolation, "a statement that fails at its first row");
    let batch = conn.execute("INSERT INTO item (id) SELECT 13 - id FROM item WHERE id <= 5 ORDER BY id", ()).await;
    refused(batch, ErrorKind::UniqueViolation, "a statement that fails at its last row");
    assert_eq!(count(&conn).await?, 8, "nothing of it remains");

    if !bench.capabilities().deferrable_constraints {
        refused(bench.create(&conn, &boat()).await, ErrorKind::NotSupported, "a constraint that is checked at commit");
        return Ok(());
    }
    bench.create(&conn, &boat()).await?;
    let tx = conn.begin().await?;
    insert(&tx, 99).await?;
    tx.execute("INSERT INTO boat (id, item_id) VALUES (1, 77)", ()).await?;
    refused(tx.commit().await, ErrorKind::ForeignKeyViolation, "a commit that breaks a deferred constraint");
    assert_eq!((count(&conn).await?, tx_state(&conn).await?), (8, TxState::Auto));
    Ok(())
}

/// The transaction state matches the server's after every error.
pub async fn r10_the_state_is_the_servers_after_every_error(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    let witness = bench.conn().await?;
    items(&bench, &conn, 1).await?;
    let failures = [
        ("SELEC 1", ErrorKind::Syntax),
        ("SELECT id FROM nowhere", ErrorKind::TableNotFound),
        ("SELECT no_such FROM item", ErrorKind::UnknownColumn),
        ("INSERT INTO item (id) VALUES (1)", ErrorKind::UniqueViolation),
    ];
    for (sql, kind) in failures {
        refused(raw(&conn, sql).await, kind, sql);
        assert_eq!(tx_state(&conn).await?, TxState::Auto, "after {sql} alone");

        begin(&conn).await?;
        insert(&conn, 2).await?;
        refused(raw(&conn, sql).await, kind, sql);
        if bench.capabilities().failed_transaction_state {
            assert_eq!(tx_state(&conn).await?, TxState::Failed, "after {sql}");
            refused(count(&conn).await, ErrorKind::TransactionFailed, "a statement in a failed transaction");
            assert_eq!(tx_state(&conn).await?, TxState::Failed, "after another statement");
        } else {
            assert_eq!(tx_state(&conn).await?, TxState::Open, "after {sql}");
            assert_eq!(count(&conn).await?, 2, "the transaction goes on after {sql}");
        }
        assert_eq!(count(&witness).await?, 1, "nothing is committed after {sql}");
        conn.rollback().await?;
        assert_eq!((tx_state(&conn).await?, count(&conn).await?), (TxState::Auto, 1), "rolled back after {sql}");
    }

    if let Some(sql) = bench.fragments().ends_transaction {
        begin(&conn).await?;
        insert(&conn, 2).await?;
        refused(raw(&conn, sql).await, ErrorKind::UniqueViolation, sql);
        assert_eq!((tx_state(&conn).await?, count(&conn).await?), (TxState::Auto, 1), "the server ended it: {sql}");
        insert(&conn, 2).await?;
        assert_eq!(count(&witness).await?, 2, "and what follows commits by itself");
    }
    Ok(())
}

/// The transaction state follows transactions that the user's text begins and ends.
pub async fn r10_the_state_follows_the_users_text(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    items(&bench, &conn, 0).await?;
    for (sql, state) in [
        ("BEGIN", TxState::Open),
        ("INSERT INTO item (id) VALUES (1)", TxState::Open),
        ("SAVEPOINT here", TxState::Open),
        ("INSERT INTO item (id) VALUES (2)", TxState::Open),
        ("ROLLBACK TO SAVEPOINT here", TxState::Open),
        ("RELEASE SAVEPOINT here", TxState::Open),
        ("COMMIT", TxState::Auto),
        ("BEGIN", TxState::Open),
        ("INSERT INTO item (id) VALUES (3)", TxState::Open),
        ("ROLLBACK", TxState::Auto),
    ] {
        raw(&conn, sql).await?;
        assert_eq!(tx_state(&conn).await?, state, "after {sql}");
    }
    assert_eq!(ids(&conn).await?, [1]);
    conn.script("BEGIN; INSERT INTO item (id) VALUES (4);").await?;
    assert_eq!(tx_state(&conn).await?, TxState::Open, "after a script that begins");
    conn.rollback().await?;
    assert_eq!(ids(&conn).await?, [1]);
    Ok(())
}

/// A failed state exists where the server has one, and nowhere else; a savepoint leads out of it.
pub async fn r11_a_failed_state_exists_where_declared(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    items(&bench, &conn, 1).await?;
    begin(&conn).await?;
    insert(&conn, 2).await?;
    raw(&conn, "SAVEPOINT here").await?;
    refused(insert(&conn, 1).await, ErrorKind::UniqueViolation, "a key that is there");
    let declared = bench.capabilities().failed_transaction_state;
    assert_eq!(tx_state(&conn).await? == TxState::Failed, declared);
    raw(&conn, "ROLLBACK TO SAVEPOINT here").await?;
    assert_eq!(tx_state(&conn).await?, TxState::Open);
    insert(&conn, 3).await?;
    conn.commit().await?;
    assert_eq!(ids(&conn).await?, [1, 2, 3]);
    Ok(())
}

/// DDL in a transaction is rolled back with it, or commits and says so, as declared.
pub async fn r12_ddl_in_a_transaction_behaves_as_declared(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    let witness = bench.conn().await?;
    items(&bench, &conn, 0).await?;
    begin(&conn).await?;
    insert(&conn, 1).await?;
    raw(&conn, "CREATE TABLE made (id int)").await?;
    if bench.capabilities().ddl_in_transaction == DdlInTransaction::RolledBack {
        assert_eq!(tx_state(&conn).await?, TxState::Open);
        conn.rollback().await?;
        assert_eq!(count(&witness).await?, 0);
        refused(raw(&conn, "SELECT id FROM made").await, ErrorKind::TableNotFound, "the table that was rolled back");
    } else {
        assert_eq!(tx_state(&conn).await?, TxState::Auto, "DDL has ended the transaction");
        assert_eq!(count(&witness).await?, 1, "and committed its work");
        conn.rollback().await?;
        raw(&conn, "SELECT id FROM made").await?;
    }
    Ok(())
}

/// A transaction's isolation level holds for that transaction only; a level that is not declared is `NotSupported`.
pub async fn r13_isolation_holds_for_that_transaction_only(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    items(&bench, &conn, 1).await?;
    let Some(probe) = bench.fragments().isolation_level else {
        for level in ALL_LEVELS {
            begin_as_declared(&bench, &conn, level).await?;
        }
        return Ok(());
    };
    let before: String = level_of(&conn.begin().await?, probe).await?;
    for level in ALL_LEVELS {
        let Some(tx) = begin_as_declared(&bench, &conn, level).await? else {
            continue;
        };
        let words: String = level_of(&tx, probe).await?;
        assert_eq!(words, level.as_sql().to_lowercase());
        tx.commit().await?;
        assert_eq!(level_of(&conn.begin().await?, probe).await?, before, "the transaction after {level:?}");
    }
    Ok(())
}

async fn level_of(tx: &Tx, probe: &str) -> Result<String> {
    tx.fetch_value(probe, ()).await
}

async fn begin_as_declared(bench: &Bench, conn: &Conn, level: Isolation) -> Result<Option<Tx>> {
    let begun = conn.begin_with(TxOptions::new().isolation(level)).await;
    if bench.capabilities().isolation_levels.contains(&level) {
        return begun.map(Some);
    }
    refused(begun, ErrorKind::NotSupported, level.as_sql());
    assert_eq!(tx_state(conn).await?, TxState::Auto, "nothing has begun");
    Ok(None)
}

/// Read-only holds for that transaction only, and so does deferrable; undeclared they are `NotSupported`.
pub async fn r13_read_only_holds_for_that_transaction_only(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    items(&bench, &conn, 1).await?;
    let begun = conn.begin_with(TxOptions::new().read_only()).await;
    if bench.capabilities().read_only_transactions {
        let tx = begun?;
        assert_eq!(count(&tx).await?, 1);
        refused(insert(&tx, 2).await, ErrorKind::ReadOnly, "an insert in a read-only transaction");
        tx.rollback().await?;
        let tx = conn.begin_with(TxOptions::new().read_only()).await?;
        assert_eq!(count(&tx).await?, 1);
        tx.commit().await?;
        drop(conn.begin_with(TxOptions::new().read_only()).await?);
    } else {
        refused(begun, ErrorKind::NotSupported, "a read-only transaction");
    }
    insert(&conn, 3).await?;
    let tx = conn.begin().await?;
    insert(&tx, 4).await?;
    tx.commit().await?;

    let options = TxOptions::new().isolation(Isolation::Serializable).read_only().deferrable();
    let begun = conn.begin_with(options).await;
    if bench.capabilities().deferrable_transactions {
        let tx = begun?;
        assert_eq!(count(&tx).await?, 3);
        tx.commit().await?;
    } else {
        refused(begun, ErrorKind::NotSupported, "a deferrable transaction");
    }
    insert(&conn, 5).await?;
    assert_eq!(ids(&conn).await?, [1, 3, 4, 5]);
    Ok(())
}

/// Connections see of each other's work what the isolation level says.
pub async fn r14_isolation_between_connections_is_as_declared(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    let other = bench.conn().await?;
    items(&bench, &conn, 1).await?;
    let tx = conn.begin().await?;
    insert(&tx, 2).await?;
    assert_eq!(count(&other).await?, 1, "uncommitted work is not seen");
    tx.commit().await?;
    assert_eq!(count(&other).await?, 2, "committed work is");
    if !bench.capabilities().row_locks {
        return Ok(());
    }
    let mut next = 2;
    for (level, sees) in [(Isolation::ReadCommitted, true), (Isolation::RepeatableRead, false)] {
        if bench.capabilities().isolation_levels.contains(&level) {
            let tx = conn.begin_with(TxOptions::new().isolation(level)).await?;
            assert_eq!(count(&tx).await?, next);
            next += 1;
            insert(&other, next).await?;
            assert_eq!(count(&tx).await? == next, sees, "{level:?} sees what was committed after its first statement");
            tx.commit().await?;
            assert_eq!(count(&conn).await?, next);
        }
    }
    Ok(())
}

/// Serializable transactions that would lose each other's updates do not: the one in the way fails and runs again.
pub async fn r14_serializable_transactions_lose_no_update(bench: Bench) -> Verdict {
    const ROUNDS: i64 = 10;
    let conn = bench.conn().await?;
    if !bench.capabilities().isolation_levels.contains(&Isolation::Serializable) {
        begin_as_declared(&bench, &conn, Isolation::Serializable).await?;
        return Ok(());
    }
    items(&bench, &conn, 1).await?;
    let mut workers = Vec::new();
    for _ in 0..2 {
        let conn = bench.conn().await?;
        workers.push(tokio::spawn(async move {
            for _ in 0..ROUNDS {
                while let Err(error) = increment(&conn).await {
                    let waits = error.is_retryable() || error.kind() == ErrorKind::LockTimeout;
                    if !waits {
                        return Err(error);
                    }
                }
            }
            Ok::<(), Error>(())
        }));
    }
    for worker in workers {
        worker.await.expect("the worker does not panic")?;
    }
    assert_eq!(conn.fetch_value::<i64>("SELECT n FROM item WHERE id = 1", ()).await?, 10 + 2 * ROUNDS);
    Ok(())
}

async fn increment(conn: &Conn) -> Result<()> {
    let options = TxOptions::new().isolation(Isolation::Serializable);
    conn.transaction_with(options, |tx| async move {
        let n: i64 = tx.fetch_value("SELECT n FROM item WHERE id = 1", ()).await?;
        tx.execute("UPDATE item SET n = ? WHERE id = 1", (n + 1,)).await.map(drop)
    })
    .await
}
