//! Text, bytes, and what is kept as one of them.

use oarlock_core::schema::{Column, EnumType, Table, Type};
use oarlock_core::{DbExt, ErrorKind, Value};

use super::samples;
use super::trip::{column_of, round_trips, round_trips_in};
use crate::bench::Bench;
use crate::failure::{Verdict, refused};

type Held = (i64, Option<String>, Option<Vec<u8>>);

/// NULL, empty text and empty bytes stay distinct.
pub async fn r40_null_and_empty_stay_distinct(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    let table = Table::new("held")
        .column(Column::new("id", Type::Int8))
        .column(Column::new("t", Type::Text).nullable())
        .column(Column::new("b", Type::Bytes).nullable())
        .primary_key(["id"]);
    bench.create(&conn, &table).await?;
    let rows: Vec<Held> = vec![
        (1, None, None),
        (2, Some(String::new()), None),
        (3, None, Some(Vec::new())),
        (4, Some(String::new()), Some(Vec::new())),
    ];
    for row in &rows {
        conn.execute("INSERT INTO held (id, t, b) VALUES (?, ?, ?)", (row.0, &row.1, &row.2)).await?;
    }
    assert_eq!(conn.fetch_all::<Held>("SELECT id, t, b FROM held ORDER BY id", ()).await?, rows);
    assert_eq!(conn.fetch_all::<Held>("SELECT id, t, b FROM held WHERE id > ? ORDER BY id", (0,)).await?, rows);
    let nulls: (i64, i64) = conn.require_one("SELECT count(t), count(b) FROM held", ()).await?;
    assert_eq!(nulls, (2, 2));
    let empty: i64 = conn.fetch_value("SELECT count(*) FROM held WHERE t = ?", ("",)).await?;
    assert_eq!(empty, 2);
    let value: Value = conn.fetch_value("SELECT NULL", ()).await?;
    assert_eq!(value, Value::Null);
    let error =
        refused(conn.fetch_value::<String>("SELECT t FROM held WHERE id = 1", ()).await, ErrorKind::Conversion, "NULL");
    assert!(error.to_string().contains("Option"), "{error}");
    Ok(())
}

/// Text of every plane of Unicode round-trips.
pub async fn r44_text_round_trips(bench: Bench) -> Verdict {
    round_trips(&bench, Type::Text, &samples::texts(), true).await
}

/// Text of a limited length is counted in characters.
pub async fn r44_varchar_counts_characters(bench: Bench) -> Verdict {
    let values = ["", "abc", "\u{fc}\u{65e5}\u{1f6f6}"].map(|text| Value::Text(text.to_owned()));
    round_trips(&bench, Type::VarChar(3), &values, true).await
}

/// NUL in text round-trips where it is declared, else it is `NotSupported`.
pub async fn r44_nul_round_trips_or_is_not_supported(bench: Bench) -> Verdict {
    let conn = column_of(&bench, &Type::Text).await?;
    let values = ["\0", "a\0b", "\0\0end"].map(|text| Value::Text(text.to_owned()));
    if bench.capabilities().nul_in_text {
        round_trips_in(&bench, &conn, &Type::Text, &values, false).await?;
    } else {
        for value in &values {
            let bound = conn.execute("INSERT INTO held (id, v) VALUES (1, ?)", (value,)).await;
            refused(bound, ErrorKind::NotSupported, "NUL in text");
        }
        assert_eq!(conn.fetch_value::<i64>("SELECT count(*) FROM held", ()).await?, 0);
    }
    Ok(())
}

/// All byte values round-trip.
pub async fn r45_bytes_round_trip(bench: Bench) -> Verdict {
    round_trips(&bench, Type::Bytes, &samples::blobs(), true).await
}

/// A blob of more than 16 MiB round-trips, as far as the server's own limit lets it.
pub async fn r45_a_blob_over_16_mib_round_trips(bench: Bench) -> Verdict {
    const LARGE: usize = 16 * 1024 * 1024 + 4321;
    let conn = column_of(&bench, &Type::Bytes).await?;
    let limit: Option<usize> = match bench.fragments().largest_value {
        Some(probe) => Some(conn.fetch_value(probe, ()).await?),
        None => None,
    };
    // The rest of the packet needs some room beside the value.
    let size = limit.map_or(LARGE, |limit| LARGE.min(limit.saturating_sub(4096)));
    let blob: Vec<u8> = (0..size).map(|index| u8::try_from(index * 31 % 251).unwrap_or_default()).collect();
    conn.execute("INSERT INTO held (id, v) VALUES (?, ?)", (1, &blob)).await?;
    let found: Vec<u8> = conn.fetch_value("SELECT v FROM held WHERE id = ?", (1,)).await?;
    assert!(found == blob, "{} of {} bytes came back, or others", found.len(), blob.len());
    if size < LARGE {
        let blob = vec![7_u8; LARGE];
        let insert = conn.execute("INSERT INTO held (id, v) VALUES (?, ?)", (2, &blob)).await;
        refused(insert, ErrorKind::OutOfRange, "more than the server takes");
        assert_eq!(conn.fetch_value::<i64>("SELECT count(*) FROM held", ()).await?, 1, "the connection goes on");
    }
    Ok(())
}

