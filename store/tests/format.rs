//! Files as docs/store-format.md tells them: what is read here is read by that page, with nothing of the store's own code but what to compare with.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use chrono::{DateTime, NaiveDate, Utc};
use oarlock::store::Store;
use oarlock::value::{Decimal, Interval, Value};
use oarlock::{Model, Record, Result};
use twox_hash::XxHash3_64;

fn sample(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples").join(name)).expect("the sample is there")
}

fn word<const N: usize>(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word[..N].copy_from_slice(&bytes[at..at + N]);
    u64::from_le_bytes(word)
}

/// A frame's parts.
struct Frame<'f> {
    kind: u8,
    transaction: u64,
    note: &'f [u8],
    payload: &'f [u8],
    /// Where the payload stands in the file.
    place: u64,
}

/// Reads the header of a file and gives its salt.
fn header(file: &[u8]) -> u64 {
    assert_eq!(&file[..8], b"oarlock\0");
    assert_eq!(word::<2>(file, 8), 1, "the version");
    assert_eq!(file[10..16], [0; 6], "flags");
    assert_eq!(word::<8>(file, 56), XxHash3_64::oneshot(&file[..56]));
    word::<8>(file, 32)
}

/// Reads the frames from a place on, up to zeros or the end.
fn frames(file: &[u8], mut at: usize, salt: u64) -> Vec<Frame<'_>> {
    let mut frames = Vec::new();
    while file[at..].iter().any(|byte| *byte != 0) {
        let head = &file[at..at + 40];
        assert_eq!(word::<4>(head, 0), XxHash3_64::oneshot_with_seed(salt, &head[4..]) & 0xffff_ffff);
        let length = usize::try_from(word::<4>(head, 4)).expect("it fits");
        let body = &file[at + 40..at + 40 + length];
        assert_eq!(word::<8>(head, 8), XxHash3_64::oneshot_with_seed(salt, body));
        let (note, payload) = body.split_at(usize::try_from(word::<2>(head, 36)).expect("it fits"));
        assert_eq!(head[39], 0, "flags");
        let place = (at + 40 + note.len()) as u64;
        frames.push(Frame { kind: head[38], transaction: word::<8>(head, 16), note, payload, place });
        at = (at + 40 + length).next_multiple_of(8);
    }
    frames
}

/// Bytes that are read from the front.
struct Bytes<'b>(&'b [u8]);

impl<'b> Bytes<'b> {
    fn take(&mut self, length: usize) -> &'b [u8] {
        let (front, rest) = self.0.split_at(length);
        self.0 = rest;
        front
    }

    fn byte(&mut self) -> u8 {
        self.take(1)[0]
    }

    fn eight(&mut self) -> i64 {
        word::<8>(self.take(8), 0).cast_signed()
    }

    fn number(&mut self) -> u64 {
        let mut number = 0;
        for shift in (0..).step_by(7) {
            let byte = self.byte();
            number |= u64::from(byte & 127) << shift;
            if byte < 128 {
                break;
            }
        }
        number
    }

    fn signed(&mut self) -> i64 {
        let folded = self.number();
        let half = (folded / 2).cast_signed();
        if folded.is_multiple_of(2) { half } else { -half - 1 }
    }

    fn counted(&mut self) -> &'b [u8] {
        let length = usize::try_from(self.number()).expect("it fits");
        self.take(length)
    }

    fn text(&mut self) -> String {
        String::from_utf8(self.counted().to_vec()).expect("it is UTF-8")
    }

    fn value(&mut self) -> Value {
        match self.byte() {
            0 => Value::Null,
            1 => Value::Bool(false),
            2 => Value::Bool(true),
            3 => Value::I64(self.signed()),
            4 => Value::U64(self.number()),
            5 => Value::F32(f32::from_bits(u32::try_from(word::<4>(self.take(4), 0)).expect("it fits"))),
            6 => Value::F64(f64::from_bits(word::<8>(self.take(8), 0))),
            7 => {
                let scale = self.byte();
                let digits = self.take(16).try_into().expect("it is as long");
                Value::Decimal(Decimal::new(i128::from_le_bytes(digits), scale).expect("it is one"))
            }
            8 => Value::Text(self.text()),
            9 => Value::Bytes(self.counted().to_vec()),
            10 => Value::Json(self.text()),
            11 => Value::Uuid(self.take(16).try_into().expect("it is as long")),
            12 => Value::Date(i32::try_from(self.signed()).expect("it fits")),
            13 => Value::Time(self.eight()),
            14 => Value::Span(self.eight()),
            15 => Value::DateTime(self.eight()),
            16 => Value::Instant(self.eight()),
            17 => {
                let mut part = || i32::try_from(self.signed()).expect("it fits");
                let (months, days) = (part(), part());
                Value::Interval(Interval { months, days, micros: self.signed() })
            }
            18 => {
                let mut elements = Bytes(self.counted());
                Value::Array(std::iter::from_fn(|| (!elements.0.is_empty()).then(|| elements.value())).collect())
            }
            small @ 64..128 => Value::I64(i64::from(small - 64)),
            length @ 128.. => {
                let text = self.take(usize::from(length - 128)).to_vec();
                Value::Text(String::from_utf8(text).expect("it is UTF-8"))
            }
            other => panic!("the page knows no value {other}"),
        }
    }
}

