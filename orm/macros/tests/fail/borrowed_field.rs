use oarlock_macros::FromRow;

#[derive(FromRow)]
#[row(crate = "oarlock_core")]
struct User<'a> {
    name: &'a str,
}

fn main() {}
