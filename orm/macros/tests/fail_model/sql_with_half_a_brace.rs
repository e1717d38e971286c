use oarlock::{Pool, sql};

fn query(db: &Pool) {
    let id = 1_i64;
    let _ = sql!(db, "SELECT name FROM users WHERE id = {id");
}

fn main() {}
