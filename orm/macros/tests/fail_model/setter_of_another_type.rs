#[path = "blog/mod.rs"]
mod blog;

use blog::Post;

fn main() {
    let _ = Post::create().title(1);
}
