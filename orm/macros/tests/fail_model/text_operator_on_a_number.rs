#[path = "blog/mod.rs"]
mod blog;

use blog::Post;
use oarlock::Model;

fn main() {
    let _ = Post::query().filter(Post::VIEWS.starts_with("1"));
}