/// What operations make of a file: the values of each record, by its table and what the first value tells.
#[derive(Default)]
struct Tables {
    names: HashMap<u64, String>,
    records: BTreeMap<(String, String), Vec<Value>>,
    /// Where the last operation on each stands.
    last: HashMap<(String, String), u64>,
    /// The keys of what was deleted, as they stand there.
    deleted: Vec<(String, Vec<u8>)>,
    /// How often the version before was named.
    linked: usize,
}

impl Tables {
    fn apply(&mut self, frame: &Frame<'_>) {
        assert_eq!(word::<2>(frame.payload, 0), frame.note.len() as u64, "the length of the note once more");
        let mut bytes = Bytes(&frame.payload[2..]);
        while !bytes.0.is_empty() {
            let offset = (frame.payload.len() - bytes.0.len()) as u64;
            match bytes.byte() {
                kind @ (1 | 2) => {
                    let table = self.names[&bytes.number()].clone();
                    assert_eq!(bytes.number(), offset, "how far from the payload's beginning");
                    let previous = bytes.number();
                    let content = bytes.counted();
                    let id = if kind == 1 {
                        let mut record = Bytes(content);
                        assert_eq!(record.number(), 0, "the first layout");
                        let values: Vec<_> =
                            std::iter::from_fn(|| (!record.0.is_empty()).then(|| record.value())).collect();
                        let id = (table.clone(), format!("{:?}", values[0]));
                        self.records.insert(id.clone(), values);
                        id
                    } else {
                        self.deleted.push((table.clone(), content.to_vec()));
                        let id = self.last.iter().find(|(id, place)| id.0 == table && **place == previous);
                        let id = id.expect("a deletion names the version before").0.clone();
                        assert!(self.records.remove(&id).is_some());
                        id
                    };
                    assert_eq!(previous, self.last.get(&id).copied().unwrap_or(0), "the version before of {id:?}");
                    self.linked += usize::from(previous != 0);
                    self.last.insert(id, frame.place + offset);
                }
                3 => {
                    let json: serde_json::Value = serde_json::from_slice(bytes.counted()).expect("it is JSON");
                    let name = json["table"]["name"].as_str().expect("it has a name");
                    self.names.insert(json["id"].as_u64().expect("it has a number"), name.to_owned());
                    let columns = json["layouts"][0]["columns"].as_array().expect("it has columns");
                    assert!(columns.iter().all(|column| column["id"].is_u64() && !column["type"].is_null()));
                    assert_eq!(json["next_column"].as_u64(), Some(columns.len() as u64));
                }
                4 => assert!(self.names.remove(&bytes.number()).is_some()),
                5 => {
                    assert!(self.names.contains_key(&bytes.number()));
                    bytes.number();
                }
                other => panic!("the page knows no operation {other}"),
            }
        }
    }

    fn of(file: &[u8]) -> Self {
        let mut tables = Self::default();
        frames(file, 64, header(file)).iter().filter(|frame| frame.kind != 3).for_each(|frame| tables.apply(frame));
        tables
    }
}

