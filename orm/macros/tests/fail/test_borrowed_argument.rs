#[oarlock_macros::test]
async fn counts(db: &oarlock::Pool) {}

fn main() {}
