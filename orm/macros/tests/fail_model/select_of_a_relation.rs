#[path = "blog/mod.rs"]
mod blog;

use blog::User;
use oarlock::Model;

fn main() {
    let _ = User::query().select((User::ID, User::POSTS));
}
