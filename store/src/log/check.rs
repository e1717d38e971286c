//! Reading a file from its first byte to its last, and telling all that is wrong with it.

use std::path::Path;

use oarlock_core::{Error, Result};

use super::format::Kind;
use super::frames::{Frames, Stop};
use super::open::read_header;
use super::position::Position;
use super::snapshot::Snapshot;
use super::tail::{self, Tail};
use super::{Frame, failure};
use crate::storage::{Open, Storage};

/// What a file holds, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileCheck {
    /// The transaction whose state the file begins with; 0 when it has all that there were.
    pub base: u64,
    /// The last transaction that can be reached.
    pub transaction: u64,
    /// When it was committed, in microseconds since 1970.
    pub time: i64,
    /// How many bytes are used up to there.
    pub used: u64,
    /// How long the file is, with what it was filled with for commits to come.
    pub length: u64,
    /// How many bytes an interrupted commit has left at the end. They are no problem: opening the store cuts them off.
    pub interrupted: u64,
    /// Whether there is a snapshot of a clean close that fits.
    pub index: bool,
    /// What is wrong; nothing, for a good file.
    pub problems: Vec<Problem>,
}

/// Something that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The byte in the file.
    pub place: u64,
    /// What is wrong there.
    pub message: String,
}

impl Problem {
    pub(crate) fn new(place: u64, message: impl Into<String>) -> Self {
        Self { place, message: message.into() }
    }
}

/// Reads all of a file without a lock and without changing anything, and gives every frame to the layer above, whose errors count as problems.
/// What was committed meanwhile is seen or not.
///
/// # Errors
///
/// What reading gives; `Io` with SQLSTATE `XX001` when the header cannot be read.
pub(crate) fn check(
    storage: &dyn Storage,
    path: &Path,
    each: &mut dyn FnMut(Frame<'_>) -> Result<()>,
) -> Result<FileCheck> {
    let in_store = |error: Error| error.context(format_args!("the store {}", path.display()));
    let failed = |error| in_store(failure::io("opening it failed", error));
    let file = storage.open(path, Open::Read).map_err(failed)?;
    let length = file.length().map_err(failed)?;
    let header = read_header(&*file).map_err(in_store)?;
    let mut frames = Frames::new(&*file, &header, length);
    let mut position = Position::first(&header);
    let mut problems = Vec::new();
    let stop = loop {
        let frame = match position.read(&mut frames).map_err(in_store)? {
            Ok(frame) => frame,
            Err(stop) => break stop,
        };
        if frame.header.kind != Kind::BaseEnd
            && let Err(error) = each(frame.frame())
        {
            let message = format!("transaction {}: {error}", frame.header.transaction);
            problems.push(Problem { place: frame.place, message });
        }
        let header = frame.header;
        position.pass(&header);
    };
    let Position { transaction, time, end, based, .. } = position;
    if !based {
        let message = format!("the state after transaction {transaction}, which the file begins with, is not complete");
        problems.push(Problem { place: end, message });
    }
    let what = match stop {
        Stop::Empty | Stop::Header => "the header of a frame cannot be read".to_owned(),
        Stop::Body(header) => format!("the body of transaction {} does not fit its checksum", header.transaction),
        Stop::Order => format!("a frame does not follow on transaction {transaction}"),
    };
    let mut interrupted = 0;
    match tail::examine(&mut frames, end, transaction, length).map_err(in_store)? {
        Tail::Empty => {}
        Tail::Torn { length } => interrupted = length,
        Tail::Odd { length } => {
            let message =
                format!("{what}, and the {length} bytes from here on are not what an interrupted commit leaves");
            problems.push(Problem { place: end, message });
        }
        Tail::Damaged { length, transaction } => {
            let message = format!("{what}, and transaction {transaction} stands in the {length} bytes from here on");
            problems.push(Problem { place: end, message });
        }
    }
    let index = Snapshot::find(storage, path, &*file, &header, length).is_some();
    Ok(FileCheck { base: header.base, transaction, time, used: end, length, interrupted, index, problems })
}
