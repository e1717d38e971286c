//! Reading frames one after the other.

use oarlock_core::Result;

use super::Frame;
use super::format::{FIRST_FRAME, FRAME_HEADER, FileHeader, FrameHeader, Kind, body_check};
use crate::storage::StorageFile;

/// How much is read at once, at the least.
const CHUNK: usize = 1 << 20;

/// Why there is no frame at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The file ends here, with less than a header left, or zeros stand where the header would.
    Empty,
    /// The check of the header does not fit.
    Header,
    /// A whole frame that does not follow on the one before.
    Order,
    /// The header is whole; the body is cut off by the end of the file, or its check does not fit.
    Body(FrameHeader),
}

/// A whole frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Whole<'a> {
    pub(crate) header: FrameHeader,
    /// Where its header stands.
    pub(crate) place: u64,
    /// Note and payload.
    pub(crate) body: &'a [u8],
}

impl<'a> Whole<'a> {
    /// Gives it as the layer above knows it.
    pub(crate) fn frame(&self) -> Frame<'a> {
        let FrameHeader { kind, transaction, time, note, .. } = self.header;
        let base = kind != Kind::Commit;
        let (note, payload) = self.body.split_at(usize::from(note));
        let note = if note.is_empty() { None } else { std::str::from_utf8(note).ok() };
        Frame { base, transaction, time, note, payload, place: self.header.payload_place(self.place) }
    }
}

/// The frames that were there when a snapshot was made.
#[derive(Debug)]
pub(crate) struct Former<'f, 'a> {
    frames: &'f mut Frames<'a>,
    place: u64,
    end: u64,
}

impl<'f, 'a> Former<'f, 'a> {
    pub(super) fn new(frames: &'f mut Frames<'a>, end: u64) -> Self {
        Self { frames, place: FIRST_FRAME, end }
    }

    /// Gives the frame that has the byte at a place, unless it stands before the one that was given last or is not whole. Those before it are
    /// passed over: their bodies are not looked at.
    ///
    /// # Errors
    ///
    /// What reading gives.
    pub(crate) fn with(&mut self, byte: u64) -> Result<Option<Frame<'_>>> {
        while self.place < self.end {
            let place = self.place;
            let Ok(header) = self.frames.head(place)? else { return Ok(None) };
            let end = place + header.frame_length();
            if byte < end {
                return Ok(self.frames.at(place)?.ok().map(|whole| whole.frame()));
            }
            self.place = end;
        }
        Ok(None)
    }
}

/// Reads a file's frames through a buffer of its own.
#[derive(Debug)]
pub(crate) struct Frames<'a> {
    file: &'a dyn StorageFile,
    header: &'a FileHeader,
    length: u64,
    buffer: Vec<u8>,
    /// Where the buffer's first byte stands in the file.
    start: u64,
}

impl<'a> Frames<'a> {
    /// Makes a reader of the file's first `length` bytes.
    pub(crate) fn new(file: &'a dyn StorageFile, header: &'a FileHeader, length: u64) -> Self {
        Self { file, header, length, buffer: Vec::new(), start: 0 }
    }

    pub(crate) fn header(&self) -> &'a FileHeader {
        self.header
    }

    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Gives the header of the frame at a place, or why there is none. The body is there as a whole, and is not looked at.
    ///
    /// # Errors
    ///
    /// As [`at`](Self::at).
    pub(crate) fn head(&mut self, place: u64) -> Result<Result<FrameHeader, Stop>> {
        let salt = self.header.salt;
        let Some(bytes) = self.bytes(place, FRAME_HEADER as u64)?.and_then(|bytes| bytes.first_chunk()) else {
            return Ok(Err(Stop::Empty));
        };
        let Some(header) = FrameHeader::decode(bytes, salt)? else {
            let empty = bytes.iter().all(|byte| *byte == 0);
            return Ok(Err(if empty { Stop::Empty } else { Stop::Header }));
        };
        // The zeros behind the body are a part of the frame: what follows is written behind them.
        if place.checked_add(header.frame_length()).is_none_or(|end| end > self.length) {
            return Ok(Err(Stop::Body(header)));
        }
        Ok(Ok(header))
    }

    /// Gives the frame at a place, or why there is none. Reading on from a frame's end costs no more than the bytes.
    ///
    /// # Errors
    ///
    /// What reading gives, and `NotSupported` for a frame of a later version.
    pub(crate) fn at(&mut self, place: u64) -> Result<Result<Whole<'_>, Stop>> {
        let salt = self.header.salt;
        let header = match self.head(place)? {
            Ok(header) => header,
            Err(stop) => return Ok(Err(stop)),
        };
        match self.bytes(place + FRAME_HEADER as u64, u64::from(header.body))? {
            Some(body) if body_check(body, salt) == header.body_check => Ok(Ok(Whole { header, place, body })),
            _ => Ok(Err(Stop::Body(header))),
        }
    }

    /// Gives bytes of the file, none where it ends before them.
    pub(crate) fn bytes(&mut self, place: u64, length: u64) -> Result<Option<&[u8]>> {
        let end = match place.checked_add(length) {
            Some(end) if end <= self.length => end,
            _ => return Ok(None),
        };
        if place < self.start || end > self.start + self.buffer.len() as u64 {
            let wanted = length.max(CHUNK as u64).min(self.length - place);
            let wanted = usize::try_from(wanted).map_err(|_| out_of_memory(length))?;
            self.buffer.try_reserve(wanted.saturating_sub(self.buffer.len())).map_err(|_| out_of_memory(length))?;
            let kept = self.keep_from(place);
            self.buffer.resize(wanted, 0);
            self.start = place;
            let read = self.file.read_at(&mut self.buffer[kept..], place + kept as u64);
            self.buffer.truncate(kept + read.as_ref().map_or(0, |read| *read));
            read.map_err(read_failed(place))?;
            if place + (self.buffer.len() as u64) < end {
                return Ok(None);
            }
        }
        let from = usize::try_from(place - self.start).map_err(|_| out_of_memory(length))?;
        let to = usize::try_from(end - self.start).map_err(|_| out_of_memory(length))?;
        Ok(Some(&self.buffer[from..to]))
    }

    /// Moves what the buffer has from a place on to its front, and gives how much that is: it need not be read again.
    fn keep_from(&mut self, place: u64) -> usize {
        let from = place.checked_sub(self.start).and_then(|from| usize::try_from(from).ok());
        let Some(from) = from.filter(|from| *from < self.buffer.len()) else { return 0 };
        self.buffer.copy_within(from.., 0);
        self.buffer.len() - from
    }
}

fn out_of_memory(length: u64) -> oarlock_core::Error {
    let message = format!("a frame of {length} bytes does not fit into memory");
    oarlock_core::Error::new(oarlock_core::ErrorKind::ResourcesExhausted, message)
}

fn read_failed(place: u64) -> impl Fn(std::io::Error) -> oarlock_core::Error {
    move |error| super::failure::io(format_args!("reading at byte {place} failed"), error)
}
