use oarlock::Model;

#[derive(Model)]
#[model(tabel = "users")]
struct User {
    #[model(primary_key, auto)]
    id: i64,
}

fn main() {}
