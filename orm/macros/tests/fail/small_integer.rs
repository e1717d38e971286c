use oarlock_macros::FromRow;

#[derive(FromRow)]
#[row(crate = "oarlock_core")]
struct User {
    age: u8,
}

fn main() {}
