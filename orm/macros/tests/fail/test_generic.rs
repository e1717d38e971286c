#[oarlock_macros::test]
async fn counts<D: oarlock::Db>(db: D) {}

fn main() {}
