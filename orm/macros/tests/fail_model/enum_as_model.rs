use oarlock::Model;

#[derive(Model)]
enum Role {
    Admin,
}

fn main() {}
