use oarlock::Model;

#[derive(Model)]
struct User {
    #[model(primary_key, auto)]
    id: i64,
    #[model(references = Tag(name))]
    tag: i64,
}

#[derive(Model)]
struct Tag {
    #[model(primary_key)]
    id: i64,
}

fn main() {}
