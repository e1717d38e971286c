//! The bytes of the file: its header, and the header of a frame. `docs/store-format.md` is the same in words.

use oarlock_core::{Error, ErrorKind, Result};
use twox_hash::XxHash3_64;

/// What the file begins with.
const MAGIC: [u8; 8] = *b"oarlock\0";

/// The version of the format that is written. A reader refuses a later one.
pub(crate) const VERSION: u16 = 1;

/// How long the header of the file is.
pub(crate) const FILE_HEADER: usize = 64;

/// Where the first frame stands.
pub(crate) const FIRST_FRAME: u64 = FILE_HEADER as u64;

/// How long the header of a frame is.
pub(crate) const FRAME_HEADER: usize = 40;

/// Where the transaction's number stands in it.
pub(crate) const TRANSACTION: u64 = 16;

/// Frames begin at multiples of this.
const ALIGNMENT: usize = 8;

/// The longest body of a frame, note and payload together.
const LONGEST_BODY: usize = u32::MAX as usize;

/// The longest note.
const LONGEST_NOTE: usize = u16::MAX as usize;

/// What stands at the beginning of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileHeader {
    /// The store, the same in all its files and backups.
    pub(crate) id: [u8; 16],
    /// This file of the store's. Checks are seeded by it, so that bytes of other files are no frames of this one.
    pub(crate) salt: u64,
    /// The transaction whose state the file begins with; 0 when it begins with nothing.
    pub(crate) base: u64,
    /// When the store was made, in microseconds since 1970.
    pub(crate) created: i64,
}

impl FileHeader {
    pub(crate) fn encode(&self) -> [u8; FILE_HEADER] {
        let mut bytes = [0; FILE_HEADER];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
        // 10..16: flags, of which there are none yet.
        bytes[16..32].copy_from_slice(&self.id);
        bytes[32..40].copy_from_slice(&self.salt.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.base.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.created.to_le_bytes());
        let check = XxHash3_64::oneshot(&bytes[..56]);
        bytes[56..].copy_from_slice(&check.to_le_bytes());
        bytes
    }

    /// Reads the header; `bytes` may be shorter, where the file is.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        if !bytes.starts_with(&MAGIC) {
            return Err(damaged("it is not a store: it does not begin with the word oarlock"));
        }
        let Some(bytes) = bytes.first_chunk::<FILE_HEADER>() else {
            return Err(damaged(format!("it ends within its header, after {} bytes", bytes.len())));
        };
        if u64_at(bytes, 56) != XxHash3_64::oneshot(&bytes[..56]) {
            return Err(damaged("its header is damaged: the checksum of the first 56 bytes differs"));
        }
        let (version, flags) = (u16_at(bytes, 8), &bytes[10..16]);
        if version != VERSION || flags != [0; 6] {
            return Err(Error::not_supported(format!(
                "it has format {version} with flags {flags:02x?}, and this version of oarlock reads format {VERSION} without flags"
            )));
        }
        let mut id = [0; 16];
        id.copy_from_slice(&bytes[16..32]);
        Ok(Self { id, salt: u64_at(bytes, 32), base: u64_at(bytes, 40), created: u64_at(bytes, 48).cast_signed() })
    }
}

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One transaction.
    Commit,
    /// A part of the state that the file begins with, in place of the transactions that led to it.
    Base,
    /// Nothing; the state that the file begins with is complete.
    BaseEnd,
}

impl Kind {
    fn code(self) -> u8 {
        match self {
            Self::Commit => 1,
            Self::Base => 2,
            Self::BaseEnd => 3,
        }
    }
}

/// How far the file was durable when a frame was made, as bytes before the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unsynced(u32);

impl Unsynced {
    /// Nothing is known to have been durable.
    pub(crate) const ALL: Self = Self(u32::MAX);

    /// For a frame at `place` in a file that is durable up to `durable`.
    pub(crate) fn new(place: u64, durable: u64) -> Self {
        u32::try_from((place - durable) / ALIGNMENT as u64).map_or(Self::ALL, Self)
    }

