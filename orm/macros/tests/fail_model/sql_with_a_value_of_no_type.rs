use oarlock::{Pool, sql};

fn query(db: &Pool) {
    let path = std::path::PathBuf::new();
    let _ = sql!(db, "SELECT name FROM files WHERE path = {path}");
}

fn main() {}
