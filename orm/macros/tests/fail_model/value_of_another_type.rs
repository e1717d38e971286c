#[path = "blog/mod.rs"]
mod blog;

use blog::User;
use oarlock::Model;

fn main() {
    let _ = User::query().filter(User::EMAIL.eq(7));
}
