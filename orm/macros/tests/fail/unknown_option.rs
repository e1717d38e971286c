use oarlock_macros::FromRow;

#[derive(FromRow)]
#[row(crate = "oarlock_core")]
struct User {
    id: i64,
    #[row(renam = "user_name")]
    name: String,
}

fn main() {}