#[test]
fn the_sample_with_tables_says_what_was_written() {
    let tables = Tables::of(&sample("tables.store"));
    let record = |table: &str, first: &str| &tables.records[&(table.to_owned(), first.to_owned())];
    assert_eq!(tables.records.keys().filter(|(table, _)| table == "author").count(), 3);
    assert_eq!(tables.records.keys().filter(|(table, _)| table == "book").count(), 19);
    assert_eq!(record("author", "I64(4)")[1..], [Value::Text("Anonymous".to_owned()), Value::Null]);
    // 30 August 1797.
    assert_eq!(record("author", "I64(1)")[2], Value::Date(-62_945));
    let text = |text: &str| Value::Text(text.to_owned());
    let seventh = [
        text("978-0007"),
        Value::I64(2),
        Value::I64(107),
        Value::F64(0.75),
        Value::Bool(false),
        Value::Bytes((0..7).collect()),
        Value::Instant(1_000_000_007_123_456),
    ];
    assert_eq!(record("book", "Text(\"978-0007\")")[..], seventh);
    assert_eq!(record("book", "Text(\"978-0003\")")[2..4], [Value::I64(1), Value::F64(f64::MAX)]);
    let mut key = vec![1];
    key.extend_from_slice(b"978-0004\0\0");
    let nobody = vec![1, 128, 0, 0, 0, 0, 0, 0, 3];
    assert_eq!(tables.deleted, [("author".to_owned(), nobody), ("book".to_owned(), key)]);
    assert_eq!(tables.linked, 3, "one was changed and two deleted");
}

/// Values of most kinds, at the ends of their ranges.
#[derive(Debug, Clone, PartialEq, Model)]
struct Every {
    #[model(primary_key)]
    id: i64,
    small: i16,
    unsigned: u64,
    single: f32,
    long: String,
    #[model(json)]
    tags: Vec<String>,
    uuid: uuid::Uuid,
    day: NaiveDate,
    time: chrono::NaiveTime,
    local: chrono::NaiveDateTime,
    moment: DateTime<Utc>,
    price: Decimal,
    numbers: Vec<i64>,
    nothing: Option<bool>,
}

fn every(id: i64) -> Every {
    let day = NaiveDate::from_ymd_opt(1969, 12, 31).expect("a day");
    let time = chrono::NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999).expect("a time");
    Every {
        id,
        small: -1,
        unsigned: u64::MAX,
        single: 0.1,
        long: "é".repeat(64),
        tags: vec!["a".to_owned()],
        uuid: uuid::Uuid::from_bytes([7; 16]),
        day,
        time,
        local: day.and_time(time),
        moment: DateTime::UNIX_EPOCH,
        price: Decimal::new(-1_234_567, 3).expect("it is one"),
        numbers: vec![0, 63, 64, -1, i64::MIN],
        nothing: None,
    }
}

#[test]
fn values_of_every_kind_stand_there_as_the_page_says() -> Result<()> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("every.store");
    let store = Store::open(&path)?;
    store.define([Every::definition()])?;
    let tx = store.begin();
    tx.note("with a note");
    tx.table::<Every>().insert(every(i64::MAX))?;
    tx.commit()?;
    // As it is found at the beginning of a packed file, too.
    for packed in [false, true] {
        if packed {
            store.compact()?;
        }
        let tables = Tables::of(&std::fs::read(&path).expect("it can be read"));
        let expected = [
            Value::I64(i64::MAX),
            Value::I64(-1),
            Value::U64(u64::MAX),
            Value::F32(0.1),
            Value::Text("é".repeat(64)),
            Value::Json("[\"a\"]".to_owned()),
            Value::Uuid([7; 16]),
            Value::Date(-1),
            Value::Time(86_399_999_999),
            Value::DateTime(-1),
            Value::Instant(0),
            Value::Decimal(Decimal::new(-1_234_567, 3)?),
            Value::Array([0, 63, 64, -1, i64::MIN].map(Value::I64).to_vec()),
            Value::Null,
        ];
        assert_eq!(tables.records.into_values().collect::<Vec<_>>(), [expected]);
    }
    Ok(())
}

/// Makes a record whose key is one value, deletes it, and gives the key's bytes in the file.
macro_rules! key_of {
    ($type:ty, $value:expr) => {{
        #[derive(Debug, Clone, PartialEq, Model)]
        struct Keyed {
            #[model(primary_key)]
            id: $type,
        }
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("keyed.store");
        let store = Store::open(&path)?;
        store.define([Keyed::definition()])?;
        let keyed = store.table::<Keyed>().insert(Keyed { id: $value })?;
        store.table::<Keyed>().delete(keyed.id)?;
        drop(store);
        let tables = Tables::of(&std::fs::read(&path).expect("it can be read"));
        tables.deleted[0].1.clone()
    }};
}

