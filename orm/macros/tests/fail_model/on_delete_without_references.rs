use oarlock::Model;

#[derive(Model)]
struct User {
    #[model(primary_key, auto)]
    id: i64,
    #[model(on_delete = "cascade")]
    team_id: i64,
}

fn main() {}
