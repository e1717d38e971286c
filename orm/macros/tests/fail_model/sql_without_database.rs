use oarlock::{Pool, sql};

fn query(db: &Pool) {
    let _ = sql!("SELECT 1");
}

fn main() {}
