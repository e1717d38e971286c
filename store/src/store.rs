//! The store: the newest state, the one that readers see, and how a transaction becomes part of them.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use oarlock_core::record::{Definition, Record};
use oarlock_core::{Error, ErrorKind, Result};

use crate::image;
use crate::log::{Access, Former, Frame, Log, LogOptions, Opening, Replay};
use crate::options::Options;
use crate::retention::Retention;
use crate::schema::{Stored, evolved, new_table};
use crate::state::State;
use crate::storage::Storage;
use crate::transaction::{Isolation, Snapshot, Transaction};
use crate::typed::Table;
use crate::work::{Limits, PREFIX, Work, conflict};

/// A record store: one file, all of whose live records are in memory.
///
/// A handle is cheap to clone and may be used by many threads at once. Readers never wait; of writers, those that commit at the same time share one
/// sync. The file is closed with the last handle; [`close`](Self::close) also tells what fails, and makes the next opening faster.
///
/// All calls return when they are done: on an async runtime, a commit belongs on a thread that may block. A get takes less time than the way there.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

/// What the handles of a store share.
pub(crate) struct Shared {
    /// What readers see: the newest state that is as durable as the options ask.
    published: ArcSwap<State>,
    /// The newest state that was appended to the log. The lock orders transactions.
    latest: Mutex<Arc<State>>,
    pub(crate) log: Log,
    pub(crate) limits: Limits,
    pub(crate) retention: Retention,
    /// Held by whoever writes a new file: there is one name for such.
    pub(crate) packing: Mutex<()>,
    read_only: bool,
    opening: Opening,
}

/// A transaction that was committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Commit {
    /// Its number. They count from 1 without gaps.
    pub transaction: u64,
    /// When it was committed, in microseconds since 1970. It is never before that of an earlier one.
    pub time: i64,
}

