//! rusqlite called directly on the task.

use oarlock_bench_protocol::{NewUser, OrmPeer, ordered_sum, unordered_sum};
use rusqlite::{Connection, Row, params_from_iter};

use super::rows::{COMMENTS, Comment, POSTS, Post, TRIVIAL, User, among, associated, insert, medium, pair_sum};

pub struct Raw {
    db: Connection,
    medium: String,
}

impl Raw {
    pub async fn open() -> Self {
        Self { db: Connection::open_in_memory().expect("memory"), medium: medium("?") }
    }

    fn read<T>(
        &self,
        sql: &str,
        keys: impl IntoIterator<Item = i64>,
        read: fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Vec<T> {
        let mut statement = self.db.prepare_cached(sql).expect("prepare");
        let rows = statement.query_map(params_from_iter(keys), read).expect("select");
        rows.collect::<Result<_, _>>().expect("select")
    }
}

fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User { id: row.get(0)?, name: row.get(1)?, hair_color: row.get(2)? })
}

fn post(row: &Row<'_>, first: usize) -> rusqlite::Result<Post> {
    Ok(Post {
        id: row.get(first)?,
        user_id: row.get(first + 1)?,
        title: row.get(first + 2)?,
        body: row.get(first + 3)?,
    })
}

impl OrmPeer for Raw {
    async fn script(&mut self, statements: Vec<String>) {
        self.db.execute_batch(&statements.join(";")).expect("script");
    }

    async fn trivial(&mut self) -> u64 {
        unordered_sum(self.read(TRIVIAL, [], user).iter().map(User::sum))
    }

    async fn medium(&mut self) -> u64 {
        let mut statement = self.db.prepare_cached(&self.medium).expect("prepare");
        let pair = |row: &Row<'_>| {
            let there = row.get_ref(3)? != rusqlite::types::ValueRef::Null;
            Ok((user(row)?, if there { Some(post(row, 3)?) } else { None }))
        };
        let pairs: Vec<_> =
            statement.query_map(["black"], pair).expect("select").collect::<Result<_, _>>().expect("select");
        ordered_sum(pairs.iter().map(pair_sum))
    }

    async fn insert(&mut self, users: &[NewUser]) {
        let mut statement = self.db.prepare_cached(&insert(users.len(), |_| "?".to_owned())).expect("prepare");
        let values = users.iter().flat_map(|user| [Some(user.name.as_str()), user.hair_color.as_deref()]);
        statement.execute(params_from_iter(values)).expect("insert");
    }

    async fn associations(&mut self) -> u64 {
        let users = self.read(TRIVIAL, [], user);
        let posts =
            self.read(&among(POSTS, "user_id", users.len()), users.iter().map(|user| user.id), |row| post(row, 0));
        let comments = self.read(&among(COMMENTS, "post_id", posts.len()), posts.iter().map(|post| post.id), |row| {
            Ok(Comment { id: row.get(0)?, post_id: row.get(1)?, text: row.get(2)? })
        });
        associated(users, posts, comments)
    }
}
