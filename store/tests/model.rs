//! The store beside the standard library's maps: random operations one after the other, and by several threads at once.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use oarlock::store::{Isolation, Store};
use oarlock::{ErrorKind, Model, Record, Result};
use proptest::prelude::*;

#[derive(Debug, Clone, PartialEq, Model)]
struct Item {
    #[model(primary_key)]
    id: i64,
    #[model(unique)]
    code: Option<i64>,
    #[model(index)]
    weight: i64,
    label: String,
}

#[derive(Debug, Clone)]
enum Step {
    Insert(i64, Option<i64>, i64),
    Update(i64, Option<i64>, i64),
    Delete(i64),
    Savepoint,
    RollBack,
    Commit,
    Abandon,
    Reopen(bool),
    Pack,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (id, code, weight) = (0_i64..40, proptest::option::of(0_i64..30), 0_i64..9);
    let step = prop_oneof![
        8 => (id.clone(), code.clone(), weight.clone()).prop_map(|(id, code, weight)| Step::Insert(id, code, weight)),
        6 => (id.clone(), code, weight).prop_map(|(id, code, weight)| Step::Update(id, code, weight)),
        4 => id.prop_map(Step::Delete),
        2 => Just(Step::Savepoint),
        1 => Just(Step::RollBack),
        4 => Just(Step::Commit),
        1 => Just(Step::Abandon),
        1 => any::<bool>().prop_map(Step::Reopen),
        1 => Just(Step::Pack),
    ];
    proptest::collection::vec(step, 0..120)
}

fn item(id: i64, code: Option<i64>, weight: i64) -> Item {
    Item { id, code, weight, label: format!("{id}/{code:?}/{weight}") }
}

type Items = BTreeMap<i64, Item>;

/// What a write may do: the key has to be there or not, and no other may have the code.
fn allowed(items: &Items, item: &Item, is_new: bool) -> std::result::Result<(), ErrorKind> {
    match (items.contains_key(&item.id), is_new) {
        (true, true) => return Err(ErrorKind::UniqueViolation),
        (false, false) => return Err(ErrorKind::RowNotFound),
        _ => {}
    }
    let taken = items.values().any(|other| other.id != item.id && other.code.is_some() && other.code == item.code);
    if taken { Err(ErrorKind::UniqueViolation) } else { Ok(()) }
}

/// Looks at a table in every way that there is.
fn agrees<V: oarlock::store::View>(table: &oarlock::store::Table<'_, Item, V>, items: &Items) -> Result<()> {
    let found: Vec<Item> = table.records()?.collect::<Result<_>>()?;
    assert!(found.iter().eq(items.values()), "{found:?} and {items:?}");
    let mut backwards: Vec<Item> = table.records()?.rev().collect::<Result<_>>()?;
    backwards.reverse();
    assert_eq!(backwards, found);
    for code in 0..30 {
        let expected = items.values().find(|item| item.code == Some(code));
        assert_eq!(table.get_by(Item::CODE, &code)?.as_ref(), expected);
    }
    let by_weight = |low: i64, high: i64| {
        let mut expected: Vec<&Item> = items.values().filter(|item| (low..high).contains(&item.weight)).collect();
        expected.sort_by_key(|item| (item.weight, item.id));
        expected
    };
    let range: Vec<Item> = table.range(Item::WEIGHT, 2..6)?.collect::<Result<_>>()?;
    assert!(range.iter().eq(by_weight(2, 6)));
    let query = table.filter(Item::WEIGHT.ge(2)).filter(Item::WEIGHT.lt(6)).order_by(Item::WEIGHT.asc()).all()?;
    assert!(query.iter().eq(by_weight(2, 6)));
    let by_code: Vec<i64> = table.range(Item::CODE, ..15)?.map(|item| Ok(item?.id)).collect::<Result<_>>()?;
    let mut expected: Vec<(i64, i64)> = items.values().filter_map(|item| Some((item.code?, item.id))).collect();
    expected.retain(|(code, _)| *code < 15);
    expected.sort_unstable();
    assert_eq!(by_code, expected.into_iter().map(|(_, id)| id).collect::<Vec<_>>(), "NULL lies within no bounds");
    assert_eq!(table.count()?, items.len());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_store_does_as_maps_do(steps in steps()) {
        follow(steps).unwrap();
    }
}

