//! Every operation fails once, each by itself.

use super::map::Map;
use super::tables::Tables;
use super::{Progress, Subject, examine};
use crate::log::SyncMode;
use crate::storage::simulated::{Disk, Fault, Plan, Random};

/// Runs a workload on a disk that fails, and tells whether it got to the failure.
fn run<S: Subject>(seed: u64, plan: Plan) -> Result<bool, String> {
    let disk = Disk::default();
    disk.plan(Some(plan));
    let mut random = Random::new(seed);
    let progress = Progress::new();
    // Any part may fail; what was acknowledged before is what counts.
    let _ = workload::<S>(&disk, &mut random, &progress);
    let failed = disk.operations() > plan.operation;

    let restarted = disk.restart();
    let lost = disk.power_failure(&mut random);
    for (after, disk) in [("a restart", restarted), ("a power failure", lost)] {
        examine::<S>(&disk, SyncMode::Full, &progress, &mut random)
            .map_err(|error| format!("after {after}: {error}"))?;
    }
    Ok(failed)
}

fn workload<S: Subject>(disk: &Disk, random: &mut Random, progress: &Progress) -> oarlock_core::Result<()> {
    let mut subject = S::open(disk, SyncMode::Full)?;
    for step in 0..8 {
        let result = subject.step(random, progress);
        if let Err(error) = result {
            // The failure is told of by every commit from then on; nothing that was acknowledged is taken back.
            let after = progress.after(subject.state().0);
            let before = after.acknowledged();
            for _ in 0..3 {
                let _ = subject.step(random, &after);
            }
            assert_eq!(after.acknowledged(), before, "after {error} a commit succeeded");
            return Err(error);
        }
        if step == 3 {
            subject.pack(random)?;
        }
        if step == 5 {
            subject.close()?;
            subject = S::open(disk, SyncMode::Full)?;
        }
    }
    subject.close()
}

fn every_operation_fails<S: Subject>(seeds: u64) {
    for fault in [Fault::Device, Fault::NoSpace, Fault::Short] {
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
