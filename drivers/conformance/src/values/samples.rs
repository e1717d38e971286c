//! The values that are sent through each type: the edges, and what lies beside them.

use oarlock_core::Value;
use oarlock_core::value::temporal::{DAY, HOUR, days_from_civil, join_micros, parse_datetime};
use oarlock_core::value::{Decimal, Interval};

pub(crate) fn integers(low: i64, high: i64) -> Vec<Value> {
    [low, low + 1, -1, 0, 1, high - 1, high].into_iter().filter(|n| (low..=high).contains(n)).map(Value::I64).collect()
}

/// The signed integers that an `u64` column takes are left out: see [`unsigned`].
pub(crate) fn unsigned(low_bits_only: bool) -> Vec<Value> {
    let half = 1_u64 << 63;
    let small = [0, 1, half - 1];
    let large = [half, half + 1, u64::MAX - 1, u64::MAX];
    small.iter().chain(if low_bits_only { &[][..] } else { &large[..] }).map(|number| Value::U64(*number)).collect()
}

pub(crate) fn doubles() -> Vec<f64> {
    vec![
        0.0,
        1.0,
        -1.0,
        0.1,
        -123.456,
        1.0 / 3.0,
        f64::MAX,
        f64::MIN,
        f64::EPSILON,
        f64::MIN_POSITIVE,
        f64::MIN_POSITIVE / 2.0,
        f64::from_bits(1),
        9_007_199_254_740_993.0,
        1e22,
        1.797e-300,
        123_456_789.123_456_79,
    ]
}

pub(crate) fn singles() -> Vec<f32> {
    vec![
        0.0,
        1.0,
        -1.0,
        0.1,
        -123.456,
        1.0 / 3.0,
        16_777_216.0,
        f32::MAX,
        f32::MIN,
        f32::MIN_POSITIVE,
        1e-30,
        3.402_823e38,
    ]
}

/// Decimals in the scale of their column.
pub(crate) fn decimals(precision: u8, scale: u8) -> Vec<Value> {
    let largest = 10_i128.pow(u32::from(precision)) - 1;
    let one = 10_i128.pow(u32::from(scale));
    [0, 1, -1, one, -one, one + one / 2, 11 * one / 10, largest, -largest, largest / 7]
        .into_iter()
        .map(|coefficient| Value::Decimal(Decimal::new(coefficient, scale).expect("of at most 38 digits")))
        .collect()
}

/// Text in every plane of Unicode that has characters, what SQL and URLs take for something else, and white space.
pub(crate) fn texts() -> Vec<Value> {
    let planes: String = (0..=16_u32)
        .flat_map(|plane| [0x41, 0xE9, 0x2603, 0xFFFD, 0xF600].map(|offset| (plane << 16) | offset))
        .filter_map(char::from_u32)
        .collect();
    [
        "",
        " ",
        "ada",
        "Ada Lovelace",
        " blanks at both ends ",
        "it's \"quoted\" `here`",
        "back\\slash \\' \\n",
        "? :name $1 ?? @v ::text -- no /* comment */ ; {} [] %s %",
        "line\nfeed\r\ntab\t\u{1}\u{7f}",
        "gr\u{fc}\u{df}e, \u{65e5}\u{672c}\u{8a9e}, \u{1f6f6}\u{200d}\u{1f469}",
        "e\u{301} and \u{e9}",
        "\u{feff}bom, \u{202e}rtl",
        "NULL",
        "\u{10ffff}",
        &planes,
        &"long ".repeat(30_000),
    ]
    .into_iter()
    .map(|text| Value::Text(text.to_owned()))
    .collect()
}

pub(crate) fn blobs() -> Vec<Value> {
    let all: Vec<u8> = (0..=255).collect();
    let twice: Vec<u8> = all.iter().rev().chain(&all).copied().collect();
    vec![
        Value::Bytes(Vec::new()),
        Value::Bytes(vec![0]),
        Value::Bytes(b"\\x00 ' \" \0 end\0".to_vec()),
        Value::Bytes(all),
        Value::Bytes(twice),
        Value::Bytes(vec![0xFF; 70_000]),
    ]
}

