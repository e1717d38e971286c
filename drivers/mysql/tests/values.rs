//! Values that only this driver has to think about.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod support;

use oarlock_core::value::{Decimal, Interval};
use oarlock_core::{DbExt, ErrorKind, Value};
use support::database;

#[tokio::test]
async fn a_bool_that_holds_2_is_a_number() {
    let Some(db) = database("bools").await else { return };
    let conn = db.connect().await;
    conn.script("CREATE TABLE t (id INT, b BOOL, w TINYINT, u TINYINT(1) UNSIGNED)").await.unwrap();
    conn.execute("INSERT INTO t VALUES (1, ?, 1, 1), (2, 2, 2, 2), (3, NULL, NULL, NULL)", (true,)).await.unwrap();
    assert!(conn.fetch_value::<bool>("SELECT b FROM t WHERE id = 1", ()).await.unwrap());
    assert_eq!(conn.fetch_value::<i8>("SELECT b FROM t WHERE id = 2", ()).await.unwrap(), 2);
    let error = conn.fetch_value::<bool>("SELECT b FROM t WHERE id = 2", ()).await.unwrap_err();
    assert_eq!((error.kind(), error.column()), (ErrorKind::Conversion, Some("b")));
    assert_eq!(conn.fetch_value::<Value>("SELECT b FROM t WHERE id = 1", ()).await.unwrap(), Value::I64(1));
    let truths = db.with("tinyint1", "bool").await;
    let cells: Vec<(Value, Value)> = truths.fetch_all("SELECT b, w FROM t ORDER BY id", ()).await.unwrap();
    let expected = [(Value::Bool(true), Value::I64(1)), (Value::I64(2), Value::I64(2)), (Value::Null, Value::Null)];
    assert_eq!(cells, expected);
    assert_eq!(conn.describe("SELECT b FROM t").await.unwrap().columns[0].native.name(), "TINYINT(1)");
    db.drop().await;
}

#[tokio::test]
async fn a_date_of_zero_is_an_error_or_null_as_asked() {
    let Some(db) = database("zeros").await else { return };
    let conn = db.connect().await;
    conn.script(
        "SET sql_mode = ''; CREATE TABLE t (d DATE, t DATETIME(6), s TIMESTAMP NULL);
         INSERT INTO t VALUES ('0000-00-00', '2024-00-10 01:02:03', '0000-00-00 00:00:00')",
    )
    .await
    .unwrap();
    for column in ["d", "t", "s"] {
        let error = conn.fetch_value::<Value>(&format!("SELECT {column} FROM t"), ()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conversion, "{column}");
        assert!(error.to_string().contains("zero_dates=null"), "{error}");
    }
    let nulls = db.with("zero_dates", "null").await;
    let row: (Value, Value, Value) = nulls.require_one("SELECT d, t, s FROM t", ()).await.unwrap();
    assert_eq!(row, (Value::Null, Value::Null, Value::Null));
    db.drop().await;
}

#[tokio::test]
async fn bits_years_and_wide_decimals() {
    let Some(db) = database("odd_types").await else { return };
    let conn = db.connect().await;
    conn.script(
        "CREATE TABLE t (b BIT(9), one BIT(1), y YEAR, d DECIMAL(65, 30), n DECIMAL(38, 10), e ENUM('a', 'b'), s SET('x', 'y'),
            j JSON, g GEOMETRY);
         INSERT INTO t VALUES (b'100000001', b'1', 2024, 12345678901234567890123456789012345.678901, -0.5, 'b', 'x,y', '{\"a\": 1}',
            ST_GeomFromText('POINT(1 2)'))",
    )
    .await
    .unwrap();
    let row: (u64, bool, i32, Value, Decimal) = conn.require_one("SELECT b, one, y, d, n FROM t", ()).await.unwrap();
    assert_eq!((row.0, row.1, row.2), (257, true, 2024));
    let Value::Typed(digits) = &row.3 else { panic!("{:?}", row.3) };
    assert_eq!((digits.native.name(), digits.bytes.len()), ("DECIMAL(65,30)", 66));
    assert_eq!(row.4.to_string(), "-0.5000000000");
    let row: (String, String, Value, Value) = conn.require_one("SELECT e, s, j, g FROM t", ()).await.unwrap();
    assert_eq!((row.0.as_str(), row.1.as_str()), ("b", "x,y"));
    assert!(matches!(&row.2, Value::Json(text) | Value::Text(text) if text == "{\"a\": 1}"), "{:?}", row.2);
    assert!(matches!(&row.3, Value::Typed(typed) if typed.native.name() == "GEOMETRY"), "{:?}", row.3);
    db.drop().await;
}

