//! Reading the frames of an open log again, for history, packing and backups.

use oarlock_core::{Error, Result};

use super::format::{FIRST_FRAME, FRAME_HEADER, FrameHeader, Kind, damaged};
use super::frames::Frames;
use super::{Frame, Reader, failure};

impl Reader {
    /// Reads bytes of frames that are acknowledged, fewer at the end of the file.
    ///
    /// # Errors
    ///
    /// What reading gives.
    pub(crate) fn read_up_to(&self, place: u64, length: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        let mut read = 0;
        while read < length {
            let from = place.saturating_add(read as u64);
            match self.generation.file.read_at(&mut bytes[read..], from) {
                Ok(0) => break,
                Ok(count) => read += count,
                Err(error) => return Err(failure::io(format_args!("reading {length} bytes at {place} failed"), error)),
            }
        }
        bytes.truncate(read);
        Ok(bytes)
    }

    /// Tells of the frame whose payload stands at a place, behind a note of so many bytes.
    ///
    /// # Errors
    ///
    /// What reading gives; `Io` with SQLSTATE `XX001` where no frame is.
    pub(crate) fn told(&self, payload: u64, note: u16) -> Result<Told> {
        let length = FRAME_HEADER + usize::from(note);
        let lost = || damaged(format!("no frame has its payload at byte {payload}"));
        let start = payload.checked_sub(length as u64).ok_or_else(lost)?;
        let bytes = self.read(start, length)?;
        let (header, text) = bytes.split_first_chunk::<FRAME_HEADER>().ok_or_else(lost)?;
        let header = FrameHeader::decode(header, self.generation.header.salt)?.ok_or_else(lost)?;
        let note = if text.is_empty() { None } else { String::from_utf8(text.to_vec()).ok() };
        Ok(Told { transaction: header.transaction, time: header.time, note })
    }

    /// Begins to read the frames that are acknowledged by now, from the first or from where an earlier scan ended. The file is read in
    /// large pieces, and every frame is checked.
    pub(crate) fn scan(&self, from: Option<u64>) -> Scan<'_> {
        let end = self.acknowledged();
        let frames = Frames::new(&*self.generation.file, &self.generation.header, end);
        Scan { frames, place: from.unwrap_or(FIRST_FRAME), end }
    }
}

/// What a frame's head tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) transaction: u64,
    pub(crate) time: i64,
    pub(crate) note: Option<String>,
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

    /// Gives where the frames end that it reads.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Gives the next frame.
    ///
    /// # Errors
    ///
    /// What reading gives; `Io` with SQLSTATE `XX001` for a frame that cannot be read any more.
    pub(crate) fn next(&mut self) -> Result<Option<Frame<'_>>> {
        self.next_of(|_| Look::Take)
    }

    /// Gives the next of the frames that are wanted, by what their headers tell. Others are passed over: they cost a look at 40 bytes, and no
    /// check of more.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next).
    pub(crate) fn next_of(&mut self, mut look: impl FnMut(&Head) -> Look) -> Result<Option<Frame<'_>>> {
        while self.place < self.end {
            let place = self.place;
            let header = self.frames.head(place)?.map_err(|_| unreadable(place))?;
            let wanted = look(&Head::of(&header));
            if wanted == Look::Enough {
                break;
            }
            self.place += header.frame_length();
            if wanted == Look::Take && header.kind != Kind::BaseEnd {
                return self.frames.at(place)?.map(|whole| Some(whole.frame())).map_err(|_| unreadable(place));
            }
        }
        Ok(None)
    }

    /// Gives what the header of the next frame tells, as where it is passed over by [`next_of`](Self::next_of).
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next), of the header alone.
    pub(crate) fn head(&mut self) -> Result<Option<Head>> {
        if self.place >= self.end {
            return Ok(None);
        }
        let header = self.frames.head(self.place)?.map_err(|_| unreadable(self.place))?;
        self.place += header.frame_length();
        Ok(Some(Head::of(&header)))
    }
}

/// What is done about a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// It is read.
    Take,
    /// It is passed over.
    Pass,
    /// Neither it nor any after it is wanted.
    Enough,
}

/// What a frame's header tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// As [`Frame::base`].
    pub(crate) base: bool,
    pub(crate) transaction: u64,
    pub(crate) time: i64,
    /// How many bytes the frame takes.
    pub(crate) length: u64,
}

impl Head {
    fn of(header: &FrameHeader) -> Self {
        let FrameHeader { kind, transaction, time, .. } = *header;
        Self { base: kind != Kind::Commit, transaction, time, length: header.frame_length() }
    }
}

#[cold]
fn unreadable(place: u64) -> Error {
    damaged(format!("the frame at byte {place} cannot be read any more"))
}
