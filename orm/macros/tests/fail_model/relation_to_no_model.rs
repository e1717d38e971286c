use oarlock::{HasMany, Model};

#[derive(Model)]
struct User {
    #[model(primary_key, auto)]
    id: i64,
    #[model(has_many)]
    posts: HasMany<Post>,
}

struct Post;

fn main() {}
