use oarlock::{HasMany, Model};

#[derive(Model)]
struct User {
    #[model(primary_key, auto)]
    id: i64,
    tags: HasMany<Tag>,
}

#[derive(Model)]
struct Tag {
    #[model(primary_key)]
    id: i64,
}

fn main() {}
