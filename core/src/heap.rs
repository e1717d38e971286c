//! The strings of a batch: one buffer for all cells, checked to be UTF-8 at once.
//!
//! Checking ten thousand short strings one by one costs more than decoding all else of their rows; checking the buffer that they
//! lie in costs next to nothing. A driver that copies cells into a batch of its own keeps their bytes here.

use crate::{Error, ErrorKind, Result};

/// Where a cell's bytes lie in a [`Heap`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    start: u32,
    len: u32,
}

/// The bytes of a batch's cells, one after the other.
#[derive(Debug, Default)]
pub struct Heap {
    /// All cells until [`seal`](Heap::seal), and afterwards if they are not UTF-8 altogether.
    bytes: Vec<u8>,
    /// All cells, once they are known to be UTF-8 altogether.
    text: String,
}

impl Heap {
    /// Makes a heap with room for so many bytes.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), text: String::new() }
    }

    /// Makes room for more bytes.
    pub fn reserve(&mut self, bytes: usize) {
        self.bytes.reserve(bytes);
    }

    /// Gives the number of bytes kept.
    #[inline]
    pub fn len(&self) -> usize {
        self.bytes.len() + self.text.len()
    }

    /// Tells whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies a cell's bytes in. Not after [`seal`](Self::seal): what is pushed then is not found.
    ///
    /// # Errors
    ///
    /// `ResourcesExhausted` when the batch would hold more than 4 GiB.
    #[inline]
    pub fn push(&mut self, bytes: &[u8]) -> Result<Span> {
        let (Ok(start), Ok(len)) = (u32::try_from(self.bytes.len()), u32::try_from(bytes.len())) else {
            return Err(too_large());
        };
        self.bytes.extend_from_slice(bytes);
        Ok(Span { start, len })
    }

    /// Checks all cells at once, so that each is text at little cost from now on.
    pub fn seal(&mut self) {
        match String::from_utf8(std::mem::take(&mut self.bytes)) {
            Ok(text) => self.text = text,
            // Bytes among the cells: each text is checked when it is read.
            Err(error) => self.bytes = error.into_bytes(),
        }
    }

    /// Gives a cell's bytes.
    ///
    /// # Panics
    ///
    /// When the span is not of this heap.
    #[inline]
    pub fn bytes(&self, span: Span) -> &[u8] {
        let all = if self.text.is_empty() { &self.bytes } else { self.text.as_bytes() };
        &all[span.start as usize..][..span.len as usize]
    }

    /// Gives a cell's text, `None` when its bytes are not UTF-8.
    ///
    /// # Panics
    ///
    /// When the span is not of this heap.
    #[inline]
    pub fn text(&self, span: Span) -> Option<&str> {
        let start = span.start as usize;
        // A cell whose ends are no ends of characters is no text, though the whole buffer may be: the slow way finds that.
        match self.text.get(start..start + span.len as usize) {
            Some(text) => Some(text),
            None => std::str::from_utf8(self.bytes(span)).ok(),
        }
    }
}

#[cold]
fn too_large() -> Error {
    Error::new(ErrorKind::ResourcesExhausted, "a batch of rows is larger than 4 GiB")
        .with_hint("fetch fewer rows at a time")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(cells: &[&[u8]]) -> (Heap, Vec<Span>) {
        let mut heap = Heap::default();
        let spans = cells.iter().map(|cell| heap.push(cell).expect("small")).collect();
        heap.seal();
        (heap, spans)
    }

    #[test]
    fn cells_come_back_as_they_went_in() {
        let (heap, spans) = sealed(&[b"a", b"", "é".as_bytes(), b"z"]);
        let texts: Vec<_> = spans.iter().map(|span| heap.text(*span)).collect();
        assert_eq!(texts, [Some("a"), Some(""), Some("é"), Some("z")]);
        assert_eq!(heap.bytes(spans[2]), "é".as_bytes());
        assert_eq!(heap.len(), 4);
    }

    #[test]
    fn bytes_among_the_cells_spoil_no_text() {
        let (heap, spans) = sealed(&[b"\xff\x00", b"text", b""]);
        assert_eq!(heap.text(spans[0]), None);
        assert_eq!(heap.bytes(spans[0]), b"\xff\x00");
        assert_eq!(heap.text(spans[1]), Some("text"));
        assert_eq!(heap.text(spans[2]), Some(""));
    }

    #[test]
    fn halves_of_a_character_are_no_text_though_together_they_would_be() {
        let (heap, spans) = sealed(&[b"\xc3", b"\xa9"]);
        assert_eq!(heap.text(spans[0]), None);
        assert_eq!(heap.text(spans[1]), None);
        assert_eq!(heap.bytes(spans[1]), b"\xa9");
    }
}
