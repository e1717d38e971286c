//! How a store is opened.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use oarlock_core::Result;

use crate::log::{Access, LogOptions, OnDamage, SyncMode};
use crate::retention::Retention;
use crate::storage::{Files, Memory, Storage};
use crate::store::Store;
use crate::work::Limits;

/// How a store is opened: [`Store::options`].
///
/// ```no_run
/// use oarlock_store::{Store, SyncMode};
///
/// let store = Store::options().sync(SyncMode::Normal).memory_limit(512 << 20).open("site.store")?;
/// # Ok::<(), oarlock_core::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "options open nothing by themselves"]
pub struct Options {
    log: LogOptions,
    limits: Limits,
    retention: Retention,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            log: LogOptions::default(),
            limits: Limits { memory: Self::MEMORY, history: true },
            retention: Retention::default(),
        }
    }
}

impl Options {
    /// The bytes of memory that records and indexes may take unless an option says otherwise: 4 GiB.
    #[cfg(target_pointer_width = "64")]
    pub const MEMORY: usize = 4 << 30;
    /// The bytes of memory that records and indexes may take unless an option says otherwise: 1 GiB.
    #[cfg(not(target_pointer_width = "64"))]
    pub const MEMORY: usize = 1 << 30;

    /// Sets when a commit is told to have succeeded.
    pub fn sync(mut self, mode: SyncMode) -> Self {
        self.log.sync = mode;
        self
    }

    /// Sets how many bytes of memory records and indexes may take. It is an estimate, within a tenth or so of what the allocator is asked for. A
    /// write past it is a `ResourcesExhausted` error; opening a file that is past it is none, so that its records can be taken out.
    pub fn memory_limit(mut self, bytes: usize) -> Self {
        self.limits.memory = bytes;
        self
    }

    /// Keeps so much of the history: the store as it was at any time within it can be had. What is older goes when the store is packed by
    /// [`Store::pack_retained`], and by [`Store::close`] where that is worth it; never by a commit. Unless it is set here or by
    /// [`keep_transactions`](Self::keep_transactions), all history is kept.
    pub fn keep_for(mut self, time: Duration) -> Self {
        self.retention.time = Some(time);
        self
    }

    /// Keeps so many of the last transactions, as [`keep_for`](Self::keep_for) does those of a time; 0 keeps the present state alone. Where both are
    /// set, a transaction goes only when neither keeps it.
    pub fn keep_transactions(mut self, number: u64) -> Self {
        self.retention.transactions = Some(number);
        self
    }

    /// Leaves out what earlier versions of records are found by: transactions write a little less, and deleted records take no memory. The
    /// transactions themselves stay in the file until it is packed, as [`keep_transactions`](Self::keep_transactions) has it do.
    pub fn without_history(mut self) -> Self {
        self.limits.history = false;
        self
    }

    /// Opens the store for reading: nothing is written and nothing locked, and another process may have it open. What that one commits later is
    /// not seen.
    pub fn read_only(mut self) -> Self {
        self.log.access = Access::Read;
        self
    }

    /// Goes on where acknowledged transactions cannot be read any more, with what was committed before: what follows is kept aside in a file.
    pub fn keep_damage_aside(mut self) -> Self {
        self.log.on_damage = OnDamage::KeepAside;
        self
    }

    /// Opens the store of a file, which is made where it is missing. All of it is read: a million records take about a second, and after a clean
    /// [`close`](Store::close) less.
    ///
    /// # Errors
    ///
    /// `LockTimeout` where it is open already, with the holder named; `Io` where the file is no store or damaged; `NotSupported` for the format
    /// of a later version.
    pub fn open(self, path: impl AsRef<Path>) -> Result<Store> {
        self.open_on(Arc::new(Files), path)
    }

    /// Opens a store that is gone with its last handle: for tests.
    ///
    /// # Errors
    ///
    /// None that are known.
    pub fn in_memory(mut self) -> Result<Store> {
        self.log.sync = SyncMode::Off;
        self.open_on(Arc::new(Memory::default()), "memory")
    }

    /// Opens the store of a file in a storage of the program's own.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_on(self, storage: Arc<dyn Storage>, path: impl AsRef<Path>) -> Result<Store> {
        Store::open_with(storage, path.as_ref(), self.log, self.limits, self.retention)
    }
}
