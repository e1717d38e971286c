use oarlock::Model;

#[derive(Model)]
struct User {
    #[model(primary_key, auto)]
    id: i64,
    email: String,
    #[model(column = "email")]
    address: String,
}

fn main() {}
