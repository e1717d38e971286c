use oarlock_macros::ToValue;

#[derive(ToValue)]
#[value(crate = "oarlock_core")]
enum Status {
    Draft,
    #[value(rename = "draft")]
    Sketch,
}

fn main() {}
