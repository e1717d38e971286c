#[oarlock_macros::test(engines = [sqlite, mariadb])]
async fn counts(db: oarlock::Pool) {}

fn main() {}
