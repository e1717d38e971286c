//! sqlx as its documentation shows it: `query_as` into structs, statements cached, one connection.

mod migrate;
mod orm;
mod pool;

use std::sync::Arc;

use oarlock_bench_protocol::{CONNECTIONS, Engine, MANY, Peer, Shape, TASKS, User, key, new_users, serve};
use sqlx::{Connection, Database, FromRow};
use tokio::sync::Mutex;

#[derive(FromRow)]
struct Row {
    id: i64,
    name: String,
    hair_color: Option<String>,
}

impl Row {
    fn checksum(self) -> u64 {
        User { id: self.id, name: self.name, hair_color: self.hair_color }.checksum()
    }
}

macro_rules! peer {
    ($name:ident, $connection:ty, $engine:expr, $truncate:literal, $options:expr) => {
        struct $name {
            db: $connection,
            shared: Vec<Arc<Mutex<$connection>>>,
            point: &'static str,
            select: &'static str,
            insert: &'static str,
            new_users: Vec<User>,
        }

        impl $name {
            async fn open(url: String) -> Self {
                let mut shared = Vec::new();
                if $engine == Engine::Sqlite {
                    for _ in 0..CONNECTIONS {
                        shared.push(Arc::new(Mutex::new($options(&url).await)));
                    }
                }
                let mark = |index| Engine::mark($engine, index);
                Self {
                    db: $options(&url).await,
                    shared,
                    point: format!("SELECT id, name, hair_color FROM bench_users WHERE id = {}", mark(1)).leak(),
                    select: format!("SELECT id, name, hair_color FROM bench_users WHERE id <= {}", mark(1)).leak(),
                    insert: format!("INSERT INTO bench_new (name, hair_color) VALUES ({}, {})", mark(1), mark(2))
                        .leak(),
                    new_users: new_users(MANY),
                }
            }

            async fn point(db: &mut $connection, sql: &'static str, key: i64) -> u64 {
                let row: Row = sqlx::query_as(sql).bind(key).fetch_one(db).await.expect("select");
                row.checksum()
            }
        }

        impl Peer for $name {
            async fn clear(&mut self) {
                sqlx::query($truncate).execute(&mut self.db).await.expect("clear");
            }

            async fn run(&mut self, shape: Shape, iterations: u64) -> u64 {
                let mut sum = 0_u64;
                match shape {
                    Shape::PointSelect => {
                        for index in 0..iterations {
                            sum = sum.wrapping_add(Self::point(&mut self.db, self.point, key(index)).await);
                        }
                    }
                    Shape::PointSelect8x4 => {
                        let tasks: Vec<_> = (0..TASKS)
                            .map(|task| {
                                let db = Arc::clone(&self.shared[task % CONNECTIONS]);
                                let sql = self.point;
                                tokio::spawn(async move {
                                    let mut sum = 0_u64;
                                    for index in (task as u64..iterations).step_by(TASKS) {
                                        sum =
                                            sum.wrapping_add(Self::point(&mut *db.lock().await, sql, key(index)).await);
                                    }
                                    sum
                                })
                            })
                            .collect();
                        for task in tasks {
                            sum = sum.wrapping_add(task.await.expect("task"));
                        }
                    }
                    Shape::Select100 | Shape::Select10k => {
                        let rows = if shape == Shape::Select100 { 100 } else { MANY };
                        for _ in 0..iterations {
                            let users: Vec<Row> =
                                sqlx::query_as(self.select).bind(rows).fetch_all(&mut self.db).await.expect("select");
                            sum = users.into_iter().map(Row::checksum).fold(sum, u64::wrapping_add);
                        }
                    }
                    Shape::Insert1 => {
                        for index in 0..iterations {
                            let user = &self.new_users[index as usize % self.new_users.len()];
                            let query = sqlx::query(self.insert).bind(&user.name).bind(&user.hair_color);
                            sum += query.execute(&mut self.db).await.expect("insert").rows_affected();
                        }
                    }
                    Shape::Insert10k => {
                        for _ in 0..iterations {
                            let mut tx = self.db.begin().await.expect("begin");
                            for user in &self.new_users {
                                let query = sqlx::query(self.insert).bind(&user.name).bind(&user.hair_color);
                                sum += query.execute(&mut *tx).await.expect("insert").rows_affected();
                            }
                            tx.commit().await.expect("commit");
                        }
                    }
                }
                sum
            }
        }
    };
}

async fn plain<C: Connection>(url: &str) -> C
where
    C::Database: Database,
{
    C::connect(url).await.expect("the database is there")
}

async fn sqlite(url: &str) -> sqlx::SqliteConnection {
    use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
    let options: SqliteConnectOptions = url.parse().expect("url");
    let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full).foreign_keys(true);
    sqlx::SqliteConnection::connect_with(&options).await.expect("the database is there")
}

peer!(Sqlite, sqlx::SqliteConnection, Engine::Sqlite, "DELETE FROM bench_new", sqlite);
peer!(Postgres, sqlx::PgConnection, Engine::Postgres, "TRUNCATE bench_new", plain);
peer!(Mysql, sqlx::MySqlConnection, Engine::Mysql, "DELETE FROM bench_new", plain);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [mode, engine, directory, url] = &words[..]
        && mode == "migrate"
    {
        let engine = Engine::named(engine).ok_or("unknown engine")?;
        return migrate::run(engine, directory, url);
    }
    if let [mode, engine, url] = &words[..]
        && let Some(engine) = Engine::named(engine)
    {
        match mode.as_str() {
            "pool" => pool::serve(engine, url)?,
            "orm" => orm::serve(engine, url)?,
            _ => return Err("unknown benchmark".into()),
        }
        return Ok(());
    }
    let [engine, url] = &words[..] else {
        return Err("usage: oarlock-bench-sqlx [pool|orm] ENGINE URL, or migrate ENGINE DIRECTORY URL".into());
    };
    let url = url.clone();
    match Engine::named(engine).ok_or("unknown engine")? {
        Engine::Sqlite => serve(Engine::Sqlite, || Sqlite::open(url))?,
        Engine::Postgres => serve(Engine::Postgres, || Postgres::open(url))?,
        Engine::Mysql => serve(Engine::Mysql, || Mysql::open(url))?,
    }
    Ok(())
}
