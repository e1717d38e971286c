//! Rules 33 to 39: parameters, and what the text of a statement may hold.

use oarlock_core::connection::{Many, Query};
use oarlock_core::dialect::Flavor;
use oarlock_core::params::{Named, Parameters};
use oarlock_core::{Conn, Db, DbExt, ErrorKind, Result, Row, ToValue, TxState, ValueRef, named};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use crate::bench::Bench;
use crate::failure::{Verdict, refused, refused_as};
use crate::sqlgen::{Statement, statements};
use crate::tables::{count, ids, insert, items, tx_state};

/// Wrong arity and wrong names are errors before anything runs.
pub async fn r33_wrong_arity_is_an_error_before_anything_runs(bench: Bench) -> Verdict {
    const QUESTION: &str = "INSERT INTO item (id, n) VALUES (?, ?)";
    const NAMED: &str = "INSERT INTO item (id, n) VALUES (:id, :n)";
    let conn = bench.conn().await?;
    items(&bench, &conn, 0).await?;
    let tx = conn.begin().await?;
    let wrong = ErrorKind::Parameters;
    refused(tx.execute(QUESTION, ()).await, wrong, "none of two");
    refused(tx.execute(QUESTION, (1,)).await, wrong, "one of two");
    refused(tx.execute(QUESTION, (1, 2, 3)).await, wrong, "three of two");
    refused(tx.execute("SELECT 1", (1,)).await, wrong, "one of none");
    refused(tx.execute("INSERT INTO item (id, n) VALUES ($1, $2)", (1,)).await, wrong, "one of $1 and $2");
    refused(tx.execute(NAMED, (1, 2)).await, wrong, "names by position");
    refused(tx.execute(NAMED, named! { id: 1 }).await, wrong, "a name that is not given");
    refused(tx.execute(NAMED, named! { id: 1, n: 2, m: 3 }).await, wrong, "a name too much");
    refused(tx.execute(QUESTION, named! { id: 1, n: 2 }).await, wrong, "names where the statement has none");
    refused(tx.execute("INSERT INTO item (id, n) VALUES (?, :n)", (1, 2)).await, wrong, "two styles");
    refused(tx.execute("INSERT INTO item (id, n) VALUES ($1, $3)", (1, 2, 3)).await, wrong, "a number left out");

    // The cursor's own checks aside: a driver that is called by others checks too.
    let mut lease = tx.lease().await?;
    let raw = lease.connection();
    let one = [ValueRef::I64(1)];
    let query = Query::new(QUESTION).params(Parameters::positional(&one));
    refused(raw.start(query).await, wrong, "one of two, by start");
    let many = Many { sql: QUESTION, names: None, width: 1, rows: 1, values: &one, guarded: true };
    refused(raw.execute_many(many).await, wrong, "one of two, by execute_many");
    drop(lease);

    assert_eq!(tx_state(&tx).await?, TxState::Open, "the server has seen nothing of it");
    tx.execute(QUESTION, (1, 2)).await?;
    tx.commit().await?;
    assert_eq!(ids(&conn).await?, [1]);
    Ok(())
}

/// The largest number of parameters works; one more is a clean error.
pub async fn r34_the_largest_number_of_parameters_works(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    items(&bench, &conn, 5).await?;
    let max = bench.capabilities().max_parameters;
    let sql = |count: usize| format!("SELECT count(*) FROM item WHERE id IN (?{})", ", ?".repeat(count - 1));
    let values = |count: usize| -> Vec<i64> { (0..).take(count).map(|value: i64| value + 3).collect() };
    assert_eq!(conn.fetch_value::<i64>(&sql(max), values(max)).await?, 3);
    refused(conn.execute(&sql(max + 1), values(max + 1)).await, ErrorKind::Parameters, "one parameter too many");
    assert_eq!(count(&conn).await?, 5, "the connection goes on");
    Ok(())
}

