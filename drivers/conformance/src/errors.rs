//! Rule 50: the same violation is the same kind everywhere.

use oarlock_core::capabilities::DdlInTransaction;
use oarlock_core::schema::{Check, Column, ForeignKey, Table, Type};
use oarlock_core::{Conn, Db, DbExt, ErrorCategory, ErrorKind, Health, Result, TxOptions, TxState};

use crate::bench::Bench;
use crate::failure::{Verdict, refused, refused_as};
use crate::tables::{count, insert, items, tx_state};

/// The table `part` with a constraint of every kind.
fn part() -> Table {
    Table::new("part")
        .column(Column::new("id", Type::Int8))
        .column(Column::new("code", Type::VarChar(20)))
        .column(Column::new("item_id", Type::Int8).nullable())
        .column(Column::new("size", Type::Int8).nullable())
        .primary_key(["id"])
        .unique(["code"])
        .foreign_key(ForeignKey::new(["item_id"], "item", ["id"]))
        .check(Check::new("size > 0").named("part_size_positive"))
}

async fn with_part(bench: &Bench) -> Result<Conn> {
    let conn = bench.conn().await?;
    items(bench, &conn, 3).await?;
    bench.create(&conn, &part()).await?;
    conn.execute("INSERT INTO part (id, code, item_id, size) VALUES (1, 'a', 1, 1)", ()).await?;
    Ok(conn)
}

/// Requires of a statement, given with and without parameters, an integrity error of a kind.
async fn violates(conn: &Conn, sql: &str, value: Option<i64>, kind: ErrorKind) -> Result<oarlock_core::Error> {
    let literal = sql.replace('?', &value.map_or("NULL".to_owned(), |value| value.to_string()));
    refused(conn.execute(&literal, ()).await, kind, &literal);
    let error = refused(conn.execute(sql, (value,)).await, kind, sql);
    assert_eq!(error.category(), ErrorCategory::Integrity);
    assert!(!error.is_retryable() && !error.outcome_unknown());
    assert_eq!(conn.fetch_value::<i64>("SELECT count(*) FROM part", ()).await?, 1, "the connection goes on");
    Ok(error)
}

/// A key that is there twice is a unique violation.
pub async fn r50_unique_violation(bench: Bench) -> Verdict {
    let conn = with_part(&bench).await?;
    violates(&conn, "INSERT INTO part (id, code) VALUES (?, 'b')", Some(1), ErrorKind::UniqueViolation).await?;
    violates(&conn, "INSERT INTO part (id, code) VALUES (?, 'a')", Some(2), ErrorKind::UniqueViolation).await?;
    Ok(())
}

/// A reference to nothing, and the removal of what is referred to, are foreign key violations.
pub async fn r50_foreign_key_violation(bench: Bench) -> Verdict {
    let conn = with_part(&bench).await?;
    let kind = ErrorKind::ForeignKeyViolation;
    violates(&conn, "INSERT INTO part (id, code, item_id) VALUES (2, 'b', ?)", Some(99), kind).await?;
    violates(&conn, "DELETE FROM item WHERE id = ?", Some(1), kind).await?;
    violates(&conn, "UPDATE item SET id = 50 WHERE id = ?", Some(1), kind).await?;
    Ok(())
}

/// NULL where it is forbidden is a not null violation.
pub async fn r50_not_null_violation(bench: Bench) -> Verdict {
    let conn = with_part(&bench).await?;
    let error = violates(&conn, "INSERT INTO part (id, code) VALUES (2, ?)", None, ErrorKind::NotNullViolation).await?;
    assert!(error.column().is_none_or(|column| column == "code"), "{error:?}");
    violates(&conn, "UPDATE part SET code = ?", None, ErrorKind::NotNullViolation).await?;
    Ok(())
}

/// A value that a check refuses is a check violation.
pub async fn r50_check_violation(bench: Bench) -> Verdict {
    let conn = with_part(&bench).await?;
    let kind = ErrorKind::CheckViolation;
    let error = violates(&conn, "INSERT INTO part (id, code, size) VALUES (2, 'b', ?)", Some(-1), kind).await?;
    assert!(error.constraint().is_none_or(|name| name == "part_size_positive"), "{error:?}");
    violates(&conn, "UPDATE part SET size = ?", Some(0), kind).await?;
    Ok(())
}

