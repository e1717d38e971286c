//! Every operation fails once, each by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use oarlock::{Model, Record};
use oarlock_core::{Error, ErrorKind};

use super::map::Map;
use super::tables::Tables;
use super::{Progress, Subject, examine};
use crate::storage::simulated::{Disk, Fault, Plan, Random};
use crate::{Store, SyncMode};

/// Runs a workload on a disk that fails, and tells whether it got to the failure.
fn run<S: Subject>(seed: u64, plan: Plan) -> Result<bool, String> {
    let disk = Disk::default();
    disk.plan(Some(plan));
    let mut random = Random::new(seed);
    let progress = Progress::new();
    // Any part may fail; what was acknowledged before is what counts.
    workload::<S>(&disk, &mut random, &progress, plan)?;
    let failed = disk.operations() > plan.operation;

    let restarted = disk.restart();
    let lost = disk.power_failure(&mut random);
    for (after, disk) in [("a restart", restarted), ("a power failure", lost)] {
        examine::<S>(&disk, SyncMode::Full, &progress, &mut random)
            .map_err(|error| format!("after {after}: {error}"))?;
    }
    Ok(failed)
}

fn workload<S: Subject>(disk: &Disk, random: &mut Random, progress: &Progress, plan: Plan) -> Result<(), String> {
    // What fails beside a commit ends the workload: others than this one see what it leaves.
    let Ok(mut subject) = S::open(disk, SyncMode::Full) else { return Ok(()) };
    for step in 0..8 {
        if let Err(error) = subject.step(random, progress) {
            if error.outcome_unknown() || subject.state().0 != progress.acknowledged() {
                takes_no_more_commits(&mut subject, random, progress, &error);
                return Ok(());
            }
            left_nothing(disk, &subject, random, progress).map_err(|found| format!("after {error}: {found}"))?;
            if !plan.lasting {
                subject.step(random, progress).map_err(|next| format!("after {error} the next one: {next}"))?;
            }
        }
        if step == 3 && subject.pack(random).is_err() {
            return Ok(());
        }
        if step == 5 {
            let Ok(again) = subject.close().and_then(|()| S::open(disk, SyncMode::Full)) else { return Ok(()) };
            subject = again;
        }
    }
    let _ = subject.close();
    Ok(())
}

/// The failure is told of by every commit from then on; nothing that was acknowledged is taken back.
fn takes_no_more_commits<S: Subject>(subject: &mut S, random: &mut Random, progress: &Progress, error: &Error) {
    let after = progress.after(subject.state().0);
    let before = after.acknowledged();
    for _ in 0..3 {
        let _ = subject.step(random, &after);
    }
    assert_eq!(after.acknowledged(), before, "after {error} a commit succeeded");
}

/// What has failed for certain is not there, be the process killed or the power gone.
fn left_nothing<S: Subject>(disk: &Disk, subject: &S, random: &mut Random, progress: &Progress) -> Result<(), String> {
    progress.withdraw();
    progress.check(subject, SyncMode::Full)?;
    for image in [disk.restart(), disk.power_failure(random)] {
        examine::<S>(&image, SyncMode::Full, &progress.after(progress.acknowledged()), random)?;
    }
    Ok(())
}

fn every_operation_fails<S: Subject>(seeds: u64) {
    for fault in [Fault::Device, Fault::NoSpace, Fault::Short, Fault::Full] {
        for lasting in [false, true] {
            for seed in 0..seeds {
                let mut operation = 0;
                while run::<S>(seed, Plan { operation, fault, lasting }).unwrap_or_else(|error| {
                    panic!("operation {operation}, {fault:?}, lasting {lasting}, seed {seed}: {error}")
                }) {
                    operation += 1;
                }
                assert!(operation > 30, "the workload has more operations than {operation}");
            }
        }
    }
}

#[test]
fn a_failure_of_any_operation_loses_nothing_that_was_acknowledged() {
    every_operation_fails::<Map>(4);
}

