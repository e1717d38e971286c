//! A process that writes is killed, again and again, and its file is looked at.
//!
//! A few kills are tried with the other tests; this tries as many as one likes:
//!
//! ```text
//! OARLOCK_KILL_ROUNDS=500 cargo test -p oarlock-store --all-features kill
//! ```

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use oarlock::{Model, Record};
use oarlock_core::Result;

use super::map::Map;
use super::{State, Subject};
use crate::log::{Access, LogOptions};
use crate::storage::Files;
use crate::storage::simulated::Random;
use crate::{Store, SyncMode};

/// How many kills there are where nobody says it.
const ROUNDS: usize = 20;

/// Tells the writer where to write.
const FILE: &str = "OARLOCK_KILLED_WRITER_FILE";

/// What a writer prints before its own number and that of what was acknowledged last.
const ACKNOWLEDGED: &str = "acknowledged ";

fn open(path: &Path, access: Access) -> Map {
    Map::open_at(Arc::new(Files), path, LogOptions { sync: SyncMode::Full, access, ..LogOptions::default() }).unwrap()
}

/// Gives the numbers from which a transaction is made, the same in the writer and in the one who looks.
fn numbers(transaction: u64) -> Random {
    Random::new(transaction)
}

/// The process that is killed: this executable, told by a variable to run no other test.
#[test]
#[ignore = "run by the test of kills, in a process of its own"]
fn writer() {
    let Ok(path) = std::env::var(FILE).map(PathBuf::from) else { return };
    loop {
        let map = open(&path, Access::Write);
        let first = map.state().0;
        let map = Mutex::new(map);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| write(&map, first + 60));
            }
        });
        let mut map = map.into_inner().unwrap();
        let mut random = numbers(first);
        if random.one_in(2) {
            map.pack(&mut random).unwrap();
        }
        if random.one_in(2) {
            map.close().unwrap();
        }
    }
}

/// Writes transactions up to a number, beside others who do.
fn write(map: &Mutex<Map>, last: u64) {
    loop {
        let mut guard = map.lock().unwrap();
        let transaction = guard.state().0 + 1;
        if transaction > last {
            return;
        }
        let appended = guard.put(Map::changes(&mut numbers(transaction)), None).unwrap();
        let log = Arc::clone(&guard.log);
        drop(guard);
        log.wait(appended).unwrap();
        // One write, so that lines of several threads do not mix.
        std::io::stdout().lock().write_all(format!("\n{ACKNOWLEDGED}0 {transaction}\n").as_bytes()).unwrap();
    }
}

/// A writer that is killed when it is dropped.
struct Writer(Child);

