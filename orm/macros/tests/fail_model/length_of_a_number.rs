use oarlock::Model;

#[derive(Model)]
struct User {
    #[model(primary_key, auto)]
    id: i64,
    #[model(max_length = 20)]
    views: i32,
}

fn main() {}
