use oarlock::{HasMany, Model};

#[derive(Model)]
struct User {
    #[model(primary_key, auto)]
    id: i64,
    #[model(has_many)]
    tags: HasMany<Tag>,
}

#[derive(Model)]
struct Tag {
    #[model(primary_key)]
    id: i64,
}

fn main() {}