impl Writer {
    fn start(test: &str, path: &Path) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args([test, "--exact", "--ignored", "--nocapture"])
            .env(FILE, path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self(child)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_killed_process_loses_nothing_that_was_acknowledged() {
    let rounds = rounds();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("killed.store");
    let mut random = Random::new(u64::from(std::process::id()));
    let (mut known, mut state) = (0, State::new());
    for round in 0..rounds {
        let mut writer = Writer::start("proof::kill::writer", &path);
        let acknowledged = kill_after(&mut writer, random.below(80), random.below(3_000));
        let acknowledged = acknowledged.get(&0).copied().unwrap_or(0);
        drop(writer);
        if !path.exists() {
            assert_eq!((known, acknowledged), (0, 0), "round {round}: the file is gone");
            continue;
        }
        // By reading alone, as a backup would, and by opening, which cuts off what was interrupted.
        let seen = open(&path, Access::Read).state();
        let found = open(&path, Access::Write).state();
        assert!(seen == found, "round {round}: transactions {} and {} are seen", seen.0, found.0);
        let least = known.max(acknowledged);
        assert!(found.0 >= least, "round {round}: transaction {least} was acknowledged, and {} is the last", found.0);
        while known < found.0 {
            known += 1;
            state.extend(Map::changes(&mut numbers(known)));
        }
        assert!(state == found.1, "round {round}: the state after transaction {known} is not what it was");
    }
    assert!(known > u64::try_from(rounds).unwrap(), "{known} transactions in {rounds} rounds");
}

fn rounds() -> usize {
    std::env::var("OARLOCK_KILL_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().unwrap())
}

/// Kills the writer a while after so many lines, and gives what each thread of it has acknowledged last.
fn kill_after(writer: &mut Writer, lines: usize, micros: usize) -> BTreeMap<i64, u64> {
    let mut output = BufReader::new(writer.0.stdout.take().unwrap()).lines();
    let mut acknowledged = std::iter::from_fn(|| {
        loop {
            let line = output.next()?.ok()?;
            if let Some(numbers) = line.strip_prefix(ACKNOWLEDGED) {
                // The last line may have been cut off by the kill.
                let (thread, number) = numbers.split_once(' ')?;
                return Some((thread.parse().ok()?, number.parse().ok()?));
            }
        }
    });
    let mut last: BTreeMap<i64, u64> = acknowledged.by_ref().take(lines).collect();
    let until = Instant::now() + Duration::from_micros(micros as u64);
    while Instant::now() < until {
        std::hint::spin_loop();
    }
    writer.0.kill().unwrap();
    for (thread, number) in acknowledged {
        last.entry(thread).and_modify(|last| *last = number.max(*last)).or_insert(number);
    }
    last
}

/// How often a thread has written.
#[derive(Debug, Clone, PartialEq, Model)]
struct Counter {
    #[model(primary_key)]
    thread: i64,
    number: i64,
}

/// What it has written each time.
#[derive(Debug, Clone, PartialEq, Model)]
struct Entry {
    #[model(primary_key, auto)]
    id: i64,
    #[model(references = Counter)]
    thread: i64,
    number: i64,
    text: String,
}

/// As [`writer`], with tables.
#[test]
#[ignore = "run by the test of kills, in a process of its own"]
fn writer_of_tables() {
    let Ok(path) = std::env::var(FILE).map(PathBuf::from) else { return };
    loop {
        let store = Store::open(&path).unwrap();
        store.define([Counter::definition(), Entry::definition()]).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..3 {
                let store = &store;
                scope.spawn(move || (0..20).for_each(|_| write_entry(store, thread)));
            }
        });
        let mut random = numbers(store.snapshot().transaction());
        if random.one_in(2) {
            store.pack(random.number() % store.snapshot().transaction()).unwrap();
        }
        if random.one_in(2) {
            store.close().unwrap();
        }
    }
}

fn write_entry(store: &Store, thread: i64) {
    let number = store
        .transaction(|transaction| {
            let counters = transaction.table::<Counter>();
            let number = counters.get(thread)?.map_or(0, |counter| counter.number) + 1;
            counters.upsert(Counter { thread, number })?;
            let text = "x".repeat(usize::try_from(number % 900).unwrap());
            transaction.table::<Entry>().insert(Entry { id: 0, thread, number, text })?;
            Ok(number)
        })
        .unwrap();
    std::io::stdout().lock().write_all(format!("\n{ACKNOWLEDGED}{thread} {number}\n").as_bytes()).unwrap();
}

#[test]
fn a_killed_process_leaves_whole_transactions_of_every_thread() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("killed.store");
    let mut random = Random::new(u64::from(std::process::id()));
    let mut known = BTreeMap::<i64, u64>::new();
    for round in 0..rounds() {
        let mut writer = Writer::start("proof::kill::writer_of_tables", &path);
        let acknowledged = kill_after(&mut writer, random.below(60), random.below(3_000));
        drop(writer);
        let store = Store::open(&path).unwrap();
        store.define([Counter::definition(), Entry::definition()]).unwrap();
        let mut entries = BTreeMap::<i64, Vec<i64>>::new();
        for entry in store.table::<Entry>().records().unwrap().map(Result::unwrap) {
            assert_eq!(entry.text.len(), usize::try_from(entry.number % 900).unwrap());
            entries.entry(entry.thread).or_default().push(entry.number);
        }
        for counter in store.table::<Counter>().records().unwrap().map(Result::unwrap) {
            let entries = entries.remove(&counter.thread).unwrap_or_default();
            assert!((1..=counter.number).eq(entries), "round {round}: the entries of {counter:?} are others");
            let number = u64::try_from(counter.number).unwrap();
            let known = known.entry(counter.thread).or_default();
            let least = acknowledged.get(&counter.thread).copied().unwrap_or(0).max(*known);
            assert!(number >= least, "round {round}: {least} was acknowledged, and there is {counter:?}");
            *known = number;
        }
        assert!(entries.is_empty(), "round {round}: entries without a counter: {entries:?}");
        let counted = acknowledged.keys().all(|thread| known.contains_key(thread));
        assert!(counted, "round {round}: a counter is gone: {known:?}, {acknowledged:?}");
    }
    assert!(known.values().sum::<u64>() > u64::try_from(rounds()).unwrap());
}
