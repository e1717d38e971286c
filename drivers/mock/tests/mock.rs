//! The mock as code under test meets it, and what it says when the code does otherwise.

use std::panic::{AssertUnwindSafe, catch_unwind};

use oarlock_core::result::Notice;
use oarlock_core::schema::{Column, Table, Type};
use oarlock_core::{Conn, Db, DbExt, Error, ErrorKind, Result, Row, TxState, ValueRef, named};
use oarlock_mock::Mock;

fn verify_message(mock: &Mock) -> String {
    let panic = catch_unwind(AssertUnwindSafe(|| mock.verify())).expect_err("the script was not followed");
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[tokio::test]
async fn answers_come_in_order_with_rows_counts_and_keys() -> Result<()> {
    let mock = Mock::new();
    mock.expect("SELECT id, name FROM city WHERE id > ?")
        .with((1,))
        .returns(["id", "name"], [(2, Some("Bergen")), (3, None)]);
    mock.expect("INSERT INTO city (name) VALUES (:name)").with(named! { name: "Oslo" }).inserts(4);
    mock.expect("UPDATE city SET name = 'x'").affects(3);
    mock.expect("CREATE TABLE t (id int8)").affects_nothing_countable();
    let conn = mock.conn();

    // White space does not matter.
    let rows: Vec<(i64, Option<String>)> =
        conn.fetch_all("SELECT id, name\n  FROM city WHERE id > ?", (1_i16,)).await?;
    assert_eq!(rows, [(2, Some("Bergen".to_owned())), (3, None)]);
    let inserted = conn.execute("INSERT INTO city (name) VALUES (:name)", named! { name: "Oslo" }).await?;
    assert_eq!((inserted.rows_affected, inserted.last_insert_id), (Some(1), Some(4)));
    assert_eq!(conn.execute("UPDATE city SET name = 'x'", ()).await?.rows_affected, Some(3));
    assert_eq!(conn.execute("CREATE TABLE t (id int8)", ()).await?.rows_affected, None);
    assert_eq!(mock.ran().len(), 4);
    mock.verify();
    Ok(())
}

#[tokio::test]
async fn another_statement_is_an_error_that_tells_both() {
    let mock = Mock::new();
    mock.expect("SELECT 1");
    let error = mock.conn().execute("SELECT 2", ()).await.expect_err("another statement");
    assert_eq!(error.kind(), ErrorKind::Interface);
    assert_eq!(
        error.message(),
        "the mock's script: statement 1 is another one\nexpected: SELECT 1\n     got: SELECT 2"
    );
    // What the code under test swallows is told again, with what was never asked.
    let message = verify_message(&mock);
    assert!(message.contains("got: SELECT 2"), "{message}");
    assert!(message.contains("expected, and never run: SELECT 1"), "{message}");
}

#[tokio::test]
async fn other_parameters_are_an_error_that_tells_both() {
    let mock = Mock::new();
    mock.expect("SELECT ?").with(("a",));
    let error = mock.conn().execute("SELECT ?", ("b",)).await.expect_err("another parameter");
    let told = "the mock's script: statement 1 has other parameters: SELECT ?\nexpected: (Text(\"a\"))\n     got: (Text(\"b\"))";
    assert_eq!(error.message(), told);

    let mock = Mock::new();
    mock.expect("SELECT :a, :b").with(named! { b: 2, a: 1 }).returns(["x"], [(0,)]);
    mock.conn().execute("SELECT :a, :b", named! { a: 1, b: 2 }).await.expect("names in any order");
    mock.verify();
}

#[tokio::test]
async fn a_statement_past_the_end_is_an_error() {
    let mock = Mock::new();
    let error = mock.conn().execute("SELECT 1", ()).await.expect_err("nothing is expected");
    assert_eq!(error.message(), "the mock's script: no statement was expected any more\n     got: SELECT 1");
    assert!(verify_message(&mock).contains("no statement was expected"));
}

#[tokio::test]
async fn parameters_are_counted_as_by_every_driver() {
    let mock = Mock::new();
    mock.expect("SELECT ?");
    let conn = mock.conn();
    assert_eq!(conn.execute("SELECT ?", ()).await.expect_err("none of one").kind(), ErrorKind::Parameters);
    assert_eq!(conn.execute("SELECT 1; SELECT 2", ()).await.expect_err("two").kind(), ErrorKind::Interface);
    assert_eq!(mock.ran(), Vec::<String>::new(), "nothing was run");
}

#[tokio::test]
async fn transactions_are_recorded_and_need_no_expectation() -> Result<()> {
    let mock = Mock::new();
    mock.expect("DELETE FROM t").affects(2);
    mock.expect("DELETE FROM u").affects(0);
    let conn = mock.conn();
    let tx = conn.begin().await?;
    tx.execute("DELETE FROM t", ()).await?;
    let inner = tx.begin().await?;
    inner.execute("DELETE FROM u", ()).await?;
    drop(inner);
    assert_eq!(tx.execute("COMMIT", ()).await.expect_err("the guard commits").kind(), ErrorKind::Interface);
    tx.commit().await?;
    drop(conn.begin().await?);
    assert_eq!(conn.lease().await?.connection().tx_state(), TxState::Auto);
    let ran = mock.ran();
    let savepoint = ran[2].strip_prefix("SAVEPOINT ").unwrap_or_default();
    assert_eq!(
        ran,
        [
            "BEGIN".to_owned(),
            "DELETE FROM t".to_owned(),
            format!("SAVEPOINT {savepoint}"),
            "DELETE FROM u".to_owned(),
            format!("ROLLBACK TO SAVEPOINT {savepoint}"),
            "COMMIT".to_owned(),
            "BEGIN".to_owned(),
            "ROLLBACK".to_owned(),
        ]
    );
    mock.verify();
    Ok(())
}

#[tokio::test]
async fn a_commit_can_be_made_to_fail_and_to_be_run_again() -> Result<()> {
    let mock = Mock::new();
    mock.expect("DELETE FROM t").affects(1);
    mock.expect("COMMIT").fails(Error::new(ErrorKind::SerializationFailure, "try again"));
    mock.expect("DELETE FROM t").affects(1);
    let conn = mock.conn();
    conn.transaction(|tx| async move { tx.execute("DELETE FROM t", ()).await.map(drop) }).await?;
    assert_eq!(mock.ran(), ["BEGIN", "DELETE FROM t", "COMMIT", "BEGIN", "DELETE FROM t", "COMMIT"]);
    mock.verify();
    Ok(())
}

#[tokio::test]
async fn errors_come_at_once_or_after_the_rows() -> Result<()> {
    let mock = Mock::new();
    mock.expect("SELECT 1").fails(Error::new(ErrorKind::TableNotFound, "no"));
    mock.expect("SELECT 2").returns(["n"], [(1,), (2,)]).fails(Error::new(ErrorKind::ConnectionLost, "gone"));
    let conn = mock.conn();
    assert_eq!(conn.query("SELECT 1", ()).await.expect_err("at once").kind(), ErrorKind::TableNotFound);
    let mut cursor = conn.query("SELECT 2", ()).await?;
    assert_eq!(cursor.fetch_many::<(i64,)>(2).await?, [(1,), (2,)]);
    assert_eq!(cursor.fetch_one::<Row>().await.expect_err("late").kind(), ErrorKind::ConnectionLost);
    drop(cursor);
    mock.verify();
    Ok(())
}

#[tokio::test]
async fn sets_warnings_scripts_batches_and_descriptions() -> Result<()> {
    let mock = Mock::new().with_tables([Table::new("t").column(Column::new("id", Type::Int8))]);
    let notice = Notice { severity: "WARNING".to_owned(), code: None, message: "mind".to_owned() };
    mock.expect("CALL p()").returns(["a"], [(1,), (2,)]).returns(["b"], [("x",)]).warns(notice.clone());
    mock.expect("INSERT INTO t VALUES (?)").with_many([(1,), (2,)]);
    mock.expect("a; b");
    mock.expect("SELECT ?, ?").returns(["p", "q"], [(1, "x")]);
    let conn = mock.conn();
    let mut cursor = conn.query("CALL p()", ()).await?;
    cursor.set_array_size(1);
    assert_eq!(cursor.fetch_one::<(i64,)>().await?, Some((1,)));
    assert!(cursor.next_set().await?);
    assert_eq!(cursor.fetch_all::<(String,)>().await?, [("x".to_owned(),)]);
    assert!(!cursor.next_set().await?);
    assert_eq!((cursor.outcome().warnings, cursor.warnings().await?), (1, vec![notice]));
    drop(cursor);
    assert_eq!(conn.execute_many("INSERT INTO t VALUES (?)", [(1,), (2,)]).await?.rows_affected, Some(2));
    conn.script("a; b").await?;
    let described = conn.describe("SELECT ?, ?").await?;
    assert_eq!((described.arity, described.columns.len()), (2, 2));
    let row: Row = conn.require_one("SELECT ?, ?", (7, 8)).await?;
    assert_eq!(row.value("q")?, ValueRef::Text("x"));
    assert_eq!(conn.table_names(None).await?, ["t"]);
    assert_eq!(conn.table(None, "u").await.expect_err("no such table").kind(), ErrorKind::TableNotFound);
    mock.verify();
    Ok(())
}

#[tokio::test]
async fn one_statement_at_a_time_and_none_after_close() -> Result<()> {
    let mock = Mock::new();
    mock.expect("SELECT 1").returns(["n"], [(1,)]);
    let conn: Conn = mock.conn();
    let cursor = conn.query("SELECT 1", ()).await?;
    assert_eq!(conn.query("SELECT 1", ()).await.expect_err("busy").kind(), ErrorKind::Interface);
    drop(cursor);
    conn.close().await?;
    assert_eq!(conn.ping().await.expect_err("closed").kind(), ErrorKind::Interface);
    mock.verify();
    Ok(())
}