    /// Gives up to where the file was durable when the frame at `place` was made.
    pub(crate) fn durable(self, place: u64) -> u64 {
        if self == Self::ALL { 0 } else { place.saturating_sub(u64::from(self.0) * ALIGNMENT as u64) }
    }
}

/// The header of a frame, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) body: u32,
    pub(crate) body_check: u64,
    pub(crate) transaction: u64,
    pub(crate) time: i64,
    pub(crate) unsynced: Unsynced,
    pub(crate) note: u16,
    pub(crate) kind: Kind,
}

impl FrameHeader {
    pub(crate) fn encode(&self, salt: u64) -> [u8; FRAME_HEADER] {
        let mut bytes = [0; FRAME_HEADER];
        bytes[4..8].copy_from_slice(&self.body.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.body_check.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.transaction.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.time.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.unsynced.0.to_le_bytes());
        bytes[36..38].copy_from_slice(&self.note.to_le_bytes());
        bytes[38] = self.kind.code();
        let check = header_check(&bytes, salt);
        bytes[..4].copy_from_slice(&check);
        bytes
    }

    /// Reads a header; none where its check does not fit.
    ///
    /// # Errors
    ///
    /// `NotSupported` for a whole header with a kind or flag that this version does not know.
    pub(crate) fn decode(bytes: &[u8; FRAME_HEADER], salt: u64) -> Result<Option<Self>> {
        if bytes[..4] != header_check(bytes, salt) {
            return Ok(None);
        }
        let kind = match (bytes[38], bytes[39]) {
            (1, 0) => Kind::Commit,
            (2, 0) => Kind::Base,
            (3, 0) => Kind::BaseEnd,
            (kind, flags) => {
                return Err(Error::not_supported(format!(
                    "a frame has kind {kind} with flags {flags}, which this version of oarlock does not know"
                )));
            }
        };
        let header = Self {
            body: u32_at(bytes, 4),
            body_check: u64_at(bytes, 8),
            transaction: u64_at(bytes, 16),
            time: u64_at(bytes, 24).cast_signed(),
            unsynced: Unsynced(u32_at(bytes, 32)),
            note: u16_at(bytes, 36),
            kind,
        };
        Ok((u32::from(header.note) <= header.body).then_some(header))
    }

    /// Gives where the payload stands in a frame at a place.
    pub(crate) fn payload_place(&self, place: u64) -> u64 {
        place + FRAME_HEADER as u64 + u64::from(self.note)
    }

    /// Gives how long the frame is, header and padding included.
    pub(crate) fn frame_length(&self) -> u64 {
        (FRAME_HEADER as u64 + u64::from(self.body)).next_multiple_of(ALIGNMENT as u64)
    }
}

/// What is said of a frame beside its note and its payload.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    pub(crate) kind: Kind,
    pub(crate) transaction: u64,
    pub(crate) time: i64,
    pub(crate) unsynced: Unsynced,
}

/// Puts a frame behind what a buffer holds, and gives its header.
///
/// # Errors
///
/// `OutOfRange` for a frame longer than 4 GiB or a note longer than 64 KiB; the buffer is as it was.
pub(crate) fn put_frame(
    buffer: &mut Vec<u8>,
    stamp: Stamp,
    note: Option<&str>,
    payload: &[u8],
    salt: u64,
) -> Result<FrameHeader> {
    let note = note.unwrap_or_default();
    let lengths = Lengths::of(note, payload)?;
    let start = buffer.len();
    buffer.reserve(FRAME_HEADER + lengths.body() + lengths.padding());
    buffer.extend_from_slice(&[0; FRAME_HEADER]);
    buffer.extend_from_slice(note.as_bytes());
    buffer.extend_from_slice(payload);
    let header = lengths.header(stamp, body_check(&buffer[start + FRAME_HEADER..], salt));
    buffer[start..start + FRAME_HEADER].copy_from_slice(&header.encode(salt));
    buffer.resize(buffer.len() + lengths.padding(), 0);
    Ok(header)
}

