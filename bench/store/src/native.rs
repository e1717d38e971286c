//! native_db, whose records have a secondary key.

use std::path::Path;
use std::sync::LazyLock;

use native_db::{Builder, Database, Models};

use crate::Failure;
use crate::peer::{Peer, Player, PlayerKey};

static MODELS: LazyLock<Models> = LazyLock::new(|| {
    let mut models = Models::new();
    models.define::<Player>().expect("the one model is well defined");
    models
});

pub struct Native(Database<'static>);

pub fn open(directory: &Path) -> Result<Box<dyn Peer>, Failure> {
    Ok(Box::new(Native(Builder::new().create(&MODELS, directory.join("players.native"))?)))
}

impl Peer for Native {
    fn insert(&self, players: &[Player]) -> Result<(), Failure> {
        let transaction = self.0.rw_transaction()?;
        for player in players {
            transaction.insert(player.clone())?;
        }
        transaction.commit()?;
        Ok(())
    }

    fn get(&self, id: i64) -> Result<Player, Failure> {
        self.0.r_transaction()?.get().primary(id)?.ok_or_else(|| "no such player".into())
    }

    fn get_by_email(&self, email: &str) -> Result<Player, Failure> {
        let found = self.0.r_transaction()?.get().secondary(PlayerKey::email, email)?;
        found.ok_or_else(|| "no such address".into())
    }

    fn scan(&self) -> Result<(usize, i64), Failure> {
        let transaction = self.0.r_transaction()?;
        let mut sum = (0, 0);
        for player in transaction.scan().primary::<Player>()?.all()? {
            sum = (sum.0 + 1, sum.1 + player?.score);
        }
        Ok(sum)
    }
}
