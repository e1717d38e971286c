#[oarlock_macros::test(migrations = "sql")]
async fn counts(db: oarlock::Pool) {}

fn main() {}
