#[oarlock_macros::test]
#[test]
async fn counts(db: oarlock::Pool) {}

fn main() {}
