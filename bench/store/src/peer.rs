//! What every peer does: the same records, with one unique secondary index.

use std::path::Path;

use native_db::{ToKey, native_db};
use native_model::{Model as _, native_model};
use oarlock::Model;
use serde::{Deserialize, Serialize};

use crate::Failure;

/// A record of about 130 bytes, which the peers that take structs take as it is.
#[derive(Debug, Clone, PartialEq, Model, Serialize, Deserialize)]
#[native_model(id = 1, version = 1)]
#[native_db]
pub struct Player {
    #[model(primary_key)]
    #[primary_key]
    pub id: i64,
    #[model(unique)]
    #[secondary_key(unique)]
    pub email: String,
    pub name: String,
    pub about: String,
    pub score: i64,
    pub joined: i64,
}

impl Player {
    /// Makes the record of a number, the same each time.
    pub fn numbered(id: i64) -> Self {
        let mixed = (id as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self {
            id,
            email: email(id),
            name: format!("Player number {id}"),
            about: format!("{mixed:016x} likes long walks, short stories and boats"),
            score: (mixed >> 40) as i64,
            joined: 1_700_000_000_000_000 + id,
        }
    }

    /// Writes it for peers that keep bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(27 + self.email.len() + self.name.len() + self.about.len());
        for number in [self.id, self.score, self.joined] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        for text in [&self.email, &self.name, &self.about] {
            bytes.push(text.len() as u8);
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, Failure> {
        fn number(bytes: &mut &[u8]) -> Option<i64> {
            let (number, rest) = bytes.split_first_chunk()?;
            *bytes = rest;
            Some(i64::from_le_bytes(*number))
        }
        fn text(bytes: &mut &[u8]) -> Option<String> {
            let (length, rest) = bytes.split_first()?;
            let (text, rest) = rest.split_at_checked(usize::from(*length))?;
            *bytes = rest;
            String::from_utf8(text.to_vec()).ok()
        }
        let bytes = &mut &*bytes;
        let player = (|| {
            let (id, score, joined) = (number(bytes)?, number(bytes)?, number(bytes)?);
            Some(Self { id, email: text(bytes)?, name: text(bytes)?, about: text(bytes)?, score, joined })
        })();
        player.ok_or_else(|| "a record is cut off".into())
    }
}

pub fn email(id: i64) -> String {
    format!("player{id}@example.org")
}

/// A store that is open. Each call is a transaction of its own; those that write return when what they wrote is durable.
pub trait Peer: Send + Sync {
    /// Closes it; what a program that ends has to do.
    fn close(self: Box<Self>) -> Result<(), Failure> {
        Ok(())
    }

    /// Inserts records; one whose key or e-mail address is there is an error.
    fn insert(&self, players: &[Player]) -> Result<(), Failure>;

    fn get(&self, id: i64) -> Result<Player, Failure>;

    fn get_by_email(&self, email: &str) -> Result<Player, Failure>;

    /// Reads all records, and gives how many there are and the sum of their scores.
    fn scan(&self) -> Result<(usize, i64), Failure>;

    /// Adds one to every score, and keeps what every record was: record by record in one transaction, each new score the program's. False
    /// for a peer that keeps no history.
    fn update_each(&self) -> Result<bool, Failure> {
        Ok(false)
    }

    /// Does the same in the fewest words that the peer has for it.
    fn update_all(&self) -> Result<bool, Failure> {
        self.update_each()
    }
}

/// How a peer is opened in a directory of its own; what is there already is used.
pub type Open = fn(&Path) -> Result<Box<dyn Peer>, Failure>;
