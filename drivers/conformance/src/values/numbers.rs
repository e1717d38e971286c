//! Truth values and numbers.

use oarlock_core::dialect::Flavor;
use oarlock_core::schema::{Table, Type};
use oarlock_core::value::Decimal;
use oarlock_core::value::temporal::parse_datetime;
use oarlock_core::{DbExt, ErrorKind, Value};

use super::samples;
use super::trip::{column_of, round_trips, round_trips_in, same};
use crate::bench::Bench;
use crate::failure::{Verdict, refused, refused_as};

/// Truth values round-trip.
pub async fn r41_truth_values_round_trip(bench: Bench) -> Verdict {
    round_trips(&bench, Type::Bool, &[Value::Bool(true), Value::Bool(false)], true).await?;
    let conn = bench.conn().await?;
    let read: Vec<Option<bool>> = conn
        .fetch_all::<(Option<bool>,)>("SELECT v FROM held ORDER BY id", ())
        .await?
        .into_iter()
        .map(|row| row.0)
        .collect();
    assert_eq!(read[..4], [Some(true), Some(true), Some(false), Some(false)]);
    Ok(())
}

/// Integers of every width are exact at their edges.
pub async fn r41_integers_are_exact(bench: Bench) -> Verdict {
    for (ty, low, high) in [
        (Type::Int2, i64::from(i16::MIN), i64::from(i16::MAX)),
        (Type::Int4, i64::from(i32::MIN), i64::from(i32::MAX)),
        (Type::Int8, i64::MIN, i64::MAX),
        (Type::UInt4, 0, i64::from(u32::MAX)),
    ] {
        let conn = column_of(&bench, &ty).await?;
        round_trips_in(&bench, &conn, &ty, &samples::integers(low, high), true).await?;
    }
    Ok(())
}

/// `u64` is exact to its end, or out of range: never wrapped.
pub async fn r41_u64_is_exact_or_out_of_range(bench: Bench) -> Verdict {
    let conn = column_of(&bench, &Type::UInt8).await?;
    let largest = conn.execute("INSERT INTO held (id, v) VALUES (?, ?)", (1, u64::MAX)).await;
    let reaches = match largest {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::OutOfRange, "{error:?}");
            false
        }
    };
    round_trips_in(&bench, &conn, &Type::UInt8, &samples::unsigned(!reaches), true).await?;

    // A signed column takes what it can hold, and no more.
    let conn = column_of(&bench, &Type::Int8).await?;
    conn.execute("INSERT INTO held (id, v) VALUES (?, ?)", (1, i64::MAX.unsigned_abs())).await?;
    assert_eq!(conn.fetch_value::<i64>("SELECT v FROM held", ()).await?, i64::MAX);
    let kinds = [ErrorKind::OutOfRange, ErrorKind::Conversion, ErrorKind::CheckViolation];
    for number in [1_u64 << 63, u64::MAX] {
        let bound = conn.execute("INSERT INTO held (id, v) VALUES (?, ?)", (2, number)).await;
        refused_as(bound, &kinds, "a number past the end of a signed column");
    }
    Ok(())
}

/// Doubles come back bit for bit.
pub async fn r42_doubles_are_exact(bench: Bench) -> Verdict {
    let conn = column_of(&bench, &Type::Float8).await?;
    let mut values: Vec<Value> = samples::doubles().into_iter().map(Value::F64).collect();
    if bench.fragments().negative_zero {
        values.push(Value::F64(-0.0));
    }
    round_trips_in(&bench, &conn, &Type::Float8, &values, false).await?;
    for number in samples::doubles() {
        conn.execute("UPDATE held SET v = ? WHERE id = 1", (number,)).await?;
        let found: i64 = conn.fetch_value("SELECT count(*) FROM held WHERE id = 1 AND v = ?", (number,)).await?;
        assert_eq!(found, 1, "{number:e} is not found by itself");
    }
    // A number of single precision is the same number of double precision, not the one of the same digits.
    conn.execute("UPDATE held SET v = ? WHERE id = 1", (0.1_f32,)).await?;
    let widened: f64 = conn.fetch_value("SELECT v FROM held WHERE id = 1", ()).await?;
    assert_eq!(widened.to_bits(), f64::from(0.1_f32).to_bits());
    Ok(())
}

/// Numbers of single precision come back bit for bit.
pub async fn r42_singles_are_exact(bench: Bench) -> Verdict {
    let conn = column_of(&bench, &Type::Float4).await?;
    let mut values: Vec<Value> = samples::singles().into_iter().map(Value::F32).collect();
    if bench.fragments().negative_zero {
        values.push(Value::F32(-0.0));
    }
    round_trips_in(&bench, &conn, &Type::Float4, &values, false).await?;
    Ok(())
}

