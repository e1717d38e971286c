//! Rules and hooks.

use chrono::{DateTime, Utc};
use oarlock::orm::{Draft, Hooks, Invalid};
use oarlock::{Db, Error, ErrorKind, Model, Pool, Result};

#[derive(Model, Debug, Clone, PartialEq)]
#[model(hooks)]
struct Member {
    #[model(primary_key, auto)]
    id: i64,
    #[model(unique, email, max_length = 30)]
    email: String,
    #[model(not_blank, min_length = 2)]
    name: String,
    #[model(min = 18, max = 150)]
    age: Option<i32>,
    #[model(validate = lower_case)]
    slug: String,
    #[model(updated_at)]
    changed_at: DateTime<Utc>,
    locked: bool,
}

fn lower_case(slug: &str) -> Result<(), &'static str> {
    if slug.chars().any(char::is_uppercase) { Err("must have no capitals") } else { Ok(()) }
}

impl Hooks for Member {
    fn before_create(draft: &mut Draft<'_, Self>) -> Result<(), Error> {
        if !draft.has(Member::LOCKED) {
            draft.set(Member::LOCKED, false);
        }
        Self::before_save(draft)
    }

    fn before_save(draft: &mut Draft<'_, Self>) -> Result<(), Error> {
        if let Some(email) = draft.get(Member::EMAIL)? {
            draft.set(Member::EMAIL, email.trim());
            if !draft.has(Member::SLUG) {
                draft.set(Member::SLUG, email.split('@').next().unwrap_or_default().trim());
            }
        }
        Ok(())
    }

    fn before_delete(&self) -> Result<(), Error> {
        if self.locked { Err(Error::interface("a locked member stays")) } else { Ok(()) }
    }
}

async fn members(db: &dyn Db) -> Result<()> {
    oarlock::orm::create_tables(db, [Member::table()]).await
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = members)]
async fn values_that_break_rules_are_refused_field_by_field(db: Pool) -> Result<()> {
    let error =
        Member::create().email("no address").name(" ").age(17).slug("ABC").exec(&db).await.expect_err("all wrong");
    assert_eq!((error.kind(), error.column()), (ErrorKind::Invalid, Some("email")));
    let invalid = Invalid::of(&error).expect("it tells what is wrong");
    let told: Vec<(&str, &str)> =
        invalid.fields().iter().map(|found| (found.field.as_str(), found.message.as_str())).collect();
    assert_eq!(
        told,
        [
            ("email", "must be an address of mail"),
            ("name", "must not be blank"),
            ("name", "must have 2 characters or more"),
            ("age", "must be 18 or more"),
            ("slug", "must have no capitals"),
        ]
    );
    assert!(!error.to_string().contains("no address"), "a value is never told: {error}");
    assert_eq!(Member::query().count(&db).await?, 0);
    let ada = Member::create().email("ada@example.org").name("Ada").exec(&db).await?;
    let error = ada.update().age(200).exec(&db).await.expect_err("too old");
    assert_eq!(error.message(), "Member.age must be 150 at the most");
    let error = Member::query().update().set(Member::AGE, 17).exec(&db).await.expect_err("too young, all of them");
    assert_eq!((error.kind(), error.column()), (ErrorKind::Invalid, Some("age")));
    let long = "a".repeat(30) + "@example.org";
    let error = ada.update().email(long).exec(&db).await.expect_err("too long");
    assert_eq!(error.message(), "Member.email must have 30 characters at the most");
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = members)]
async fn hooks_see_what_is_written(db: Pool) -> Result<()> {
    let ada = Member::create().email("  ada@example.org ").name("Ada").exec(&db).await?;
    assert_eq!((ada.email.as_str(), ada.slug.as_str(), ada.locked), ("ada@example.org", "ada", false));
    let changed = ada.update().email("lovelace@example.org").exec(&db).await?;
    assert_eq!(changed.slug, "lovelace");
    assert!(changed.changed_at >= ada.changed_at);
    let locked = changed.update().locked(true).exec(&db).await?;
    assert_eq!(locked.delete(&db).await.expect_err("locked").message(), "a locked member stays");
    assert_eq!(Member::query().count(&db).await?, 1);
    Ok(())
}