/// UUIDs round-trip.
pub async fn r45_uuids_round_trip(bench: Bench) -> Verdict {
    round_trips(&bench, Type::Uuid, &samples::uuids(), true).await
}

/// JSON documents round-trip, and a document `null` is not NULL.
pub async fn r45_documents_round_trip(bench: Bench) -> Verdict {
    round_trips(&bench, Type::Json, &samples::documents(), false).await?;
    let conn = bench.conn().await?;
    conn.execute("DELETE FROM held", ()).await?;
    let document = serde_json::json!({ "name": "Ada", "tags": ["a", null], "n": 1.5 });
    conn.execute("INSERT INTO held (id, v) VALUES (?, ?)", (1, &document)).await?;
    conn.execute("INSERT INTO held (id, v) VALUES (?, ?)", (2, serde_json::Value::Null)).await?;
    conn.execute("INSERT INTO held (id, v) VALUES (?, ?)", (3, None::<serde_json::Value>)).await?;
    let found: Vec<(i64, Option<serde_json::Value>)> = conn.fetch_all("SELECT id, v FROM held ORDER BY id", ()).await?;
    assert_eq!(found, [(1, Some(document)), (2, Some(serde_json::Value::Null)), (3, None)]);
    Ok(())
}

/// Enums as text round-trip, and a word that is not among theirs is a check violation.
pub async fn r45_enums_as_text_round_trip(bench: Bench) -> Verdict {
    let words = ["port", "starboard", "it's"];
    let ty = Type::Enum(EnumType::new("side", words));
    round_trips(&bench, ty, &words.map(|word| Value::Text(word.to_owned())), true).await?;
    let conn = bench.conn().await?;
    let wrong = conn.execute("INSERT INTO held (id, v) VALUES (?, ?)", (99, "aft")).await;
    refused(wrong, ErrorKind::CheckViolation, "a word that is not of the enum");
    Ok(())
}

/// Arrays round-trip with their NULLs where they are declared, else they are `NotSupported`.
pub async fn r45_arrays_round_trip_or_are_not_supported(bench: Bench) -> Verdict {
    let numbers = Value::Array(vec![Value::I64(1), Value::Null, Value::I64(i64::MIN)]);
    let words =
        Value::Array(vec![Value::Text("it's \"so\" \\ {}, NULL".to_owned()), Value::Null, Value::Text(String::new())]);
    let empty = Value::Array(Vec::new());
    if !bench.capabilities().arrays {
        let conn = column_of(&bench, &Type::Text).await?;
        for value in [&numbers, &words, &empty] {
            let bound = conn.execute("INSERT INTO held (id, v) VALUES (1, ?)", (value,)).await;
            refused(bound, ErrorKind::NotSupported, "an array");
        }
        return Ok(());
    }
    for (ty, values) in [
        (Type::Int8.array(), vec![numbers, empty.clone()]),
        (Type::Text.array(), vec![words, empty.clone()]),
        (Type::Bool.array(), vec![Value::Array(vec![Value::Bool(true), Value::Null])]),
        (Type::Float8.array(), vec![Value::Array(vec![Value::F64(0.1), Value::F64(-1e300)])]),
        (Type::Bytes.array(), vec![Value::Array(vec![Value::Bytes(vec![0, 255]), Value::Bytes(Vec::new())])]),
        (Type::Uuid.array(), vec![Value::Array(samples::uuids())]),
        (Type::decimal(38, 10).array(), vec![Value::Array(samples::decimals(38, 10))]),
        (Type::Timestamp.array(), vec![Value::Array(samples::instants(false)), empty]),
    ] {
        let conn = column_of(&bench, &ty).await?;
        round_trips_in(&bench, &conn, &ty, &values, true).await?;
    }
    Ok(())
}
