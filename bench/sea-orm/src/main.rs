//! sea-orm as its documentation shows it: entities in the dense format, relations by the entity loader.

mod entities;

use std::time::Duration;

use oarlock_bench_protocol::{Engine, NewUser, OrmPeer, ordered_sum, serve_orm, unordered_sum};
use sea_orm::{
    ColumnTrait, ConnectOptions, ConnectionTrait, Database, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder,
    Set,
};

use crate::entities::{comment, post, user};

struct Peer(DatabaseConnection);

impl Peer {
    /// One connection, as every peer has. Tested before each use, as sea-orm does by default, it would make one round trip two; nothing
    /// is logged; and a database in memory ends with its connection, so that this one may grow old.
    async fn open(url: String) -> Self {
        let mut options = ConnectOptions::new(url);
        options.max_connections(1).sqlx_logging(false).test_before_acquire(false);
        options.idle_timeout(None::<Duration>).max_lifetime(None::<Duration>);
        Self(Database::connect(options).await.expect("the database is there"))
    }
}

impl OrmPeer for Peer {
    async fn script(&mut self, statements: Vec<String>) {
        for statement in statements {
            self.0.execute_unprepared(&statement).await.expect("script");
        }
    }

    async fn trivial(&mut self) -> u64 {
        let users = user::Entity::find().all(&self.0).await.expect("select");
        unordered_sum(users.iter().map(user::Model::sum))
    }

    async fn medium(&mut self) -> u64 {
        let pairs = user::Entity::find()
            .find_also_related(post::Entity)
            .filter(user::Column::HairColor.eq("black"))
            .order_by_desc(user::Column::Name)
            .all(&self.0)
            .await
            .expect("select");
        ordered_sum(pairs.iter().map(|(user, post)| user.sum().wrapping_add(post.as_ref().map_or(0, post::Model::sum))))
    }

    async fn insert(&mut self, users: &[NewUser]) {
        let rows = users.iter().map(|user| user::ActiveModel {
            name: Set(user.name.clone()),
            hair_color: Set(user.hair_color.clone()),
            ..Default::default()
        });
        user::Entity::insert_many(rows).exec_without_returning(&self.0).await.expect("insert");
    }

    async fn associations(&mut self) -> u64 {
        let users = user::Entity::load().with((post::Entity, comment::Entity)).all(&self.0).await.expect("select");
        unordered_sum(users.into_iter().map(user::whole_sum))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [engine, url] = &words[..] else {
        return Err("usage: oarlock-bench-sea-orm ENGINE URL".into());
    };
    let url = url.clone();
    serve_orm(Engine::named(engine).ok_or("unknown engine")?, || Peer::open(url))?;
    Ok(())
}
