//! oarlock through its contract: SQL by hand, structs by derive.

use oarlock::{Conn, DbExt};
use oarlock_bench_protocol::{Engine, NewUser, OrmPeer, ordered_sum, unordered_sum};

use super::rows::{COMMENTS, Comment, POSTS, Post, TRIVIAL, User, among, associated, insert, medium, pair_sum};

pub struct Contract {
    db: Conn,
    engine: Engine,
    medium: String,
}

impl Contract {
    pub async fn open(engine: Engine, url: String) -> Self {
        Self { db: oarlock::connect(&url).await.expect("the database is there"), engine, medium: medium("?") }
    }

    async fn related<T: oarlock::FromRow + Send>(&self, statement: &str, column: &str, keys: Vec<i64>) -> Vec<T> {
        let rows = if self.engine == Engine::Postgres {
            self.db.fetch_all(&format!("{statement} WHERE {column} = ANY(?)"), (keys,)).await
        } else {
            self.db.fetch_all(&among(statement, column, keys.len()), keys).await
        };
        rows.expect("select")
    }
}

impl OrmPeer for Contract {
    async fn script(&mut self, statements: Vec<String>) {
        self.db.script(&statements.join(";\n")).await.expect("script");
    }

    async fn trivial(&mut self) -> u64 {
        let users: Vec<User> = self.db.fetch_all(TRIVIAL, ()).await.expect("select");
        unordered_sum(users.iter().map(User::sum))
    }

    async fn medium(&mut self) -> u64 {
        type Pair = (i64, String, Option<String>, Option<i64>, Option<i64>, Option<String>, Option<String>);
        let rows: Vec<Pair> = self.db.fetch_all(&self.medium, ("black",)).await.expect("select");
        let pairs: Vec<_> = rows
            .into_iter()
            .map(|(id, name, hair_color, post, user_id, title, body)| {
                let post = post.zip(user_id).zip(title).map(|((id, user_id), title)| Post { id, user_id, title, body });
                (User { id, name, hair_color }, post)
            })
            .collect();
        ordered_sum(pairs.iter().map(pair_sum))
    }

    async fn insert(&mut self, users: &[NewUser]) {
        let values: Vec<_> =
            users.iter().flat_map(|user| [Some(user.name.as_str()), user.hair_color.as_deref()]).collect();
        self.db.execute(&insert(users.len(), |_| "?".to_owned()), values).await.expect("insert");
    }

    async fn associations(&mut self) -> u64 {
        let users: Vec<User> = self.db.fetch_all(TRIVIAL, ()).await.expect("select");
        let posts: Vec<Post> = self.related(POSTS, "user_id", users.iter().map(|user| user.id).collect()).await;
        let comments: Vec<Comment> =
            self.related(COMMENTS, "post_id", posts.iter().map(|post| post.id).collect()).await;
        associated(users, posts, comments)
    }
}
