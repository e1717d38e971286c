#[oarlock_macros::test(fixtures())]
async fn counts(db: oarlock::Pool) {}

fn main() {}