#[tokio::test]
async fn both_protocols_give_equal_values() {
    let Some(db) = database("protocols").await else { return };
    let mut raw = db.raw().await;
    let literals = [
        "-9223372036854775808",
        "18446744073709551615",
        "CAST(-838.5 AS DECIMAL(10,3))",
        "1.5e300",
        "DATE '2024-02-29'",
        "TIMESTAMP '2024-02-29 23:59:59.123456'",
        "CAST('-838:59:59.000001' AS TIME(6))",
        "'ü 🦀'",
        "X'00FF'",
        "NULL",
        "TRUE",
        "b'101'",
    ];
    for literal in literals {
        let sql = format!("SELECT {literal}");
        let binary = support::value(&mut raw, &sql).await.unwrap();
        // What a statement prepared in SQL gives comes by the text protocol.
        support::run(&mut raw, &format!("PREPARE p FROM \"{sql}\"")).await.unwrap();
        let text = support::value(&mut raw, "EXECUTE p").await.unwrap();
        assert_eq!(text, binary, "{literal}");
    }
    db.drop().await;
}

#[tokio::test]
async fn an_instant_stays_when_the_zone_changes() {
    let Some(db) = database("zones").await else { return };
    let conn = db.connect().await;
    conn.execute("CREATE TABLE t (id INT, at TIMESTAMP(6) NULL, local DATETIME(6))", ()).await.unwrap();
    let (instant, local) = (Value::Instant(1_709_251_199_123_456), Value::DateTime(1_709_251_199_123_456));
    conn.execute("INSERT INTO t VALUES (1, ?, ?)", (&instant, &local)).await.unwrap();
    conn.execute("SET time_zone = '-05:30'", ()).await.unwrap();
    conn.execute("INSERT INTO t VALUES (2, ?, ?)", (&instant, &local)).await.unwrap();
    for zone in ["'+12:00'", "'+00:00'"] {
        let rows: Vec<(Value, Value)> = conn.fetch_all("SELECT at, local FROM t", ()).await.unwrap();
        assert_eq!(rows, [(instant.clone(), local.clone()), (instant.clone(), local.clone())]);
        conn.execute(&format!("SET time_zone = {zone}"), ()).await.unwrap();
    }
    conn.execute("SET time_zone = 'SYSTEM'", ()).await.unwrap();
    assert_eq!(conn.fetch_value::<Value>("SELECT at FROM t", ()).await.unwrap_err().kind(), ErrorKind::Conversion);
    db.drop().await;
}

#[tokio::test]
async fn what_the_server_lacks_is_not_supported() {
    let Some(db) = database("lacks").await else { return };
    let conn = db.connect().await;
    for value in [Value::F64(f64::NAN), Value::Interval(Interval::default()), Value::Array(vec![Value::I64(1)])] {
        let error = conn.execute("SELECT ?", (&value,)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotSupported);
        assert!(error.message().starts_with("parameter 1: "), "{error}");
    }
    let error = conn.execute("SELECT ?", (Value::Span(i64::MAX),)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutOfRange);
    db.drop().await;
}

#[tokio::test]
async fn large_blobs_round_trip_or_are_refused_before_they_are_sent() {
    let Some(db) = database("blobs").await else { return };
    let conn = db.connect().await;
    conn.execute("CREATE TABLE t (b LONGBLOB)", ()).await.unwrap();
    let max: u64 = conn.fetch_value("SELECT @@max_allowed_packet", ()).await.unwrap();
    let max = usize::try_from(max).unwrap();
    let sizes = [20_000, 9 << 20, (17 << 20).min(max - 1024)];
    for size in sizes {
        let blob: Vec<u8> = (0..=255).cycle().take(size).collect();
        conn.execute("DELETE FROM t", ()).await.unwrap();
        conn.execute("INSERT INTO t VALUES (?)", (&blob,)).await.unwrap();
        assert!(conn.fetch_value::<Vec<u8>>("SELECT b FROM t", ()).await.unwrap() == blob, "{size} bytes differ");
    }
    let error = conn.execute("INSERT INTO t VALUES (?)", (vec![0_u8; max + 1],)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutOfRange);
    assert_eq!(conn.fetch_value::<i64>("SELECT COUNT(*) FROM t", ()).await.unwrap(), 1);
    db.drop().await;
}

#[tokio::test]
async fn a_prepared_statement_follows_the_database() {
    let Some(db) = database("use").await else { return };
    let conn = db.connect().await;
    let name = db.url.database().unwrap().to_owned();
    assert_eq!(conn.fetch_value::<String>("SELECT DATABASE()", ()).await.unwrap(), name);
    conn.execute("USE information_schema", ()).await.unwrap();
    assert_eq!(conn.fetch_value::<String>("SELECT DATABASE()", ()).await.unwrap(), "information_schema");
    db.drop().await;
}