/// A name or number used twice takes one value; the order of use does not matter.
pub async fn r35_a_name_used_twice_takes_one_value(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    items(&bench, &conn, 0).await?;
    conn.execute("INSERT INTO item (id, n) VALUES (:a, :a)", named! { a: 1 }).await?;
    conn.execute("INSERT INTO item (id, n) VALUES ($1, $1)", (2,)).await?;
    conn.execute("INSERT INTO item (n, id) VALUES ($2, $1)", (3, 33)).await?;
    conn.execute("INSERT INTO item (id, name, n) VALUES (:b, :a, :b)", named! { a: "x", b: 4 }).await?;
    let rows: Vec<(i64, Option<String>, i64)> = conn.fetch_all("SELECT id, name, n FROM item ORDER BY id", ()).await?;
    assert_eq!(rows, [(1, None, 1), (2, None, 2), (3, None, 33), (4, Some("x".to_owned()), 4)]);
    let description = conn.describe("SELECT n FROM item WHERE id = :a OR n = :a OR name = :b").await?;
    assert_eq!((description.arity, description.names), (2, vec!["a".to_owned(), "b".to_owned()]));
    Ok(())
}

/// Placeholders inside strings, comments and quoted identifiers are untouched.
pub async fn r36_placeholders_in_strings_are_untouched(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    let quoted = bench.dialect().quote_identifier("a ? :b $1");
    let sql = format!("SELECT '? :x $1' AS {quoted}, /* ? :y */ 'it''s ?' AS c, ? AS d -- ? :z $9\n");
    let row: Row = conn.require_one(&sql, ("mine",)).await?;
    assert_eq!(&*row.columns()[0].name, "a ? :b $1");
    assert_eq!(row.read::<(String, String, String)>()?, ("? :x $1".to_owned(), "it's ?".to_owned(), "mine".to_owned()));
    let tagged = match bench.flavor() {
        Flavor::Postgres => "SELECT $q$ ? :x $1 $q$ || ?",
        Flavor::MySql => r#"SELECT CONCAT(" ? \' :x $1 ", ?)"#,
        _ => "SELECT ' ? :x $1 ' || ?",
    };
    let found: String = conn.fetch_value(tagged, ("!",)).await?;
    assert_eq!(found.replace("' ", ""), " ? :x $1 !");
    Ok(())
}

