use oarlock::Model;

#[derive(Model)]
struct Job {
    #[model(primary_key, auto)]
    id: i64,
    exec: String,
}

fn main() {}
