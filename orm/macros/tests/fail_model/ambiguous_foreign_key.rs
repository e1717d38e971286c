use oarlock::{HasMany, Model};

#[derive(Model)]
struct User {
    #[model(primary_key, auto)]
    id: i64,
    #[model(has_many)]
    posts: HasMany<Post>,
}

#[derive(Model)]
struct Post {
    #[model(primary_key)]
    id: i64,
    #[model(references = User)]
    author_id: i64,
    #[model(references = User)]
    editor_id: i64,
}

fn main() {}
