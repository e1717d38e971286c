use oarlock::Model;

#[derive(Model)]
#[model(foreign_key(a, b, references = Tag))]
struct User {
    #[model(primary_key, auto)]
    id: i64,
    a: i64,
}

#[derive(Model)]
struct Tag {
    #[model(primary_key)]
    id: i64,
}

fn main() {}
