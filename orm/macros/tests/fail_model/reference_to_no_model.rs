use oarlock::Model;

#[derive(Model)]
struct User {
    #[model(primary_key, auto)]
    id: i64,
    #[model(references = Team)]
    team_id: i64,
}

struct Team;

fn main() {}
