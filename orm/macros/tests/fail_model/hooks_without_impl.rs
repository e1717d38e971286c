use oarlock::Model;

#[derive(Model)]
#[model(hooks)]
struct User {
    #[model(primary_key, auto)]
    id: i64,
}

fn main() {}
