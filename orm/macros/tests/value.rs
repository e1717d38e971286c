//! Newtypes and enums as values.

use oarlock_core::value::{FromValue, NativeType, TextEnum, ToValue, ValueRef};
use oarlock_core::{ErrorKind, Result};
use oarlock_macros::{FromValue, ToValue};

#[derive(Debug, PartialEq, FromValue, ToValue)]
#[value(crate = "oarlock_core")]
struct UserId(i64);

#[derive(Debug, PartialEq, FromValue, ToValue)]
#[value(crate = "oarlock_core")]
struct Wrapper<T> {
    inner: Option<T>,
}

#[test]
fn a_newtype_is_what_it_wraps() -> Result<()> {
    assert_eq!(UserId::from_value(ValueRef::I64(7))?, UserId(7));
    assert_eq!(UserId(7).to_value()?.as_ref(), ValueRef::I64(7));
    assert_eq!(Wrapper::<String>::from_value(ValueRef::Null)?, Wrapper { inner: None });
    assert_eq!(Wrapper { inner: Some("a") }.to_value()?.as_ref(), ValueRef::Text("a"));
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, FromValue, ToValue)]
#[value(crate = "oarlock_core")]
enum Status {
    Draft,
    InReview,
    #[value(rename = "live")]
    Published,
}

#[test]
fn an_enum_is_text() -> Result<()> {
    for (status, text) in [(Status::Draft, "draft"), (Status::InReview, "in_review"), (Status::Published, "live")] {
        assert_eq!(status.to_value()?.as_ref(), ValueRef::Text(text));
        assert_eq!(Status::from_value(ValueRef::Text(text))?, status);
        let native = NativeType::new(16_400, "status");
        assert_eq!(Status::from_value(ValueRef::Typed(&native, text.as_bytes()))?, status);
    }
    assert_eq!(Status::VALUES, ["draft", "in_review", "live"]);
    let error = Status::from_value(ValueRef::Text("Draft")).expect_err("another case");
    assert_eq!(error.kind(), ErrorKind::Conversion);
    assert_eq!(error.message(), "expected Status (draft, in_review, live), found other text");
    assert_eq!(Status::from_value(ValueRef::I64(1)).expect_err("a number").message(), "expected Status, found i64");
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, FromValue, ToValue)]
#[value(crate = "oarlock_core", rename_all = "SCREAMING-KEBAB-CASE")]
enum Shout {
    VeryLoud,
}

#[test]
fn an_enum_may_have_another_case() -> Result<()> {
    assert_eq!(Shout::VeryLoud.to_value()?.as_ref(), ValueRef::Text("VERY-LOUD"));
    assert_eq!(Shout::from_value(ValueRef::Text("VERY-LOUD"))?, Shout::VeryLoud);
    Ok(())
}

#[derive(Debug, Clone, PartialEq, FromValue, ToValue)]
#[value(crate = "oarlock_core", try_from = "String", into = "String")]
struct Email {
    local: String,
    domain: String,
}

impl TryFrom<String> for Email {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let (local, domain) = text.split_once('@').ok_or("it has no @")?;
        Ok(Self { local: local.to_owned(), domain: domain.to_owned() })
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        format!("{}@{}", email.local, email.domain)
    }
}

#[test]
fn a_type_may_convert_itself() -> Result<()> {
    let email = Email { local: "ada".to_owned(), domain: "example.org".to_owned() };
    assert_eq!(email.to_value()?.as_ref(), ValueRef::Text("ada@example.org"));
    assert_eq!(Email::from_value(ValueRef::Text("ada@example.org"))?, email);
    let error = Email::from_value(ValueRef::Text("ada")).expect_err("no @");
    assert_eq!(error.message(), "Email refused the value");
    assert_eq!(std::error::Error::source(&error).map(ToString::to_string).as_deref(), Some("it has no @"));
    Ok(())
}
