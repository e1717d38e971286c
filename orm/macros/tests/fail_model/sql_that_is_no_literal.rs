use oarlock::{Pool, sql};

fn query(db: &Pool) {
    let text = "SELECT 1";
    let _ = sql!(db, text);
}

fn main() {}
