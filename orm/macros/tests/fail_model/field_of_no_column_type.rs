use oarlock::Model;

#[derive(Model)]
struct User {
    #[model(primary_key, auto)]
    id: i64,
    picture: std::path::PathBuf,
}

fn main() {}
