//! Where messages begin and end in the two protocols.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use super::Direction;

/// The language that client and server speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// PostgreSQL's. A message's kind is its first byte; those of the start have none, and the kind 0.
    Postgres,
    /// MySQL's. A message is a packet, and its kind the first byte of its payload: a command, or `0x00` for OK and `0xFF` for
    /// an error.
    MySql,
}

impl Protocol {
    /// Gives the one of a URL's scheme.
    pub(super) fn of(scheme: &str) -> Self {
        match scheme {
            "postgres" | "postgresql" => Self::Postgres,
            "mysql" | "mariadb" => Self::MySql,
            other => panic!("no protocol is known for {other}"),
        }
    }

    /// Gives the port that its servers listen on.
    pub(super) fn port(self) -> u16 {
        match self {
            Self::Postgres => 5432,
            Self::MySql => 3306,
        }
    }
}

/// PostgreSQL's requests to encrypt, which come before the startup message, and are answered by one byte.
const REQUESTS: [u32; 2] = [80_877_103, 80_877_104];

/// The length of MySQL's request to encrypt, the client's first packet, which is cut short.
const MYSQL_REQUEST: usize = 32;

/// How far both sides have come in agreeing on how to talk.
const STARTING: u8 = 0;
const ASKED: u8 = 1;
const TALKING: u8 = 2;
const ENCRYPTED: u8 = 3;

/// What both directions of a connection have to know of each other.
#[derive(Debug, Clone, Default)]
pub(super) struct Stage(Arc<AtomicU8>);

impl Stage {
    fn get(&self) -> u8 {
        self.0.load(Ordering::Acquire)
    }

    fn set(&self, stage: u8) {
        self.0.store(stage, Ordering::Release);
    }
}

/// Finds the messages of one direction.
#[derive(Debug)]
pub(super) struct Frames {
    protocol: Protocol,
    direction: Direction,
    stage: Stage,
    /// How much of the message that is passing is still to come.
    rest: usize,
}

/// Bytes that stand together: of one message, or of none that can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) len: usize,
    /// The kind of the message that begins here.
    pub(super) begins: Option<u8>,
    /// The message is complete with this.
    pub(super) ends: bool,
}

impl Frames {
    pub(super) fn new(protocol: Protocol, direction: Direction, stage: Stage) -> Self {
        Self { protocol, direction, stage, rest: 0 }
    }

    /// Gives the first piece of what is here; `None` where it takes more bytes to tell.
    pub(super) fn next(&mut self, here: &[u8]) -> Option<Piece> {
        if here.is_empty() {
            return None;
        }
        if self.rest > 0 {
            let len = self.rest.min(here.len());
            self.rest -= len;
            return Some(Piece { len, begins: None, ends: self.rest == 0 });
        }
        if self.stage.get() == ENCRYPTED {
            return Some(Piece { len: here.len(), begins: None, ends: false });
        }
        let (length, kind) = match (self.protocol, self.direction) {
            (Protocol::Postgres, Direction::ToServer) if self.stage.get() != TALKING => {
                let (length, rest) = here.split_first_chunk()?;
                let (code, _) = rest.split_first_chunk()?;
                let request = REQUESTS.contains(&u32::from_be_bytes(*code));
                self.stage.set(if request { ASKED } else { TALKING });
                (to_usize(u32::from_be_bytes(*length)), 0)
            }
            (Protocol::Postgres, Direction::ToClient) if self.stage.get() == ASKED => {
                self.stage.set(if here[0] == b'N' { STARTING } else { ENCRYPTED });
                (1, here[0])
            }
            (Protocol::Postgres, _) => {
                let (kind, rest) = here.split_first()?;
                let (length, _) = rest.split_first_chunk()?;
                (to_usize(u32::from_be_bytes(*length)) + 1, *kind)
            }
            (Protocol::MySql, direction) => {
                let (length, rest) = here.split_first_chunk()?;
                let [low, middle, high, _] = *length;
                let length = to_usize(u32::from_le_bytes([low, middle, high, 0]));
                let kind = if length == 0 { 0 } else { *rest.first()? };
                if direction == Direction::ToServer && self.stage.get() == STARTING {
                    self.stage.set(if length == MYSQL_REQUEST { ENCRYPTED } else { TALKING });
                }
                (length + 4, kind)
            }
        };
        // A length that cannot be is passed on as it is: who reads it may be what is tested.
        let length = length.max(1);
        let len = length.min(here.len());
        self.rest = length - len;
        Some(Piece { len, begins: Some(kind), ends: self.rest == 0 })
    }
}

