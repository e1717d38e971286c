use oarlock::{ManyToMany, Model};

#[derive(Model)]
struct User {
    #[model(primary_key, auto)]
    id: i64,
    #[model(many_to_many)]
    tags: ManyToMany<Tag>,
}

#[derive(Model)]
struct Tag {
    #[model(primary_key)]
    id: i64,
}

fn main() {}
