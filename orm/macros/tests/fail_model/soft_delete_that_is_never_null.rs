use oarlock::Model;

#[derive(Model)]
struct User {
    #[model(primary_key, auto)]
    id: i64,
    #[model(soft_delete)]
    deleted: String,
}

fn main() {}
