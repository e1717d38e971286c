//! Rules that a model's values have to keep, and what is told of those that do not.

use std::error::Error as StdError;
use std::fmt;

use oarlock_core::value::{Value, ValueRef};
use oarlock_core::{Error, ErrorKind};

use crate::model::Model;
use crate::write::Draft;

/// What a program has to say when a model's rows are written: see `#[model(hooks)]`.
///
/// Each is called before anything is sent, for every row by `create`, `upsert` and `create_many`, and for every row by `update`. Changes by a
/// query ([`Query::update`](crate::Query::update)) have no row, and call nothing.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has `#[model(hooks)]` and no hooks",
    label = "`Hooks` is not implemented for `{Self}`",
    note = "write `impl oarlock::orm::Hooks for {Self} {{ … }}`, or leave `hooks` out"
)]
pub trait Hooks: Model {
    /// Is called with the values of a new row. It may change them, and refuse them.
    ///
    /// # Errors
    ///
    /// [`Invalid`], or any other, which ends the write.
    fn before_create(draft: &mut Draft<'_, Self>) -> Result<(), Error> {
        Self::before_save(draft)
    }

    /// Is called with the values that are to change. It may change them, and refuse them.
    ///
    /// # Errors
    ///
    /// [`Invalid`], or any other, which ends the write.
    fn before_update(draft: &mut Draft<'_, Self>) -> Result<(), Error> {
        Self::before_save(draft)
    }

    /// Is called by both of them, unless they say otherwise.
    ///
    /// # Errors
    ///
    /// [`Invalid`], or any other, which ends the write.
    fn before_save(draft: &mut Draft<'_, Self>) -> Result<(), Error> {
        let _ = draft;
        Ok(())
    }

    /// Is called with a row before it is deleted.
    ///
    /// # Errors
    ///
    /// Any, which keeps the row.
    fn before_delete(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// What is wrong with a model's values, field by field.
///
/// It becomes an [`Invalid`](ErrorKind::Invalid) error, from which [`Invalid::of`] takes it back: a form can show each message at its field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    model: &'static str,
    fields: Vec<InvalidField>,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidField {
    /// The field: `email`, or `address.city` of an embedded struct.
    pub field: String,
    /// What is wrong, for whoever gave the value; it never tells the value.
    pub message: String,
}

impl Invalid {
    /// Makes one that has found nothing wrong yet.
    #[must_use]
    pub const fn new(model: &'static str) -> Self {
        Self { model, fields: Vec::new() }
    }

    /// Notes what is wrong with a field.
    pub fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.fields.push(InvalidField { field: field.into(), message: message.into() });
    }

    /// Gives what is wrong, in the order of the struct's fields.
    pub fn fields(&self) -> &[InvalidField] {
        &self.fields
    }

    /// Gives what is wrong with one field.
    pub fn messages<'i>(&'i self, field: &'i str) -> impl Iterator<Item = &'i str> {
        self.fields.iter().filter(move |found| found.field == field).map(|found| found.message.as_str())
    }

    /// Tells whether nothing is wrong.
    pub const fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Takes what is wrong from an error that says so.
    pub fn of(error: &Error) -> Option<&Self> {
        StdError::source(error).and_then(|source| source.downcast_ref())
    }

    /// Makes it an error, if something is wrong.
    ///
    /// # Errors
    ///
    /// `Invalid`, with the first field as its column.
    pub fn check(self) -> Result<(), Error> {
        let Some(first) = self.fields.first() else { return Ok(()) };
        let field = first.field.clone();
        Err(Error::new(ErrorKind::Invalid, self.to_string()).with_column(field).with_source(self))
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, found) in self.fields.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{}.{} {}", self.model, found.field, found.message)?;
        }
        Ok(())
    }
}

impl StdError for Invalid {}

/// A rule of a field, as its attribute says it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Rule {
    /// Text has so many characters, or bytes so many, at the least.
    MinLength(u32),
    /// Text has so many characters, or bytes so many, at the most.
    MaxLength(u32),
    /// A number is not less.
    Min(i64),
    /// A number is not greater.
    Max(i64),
    /// Text has a character that is no space.
    NotBlank,
    /// Text is like an address of mail: one `@` with something before it and a domain behind.
    Email,
    /// What a function of the program's says of the value.
    Function(fn(&Value) -> Result<(), String>),
}