fn follow(steps: Vec<Step>) -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.store");
    let open = || -> Result<Store> {
        let store = Store::options().sync(oarlock::store::SyncMode::Off).open(&path)?;
        store.define([Item::definition()])?;
        Ok(store)
    };
    let mut store = open()?;
    let (mut committed, mut past) = (Items::new(), Vec::new());
    let mut tx = store.begin();
    let (mut items, mut savepoint) = (committed.clone(), None);
    for step in steps {
        match step {
            Step::Insert(id, code, weight) => {
                let item = item(id, code, weight);
                let expected = allowed(&items, &item, true);
                let result = tx.table::<Item>().insert(item.clone()).map_err(|error| error.kind());
                assert_eq!(result.map(drop), expected);
                if expected.is_ok() {
                    items.insert(id, item);
                }
            }
            Step::Update(id, code, weight) => {
                let item = item(id, code, weight);
                let expected = allowed(&items, &item, false);
                let result = tx.table::<Item>().update(item.clone()).map_err(|error| error.kind());
                assert_eq!(result.map(drop), expected);
                if expected.is_ok() {
                    items.insert(id, item);
                }
            }
            Step::Delete(id) => assert_eq!(tx.table::<Item>().delete(id)?, items.remove(&id).is_some()),
            Step::Savepoint => savepoint = Some((tx.savepoint()?, items.clone())),
            Step::RollBack => {
                if let Some((savepoint, before)) = &savepoint {
                    tx.rollback_to(*savepoint)?;
                    items.clone_from(before);
                }
            }
            Step::Commit | Step::Abandon | Step::Reopen(_) | Step::Pack => {
                agrees(&tx.table::<Item>(), &items)?;
                if matches!(step, Step::Commit) {
                    if let Some(commit) = tx.commit()? {
                        past.push((commit.transaction, items.clone()));
                    }
                    committed = items;
                } else {
                    drop(tx);
                }
                if let Step::Reopen(cleanly) = step {
                    if cleanly {
                        store.close()?;
                    } else {
                        drop(store);
                    }
                    store = open()?;
                }
                if let (Step::Pack, Some((transaction, _))) = (&step, past.get(past.len() / 2)) {
                    store.pack(*transaction)?;
                    past.drain(..past.len() / 2);
                }
                (tx, items, savepoint) = (store.begin(), committed.clone(), None);
                agrees(&store.table::<Item>(), &committed)?;
            }
        }
    }
    drop(tx);
    for (transaction, items) in &past {
        agrees(&store.as_of(*transaction)?.table::<Item>(), items)?;
        for id in 0..40 {
            assert_eq!(
                store.table::<Item>().get_as_of(id, *transaction)?.as_ref(),
                items.get(&id),
                "{id} as of {transaction}"
            );
        }
    }
    Ok(())
}

/// Moves weight between items by several threads, while others add it up: it has to be the same at any time.
#[test]
fn readers_beside_writers_see_whole_transactions_only() -> Result<()> {
    const ITEMS: i64 = 20;
    let store = Store::in_memory()?;
    store.define([Item::definition()])?;
    let items: Vec<Item> = (0..ITEMS).map(|id| item(id, None, 100)).collect();
    store.table::<Item>().insert_all(&items)?;
    let (done, reads) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4_i64)
            .map(|writer| {
                let store = &store;
                scope.spawn(move || -> Result<()> {
                    for round in 0..300 {
                        let (from, to) = ((writer * 7 + round) % ITEMS, (writer + round * 3 + 1) % ITEMS);
                        if from == to {
                            continue;
                        }
                        store.transaction(|tx| {
                            let items = tx.table::<Item>();
                            items.modify(from, |item| item.weight -= 1)?;
                            items.modify(to, |item| item.weight += 1).map(drop)
                        })?;
                    }
                    Ok(())
                })
            })
            .collect();
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let snapshot = store.snapshot();
                    let sum: i64 = snapshot.table::<Item>().records().unwrap().map(|item| item.unwrap().weight).sum();
                    let by_index = snapshot.table::<Item>().filter(Item::WEIGHT.lt(1_000_000)).all().unwrap();
                    assert_eq!((sum, by_index.len()), (ITEMS * 100, 20));
                    reads.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let results: Vec<Result<()>> = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
        done.store(true, Ordering::Relaxed);
        results.into_iter().collect::<Result<()>>()
    })?;
    assert!(reads.load(Ordering::Relaxed) > 0);
    Ok(())
}

