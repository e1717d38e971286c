//! `execute_many`: rows that go many at a time store what they do one by one, and the others do go one by one.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod support;

use std::sync::{Arc, Mutex};

use oarlock_core::params::Named;
use oarlock_core::value::{Decimal, Interval};
use oarlock_core::{Conn, DbExt, Error, ErrorKind, ToValue, TxState, Url, Value};
use oarlock_postgres::{PostgresConnection, PostgresOptions};
use support::place;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Whether the rows of a batch went by one statement: its rows have the same command number.
async fn went_together(conn: &Conn, table: &str) -> bool {
    let sql = format!(
        "SELECT count(DISTINCT CAST(cmin AS text)) FROM {table} WHERE xmin = (SELECT xmin FROM {table} LIMIT 1)"
    );
    conn.fetch_value::<i64>(&sql, ()).await.unwrap() == 1
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn decimal(digits: &str) -> Value {
    Value::Decimal(digits.parse::<Decimal>().unwrap())
}

#[tokio::test]
async fn every_type_is_stored_as_one_by_one() {
    let Some(place) = place().await else { return };
    let conn = place.conn().await;
    conn.script(
        "CREATE TYPE \"My mood\" AS ENUM ('sad', 'so \"so\"', 'happy');
         CREATE DOMAIN small AS int CHECK (VALUE < 100);
         CREATE DOMAIN code AS varchar(5);
         CREATE TYPE pair AS (a int, b text)",
    )
    .await
    .unwrap();
    let interval = Interval { months: 14, days: -3, micros: 1 };
    let cases: Vec<(&str, Vec<Value>, bool)> = vec![
        ("boolean", vec![Value::Bool(true), Value::Bool(false)], true),
        ("int2", vec![Value::I64(-32_768), Value::U64(7)], true),
        ("int4", vec![Value::I64(i64::from(i32::MAX)), decimal("12")], true),
        ("int4", vec![text("12"), text(" 13 ")], true),
        ("int8", vec![Value::I64(i64::MIN), Value::I64(i64::MAX)], true),
        ("float4", vec![Value::F32(0.1), Value::F32(f32::NAN), Value::F64(0.5)], true),
        ("float8", vec![Value::F64(-0.0), Value::F64(f64::INFINITY), Value::I64(3)], true),
        ("numeric(20)", vec![Value::U64(u64::MAX), decimal("-0")], true),
        ("numeric(10, 2)", vec![decimal("1.005"), decimal("-99.1"), Value::I64(5)], true),
        ("numeric", vec![Value::F64(0.1), Value::F32(1e-7)], true),
        // A column whose values go in different formats.
        ("numeric", vec![Value::F64(0.1), decimal("0.1")], false),
        ("inet", vec![text("10.0.0.1"), text("::1/64")], true),
        ("text", vec![text(""), text("a\"b\\c{},NULL"), text("é🦀")], true),
        ("varchar(5)", vec![text("abcde"), text("abc     ")], true),
        ("char(4)", vec![text("ab"), text("abcd  ")], true),
        ("\"char\"", vec![text("x"), text("")], true),
        ("name", vec![text("x")], true),
        ("bytea", vec![Value::Bytes(vec![0, 255, b'\\']), Value::Bytes(Vec::new())], true),
        ("uuid", vec![Value::Uuid([7; 16]), Value::Uuid([0; 16])], true),
        ("json", vec![Value::Json("{\"a\": [1,  2]}".to_owned())], true),
        ("jsonb", vec![Value::Json("{\"a\": [1,  2]}".to_owned()), Value::Json("null".to_owned())], true),
        ("jsonb", vec![text("{\"a\": \"b,\\\"\"}")], true),
        ("date", vec![Value::Date(0), Value::Date(-100_000)], true),
        ("time", vec![Value::Time(1), Value::Time(86_399_999_999)], true),
        ("timestamp", vec![Value::DateTime(-1), text("infinity")], false),
        ("timestamp(0)", vec![Value::DateTime(1_500_000)], true),
        ("timestamptz", vec![Value::Instant(-1)], true),
        ("timestamptz", vec![text("infinity"), text("2024-02-29 12:00+03")], true),
        ("interval", vec![Value::Span(-1), Value::Interval(interval)], true),
        ("\"My mood\"", vec![text("happy"), text("so \"so\"")], true),
        ("small", vec![Value::I64(7), Value::I64(-7)], true),
        ("code", vec![text("abcde")], true),
        ("point", vec![text("(1,2)")], true),
        // Its arrays are parted by semicolons: the text form fails, and the rows go one by one.
        ("box", vec![text("(1,2),(3,4)"), text("(5,6),(7,8)")], false),
        ("bit(3)", vec![text("101")], true),
        ("int4range", vec![text("[1,5)"), text("empty")], true),
        ("int4[]", vec![Value::Array(vec![Value::I64(1), Value::Null]), Value::Array(Vec::new())], false),
        ("text[]", vec![text("{a,\"b c\"}")], false),
        ("pair", vec![text("(1,\"x y\")")], false),
        ("tsvector", vec![text("'a' 'b'")], true),
        ("xml", vec![text("<a/>")], true),
        ("macaddr", vec![text("08:00:2b:01:02:03")], true),
        ("oid", vec![Value::I64(4_000_000_000)], true),
        ("regclass", vec![text("pg_catalog.pg_class")], true),
    ];
    for (index, (of, values, together)) in cases.into_iter().enumerate() {
        let (fast, slow) = (format!("fast_{index}"), format!("slow_{index}"));
        for table in [&fast, &slow] {
            conn.execute(&format!("CREATE TABLE {table} (n int, v {of})"), ()).await.unwrap();
        }
        let rows: Vec<(i64, Value)> = (0..640)
            .map(|n| {
                (n, if n % 5 == 0 { Value::Null } else { values[usize::try_from(n).unwrap() % values.len()].clone() })
            })
            .collect();
        // The first go as arrays, the others by COPY where they can.
        for rows in [&rows[..40], &rows[40..]] {
            let outcome = conn.execute_many(&format!("INSERT INTO {fast} (n, v) VALUES (?, ?)"), rows).await.unwrap();
            assert_eq!(outcome.rows_affected.and_then(|count| usize::try_from(count).ok()), Some(rows.len()), "{of}");
        }
        let statements = format!("SELECT count(DISTINCT concat(xmin, ' ', cmin)) FROM {fast}");
        assert_eq!(conn.fetch_value::<i64>(&statements, ()).await.unwrap() == 2, together, "{of}");
        let tx = conn.begin().await.unwrap();
        for (n, value) in &rows {
            tx.execute(&format!("INSERT INTO {slow} (n, v) VALUES (?, ?)"), (n, value)).await.unwrap();
        }
        tx.commit().await.unwrap();
        let differ = format!(
            "SELECT count(*) FROM {fast} f FULL JOIN {slow} s USING (n) WHERE f.v::text IS DISTINCT FROM s.v::text"
        );
        assert_eq!(conn.fetch_value::<i64>(&differ, ()).await.unwrap(), 0, "{of}");
    }
    place.drop().await;
}

#[tokio::test]
async fn defaults_generated_columns_and_keys_are_made_for_each_row() {
    let Some(place) = place().await else { return };
    let conn = place.conn().await;
    conn.script(
        "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a int, twice int GENERATED ALWAYS AS (a * 2) STORED,
             made timestamptz NOT NULL DEFAULT now(), dice float8 DEFAULT random(), s varchar(8) COLLATE \"C\")",
    )
    .await
    .unwrap();
    let rows: Vec<(i64, String)> = (0..100).map(|n| (n, format!("s{n}"))).collect();
    let sql = "insert /* ? */ into t (a, -- ?\n \"s\") Values (1 + ?, CAST(? AS varchar(8)) || '?') RETURNING id, dice -- end";
    assert_eq!(conn.execute_many(sql, &rows).await.unwrap().rows_affected, Some(100));
    assert!(went_together(&conn, "t").await);
    let found: (i64, i64, i64, String) = conn
        .require_one("SELECT count(*), count(DISTINCT dice), sum(twice - 2 * id), max(s) FROM t WHERE s = concat('s', id - 1, '?')", ())
        .await
        .unwrap();
    assert_eq!(found, (100, 100, 0, "s9?".to_owned()));
    place.drop().await;
}

#[tokio::test]
async fn names_may_repeat_and_stand_in_any_order() {
    let Some(place) = place().await else { return };
    let conn = place.conn().await;
    conn.execute("CREATE TABLE t (a int, b text, c int)", ()).await.unwrap();
    let numbers: Vec<i32> = (0..50).collect();
    let pairs: Vec<[(&str, &(dyn ToValue + Sync)); 2]> =
        numbers.iter().map(|n| [("label", &"x" as _), ("n", n as _)]).collect();
    let rows: Vec<_> = pairs.iter().map(|pair| Named(pair)).collect();
    conn.execute_many("INSERT INTO t VALUES (:n, :label, :n)", &rows).await.unwrap();
    assert!(went_together(&conn, "t").await);
    let sql = "SELECT count(*) FROM t WHERE a = c AND b = 'x' AND a BETWEEN 0 AND 49";
    assert_eq!(conn.fetch_value::<i64>(sql, ()).await.unwrap(), 50);
    place.drop().await;
}

#[tokio::test]
async fn conflicts_end_as_one_by_one() {
    let Some(place) = place().await else { return };
    let conn = place.conn().await;
    conn.execute("CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL)", ()).await.unwrap();
    let rows: Vec<(i32, i32)> = (0..60).map(|n| (n % 30, n)).collect();
    let sql = "INSERT INTO t VALUES (?, ?) ON CONFLICT (id) DO NOTHING";
    assert_eq!(conn.execute_many(sql, &rows).await.unwrap().rows_affected, Some(30));
    assert!(went_together(&conn, "t").await);
    // One statement must not change a row twice; one by one the last one wins.
    let sql = "INSERT INTO t VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET n = excluded.n";
    assert_eq!(conn.execute_many(sql, &rows).await.unwrap().rows_affected, Some(60));
    let wrong = conn.fetch_value::<i64>("SELECT count(*) FROM t WHERE n <> id + 30", ()).await.unwrap();
    assert_eq!(wrong, 0);
    place.drop().await;
}

#[tokio::test]
async fn triggers_see_what_they_see_one_by_one() {
    let Some(place) = place().await else { return };
    let conn = place.conn().await;
    conn.script(
        "CREATE TABLE t (id int, seen int);
         CREATE TABLE log (n bigint);
         CREATE FUNCTION before() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN NEW.seen := (SELECT count(*) FROM t); RETURN NEW; END $$;
         CREATE FUNCTION after() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN INSERT INTO log SELECT count(*) FROM t; RETURN NULL; END $$;
         CREATE TRIGGER before BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION before()",
    )
    .await
    .unwrap();
    let rows: Vec<(i32,)> = (0..40).map(|n| (n,)).collect();
    conn.execute_many("INSERT INTO t (id) VALUES (?)", &rows).await.unwrap();
    assert!(went_together(&conn, "t").await, "a trigger before a row sees the rows before it");
    assert_eq!(conn.fetch_value::<i64>("SELECT count(*) FROM t WHERE seen = id", ()).await.unwrap(), 40);
    for (kind, statement) in [("row", "FOR EACH ROW"), ("statement", "FOR EACH STATEMENT")] {
        let ddl = format!(
            "TRUNCATE t, log; CREATE OR REPLACE TRIGGER after AFTER INSERT ON t {statement} EXECUTE FUNCTION after()"
        );
        conn.script(&ddl).await.unwrap();
        conn.execute_many("INSERT INTO t (id) VALUES (?)", &rows).await.unwrap();
        let seen: (i64, i64) = conn.require_one("SELECT count(*), sum(n)::int8 FROM log", ()).await.unwrap();
        assert_eq!(seen, (40, (1..=40).sum()), "{kind}");
    }
    place.drop().await;
}

#[tokio::test]
async fn a_table_that_refers_to_itself_takes_rows_in_their_order() {
    let Some(place) = place().await else { return };
    let conn = place.conn().await;
    conn.execute("CREATE TABLE t (id int PRIMARY KEY, parent int REFERENCES t)", ()).await.unwrap();
    let rows: Vec<(i32, Option<i32>)> = (0..40).map(|n| (n, (n < 39).then_some(n + 1))).collect();
    let error = conn.execute_many("INSERT INTO t VALUES (?, ?)", &rows).await.unwrap_err();
    assert_eq!((error.kind(), error.batch_index()), (ErrorKind::ForeignKeyViolation, Some(0)));
    let reversed: Vec<_> = rows.into_iter().rev().collect();
    assert_eq!(conn.execute_many("INSERT INTO t VALUES (?, ?)", &reversed).await.unwrap().rows_affected, Some(40));
    place.drop().await;
}

#[tokio::test]
async fn partitions_views_and_rules() {
    let Some(place) = place().await else { return };
    let conn = place.conn().await;
    conn.script(
        "CREATE TABLE parts (id int, s text) PARTITION BY RANGE (id);
         CREATE TABLE low PARTITION OF parts FOR VALUES FROM (0) TO (20);
         CREATE TABLE high PARTITION OF parts FOR VALUES FROM (20) TO (40);
         CREATE TABLE t (id int, s text);
         CREATE VIEW v AS SELECT id, s FROM t;
         CREATE TABLE ruled (id int, s text);
         CREATE RULE also AS ON INSERT TO ruled DO ALSO INSERT INTO t VALUES (NEW.id, 'by rule')",
    )
    .await
    .unwrap();
    let rows: Vec<(i32, &str)> = (0..40).map(|n| (n, "x")).collect();
    for (table, together) in [("parts", true), ("v", false), ("ruled", false)] {
        let sql = format!("INSERT INTO {table} (id, s) VALUES (?, ?)");
        assert_eq!(conn.execute_many(&sql, &rows).await.unwrap().rows_affected, Some(40), "{table}");
        let stored = if table == "v" { "t" } else { table };
        assert_eq!(
            conn.fetch_value::<i64>(&format!("SELECT count(*) FROM {stored}"), ()).await.unwrap(),
            40,
            "{table}"
        );
        if table == "v" {
            assert!(!went_together(&conn, "t").await);
            conn.execute("TRUNCATE t", ()).await.unwrap();
        } else if together {
            assert!(went_together(&conn, "low").await && went_together(&conn, "high").await);
        }
    }
    assert_eq!(conn.fetch_value::<i64>("SELECT count(*) FROM t WHERE s = 'by rule'", ()).await.unwrap(), 40);
    place.drop().await;
}

fn told(error: &Error) -> (ErrorKind, Option<usize>, Option<&str>, String) {
    (error.kind(), error.batch_index(), error.constraint(), error.message().to_owned())
}

#[tokio::test]
async fn the_failing_row_is_told_as_one_by_one() {
    let Some(place) = place().await else { return };
    let conn = place.conn().await;
    conn.execute(
        "CREATE TABLE t (id int PRIMARY KEY, n int CONSTRAINT positive CHECK (n >= 0), s varchar(5), a int[])",
        (),
    )
    .await
    .unwrap();
    let good = |n: i64| vec![Value::I64(n), Value::I64(n), text("x")];
    for (kind, bad) in [
        (ErrorKind::UniqueViolation, vec![Value::I64(0), Value::I64(1), text("x")]),
        (ErrorKind::CheckViolation, vec![Value::I64(500), Value::I64(-1), text("x")]),
        (ErrorKind::OutOfRange, vec![Value::I64(500), Value::I64(1), text("too long")]),
        (ErrorKind::OutOfRange, vec![Value::I64(1 << 40), Value::I64(1), text("x")]),
        (ErrorKind::Conversion, vec![Value::I64(500), Value::Bool(true), text("x")]),
        (ErrorKind::NotNullViolation, vec![Value::Null, Value::I64(1), text("x")]),
        (ErrorKind::NotSupported, vec![Value::I64(500), Value::I64(1), text("a\0b")]),
        (ErrorKind::InvalidValue, vec![Value::I64(500), text("no"), text("x")]),
    ] {
        let mut rows: Vec<Vec<Value>> = (0..300).map(good).collect();
        rows[217] = bad;
        let sql = "INSERT INTO t (id, n, s) VALUES (?, ?, ?)";
        let fast = conn.execute_many(sql, &rows).await.unwrap_err();
        assert_eq!((fast.kind(), fast.batch_index()), (kind, Some(217)), "{fast}");
        // The array keeps it from going many at a time.
        let longer: Vec<Vec<Value>> =
            rows.into_iter().map(|row| [row, vec![Value::Array(Vec::new())]].concat()).collect();
        let slow = conn.execute_many("INSERT INTO t (id, n, s, a) VALUES (?, ?, ?, ?)", &longer).await.unwrap_err();
        assert_eq!(told(&fast), told(&slow));
        assert_eq!(conn.fetch_value::<i64>("SELECT count(*) FROM t", ()).await.unwrap(), 0);
    }
    // In a transaction, which lives on.
    let tx = conn.begin().await.unwrap();
    tx.execute("INSERT INTO t (id) VALUES (299)", ()).await.unwrap();
    let rows: Vec<_> = (0..300).map(good).collect();
    let error = tx.execute_many("INSERT INTO t (id, n, s) VALUES (?, ?, ?)", &rows).await.unwrap_err();
    assert_eq!((error.kind(), error.batch_index()), (ErrorKind::UniqueViolation, Some(299)));
    assert_eq!(
        tx.execute_many("INSERT INTO t (id, n, s) VALUES (?, ?, ?)", &rows[..299]).await.unwrap().rows_affected,
        Some(299)
    );
    tx.commit().await.unwrap();
    assert_eq!(conn.fetch_value::<i64>("SELECT count(*) FROM t", ()).await.unwrap(), 300);
    place.drop().await;
}

#[tokio::test]
async fn a_batch_that_makes_one_statement_has_no_transaction_around_it() {
    let Some(place) = place().await else { return };
    let (url, heard) = overheard(&place.url()).await;
    let conn = Conn::new(Box::new(PostgresConnection::connect(&PostgresOptions::parse(&url).unwrap()).await.unwrap()));
    conn.execute("CREATE TABLE t (n int CHECK (n >= 0))", ()).await.unwrap();
    let rows: Vec<(i32,)> = (0..100).map(|n| (n,)).collect();
    let insert = "INSERT INTO t (n) VALUES (?)";
    assert_eq!(conn.execute_many(insert, &rows).await.unwrap().rows_affected, Some(100));
    let says = |word: &[u8]| heard.lock().unwrap().windows(word.len()).any(|bytes| bytes == word);
    assert!(says(b"unnest") && !says(b"BEGIN") && !says(b"COMMIT"));
    // What fails leaves nothing, and tells its row: for that, the rows go one by one.
    let mut bad = rows.clone();
    bad[40] = (-1,);
    let error = conn.execute_many(insert, &bad).await.unwrap_err();
    assert_eq!((error.kind(), error.batch_index()), (ErrorKind::CheckViolation, Some(40)));
    assert!(says(b"BEGIN") && !says(b"COMMIT"));
    let tx = conn.begin().await.unwrap();
    assert_eq!(tx.execute_many(insert, &rows).await.unwrap().rows_affected, Some(100));
    assert!(says(b"SAVEPOINT"));
    tx.rollback().await.unwrap();
    assert_eq!(conn.fetch_value::<i64>("SELECT count(*) FROM t", ()).await.unwrap(), 100);
    place.drop().await;
}

/// Gives a way to the server on which all is written down that is said to it.
async fn overheard(url: &Url) -> (Url, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = &url.hosts()[0];
    let server = format!("{}:{}", host.name, host.port.unwrap_or(5432));
    let through = url.clone().with_host("127.0.0.1", listener.local_addr().unwrap().port());
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ear = Arc::clone(&heard);
    tokio::spawn(async move {
        // Requests to stop a statement come on connections of their own.
        while let Ok((client, _)) = listener.accept().await {
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_server, mut to_server) = TcpStream::connect(&server).await.unwrap().into_split();
            tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
            let ear = Arc::clone(&ear);
            tokio::spawn(async move {
                let mut piece = vec![0; 1 << 16];
                while let Ok(length @ 1..) = from_client.read(&mut piece).await {
                    ear.lock().unwrap().extend_from_slice(&piece[..length]);
                    to_server.write_all(&piece[..length]).await.unwrap();
                }
            });
        }
    });
    (through.with_option("sslmode", "disable"), heard)
}

