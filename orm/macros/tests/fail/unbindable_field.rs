use oarlock_macros::Params;

struct Address {
    _city: String,
}

#[derive(Params)]
#[row(crate = "oarlock_core")]
struct NewUser {
    address: Address,
}

fn main() {}
