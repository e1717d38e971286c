#[oarlock_macros::test]
fn counts(db: oarlock::Pool) {}

fn main() {}
