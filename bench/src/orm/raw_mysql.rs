//! mysql_async: prepared once, streamed, read by index.

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts, OptsBuilder, Params, Row, Value};
use oarlock_bench_protocol::{NewUser, OrmPeer, ordered_sum, unordered_sum};

use super::rows::{COMMENTS, Comment, POSTS, Post, TRIVIAL, User, among, associated, insert, medium, pair_sum};

pub struct Raw {
    conn: Conn,
    medium: String,
}

impl Raw {
    pub async fn open(url: String) -> Self {
        // Left to itself it would leave TCP for the server's Unix socket, and be measured against peers that do not.
        let options = OptsBuilder::from_opts(Opts::from_url(&url).expect("url")).prefer_socket(false);
        Self { conn: Conn::new(options).await.expect("the database is there"), medium: medium("?") }
    }

    /// The connection keeps statements by their text, so `prep` asks the server once.
    async fn read<T>(&mut self, sql: &str, values: impl Into<Params> + Send, read: impl Fn(&mut Row) -> T) -> Vec<T> {
        let statement = self.conn.prep(sql).await.expect("prepare");
        let mut rows = Vec::new();
        let mut result = self.conn.exec_iter(&statement, values).await.expect("select");
        while let Some(mut row) = result.next().await.expect("select") {
            rows.push(read(&mut row));
        }
        result.drop_result().await.expect("select");
        rows
    }
}

fn take<T: mysql_async::prelude::FromValue>(row: &mut Row, index: usize) -> T {
    row.take(index).expect("a column")
}

fn user(row: &mut Row) -> User {
    User { id: take(row, 0), name: take(row, 1), hair_color: take(row, 2) }
}

fn post(row: &mut Row, first: usize) -> Post {
    Post {
        id: take(row, first),
        user_id: take(row, first + 1),
        title: take(row, first + 2),
        body: take(row, first + 3),
    }
}

fn keys(keys: impl Iterator<Item = i64>) -> Params {
    Params::Positional(keys.map(Value::Int).collect())
}

impl OrmPeer for Raw {
    async fn script(&mut self, statements: Vec<String>) {
        for statement in statements {
            self.conn.query_drop(statement).await.expect("script");
        }
    }

    async fn trivial(&mut self) -> u64 {
        unordered_sum(self.read(TRIVIAL, (), user).await.iter().map(User::sum))
    }

    async fn medium(&mut self) -> u64 {
        let sql = self.medium.clone();
        let pair = |row: &mut Row| {
            let there = row.as_ref(3) != Some(&Value::NULL);
            (user(row), there.then(|| post(row, 3)))
        };
        ordered_sum(self.read(&sql, ("black",), pair).await.iter().map(pair_sum))
    }

    async fn insert(&mut self, users: &[NewUser]) {
        let statement = self.conn.prep(insert(users.len(), |_| "?".to_owned())).await.expect("prepare");
        let text = |text: &str| Value::Bytes(text.as_bytes().to_vec());
        let values =
            users.iter().flat_map(|user| [text(&user.name), user.hair_color.as_deref().map_or(Value::NULL, text)]);
        self.conn.exec_drop(&statement, Params::Positional(values.collect())).await.expect("insert");
    }

    async fn associations(&mut self) -> u64 {
        let users = self.read(TRIVIAL, (), user).await;
        let sql = among(POSTS, "user_id", users.len());
        let posts = self.read(&sql, keys(users.iter().map(|user| user.id)), |row| post(row, 0)).await;
        let sql = among(COMMENTS, "post_id", posts.len());
        let comment = |row: &mut Row| Comment { id: take(row, 0), post_id: take(row, 1), text: take(row, 2) };
        let comments = self.read(&sql, keys(posts.iter().map(|post| post.id)), comment).await;
        associated(users, posts, comments)
    }
}