impl Store {
    /// Opens the store of a file, which is made where it is missing.
    ///
    /// # Errors
    ///
    /// As [`Options::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::options().open(path)
    }

    /// Opens a store that is gone with its last handle: for tests.
    ///
    /// # Errors
    ///
    /// None that are known.
    pub fn in_memory() -> Result<Self> {
        Self::options().in_memory()
    }

    /// Gives the options by which a store is opened.
    pub fn options() -> Options {
        Options::default()
    }

    pub(crate) fn open_with(
        storage: Arc<dyn Storage>,
        path: &Path,
        log: LogOptions,
        limits: Limits,
        retention: Retention,
    ) -> Result<Self> {
        let mut loader = Loader { state: State::default(), history: limits.history };
        let read_only = log.access == Access::Read;
        let (log, opening) = Log::open(storage, path, log, &mut loader)?;
        let mut state = loader.state;
        state.reindex().map_err(|error| error.context(format_args!("the store {}", path.display())))?;
        state.reader = Some(log.reader());
        // A file may begin with an empty state, of which no frame tells.
        if state.transaction != log.last().0 {
            (state.transaction, state.time) = log.last();
        }
        let state = Arc::new(state);
        let shared = Shared {
            published: ArcSwap::from(Arc::clone(&state)),
            latest: Mutex::new(state),
            log,
            limits,
            retention,
            packing: Mutex::new(()),
            read_only,
            opening,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Tells what opening found.
    pub fn opening(&self) -> &Opening {
        &self.shared.opening
    }

    /// Makes the tables what the records' structs say: tables and columns that are missing are added, columns that are gone are dropped, those that
    /// say `renamed_from` are renamed, and values of retyped ones are converted, where each has an exact counterpart. Tables that are not
    /// named stay. No record of the file is written anew; those in memory are, of a table whose columns change.
    ///
    /// It is called after opening, with all records that the program uses. Where nothing changes nothing is written.
    ///
    /// # Errors
    ///
    /// `NotSupported` for what the store has no words for; an integrity error where a record that is there breaks the new definition;
    /// `Conversion` where a value has no counterpart. Nothing is changed then.
    pub fn define<'d>(&self, records: impl IntoIterator<Item = &'d Definition>) -> Result<()> {
        let tables: Vec<_> = records.into_iter().map(|definition| definition.table.clone()).collect();
        self.define_tables(tables)
    }

    /// Makes tables what is said of them, as [`define`](Self::define) does.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn define_tables(&self, tables: impl IntoIterator<Item = oarlock_core::schema::Table>) -> Result<()> {
        let tables: Vec<_> = tables.into_iter().collect();
        self.retrying(|store| {
            let tx = store.begin();
            tx.work(|work| {
                let changed = changed(&work.state, &tables)?;
                if changed.is_empty() { Ok(()) } else { work.define(changed) }
            })?;
            tx.commit().map(drop)
        })
    }

    /// Drops a table with its records. Its history stays in the file until it is packed, but nothing leads there.
    ///
    /// # Errors
    ///
    /// `TableNotFound`; also where a foreign key of another table leads to it.
    pub fn drop_table(&self, name: &str) -> Result<()> {
        self.retrying(|store| {
            let tx = store.begin();
            tx.work(|work| {
                let slot = work.state.find(name).ok_or_else(|| unknown_table(name))?;
                work.drop_table(slot)
            })?;
            tx.commit().map(drop)
        })
    }

    /// Gives the tables' definitions.
    pub fn tables(&self) -> Vec<oarlock_core::schema::Table> {
        self.shared.published.load().live().map(|table| table.def.stored.table.clone()).collect()
    }

    /// Gives a table as the store is at each call. A write is a transaction of its own, which is durable when the call returns.
    pub fn table<R: Record>(&self) -> Table<'_, R, Self> {
        Table::new(self)
    }

    /// Gives the store as it is now: nothing that is committed later is seen. It costs nothing, and holds the memory of what is replaced meanwhile.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::new(self.shared.published.load_full())
    }

    /// Begins a transaction with snapshot isolation.
    pub fn begin(&self) -> Transaction {
        self.begin_with(Isolation::Snapshot)
    }

    /// Begins a transaction.
    pub fn begin_with(&self, isolation: Isolation) -> Transaction {
        let base = self.shared.published.load_full();
        let work = Work::new(base, self.shared.limits, isolation == Isolation::Serializable);
        Transaction::new(work, Arc::clone(&self.shared))
    }

    /// Carries a transaction out, and again where others have changed what it stands on. It is rolled back where the function fails.
    ///
    /// # Errors
    ///
    /// The function's own, and that of the commit: [`Transaction::commit`]. A transaction that has lost a hundred times gives up with its
    /// `SerializationFailure`.
    pub fn transaction<T>(&self, act: impl FnMut(&Transaction) -> Result<T>) -> Result<T> {
        self.transaction_with(Isolation::Snapshot, act)
    }

    /// Carries a transaction out as [`transaction`](Self::transaction) does, in an isolation.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn transaction_with<T>(
        &self,
        isolation: Isolation,
        mut act: impl FnMut(&Transaction) -> Result<T>,
    ) -> Result<T> {
        self.retrying(|store| {
            let tx = store.begin_with(isolation);
            let result = act(&tx)?;
            tx.commit()?;
            Ok(result)
        })
    }

    /// Calls a function again as long as it fails for others were first.
    pub(crate) fn retrying<T>(&self, mut act: impl FnMut(&Self) -> Result<T>) -> Result<T> {
        const TIMES: u32 = 100;
        for lost in 0..TIMES {
            match act(self) {
                Err(error) if error.is_retryable() && lost + 1 < TIMES => {
                    // The longer it has lost, the longer it lets others go ahead.
                    if lost < 8 {
                        std::thread::yield_now();
                    } else {
                        std::thread::sleep(std::time::Duration::from_micros(u64::from(lost) * 20));
                    }
                }
                other => return other,
            }
        }
        Err(conflict("it has lost against others each time"))
    }

    /// Makes all durable, writes what makes the next opening faster, and takes no more commits, on no handle.
    ///
    /// Where the options say how much history is kept, and what is older takes at least a quarter of the file, it is left out first, as by
    /// [`pack_retained`](Self::pack_retained). That writes the file anew; by this measure at most four bytes for each that goes.
    ///
    /// # Errors
    ///
    /// `Io` where writing fails.
    pub fn close(self) -> Result<()> {
        let packed = self.pack_at_close();
        self.shared.close()?;
        packed.map_err(|error| error.context("leaving out old history failed, with all commits safe"))
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl Shared {
    pub(crate) fn published(&self) -> arc_swap::Guard<Arc<State>> {
        self.published.load()
    }

    /// Makes a transaction's work part of the store. `None` where it has done nothing.
    pub(crate) fn commit(&self, work: &mut Work, note: Option<&str>) -> Result<Option<Commit>> {
        work.check_deferred()?;
        if work.is_empty() {
            return Ok(None);
        }
        if self.read_only {
            return Err(Error::new(ErrorKind::ReadOnly, "the store was opened for reading"));
        }
        let length = note.map_or(0, str::len);
        let length = u16::try_from(length).map_err(|_| {
            Error::new(ErrorKind::OutOfRange, format!("the note has {length} bytes, and at most 65535 are possible"))
        })?;
        work.payload[..PREFIX].copy_from_slice(&length.to_le_bytes());
        work.forget_savepoints();
        let mut latest = self.latest();
        let mut state =
            if Arc::ptr_eq(&latest, &work.base) { std::mem::take(&mut work.state) } else { work.rebase(&latest)? };
        let appended = self.log.append(latest.transaction, note, std::mem::take(&mut work.payload))?;
        let new = Arc::make_mut(&mut state);
        new.settle(&latest, appended.place);
        (new.transaction, new.time) = (appended.transaction, appended.time);
        *latest = Arc::clone(&state);
        drop(latest);
        self.log.wait(appended)?;
        self.publish(state);
        Ok(Some(Commit { transaction: appended.transaction, time: appended.time }))
    }

    /// Takes the lock that orders transactions. Where the log has withdrawn what it could not write, it first puts back the state before that.
    pub(crate) fn latest(&self) -> MutexGuard<'_, Arc<State>> {
        loop {
            let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
            let last = self.log.last().0;
            if latest.transaction != last {
                *latest = self.published.load_full();
            }
            if latest.transaction == last {
                return latest;
            }
            // Whoever has committed that one is about to show it to readers.
            drop(latest);
            std::thread::yield_now();
        }
    }

    /// Shows readers a state, unless they see a newer one.
    pub(crate) fn publish(&self, state: Arc<State>) {
        self.published.rcu(|seen| {
            let is_newer = (seen.transaction, seen.epoch) < (state.transaction, state.epoch);
            Arc::clone(if is_newer { &state } else { seen })
        });
    }

    fn close(&self) -> Result<()> {
        let latest = self.latest();
        // The lock is held until the log is closed: nothing may be appended that is not in the image.
        self.log.close(Some(&mut |out| image::write(&latest, out)))
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("log", &self.shared.log).finish_non_exhaustive()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("log", &self.log).finish_non_exhaustive()
    }
}

