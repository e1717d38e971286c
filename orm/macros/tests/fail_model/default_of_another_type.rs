use oarlock::Model;

#[derive(Model)]
struct User {
    #[model(primary_key, auto)]
    id: i64,
    #[model(default = "many")]
    views: i32,
}

fn main() {}
