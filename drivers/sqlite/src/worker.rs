//! The threads on which statements run that are not known to be short: tokio's blocking pool.
//!
//! Not threads of our own: a statement whose reader is slow holds its thread until it is read, so a small pool would come
//! to a halt when that reader waits for another statement. Tokio's pool grows on demand, up to 512 by default.

use tokio::runtime::Handle;

/// Runs a job on a thread that may block. Outside of a runtime, on a thread of its own.
pub(crate) fn spawn(job: impl FnOnce() + Send + 'static) {
    match Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(job)),
        Err(_) => drop(std::thread::spawn(job)),
    }
}
