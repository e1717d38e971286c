use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::*;
use crate::result::RowBatch;
use crate::value::{NativeType, Value, ValueRef};

struct Cells(Vec<Value>);

impl RowBatch for Cells {
    fn len(&self) -> usize {
        1
    }

    fn get(&self, _: usize, column: usize) -> Result<ValueRef<'_>> {
        Ok(self.0[column].as_ref())
    }
}

fn row<const N: usize>(cells: [(&str, Value); N]) -> Row {
    let columns: Arc<[Column]> = cells.iter().map(|(name, _)| Column::new(*name, NativeType::new(0, "test"))).collect();
    let batch: Arc<dyn RowBatch> = Arc::new(Cells(cells.into_iter().map(|(_, value)| value).collect()));
    Row::new(batch, 0, columns)
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn read<T: DeserializeOwned>(row: &Row) -> Result<T> {
    row.read::<De<T>>().map(De::into_inner)
}

fn refusal<T: DeserializeOwned + std::fmt::Debug>(row: &Row) -> String {
    read::<T>(row).expect_err("the row must not fit").to_string()
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Draft,
    Live,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Address {
    city: String,
}

#[derive(Debug, PartialEq, Deserialize)]
struct User {
    id: u8,
    name: Option<String>,
    status: Status,
    #[serde(default)]
    visits: i64,
    address: Address,
    tags: Vec<String>,
    #[serde(rename = "avatarBytes")]
    avatar: Vec<u8>,
}

fn user() -> [(&'static str, Value); 8] {
    [
        ("id", Value::I64(7)),
        ("name", Value::Null),
        ("status", text("live")),
        ("address", Value::Json(r#"{"city": "London"}"#.to_owned())),
        ("tags", Value::Array(vec![text("a"), text("b")])),
        ("avatarBytes", Value::Bytes(vec![1, 2])),
        ("id", Value::I64(8)),
        ("unknown", Value::typed(NativeType::new(869, "inet"), [1])),
    ]
}

#[test]
fn a_struct_takes_columns_by_name_and_leaves_others() -> Result<()> {
    let expected = User {
        id: 7,
        name: None,
        status: Status::Live,
        visits: 0,
        address: Address { city: "London".to_owned() },
        tags: vec!["a".to_owned(), "b".to_owned()],
        avatar: vec![1, 2],
    };
    assert_eq!(read::<User>(&row(user()))?, expected);
    Ok(())
}

#[test]
fn a_missing_column_tells_what_there_is() {
    let message = refusal::<Address>(&row([("id", Value::I64(1)), ("town", text("x"))]));
    assert_eq!(message, "there is no column city (the row has id, town)");
}

#[test]
fn errors_name_the_column_and_never_the_text() {
    let with = |index: usize, value: Value| {
        let mut cells = user();
        cells[index].1 = value;
        refusal::<User>(&row(cells))
    };
    assert_eq!(with(0, Value::I64(300)), "column 0 (id): expected u8, found 300");
    assert_eq!(with(0, text("secret")), "column 0 (id): expected u8, found text");
    assert_eq!(with(2, text("secret")), "column 2 (status): expected one of draft, live, found other text");
    assert_eq!(with(2, Value::Null), "column 2 (status): expected text of an enum, found null (read it as an Option)");
    let message = with(3, Value::Json(r#"{"city": ["secret"]}"#.to_owned()));
    assert_eq!(message, "column 3 (address): found a json document of another shape at line 1 column 10");
    assert_eq!(
        with(4, Value::Array(vec![text("a"), Value::I64(1)])),
        "column 4 (tags): element 1: expected text, found i64"
    );
}

#[test]
fn tuples_sequences_and_maps_take_every_column() -> Result<()> {
    let two = row([("a", Value::I64(1)), ("b", text("x"))]);
    assert_eq!(read::<(i64, String)>(&two)?, (1, "x".to_owned()));
    assert_eq!(refusal::<(i64,)>(&two), "a tuple of 1 was asked for, but the row has 2 columns");
    let numbers = row([("a", Value::I64(1)), ("b", Value::I64(2))]);
    assert_eq!(read::<Vec<i64>>(&numbers)?, [1, 2]);
    assert_eq!(read::<BTreeMap<String, i64>>(&numbers)?, BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 2)]));
    Ok(())
}

#[derive(Debug, PartialEq, Deserialize)]
struct Id(i64);

#[test]
fn one_column_is_a_value() -> Result<()> {
    let one = row([("count", Value::I64(3))]);
    assert_eq!(read::<i64>(&one)?, 3);
    assert_eq!(read::<Id>(&one)?, Id(3));
    assert_eq!(read::<Option<i64>>(&row([("count", Value::Null)]))?, None);
    assert_eq!(read::<Status>(&row([("status", text("draft"))]))?, Status::Draft);
    assert_eq!(refusal::<i8>(&row([("count", Value::I64(300))])), "column 0 (count): expected i8, found 300");
    let two = row([("a", Value::I64(1)), ("b", Value::I64(2))]);
    assert_eq!(refusal::<i64>(&two), "a single value was asked for, but the row has 2 columns");
    assert_eq!(
        refusal::<f32>(&row([("x", Value::F64(0.1))])),
        "column 0 (x): expected f32, found 0.1 (read it as f64)"
    );
    Ok(())
}

#[test]
fn what_has_a_text_form_is_text_to_serde() -> Result<()> {
    let cells =
        row([("uuid", Value::Uuid([0x11; 16])), ("day", Value::Date(0)), ("price", Value::Decimal("1.10".parse()?))]);
    let texts = read::<(String, String, String)>(&cells)?;
    assert_eq!(texts, ("11111111-1111-1111-1111-111111111111".to_owned(), "1970-01-01".to_owned(), "1.10".to_owned()));
    Ok(())
}

#[test]
fn a_row_is_a_json_object_of_the_first_of_equal_columns() -> Result<()> {
    let json = row(user()).to_json()?;
    let expected = serde_json::json!({
        "id": 7, "name": null, "status": "live", "address": {"city": "London"}, "tags": ["a", "b"], "avatarBytes": "AQI=",
        "unknown": {"type": "inet", "hex": "01"}
    });
    assert_eq!(json, expected);
    assert_eq!(serde_json::to_value(row(user())).ok(), Some(expected.clone()));
    assert_eq!(read::<serde_json::Value>(&row([("a", Value::Json("[1]".to_owned()))]))?, serde_json::json!({"a": [1]}));
    Ok(())
}
