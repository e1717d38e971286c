//! What a proof has counted, for whoever runs it by `tests/reliability`.

use std::fs::OpenOptions;
use std::io::Write;

/// Adds a line to the file that `OARLOCK_RELIABILITY_REPORT` names, where it names one.
///
/// # Panics
///
/// When the file cannot be written.
pub fn report(counted: &str) {
    let Some(path) = std::env::var_os("OARLOCK_RELIABILITY_REPORT") else { return };
    let file = OpenOptions::new().append(true).create(true).open(path);
    let written = file.and_then(|mut file| writeln!(file, "{counted}"));
    written.unwrap_or_else(|error| panic!("what was counted cannot be reported: {error}"));
}
