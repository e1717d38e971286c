//! native_db, whose records have a secondary key.

use std::path::Path;
use std::sync::LazyLock;

use native_db::{Builder, Database, Models, ToKey, native_db};
use native_model::{Model, native_model};
use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::peer::{Peer, Player};

#[derive(Serialize, Deserialize)]
#[native_model(id = 1, version = 1)]
#[native_db]
struct Stored {
    #[primary_key]
    id: i64,
    #[secondary_key(unique)]
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

static MODELS: LazyLock<Models> = LazyLock::new(|| {
    let mut models = Models::new();
    models.define::<Stored>().expect("the one model is well defined");
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
            transaction.insert(Stored::from(player.clone()))?;
        }
        transaction.commit()?;
        Ok(())
    }

    fn get(&self, id: i64) -> Result<Player, Failure> {
        let found: Option<Stored> = self.0.r_transaction()?.get().primary(id)?;
        Ok(found.ok_or("no such player")?.into())
    }

    fn get_by_email(&self, email: &str) -> Result<Player, Failure> {
        let found: Option<Stored> = self.0.r_transaction()?.get().secondary(StoredKey::email, email)?;
        Ok(found.ok_or("no such address")?.into())
    }

    fn scan(&self) -> Result<(usize, i64), Failure> {
        let transaction = self.0.r_transaction()?;
        let mut sum = (0, 0);
        for player in transaction.scan().primary::<Stored>()?.all()? {
            sum = (sum.0 + 1, sum.1 + player?.score);
        }
        Ok(sum)
    }
}
