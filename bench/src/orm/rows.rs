//! The rows of the raw drivers and of the contract, and the statements that these are used with.

use std::collections::HashMap;

use oarlock::FromRow;
use oarlock_bench_protocol::{comment_sum, nested_sum, post_sum, unordered_sum, user_sum};

pub const TRIVIAL: &str = "SELECT id, name, hair_color FROM orm_users";

pub const POSTS: &str = "SELECT id, user_id, title, body FROM orm_posts";

pub const COMMENTS: &str = "SELECT id, post_id, text FROM orm_comments";

/// Gives the statement of the medium shape, with the parameter as the driver writes it.
pub fn medium(mark: &str) -> String {
    format!(
        "SELECT u.id, u.name, u.hair_color, p.id, p.user_id, p.title, p.body FROM orm_users u \
         LEFT JOIN orm_posts p ON p.user_id = u.id WHERE u.hair_color = {mark} ORDER BY u.name DESC"
    )
}

/// Gives the statement that inserts so many users, with the parameters as the driver writes them.
pub fn insert(rows: usize, mark: impl Fn(usize) -> String) -> String {
    let rows: Vec<_> = (0..rows).map(|row| format!("({}, {})", mark(row * 2 + 1), mark(row * 2 + 2))).collect();
    format!("INSERT INTO orm_users (name, hair_color) VALUES {}", rows.join(", "))
}

/// Puts a condition behind a statement: that a column is one of so many values.
pub fn among(statement: &str, column: &str, values: usize) -> String {
    format!("{statement} WHERE {column} IN ({})", vec!["?"; values].join(", "))
}

#[derive(FromRow)]
pub struct User {
    pub id: i64,
    pub name: String,
    pub hair_color: Option<String>,
}

impl User {
    pub fn sum(&self) -> u64 {
        user_sum(self.id, &self.name, self.hair_color.as_deref())
    }
}

#[derive(FromRow)]
pub struct Post {
    pub id: i64,
    pub user_id: i64,
    pub title: String,
    pub body: Option<String>,
}

impl Post {
    pub fn sum(&self) -> u64 {
        post_sum(self.id, self.user_id, &self.title, self.body.as_deref())
    }
}

#[derive(FromRow)]
pub struct Comment {
    pub id: i64,
    pub post_id: i64,
    pub text: String,
}

/// Sums users with their posts up.
pub fn pair_sum((user, post): &(User, Option<Post>)) -> u64 {
    user.sum().wrapping_add(post.as_ref().map_or(0, Post::sum))
}

/// Brings users, posts and comments together, and sums them up.
pub fn associated(users: Vec<User>, posts: Vec<Post>, comments: Vec<Comment>) -> u64 {
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
    let post = |(post, comments): &(Post, Vec<Comment>)| nested_sum(post.sum(), comments.iter().map(comment));
    unordered_sum(whole.iter().map(|(user, posts)| nested_sum(user.sum(), posts.iter().map(post))))
}
