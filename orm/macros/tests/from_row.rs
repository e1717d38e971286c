//! Structs read from rows, given without a database.

use std::sync::Arc;

use oarlock_core::result::{Column, RowBatch};
use oarlock_core::value::{NativeType, Value, ValueRef};
use oarlock_core::{ErrorKind, Result, Row};
use oarlock_macros::{FromRow, FromValue};

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

#[derive(Debug, PartialEq, FromRow)]
#[row(crate = "oarlock_core")]
struct User {
    id: i64,
    name: Option<String>,
}

#[test]
fn fields_are_found_by_name_wherever_they_stand() -> Result<()> {
    let row = row([("extra", Value::Bool(true)), ("name", Value::Null), ("id", Value::I64(7))]);
    assert_eq!(row.read::<User>()?, User { id: 7, name: None });
    Ok(())
}

#[test]
fn a_missing_column_names_the_field_and_what_there_is() {
    let error = row([("id", Value::I64(7)), ("nick", text("ada"))]).read::<User>().expect_err("no name");
    assert_eq!(error.kind(), ErrorKind::ColumnNotFound);
    assert_eq!(error.to_string(), "User.name: there is no column name; the row has id, nick");
}

#[test]
fn a_value_that_does_not_fit_names_field_and_column() {
    let error = row([("name", Value::Null), ("id", text("x"))]).read::<User>().expect_err("text");
    assert_eq!(error.kind(), ErrorKind::Conversion);
    assert_eq!(error.to_string(), "User.id: column 1 (id): expected i64, found text");
    assert_eq!(error.column(), Some("id"));
}

#[derive(Debug, PartialEq)]
struct Even(i32);

impl TryFrom<i32> for Even {
    type Error = String;

    fn try_from(number: i32) -> Result<Self, String> {
        if number % 2 == 0 { Ok(Self(number)) } else { Err(format!("{number} is odd")) }
    }
}

#[derive(Debug, PartialEq, FromRow)]
#[row(crate = "oarlock_core", rename_all = "camelCase")]
struct Options {
    first_name: String,
    #[row(rename = "type")]
    kind: i16,
    #[row(default)]
    visit_count: u32,
    #[row(skip)]
    cached: Vec<u8>,
    #[row(json)]
    tags: Vec<String>,
    #[row(try_from = "i32")]
    even: Even,
    r#in: bool,
}

