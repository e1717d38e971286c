//! What the text of a `CREATE` statement says and no pragma does.

use oarlock_core::schema::Deferrable;

use super::text::{Text, Walk};

/// What the text of a `CREATE TABLE` says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct TableText {
    pub(super) columns: Vec<ColumnText>,
    /// The name of the primary key's constraint.
    pub(super) primary_key: Option<String>,
    pub(super) checks: Vec<CheckText>,
    pub(super) uniques: Vec<UniqueText>,
    /// In the order in which they are written.
    pub(super) foreign_keys: Vec<ForeignKeyText>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ColumnText {
    pub(super) name: String,
    pub(super) collation: Option<String>,
    pub(super) autoincrement: bool,
    pub(super) generated: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct CheckText {
    pub(super) name: Option<String>,
    pub(super) expression: String,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct UniqueText {
    pub(super) name: Option<String>,
    pub(super) columns: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct ForeignKeyText {
    pub(super) name: Option<String>,
    pub(super) deferrable: Deferrable,
}

impl TableText {
    pub(super) fn read(sql: &str) -> Self {
        let mut table = Self::default();
        let text = Text::new(sql);
        let mut walk = text.walk();
        while !walk.is_over() {
            if let Some(body) = walk.parenthesised() {
                for item in body.items() {
                    table.item(item);
                }
                break;
            }
            walk.step();
        }
        table
    }

    fn item(&mut self, mut item: Walk<'_, '_>) {
        let constraint = [&["CONSTRAINT"][..], &["PRIMARY", "KEY"], &["UNIQUE"], &["CHECK"], &["FOREIGN", "KEY"]];
        if constraint.iter().any(|words| item.is(words)) {
            self.constraints(item, None);
            return;
        }
        if let Some(name) = item.name() {
            let column = ColumnText { name, ..ColumnText::default() };
            if let Some(column) = self.constraints(item, Some(column)) {
                self.columns.push(column);
            }
        }
    }

    /// Reads the constraints of a table or, where there is one, of a column and gives it back.
    fn constraints(&mut self, mut walk: Walk<'_, '_>, mut column: Option<ColumnText>) -> Option<ColumnText> {
        let mut name = None;
        while !walk.is_over() {
            if walk.take(&["CONSTRAINT"]) {
                name = walk.name();
            } else if walk.take(&["PRIMARY", "KEY"]) {
                self.primary_key = name.take();
                walk.skip_parenthesised();
            } else if walk.take(&["UNIQUE"]) {
                let columns = match (&column, walk.parenthesised()) {
                    (Some(column), _) => vec![column.name.clone()],
                    (None, columns) => columns.map(Walk::names).unwrap_or_default(),
                };
                self.uniques.push(UniqueText { name: name.take(), columns });
            } else if walk.take(&["CHECK"]) {
                if let Some(expression) = walk.parenthesised() {
                    self.checks.push(CheckText { name: name.take(), expression: expression.written().to_owned() });
                }
            } else if walk.take(&["FOREIGN", "KEY"]) {
                walk.skip_parenthesised();
            } else if walk.take(&["REFERENCES"]) {
                drop(walk.name());
                walk.skip_parenthesised();
                self.foreign_keys.push(ForeignKeyText { name: name.take(), deferrable: Deferrable::No });
            } else if walk.take(&["NOT", "DEFERRABLE"]) {
                walk.take(&["INITIALLY", "DEFERRED"]);
            } else if walk.take(&["DEFERRABLE"]) {
                let deferred = walk.take(&["INITIALLY", "DEFERRED"]);
                if let Some(key) = self.foreign_keys.last_mut() {
                    key.deferrable =
                        if deferred { Deferrable::InitiallyDeferred } else { Deferrable::InitiallyImmediate };
                }
            } else if walk.take(&["DEFAULT"]) {
                if walk.parenthesised().is_none() {
                    walk.step();
                }
            } else if let Some(column) = &mut column {
                column.attribute(&mut walk);
            } else if walk.parenthesised().is_none() {
                walk.step();
            }
        }
        column
    }
}

impl ColumnText {
    fn attribute(&mut self, walk: &mut Walk<'_, '_>) {
        if walk.take(&["COLLATE"]) {
            self.collation = walk.name();
        } else if walk.take(&["AUTOINCREMENT"]) {
            self.autoincrement = true;
        } else if walk.take(&["AS"]) {
            self.generated = walk.parenthesised().map(|expression| expression.written().to_owned());
        } else if walk.parenthesised().is_none() {
            walk.step();
        }
    }
}

/// What the text of a `CREATE INDEX` says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct IndexText {
    /// Columns and expressions, without collation and order.
    pub(super) parts: Vec<String>,
    pub(super) predicate: Option<String>,
}

impl IndexText {
    pub(super) fn read(sql: &str) -> Self {
        let text = Text::new(sql);
        let mut walk = text.walk();
        let mut index = Self::default();
        while !walk.is_over() {
            if let Some(parts) = walk.parenthesised() {
                index.parts = parts.items().into_iter().map(expression).collect();
                break;
            }
            walk.step();
        }
        if walk.take(&["WHERE"]) {
            index.predicate = Some(walk.written().to_owned());
        }
        index
    }
}

/// Takes collation and order off a part of an index.
fn expression(part: Walk<'_, '_>) -> String {
    let mut end = part.clone();
    while !end.is_over() && !end.is(&["COLLATE"]) && !end.is(&["ASC"]) && !end.is(&["DESC"]) {
        if end.parenthesised().is_none() {
            end.step();
        }
    }
    let mut whole = part.until(&end);
    let written = whole.written();
    // The parentheses that SQLite wants around some expressions are no part of them.
    match whole.parenthesised() {
        Some(inner) if whole.is_over() => inner.written().to_owned(),
        _ => written.to_owned(),
    }
}

/// What the text of a `CREATE VIEW` says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ViewText {
    pub(super) columns: Vec<String>,
    pub(super) query: String,
}

impl ViewText {
    pub(super) fn read(sql: &str) -> Self {
        let text = Text::new(sql);
        let mut walk = text.walk();
        let mut view = Self::default();
        while !walk.is_over() && !walk.take(&["AS"]) {
            match walk.parenthesised() {
                Some(columns) => view.columns = columns.names(),
                None => walk.step(),
            }
        }
        walk.written().clone_into(&mut view.query);
        view
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_says_what_no_pragma_tells() {
        let text = TableText::read(
            r#"CREATE TABLE "odd (name" (
                 id integer PRIMARY KEY AUTOINCREMENT, -- CHECK (no)
                 [a b] text COLLATE NOCASE DEFAULT (lower('X,)')) CONSTRAINT "short" CHECK (length("a b") < 5) UNIQUE,
                 price decimal_text(10,2) NOT NULL,
                 twice AS (price * 2) STORED,
                 boss REFERENCES "odd (name" DEFERRABLE INITIALLY DEFERRED,
                 CONSTRAINT pair UNIQUE (id, "price"),
                 CONSTRAINT "fk" FOREIGN KEY (id) REFERENCES other (x) ON DELETE SET NULL,
                 CHECK (price IN ('(', ')'))
               ) STRICT"#,
        );
        let names: Vec<_> = text.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["id", "a b", "price", "twice", "boss"]);
        assert!(text.columns[0].autoincrement);
        assert_eq!(text.columns[1].collation.as_deref(), Some("NOCASE"));
        assert_eq!(text.columns[3].generated.as_deref(), Some("price * 2"));
        let checks: Vec<_> =
            text.checks.iter().map(|check| (check.name.as_deref(), check.expression.as_str())).collect();
        assert_eq!(checks, [(Some("short"), r#"length("a b") < 5"#), (None, "price IN ('(', ')')")]);
        assert_eq!(
            text.uniques,
            [
                UniqueText { name: None, columns: vec!["a b".to_owned()] },
                UniqueText { name: Some("pair".to_owned()), columns: vec!["id".to_owned(), "price".to_owned()] }
            ]
        );
        assert_eq!(
            text.foreign_keys,
            [
                ForeignKeyText { name: None, deferrable: Deferrable::InitiallyDeferred },
                ForeignKeyText { name: Some("fk".to_owned()), deferrable: Deferrable::No }
            ]
        );
    }

    #[test]
    fn an_index_says_its_expressions_and_its_predicate() {
        let text = IndexText::read(
            "CREATE UNIQUE INDEX \"i\" ON t (a COLLATE NOCASE DESC, (a + b), lower(a) ASC) WHERE a IS NOT NULL AND (b > 0)",
        );
        assert_eq!(text.parts, ["a", "a + b", "lower(a)"]);
        assert_eq!(text.predicate.as_deref(), Some("a IS NOT NULL AND (b > 0)"));
    }

    #[test]
    fn a_view_says_its_columns_and_its_query() {
        let text = ViewText::read("CREATE VIEW \"AS it is\" (id, \"Pl\"\"aced\") AS SELECT a AS b FROM t");
        assert_eq!(text.columns, ["id", "Pl\"aced"]);
        assert_eq!(text.query, "SELECT a AS b FROM t");
    }
}
