#[path = "blog/mod.rs"]
mod blog;

use blog::{Post, User};
use oarlock::Model;

fn main() {
    let _ = User::query().update().set(Post::TITLE, "new");
}
