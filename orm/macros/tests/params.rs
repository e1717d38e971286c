//! Structs as parameters.

use oarlock_core::params::{Bindings, Params};
use oarlock_core::value::ValueRef;
use oarlock_core::{ErrorKind, Result};
use oarlock_macros::Params;

fn bound<P: Params>(params: &P, check: impl FnOnce(Option<&[&str]>, &[ValueRef<'_>])) -> Result<()> {
    let mut bindings = Bindings::default();
    params.bind(&mut bindings)?;
    check(bindings.names()?, &bindings.values());
    Ok(())
}

#[derive(Clone)]
struct Level(u8);

impl From<Level> for i16 {
    fn from(level: Level) -> Self {
        level.0.into()
    }
}

#[derive(Params)]
#[row(crate = "oarlock_core", rename_all = "camelCase")]
struct NewUser<'a, T> {
    first_name: &'a str,
    #[row(rename = "type")]
    kind: Option<T>,
    #[row(json)]
    tags: Vec<&'a str>,
    #[row(into = "i16")]
    level: Level,
    #[row(skip)]
    #[allow(dead_code, reason = "skipped")]
    cached: Vec<String>,
    #[row(flatten)]
    address: Address,
}

#[derive(Params)]
#[row(crate = "oarlock_core")]
struct Address {
    city: String,
}

#[test]
fn named_fields_are_parameters_by_name() -> Result<()> {
    let user = NewUser {
        first_name: "Ada",
        kind: None::<i64>,
        tags: vec!["a"],
        level: Level(3),
        cached: Vec::new(),
        address: Address { city: "London".to_owned() },
    };
    bound(&user, |names, values| {
        assert_eq!(names, Some(&["firstName", "type", "tags", "level", "city"][..]));
        assert_eq!(
            values,
            [
                ValueRef::Text("Ada"),
                ValueRef::Null,
                ValueRef::Json(r#"["a"]"#),
                ValueRef::I64(3),
                ValueRef::Text("London")
            ]
        );
    })
}

#[derive(Params)]
#[row(crate = "oarlock_core")]
struct Key(i64, #[row(json)] Vec<i32>);

#[test]
fn a_tuple_struct_is_parameters_by_position() -> Result<()> {
    bound(&Key(7, vec![1]), |names, values| {
        assert_eq!(names, None);
        assert_eq!(values, [ValueRef::I64(7), ValueRef::Json("[1]")]);
    })
}

#[derive(Params)]
#[row(crate = "oarlock_core")]
struct Unwritable {
    #[row(json)]
    map: std::collections::BTreeMap<Vec<i32>, i32>,
}

#[test]
fn a_field_that_cannot_be_bound_is_named() {
    let params = Unwritable { map: [(vec![1], 1)].into() };
    let error = bound(&params, |_, _| {}).expect_err("a key that is no text");
    assert_eq!(error.kind(), ErrorKind::Conversion);
    assert!(error.message().starts_with("parameter :map: "), "{error}");
}