/// One transaction of a recorded history: what it read and wrote of each item, by the number of the writing transaction.
#[derive(Debug)]
struct Told {
    transaction: u64,
    reads: Vec<(i64, i64)>,
    writes: Vec<i64>,
}

/// Runs transactions that read some items and write some, in several threads; each write leaves a number that is its alone.
fn record(isolation: Isolation) -> Result<(Vec<Told>, BTreeMap<i64, u64>)> {
    const ITEMS: i64 = 6;
    let store = Store::in_memory()?;
    store.define([Item::definition()])?;
    let items: Vec<Item> = (0..ITEMS).map(|id| item(id, None, 0)).collect();
    store.table::<Item>().insert_all(&items)?;
    let (told, marks) = (Mutex::new(Vec::new()), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for thread in 0..4_i64 {
            let (store, told, marks) = (&store, &told, &marks);
            scope.spawn(move || {
                let mut random = thread + 1;
                let mut next = move || {
                    random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (random >> 33).rem_euclid(ITEMS)
                };
                for round in 0..150 {
                    let tx = store.begin_with(isolation);
                    let items = tx.table::<Item>();
                    let reads: Vec<(i64, i64)> =
                        [next(), next()].map(|id| (id, items.get(id).unwrap().unwrap().weight)).to_vec();
                    std::thread::yield_now();
                    let (id, mark) = (next(), 1 + thread + 4 * round);
                    items.modify(id, |item| item.weight = mark).unwrap();
                    match tx.commit() {
                        Ok(commit) => {
                            let transaction = commit.unwrap().transaction;
                            marks.lock().unwrap().insert(mark, transaction);
                            told.lock().unwrap().push(Told { transaction, reads, writes: vec![id] });
                        }
                        Err(error) => assert_eq!(error.kind(), ErrorKind::SerializationFailure, "{error}"),
                    }
                }
            });
        }
    });
    Ok((told.into_inner().unwrap(), marks.into_inner().unwrap()))
}

/// Counts the reads that a later transaction's write, itself committed before the reader, had replaced: of none in a serial order by commits.
fn stale_reads(told: &[Told], marks: &BTreeMap<i64, u64>) -> usize {
    let mut writes: BTreeMap<i64, Vec<u64>> = BTreeMap::new();
    for one in told {
        for id in &one.writes {
            writes.entry(*id).or_default().push(one.transaction);
        }
    }
    let mut stale = 0;
    for one in told {
        for (id, mark) in &one.reads {
            let seen = marks.get(mark).copied().unwrap_or(0);
            let between = |write: &&u64| **write > seen && **write < one.transaction;
            stale += usize::from(writes.get(id).is_some_and(|writes| writes.iter().any(|write| between(&write))));
        }
    }
    stale
}

#[test]
fn serializable_transactions_are_as_if_they_ran_in_the_order_of_their_commits() -> Result<()> {
    let (told, writers) = record(Isolation::Serializable)?;
    assert!(told.len() > 100, "{} were committed", told.len());
    assert_eq!(stale_reads(&told, &writers), 0);
    Ok(())
}

/// What snapshot isolation allows is what the proof of serializability looks for: so it can fail.
#[test]
fn snapshots_alone_are_not_serializable_and_that_is_noticed() -> Result<()> {
    for _ in 0..50 {
        let (told, writers) = record(Isolation::Snapshot)?;
        if stale_reads(&told, &writers) > 0 {
            return Ok(());
        }
    }
    panic!("fifty histories of snapshot isolation were serializable by chance");
}

#[test]
fn a_snapshot_is_one_state() -> Result<()> {
    let (told, writers) = record(Isolation::Snapshot)?;
    for one in &told {
        // All reads are of one state: nothing that one of them saw is later than what another must have seen.
        let newest = one.reads.iter().filter_map(|(_, mark)| writers.get(mark)).max().copied().unwrap_or(0);
        for (id, mark) in &one.reads {
            let seen = writers.get(mark).copied().unwrap_or(0);
            let missed = told
                .iter()
                .any(|other| other.writes.contains(id) && other.transaction > seen && other.transaction <= newest);
            assert!(!missed, "{one:?} saw {id} as of {seen} beside {newest}");
        }
    }
    Ok(())
}