impl Rule {
    /// Tells what is wrong with a value, if something is. NULL keeps every rule.
    #[must_use]
    pub fn broken_by(self, value: &Value) -> Option<String> {
        let length = |value: &Value| match value.as_ref() {
            ValueRef::Text(text) => text.chars().count(),
            ValueRef::Bytes(bytes) => bytes.len(),
            ValueRef::Array(_) | ValueRef::Null => 0,
            _ => usize::MAX,
        };
        if value.as_ref().is_null() {
            return None;
        }
        let wide = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
        match self {
            Self::MinLength(least) if length(value) < wide(least) => {
                Some(format!("must have {least} characters or more"))
            }
            Self::MaxLength(most) if length(value) > wide(most) && length(value) != usize::MAX => {
                Some(format!("must have {most} characters at the most"))
            }
            Self::Min(least) if compare(value, least).is_some_and(std::cmp::Ordering::is_lt) => {
                Some(format!("must be {least} or more"))
            }
            Self::Max(most) if compare(value, most).is_some_and(std::cmp::Ordering::is_gt) => {
                Some(format!("must be {most} at the most"))
            }
            Self::NotBlank if text(value).is_some_and(|text| text.trim().is_empty()) => {
                Some("must not be blank".to_owned())
            }
            Self::Email if text(value).is_some_and(|text| !is_mail_address(text)) => {
                Some("must be an address of mail".to_owned())
            }
            Self::Function(function) => function(value).err(),
            _ => None,
        }
    }
}

fn text(value: &Value) -> Option<&str> {
    match value.as_ref() {
        ValueRef::Text(text) => Some(text),
        _ => None,
    }
}

fn compare(value: &Value, with: i64) -> Option<std::cmp::Ordering> {
    match value.as_ref() {
        ValueRef::I64(number) => Some(number.cmp(&with)),
        ValueRef::U64(number) => Some(i128::from(number).cmp(&i128::from(with))),
        ValueRef::Decimal(number) => Some(number.cmp_numeric(with.into())),
        #[allow(clippy::cast_precision_loss)] // A bound that is written in an attribute is small.
        ValueRef::F64(number) => number.partial_cmp(&(with as f64)),
        #[allow(clippy::cast_precision_loss)]
        ValueRef::F32(number) => f64::from(number).partial_cmp(&(with as f64)),
        _ => None,
    }
}

/// What a browser takes for an address of mail, more or less: the only proof is a letter that arrives.
fn is_mail_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let plain =
        |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c.is_control() || c == '@');
    plain(local) && plain(domain) && domain.split('.').all(|label| !label.is_empty() && !label.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_kept_or_say_what_is_wrong() {
        let text = |text: &str| Value::Text(text.to_owned());
        for (rule, kept, broken) in [
            (Rule::MinLength(2), vec![text("åß"), Value::Null], vec![text("å"), text("")]),
            (Rule::MaxLength(2), vec![text("åß"), Value::Null, Value::I64(7)], vec![text("abc")]),
            (Rule::Min(1), vec![Value::I64(1), Value::F64(1.5), Value::Null], vec![Value::I64(0), Value::F64(0.9)]),
            (Rule::Max(9), vec![Value::I64(9), Value::U64(3)], vec![Value::I64(10), Value::U64(u64::MAX)]),
            (Rule::NotBlank, vec![text(" a ")], vec![text(""), text(" \t")]),
            (
                Rule::Email,
                vec![text("ada@example.org"), text("a.b+c@localhost")],
                vec![text("ada"), text("@example.org"), text("a@b@c"), text("a b@example.org"), text("a@b..c")],
            ),
        ] {
            for value in kept {
                assert_eq!(rule.broken_by(&value), None, "{rule:?} of {value:?}");
            }
            for value in broken {
                assert!(rule.broken_by(&value).is_some(), "{rule:?} of {value:?}");
            }
        }
    }

    #[test]
    fn what_is_wrong_can_be_taken_from_the_error() {
        let mut invalid = Invalid::new("User");
        invalid.add("email", "must not be blank");
        invalid.add("age", "must be 18 or more");
        let error = invalid.clone().check().expect_err("two fields are wrong");
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert_eq!(error.message(), "User.email must not be blank, User.age must be 18 or more");
        assert_eq!((error.column(), Invalid::of(&error)), (Some("email"), Some(&invalid)));
        assert!(Invalid::new("User").check().is_ok());
    }
}
