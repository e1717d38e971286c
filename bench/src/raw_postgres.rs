//! tokio-postgres used well: prepared once, streamed, read by index, inserts pipelined in one transaction.

use std::pin::pin;

use futures_util::TryStreamExt;
use futures_util::stream::FuturesOrdered;
use oarlock_bench_protocol::{MANY, Peer, Shape, User, key, new_users};
use tokio_postgres::{Client, NoTls, Row, Statement};

pub struct Raw {
    client: Client,
    point: Statement,
    select: Statement,
    insert: Statement,
    new_users: Vec<User>,
}

fn read(row: &Row) -> User {
    User { id: row.get(0), name: row.get(1), hair_color: row.get(2) }
}

impl Raw {
    pub async fn open(url: String) -> Self {
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.expect("the database is there");
        tokio::spawn(connection);
        let prepare = async |sql| client.prepare(sql).await.expect("prepare");
        let point = prepare("SELECT id, name, hair_color FROM bench_users WHERE id = $1").await;
        let select = prepare("SELECT id, name, hair_color FROM bench_users WHERE id <= $1").await;
        let insert = prepare("INSERT INTO bench_new (name, hair_color) VALUES ($1, $2)").await;
        Self { client, point, select, insert, new_users: new_users(MANY) }
    }
}

impl Peer for Raw {
    async fn clear(&mut self) {
        self.client.batch_execute("TRUNCATE bench_new").await.expect("truncate");
    }

    async fn run(&mut self, shape: Shape, iterations: u64) -> u64 {
        let mut sum = 0_u64;
        match shape {
            Shape::PointSelect | Shape::PointSelect8x4 => {
                for index in 0..iterations {
                    let row = self.client.query_one(&self.point, &[&key(index)]).await.expect("select");
                    sum = sum.wrapping_add(read(&row).checksum());
                }
            }
            Shape::Select100 | Shape::Select10k => {
                let rows = if shape == Shape::Select100 { 100 } else { MANY };
                for _ in 0..iterations {
                    let mut users = Vec::new();
                    let mut stream = pin!(self.client.query_raw(&self.select, [rows]).await.expect("select"));
                    while let Some(row) = stream.try_next().await.expect("select") {
                        users.push(read(&row));
                    }
                    sum = users.iter().map(User::checksum).fold(sum, u64::wrapping_add);
                }
            }
            Shape::Insert1 => {
                for index in 0..iterations {
                    let user = &self.new_users[index as usize % self.new_users.len()];
                    sum += self.client.execute(&self.insert, &[&user.name, &user.hair_color]).await.expect("insert");
                }
            }
            Shape::Insert10k => {
                for _ in 0..iterations {
                    let tx = self.client.transaction().await.expect("begin");
                    for chunk in self.new_users.chunks(256) {
                        let mut calls = FuturesOrdered::new();
                        for user in chunk {
                            let row = [Some(&user.name), user.hair_color.as_ref()];
                            calls.push_back(tx.execute_raw(&self.insert, row));
                        }
                        while let Some(count) = calls.try_next().await.expect("insert") {
                            sum += count;
                        }
                    }
                    tx.commit().await.expect("commit");
                }
            }
        }
        sum
    }
}