/// What a file is read into.
struct Loader {
    state: State,
    history: bool,
}

impl Replay for Loader {
    fn snapshot(&mut self, snapshot: &mut dyn std::io::Read, frames: &mut Former<'_, '_>) -> Result<bool> {
        let state = image::read(snapshot, frames, self.history)?;
        let found = state.is_some();
        self.state = state.unwrap_or_default();
        Ok(found)
    }

    fn frame(&mut self, frame: Frame<'_>) -> Result<()> {
        self.state.replay_frame(&frame, self.history)
    }
}

/// Gives the definitions that have to change for tables to be what is said of them.
fn changed(state: &State, tables: &[oarlock_core::schema::Table]) -> Result<Vec<Stored>> {
    let full = || Error::new(ErrorKind::OutOfRange, "there are no more numbers for tables");
    let mut numbers = u32::try_from(state.tables.len()).map_err(|_| full())?..;
    let mut changed = Vec::new();
    let mut renamed = Vec::new();
    for table in tables {
        let former = table.renamed_from.as_deref().filter(|former| !tables.iter().any(|other| other.name == *former));
        let slot = state.find(&table.name).or_else(|| state.find(former?));
        let Some(slot) = slot else {
            changed.push(new_table(numbers.next().ok_or_else(full)?, table.clone()));
            continue;
        };
        let old = &state.table(slot)?.def.stored;
        if old.table.name != table.name {
            renamed.push((old.table.name.clone(), table.name.clone()));
        }
        changed.extend(evolved(old, table.clone()));
    }
    // What refers to a renamed table refers to it by its new name.
    for table in state.live() {
        let stored = &table.def.stored;
        if renamed.is_empty() || changed.iter().any(|changed| changed.id == stored.id) {
            continue;
        }
        let mut moved = stored.table.clone();
        for key in &mut moved.foreign_keys {
            if let Some((_, new)) = renamed.iter().find(|(old, _)| *old == key.references.name) {
                key.references.name.clone_from(new);
            }
        }
        changed.extend(evolved(stored, moved));
    }
    Ok(changed)
}

#[cold]
pub(crate) fn unknown_table(name: &str) -> Error {
    Error::new(ErrorKind::TableNotFound, format!("there is no table {name} in the store"))
        .with_table(name)
        .with_hint("call `define` with its record after opening")
}
