//! Proofs that what was acknowledged is kept: crashes at every sync, a failure of every operation, damage, and kills.
//!
//! They hold for whatever keeps a state by the log, which is a [`Subject`]: a small map of the tests' own, and the store itself.

mod backup;
mod crash;
mod damage;
mod fault;
mod kill;
mod map;
mod samples;
mod tables;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use oarlock_core::Result;

use crate::log::{Former, Frame, Replay, SyncMode};
use crate::storage::simulated::{Disk, Random};

/// Where the file is.
const PATH: &str = "proof.store";

/// All that a subject holds, in a form that can be compared.
type State = BTreeMap<Vec<u8>, Vec<u8>>;

/// What is to be proved of.
trait Subject: Sized {
    /// Opens what is on a disk.
    fn open(disk: &Disk, mode: SyncMode) -> Result<Self>;

    /// Gives the last transaction, and the state after it.
    fn state(&self) -> (u64, State);

    /// Runs one or a few transactions. Each is told of as expected before it is tried, and as acknowledged afterwards.
    fn step(&mut self, random: &mut Random, progress: &Progress) -> Result<()>;

    /// Rewrites the file without what is older than the last transaction or an earlier one.
    fn pack(&mut self, random: &mut Random) -> Result<()>;

    /// Closes cleanly.
    fn close(self) -> Result<()>;
}

/// What a workload has done so far. Clones are the same.
#[derive(Debug, Clone)]
struct Progress {
    acknowledged: Arc<AtomicU64>,
    /// The state after each transaction, acknowledged or not.
    states: Arc<Mutex<Vec<State>>>,
}

impl Progress {
    fn new() -> Self {
        Self { acknowledged: Arc::default(), states: Arc::new(Mutex::new(vec![State::new()])) }
    }

    fn expect(&self, transaction: u64, state: State) {
        let mut states = self.states();
        // What was tried and not acknowledged may be tried otherwise, once it is known that it is not there.
        states.truncate(usize::try_from(transaction).unwrap());
        states.push(state);
        assert_eq!(states.len() as u64, transaction + 1, "transactions are numbered without gaps");
    }

    /// Forgets what was tried and has failed for certain: it must never be seen.
    fn withdraw(&self) {
        let kept = usize::try_from(self.acknowledged()).unwrap() + 1;
        self.states().truncate(kept);
    }

    fn acknowledge(&self, transaction: u64) {
        self.acknowledged.fetch_max(transaction, Ordering::SeqCst);
    }

    /// Goes on apart from where a transaction was acknowledged, and none after it tried.
    fn after(&self, transaction: u64) -> Self {
        let states = self.states()[..=usize::try_from(transaction).unwrap()].to_vec();
        Self { acknowledged: Arc::new(AtomicU64::new(transaction)), states: Arc::new(Mutex::new(states)) }
    }

    fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::SeqCst)
    }

    fn states(&self) -> MutexGuard<'_, Vec<State>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks what is found against what was acknowledged, and gives the transaction.
    fn check<S: Subject>(&self, subject: &S, mode: SyncMode) -> Result<u64, String> {
        let (transaction, state) = subject.state();
        let acknowledged = self.acknowledged();
        let states = self.states();
        if transaction < acknowledged && mode == SyncMode::Full {
            return Err(format!(
                "transaction {acknowledged} was acknowledged, and {transaction} is the last one there"
            ));
        }
        let Some(expected) = usize::try_from(transaction).ok().and_then(|index| states.get(index)) else {
            return Err(format!("transaction {transaction} is there, and {} were tried", states.len() - 1));
        };
        if *expected != state {
            return Err(format!("the state after transaction {transaction} is not what it was"));
        }
        Ok(transaction)
    }
}

/// Opens what is on a disk, compares it with what was done, and sees that it can be used and opened again.
fn examine<S: Subject>(disk: &Disk, mode: SyncMode, progress: &Progress, random: &mut Random) -> Result<(), String> {
    let failed = |what: &'static str| move |error: oarlock_core::Error| format!("{what} failed: {error}");
    let mut subject = S::open(disk, mode).map_err(failed("opening"))?;
    let found = progress.check(&subject, mode)?;
    // What was found is told of, so it must be there from now on, whatever happens.
    let after = progress.after(found);
    let lost = disk.power_failure(random);
    after.check(&S::open(&lost, mode).map_err(failed("opening after a second crash"))?, mode)?;
    subject.step(random, &after).map_err(failed("going on"))?;
    drop(subject);
    let again = S::open(disk, mode).map_err(failed("opening again"))?;
    after.check(&again, mode).map(drop)
}

fn path() -> &'static Path {
    Path::new(PATH)
}

/// Takes what is replayed and keeps nothing.
pub(crate) struct Nothing;

impl Replay for Nothing {
    fn snapshot(&mut self, _: &mut dyn std::io::Read, _: &mut Former<'_, '_>) -> Result<bool> {
        Ok(false)
    }

    fn frame(&mut self, _: Frame<'_>) -> Result<()> {
        Ok(())
    }
}
