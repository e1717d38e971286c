#[oarlock_macros::test(url = "sqlite:", engines = [sqlite])]
async fn counts(db: oarlock::Pool) {}

fn main() {}
