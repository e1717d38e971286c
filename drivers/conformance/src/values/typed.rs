//! The types of programs: what a struct's fields are made of, through one table with a column for each.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use oarlock_core::schema::{Column, Table, Type};
use oarlock_core::{DbExt, Decimal, Json, Value};
use uuid::Uuid;

use crate::bench::Bench;
use crate::failure::Verdict;

type Numbers = (i64, bool, i16, i32, u32, f32, f64, Decimal);
type Nothing = (i64, Option<bool>, Option<i16>, Option<i32>, Option<u32>, Option<f32>, Option<f64>, Option<Decimal>);
type Words = (i64, String, Vec<u8>, Uuid, Json<BTreeMap<String, Vec<u32>>>);
type Times = (i64, NaiveDate, NaiveTime, NaiveDateTime, DateTime<Utc>);

fn table(types: &[Type]) -> Table {
    let columns = types.iter().enumerate().map(|(index, ty)| Column::new(format!("c{index}"), ty.clone()).nullable());
    columns.fold(Table::new("typed").column(Column::new("id", Type::Int8)), Table::column).primary_key(["id"])
}

/// Numbers, text, bytes, UUIDs and documents come back as the program's types, and NULL as `None`.
pub async fn r45_the_types_of_programs_round_trip(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    let types = [Type::Bool, Type::Int2, Type::Int4, Type::UInt4, Type::Float4, Type::Float8, Type::decimal(20, 4)];
    bench.create(&conn, &table(&types)).await?;
    let numbers: Numbers = (1, true, -7, i32::MIN, u32::MAX, 0.1, -0.1, "-12345.6700".parse()?);
    conn.execute("INSERT INTO typed VALUES (?, ?, ?, ?, ?, ?, ?, ?)", numbers).await?;
    conn.execute("INSERT INTO typed (id, c0) VALUES (2, ?)", (None::<bool>,)).await?;
    assert_eq!(conn.fetch_all::<Numbers>("SELECT * FROM typed WHERE id = 1", ()).await?, [numbers]);
    let nothing: Nothing = conn.require_one("SELECT * FROM typed WHERE id = ?", (2,)).await?;
    assert_eq!(nothing, (2, None, None, None, None, None, None, None));

    conn.execute("DROP TABLE typed", ()).await?;
    bench.create(&conn, &table(&[Type::Text, Type::Bytes, Type::Uuid, Type::Json])).await?;
    let document = BTreeMap::from([("oars".to_owned(), vec![2, 4]), (String::new(), Vec::new())]);
    let words: Words = (1, "gr\u{fc}n".to_owned(), vec![0, 159, 255], Uuid::from_u128(0x1234_5678), Json(document));
    let (id, text, bytes, uuid, json) = &words;
    conn.execute("INSERT INTO typed VALUES (?, ?, ?, ?, ?)", (id, text, bytes, uuid, json)).await?;
    let found: Words = conn.require_one("SELECT * FROM typed WHERE c2 = ?", (uuid,)).await?;
    assert_eq!((&found.1, &found.2, &found.3, &found.4.0), (&words.1, &words.2, &words.3, &words.4.0));
    Ok(())
}

/// Dates, times and spans come back as the program's types.
pub async fn r47_the_times_of_programs_round_trip(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    bench.create(&conn, &table(&[Type::Date, Type::Time, Type::DateTime, Type::Timestamp])).await?;
    let day = NaiveDate::from_ymd_opt(2024, 2, 29).expect("a leap day");
    let time = NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999).expect("a time of day");
    let moment = day.and_time(time);
    let times: Times = (1, day, time, moment, moment.and_utc());
    conn.execute("INSERT INTO typed VALUES (?, ?, ?, ?, ?)", times).await?;
    assert_eq!(conn.fetch_all::<Times>("SELECT * FROM typed", ()).await?, [times]);
    assert_eq!(conn.fetch_all::<Times>("SELECT * FROM typed WHERE c3 = ?", (times.4,)).await?, [times]);

    if bench.capabilities().spans {
        conn.execute("DROP TABLE typed", ()).await?;
        bench.create(&conn, &table(&[Type::Span])).await?;
        let span = TimeDelta::hours(-30) - TimeDelta::microseconds(1);
        conn.execute("INSERT INTO typed VALUES (?, ?)", (1, span)).await?;
        conn.execute("INSERT INTO typed VALUES (?, ?)", (2, Duration::from_secs(90_061))).await?;
        assert_eq!(conn.fetch_value::<TimeDelta>("SELECT c0 FROM typed WHERE id = 1", ()).await?, span);
        assert_eq!(conn.fetch_value::<Duration>("SELECT c0 FROM typed WHERE id = 2", ()).await?.as_secs(), 90_061);
        assert_ne!(conn.fetch_value::<Value>("SELECT c0 FROM typed WHERE id = 2", ()).await?, Value::Null);
    }
    Ok(())
}
