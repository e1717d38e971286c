//! Dates, times, spans, instants, intervals.

use oarlock_core::dialect::Flavor;
use oarlock_core::schema::{Column, Table, Type};
use oarlock_core::value::Interval;
use oarlock_core::{DbExt, ErrorKind, Value};

use super::samples;
use super::trip::{column_of, round_trips, round_trips_in, same};
use crate::bench::Bench;
use crate::failure::{Verdict, refused, refused_as};

/// Dates round-trip.
pub async fn r46_dates_round_trip(bench: Bench) -> Verdict {
    round_trips(&bench, Type::Date, &samples::dates(), true).await
}

/// Times of day round-trip to the microsecond.
pub async fn r46_times_round_trip_to_the_microsecond(bench: Bench) -> Verdict {
    round_trips(&bench, Type::Time, &samples::times(), true).await
}

/// Spans of ±838 hours round-trip where they are declared, longer ones do or are out of range; else `NotSupported`.
pub async fn r46_spans_round_trip(bench: Bench) -> Verdict {
    if !bench.capabilities().spans {
        let conn = column_of(&bench, &Type::Int8).await?;
        let bound = conn.execute("INSERT INTO held (id, v) VALUES (1, ?)", (Value::Span(1),)).await;
        refused(bound, ErrorKind::NotSupported, "a span");
        return Ok(());
    }
    let conn = column_of(&bench, &Type::Span).await?;
    round_trips_in(&bench, &conn, &Type::Span, &samples::spans(), true).await?;
    let long = Value::Span(1_000 * 3_600_000_000);
    conn.execute("DELETE FROM held", ()).await?;
    match conn.execute("INSERT INTO held (id, v) VALUES (?, ?)", (1, &long)).await {
        Ok(_) => {
            let found: Value = conn.fetch_value("SELECT v FROM held", ()).await?;
            assert!(same(&long, found.as_ref()), "1000 hours came back as {found:?}");
        }
        Err(error) => assert_eq!(error.kind(), ErrorKind::OutOfRange, "{error:?}"),
    }
    Ok(())
}

/// Intervals of calendar parts round-trip where they are declared, else they are `NotSupported`.
pub async fn r46_intervals_round_trip_or_are_not_supported(bench: Bench) -> Verdict {
    if bench.capabilities().intervals {
        let conn = column_of(&bench, &Type::Interval).await?;
        round_trips_in(&bench, &conn, &Type::Interval, &samples::intervals(), false).await?;
    } else {
        let conn = column_of(&bench, &Type::Text).await?;
        let month = Value::Interval(Interval { months: 1, days: 0, micros: 0 });
        let bound = conn.execute("INSERT INTO held (id, v) VALUES (1, ?)", (month,)).await;
        refused(bound, ErrorKind::NotSupported, "an interval");
    }
    Ok(())
}

/// A date and time without a zone round-trips to the microsecond.
pub async fn r47_naive_datetimes_round_trip(bench: Bench) -> Verdict {
    round_trips(&bench, Type::DateTime, &samples::datetimes(), true).await
}

/// An instant round-trips to the microsecond; past what the column holds it is out of range.
pub async fn r47_instants_round_trip(bench: Bench) -> Verdict {
    let conn = column_of(&bench, &Type::Timestamp).await?;
    let year_9999 = samples::instants(false).pop().map(|_| Value::Instant(253_402_300_799_999_999));
    let beyond = conn.execute("INSERT INTO held (id, v) VALUES (?, ?)", (1, year_9999.as_ref())).await;
    let narrow = match beyond {
        Ok(_) => false,
        Err(error) => {
            let kinds = [ErrorKind::OutOfRange, ErrorKind::InvalidValue];
            assert!(kinds.contains(&error.kind()), "{error:?}");
            assert_eq!(bench.flavor(), Flavor::MySql, "only MySQL's instants end in 2038: {error:?}");
            true
        }
    };
    round_trips_in(&bench, &conn, &Type::Timestamp, &samples::instants(narrow), true).await
}

