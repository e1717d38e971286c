//! The models of the first steps: a blog.

use chrono::{DateTime, Utc};
use oarlock::orm::create_tables;
use oarlock::{BelongsTo, Db, HasMany, ManyToMany, Model, Result};

#[derive(Model, Debug, Clone, PartialEq)]
#[model(table = "users")]
pub(crate) struct User {
    #[model(primary_key, auto)]
    pub(crate) id: i64,
    #[model(unique)]
    pub(crate) email: String,
    pub(crate) name: Option<String>,
    #[model(created_at, default = "now")]
    pub(crate) created_at: DateTime<Utc>,
    #[model(has_many)]
    pub(crate) posts: HasMany<Post>,
}

#[derive(Model, Debug, Clone, PartialEq)]
pub(crate) struct Post {
    #[model(primary_key, auto)]
    pub(crate) id: i64,
    #[model(references = User, on_delete = "cascade")]
    pub(crate) author_id: i64,
    pub(crate) title: String,
    #[model(default = 0)]
    pub(crate) views: i32,
    #[model(version)]
    pub(crate) version: i32,
    #[model(soft_delete)]
    pub(crate) deleted_at: Option<DateTime<Utc>>,
    #[model(belongs_to = author_id)]
    pub(crate) author: BelongsTo<User>,
    #[model(many_to_many = PostTag)]
    pub(crate) tags: ManyToMany<Tag, PostTag>,
}

#[derive(Model, Debug, Clone, PartialEq)]
pub(crate) struct Tag {
    #[model(primary_key, auto)]
    pub(crate) id: i64,
    #[model(unique, max_length = 50)]
    pub(crate) name: String,
}

#[derive(Model, Debug, Clone, PartialEq)]
pub(crate) struct PostTag {
    #[model(primary_key, references = Post, on_delete = "cascade")]
    pub(crate) post_id: i64,
    #[model(primary_key, references = Tag)]
    pub(crate) tag_id: i64,
    pub(crate) place: i32,
}

pub(crate) async fn tables(db: &dyn Db) -> Result<()> {
    create_tables(db, [PostTag::table(), Post::table(), User::table(), Tag::table()]).await
}

/// Ada with five posts, Bob with one, Cyd with none; two tags, of which the posts of even number have one or two.
pub(crate) async fn filled(db: &dyn Db) -> Result<()> {
    tables(db).await?;
    let users = User::create_many(
        db,
        [("ada@example.org", Some("Ada")), ("bob@example.org", Some("Bob")), ("cyd@example.com", None)]
            .map(|(email, name)| User::create().email(email).name(name.map(str::to_owned))),
    )
    .await?;
    let titles = ["one", "two", "three", "four", "five"].map(|title| (users[0].id, title));
    let posts = Post::create_many(
        db,
        titles
            .into_iter()
            .chain([(users[1].id, "of Bob's")])
            .map(|(author, title)| Post::create().author_id(author).title(title)),
    )
    .await?;
    let tags = Tag::create_many(db, ["red", "blue"].map(|name| Tag::create().name(name))).await?;
    let joins = [(1, 0, 10), (3, 1, 20), (3, 0, 30)];
    PostTag::create_many(
        db,
        joins.map(|(post, tag, place)| PostTag::create().post_id(posts[post].id).tag_id(tags[tag].id).place(place)),
    )
    .await?;
    Ok(())
}
