//! rusqlite, in the mode that SQLite's documentation recommends for this: WAL, with every commit synced.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, Row, TransactionBehavior, params};

use crate::Failure;
use crate::peer::{Peer, Player};

/// One connection writes, as only one can; each reader has its own.
pub struct Sqlite {
    path: std::path::PathBuf,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
}

pub fn open(directory: &Path) -> Result<Box<dyn Peer>, Failure> {
    let path = directory.join("players.db");
    let writer = connect(&path)?;
    writer.execute_batch(
        "CREATE TABLE IF NOT EXISTS player (
            id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL, about TEXT NOT NULL,
            score INTEGER NOT NULL, joined INTEGER NOT NULL);
        CREATE TABLE IF NOT EXISTS player_history (
            id INTEGER NOT NULL, changed INTEGER NOT NULL, email TEXT NOT NULL, name TEXT NOT NULL, about TEXT NOT NULL,
            score INTEGER NOT NULL, joined INTEGER NOT NULL);
        CREATE TRIGGER IF NOT EXISTS player_update AFTER UPDATE ON player BEGIN
            INSERT INTO player_history
            VALUES (old.id, unixepoch(), old.email, old.name, old.about, old.score, old.joined);
        END",
    )?;
    Ok(Box::new(Sqlite { path, writer: Mutex::new(writer), readers: Mutex::default() }))
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "cache_size", -65_536)?;
    Ok(connection)
}

fn player(row: &Row<'_>) -> rusqlite::Result<Player> {
    Ok(Player {
        id: row.get(0)?,
        email: row.get(1)?,
        name: row.get(2)?,
        about: row.get(3)?,
        score: row.get(4)?,
        joined: row.get(5)?,
    })
}

impl Sqlite {
    fn read<T>(&self, act: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Failure> {
        let free = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = free.map_or_else(|| connect(&self.path), Ok)?;
        let result = act(&connection)?;
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        Ok(result)
    }
}

impl Peer for Sqlite {
    fn insert(&self, players: &[Player]) -> Result<(), Failure> {
        let mut connection = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut insert = transaction.prepare_cached("INSERT INTO player VALUES (?, ?, ?, ?, ?, ?)")?;
            for Player { id, email, name, about, score, joined } in players {
                insert.execute(params![id, email, name, about, score, joined])?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    fn get(&self, id: i64) -> Result<Player, Failure> {
        self.read(|connection| connection.prepare_cached("SELECT * FROM player WHERE id = ?")?.query_row([id], player))
    }

    fn get_by_email(&self, email: &str) -> Result<Player, Failure> {
        self.read(|connection| {
            connection.prepare_cached("SELECT * FROM player WHERE email = ?")?.query_row([email], player)
        })
    }

    fn scan(&self) -> Result<(usize, i64), Failure> {
        self.read(|connection| {
            let mut select = connection.prepare_cached("SELECT * FROM player")?;
            let mut sum = (0, 0);
            for player in select.query_map([], player)? {
                sum = (sum.0 + 1, sum.1 + player?.score);
            }
            Ok(sum)
        })
    }

    fn update_each(&self) -> Result<bool, Failure> {
        let mut connection = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut select = transaction.prepare_cached("SELECT id, score FROM player")?;
            let scores = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let scores: Vec<(i64, i64)> = scores.collect::<rusqlite::Result<_>>()?;
            let mut update = transaction.prepare_cached("UPDATE player SET score = ?2 WHERE id = ?1")?;
            for (id, score) in scores {
                update.execute([id, score + 1])?;
            }
        }
        transaction.commit()?;
        Ok(true)
    }

    fn update_all(&self) -> Result<bool, Failure> {
        let connection = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        connection.prepare_cached("UPDATE player SET score = score + 1")?.execute([])?;
        Ok(true)
    }
}