/// A naive datetime never shifts and an instant is always UTC, whatever the session's time zone.
pub async fn r47_no_time_zone_shifts_anything(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    let table = Table::new("held")
        .column(Column::new("id", Type::Int8))
        .column(Column::new("naive", Type::DateTime))
        .column(Column::new("instant", Type::Timestamp))
        .primary_key(["id"]);
    bench.create(&conn, &table).await?;
    let moments = samples::summer_time();
    let zones = bench.fragments().time_zones;
    let mut id = 0;
    for zone in [None, zones.map(|zones| zones[0]), zones.map(|zones| zones[1])] {
        if let Some(zone) = zone {
            conn.execute(zone, ()).await?;
        }
        for micros in &moments {
            id += 1;
            let row = (id, Value::DateTime(*micros), Value::Instant(*micros));
            conn.execute("INSERT INTO held (id, naive, instant) VALUES (?, ?, ?)", row).await?;
        }
    }
    // Written in three zones, read in the last of them, with and without parameters, and by a session in its own zone.
    let fresh = bench.conn().await?;
    for (reader, what) in [(&conn, "the changed session"), (&fresh, "a fresh session")] {
        let plain: Vec<(Value, Value)> = reader.fetch_all("SELECT naive, instant FROM held ORDER BY id", ()).await?;
        let sql = "SELECT naive, instant FROM held WHERE id > ? ORDER BY id";
        let prepared: Vec<(Value, Value)> = reader.fetch_all(sql, (0,)).await?;
        for rows in [plain, prepared] {
            assert_eq!(rows.len(), moments.len() * 3);
            for (row, micros) in rows.iter().zip(moments.iter().cycle()) {
                assert_eq!(row, &(Value::DateTime(*micros), Value::Instant(*micros)), "read by {what}");
            }
        }
    }
    let found: i64 =
        conn.fetch_value("SELECT count(*) FROM held WHERE instant = ?", (Value::Instant(moments[0]),)).await?;
    assert_eq!(found, 3, "an instant is found by itself in any zone");
    Ok(())
}

/// The path without parameters and the one with them give equal values, for expressions too.
pub async fn r48_both_paths_give_equal_values(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    let table = Table::new("held")
        .column(Column::new("id", Type::Int8))
        .column(Column::new("b", Type::Bool))
        .column(Column::new("s", Type::Int2))
        .column(Column::new("f", Type::Float4))
        .column(Column::new("d", Type::Float8))
        .column(Column::new("m", Type::decimal(12, 4)))
        .column(Column::new("t", Type::Text))
        .column(Column::new("y", Type::Bytes))
        .column(Column::new("day", Type::Date))
        .column(Column::new("at", Type::DateTime))
        .primary_key(["id"]);
    bench.create(&conn, &table).await?;
    let row = (1, true, -5, 0.1_f32, 0.1_f64, "1.5000".parse::<oarlock_core::value::Decimal>()?, "t", vec![0_u8, 255]);
    let row = (row.0, row.1, row.2, row.3, row.4, row.5, row.6, row.7, Value::Date(0), Value::DateTime(1));
    conn.execute("INSERT INTO held (id, b, s, f, d, m, t, y, day, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        .await?;
    for list in [
        "*",
        "count(*), sum(s), max(d), min(t), max(day), min(at), count(DISTINCT m)",
        "s + 1, -s, d * 2, 7, 'x', NULL",
    ] {
        let plain: oarlock_core::Row = conn.require_one(&format!("SELECT {list} FROM held WHERE id = 1"), ()).await?;
        let prepared: oarlock_core::Row =
            conn.require_one(&format!("SELECT {list} FROM held WHERE id = ?"), (1,)).await?;
        assert_eq!(plain.len(), prepared.len());
        for index in 0..plain.len() {
            assert_eq!(plain.value(index)?, prepared.value(index)?, "column {index} of {list}");
            assert_eq!(plain.columns()[index], prepared.columns()[index]);
        }
    }
    Ok(())
}

/// Text that is no date, time or instant is refused where it is read as one.
pub async fn r49_malformed_times_are_refused(bench: Bench) -> Verdict {
    let kinds = [ErrorKind::InvalidValue, ErrorKind::OutOfRange, ErrorKind::Conversion, ErrorKind::CheckViolation];
    for (ty, text) in
        [(Type::Date, "2023-02-29"), (Type::DateTime, "2024-13-01T00:00:00"), (Type::Timestamp, "2024-01-01T25:00:00Z")]
    {
        let conn = column_of(&bench, &ty).await?;
        let written = conn.execute(&format!("INSERT INTO held (id, v) VALUES (1, '{text}')"), ()).await;
        // An engine that stores any text gives it back as text or as an error, never as another day.
        if let Err(error) = written {
            refused_as::<()>(Err(error), &kinds, text);
        } else {
            let plain: Result<Value, _> = conn.fetch_value("SELECT v FROM held", ()).await;
            match plain {
                Ok(value) => assert_eq!(value, Value::Text(text.to_owned())),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Conversion, "{error:?}"),
            }
        }
    }
    Ok(())
}
