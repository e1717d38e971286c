//! mysql_async used well: prepared once, streamed, read by index, inserts by its batch call in one transaction.

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts, OptsBuilder, Row, Statement, TxOpts};
use oarlock_bench_protocol::{MANY, Peer, Shape, User, key, new_users};

pub struct Raw {
    conn: Conn,
    point: Statement,
    select: Statement,
    insert: Statement,
    new_users: Vec<User>,
}

fn read(mut row: Row) -> User {
    User {
        id: row.take(0).expect("id"),
        name: row.take(1).expect("name"),
        hair_color: row.take(2).expect("hair color"),
    }
}

impl Raw {
    pub async fn open(url: String) -> Self {
        // Left to itself it would leave TCP for the server's Unix socket, and be measured against peers that do not.
        let options = OptsBuilder::from_opts(Opts::from_url(&url).expect("url")).prefer_socket(false);
        let mut conn = Conn::new(options).await.expect("the database is there");
        let point = conn.prep("SELECT id, name, hair_color FROM bench_users WHERE id = ?").await.expect("prepare");
        let select = conn.prep("SELECT id, name, hair_color FROM bench_users WHERE id <= ?").await.expect("prepare");
        let insert = conn.prep("INSERT INTO bench_new (name, hair_color) VALUES (?, ?)").await.expect("prepare");
        Self { conn, point, select, insert, new_users: new_users(MANY) }
    }
}

impl Peer for Raw {
    async fn clear(&mut self) {
        self.conn.query_drop("DELETE FROM bench_new").await.expect("delete");
    }

    async fn run(&mut self, shape: Shape, iterations: u64) -> u64 {
        let mut sum = 0_u64;
        match shape {
            Shape::PointSelect | Shape::PointSelect8x4 => {
                for index in 0..iterations {
                    let row: Row =
                        self.conn.exec_first(&self.point, (key(index),)).await.expect("select").expect("row");
                    sum = sum.wrapping_add(read(row).checksum());
                }
            }
            Shape::Select100 | Shape::Select10k => {
                let rows = if shape == Shape::Select100 { 100 } else { MANY };
                for _ in 0..iterations {
                    let mut users = Vec::new();
                    let mut result = self.conn.exec_iter(&self.select, (rows,)).await.expect("select");
                    while let Some(row) = result.next().await.expect("select") {
                        users.push(read(row));
                    }
                    result.drop_result().await.expect("select");
                    sum = users.iter().map(User::checksum).fold(sum, u64::wrapping_add);
                }
            }
            Shape::Insert1 => {
                for index in 0..iterations {
                    let user = &self.new_users[index as usize % self.new_users.len()];
                    self.conn.exec_drop(&self.insert, (&user.name, &user.hair_color)).await.expect("insert");
                    sum += self.conn.affected_rows();
                }
            }
            Shape::Insert10k => {
                for _ in 0..iterations {
                    let mut tx = self.conn.start_transaction(TxOpts::default()).await.expect("begin");
                    let rows = self.new_users.iter().map(|user| (&user.name, &user.hair_color));
                    tx.exec_batch(&self.insert, rows).await.expect("insert");
                    tx.commit().await.expect("commit");
                    sum += self.new_users.len() as u64;
                }
            }
        }
        sum
    }
}
