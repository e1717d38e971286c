//! Stored values that are no values of the type that was asked for, and values that a database cannot hold: errors that name
//! the column or the parameter, and a connection that goes on.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use oarlock::params::Parameters;
use oarlock::postgres::PostgresExt;
use oarlock::{Conn, Db, DbExt, Error, ErrorKind, Result, Value, ValueRef, connection::Query};
use oarlock_test_support::{At, Direction, Fault, Proxy};
use oarlock_tests::{Database, Engine, Verdict, on_engines, refused};

on_engines! {
    text_that_is_not_utf8_is_an_error_that_names_its_column on Sqlite Postgres MySql;
    a_nul_in_text_is_kept_or_refused_before_the_first_byte on Sqlite Postgres MySql;
    dates_beyond_the_calendar_are_exact_or_refused on Sqlite Postgres MySql;
    moments_that_are_none_are_errors_that_name_their_column on Sqlite Postgres MySql;
}

/// Requires that a cell cannot be read as text, and that bytes and the rest of the connection are as they were.
async fn is_no_text(conn: &Conn, sql: &str) -> Result<()> {
    let error = refused(conn.require_one::<(String,)>(sql, ()).await, ErrorKind::Conversion);
    assert_eq!(error.column(), Some("odd"), "{error:?}");
    assert!(error.to_string().contains("odd"), "{error}");
    refused(conn.fetch_value::<Value>(sql, ()).await, ErrorKind::Conversion);
    assert_eq!(conn.fetch_value::<i64>("SELECT 1", ()).await?, 1);
    Ok(())
}

