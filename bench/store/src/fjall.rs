//! fjall: one keyspace for the records, one for the e-mail addresses; a batch is a transaction. Keys that are taken are looked for
//! first, under a lock, as its documentation has it for a single writer.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable};

use crate::Failure;
use crate::peer::{Peer, Player};

pub struct Fjall {
    database: Database,
    players: Keyspace,
    emails: Keyspace,
    writing: Mutex<()>,
}

pub fn open(directory: &Path) -> Result<Box<dyn Peer>, Failure> {
    let database = Database::builder(directory.join("fjall")).open()?;
    let players = database.keyspace("players", KeyspaceCreateOptions::default)?;
    let emails = database.keyspace("emails", KeyspaceCreateOptions::default)?;
    Ok(Box::new(Fjall { database, players, emails, writing: Mutex::default() }))
}

impl Peer for Fjall {
    fn insert(&self, players: &[Player]) -> Result<(), Failure> {
        let writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut batch = self.database.batch();
        for player in players {
            let key = player.id.to_be_bytes();
            if self.players.contains_key(key)? || self.emails.contains_key(&player.email)? {
                return Err("a key is there already".into());
            }
            batch.insert(&self.players, key, player.encode());
            batch.insert(&self.emails, player.email.as_str(), key);
        }
        batch.commit()?;
        // One sync for all who have written by then.
        drop(writing);
        self.database.persist(PersistMode::SyncData)?;
        Ok(())
    }

    fn get(&self, id: i64) -> Result<Player, Failure> {
        Player::decode(&self.players.get(id.to_be_bytes())?.ok_or("no such player")?)
    }

    fn get_by_email(&self, email: &str) -> Result<Player, Failure> {
        let snapshot = self.database.snapshot();
        let id = snapshot.get(&self.emails, email)?.ok_or("no such address")?;
        Player::decode(&snapshot.get(&self.players, id)?.ok_or("no such player")?)
    }

    fn scan(&self) -> Result<(usize, i64), Failure> {
        let mut sum = (0, 0);
        for entry in self.players.iter() {
            sum = (sum.0 + 1, sum.1 + Player::decode(&entry.value()?)?.score);
        }
        Ok(sum)
    }
}
