//! What the runner and the peers say to each other.
//!
//! Each peer is a process of its own: its name is its business, it opens the database once and then answers lines on its
//! standard input, `SHAPE ITERATIONS`, with `NANOSECONDS CHECKSUM`. So peers that cannot be linked into one program are
//! measured in one run, pass by pass in turn, and what they read is compared before it counts.

mod orm;
mod pool;

use std::future::Future;
use std::io::{self, BufRead, Write};
use std::time::Instant;

pub use orm::{
    NewUser, OrmPeer, OrmShape, comment_sum, nested_sum, ordered_sum, orm_tables, post_sum, serve_orm, unordered_sum,
    user_sum,
};
pub use pool::{POOL, Pooled, serve_pool};

/// A database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
    Mysql,
}

impl Engine {
    pub const ALL: [Self; 3] = [Self::Sqlite, Self::Postgres, Self::Mysql];

    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|engine| engine.name() == name)
    }

    /// The placeholders of the engine's own drivers.
    pub fn mark(self, index: usize) -> String {
        match self {
            Self::Postgres => format!("${index}"),
            Self::Sqlite | Self::Mysql => "?".to_owned(),
        }
    }
}

/// A piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One row by its key, with a cached statement.
    PointSelect,
    /// The same by 8 tasks on 4 connections.
    PointSelect8x4,
    /// 100 rows of 3 columns into structs.
    Select100,
    /// 10,000 rows of 3 columns into structs.
    Select10k,
    /// One row, committed by itself.
    Insert1,
    /// 10,000 rows in one transaction.
    Insert10k,
}

impl Shape {
    pub const ALL: [Self; 6] =
        [Self::PointSelect, Self::PointSelect8x4, Self::Select100, Self::Select10k, Self::Insert1, Self::Insert10k];

    pub fn name(self) -> &'static str {
        match self {
            Self::PointSelect => "point_select",
            Self::PointSelect8x4 => "point_select_8x4",
            Self::Select100 => "select_100",
            Self::Select10k => "select_10k",
            Self::Insert1 => "insert_1",
            Self::Insert10k => "insert_10k",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|shape| shape.name() == name)
    }

    pub fn runs_on(self, engine: Engine) -> bool {
        self != Self::PointSelect8x4 || engine == Engine::Sqlite
    }
}

/// Rows in the table that is read.
pub const ROWS: i64 = 100_000;

/// Rows of the large select and the large insert.
pub const MANY: i64 = 10_000;

/// Tasks and connections of the concurrent shape.
pub const TASKS: usize = 8;
pub const CONNECTIONS: usize = 4;

/// A row, as every peer reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct User {
    pub id: i64,
    pub name: String,
    pub hair_color: Option<String>,
}

impl User {
    pub fn number(id: i64) -> Self {
        Self { id, name: format!("User {id}"), hair_color: (id % 2 == 0).then(|| format!("hair color {id}")) }
    }

    /// What a reader must have seen to know the sum.
    pub fn checksum(&self) -> u64 {
        let text = self.name.len() + self.hair_color.as_ref().map_or(0, String::len);
        self.id.unsigned_abs().wrapping_mul(31).wrapping_add(text as u64)
    }
}

/// Gives the key of the point select number `index`: all over the table, the same for every peer.
pub fn key(index: u64) -> i64 {
    (index.wrapping_mul(7_919) % ROWS.unsigned_abs()) as i64 + 1
}

/// Rows for the insert shapes.
pub fn new_users(count: i64) -> Vec<User> {
    (1..=count).map(User::number).collect()
}

/// One library on one engine.
pub trait Peer: Send {
    /// Does the work of a shape `iterations` times and gives the sum of what it read.
    fn run(&mut self, shape: Shape, iterations: u64) -> impl Future<Output = u64> + Send;

    /// Empties the table that is written.
    fn clear(&mut self) -> impl Future<Output = ()> + Send;
}

/// Answers the runner until its end. SQLite's peers run on a task of a multi-threaded runtime, as in a web application;
/// servers' peers on one thread, which is pinned to the server's core.
pub fn serve<P, F>(engine: Engine, open: impl FnOnce() -> F) -> io::Result<()>
where
    P: Peer + 'static,
    F: Future<Output = P> + Send + 'static,
{
    let runtime = match engine {
        Engine::Sqlite => tokio::runtime::Builder::new_multi_thread().enable_all().build()?,
        Engine::Postgres | Engine::Mysql => tokio::runtime::Builder::new_current_thread().enable_all().build()?,
    };
    let mut peer = runtime.block_on(runtime.spawn(open())).map_err(io::Error::other)?;
    let mut out = io::stdout().lock();
    writeln!(out, "ready")?;
    out.flush()?;
    for line in io::stdin().lock().lines() {
        let line = line?;
        let (shape, iterations) = line.split_once(' ').ok_or_else(|| io::Error::other("expected SHAPE ITERATIONS"))?;
        let shape = Shape::named(shape).ok_or_else(|| io::Error::other("unknown shape"))?;
        let iterations = iterations.parse().map_err(io::Error::other)?;
        let work = async move {
            if matches!(shape, Shape::Insert1 | Shape::Insert10k) {
                peer.clear().await;
            }
            let started = Instant::now();
            let checksum = peer.run(shape, iterations).await;
            (peer, started.elapsed(), checksum)
        };
        let (back, elapsed, checksum) = runtime.block_on(runtime.spawn(work)).map_err(io::Error::other)?;
        peer = back;
        writeln!(out, "{} {checksum}", elapsed.as_nanos())?;
        out.flush()?;
    }
    Ok(())
}
