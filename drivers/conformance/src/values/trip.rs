//! The ways of a value: bound and fetched, written as a literal and fetched, found again by itself.

use oarlock_core::schema::{Column, Table, Type};
use oarlock_core::value::{ArrayRef, Decimal, Interval, parse_uuid};
use oarlock_core::{Conn, DbExt, FromValue, Result, Value, ValueRef};

use super::literal::literal;
use crate::bench::Bench;
use crate::failure::Verdict;

/// Sends values of a type through a column of it, in every way; `comparable` ones are also looked up by themselves.
///
/// Each value must come back the same, equal on the path with parameters and on the one without, and NULL as NULL. The table
/// `held` with the column `v` is there afterwards.
pub(crate) async fn round_trips(bench: &Bench, ty: Type, values: &[Value], comparable: bool) -> Verdict {
    let conn = column_of(bench, &ty).await?;
    round_trips_in(bench, &conn, &ty, values, comparable).await
}

/// Creates the table `held` with the column `v` of a type, in place of the one before, and gives a new connection to it.
pub(crate) async fn column_of(bench: &Bench, ty: &Type) -> Result<Conn> {
    let conn = bench.conn().await?;
    let table = Table::new("held")
        .column(Column::new("id", Type::Int8))
        .column(Column::new("v", ty.clone()).nullable())
        .primary_key(["id"]);
    conn.execute("DROP TABLE IF EXISTS held", ()).await?;
    bench.create(&conn, &table).await?;
    Ok(conn)
}

/// Does the work of [`round_trips`] in the table `held`, which is emptied first.
pub(crate) async fn round_trips_in(
    bench: &Bench,
    conn: &Conn,
    ty: &Type,
    values: &[Value],
    comparable: bool,
) -> Verdict {
    conn.execute("DELETE FROM held", ()).await?;
    let mut expected = Vec::new();
    let mut id = 0_i64;
    for value in values.iter().chain([&Value::Null]) {
        id += 1;
        let bound = conn.execute("INSERT INTO held (id, v) VALUES (?, ?)", (id, value)).await;
        bound.map_err(|error| error.context(format_args!("binding {} to {ty:?}", shown(value))))?;
        expected.push((id, value, "bound"));
        if let Some(literal) = literal(bench.flavor(), ty, value) {
            id += 1;
            let written = conn.execute(&format!("INSERT INTO held (id, v) VALUES ({id}, {literal})"), ()).await;
            written.map_err(|error| error.context(format_args!("writing {} as {ty:?}", shown(value))))?;
            expected.push((id, value, "written as a literal"));
        }
    }
    let plain: Vec<(i64, Value)> = conn.fetch_all("SELECT id, v FROM held ORDER BY id", ()).await?;
    assert_eq!(plain.len(), expected.len());
    for ((id, value, way), (_, plain)) in expected.into_iter().zip(plain) {
        let what = format!("{} in a column of {ty:?}, {way}", shown(value));
        assert!(same(value, plain.as_ref()), "{what}, came back as {}", shown(&plain));
        let prepared: Value = conn.fetch_value("SELECT v FROM held WHERE id = ?", (id,)).await?;
        assert!(
            same(&plain, prepared.as_ref()),
            "{what}: {} with parameters, {} without",
            shown(&prepared),
            shown(&plain)
        );
        if comparable && *value != Value::Null {
            let found: i64 = conn.fetch_value("SELECT count(*) FROM held WHERE id = ? AND v = ?", (id, value)).await?;
            assert_eq!(found, 1, "{what}, is not found by itself");
        }
    }
    Ok(())
}

/// Shows a value, a long one by its length.
fn shown(value: &Value) -> String {
    match value {
        Value::Bytes(bytes) if bytes.len() > 300 => format!("{} bytes", bytes.len()),
        Value::Text(text) if text.len() > 300 => format!("text of {} bytes", text.len()),
        value => format!("{value:?}"),
    }
}

/// Tells whether a cell is this value, as a program that asks for its type would read it.
///
/// Where engines have no type of their own, the read says which it is: a truth value may be an integer, a UUID 16 bytes, a
/// JSON document text, a span an interval. Everything else is of its very kind.
pub(crate) fn same(expected: &Value, found: ValueRef<'_>) -> bool {
    match expected {
        Value::Bool(truth) => reads(found, truth),
        Value::I64(number) => reads(found, number),
        Value::U64(number) => reads(found, number),
        Value::F32(number) => f32::from_value(found).is_ok_and(|read| equal_bits(f64::from(read), f64::from(*number))),
        Value::F64(number) => f64::from_value(found).is_ok_and(|read| equal_bits(read, *number)),
        Value::Decimal(number) => reads::<Decimal>(found, number),
        Value::Json(text) => {
            let document = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
            serde_json::Value::from_value(found).is_ok_and(|read| Some(read) == document(text))
        }
        Value::Uuid(bytes) => match found {
            ValueRef::Uuid(read) => read == *bytes,
            ValueRef::Bytes(read) => read == bytes,
            ValueRef::Text(text) => parse_uuid(text).is_ok_and(|read| read == *bytes),
            _ => false,
        },
        Value::Span(micros) => match found {
            ValueRef::Span(read) => read == *micros,
            ValueRef::Interval(read) => read == Interval { months: 0, days: 0, micros: *micros },
            _ => false,
        },
        Value::Time(micros) => match found {
            ValueRef::Time(read) | ValueRef::Span(read) => read == *micros,
            _ => false,
        },
        Value::Array(elements) => match found {
            ValueRef::Array(array) => array_is(elements, array),
            _ => false,
        },
        expected => found.to_owned().is_ok_and(|read| read == *expected),
    }
}

fn array_is(expected: &[Value], found: ArrayRef<'_>) -> bool {
    found.to_values().is_ok_and(|read| {
        read.len() == expected.len() && expected.iter().zip(&read).all(|(expected, read)| same(expected, read.as_ref()))
    })
}

fn reads<T: FromValue + PartialEq>(found: ValueRef<'_>, expected: &T) -> bool {
    T::from_value(found).is_ok_and(|read| read == *expected)
}

/// Compares bit for bit; any NaN is NaN, for no engine keeps its payload.
fn equal_bits(one: f64, other: f64) -> bool {
    one.to_bits() == other.to_bits() || (one.is_nan() && other.is_nan())
}
