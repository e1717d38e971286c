use oarlock::Model;

#[derive(Model)]
struct User {
    #[model(primary_key, auto)]
    id: i64,
    #[model(validate = short)]
    name: String,
}

fn short(name: &String) -> bool {
    name.len() < 10
}

fn main() {}
