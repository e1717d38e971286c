use oarlock_macros::Params;

#[derive(Params)]
#[row(crate = "oarlock_core")]
struct Key {
    id: i64,
}

#[derive(Params)]
#[row(crate = "oarlock_core")]
struct NewPost {
    #[row(flatten, prefix = "author_")]
    author: Key,
}

fn main() {}