fn to_usize(length: u32) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends bytes through in pieces of a size; gives the messages' kinds and the bytes that made up whole messages.
    fn kinds(frames: &mut Frames, bytes: &[u8], size: usize) -> (Vec<u8>, usize) {
        let (mut kinds, mut ended, mut buffer) = (Vec::new(), 0, Vec::new());
        for chunk in bytes.chunks(size) {
            buffer.extend_from_slice(chunk);
            while let Some(piece) = frames.next(&buffer) {
                kinds.extend(piece.begins);
                ended += usize::from(piece.ends);
                buffer.drain(..piece.len);
            }
        }
        assert!(buffer.is_empty());
        (kinds, ended)
    }

    #[test]
    fn messages_of_postgres_are_found_however_they_are_cut() {
        let startup = [&[0, 0, 0, 8, 4, 210, 22, 47][..], &[0, 0, 0, 10, 0, 3, 0, 0, 1, 2], b"Q\0\0\0\x05\0"].concat();
        for size in [1, 3, 7, startup.len()] {
            let stage = Stage::default();
            let mut up = Frames::new(Protocol::Postgres, Direction::ToServer, stage.clone());
            let mut down = Frames::new(Protocol::Postgres, Direction::ToClient, stage.clone());
            assert_eq!(kinds(&mut up, &startup[..8], size), (vec![0], 1));
            assert_eq!(kinds(&mut down, b"N", size), (vec![b'N'], 1));
            assert_eq!(kinds(&mut up, &startup[8..], size), (vec![0, b'Q'], 2));
            assert_eq!(kinds(&mut down, b"Z\0\0\0\x05IC\0\0\0\x04", size), (vec![b'Z', b'C'], 2));
        }
    }

    #[test]
    fn packets_of_mysql_are_found_however_they_are_cut() {
        let packets = [&[1, 0, 0, 0, 3][..], &[0, 0, 0, 1], &[3, 0, 0, 2, 255, 1, 2]].concat();
        for size in [1, 2, packets.len()] {
            let mut down = Frames::new(Protocol::MySql, Direction::ToClient, Stage::default());
            assert_eq!(kinds(&mut down, &packets, size), (vec![3, 0, 255], 3));
        }
    }

    #[test]
    fn what_is_encrypted_has_no_messages() {
        let stage = Stage::default();
        let mut up = Frames::new(Protocol::Postgres, Direction::ToServer, stage.clone());
        let mut down = Frames::new(Protocol::Postgres, Direction::ToClient, stage.clone());
        assert_eq!(kinds(&mut up, &[0, 0, 0, 8, 4, 210, 22, 47], 8), (vec![0], 1));
        assert_eq!(kinds(&mut down, b"Sxxxxxxxx", 9), (vec![b'S'], 1));
        assert_eq!(kinds(&mut up, b"yyyyyy", 2), (vec![], 0));
        let mut packet = vec![32, 0, 0, 1];
        packet.extend([7; 32]);
        let mut up = Frames::new(Protocol::MySql, Direction::ToServer, Stage::default());
        assert_eq!(kinds(&mut up, &packet, 9), (vec![7], 1));
        assert_eq!(kinds(&mut up, b"yyyyyy", 2), (vec![], 0));
    }
}
