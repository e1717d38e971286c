//! Crashes at every sync of a random workload.
//!
//! A few thousand images are tried with the other tests; this tries as many as one likes:
//!
//! ```text
//! OARLOCK_CRASH_IMAGES=100000 cargo test --release -p oarlock-store --all-features --lib no_crash_loses
//! ```

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::map::Map;
use super::tables::Tables;
use super::{Progress, Subject, examine, path};
use crate::log::SyncMode;
use crate::storage::simulated::{Disk, Fault, Lie, Plan, Random};

/// How many images are tried where nobody says it.
const IMAGES: u64 = 3_000;

/// How many transactions a workload has at the most, before the next begins with a new file.
const STEPS: usize = 40;

/// What is wrong with the disk or the store, to prove that the proof would find it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mutant {
    None,
    /// The disk does something without telling.
    Lies(Lie),
    /// Checksums are taken for right.
    TrustsChecks,
}

/// Tries images until there were so many, or one is wrong; gives how many there were.
fn crash<S: Subject>(wanted: u64, mode: SyncMode, mutant: Mutant) -> Result<u64, String> {
    let tried = Arc::new(AtomicU64::new(0));
    let mut seed = 0;
    while tried.load(Ordering::Relaxed) < wanted {
        seed += 1;
        workload::<S>(seed, mode, mutant, &tried).map_err(|error| format!("seed {seed}, {mode:?}: {error}"))?;
    }
    Ok(tried.load(Ordering::Relaxed))
}

fn workload<S: Subject>(seed: u64, mode: SyncMode, mutant: Mutant, tried: &Arc<AtomicU64>) -> Result<(), String> {
    let disk = Disk::default();
    let mut random = Random::new(seed);
    let progress = Progress::new();
    let wrong = Arc::new(Mutex::new(None));
    disk.observe({
        let (progress, wrong, tried) = (progress.clone(), Arc::clone(&wrong), Arc::clone(tried));
        let mut random = Random::new(!seed);
        move |moment| {
            let prefixes = (0..=moment.pending()).map(|changes| moment.prefix(changes));
            let subsets: Vec<Disk> = (0..12).map(|_| moment.image(&mut random)).collect();
            for image in prefixes.chain(subsets) {
                let image = if mutant == Mutant::TrustsChecks { with_right_checks(&image) } else { image };
                tried.fetch_add(1, Ordering::Relaxed);
                if let Err(error) = examine::<S>(&image, mode, &progress, &mut random) {
                    wrong.lock().unwrap().get_or_insert(error);
                }
            }
        }
    });
    let failed = |error: oarlock_core::Error| format!("the workload failed: {error}");
    let mut subject = S::open(&disk, mode).map_err(failed)?;
    if let Mutant::Lies(lie) = mutant {
        disk.lie(lie);
    }
    for _ in 0..STEPS {
        match random.below(24) {
            0 => {
                subject.close().map_err(failed)?;
                subject = S::open(&disk, mode).map_err(failed)?;
            }
            1 => {
                drop(subject);
                subject = S::open(&disk, mode).map_err(failed)?;
            }
            2 => subject.pack(&mut random).map_err(failed)?,
            3 | 4 => refused(&disk, &mut subject, &mut random, &progress)?,
            _ => subject.step(&mut random, &progress).map_err(failed)?,
        }
        if let Some(error) = wrong.lock().unwrap().take() {
            return Err(error);
        }
    }
    subject.close().map_err(failed)?;
    wrong.lock().unwrap().take().map_or(Ok(()), Err)
}

/// Commits what the disk does not write, or only a part of: it fails for certain, and no image from then on may have it.
fn refused<S: Subject>(disk: &Disk, subject: &mut S, random: &mut Random, progress: &Progress) -> Result<(), String> {
    let fault = if random.one_in(4) { Fault::NoSpace } else { Fault::Short };
    disk.plan(Some(Plan { operation: 0, fault, lasting: false }));
    let result = subject.step(random, progress);
    disk.plan(None);
    match result {
        Err(error) if error.outcome_unknown() => Err(format!("a write that failed is not known to have: {error}")),
        Err(_) => {
            progress.withdraw();
            Ok(())
        }
        // A transaction that was rolled back.
        Ok(()) => Ok(()),
    }
}

/// Gives a disk on which the check of everything that can be taken for a frame is right: what a store would see that checks nothing.
fn with_right_checks(disk: &Disk) -> Disk {
    let Some(mut content) = disk.content(path()) else { return disk.clone() };
    crate::log::make_checks_right(&mut content);
    Disk::with_file(path(), content)
}

fn images() -> u64 {
    std::env::var("OARLOCK_CRASH_IMAGES").map_or(IMAGES, |images| images.parse().unwrap())
}

#[test]
fn no_crash_loses_what_was_acknowledged_or_shows_half_of_what_was_not() {
    let tried = crash::<Map>(images(), SyncMode::Full, Mutant::None).unwrap();
    assert!(tried >= images());
}

#[test]
fn no_crash_loses_a_record_or_shows_half_of_a_transaction() {
    // Each takes several times as long as one of the map.
    let wanted = if images() == IMAGES { IMAGES / 5 } else { images() };
    let tried = crash::<Tables>(wanted, SyncMode::Full, Mutant::None).unwrap();
    assert!(tried >= wanted);
}

#[test]
fn a_crash_without_syncs_at_commit_leaves_a_state_that_was() {
    crash::<Map>(images() / 10, SyncMode::Off, Mutant::None).unwrap();
    crash::<Map>(images() / 10, SyncMode::Normal, Mutant::None).unwrap();
}

#[test]
fn the_proof_notices_syncs_that_do_nothing() {
    let error = crash::<Map>(IMAGES, SyncMode::Full, Mutant::Lies(Lie::Syncs)).unwrap_err();
    assert!(error.contains("was acknowledged"), "{error}");
}

#[test]
fn the_proof_notices_commits_that_failed_and_come_back() {
    for lie in [Lie::Cuts, Lie::SyncsOfCuts] {
        let error = crash::<Map>(IMAGES, SyncMode::Full, Mutant::Lies(lie)).unwrap_err();
        assert!(error.contains("not what it was") || error.contains("were tried"), "{lie:?}: {error}");
    }
}

#[test]
fn the_proof_notices_checksums_that_are_not_looked_at() {
    let error = crash::<Map>(IMAGES, SyncMode::Full, Mutant::TrustsChecks).unwrap_err();
    // Of a header that is torn apart nothing need make sense.
    let noticed = ["not what it was", "were tried", "which this version of oarlock does not know"];
    assert!(noticed.iter().any(|words| error.contains(words)), "{error}");
}
