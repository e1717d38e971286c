//! oarlock's record store.

use std::path::Path;

use oarlock::Record;
use oarlock::store::Store;

use crate::Failure;
use crate::peer::{Peer, Player};

pub struct Ours(Store);

pub fn open(directory: &Path) -> Result<Box<dyn Peer>, Failure> {
    let store = Store::open(directory.join("players.store"))?;
    store.define([Player::definition()])?;
    Ok(Box::new(Ours(store)))
}

impl Peer for Ours {
    fn close(self: Box<Self>) -> Result<(), Failure> {
        Ok(self.0.close()?)
    }

    fn insert(&self, players: &[Player]) -> Result<(), Failure> {
        self.0.table::<Player>().insert_all(players)?;
        Ok(())
    }

    fn get(&self, id: i64) -> Result<Player, Failure> {
        Ok(self.0.table::<Player>().require(id)?)
    }

    fn get_by_email(&self, email: &str) -> Result<Player, Failure> {
        Ok(self.0.table::<Player>().get_by(Player::EMAIL, email)?.ok_or("no such address")?)
    }

    fn scan(&self) -> Result<(usize, i64), Failure> {
        let mut sum = (0, 0);
        for player in self.0.table::<Player>().records()? {
            sum = (sum.0 + 1, sum.1 + player?.score);
        }
        Ok(sum)
    }

    fn update_each(&self) -> Result<bool, Failure> {
        self.0.transaction(|transaction| {
            let players = transaction.table::<Player>();
            for player in players.records()? {
                let player = player?;
                let score = player.score + 1;
                players.update(Player { score, ..player })?;
            }
            Ok(())
        })?;
        Ok(true)
    }
}