#[tokio::test]
async fn batches_larger_than_a_statement_are_one_batch() {
    let Some(place) = place().await else { return };
    let conn = place.conn().await;
    conn.execute("CREATE TABLE t (id int PRIMARY KEY, s text)", ()).await.unwrap();
    let sql = "INSERT INTO t VALUES (?, ?)";
    let mut rows: Vec<(i32, String)> = (0..100_000).map(|n| (n, format!("row {n}"))).collect();
    assert_eq!(conn.execute_many(sql, &rows).await.unwrap().rows_affected, Some(100_000));
    let found: (i64, i64) = conn
        .require_one("SELECT count(*), count(DISTINCT CAST(cmin AS text)) FROM t WHERE s = 'row ' || id", ())
        .await
        .unwrap();
    assert_eq!(found, (100_000, 13));
    conn.execute("DELETE FROM t", ()).await.unwrap();
    rows[90_000].0 = 5;
    let error = conn.execute_many(sql, &rows).await.unwrap_err();
    assert_eq!((error.kind(), error.batch_index()), (ErrorKind::UniqueViolation, Some(90_000)));
    assert_eq!(conn.fetch_value::<i64>("SELECT count(*) FROM t", ()).await.unwrap(), 0);

    let wide: Vec<(i32, String)> = (0..20).map(|n| (n, "x".repeat(3 << 20))).collect();
    assert_eq!(conn.execute_many(sql, &wide).await.unwrap().rows_affected, Some(20));
    assert_eq!(conn.fetch_value::<i64>("SELECT sum(length(s)) FROM t", ()).await.unwrap(), 20 * (3 << 20));
    place.drop().await;
}

