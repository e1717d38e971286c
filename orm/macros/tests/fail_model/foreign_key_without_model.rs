use oarlock::Model;

#[derive(Model)]
#[model(foreign_key(a, b))]
struct User {
    #[model(primary_key, auto)]
    id: i64,
    a: i64,
    b: i64,
}

fn main() {}
