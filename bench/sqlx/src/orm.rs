//! The shapes of the ORMs: `query_as` into structs, `QueryBuilder` where the number of parameters varies, relations by hand.

use std::collections::HashMap;

use oarlock_bench_protocol::{
    Engine, NewUser, OrmPeer, comment_sum, nested_sum, ordered_sum, post_sum, serve_orm, unordered_sum, user_sum,
};
use sqlx::{AssertSqlSafe, Connection, FromRow, QueryBuilder};

const TRIVIAL: &str = "SELECT id, name, hair_color FROM orm_users";
const POSTS: &str = "SELECT id, user_id, title, body FROM orm_posts WHERE user_id ";
const COMMENTS: &str = "SELECT id, post_id, text FROM orm_comments WHERE post_id ";

#[derive(FromRow)]
struct User {
    id: i64,
    name: String,
    hair_color: Option<String>,
}

#[derive(FromRow)]
struct Post {
    id: i64,
    user_id: i64,
    title: String,
    body: Option<String>,
}

#[derive(FromRow)]
struct Comment {
    id: i64,
    post_id: i64,
    text: String,
}

#[derive(FromRow)]
struct Pair {
    #[sqlx(flatten)]
    user: User,
    post_id: Option<i64>,
    user_id: Option<i64>,
    title: Option<String>,
    body: Option<String>,
}

impl User {
    fn sum(&self) -> u64 {
        user_sum(self.id, &self.name, self.hair_color.as_deref())
    }
}

impl Pair {
    fn sum(&self) -> u64 {
        let post = match (self.post_id, self.user_id, &self.title) {
            (Some(id), Some(user_id), Some(title)) => post_sum(id, user_id, title, self.body.as_deref()),
            _ => 0,
        };
        self.user.sum().wrapping_add(post)
    }
}

fn associated(users: Vec<User>, posts: Vec<Post>, comments: Vec<Comment>) -> u64 {
    let mut comments_of: HashMap<i64, Vec<Comment>> = HashMap::with_capacity(posts.len());
    for comment in comments {
        comments_of.entry(comment.post_id).or_default().push(comment);
    }
    let mut posts_of: HashMap<i64, Vec<(Post, Vec<Comment>)>> = HashMap::with_capacity(users.len());
    for post in posts {
        let comments = comments_of.remove(&post.id).unwrap_or_default();
        posts_of.entry(post.user_id).or_default().push((post, comments));
    }
    let whole: Vec<_> = users
        .into_iter()
        .map(|user| {
            let posts = posts_of.remove(&user.id).unwrap_or_default();
            (user, posts)
        })
        .collect();
    let comment = |comment: &Comment| comment_sum(comment.id, comment.post_id, &comment.text);
    let post = |(post, comments): &(Post, Vec<Comment>)| {
        let own = post_sum(post.id, post.user_id, &post.title, post.body.as_deref());
        nested_sum(own, comments.iter().map(comment))
    };
    unordered_sum(whole.iter().map(|(user, posts)| nested_sum(user.sum(), posts.iter().map(post))))
}

/// Each key a parameter: SQLite and MariaDB take no lists.
macro_rules! among {
    ($statement:expr, $keys:expr, $db:expr) => {{
        let mut builder = QueryBuilder::new($statement);
        builder.push("IN (");
        let mut list = builder.separated(", ");
        for key in $keys {
            list.push_bind(key);
        }
        list.push_unseparated(")");
        builder.build_query_as().fetch_all($db).await.expect("select")
    }};
}

macro_rules! one_list {
    ($statement:expr, $keys:expr, $db:expr) => {{
        let keys: Vec<i64> = $keys.collect();
        let sql = AssertSqlSafe(format!("{}= ANY($1)", $statement));
        sqlx::query_as(sql).bind(keys).fetch_all($db).await.expect("select")
    }};
}

macro_rules! peer {
    ($name:ident, $connection:ty, $engine:expr, $related:ident) => {
        struct $name {
            db: $connection,
            medium: &'static str,
        }

        impl $name {
            async fn open(url: String) -> Self {
                let medium = format!(
                    "SELECT u.id, u.name, u.hair_color, p.id AS post_id, p.user_id, p.title, p.body FROM orm_users u \
                     LEFT JOIN orm_posts p ON p.user_id = u.id WHERE u.hair_color = {} ORDER BY u.name DESC",
                    $engine.mark(1)
                );
                let db = <$connection>::connect(&url).await.expect("the database is there");
                Self { db, medium: medium.leak() }
            }
        }

        impl OrmPeer for $name {
            async fn script(&mut self, statements: Vec<String>) {
                for statement in statements {
                    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut self.db).await.expect("script");
                }
            }

            async fn trivial(&mut self) -> u64 {
                let users: Vec<User> = sqlx::query_as(TRIVIAL).fetch_all(&mut self.db).await.expect("select");
                unordered_sum(users.iter().map(User::sum))
            }

            async fn medium(&mut self) -> u64 {
                let query = sqlx::query_as(self.medium).bind("black");
                let pairs: Vec<Pair> = query.fetch_all(&mut self.db).await.expect("select");
                ordered_sum(pairs.iter().map(Pair::sum))
            }

            async fn insert(&mut self, users: &[NewUser]) {
                let mut builder = QueryBuilder::new("INSERT INTO orm_users (name, hair_color) ");
                builder.push_values(users, |mut row, user| {
                    row.push_bind(&user.name).push_bind(&user.hair_color);
                });
                builder.build().execute(&mut self.db).await.expect("insert");
            }

            async fn associations(&mut self) -> u64 {
                let users: Vec<User> = sqlx::query_as(TRIVIAL).fetch_all(&mut self.db).await.expect("select");
                let posts: Vec<Post> = $related!(POSTS, users.iter().map(|user| user.id), &mut self.db);
                let comments: Vec<Comment> = $related!(COMMENTS, posts.iter().map(|post| post.id), &mut self.db);
                associated(users, posts, comments)
            }
        }
    };
}

peer!(Sqlite, sqlx::SqliteConnection, Engine::Sqlite, among);
peer!(Postgres, sqlx::PgConnection, Engine::Postgres, one_list);
peer!(Mysql, sqlx::MySqlConnection, Engine::Mysql, among);

pub fn serve(engine: Engine, url: &str) -> std::io::Result<()> {
    let url = url.to_owned();
    match engine {
        Engine::Sqlite => serve_orm(engine, || Sqlite::open(url)),
        Engine::Postgres => serve_orm(engine, || Postgres::open(url)),
        Engine::Mysql => serve_orm(engine, || Mysql::open(url)),
    }
}
