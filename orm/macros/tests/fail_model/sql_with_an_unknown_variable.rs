use oarlock::{Pool, sql};

fn query(db: &Pool) {
    let _ = sql!(db, "SELECT name FROM users WHERE id = {id}");
}

fn main() {}
