use oarlock::Model;

#[derive(Model)]
struct User {
    #[model(primary_key, auto)]
    id: i64,
    #[model(prefix = "home_")]
    address: String,
}

fn main() {}