pub(crate) fn uuids() -> Vec<Value> {
    let counted: [u8; 16] = std::array::from_fn(|index| u8::try_from(index * 17).unwrap_or(u8::MAX));
    vec![Value::Uuid([0; 16]), Value::Uuid([0xFF; 16]), Value::Uuid(counted)]
}

pub(crate) fn documents() -> Vec<Value> {
    [
        "null",
        "true",
        "0",
        "-1.5",
        "9007199254740993",
        "\"\"",
        "\"it's \\\"\\u00fc\\\\ ? :x\"",
        "[]",
        "{}",
        "[1, \"two\", null, {\"three\": [3.25]}]",
        "{\"a\": {\"b\": [true, false]}, \"\": \"\u{1f6f6}\", \"z\": null}",
    ]
    .into_iter()
    .map(|text| Value::Json(text.to_owned()))
    .collect()
}

fn day(year: i32, month: u8, day: u8) -> i32 {
    days_from_civil(year, month, day).expect("the calendar has the day")
}

pub(crate) fn dates() -> Vec<Value> {
    [
        (1000, 1, 1),
        (1582, 10, 15),
        (1900, 2, 28),
        (1969, 12, 31),
        (1970, 1, 1),
        (2000, 2, 29),
        (2024, 12, 31),
        (9999, 12, 31),
    ]
    .into_iter()
    .map(|(year, month, of_month)| Value::Date(day(year, month, of_month)))
    .collect()
}

pub(crate) fn times() -> Vec<Value> {
    [0, 1, 999_999, 1_000_000, HOUR, 13 * HOUR + 30 * 60_000_000 + 500_000, DAY - 1]
        .into_iter()
        .map(Value::Time)
        .collect()
}

fn moments() -> Vec<i64> {
    [(1000, 1, 1), (1969, 12, 31), (1970, 1, 1), (2000, 2, 29), (2024, 7, 1), (9999, 12, 31)]
        .into_iter()
        .flat_map(|(year, month, of_month)| {
            [0, 1, 123_456, 12 * HOUR, DAY - 1]
                .map(|time| join_micros(day(year, month, of_month), time).expect("in range"))
        })
        .collect()
}

pub(crate) fn datetimes() -> Vec<Value> {
    moments().into_iter().map(Value::DateTime).collect()
}

/// Instants; where the column ends with the 31 bits of a second's count, those within.
pub(crate) fn instants(within_31_bits: bool) -> Vec<Value> {
    let end = i64::from(i32::MAX) * 1_000_000;
    moments()
        .into_iter()
        .chain([1_000_000, end + 999_999])
        .filter(|micros| !within_31_bits || (1_000_000..=end + 999_999).contains(micros))
        .map(Value::Instant)
        .collect()
}

/// An hour that zones with summer time skip or have twice.
pub(crate) fn summer_time() -> Vec<i64> {
    ["2024-03-10T02:30:00", "2024-11-03T01:30:00", "2024-03-31T02:30:00", "2024-10-27T02:30:00"]
        .map(|text| parse_datetime(text).expect("a date and time"))
        .to_vec()
}

pub(crate) fn spans() -> Vec<Value> {
    let most = 838 * HOUR + 59 * 60_000_000 + 59_000_000;
    [0, 1, -1, 1_500_000, -(HOUR + 1), 25 * HOUR, most, -most].into_iter().map(Value::Span).collect()
}

pub(crate) fn intervals() -> Vec<Value> {
    [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (14, 3, 4 * HOUR + 1), (-14, 3, -1), (12 * 1000, -400, 30 * HOUR)]
        .into_iter()
        .map(|(months, days, micros)| Value::Interval(Interval { months, days, micros }))
        .collect()
}
