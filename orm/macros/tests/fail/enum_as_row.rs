use oarlock_macros::FromRow;

#[derive(FromRow)]
#[row(crate = "oarlock_core")]
enum Status {
    Draft,
}

fn main() {}
