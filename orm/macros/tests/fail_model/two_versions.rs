use oarlock::Model;

#[derive(Model)]
struct User {
    #[model(primary_key, auto)]
    id: i64,
    #[model(version)]
    version: i32,
    #[model(version)]
    revision: i32,
}

fn main() {}
