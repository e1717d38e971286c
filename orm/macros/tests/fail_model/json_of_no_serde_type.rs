use oarlock::Model;

#[derive(Model)]
struct User {
    #[model(primary_key, auto)]
    id: i64,
    #[model(json)]
    settings: Settings,
}

struct Settings;

fn main() {}
