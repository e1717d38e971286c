//! toasty as its guide shows it, on one connection of its pool.

mod models;

use oarlock_bench_protocol::{Engine, NewUser, OrmPeer, OrmShape, serve_orm, unordered_sum};
use toasty::{Connection, Db, Executor};

use crate::models::{Comment, Post, User};

struct Peer {
    db: Connection,
    /// Lives as long as its connections.
    _pool: Db,
    /// Whether the database gives the keys of new rows back.
    returns_keys: bool,
}

impl Peer {
    /// MariaDB is spoken to as such, which gives the keys of new rows back. (The driver asks for 11.8; what is used here is older.)
    async fn open(url: String) -> Self {
        let mut peer = Self::connect(&url).await;
        if url.starts_with("mysql:") {
            let version = toasty::sql::query("SELECT VERSION()").exec(&mut peer.db).await.expect("select");
            if format!("{version:?}").contains("MariaDB") {
                peer = Self::connect(&url.replacen("mysql", "mariadb", 1)).await;
            }
        }
        peer
    }

    async fn connect(url: &str) -> Self {
        let models = toasty::models!(User, Post, Comment);
        let pool = Db::builder().models(models).max_pool_size(1).connect(url).await.expect("the database is there");
        let mut db = pool.connection().await.expect("a connection");
        let returns_keys = db.capability().returning_from_insert;
        Self { db, _pool: pool, returns_keys }
    }
}

impl OrmPeer for Peer {
    /// A query gives models of one type, and loads what belongs to them by queries of its own: there is no join of which both sides are
    /// selected. Where the keys of new rows do not come back, as from MySQL, it makes one row at a time.
    fn can(&self, shape: OrmShape) -> bool {
        match shape {
            OrmShape::Medium(_) => false,
            OrmShape::Insert(rows) => rows == 1 || self.returns_keys,
            _ => true,
        }
    }

    async fn script(&mut self, statements: Vec<String>) {
        for statement in statements {
            toasty::sql::statement(statement).exec(&mut self.db).await.expect("script");
        }
    }

    async fn trivial(&mut self) -> u64 {
        let users = User::all().exec(&mut self.db).await.expect("select");
        unordered_sum(users.iter().map(User::sum))
    }

    async fn medium(&mut self) -> u64 {
        unreachable!("it said that it cannot")
    }

    async fn insert(&mut self, users: &[NewUser]) {
        let mut rows = User::create_many();
        for user in users {
            rows = rows.item(User::create().name(&user.name).hair_color(user.hair_color.clone()));
        }
        rows.exec(&mut self.db).await.expect("insert");
    }

    async fn associations(&mut self) -> u64 {
        let posts_and_comments = User::fields().posts().comments();
        let users = User::all().include(posts_and_comments).exec(&mut self.db).await.expect("select");
        unordered_sum(users.iter().map(User::whole_sum))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [engine, url] = &words[..] else {
        return Err("usage: oarlock-bench-toasty ENGINE URL".into());
    };
    let url = url.clone();
    serve_orm(Engine::named(engine).ok_or("unknown engine")?, || Peer::open(url))?;
    Ok(())
}