async fn text_that_is_not_utf8_is_an_error_that_names_its_column(database: Database) -> Verdict {
    let conn = oarlock::connect(&database.url).await?;
    match database.engine {
        Engine::Sqlite => is_no_text(&conn, "SELECT CAST(x'61ff' AS TEXT) AS odd").await?,
        Engine::MySql => {
            // The server writes what it sends in the session's character set.
            conn.execute("SET NAMES latin1", ()).await?;
            is_no_text(&conn, "SELECT CONVERT(X'61FF' USING latin1) AS odd").await?;
            conn.execute("SET NAMES utf8mb4", ()).await?;
            let text: String = conn.fetch_value("SELECT CONVERT(X'61FF' USING latin1) AS odd", ()).await?;
            assert_eq!(text, "a\u{ff}");
            let bytes = conn.require_one::<(String,)>("SELECT X'61FF' AS odd", ()).await;
            assert_eq!(refused(bytes, ErrorKind::Conversion).column(), Some("odd"));
        }
        Engine::Postgres => {
            // A database that checks nothing.
            let name = format!("{}_ascii", conn.fetch_value::<String>("SELECT current_database()::text", ()).await?);
            let sql =
                format!("CREATE DATABASE {name} ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
            conn.execute(&sql, ()).await?;
            let own = conn.fetch_value::<String>("SELECT current_database()::text", ()).await?;
            let lax = oarlock::connect(&database.url.replacen(&own, &name, 1)).await?;
            let sql = r"SELECT E'a\xff' AS odd";
            refused(lax.fetch_value::<String>(sql, ()).await, ErrorKind::InvalidValue);
            // Unless the server is told to send it all the same.
            lax.execute("SET client_encoding = 'SQL_ASCII'", ()).await?;
            is_no_text(&lax, sql).await?;
            assert_eq!(lax.fetch_value::<Vec<u8>>(r"SELECT E'a\xff'::bytea AS odd", ()).await?, [0x61, 0xff]);
            // The server's own words, too.
            let told = lax.execute(r"SELECT E'a\xff'::int", ()).await;
            assert!(told.is_err(), "{told:?}");
            lax.close().await?;
            conn.execute(&format!("DROP DATABASE {name} WITH (FORCE)"), ()).await?;
        }
    }
    Ok(())
}

async fn a_nul_in_text_is_kept_or_refused_before_the_first_byte(database: Database) -> Verdict {
    let direct = oarlock::connect(&database.url).await?;
    direct.execute("CREATE TABLE held (v VARCHAR(20))", ()).await?;
    let insert = "INSERT INTO held (v) VALUES (?)";
    if database.engine != Engine::Postgres {
        direct.execute(insert, ("a\0b",)).await?;
        direct.execute_many(insert, [("a\0b",), ("a\0b",)]).await?;
        let found: Vec<(String,)> = direct.fetch_all("SELECT v FROM held", ()).await?;
        assert_eq!(found, vec![("a\0b".to_owned(),); 3]);
        return Ok(());
    }
    let proxy = Proxy::to(&database.url).await;
    let conn = oarlock::connect(proxy.url()).await?;
    for sql in [insert, "SELECT CAST(? AS jsonb)", "SELECT CAST(? AS text[])"] {
        conn.describe(sql).await?;
        let array = Value::Array(vec![Value::Text("a\0b".into())]);
        let value = if sql.contains("[]") { array.as_ref() } else { ValueRef::Text("a\0b") };
        // The message with the values does not leave; another to prepare the statement may.
        proxy.arm(Fault::cut(Direction::ToServer, At::Before(b'B')));
        let mut lease = conn.lease().await?;
        let params = Parameters { names: None, values: &[value] };
        let bound = lease.connection().start(Query::new(sql).params(params)).await;
        drop(lease);
        let error = refused(bound, ErrorKind::NotSupported);
        assert!(error.to_string().contains("parameter 1"), "{error}");
        assert!(proxy.disarm(), "{sql}: the value was sent");
    }
    let many = conn.execute_many(insert, [("fine",), ("a\0b",)]).await;
    assert_eq!(refused(many, ErrorKind::NotSupported).batch_index(), Some(1));
    let copied = conn.copy_rows("held (v)", [("fine",), ("a\0b",)]).await;
    assert_eq!(refused(copied, ErrorKind::NotSupported).batch_index(), Some(1));
    assert_eq!(conn.fetch_value::<i64>("SELECT count(*) FROM held", ()).await?, 0);
    Ok(())
}

/// Writes a value and reads it back: it is the same, or was refused by one of these kinds.
async fn same_or_refused(conn: &Conn, column: &str, value: &Value) -> Result<bool> {
    let sql = format!("INSERT INTO moment (id, {column}) VALUES (1, ?)");
    let written = conn.execute(&sql, (value,)).await;
    let kept = match written {
        Ok(_) => {
            let found: Value = conn.fetch_value(&format!("SELECT {column} FROM moment"), ()).await?;
            assert_eq!(&found, value, "{column} comes back otherwise");
            true
        }
        Err(error) => {
            let kinds = [ErrorKind::OutOfRange, ErrorKind::InvalidValue, ErrorKind::NotSupported];
            assert!(kinds.contains(&error.kind()), "{column}: {error:?}");
            false
        }
    };
    conn.execute("DELETE FROM moment", ()).await?;
    Ok(kept)
}

async fn dates_beyond_the_calendar_are_exact_or_refused(database: Database) -> Verdict {
    let conn = oarlock::connect(&database.url).await?;
    create_moment(&conn).await?;
    let day = |year: i32, month, day| NaiveDate::from_ymd_opt(year, month, day).expect("a day of the calendar");
    let epoch = day(1970, 1, 1);
    for date in
        [day(9999, 12, 31), day(10_000, 1, 1), day(0, 1, 1), day(-1, 12, 31), day(-4712, 1, 1), day(99_999, 1, 1)]
    {
        let days = i32::try_from((date - epoch).num_days()).expect("near enough");
        let micros = i64::from(days) * 86_400_000_000;
        let mut kept = Vec::new();
        for (column, value) in [("d", Value::Date(days)), ("t", Value::DateTime(micros)), ("i", Value::Instant(micros))]
        {
            kept.push(same_or_refused(&conn, column, &value).await.map_err(|error| error.context(date))?);
        }
        assert!(kept[0] || date.format("%Y").to_string() != "9999", "the last day of the year 9999 is refused");
        if database.engine == Engine::Postgres {
            assert_eq!(kept, [true; 3], "{date}");
        }
    }
    for value in [Value::Date(i32::MAX), Value::Date(i32::MIN)] {
        same_or_refused(&conn, "d", &value).await?;
    }
    for micros in [i64::MAX, i64::MIN, i64::MAX - 1, i64::MIN + 1] {
        same_or_refused(&conn, "t", &Value::DateTime(micros)).await?;
        same_or_refused(&conn, "i", &Value::Instant(micros)).await?;
    }
    Ok(())
}

async fn create_moment(conn: &Conn) -> Result<()> {
    use oarlock::schema::{Column, Table, Type, render};
    let table = Table::new("moment")
        .column(Column::new("id", Type::Int8))
        .column(Column::new("d", Type::Date).nullable())
        .column(Column::new("t", Type::DateTime).nullable())
        .column(Column::new("i", Type::Timestamp).nullable())
        .primary_key(["id"]);
    for statement in render::create_table(&table, &conn.info().dialect)? {
        conn.execute(&statement, ()).await?;
    }
    Ok(())
}

/// Requires an error of reading, with its column; as a plain value it is something, or the same error.
fn names_its_column<T: std::fmt::Debug>(read: Result<T>, column: &str) -> Error {
    let error = refused(read, ErrorKind::Conversion);
    assert_eq!(error.column(), Some(column), "{error:?}");
    error
}

async fn moments_that_are_none_are_errors_that_name_their_column(database: Database) -> Verdict {
    let conn = oarlock::connect(&database.url).await?;
    create_moment(&conn).await?;
    let stored = match database.engine {
        Engine::Postgres => vec!["INSERT INTO moment VALUES (1, 'infinity', '-infinity', 'infinity')"],
        Engine::MySql => vec![
            "SET sql_mode = ''",
            "INSERT INTO moment VALUES (1, '0000-00-00', '2024-00-00 00:00:00', '0000-00-00 00:00:00')",
            "SET sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE'",
        ],
        Engine::Sqlite => vec![
            "CREATE TABLE plain (id INTEGER, d DATE, t DATETIME, i TIMESTAMP)",
            "INSERT INTO plain VALUES (1, '0000-00-00', 'infinity', '2024-13-40 25:61:61')",
            "DROP TABLE moment",
            "ALTER TABLE plain RENAME TO moment",
        ],
    };
    for statement in stored {
        conn.execute(statement, ()).await?;
    }
    names_its_column(conn.require_one::<(NaiveDate,)>("SELECT d FROM moment", ()).await, "d");
    names_its_column(conn.require_one::<(NaiveDateTime,)>("SELECT t FROM moment", ()).await, "t");
    names_its_column(conn.require_one::<(DateTime<Utc>,)>("SELECT i FROM moment", ()).await, "i");
    if database.engine == Engine::MySql {
        let zero = conn.execute("INSERT INTO moment (id, d) VALUES (2, ?)", ("0000-00-00",)).await;
        refused(zero, ErrorKind::InvalidValue);
    }
    if database.engine == Engine::Postgres {
        // They can be written as what they are.
        conn.execute("UPDATE moment SET d = ?, i = ?", ("-infinity", "infinity")).await?;
        let found: (bool, bool) = conn.require_one("SELECT isfinite(d), isfinite(i) FROM moment", ()).await?;
        assert_eq!(found, (false, false));
    }
    assert_eq!(conn.fetch_value::<i64>("SELECT count(*) FROM moment", ()).await?, 1, "the connection goes on");
    Ok(())
}
