use oarlock_macros::FromValue;

#[derive(FromValue)]
#[value(crate = "oarlock_core")]
struct Point {
    x: f64,
    y: f64,
}

fn main() {}
