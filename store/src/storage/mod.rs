//! Where the store's bytes lie: few calls, so that a disk can be simulated and every failure of it tried.

mod files;
mod memory;
#[cfg(any(test, feature = "simulation"))]
pub mod simulated;

use std::fmt;
use std::io;
use std::path::Path;

pub use files::Files;
pub use memory::Memory;

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// For reading; nothing is changed.
    Read,
    /// For reading and writing; the file has to exist.
    Write,
    /// For reading and writing, empty: what was there is gone.
    New,
}

/// A place for files. [`Files`] is the operating system's, [`Memory`] forgets everything when it is dropped.
///
/// An implementation MUST be usable by many threads at once, and MUST NOT report as synced what a power failure could undo: the store promises
/// what its storage keeps.
pub trait Storage: fmt::Debug + Send + Sync {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// `NotFound` when it is missing and not to be made.
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn StorageFile>>;

    /// Renames a file over another, which may exist, in one step, and syncs the names: after a failure at any point the second name leads
    /// to the old file or to the new one.
    ///
    /// # Errors
    ///
    /// As the system tells.
    fn replace(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file. That it is gone need not be durable.
    ///
    /// # Errors
    ///
    /// `NotFound` when it is missing.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Takes the lock that a path stands for, against other processes and other holders in this one, and writes down who holds it.
    /// It is given back when the returned value is dropped, and when the process ends in whatever way.
    ///
    /// # Errors
    ///
    /// [`LockError::Held`] when somebody has it; nothing is waited for.
    fn lock(&self, path: &Path, holder: &str) -> Result<Box<dyn Lock>, LockError>;
}

/// One open file.
pub trait StorageFile: fmt::Debug + Send + Sync {
    /// Gives the length in bytes.
    ///
    /// # Errors
    ///
    /// As the system tells.
    fn length(&self) -> io::Result<u64>;

    /// Reads at an offset, and gives how many bytes; fewer than asked for only at the end of the file.
    ///
    /// # Errors
    ///
    /// As the system tells.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all bytes at an offset, which may lie at the end of the file. After an error, any part of them may have been written.
    ///
    /// # Errors
    ///
    /// As the system tells.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes what was written durable, with as much of the file's metadata as reading it back takes.
    ///
    /// # Errors
    ///
    /// As the system tells. What was written before may then be lost, whatever a later call says.
    fn sync_data(&self) -> io::Result<()>;

    /// Makes content, length and all metadata durable.
    ///
    /// # Errors
    ///
    /// As [`sync_data`](Self::sync_data).
    fn sync_all(&self) -> io::Result<()>;

    /// Cuts the file off.
    ///
    /// # Errors
    ///
    /// As the system tells.
    fn truncate(&self, length: u64) -> io::Result<()>;
}

/// A lock that is held until it is dropped.
pub trait Lock: fmt::Debug + Send + Sync {}

/// Why a lock was not had.
#[derive(Debug)]
pub enum LockError {
    /// Somebody holds it: what that holder wrote down, as far as it can be read.
    Held(String),
    /// The lock could not be tried.
    Failed(io::Error),
}

impl From<io::Error> for LockError {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

/// Reads exactly so many bytes.
pub(crate) fn read_exact_at(file: &dyn StorageFile, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    if file.read_at(buffer, offset)? == buffer.len() {
        return Ok(());
    }
    let message = format!("the file ends within the {} bytes at {offset}", buffer.len());
    Err(io::Error::new(io::ErrorKind::UnexpectedEof, message))
}
