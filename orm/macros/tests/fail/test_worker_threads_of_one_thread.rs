#[oarlock_macros::test(worker_threads = 2)]
async fn counts(db: oarlock::Pool) {}

fn main() {}