/// Text that is no SQL is a syntax error, and tells where.
pub async fn r50_syntax(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    for sql in ["SELEC 1", "SELECT * FORM item", "SELECT 1 +", "INSERT INTO"] {
        let error = refused(conn.execute(sql, ()).await, ErrorKind::Syntax, sql);
        assert_eq!(error.category(), ErrorCategory::Programming);
        assert!(error.position().is_none_or(|position| position <= sql.len()), "{error:?}");
        refused(conn.describe(sql).await, ErrorKind::Syntax, sql);
    }
    refused(conn.execute("SELEC ?", (1,)).await, ErrorKind::Syntax, "with a parameter");
    let error = refused(conn.execute("SELECT 'open", ()).await, ErrorKind::Syntax, "a string that is not closed");
    assert_eq!(error.position(), Some(7));
    refused(conn.script("SELECT 1; SELEC 2").await, ErrorKind::Syntax, "in a script");
    assert_eq!(conn.fetch_value::<i64>("SELECT 42", ()).await?, 42);
    Ok(())
}

/// A table that is not there is its own kind.
pub async fn r50_missing_table(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    for sql in ["SELECT 1 FROM nowhere", "INSERT INTO nowhere VALUES (1)", "DELETE FROM nowhere", "DROP TABLE nowhere"]
    {
        refused(conn.execute(sql, ()).await, ErrorKind::TableNotFound, sql);
    }
    refused(conn.execute("DELETE FROM nowhere WHERE id = ?", (1,)).await, ErrorKind::TableNotFound, "with a parameter");
    Ok(())
}

/// A column that is not there is its own kind.
pub async fn r50_missing_column(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    items(&bench, &conn, 1).await?;
    for sql in ["SELECT no_such FROM item", "INSERT INTO item (no_such) VALUES (1)", "UPDATE item SET no_such = 1"] {
        refused(conn.execute(sql, ()).await, ErrorKind::UnknownColumn, sql);
    }
    refused(
        conn.execute("DELETE FROM item WHERE no_such = ?", (1,)).await,
        ErrorKind::UnknownColumn,
        "with a parameter",
    );
    Ok(())
}

/// An object that is there already is its own kind.
pub async fn r50_object_that_exists(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    items(&bench, &conn, 1).await?;
    refused(conn.execute("CREATE TABLE item (id int)", ()).await, ErrorKind::AlreadyExists, "a table of the same name");
    refused(
        conn.execute("ALTER TABLE item ADD n int", ()).await,
        ErrorKind::AlreadyExists,
        "a column of the same name",
    );
    Ok(())
}

/// A number out of the column's or the operation's range is an error, never another number.
pub async fn r50_out_of_range(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    let table = Table::new("narrow")
        .column(Column::new("id", Type::Int8))
        .column(Column::new("small", Type::Int2).nullable())
        .column(Column::new("short", Type::VarChar(3)).nullable())
        .primary_key(["id"]);
    bench.create(&conn, &table).await?;
    // Where the engine itself has no such range, a check of the table stands in for it.
    let kinds = [ErrorKind::OutOfRange, ErrorKind::CheckViolation];
    refused_as(conn.execute("INSERT INTO narrow (id, small) VALUES (1, 70000)", ()).await, &kinds, "70000 as int2");
    refused_as(conn.execute("INSERT INTO narrow (id, small) VALUES (1, ?)", (70_000,)).await, &kinds, "70000 bound");
    refused_as(
        conn.execute("INSERT INTO narrow (id, short) VALUES (1, 'long')", ()).await,
        &kinds,
        "four characters of three",
    );
    refused_as(conn.execute("INSERT INTO narrow (id, short) VALUES (1, ?)", ("long",)).await, &kinds, "four bound");
    assert_eq!(conn.fetch_value::<i64>("SELECT count(*) FROM narrow", ()).await?, 0);
    Ok(())
}

