use oarlock::Model;

struct User {
    id: i64,
}

fn main() {
    let _ = User::query();
}