/// NaN and the infinities are exact where they are declared, else `NotSupported`.
pub async fn r42_non_finite_numbers_are_exact_or_not_supported(bench: Bench) -> Verdict {
    let doubles = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY].map(Value::F64);
    let singles = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY].map(Value::F32);
    for (ty, values) in [(Type::Float8, doubles), (Type::Float4, singles)] {
        let conn = column_of(&bench, &ty).await?;
        if bench.capabilities().non_finite_floats {
            round_trips_in(&bench, &conn, &ty, &values, false).await?;
        } else {
            for value in &values {
                conn.execute("DELETE FROM held", ()).await?;
                let bound = conn.execute("INSERT INTO held (id, v) VALUES (1, ?)", (value,)).await;
                // An engine that has infinities and no NaN may give them back as they are.
                if bound.is_ok() && !is_nan(value) {
                    let stored: Value = conn.fetch_value("SELECT v FROM held", ()).await?;
                    assert!(same(value, stored.as_ref()), "{value:?} came back as {stored:?}");
                } else {
                    refused(bound, ErrorKind::NotSupported, &format!("{value:?}"));
                }
            }
        }
    }
    Ok(())
}

/// Decimals keep scale and 38 digits.
pub async fn r43_decimals_keep_scale_and_38_digits(bench: Bench) -> Verdict {
    for (precision, scale) in [(5, 2), (18, 4), (38, 0), (38, 10), (38, 30)] {
        let ty = Type::decimal(u16::from(precision), u16::from(scale));
        let conn = column_of(&bench, &ty).await?;
        round_trips_in(&bench, &conn, &ty, &samples::decimals(precision, scale), true).await?;
    }
    // Without a size, where there is such a column, each number keeps a scale of its own.
    let free = Type::Decimal { size: None };
    let table = Table::new("held").column(oarlock_core::schema::Column::new("v", free.clone()));
    if oarlock_core::schema::render::create_table(&table, bench.dialect()).is_ok() {
        let conn = column_of(&bench, &free).await?;
        let mixed: Vec<Value> = [(110, 2), (11, 1), (11_000, 4), (7, 38), (-7, 0)]
            .into_iter()
            .map(|(coefficient, scale)| Decimal::new(coefficient, scale).map(Value::Decimal))
            .collect::<Result<_, _>>()?;
        round_trips_in(&bench, &conn, &free, &mixed, false).await?;
    }
    Ok(())
}

/// Narrowing never truncates or wraps: neither where a cell is read, nor where a parameter is bound.
pub async fn r49_narrowing_never_truncates(bench: Bench) -> Verdict {
    let conn = column_of(&bench, &Type::Int8).await?;
    conn.execute("INSERT INTO held (id, v) VALUES (1, 300), (2, -1), (3, 4294967296)", ()).await?;
    let wrong = ErrorKind::Conversion;
    let error = refused(conn.fetch_value::<i8>("SELECT v FROM held WHERE id = 1", ()).await, wrong, "300 as i8");
    assert_eq!(error.column(), Some("v"));
    assert!(error.message().starts_with("column 0 (v): expected i8"), "{error}");
    refused(conn.fetch_value::<u64>("SELECT v FROM held WHERE id = 2", ()).await, wrong, "-1 as u64");
    refused(conn.fetch_value::<i32>("SELECT v FROM held WHERE id = 3", ()).await, wrong, "2^32 as i32");
    refused(conn.fetch_value::<bool>("SELECT v FROM held WHERE id = 1", ()).await, wrong, "300 as bool");
    refused(conn.fetch_value::<String>("SELECT v FROM held WHERE id = 1", ()).await, wrong, "a number as text");
    assert_eq!(conn.fetch_value::<i16>("SELECT v FROM held WHERE id = 1", ()).await?, 300);

    let mut cases = vec![
        (Type::Int2, Value::I64(70_000)),
        (Type::Int4, Value::I64(1 << 40)),
        (Type::UInt4, Value::I64(-1)),
        (Type::Float4, Value::F64(1e300)),
        (Type::Int8, Value::Text("12 oars".to_owned())),
        (Type::Bool, Value::I64(2)),
        (Type::VarChar(3), Value::Text("four".to_owned())),
        (Type::Date, Value::Text("no day".to_owned())),
    ];
    // MySQL's server rounds what an integer column is given and cuts the time off for a date; a driver cannot know the column.
    if bench.flavor() != Flavor::MySql {
        cases.push((Type::Int4, Value::F64(1.5)));
        cases.push((Type::Date, Value::DateTime(1)));
    }
    for (ty, value) in cases {
        let conn = column_of(&bench, &ty).await?;
        // Either it is refused, or it is there in full: an engine may have room where its column's name promises none.
        match conn.execute("INSERT INTO held (id, v) VALUES (?, ?)", (1, &value)).await {
            Ok(_) => {
                let stored: Value = conn.fetch_value("SELECT v FROM held", ()).await?;
                let in_full = match (&value, &stored) {
                    (Value::DateTime(micros), Value::Text(text)) => {
                        parse_datetime(text).is_ok_and(|read| read == *micros)
                    }
                    _ => same(&value, stored.as_ref()),
                };
                assert!(in_full, "{value:?} was bound to {ty:?}, and {stored:?} was stored");
            }
            Err(error) => {
                let kinds =
                    [ErrorKind::OutOfRange, ErrorKind::Conversion, ErrorKind::InvalidValue, ErrorKind::CheckViolation];
                assert!(kinds.contains(&error.kind()), "{value:?} bound to {ty:?}: {error:?}");
            }
        }
    }
    Ok(())
}

fn is_nan(value: &Value) -> bool {
    match value {
        Value::F32(number) => number.is_nan(),
        Value::F64(number) => number.is_nan(),
        _ => false,
    }
}
