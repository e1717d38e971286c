//! Fields of every kind that a model has: embedded structs, documents, enums, times, UUIDs, and the roles of columns.

use chrono::{DateTime, NaiveDate, Utc};
use oarlock::store::Store;
use oarlock::value::Decimal;
use oarlock::{ErrorKind, FromValue, Model, Record, Result, ToValue};

#[derive(Debug, Clone, Copy, PartialEq, FromValue, ToValue)]
enum State {
    Draft,
    InReview,
}

#[derive(Debug, Clone, PartialEq, Model)]
#[model(embedded)]
struct Address {
    street: String,
    #[model(index)]
    city: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Model)]
struct Page {
    #[model(primary_key, default = "uuid")]
    id: uuid::Uuid,
    state: State,
    #[model(embed)]
    address: Address,
    #[model(json)]
    tags: Vec<String>,
    #[model(precision(6, 2), index)]
    price: Decimal,
    day: Option<NaiveDate>,
    numbers: Vec<i64>,
    bytes: Vec<u8>,
    ratio: f64,
    #[model(created_at)]
    created_at: DateTime<Utc>,
    #[model(updated_at)]
    updated_at: DateTime<Utc>,
    #[model(soft_delete)]
    deleted_at: Option<DateTime<Utc>>,
    #[model(skip)]
    note: String,
}

fn page() -> Page {
    Page {
        id: uuid::Uuid::nil(),
        state: State::InReview,
        address: Address { street: "Storgata".to_owned(), city: Some("Oslo".to_owned()) },
        tags: vec!["a".to_owned(), "b".to_owned()],
        price: Decimal::new(1990, 2).unwrap_or(Decimal::ZERO),
        day: NaiveDate::from_ymd_opt(2026, 11, 22),
        numbers: vec![1, -2, 300],
        bytes: vec![0, 255, 0],
        ratio: 0.5,
        created_at: DateTime::UNIX_EPOCH,
        updated_at: DateTime::UNIX_EPOCH,
        deleted_at: None,
        note: String::new(),
    }
}

fn now() -> DateTime<Utc> {
    std::time::SystemTime::now().into()
}

#[test]
fn every_kind_of_field_comes_back_and_what_is_missing_is_filled_in() -> Result<()> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("fields.store");
    let store = Store::open(&path)?;
    store.define([Page::definition()])?;
    let before = now();
    let stored = store.table::<Page>().insert(page())?;
    assert!(!stored.id.is_nil() && stored.id.get_version_num() == 4);
    assert!(stored.created_at >= before - chrono::TimeDelta::milliseconds(1) && stored.created_at <= now());
    let given = Page { id: stored.id, created_at: stored.created_at, updated_at: stored.updated_at, ..page() };
    assert_eq!(stored, given, "all else is as it was given");
    drop(store);

    let store = Store::open(&path)?;
    let pages = store.table::<Page>();
    assert_eq!(pages.get(stored.id)?, Some(stored.clone()));
    assert_eq!(pages.filter(Page::STATE.eq(State::InReview)).count()?, 1);
    assert_eq!(pages.filter(Page::ADDRESS.column(Address::CITY).eq("Oslo")).count()?, 1);
    let dear = Decimal::new(20, 0)?;
    assert_eq!(pages.range(Page::PRICE, Decimal::ZERO..dear)?.count(), 1);
    let changed = pages.modify(stored.id, |page| page.state = State::Draft)?;
    assert!(changed.updated_at > stored.updated_at && changed.created_at == stored.created_at);
    let error = pages.insert(Page { price: Decimal::new(12_345_678, 2)?, ..page() }).unwrap_err();
    assert_eq!((error.kind(), error.column()), (ErrorKind::OutOfRange, Some("price")));
    Ok(())
}

#[test]
fn what_is_marked_as_deleted_is_left_out_unless_it_is_asked_for() -> Result<()> {
    let store = Store::in_memory()?;
    store.define([Page::definition()])?;
    let pages = store.table::<Page>();
    let (one, other) = (pages.insert(page())?, pages.insert(page())?);
    assert!(pages.delete(one.id)?);
    assert!(!pages.delete(one.id)?, "it is marked already");
    assert_eq!((pages.get(one.id)?, pages.count()?), (None, 1));
    assert_eq!(pages.records()?.collect::<Result<Vec<_>>>()?, [other]);
    let all = pages.clone().with_deleted();
    assert_eq!(all.count()?, 2);
    assert!(all.require(one.id)?.deleted_at.is_some());
    assert!(pages.delete_for_good(one.id)?);
    assert_eq!(all.count()?, 1);
    Ok(())
}
