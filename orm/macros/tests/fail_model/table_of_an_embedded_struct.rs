use oarlock::Model;

#[derive(Model)]
#[model(embedded, table = "addresses")]
struct Address {
    street: String,
}

fn main() {}
