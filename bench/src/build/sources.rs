//! The models as each library writes them, as little as its documentation asks for.

use std::fmt::Write as _;

use super::models::Model;

/// A library whose models are built.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Library {
    Oarlock,
    Sqlx,
    SeaOrm,
    Toasty,
}

impl Library {
    pub const ALL: [Self; 4] = [Self::Oarlock, Self::Sqlx, Self::SeaOrm, Self::Toasty];

    pub fn name(self) -> &'static str {
        match self {
            Self::Oarlock => "oarlock-orm",
            Self::Sqlx => "sqlx",
            Self::SeaOrm => "sea-orm",
            Self::Toasty => "toasty",
        }
    }

    /// Gives the package whose lock file names the versions, from the directory of the benchmarks.
    pub fn locked_by(self) -> &'static str {
        match self {
            Self::Oarlock => ".",
            Self::Sqlx => "sqlx",
            Self::SeaOrm => "sea-orm",
            Self::Toasty => "toasty",
        }
    }

    /// Gives its line in the manifest: SQLite, and nothing that the models do not need.
    pub fn dependency(self, repository: &str) -> String {
        match self {
            Self::Oarlock => {
                format!("oarlock = {{ path = {repository:?}, default-features = false, features = [\"sqlite\", \"orm\"] }}")
            }
            Self::Sqlx => {
                "sqlx = { version = \"0.9\", default-features = false, features = [\"runtime-tokio\", \"sqlite\", \"derive\"] }"
                    .to_owned()
            }
            Self::SeaOrm => {
                "sea-orm = { version = \"2.0\", default-features = false, features = [\"runtime-tokio\", \"sqlx-sqlite\", \
                 \"macros\"] }"
                    .to_owned()
            }
            Self::Toasty => {
                "toasty = { version = \"0.11\", default-features = false, features = [\"sqlite\"] }".to_owned()
            }
        }
    }

    /// Gives the file of a model. `extra` is one field more than it has, for a change to the file.
    pub fn source(self, model: &Model, extra: bool) -> String {
        let mut fields = String::new();
        for (index, kind) in model.fields.iter().enumerate() {
            let _ = writeln!(fields, "    pub field_{index}: {},", kind.rust());
        }
        if extra {
            fields += "    pub extra: i64,\n";
        }
        match self {
            Self::Oarlock => oarlock(model, &fields),
            Self::Sqlx => sqlx(model, &fields),
            Self::SeaOrm => sea_orm(model, &fields),
            Self::Toasty => toasty(model, &fields),
        }
    }
}

/// Gives the path of a model's type.
fn path(number: usize) -> String {
    format!("crate::{}::{}", Model::module(number), Model::name(number))
}

fn oarlock(model: &Model, fields: &str) -> String {
    let mut text = format!(
        "#[derive(Debug, Clone, oarlock::Model)]\n#[model(table = {:?})]\npub struct {} {{\n    \
         #[model(primary_key, auto)]\n    pub id: i64,\n{fields}",
        Model::module(model.number),
        Model::name(model.number)
    );
    if let Some(parent) = model.parent {
        let (parent, field) = (path(parent), Model::module(parent));
        let _ = write!(
            text,
            "    #[model(references = {parent})]\n    pub {field}_id: i64,\n    #[model(belongs_to = {field}_id)]\n    \
             pub {field}: oarlock::BelongsTo<{parent}>,\n"
        );
    }
    for &child in &model.children {
        let (field, child) = (Model::module(child), path(child));
        let _ = write!(text, "    #[model(has_many)]\n    pub {field}s: oarlock::HasMany<{child}>,\n");
    }
    text + "}\n"
}

/// Its models are rows, and know of no relations: the column is all that there is of one.
fn sqlx(model: &Model, fields: &str) -> String {
    let parent = model.parent.map(|parent| format!("    pub {}_id: i64,\n", Model::module(parent))).unwrap_or_default();
    format!(
        "#[derive(Debug, Clone, sqlx::FromRow)]\npub struct {} {{\n    pub id: i64,\n{fields}{parent}}}\n",
        Model::name(model.number)
    )
}

fn sea_orm(model: &Model, fields: &str) -> String {
    let mut text = format!(
        "use sea_orm::entity::prelude::*;\n\n#[sea_orm::model]\n#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]\n\
         #[sea_orm(table_name = {:?})]\npub struct Model {{\n    #[sea_orm(primary_key)]\n    pub id: i64,\n{fields}",
        Model::module(model.number)
    );
    if let Some(parent) = model.parent {
        let field = Model::module(parent);
        let _ = write!(
            text,
            "    pub {field}_id: i64,\n    #[sea_orm(belongs_to, from = \"{field}_id\", to = \"id\")]\n    \
             pub {field}: BelongsTo<crate::{field}::Entity>,\n"
        );
    }
    for &child in &model.children {
        let field = Model::module(child);
        let _ = write!(text, "    #[sea_orm(has_many)]\n    pub {field}s: HasMany<crate::{field}::Entity>,\n");
    }
    text + "}\n\nimpl ActiveModelBehavior for ActiveModel {}\n"
}

fn toasty(model: &Model, fields: &str) -> String {
    let mut text = format!(
        "#[derive(Debug, toasty::Model)]\n#[table = {:?}]\npub struct {} {{\n    #[key]\n    #[auto]\n    pub id: u64,\n{fields}",
        Model::module(model.number),
        Model::name(model.number)
    );
    if let Some(parent) = model.parent {
        let (parent, field) = (path(parent), Model::module(parent));
        let _ = write!(
            text,
            "    #[index]\n    pub {field}_id: u64,\n    #[belongs_to]\n    pub {field}: toasty::Deferred<{parent}>,\n"
        );
    }
    for &child in &model.children {
        let (field, child) = (Model::module(child), path(child));
        let _ = write!(text, "    #[has_many]\n    pub {field}s: toasty::Deferred<Vec<{child}>>,\n");
    }
    text + "}\n"
}
