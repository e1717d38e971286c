use oarlock_macros::FromRow;

#[derive(FromRow)]
#[row(crate = "oarlock_core", rename_all = "camel")]
struct User {
    id: i64,
}

fn main() {}