/// Random statements, whose result is known by construction, give it on the real server.
///
/// The number of statements is 300, or what `OARLOCK_CONFORMANCE_CASES` says.
pub async fn r36_random_statements_give_what_they_say(bench: Bench) -> Verdict {
    let cases = std::env::var("OARLOCK_CONFORMANCE_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(300);
    let conn = bench.conn().await?;
    for statement in random_statements(&bench, cases) {
        let description = conn.describe(&statement.sql).await.map_err(|error| error.context(&statement.sql))?;
        assert_eq!(description.native_arity, statement.slots.len(), "{}", statement.sql);
        assert_eq!(description.arity, statement.params.len(), "{}", statement.sql);
        assert_eq!(description.names, statement.names, "{}", statement.sql);
        let row = run(&conn, &statement).await.map_err(|error| error.context(&statement.sql))?;
        assert_eq!(row.len(), statement.columns.len(), "{}", statement.sql);
        for (index, column) in statement.columns.iter().enumerate() {
            if let Some(name) = &column.name {
                assert_eq!(&*row.columns()[index].name, name, "{}", statement.sql);
            }
            assert_eq!(row.get::<String>(index)?, column.value, "column {index} of {}", statement.sql);
        }
    }
    Ok(())
}

fn random_statements(bench: &Bench, cases: usize) -> Vec<Statement> {
    let strategy = statements(bench.dialect());
    let mut runner = TestRunner::default();
    (0..cases).map(|_| strategy.new_tree(&mut runner).expect("the generator gives a statement").current()).collect()
}

async fn run(conn: &Conn, statement: &Statement) -> Result<Row> {
    if statement.names.is_empty() {
        return conn.require_one(&statement.sql, &statement.params).await;
    }
    let pairs: Vec<(&str, &(dyn ToValue + Sync))> = statement
        .names
        .iter()
        .zip(&statement.params)
        .map(|(name, value)| (name.as_str(), value as &(dyn ToValue + Sync)))
        .collect();
    conn.require_one(&statement.sql, Named(&pairs)).await
}

/// `??` gives `?` where the dialect has operators with a question mark, and is an error elsewhere.
pub async fn r37_a_doubled_question_mark_is_one(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    if bench.flavor() == Flavor::Postgres {
        let sql = "SELECT CAST('{\"a\": 1}' AS jsonb) ?? 'a', CAST('{\"a\": 1}' AS jsonb) ?? ?";
        assert_eq!(conn.require_one::<(bool, bool)>(sql, ("b",)).await?, (true, false));
    } else {
        refused(conn.execute("SELECT 1 ?? 2", ()).await, ErrorKind::Syntax, "??");
    }
    assert_eq!(conn.fetch_value::<String>("SELECT '??'", ()).await?, "??", "in a string both stand");
    Ok(())
}

/// Several statements in `execute` are refused before any runs; `script` takes them.
pub async fn r38_several_statements_are_for_script(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    items(&bench, &conn, 0).await?;
    let two = "INSERT INTO item (id) VALUES (1); INSERT INTO item (id) VALUES (2)";
    refused(conn.execute(two, ()).await, ErrorKind::Interface, "two statements in execute");
    refused(conn.describe(two).await, ErrorKind::Interface, "two statements in describe");
    refused(conn.execute_many(two, [()]).await, ErrorKind::Interface, "two statements in execute_many");
    assert_eq!(count(&conn).await?, 0, "neither has run");
    conn.script(two).await?;
    assert_eq!(ids(&conn).await?, [1, 2]);

    let script = "-- the third; not yet\nINSERT INTO item (id, name) VALUES (3, 'a;b''?');\n\n;SELECT id FROM item;\n\
                  /* ; */ UPDATE item SET n = 5 WHERE id = 3;";
    conn.script(script).await?;
    let row: (String, i64) = conn.require_one("SELECT name, n FROM item WHERE id = 3", ()).await?;
    assert_eq!(row, ("a;b'?".to_owned(), 5));
    conn.script("").await?;
    conn.script(" ; -- nothing\n ;").await?;

    let failing =
        "INSERT INTO item (id) VALUES (4); INSERT INTO item (id) VALUES (1); INSERT INTO item (id) VALUES (5)";
    refused(conn.script(failing).await, ErrorKind::UniqueViolation, "a script whose second statement fails");
    assert_eq!(ids(&conn).await?, [1, 2, 3, 4], "what ran before stays, what comes after does not run");
    let tx = conn.begin().await?;
    tx.script("INSERT INTO item (id) VALUES (6); INSERT INTO item (id) VALUES (7);").await?;
    assert_eq!(tx_state(&tx).await?, TxState::Open);
    tx.rollback().await?;
    assert_eq!(count(&conn).await?, 4, "a script in a transaction is part of it");
    Ok(())
}

/// A trailing semicolon and comments are fine; empty SQL is an error.
pub async fn r39_a_trailing_semicolon_is_fine(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    items(&bench, &conn, 1).await?;
    for sql in [
        "SELECT 42;",
        "SELECT 42 ; \n",
        "SELECT 42 -- and so on",
        "/* the answer */ SELECT 42 /* ? */ ; -- done",
        ";SELECT 42;;",
        "\n\t SELECT\n42",
    ] {
        assert_eq!(conn.fetch_value::<i64>(sql, ()).await?, 42, "{sql}");
    }
    assert_eq!(conn.fetch_value::<i64>("SELECT id FROM item WHERE id = ?; -- one", (1,)).await?, 1);
    for sql in ["", "   ", ";", " ;; ", "-- nothing", "/* nothing */"] {
        refused_as(conn.execute(sql, ()).await, &[ErrorKind::Syntax], sql);
    }
    insert(&conn, 2).await?;
    assert_eq!(count(&conn).await?, 2, "the connection goes on");
    Ok(())
}