#[test]
fn keys_of_every_kind_stand_there_as_the_page_says() -> Result<()> {
    assert_eq!(key_of!(i32, -2), [1, 0x7f, 255, 255, 255, 255, 255, 255, 254]);
    assert_eq!(key_of!(u64, 258), [1, 0, 0, 0, 0, 0, 0, 1, 2]);
    assert_eq!(key_of!(bool, true), [1, 1]);
    assert_eq!(key_of!(String, "a\0b".to_owned()), *b"\x01a\0\xffb\0\0");
    assert_eq!(key_of!(Vec<u8>, vec![0, 9]), [1, 0, 255, 9, 0, 0]);
    assert_eq!(key_of!(uuid::Uuid, uuid::Uuid::from_bytes([7; 16])), [[1].as_slice(), &[7; 16]].concat());
    assert_eq!(key_of!(NaiveDate, NaiveDate::default()), [1, 0x80, 0, 0, 0, 0, 0, 0, 0]);
    let decimal = |text: &str| text.parse::<Decimal>();
    assert_eq!(key_of!(Decimal, decimal("0.00")?), [1, 1]);
    assert_eq!(key_of!(Decimal, decimal("1200.50")?), [1, 2, 64 + 4, b'1', b'2', b'0', b'0', b'5', 0]);
    assert_eq!(key_of!(Decimal, decimal("-0.07")?), [1, 0, !(64 - 1), !b'7', 255]);
    assert_eq!(key_of!(f64, 1.0), [1, 0xbf, 0xf0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(key_of!(f64, -1.0), [1, 0x40, 0x0f, 255, 255, 255, 255, 255, 255]);
    assert_eq!(key_of!(f32, f32::NAN), [1, 0xff, 0xf8, 0, 0, 0, 0, 0, 0]);
    Ok(())
}

#[test]
fn what_a_clean_close_leaves_has_the_header_of_the_page() {
    let (file, index) = (sample("plain.store"), sample("plain.store-index"));
    let salt = header(&file);
    let last = frames(&file, 64, salt).pop().expect("it has frames");
    let begin = usize::try_from(last.place).expect("it fits") - 40 - last.note.len();
    let end = (begin + 40 + last.note.len() + last.payload.len()).next_multiple_of(8);
    assert_eq!(&index[..8], b"oarindx1");
    assert_eq!([8, 16, 32, 40].map(|at| word::<8>(&index, at)), [salt, last.transaction, end as u64, begin as u64]);
    assert_eq!([24, 48].map(|at| word::<8>(&index, at)), [24, 8].map(|at| word::<8>(&file, begin + at)));
    assert_eq!(word::<8>(&index, 56), end as u64, "a clean close leaves all durable");
    let content = &index[88..];
    assert_eq!(word::<8>(&index, 64), content.len() as u64);
    assert_eq!(word::<8>(&index, 72), XxHash3_64::oneshot_with_seed(salt, content));
    assert_eq!(word::<8>(&index, 80), XxHash3_64::oneshot(&index[..80]));
}

#[test]
fn an_increment_has_the_header_of_the_page() {
    let (full, increment) = (sample("full.backup"), sample("increment.backup"));
    let salt = header(&full);
    assert_eq!(&increment[..8], b"oarlock+");
    assert_eq!((word::<2>(&increment, 8), &increment[10..16]), (1, &[0; 6][..]));
    assert_eq!(increment[16..40], full[16..40], "the store, and its salt");
    assert_eq!(word::<8>(&increment, 40), full.len() as u64);
    let before = frames(&full, 64, salt).pop().expect("it has frames");
    let head = usize::try_from(before.place).expect("it fits") - 40 - before.note.len();
    assert_eq!(increment[48..56], full[head + 8..head + 16]);
    assert_eq!(word::<8>(&increment, 56), increment.len() as u64 - 72);
    assert_eq!(word::<8>(&increment, 64), XxHash3_64::oneshot(&increment[..64]));
    let numbers: Vec<_> = frames(&increment, 72, salt).iter().map(|frame| frame.transaction).collect();
    assert_eq!(numbers, [before.transaction + 1, before.transaction + 2]);
}
