//! The one model of a database's schema, and its DDL in each dialect.
//!
//! A catalog returns it, a derive emits it, a migration compares two of it, the record store executes it, and the renderer
//! writes it as SQL. It says what there is, in neutral words where all engines agree, and word for word
//! ([`Type::Native`], [`Default::Expression`], [`Unmodelled`]) where only one engine has it; it never guesses.
//!
//! Text of SQL inside the model (checks, predicates, generated columns, views) is in the words of one engine and is
//! rendered as it stands: quote identifiers in it with [`Dialect::quote_identifier`](crate::Dialect::quote_identifier).

mod column;
mod constraint;
mod default;
mod index;
mod name;
mod table;
mod types;
mod view;

use serde::{Deserialize, Serialize};

pub use column::{Auto, Column, Generated, GeneratedKind};
pub use constraint::{Action, Check, Deferrable, ForeignKey, PrimaryKey, Unique, UniqueNulls};
pub use default::{Default, Literal};
pub use index::{Index, IndexKey, IndexPart, Nulls, Order};
pub use name::QualifiedName;
pub use table::{Layout, Table, TableOptions};
pub use types::{DecimalSize, EnumStorage, EnumType, Type};
pub use view::{Sequence, Unmodelled, View};

/// What a database holds, as far as the model knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Schema {
    /// The tables.
    pub tables: Vec<Table>,
    /// The views, each after those it reads.
    pub views: Vec<View>,
    /// The enums that have a name of their own in the database: PostgreSQL's.
    pub enums: Vec<EnumType>,
    /// The sequences that stand for themselves.
    pub sequences: Vec<Sequence>,
    /// What the catalog found and the model has no words for.
    pub unmodelled: Vec<Unmodelled>,
}

impl Schema {
    /// Makes an empty schema.
    pub fn new() -> Self {
        <Self as std::default::Default>::default()
    }

    /// Finds a table by its name, in whatever schema.
    pub fn find_table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }

    /// Adds a table.
    #[must_use]
    pub fn table(mut self, table: Table) -> Self {
        self.tables.push(table);
        self
    }

    /// Adds a view.
    #[must_use]
    pub fn view(mut self, view: View) -> Self {
        self.views.push(view);
        self
    }

    /// Adds a named enum.
    #[must_use]
    pub fn enumeration(mut self, enumeration: EnumType) -> Self {
        self.enums.push(enumeration);
        self
    }

    /// Adds a sequence.
    #[must_use]
    pub fn sequence(mut self, sequence: Sequence) -> Self {
        self.sequences.push(sequence);
        self
    }
}
