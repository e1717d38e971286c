//! rusqlite called directly on the task, used well: cached statements, read by index.

use std::sync::{Arc, Mutex};

use oarlock_bench_protocol::{CONNECTIONS, MANY, Peer, Shape, TASKS, User, key, new_users};
use rusqlite::{Connection, OpenFlags, params};

const POINT: &str = "SELECT id, name, hair_color FROM bench_users WHERE id = ?";
const SELECT: &str = "SELECT id, name, hair_color FROM bench_users WHERE id <= ?";
const INSERT: &str = "INSERT INTO bench_new (name, hair_color) VALUES (?, ?)";

pub struct Raw {
    db: Arc<Mutex<Connection>>,
    shared: Vec<Arc<Mutex<Connection>>>,
    new_users: Vec<User>,
}

fn connect(path: &str) -> Connection {
    let db = Connection::open_with_flags(path, OpenFlags::default()).expect("the database is there");
    db.execute_batch("PRAGMA journal_mode = wal; PRAGMA synchronous = full; PRAGMA foreign_keys = on")
        .expect("pragmas");
    db
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<User> {
    Ok(User { id: row.get(0)?, name: row.get(1)?, hair_color: row.get(2)? })
}

fn point(db: &Mutex<Connection>, key: i64) -> u64 {
    let db = db.lock().expect("lock");
    let mut statement = db.prepare_cached(POINT).expect("prepare");
    statement.query_row([key], read).expect("select").checksum()
}

impl Raw {
    pub async fn open(url: String) -> Self {
        let path = url.trim_start_matches("sqlite:");
        let shared = (0..CONNECTIONS).map(|_| Arc::new(Mutex::new(connect(path)))).collect();
        Self { db: Arc::new(Mutex::new(connect(path))), shared, new_users: new_users(MANY) }
    }
}

impl Peer for Raw {
    async fn clear(&mut self) {
        self.db.lock().expect("lock").execute("DELETE FROM bench_new", ()).expect("delete");
    }

    async fn run(&mut self, shape: Shape, iterations: u64) -> u64 {
        let mut sum = 0_u64;
        match shape {
            Shape::PointSelect => {
                for index in 0..iterations {
                    sum = sum.wrapping_add(point(&self.db, key(index)));
                }
            }
            Shape::PointSelect8x4 => {
                let tasks: Vec<_> = (0..TASKS)
                    .map(|task| {
                        let db = Arc::clone(&self.shared[task % CONNECTIONS]);
                        tokio::spawn(async move {
                            (task as u64..iterations)
                                .step_by(TASKS)
                                .fold(0_u64, |sum, index| sum.wrapping_add(point(&db, key(index))))
                        })
                    })
                    .collect();
                for task in tasks {
                    sum = sum.wrapping_add(task.await.expect("task"));
                }
            }
            Shape::Select100 | Shape::Select10k => {
                let rows = if shape == Shape::Select100 { 100 } else { MANY };
                let db = self.db.lock().expect("lock");
                for _ in 0..iterations {
                    let mut statement = db.prepare_cached(SELECT).expect("prepare");
                    let users: Vec<User> =
                        statement.query_map([rows], read).expect("select").collect::<Result<_, _>>().expect("select");
                    sum = users.iter().map(User::checksum).fold(sum, u64::wrapping_add);
                }
            }
            Shape::Insert1 => {
                let db = self.db.lock().expect("lock");
                for index in 0..iterations {
                    let user = &self.new_users[index as usize % self.new_users.len()];
                    let mut statement = db.prepare_cached(INSERT).expect("prepare");
                    sum += statement.execute(params![user.name, user.hair_color]).expect("insert") as u64;
                }
            }
            Shape::Insert10k => {
                let mut db = self.db.lock().expect("lock");
                for _ in 0..iterations {
                    let tx = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).expect("begin");
                    {
                        let mut statement = tx.prepare_cached(INSERT).expect("prepare");
                        for user in &self.new_users {
                            sum += statement.execute(params![user.name, user.hair_color]).expect("insert") as u64;
                        }
                    }
                    tx.commit().expect("commit");
                }
            }
        }
        sum
    }
}
