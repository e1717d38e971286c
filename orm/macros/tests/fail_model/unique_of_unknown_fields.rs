use oarlock::Model;

#[derive(Model)]
#[model(unique(email, tenant))]
struct User {
    #[model(primary_key, auto)]
    id: i64,
    email: String,
}

fn main() {}
