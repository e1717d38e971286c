#[path = "blog/mod.rs"]
mod blog;

use oarlock::Model;

#[derive(Model)]
#[model(embedded)]
struct Byline {
    #[model(references = blog::User)]
    author_id: i64,
    line: String,
}

fn main() {}
