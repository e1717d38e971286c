use oarlock::Model;

#[derive(Model)]
struct User {
    #[model(primary_key)]
    id: i64,
    #[model(auto)]
    number: i64,
}

fn main() {}