/// Two transactions that wait for each other: one is told, and may run again.
pub async fn r50_deadlock(bench: Bench) -> Verdict {
    let one = bench.conn().await?;
    let two = bench.conn().await?;
    items(&bench, &one, 2).await?;
    if !bench.capabilities().row_locks {
        return lock_of_the_whole(&bench, &one, &two).await;
    }
    let a = one.begin().await?;
    let b = two.begin().await?;
    a.execute("UPDATE item SET n = 1 WHERE id = 1", ()).await?;
    b.execute("UPDATE item SET n = 2 WHERE id = 2", ()).await?;
    let first = tokio::spawn(async move {
        let result = a.execute("UPDATE item SET n = 1 WHERE id = 2", ()).await;
        let state = tx_state(&a).await;
        (result, state, a.rollback().await)
    });
    let result = b.execute("UPDATE item SET n = 2 WHERE id = 1", ()).await;
    let state = tx_state(&b).await?;
    let rolled_back = b.rollback().await;
    let (other, other_state, other_rolled_back) = first.await.expect("the task does not panic");
    rolled_back?;
    other_rolled_back?;
    let (victim, state) = match (result, other) {
        (Err(error), Ok(_)) => (error, state),
        (Ok(_), Err(error)) => (error, other_state?),
        (one, two) => {
            panic!("exactly one of two deadlocked transactions fails, not {one:?} and {two:?}")
        }
    };
    assert_eq!(victim.kind(), ErrorKind::Deadlock, "{victim:?}");
    assert!(victim.is_retryable());
    let expected = if bench.capabilities().failed_transaction_state { TxState::Failed } else { TxState::Auto };
    assert_eq!(state, expected, "the victim's transaction");
    assert_eq!(one.fetch_value::<i64>("SELECT sum(n) FROM item", ()).await.map_err(|e| e.context("sum"))?, 30);
    Ok(())
}

/// Without locks of rows, the second writer waits or is told at once: never both write.
async fn lock_of_the_whole(bench: &Bench, one: &Conn, two: &Conn) -> Verdict {
    for statement in bench.fragments().lock_timeout {
        two.execute(statement, ()).await?;
    }
    let a = one.begin().await?;
    a.execute("UPDATE item SET n = 1 WHERE id = 1", ()).await?;
    let second = async {
        let b = two.begin().await?;
        b.execute("UPDATE item SET n = 2 WHERE id = 2", ()).await
    };
    refused(second.await, ErrorKind::LockTimeout, "a second writer");
    a.commit().await?;
    insert(two, 3).await?;
    Ok(())
}

/// A lock that is not had in time is its own kind, and the connection goes on.
pub async fn r50_lock_timeout(bench: Bench) -> Verdict {
    let one = bench.conn().await?;
    let two = bench.conn().await?;
    items(&bench, &one, 2).await?;
    let statements = bench.fragments().lock_timeout;
    assert!(
        !statements.is_empty() || !bench.capabilities().row_locks,
        "row locks are declared: the fragments need a timeout"
    );
    for statement in statements {
        two.execute(statement, ()).await?;
    }
    let a = one.begin().await?;
    a.execute("UPDATE item SET n = 1 WHERE id = 1", ()).await?;
    let error = refused(
        two.execute("UPDATE item SET n = n + 1 WHERE id = 1", ()).await,
        ErrorKind::LockTimeout,
        "a locked row",
    );
    assert_eq!(error.category(), ErrorCategory::Operational);
    assert_eq!(tx_state(&two).await?, TxState::Auto);
    a.commit().await?;
    two.execute("UPDATE item SET n = n + 1 WHERE id = 1", ()).await?;
    assert_eq!(one.fetch_value::<i64>("SELECT n FROM item WHERE id = 1", ()).await?, 2);
    Ok(())
}

/// A statement that the server's own limit of time ends is its own kind, and the connection goes on.
pub async fn r50_statement_timeout(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    let Some((set, slow)) = bench.fragments().statement_timeout else {
        assert!(!bench.capabilities().statement_timeout, "a statement timeout is declared: the fragments need one");
        return Ok(());
    };
    assert!(bench.capabilities().statement_timeout, "the fragments have a statement timeout, which is not declared");
    conn.execute(set, ()).await?;
    refused(conn.execute(slow, ()).await, ErrorKind::StatementTimeout, slow);
    assert_eq!(conn.fetch_value::<i64>("SELECT 42", ()).await?, 42);
    conn.ping().await?;
    assert_eq!(conn.lease().await?.connection().health(), Health::Ready);
    Ok(())
}

