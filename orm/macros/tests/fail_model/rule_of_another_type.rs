use oarlock::Model;

#[derive(Model)]
struct User {
    #[model(primary_key, auto)]
    id: i64,
    #[model(validate = even)]
    name: String,
}

fn even(number: &i64) -> Result<(), String> {
    if number % 2 == 0 { Ok(()) } else { Err("is odd".to_owned()) }
}

fn main() {}
