//! oarlock's record store.

use std::path::Path;

use oarlock::store::Store;
use oarlock::{Model, Record};

use crate::Failure;
use crate::peer::{Peer, Player};

#[derive(Debug, Clone, Model)]
#[model(table = "player")]
struct Stored {
    #[model(primary_key)]
    id: i64,
    #[model(unique)]
    email: String,
    name: String,
    about: String,
    score: i64,
    joined: i64,
}

impl From<Stored> for Player {
    fn from(Stored { id, email, name, about, score, joined }: Stored) -> Self {
        Self { id, email, name, about, score, joined }
    }
}

impl From<Player> for Stored {
    fn from(Player { id, email, name, about, score, joined }: Player) -> Self {
        Self { id, email, name, about, score, joined }
    }
}

pub struct Ours(Store);

pub fn open(directory: &Path) -> Result<Box<dyn Peer>, Failure> {
    let store = Store::open(directory.join("players.store"))?;
    store.define([Stored::definition()])?;
    Ok(Box::new(Ours(store)))
}

impl Peer for Ours {
    fn insert(&self, players: &[Player]) -> Result<(), Failure> {
        let players: Vec<Stored> = players.iter().cloned().map(Stored::from).collect();
        self.0.table::<Stored>().insert_all(&players)?;
        Ok(())
    }

    fn get(&self, id: i64) -> Result<Player, Failure> {
        Ok(self.0.table::<Stored>().require(id)?.into())
    }

    fn get_by_email(&self, email: &str) -> Result<Player, Failure> {
        Ok(self.0.table::<Stored>().get_by(Stored::EMAIL, email)?.ok_or("no such address")?.into())
    }

    fn scan(&self) -> Result<(usize, i64), Failure> {
        let mut sum = (0, 0);
        for player in self.0.table::<Stored>().records()? {
            sum = (sum.0 + 1, sum.1 + player?.score);
        }
        Ok(sum)
    }

    fn update_all(&self) -> Result<bool, Failure> {
        self.0.transaction(|transaction| {
            let players = transaction.table::<Stored>();
            for player in players.records()? {
                let player = player?;
                let score = player.score + 1;
                players.update(Stored { score, ..player })?;
            }
            Ok(())
        })?;
        Ok(true)
    }
}
