#[path = "blog/mod.rs"]
mod blog;

use blog::Post;
use oarlock::Model;

fn main() {
    let _ = Post::query().update().set(Post::VIEWS, "many");
}