#[tokio::test]
async fn a_batch_without_a_row_of_values_goes_one_by_one() {
    let Some(place) = place().await else { return };
    let conn = place.conn().await;
    conn.execute("CREATE TABLE t (id int PRIMARY KEY, n int)", ()).await.unwrap();
    conn.execute("CREATE SEQUENCE numbers", ()).await.unwrap();
    let rows: Vec<(i32, i32)> = (0..40).map(|n| (n, n)).collect();
    for sql in [
        "INSERT INTO t SELECT ?, ?",
        "INSERT INTO t VALUES (?, (SELECT count(*) FROM t WHERE id < ?))",
        "INSERT INTO t VALUES (?, abs(?::int))",
        "WITH one AS (SELECT 1) INSERT INTO t VALUES (?, ?)",
        "INSERT INTO t VALUES (?, 0) ON CONFLICT (id) DO UPDATE SET n = ?",
        "INSERT INTO t (id, n) VALUES (CASE WHEN (1 = 1) THEN ?::int END, ?)",
    ] {
        assert_eq!(conn.execute_many(sql, &rows).await.unwrap().rows_affected, Some(40), "{sql}");
        assert!(!went_together(&conn, "t").await, "{sql}");
        conn.execute("TRUNCATE t", ()).await.unwrap();
    }
    // A table whose type changes under a statement that is kept.
    let sql = "INSERT INTO t VALUES (?, ?)";
    assert_eq!(conn.execute_many(sql, &rows).await.unwrap().rows_affected, Some(40));
    let other = place.conn().await;
    other.script("TRUNCATE t; ALTER TABLE t ALTER n TYPE bigint").await.unwrap();
    let large: Vec<(i32, i64)> = (0..40).map(|n| (n, 1 << 40)).collect();
    assert_eq!(conn.execute_many(sql, &large).await.unwrap().rows_affected, Some(40));
    assert_eq!(conn.fetch_value::<i64>("SELECT count(*) FROM t WHERE n = 1099511627776", ()).await.unwrap(), 40);
    place.drop().await;
}

