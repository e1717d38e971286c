use oarlock::Model;

#[derive(Model)]
struct User {
    #[model(primary_key, auto)]
    id: i64,
    #[model(embed)]
    address: Address,
}

struct Address {
    city: String,
}

fn main() {}