/// Makes a frame of a payload where it is: gives its header, and all that follows the header.
///
/// # Errors
///
/// As [`put_frame`].
pub(crate) fn frame_of(
    stamp: Stamp,
    note: Option<&str>,
    mut payload: Vec<u8>,
    salt: u64,
) -> Result<(FrameHeader, Vec<u8>)> {
    let note = note.unwrap_or_default();
    let lengths = Lengths::of(note, &payload)?;
    payload.splice(..0, note.bytes());
    let header = lengths.header(stamp, body_check(&payload, salt));
    payload.resize(payload.len() + lengths.padding(), 0);
    Ok((header, payload))
}

/// How long the parts of a frame are.
struct Lengths {
    note: u16,
    body: u32,
}

impl Lengths {
    fn of(note: &str, payload: &[u8]) -> Result<Self> {
        let too_long = |what: &str, length: usize, most: usize| {
            Error::new(ErrorKind::OutOfRange, format!("{what} has {length} bytes, and at most {most} are possible"))
        };
        let length = note.len() + payload.len();
        let note = u16::try_from(note.len()).map_err(|_| too_long("the note", note.len(), LONGEST_NOTE))?;
        let body = u32::try_from(length).map_err(|_| too_long("the transaction", length, LONGEST_BODY))?;
        Ok(Self { note, body })
    }

    fn body(&self) -> usize {
        self.body as usize
    }

    fn padding(&self) -> usize {
        let length = FRAME_HEADER + self.body();
        length.next_multiple_of(ALIGNMENT) - length
    }

    fn header(&self, stamp: Stamp, body_check: u64) -> FrameHeader {
        let Stamp { kind, transaction, time, unsynced } = stamp;
        FrameHeader { body: self.body, body_check, transaction, time, unsynced, note: self.note, kind }
    }
}

/// Gives the check of a body.
pub(crate) fn body_check(body: &[u8], salt: u64) -> u64 {
    XxHash3_64::oneshot_with_seed(salt, body)
}

fn header_check(bytes: &[u8; FRAME_HEADER], salt: u64) -> [u8; 4] {
    let [a, b, c, d, ..] = XxHash3_64::oneshot_with_seed(salt, &bytes[4..]).to_le_bytes();
    [a, b, c, d]
}

/// Makes the error of a file whose bytes are not what was written; SQLSTATE `XX001` is PostgreSQL's for the same.
pub(crate) fn damaged(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Io, message).with_sqlstate("XX001")
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

/// Makes the checks right of a file's header and of everything behind it that can be taken for a frame: so a reader that looks at them takes the
/// file for what one would that does not, and a hostile file gets as far as it can.
#[cfg(any(test, feature = "simulation"))]
pub fn make_checks_right(content: &mut [u8]) {
    let Some(header) = content.first_chunk_mut::<FILE_HEADER>() else { return };
    let check = XxHash3_64::oneshot(&header[..56]);
    header[56..].copy_from_slice(&check.to_le_bytes());
    let Ok(file) = FileHeader::decode(content) else { return };
    let mut at = FILE_HEADER;
    while let Some(bytes) = content.get(at..).and_then(<[u8]>::first_chunk::<FRAME_HEADER>) {
        let body = at + FRAME_HEADER;
        let length = u32_at(bytes, 4) as usize;
        let Some(check) = content.get(body..body + length).map(|body| body_check(body, file.salt)) else { return };
        if u64_at(bytes, 16) == 0 {
            return;
        }
        content[at + 8..at + 16].copy_from_slice(&check.to_le_bytes());
        if let Some(header) = content[at..].first_chunk_mut::<FRAME_HEADER>() {
            let check = header_check(header, file.salt);
            header[..4].copy_from_slice(&check);
        }
        at = (body + length).next_multiple_of(ALIGNMENT);
    }
}
