use oarlock_macros::FromValue;

#[derive(FromValue)]
#[value(crate = "oarlock_core")]
enum Shape {
    Circle(f64),
}

fn main() {}
