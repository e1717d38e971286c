//! Models without a mistake, for mistakes in what is done with them.
#![allow(dead_code)]

use oarlock::{BelongsTo, HasMany, ManyToMany, Model};

#[derive(Model)]
pub struct User {
    #[model(primary_key, auto)]
    pub id: i64,
    #[model(unique)]
    pub email: String,
    pub name: Option<String>,
    #[model(has_many)]
    pub posts: HasMany<Post>,
}

#[derive(Model)]
pub struct Post {
    #[model(primary_key, auto)]
    pub id: i64,
    #[model(references = User, on_delete = "cascade")]
    pub author_id: i64,
    pub title: String,
    pub views: i32,
    #[model(belongs_to = author_id)]
    pub author: BelongsTo<User>,
    #[model(many_to_many = PostTag)]
    pub tags: ManyToMany<Tag>,
}

#[derive(Model)]
pub struct Tag {
    #[model(primary_key, auto)]
    pub id: i64,
    pub name: String,
}

#[derive(Model)]
pub struct PostTag {
    #[model(primary_key, references = Post)]
    pub post_id: i64,
    #[model(primary_key, references = Tag)]
    pub tag_id: i64,
}
