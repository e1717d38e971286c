use oarlock_macros::FromRow;

#[derive(FromRow)]
#[row(crate = "oarlock_core")]
struct Pair(i64, #[row(rename = "second")] i64);

fn main() {}
