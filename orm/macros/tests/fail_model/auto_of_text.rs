use oarlock::Model;

#[derive(Model)]
struct User {
    #[model(primary_key, auto)]
    id: String,
}

fn main() {}
