#[path = "blog/mod.rs"]
mod blog;

use blog::{Post, User};

fn main() {
    let _ = User::upsert(Post::TITLE);
}
