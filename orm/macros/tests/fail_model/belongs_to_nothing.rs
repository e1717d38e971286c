use oarlock::{BelongsTo, Model};

#[derive(Model)]
struct User {
    #[model(primary_key, auto)]
    id: i64,
    #[model(references = Tag)]
    tag_id: i64,
    #[model(belongs_to)]
    tag: BelongsTo<Tag>,
}

#[derive(Model)]
struct Tag {
    #[model(primary_key)]
    id: i64,
}

fn main() {}
