//! redb: one table for the records, one for the e-mail addresses, one for what records were.

use std::path::Path;

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use crate::Failure;
use crate::peer::{Peer, Player};

const PLAYERS: TableDefinition<i64, &[u8]> = TableDefinition::new("players");
const EMAILS: TableDefinition<&str, i64> = TableDefinition::new("emails");
const HISTORY: TableDefinition<(i64, u64), &[u8]> = TableDefinition::new("history");

pub struct Redb(Database);

pub fn open(directory: &Path) -> Result<Box<dyn Peer>, Failure> {
    let database = Database::create(directory.join("players.redb"))?;
    let transaction = database.begin_write()?;
    transaction.open_table(PLAYERS)?;
    transaction.open_table(EMAILS)?;
    transaction.open_table(HISTORY)?;
    transaction.commit()?;
    Ok(Box::new(Redb(database)))
}

impl Peer for Redb {
    fn insert(&self, players: &[Player]) -> Result<(), Failure> {
        let transaction = self.0.begin_write()?;
        {
            let mut table = transaction.open_table(PLAYERS)?;
            let mut emails = transaction.open_table(EMAILS)?;
            for player in players {
                let taken = table.insert(player.id, &*player.encode())?.is_some();
                if taken || emails.insert(&*player.email, player.id)?.is_some() {
                    return Err("a key is there already".into());
                }
            }
        }
        transaction.commit()?;
        Ok(())
    }

    fn get(&self, id: i64) -> Result<Player, Failure> {
        let table = self.0.begin_read()?.open_table(PLAYERS)?;
        let bytes = table.get(id)?.ok_or("no such player")?;
        Player::decode(bytes.value())
    }

    fn get_by_email(&self, email: &str) -> Result<Player, Failure> {
        let transaction = self.0.begin_read()?;
        let id = transaction.open_table(EMAILS)?.get(email)?.ok_or("no such address")?.value();
        let table = transaction.open_table(PLAYERS)?;
        let bytes = table.get(id)?.ok_or("no such player")?;
        Player::decode(bytes.value())
    }

    fn scan(&self) -> Result<(usize, i64), Failure> {
        let table = self.0.begin_read()?.open_table(PLAYERS)?;
        let mut sum = (0, 0);
        for entry in table.iter()? {
            sum = (sum.0 + 1, sum.1 + Player::decode(entry?.1.value())?.score);
        }
        Ok(sum)
    }

    fn update_all(&self) -> Result<bool, Failure> {
        let version = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_micros() as u64;
        let transaction = self.0.begin_write()?;
        {
            let mut table = transaction.open_table(PLAYERS)?;
            let mut history = transaction.open_table(HISTORY)?;
            let ids: Vec<i64> = table.iter()?.map(|entry| Ok(entry?.0.value())).collect::<Result<_, Failure>>()?;
            for id in ids {
                let before = table.get(id)?.ok_or("no such player")?.value().to_vec();
                let mut player = Player::decode(&before)?;
                player.score += 1;
                history.insert((id, version), &*before)?;
                table.insert(id, &*player.encode())?;
            }
        }
        transaction.commit()?;
        Ok(true)
    }
}
