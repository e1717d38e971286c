//! Retention: how much history a store keeps, and when the rest goes.

use std::path::Path;
use std::time::Duration;

use oarlock::store::{Options, Store};
use oarlock::{ErrorKind, Model, Record, Result};

const HOUR: Duration = Duration::from_hours(1);

#[derive(Debug, Clone, PartialEq, Model)]
struct Page {
    #[model(primary_key)]
    id: i64,
    text: String,
}

fn open(options: Options, path: &Path) -> Result<Store> {
    let store = options.open(path)?;
    store.define([Page::definition()])?;
    Ok(store)
}

/// Changes a page so many times, each in a transaction of its own.
fn change(store: &Store, times: usize) -> Result<()> {
    for time in 0..times {
        store.table::<Page>().upsert(Page { id: 1, text: format!("{time} {}", "x".repeat(200)) })?;
    }
    Ok(())
}

fn length(path: &Path) -> u64 {
    path.metadata().expect("the file is there").len()
}

#[test]
fn what_is_older_goes_when_it_is_asked_for_and_never_with_a_commit() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pages.store");
    let store = open(Store::options().keep_transactions(10), &path)?;
    change(&store, 50)?;
    assert_eq!((store.stats().base, store.table::<Page>().history(1)?.len()), (0, 50), "no commit packs");
    let packed = store.pack_retained()?.expect("forty are older");
    assert_eq!((packed.base, packed.transactions), (41, 10));
    // The state that the file begins with, and the ten.
    assert_eq!(store.table::<Page>().history(1)?.len(), 11);
    assert_eq!(store.pack_retained()?, None, "nothing has come since");
    change(&store, 1)?;
    assert_eq!(store.pack_retained()?.map(|packed| packed.base), Some(42));
    Ok(())
}

#[test]
fn a_time_is_kept_by_the_clock() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pages.store");
    let store = open(Store::options().keep_for(HOUR), &path)?;
    change(&store, 5)?;
    assert_eq!(store.pack_retained()?, None);
    store.close()?;
    let store = open(Store::options().keep_for(HOUR).keep_transactions(0), &path)?;
    assert_eq!(store.pack_retained()?, None, "what either keeps is kept");
    drop(store);
    let store = open(Store::options().keep_for(Duration::ZERO), &path)?;
    let last = store.snapshot().transaction();
    let packed = store.pack_retained()?.expect("all is older than now");
    assert_eq!((packed.base, packed.transactions), (last, 0));
    assert_eq!(store.table::<Page>().history(1)?.len(), 1);
    Ok(())
}

#[test]
fn closing_packs_where_it_is_worth_it() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pages.store");
    let keeping = || Store::options().keep_transactions(100);
    let store = open(keeping(), &path)?;
    change(&store, 120)?;
    store.close()?;
    // Some twenty of a hundred and twenty: less than a quarter.
    let all = length(&path);
    let store = open(keeping(), &path)?;
    assert_eq!(store.stats().base, 0);
    change(&store, 30)?;
    store.close()?;
    assert!(length(&path) < all, "{} and {all} bytes", length(&path));
    let store = open(keeping(), &path)?;
    assert!(store.opening().from_snapshot, "what closing has left is of the packed file");
    assert_eq!((store.stats().base, store.stats().transaction), (51, 151));
    assert!(Store::check(&path)?.problems.is_empty());
    Ok(())
}

#[test]
fn a_store_without_retention_keeps_all() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pages.store");
    let store = open(Store::options(), &path)?;
    change(&store, 20)?;
    assert_eq!(store.pack_retained()?, None);
    store.close()?;
    assert_eq!(open(Store::options(), &path)?.table::<Page>().history(1)?.len(), 20);
    Ok(())
}

#[test]
fn a_store_that_is_read_or_closed_is_not_packed() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pages.store");
    let keeping = || Store::options().keep_transactions(0);
    let store = open(Store::options(), &path)?;
    change(&store, 20)?;
    drop(store);
    let reading = keeping().read_only().open(&path)?;
    assert_eq!(reading.pack_retained().unwrap_err().kind(), ErrorKind::ReadOnly);
    reading.close()?;
    let store = keeping().open(&path)?;
    let other = store.clone();
    store.close()?;
    assert_eq!(other.pack_retained()?, None, "closing has packed it");
    other.close()?;
    let before = length(&path);
    assert_eq!(keeping().open(&path)?.table::<Page>().history(1)?.len(), 1);
    assert_eq!(length(&path), before);
    Ok(())
}

#[test]
fn threads_that_pack_at_once_leave_a_whole_file() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pages.store");
    let store = open(Store::options().keep_transactions(5), &path)?;
    change(&store, 100)?;
    std::thread::scope(|scope| {
        let packing: Vec<_> =
            (0..4).map(|_| scope.spawn(|| (0..10).try_for_each(|_| store.pack_retained().map(drop)))).collect();
        change(&store, 100)?;
        packing.into_iter().try_for_each(|thread| thread.join().unwrap())
    })?;
    drop(store);
    assert!(Store::check(&path)?.problems.is_empty());
    let store = Store::open(&path)?;
    assert_eq!(store.table::<Page>().require(1)?.text, format!("99 {}", "x".repeat(200)));
    Ok(())
}
