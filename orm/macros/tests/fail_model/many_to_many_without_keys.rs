use oarlock::{ManyToMany, Model};

#[derive(Model)]
struct User {
    #[model(primary_key, auto)]
    id: i64,
    #[model(many_to_many = Joining)]
    tags: ManyToMany<Tag>,
}

#[derive(Model)]
struct Tag {
    #[model(primary_key)]
    id: i64,
}

#[derive(Model)]
struct Joining {
    #[model(primary_key)]
    id: i64,
}

fn main() {}
