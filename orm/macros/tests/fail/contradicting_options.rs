use oarlock_macros::FromRow;

#[derive(FromRow)]
#[row(crate = "oarlock_core")]
struct User {
    #[row(flatten, rename = "user_id")]
    id: i64,
}

#[derive(FromRow)]
#[row(crate = "oarlock_core")]
struct Post {
    #[row(prefix = "author_")]
    author: User,
}

fn main() {}
