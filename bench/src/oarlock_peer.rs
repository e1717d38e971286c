//! oarlock through its contract: `DbExt` on a connection, structs by derive.

use std::sync::Arc;

use oarlock::{Conn, DbExt, FromRow};
use oarlock_bench_protocol::{CONNECTIONS, Engine, MANY, Peer, Shape, TASKS, User, key, new_users};
use tokio::sync::Mutex;

const POINT: &str = "SELECT id, name, hair_color FROM bench_users WHERE id = ?";
const SELECT: &str = "SELECT id, name, hair_color FROM bench_users WHERE id <= ?";
const INSERT: &str = "INSERT INTO bench_new (name, hair_color) VALUES (?, ?)";

#[derive(FromRow)]
struct Row {
    id: i64,
    name: String,
    hair_color: Option<String>,
}

impl From<Row> for User {
    fn from(row: Row) -> Self {
        Self { id: row.id, name: row.name, hair_color: row.hair_color }
    }
}

pub struct Oarlock {
    db: Conn,
    shared: Vec<Arc<Mutex<Conn>>>,
    new_users: Vec<User>,
}

impl Oarlock {
    pub async fn open(engine: Engine, url: String) -> Self {
        let connect = async || oarlock::connect(&url).await.expect("the database is there");
        let mut shared = Vec::new();
        if engine == Engine::Sqlite {
            for _ in 0..CONNECTIONS {
                shared.push(Arc::new(Mutex::new(connect().await)));
            }
        }
        Self { db: connect().await, shared, new_users: new_users(MANY) }
    }

    async fn select(&self, rows: i64) -> u64 {
        let users: Vec<Row> = self.db.fetch_all(SELECT, (rows,)).await.expect("select");
        users.into_iter().map(|row| User::from(row).checksum()).fold(0, u64::wrapping_add)
    }
}

async fn point(db: &Conn, key: i64) -> u64 {
    let row: Option<Row> = db.fetch_one(POINT, (key,)).await.expect("select");
    User::from(row.expect("every key is there")).checksum()
}

impl Peer for Oarlock {
    async fn clear(&mut self) {
        self.db.execute("DELETE FROM bench_new", ()).await.expect("delete");
    }

    async fn run(&mut self, shape: Shape, iterations: u64) -> u64 {
        let mut sum = 0_u64;
        match shape {
            Shape::PointSelect => {
                for index in 0..iterations {
                    sum = sum.wrapping_add(point(&self.db, key(index)).await);
                }
            }
            Shape::PointSelect8x4 => {
                let tasks: Vec<_> = (0..TASKS)
                    .map(|task| {
                        let db = Arc::clone(&self.shared[task % CONNECTIONS]);
                        tokio::spawn(async move {
                            let mut sum = 0_u64;
                            for index in (task as u64..iterations).step_by(TASKS) {
                                sum = sum.wrapping_add(point(&*db.lock().await, key(index)).await);
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
                    sum = sum.wrapping_add(self.select(rows).await);
                }
            }
            Shape::Insert1 => {
                for index in 0..iterations {
                    let user = &self.new_users[index as usize % self.new_users.len()];
                    let outcome = self.db.execute(INSERT, (&user.name, &user.hair_color)).await.expect("insert");
                    sum += outcome.rows_affected.unwrap_or(0);
                }
            }
            Shape::Insert10k => {
                for _ in 0..iterations {
                    let rows: Vec<_> = self.new_users.iter().map(|user| (&user.name, &user.hair_color)).collect();
                    let outcome = self.db.execute_many(INSERT, rows).await.expect("insert");
                    sum += outcome.rows_affected.unwrap_or(0);
                }
            }
        }
        sum
    }
}