/// A write where writes are refused is its own kind.
pub async fn r50_read_only(bench: Bench) -> Verdict {
    let conn = with_part(&bench).await?;
    let begun = conn.begin_with(TxOptions::new().read_only()).await;
    if !bench.capabilities().read_only_transactions {
        refused(begun, ErrorKind::NotSupported, "a read-only transaction");
        return Ok(());
    }
    drop(begun?);
    let mut writes = vec!["INSERT INTO item (id) VALUES (9)", "UPDATE item SET n = 0", "DELETE FROM part"];
    // DDL that commits by itself is not in the transaction any more.
    if bench.capabilities().ddl_in_transaction == DdlInTransaction::RolledBack {
        writes.extend(["CREATE TABLE made (id int)", "DROP TABLE part"]);
    }
    for sql in writes {
        let tx = conn.begin_with(TxOptions::new().read_only()).await?;
        let error = refused(tx.execute(sql, ()).await, ErrorKind::ReadOnly, sql);
        assert_eq!(error.category(), ErrorCategory::Operational);
        tx.rollback().await?;
    }
    let tx = conn.begin_with(TxOptions::new().read_only()).await?;
    let batch = tx.execute_many("INSERT INTO item (id) VALUES (?)", [(9,), (10,)]).await;
    assert!(refused(batch, ErrorKind::ReadOnly, "execute_many").batch_index().is_none_or(|index| index == 0));
    tx.rollback().await?;
    assert_eq!(count(&conn).await?, 3);
    Ok(())
}

/// The words of an error never show a value: errors are logged, and values are secrets.
pub async fn r50_no_error_shows_a_value(bench: Bench) -> Verdict {
    const SECRET: &str = "hunter2hunter2hunter2hunter2";
    let conn = with_part(&bench).await?;
    let insert = "INSERT INTO part (id, code, size) VALUES (?, ?, ?)";
    let errors = [
        conn.execute("INSERT INTO part (id, code) VALUES (2, ?)", (SECRET,)).await.err(),
        conn.execute("UPDATE item SET name = ?, id = 1", (SECRET,)).await.err(),
        conn.execute(insert, (3, SECRET, 1)).await.err(),
        conn.execute(insert, (3, &SECRET[..20], 1)).await.err(),
        conn.execute(insert, (3, &SECRET[..20], 1)).await.err(),
        conn.execute(insert, (4, &SECRET[..19], 0)).await.err(),
        conn.execute("UPDATE part SET size = ? WHERE id = 1", (SECRET,)).await.err(),
        conn.execute("UPDATE part SET item_id = ? WHERE id = 1", (SECRET,)).await.err(),
        conn.execute_many(insert, [(5, &SECRET[..18], 1), (6, SECRET, 1)]).await.err(),
    ];
    let errors: Vec<_> = errors.into_iter().flatten().collect();
    assert!(errors.len() >= 4, "most of these fail: {errors:?}");
    for error in errors {
        let shown = error.to_string();
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    Ok(())
}

/// What a user has no right to do is its own kind.
pub async fn r50_permission(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    items(&bench, &conn, 1).await?;
    let Some(stranger) = bench.setup().stranger(bench.place()) else {
        assert!(!bench.capabilities().permissions, "permissions are declared: the setup needs a user without rights");
        return Ok(());
    };
    assert!(bench.capabilities().permissions, "the setup has a user without rights, which is not declared");
    stranger.drop.iter().rev().for_each(|statement| bench.afterwards(statement.as_str()));
    for statement in &stranger.create {
        conn.execute(statement, ()).await?;
    }
    let outsider = bench.conn_to(&stranger.url).await?;
    for sql in ["SELECT id FROM item", "INSERT INTO item (id) VALUES (2)", "DROP TABLE item"] {
        refused(outsider.execute(sql, ()).await, ErrorKind::PermissionDenied, sql);
    }
    assert_eq!(count(&conn).await?, 1);
    Ok(())
}
