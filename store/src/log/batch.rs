//! Frames that are written in one go.

use std::borrow::Cow;

use oarlock_core::Result;

use super::format::{FrameHeader, Stamp, frame_of, put_frame};

/// A payload from this size on is written from where it is: to copy it would take longer than another call of the system. The proofs try both ways.
const LARGE: usize = if cfg!(test) { 1_000 } else { 128 << 10 };

/// A buffer larger than this is not kept for the next batch.
const LARGEST_SPARE: usize = 1 << 20;

/// Frames behind each other, in pieces.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pieces: Vec<Vec<u8>>,
    length: usize,
    /// Whether the last piece takes more.
    open: bool,
}

impl Batch {
    /// Gives how many bytes it has.
    pub(super) const fn len(&self) -> usize {
        self.length
    }

    pub(super) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.pieces.iter().map(Vec::as_slice)
    }

    /// Puts a frame behind the others, and gives its header.
    ///
    /// # Errors
    ///
    /// As [`put_frame`]; the batch is as it was.
    pub(super) fn put(
        &mut self,
        stamp: Stamp,
        note: Option<&str>,
        payload: Cow<'_, [u8]>,
        salt: u64,
    ) -> Result<FrameHeader> {
        let header = match payload {
            Cow::Owned(payload) if payload.len() >= LARGE => {
                let (header, body) = frame_of(stamp, note, payload, salt)?;
                self.last().extend_from_slice(&header.encode(salt));
                self.pieces.push(body);
                self.open = false;
                header
            }
            payload => put_frame(self.last(), stamp, note, &payload, salt)?,
        };
        self.length += usize::try_from(header.frame_length()).unwrap_or(usize::MAX);
        Ok(header)
    }

    /// Gives the piece that takes what comes next.
    fn last(&mut self) -> &mut Vec<u8> {
        if !self.open {
            self.pieces.push(Vec::new());
            self.open = true;
        }
        let last = self.pieces.len() - 1;
        &mut self.pieces[last]
    }

    /// Gives bytes from a place within the batch on.
    pub(super) fn get(&self, from: usize, length: usize) -> Option<Vec<u8>> {
        if from.checked_add(length)? > self.length {
            return None;
        }
        let (mut bytes, mut before) = (Vec::with_capacity(length), from);
        for piece in self.pieces() {
            let own = piece.get(before..).unwrap_or_default();
            bytes.extend_from_slice(&own[..own.len().min(length - bytes.len())]);
            before = before.saturating_sub(piece.len());
        }
        Some(bytes)
    }

    pub(super) fn clear(&mut self) {
        self.pieces.truncate(1);
        self.pieces.retain_mut(|piece| {
            piece.clear();
            piece.capacity() <= LARGEST_SPARE
        });
        self.open = !self.pieces.is_empty();
        self.length = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::super::format::{Kind, Unsynced};
    use super::*;

    /// A batch has to be what its frames are one behind the other, whichever of them are written from where they are.
    #[test]
    fn frames_are_the_same_in_pieces() {
        let (mut batch, mut whole) = (Batch::default(), Vec::new());
        // Used again, it begins with what it had room for.
        for round in 0..2_u64 {
            let lengths = [3, 5, LARGE, 7, LARGE + 1, LARGE + 2, 0];
            for (transaction, length) in (1..).zip(lengths) {
                let stamp = Stamp { kind: Kind::Commit, transaction, time: 5, unsynced: Unsynced::new(64, 64) };
                let note = (transaction % 2 == round).then_some("said of it");
                let payload = vec![length.to_le_bytes()[0]; length];
                let header = put_frame(&mut whole, stamp, note, &payload, 9).unwrap();
                assert_eq!(batch.put(stamp, note, payload.into(), 9).unwrap(), header);
            }
            assert_eq!(batch.pieces().count(), 7);
            assert_eq!((batch.pieces().collect::<Vec<_>>().concat(), batch.len()), (whole.clone(), whole.len()));
            for from in 0..=whole.len() {
                for length in [0, 1, 40, 150, 300] {
                    let expected = whole.get(from..from + length).map(<[u8]>::to_vec);
                    assert_eq!(batch.get(from, length), expected, "{length} at {from}");
                }
            }
            batch.clear();
            whole.clear();
            assert_eq!((batch.len(), batch.get(0, 1)), (0, None));
        }
    }
}
