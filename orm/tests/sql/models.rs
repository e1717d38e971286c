//! The models.

#![allow(dead_code)] // A model needs all its columns, a test does not.

use chrono::{DateTime, Utc};
use oarlock::{BelongsTo, Decimal, HasMany, ManyToMany, Model};

#[derive(Model, Debug, Clone)]
#[model(table = "users")]
pub(crate) struct User {
    #[model(primary_key, auto)]
    pub(crate) id: i64,
    #[model(unique)]
    pub(crate) email: String,
    pub(crate) name: Option<String>,
    #[model(has_many)]
    pub(crate) posts: HasMany<Post>,
}

#[derive(Model, Debug, Clone)]
pub(crate) struct Post {
    #[model(primary_key, auto)]
    pub(crate) id: i64,
    #[model(references = User)]
    pub(crate) author_id: i64,
    pub(crate) title: String,
    #[model(default = 0)]
    pub(crate) views: i32,
    #[model(belongs_to = author_id)]
    pub(crate) author: BelongsTo<User>,
    #[model(many_to_many = PostTag)]
    pub(crate) tags: ManyToMany<Tag>,
}

#[derive(Model, Debug, Clone)]
pub(crate) struct Tag {
    #[model(primary_key, auto)]
    pub(crate) id: i64,
    #[model(unique)]
    pub(crate) name: String,
}

#[derive(Model, Debug, Clone)]
pub(crate) struct PostTag {
    #[model(primary_key, references = Post)]
    pub(crate) post_id: i64,
    #[model(primary_key, references = Tag)]
    pub(crate) tag_id: i64,
    pub(crate) place: i32,
}

/// Refers to itself.
#[derive(Model, Debug, Clone)]
pub(crate) struct Employee {
    #[model(primary_key)]
    pub(crate) id: i64,
    pub(crate) name: String,
    #[model(references = Employee)]
    pub(crate) manager_id: Option<i64>,
    #[model(belongs_to = manager_id)]
    pub(crate) manager: BelongsTo<Employee>,
    #[model(has_many = manager_id)]
    pub(crate) reports: HasMany<Employee>,
}

/// Has a key of two columns, and rows that refer to both.
#[derive(Model, Debug, Clone)]
pub(crate) struct Order {
    #[model(primary_key)]
    pub(crate) shop: i64,
    #[model(primary_key)]
    pub(crate) number: i64,
    pub(crate) total: Decimal,
    #[model(has_many)]
    pub(crate) lines: HasMany<OrderLine>,
}

#[derive(Model, Debug, Clone)]
#[model(foreign_key(shop, number, references = Order))]
pub(crate) struct OrderLine {
    #[model(primary_key, auto)]
    pub(crate) id: i64,
    pub(crate) shop: i64,
    pub(crate) number: i64,
}

/// Has all that the ORM keeps of itself.
#[derive(Model, Debug, Clone)]
pub(crate) struct Page {
    #[model(primary_key, auto)]
    pub(crate) id: i64,
    #[model(unique)]
    pub(crate) path: String,
    pub(crate) text: String,
    #[model(version)]
    pub(crate) version: i32,
    #[model(created_at)]
    pub(crate) created_at: DateTime<Utc>,
    #[model(updated_at)]
    pub(crate) updated_at: DateTime<Utc>,
    #[model(soft_delete)]
    pub(crate) deleted_at: Option<DateTime<Utc>>,
}

/// Is named by words of SQL's, and with quotes.
#[derive(Model, Debug, Clone)]
#[model(table = "select", schema = "from")]
pub(crate) struct Words {
    #[model(primary_key, column = "order")]
    pub(crate) order: i64,
    #[model(column = "a \"b\" `c` ?")]
    pub(crate) quoted: String,
}

/// The same table as [`Tag`], with fewer columns.
#[derive(Model, Debug, Clone)]
#[model(table = "tag")]
pub(crate) struct TagName {
    #[model(primary_key)]
    pub(crate) id: i64,
}

pub(crate) fn user(id: i64) -> User {
    User { id, email: String::new(), name: None, posts: HasMany::unloaded() }
}

pub(crate) fn post(id: i64) -> Post {
    let (author, tags) = (BelongsTo::unloaded(), ManyToMany::unloaded());
    Post { id, author_id: 1, title: String::new(), views: 0, author, tags }
}