#[test]
fn options_say_where_and_how_a_field_is_read() -> Result<()> {
    let cells = |even| {
        [
            ("firstName", text("Ada")),
            ("type", Value::I64(3)),
            ("tags", Value::Json(r#"["a"]"#.to_owned())),
            ("even", Value::I64(even)),
            ("in", Value::Bool(true)),
        ]
    };
    let read = row(cells(4)).read::<Options>()?;
    let expected = Options {
        first_name: "Ada".to_owned(),
        kind: 3,
        visit_count: 0,
        cached: Vec::new(),
        tags: vec!["a".to_owned()],
        even: Even(4),
        r#in: true,
    };
    assert_eq!(read, expected);
    let error = row(cells(3)).read::<Options>().expect_err("odd");
    assert_eq!(error.to_string(), "Options.even: column 3 (even): the field's type refused the value");
    assert_eq!(std::error::Error::source(&error).map(ToString::to_string).as_deref(), Some("3 is odd"));
    Ok(())
}

#[test]
fn a_default_stands_for_a_missing_column_but_not_for_null() {
    let error = row([
        ("firstName", text("Ada")),
        ("type", Value::I64(3)),
        ("visitCount", Value::Null),
        ("tags", text("[]")),
        ("even", Value::I64(2)),
        ("in", Value::Bool(true)),
    ])
    .read::<Options>()
    .expect_err("null");
    assert_eq!(
        error.to_string(),
        "Options.visit_count: column 2 (visitCount): expected u32, found null (read it as an Option)"
    );
}

#[derive(Debug, PartialEq, FromRow)]
#[row(crate = "oarlock_core")]
struct Post {
    id: i64,
    #[row(flatten)]
    text: PostText,
    #[row(flatten, prefix = "author_")]
    author: User,
}

#[derive(Debug, PartialEq, FromRow)]
#[row(crate = "oarlock_core")]
struct PostText {
    title: String,
    body: String,
}

#[test]
fn nested_structs_share_the_row() -> Result<()> {
    let row = row([
        ("id", Value::I64(1)),
        ("title", text("t")),
        ("body", text("b")),
        ("author_id", Value::I64(2)),
        ("author_name", text("Ada")),
    ]);
    let post = row.read::<Post>()?;
    assert_eq!(post.text, PostText { title: "t".to_owned(), body: "b".to_owned() });
    assert_eq!((post.id, post.author), (1, User { id: 2, name: Some("Ada".to_owned()) }));
    Ok(())
}

#[derive(Debug, PartialEq, FromRow)]
#[row(crate = "oarlock_core")]
struct Book {
    id: i64,
    #[row(flatten, prefix = "writer_")]
    writer: Option<Writer>,
}

#[derive(Debug, PartialEq, FromRow)]
#[row(crate = "oarlock_core")]
struct Writer {
    name: Option<String>,
    #[row(default)]
    born: i32,
    #[row(flatten, prefix = "home_")]
    home: std::option::Option<Home>,
}

#[derive(Debug, PartialEq, FromRow)]
#[row(crate = "oarlock_core")]
struct Home {
    town: String,
}

#[test]
fn a_nested_option_is_none_where_all_of_its_columns_are_null() -> Result<()> {
    let book = |name: Value, town: Value| {
        row([("id", Value::I64(1)), ("writer_name", name), ("writer_home_town", town)]).read::<Book>()
    };
    assert_eq!(book(Value::Null, Value::Null)?, Book { id: 1, writer: None });
    let writer = Writer { name: Some("Ada".to_owned()), born: 0, home: None };
    assert_eq!(book(text("Ada"), Value::Null)?.writer, Some(writer));
    let writer = Writer { name: None, born: 0, home: Some(Home { town: "London".to_owned() }) };
    assert_eq!(book(Value::Null, text("London"))?.writer, Some(writer));
    Ok(())
}

#[test]
fn a_nested_option_is_read_in_full_or_not_at_all() {
    let cells = [("id", Value::I64(1)), ("writer_name", Value::Null), ("writer_home_town", Value::Null)];
    let [id, name, town] = cells;
    let born = ("writer_born", Value::I64(1815));
    let read = row([id.clone(), name.clone(), town.clone(), born]).read::<Book>();
    assert!(read.is_ok_and(|book| book.writer.is_some_and(|writer| writer.born == 1815)));
    let unknown = ("writer_born", text("long ago"));
    let error = row([id.clone(), name.clone(), town.clone(), unknown]).read::<Book>().expect_err("text");
    assert_eq!(error.to_string(), "Writer.born: column 3 (writer_born): expected i32, found text");
    let error = row([id, name]).read::<Book>().expect_err("no town");
    assert_eq!(error.kind(), ErrorKind::ColumnNotFound, "a column that is not there is not NULL");
}

#[test]
fn a_missing_nested_column_tells_the_way_to_it() {
    let row = row([("id", Value::I64(1)), ("title", text("t")), ("body", text("b")), ("author_id", Value::I64(2))]);
    let error = row.read::<Post>().expect_err("no author's name");
    assert_eq!(error.to_string(), "Post.author (prefix author_): User.name: there is no column name; the row has id");
}

#[derive(Debug, PartialEq, FromRow)]
#[row(crate = "oarlock_core")]
struct Pair<T, const N: usize>(T, [u8; N]);

#[derive(Debug, PartialEq, FromRow)]
#[row(crate = "oarlock_core")]
struct Total(i64);

#[derive(Debug, PartialEq, FromRow)]
#[row(crate = "oarlock_core")]
struct Wrapped(#[row(flatten)] User);

#[test]
fn tuple_structs_are_read_by_position() -> Result<()> {
    let two = row([("a", text("x")), ("b", Value::Bytes(vec![1, 2]))]);
    assert_eq!(two.read::<Pair<String, 2>>()?, Pair("x".to_owned(), [1, 2]));
    assert_eq!(row([("count", Value::I64(3))]).read::<Total>()?, Total(3));
    let error = two.read::<Total>().expect_err("two columns");
    assert_eq!(error.to_string(), "Total: expected a row of 1 columns, found 2");
    let user = row([("id", Value::I64(7)), ("name", Value::Null)]);
    assert_eq!(user.read::<Wrapped>()?, Wrapped(User { id: 7, name: None }));
    Ok(())
}

#[derive(Debug, PartialEq, FromRow)]
#[row(crate = "oarlock_core")]
struct Page<T, E>
where
    E: Default,
{
    #[row(flatten)]
    item: T,
    total: i64,
    extra: Option<E>,
}

#[test]
fn generic_structs_are_read() -> Result<()> {
    let row = row([("id", Value::I64(7)), ("name", Value::Null), ("total", Value::I64(1)), ("extra", text("e"))]);
    let page = row.read::<Page<User, String>>()?;
    assert_eq!(page, Page { item: User { id: 7, name: None }, total: 1, extra: Some("e".to_owned()) });
    Ok(())
}

mod private_fields {
    use super::{FromRow, FromValue};

    #[derive(Debug, Default, PartialEq, FromValue)]
    #[value(crate = "oarlock_core")]
    struct Hidden(i64);

    #[derive(Debug, Default, PartialEq, FromRow)]
    #[row(crate = "oarlock_core")]
    struct Inner {
        hidden: Hidden,
    }

    #[derive(Debug, Default, PartialEq, FromRow)]
    #[row(crate = "oarlock_core")]
    #[expect(unreachable_pub, reason = "what is tested is a public type")]
    pub struct Outer {
        #[row(flatten)]
        inner: Inner,
    }
}

#[test]
fn a_public_struct_may_nest_a_private_one() -> Result<()> {
    assert_eq!(row([("hidden", Value::I64(0))]).read::<private_fields::Outer>()?, private_fields::Outer::default());
    Ok(())
}
