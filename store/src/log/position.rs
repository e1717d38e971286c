//! How far frames were read or written, and what follows on it.

use oarlock_core::Result;

use super::format::{FIRST_FRAME, FileHeader, FrameHeader, Kind};
use super::frames::{Frames, Stop, Whole};

/// The end of a series of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// The number and the time of the last one.
    pub(super) transaction: u64,
    pub(super) time: i64,
    /// Where the next one goes.
    pub(super) end: u64,
    /// By what the last one is known again.
    pub(super) last: Last,
    /// Whether the state that the file begins with is complete.
    pub(super) based: bool,
}

/// By what a frame is known again: where it stands, and the check of its body. Zeros where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Last {
    pub(super) place: u64,
    pub(super) check: u64,
}

impl Position {
    /// Gives the position before the first frame.
    pub(super) fn first(header: &FileHeader) -> Self {
        let based = header.base == 0;
        Self { transaction: header.base, time: i64::MIN, end: FIRST_FRAME, last: Last::default(), based }
    }

    /// Reads the frame that follows; a whole one that is out of turn is none.
    pub(super) fn read<'f>(&self, frames: &'f mut Frames<'_>) -> Result<Result<Whole<'f>, Stop>> {
        let frame = frames.at(self.end)?;
        Ok(frame.and_then(|frame| if self.is_followed_by(&frame.header) { Ok(frame) } else { Err(Stop::Order) }))
    }

    /// Goes on behind a frame that follows.
    pub(super) fn pass(&mut self, header: &FrameHeader) {
        self.transaction = header.transaction;
        self.time = header.time;
        self.last = Last { place: self.end, check: header.body_check };
        self.end += header.frame_length();
        self.based |= header.kind == Kind::BaseEnd;
    }

    pub(super) fn is_followed_by(&self, header: &FrameHeader) -> bool {
        let number = match header.kind {
            Kind::Commit => self.based && self.transaction.checked_add(1) == Some(header.transaction),
            Kind::Base | Kind::BaseEnd => !self.based && header.transaction == self.transaction,
        };
        number && header.time >= self.time
    }
}
