use oarlock::Model;

#[derive(Model)]
struct User<T> {
    #[model(primary_key)]
    id: T,
}

fn main() {}
