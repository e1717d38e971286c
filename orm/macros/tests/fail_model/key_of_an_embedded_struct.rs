use oarlock::Model;

#[derive(Model)]
#[model(embedded)]
struct Address {
    #[model(primary_key)]
    id: i64,
    city: String,
}

fn main() {}