#[tokio::test]
async fn a_statement_for_many_rows_is_closed_with_its_own() {
    let Some(place) = place().await else { return };
    let conn = place.conn_with("statement_cache", "0").await;
    conn.execute("CREATE TABLE t (id int)", ()).await.unwrap();
    let rows: Vec<(i32,)> = (0..40).map(|n| (n,)).collect();
    conn.execute_many("INSERT INTO t VALUES (?)", &rows).await.unwrap();
    assert!(went_together(&conn, "t").await);
    let kept = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%INSERT%' AND statement NOT LIKE '%prepared%'";
    assert_eq!(conn.fetch_value::<i64>(kept, ()).await.unwrap(), 0);
    let mut lease = oarlock_core::Db::lease(&conn).await.unwrap();
    assert_eq!(lease.connection().tx_state(), TxState::Auto);
    drop(lease);
    place.drop().await;
}

#[tokio::test]
async fn large_batches_are_copied_into_the_types_that_the_table_has() {
    let Some(place) = place().await else { return };
    let conn = place.conn().await;
    conn.script(
        "CREATE TABLE t (id int PRIMARY KEY, n int4, how text, UNIQUE (n) DEFERRABLE INITIALLY DEFERRED);
         CREATE FUNCTION how() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.how := current_query(); RETURN NEW; END $$;
         CREATE TRIGGER how BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION how()",
    )
    .await
    .unwrap();
    let sql = "INSERT INTO t (n, id) VALUES (?, ?)";
    let rows: Vec<(i32, i32)> = (0..20_000).map(|n| (n + 1, n)).collect();
    assert_eq!(conn.execute_many(sql, &rows).await.unwrap().rows_affected, Some(20_000));
    let how = "SELECT count(*) FROM t WHERE starts_with(how, ?) AND n = id + 1";
    assert_eq!(conn.fetch_value::<i64>(how, ("COPY t (n, id)",)).await.unwrap(), 20_000);

    let mut known = rows.clone();
    known[15_000].1 = 7;
    conn.execute("TRUNCATE t", ()).await.unwrap();
    let error = conn.execute_many(sql, &known).await.unwrap_err();
    assert_eq!((error.kind(), error.batch_index()), (ErrorKind::UniqueViolation, Some(15_000)));
    let mut late = rows.clone();
    late[15_000].0 = 7;
    let error = conn.execute_many(sql, &late).await.unwrap_err();
    assert_eq!((error.kind(), error.batch_index()), (ErrorKind::UniqueViolation, None), "it is checked by the commit");
    assert_eq!(conn.fetch_value::<i64>("SELECT count(*) FROM t", ()).await.unwrap(), 0);

    // Four bytes of another kind: what the server took before for a number would be taken for one again.
    let other = place.conn().await;
    other.execute("ALTER TABLE t ALTER n TYPE float4", ()).await.unwrap();
    assert_eq!(conn.execute_many(sql, &rows).await.unwrap().rows_affected, Some(20_000));
    assert_eq!(conn.fetch_value::<i64>(how, ("INSERT",)).await.unwrap(), 20_000);
    let tx = conn.begin().await.unwrap();
    tx.execute("TRUNCATE t", ()).await.unwrap();
    assert_eq!(tx.execute_many(sql, &rows[..1000]).await.unwrap().rows_affected, Some(1000));
    assert_eq!(tx.execute_many(sql, &rows[..1000]).await.unwrap_err().batch_index(), Some(0));
    tx.commit().await.unwrap();
    assert_eq!(conn.fetch_value::<i64>("SELECT count(*) FROM t", ()).await.unwrap(), 1000);
    place.drop().await;
}
