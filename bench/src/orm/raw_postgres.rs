//! tokio-postgres: prepared once, streamed, read by index, keys as one array.

use std::collections::HashMap;
use std::pin::pin;

use futures_util::TryStreamExt;
use oarlock_bench_protocol::{NewUser, OrmPeer, ordered_sum, unordered_sum};
use tokio_postgres::types::BorrowToSql;
use tokio_postgres::{Client, NoTls, Row, Statement};

use super::rows::{COMMENTS, Comment, POSTS, Post, TRIVIAL, User, associated, insert, medium, pair_sum};

pub struct Raw {
    client: Client,
    trivial: Statement,
    medium: Statement,
    posts: Statement,
    comments: Statement,
    inserts: HashMap<usize, Statement>,
}

impl Raw {
    pub async fn open(url: String) -> Self {
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.expect("the database is there");
        tokio::spawn(connection);
        let prepare = async |sql: &str| client.prepare(sql).await.expect("prepare");
        let trivial = prepare(TRIVIAL).await;
        let medium = prepare(&medium("$1")).await;
        let posts = prepare(&format!("{POSTS} WHERE user_id = ANY($1)")).await;
        let comments = prepare(&format!("{COMMENTS} WHERE post_id = ANY($1)")).await;
        Self { client, trivial, medium, posts, comments, inserts: HashMap::new() }
    }

    async fn read<T, P, I>(&self, statement: &Statement, values: I, read: impl Fn(&Row) -> T) -> Vec<T>
    where
        P: BorrowToSql,
        I: IntoIterator<Item = P, IntoIter: ExactSizeIterator>,
    {
        let mut rows = Vec::new();
        let mut stream = pin!(self.client.query_raw(statement, values).await.expect("select"));
        while let Some(row) = stream.try_next().await.expect("select") {
            rows.push(read(&row));
        }
        rows
    }
}

fn user(row: &Row) -> User {
    User { id: row.get(0), name: row.get(1), hair_color: row.get(2) }
}

fn post(row: &Row, first: usize) -> Post {
    Post { id: row.get(first), user_id: row.get(first + 1), title: row.get(first + 2), body: row.get(first + 3) }
}

impl OrmPeer for Raw {
    async fn script(&mut self, statements: Vec<String>) {
        self.client.batch_execute(&statements.join(";")).await.expect("script");
    }

    async fn trivial(&mut self) -> u64 {
        unordered_sum(self.read(&self.trivial, [] as [i64; 0], user).await.iter().map(User::sum))
    }

    async fn medium(&mut self) -> u64 {
        let pair = |row: &Row| (user(row), row.get::<_, Option<i64>>(3).map(|_| post(row, 3)));
        ordered_sum(self.read(&self.medium, ["black"], pair).await.iter().map(pair_sum))
    }

    async fn insert(&mut self, users: &[NewUser]) {
        if !self.inserts.contains_key(&users.len()) {
            let sql = insert(users.len(), |index| format!("${index}"));
            self.inserts.insert(users.len(), self.client.prepare(&sql).await.expect("prepare"));
        }
        let values: Vec<_> =
            users.iter().flat_map(|user| [Some(user.name.as_str()), user.hair_color.as_deref()]).collect();
        self.client.execute_raw(&self.inserts[&users.len()], values).await.expect("insert");
    }

    async fn associations(&mut self) -> u64 {
        let users = self.read(&self.trivial, [] as [i64; 0], user).await;
        let keys: Vec<i64> = users.iter().map(|user| user.id).collect();
        let posts = self.read(&self.posts, [keys], |row| post(row, 0)).await;
        let keys: Vec<i64> = posts.iter().map(|post| post.id).collect();
        let comment = |row: &Row| Comment { id: row.get(0), post_id: row.get(1), text: row.get(2) };
        let comments = self.read(&self.comments, [keys], comment).await;
        associated(users, posts, comments)
    }
}
