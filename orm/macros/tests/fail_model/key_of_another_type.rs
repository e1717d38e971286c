#[path = "blog/mod.rs"]
mod blog;

use blog::User;
use oarlock::Model;

fn db() -> oarlock::Pool {
    unreachable!()
}

fn main() {
    let _ = User::find(&db(), "ada");
}
