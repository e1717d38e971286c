//! A process that writes is killed, again and again, and its file is looked at.
//!
//! A few kills are tried with the other tests; this tries as many as one likes:
//!
//! ```text
//! OARLOCK_KILL_ROUNDS=500 cargo test -p oarlock-store --all-features kill
//! ```

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::map::Map;
use super::{State, Subject};
use crate::SyncMode;
use crate::log::{Access, LogOptions};
use crate::storage::Files;
use crate::storage::simulated::Random;

/// How many kills there are where nobody says it.
const ROUNDS: usize = 20;

/// Tells the writer where to write.
const FILE: &str = "OARLOCK_KILLED_WRITER_FILE";

/// What the writer prints before the number of an acknowledged transaction.
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
        std::io::stdout().lock().write_all(format!("\n{ACKNOWLEDGED}{transaction}\n").as_bytes()).unwrap();
    }
}

/// A writer that is killed when it is dropped.
struct Writer(Child);

impl Writer {
    fn start(path: &Path) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["proof::kill::writer", "--exact", "--ignored", "--nocapture"])
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
    let rounds = std::env::var("OARLOCK_KILL_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("killed.store");
    let mut random = Random::new(u64::from(std::process::id()));
    let (mut known, mut state) = (0, State::new());
    for round in 0..rounds {
        let mut writer = Writer::start(&path);
        let acknowledged = kill_after(&mut writer, random.below(80), random.below(3_000));
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

/// Kills the writer a while after so many lines, and gives the last transaction that it has acknowledged.
fn kill_after(writer: &mut Writer, lines: usize, micros: usize) -> u64 {
    let mut output = BufReader::new(writer.0.stdout.take().unwrap()).lines();
    // The last line may have been cut off by the kill.
    let mut acknowledged = std::iter::from_fn(|| {
        loop {
            let line = output.next()?.ok()?;
            if let Some(number) = line.strip_prefix(ACKNOWLEDGED) {
                return number.parse::<u64>().ok();
            }
        }
    });
    let before = acknowledged.by_ref().take(lines).max();
    let until = Instant::now() + Duration::from_micros(micros as u64);
    while Instant::now() < until {
        std::hint::spin_loop();
    }
    writer.0.kill().unwrap();
    before.max(acknowledged.max()).unwrap_or(0)
}