#[test]
fn a_failure_of_any_operation_loses_no_record() {
    every_operation_fails::<Tables>(1);
}

/// A disk without room takes what fits into the file as it is, and everything once there is room again.
fn a_full_disk<S: Subject>() {
    let disk = Disk::default();
    let (mut random, progress) = (Random::new(1), Progress::new());
    let mut subject = S::open(&disk, SyncMode::Full).unwrap();
    subject.step(&mut random, &progress).unwrap();
    let (mut failed, mut fitted) = (0, 0);
    for _ in 0..4 {
        disk.plan(Some(Plan { operation: 0, fault: Fault::Full, lasting: true }));
        let before = progress.acknowledged();
        let enough = failed + 3;
        while failed < enough {
            match subject.step(&mut random, &progress) {
                Ok(()) => fitted += 1,
                Err(error) => {
                    failed += 1;
                    assert_eq!((error.kind(), error.outcome_unknown()), (ErrorKind::ResourcesExhausted, false));
                    assert!(error.message().contains(super::PATH), "{error}");
                    assert!(error.hint().is_some_and(|hint| hint.contains("make room")), "{error:?}");
                    left_nothing(&disk, &subject, &mut random, &progress).unwrap();
                }
            }
        }
        disk.plan(None);
        subject.step(&mut random, &progress).unwrap();
        assert!(progress.acknowledged() > before);
    }
    assert!(fitted > 0, "what fits into the file as it is");
    subject.close().unwrap();
    progress.check(&S::open(&disk, SyncMode::Full).unwrap(), SyncMode::Full).unwrap();
}

/// How often a thread has committed.
#[derive(Debug, Clone, PartialEq, Model)]
struct Counter {
    #[model(primary_key)]
    thread: i64,
    number: u64,
}

#[test]
fn threads_that_commit_together_on_a_disk_that_fills_up_lose_and_gain_nothing() {
    const EACH: u64 = 300;
    let disk = Disk::default();
    let open = || Store::options().open_on(Arc::new(disk.clone()), super::path()).unwrap();
    let store = open();
    store.define([Counter::definition()]).unwrap();
    let failures = AtomicU64::new(0);
    let count = &|thread: i64| {
        let mut number = 0;
        while number < EACH {
            let counted = store.transaction(|tx| {
                tx.note("x".repeat(2_000));
                let counters = tx.table::<Counter>();
                let before = counters.get(thread)?.map_or(0, |counter| counter.number);
                assert_eq!(before, number, "what failed is not seen, and what was committed is");
                counters.upsert(Counter { thread, number: before + 1 }).map(drop)
            });
            match counted {
                Ok(()) => {
                    number += 1;
                    // Not after a failure: the thread that is left in the end has to get on.
                    if number % 8 == thread.unsigned_abs() {
                        disk.plan(Some(Plan { operation: 0, fault: Fault::Full, lasting: true }));
                    }
                }
                Err(error) => {
                    assert_eq!(
                        (error.kind(), error.outcome_unknown()),
                        (ErrorKind::ResourcesExhausted, false),
                        "{error}"
                    );
                    failures.fetch_add(1, Ordering::Relaxed);
                    disk.plan(None);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || count(thread));
        }
        scope.spawn(|| {
            for before in 0..40 {
                if let Err(error) = store.pack(before * 10) {
                    assert!(matches!(error.kind(), ErrorKind::ResourcesExhausted | ErrorKind::Io), "{error}");
                }
            }
        });
    });
    assert!(failures.into_inner() > 10);
    let numbers = |store: &Store| -> Vec<u64> {
        store.table::<Counter>().records().unwrap().map(|counter| counter.unwrap().number).collect()
    };
    assert_eq!(numbers(&store), [EACH; 4]);
    disk.plan(None);
    store.close().unwrap();
    assert_eq!(numbers(&open()), [EACH; 4]);
}

#[test]
fn a_full_disk_fails_commits_until_there_is_room() {
    a_full_disk::<Map>();
    a_full_disk::<Tables>();
}
