#[oarlock_macros::test]
async fn counts() {}

fn main() {}
