//! Reading the frames of an open log again, for history, packing and backups.

use oarlock_core::Result;

use super::format::{FIRST_FRAME, Kind, damaged};
use super::frames::Frames;
use super::{Frame, Reader};

impl Reader {
    /// Begins to read the frames that are acknowledged by now, from the first or from where an earlier scan ended. The file is read in
    /// large pieces, and every frame is checked.
    pub(crate) fn scan(&self, from: Option<u64>) -> Scan<'_> {
        let end = self.acknowledged();
        let frames = Frames::new(&*self.generation.file, &self.generation.header, end);
        Scan { frames, place: from.unwrap_or(FIRST_FRAME), end }
    }
}

/// Frames one after the other.
#[derive(Debug)]
pub(crate) struct Scan<'a> {
    frames: Frames<'a>,
    place: u64,
    end: u64,
}

impl Scan<'_> {
    /// Gives where the next frame begins.
    pub(crate) fn place(&self) -> u64 {
        self.place
    }

    /// Gives the next frame.
    ///
    /// # Errors
    ///
    /// What reading gives; `Io` with SQLSTATE `XX001` for a frame that cannot be read any more.
    pub(crate) fn next(&mut self) -> Result<Option<Frame<'_>>> {
        while self.place < self.end {
            let place = self.place;
            let header = match self.frames.at(place)? {
                Ok(whole) => whole.header,
                Err(_) => return Err(damaged(format!("the frame at byte {place} cannot be read any more"))),
            };
            self.place += header.frame_length();
            if header.kind != Kind::BaseEnd {
                return Ok(self.frames.at(place)?.ok().map(|whole| whole.frame()));
            }
        }
        Ok(None)
    }
}
