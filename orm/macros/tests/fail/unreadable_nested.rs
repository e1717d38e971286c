use oarlock_macros::FromRow;

struct Address {
    _city: String,
}

#[derive(FromRow)]
#[row(crate = "oarlock_core")]
struct User {
    id: i64,
    #[row(flatten)]
    address: Address,
}

fn main() {}
