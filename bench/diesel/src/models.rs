//! The tables and models, as diesel's guides write them.

use diesel::prelude::{Associations, Identifiable, Insertable, Queryable, Selectable};
use oarlock_bench_protocol::{NewUser, comment_sum, nested_sum, post_sum, user_sum};

diesel::table! {
    orm_users (id) {
        id -> BigInt,
        name -> Varchar,
        hair_color -> Nullable<Varchar>,
    }
}

diesel::table! {
    orm_posts (id) {
        id -> BigInt,
        user_id -> BigInt,
        title -> Varchar,
        body -> Nullable<Varchar>,
    }
}

diesel::table! {
    orm_comments (id) {
        id -> BigInt,
        post_id -> BigInt,
        text -> Varchar,
    }
}

diesel::joinable!(orm_posts -> orm_users (user_id));
diesel::joinable!(orm_comments -> orm_posts (post_id));
diesel::allow_tables_to_appear_in_same_query!(orm_users, orm_posts, orm_comments);

#[derive(Identifiable, Queryable, Selectable)]
#[diesel(table_name = orm_users)]
pub struct User {
    pub id: i64,
    pub name: String,
    pub hair_color: Option<String>,
}

#[derive(Associations, Identifiable, Queryable, Selectable)]
#[diesel(table_name = orm_posts, belongs_to(User))]
pub struct Post {
    pub id: i64,
    pub user_id: i64,
    pub title: String,
    pub body: Option<String>,
}

#[derive(Associations, Identifiable, Queryable, Selectable)]
#[diesel(table_name = orm_comments, belongs_to(Post))]
pub struct Comment {
    pub id: i64,
    pub post_id: i64,
    pub text: String,
}

/// Without the attribute SQLite, which has no `DEFAULT` in a list of values, would be given row after row.
#[derive(Insertable)]
#[diesel(table_name = orm_users, treat_none_as_default_value = false)]
pub struct NewRow<'a> {
    name: &'a str,
    hair_color: Option<&'a str>,
}

impl<'a> From<&'a NewUser> for NewRow<'a> {
    fn from(user: &'a NewUser) -> Self {
        Self { name: &user.name, hair_color: user.hair_color.as_deref() }
    }
}

impl User {
    pub fn sum(&self) -> u64 {
        user_sum(self.id, &self.name, self.hair_color.as_deref())
    }
}

impl Post {
    fn sum(&self) -> u64 {
        post_sum(self.id, self.user_id, &self.title, self.body.as_deref())
    }
}

/// Sums a user and one of its posts up.
pub fn pair_sum((user, post): &(User, Option<Post>)) -> u64 {
    user.sum().wrapping_add(post.as_ref().map_or(0, Post::sum))
}

/// Sums a user, its posts and the comments on them up.
pub fn whole_sum((user, posts): &(User, Vec<(Post, Vec<Comment>)>)) -> u64 {
    let comment = |comment: &Comment| comment_sum(comment.id, comment.post_id, &comment.text);
    let post = |(post, comments): &(Post, Vec<Comment>)| nested_sum(post.sum(), comments.iter().map(comment));
    nested_sum(user.sum(), posts.iter().map(post))
}
