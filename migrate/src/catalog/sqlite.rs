//! SQLite keeps the text of each `CREATE` statement as it was written: that is what there is.

use std::collections::{BTreeMap, BTreeSet};

use oarlock_core::lex::{Token, TokenKind, Tokens};
use oarlock_core::schema::QualifiedName;
use oarlock_core::{Dialect, Tx};

use super::order::places;
use super::{Draft, Found, Kind, Object, Rows, rows};
use crate::Result;

const DIALECT: Dialect = Dialect::SQLITE;

/// Type, name, the table it belongs to, its text, and what kind of table it is.
type FoundObject = (String, String, String, String, Option<String>, Option<bool>);

/// What is there. What SQLite has made by itself has a name of its own or no text, and what a virtual table keeps its rows in is not the
/// schema's.
const OBJECTS: &str = "SELECT s.type, s.name, s.tbl_name, s.sql, l.type, l.wr FROM sqlite_schema s \
    LEFT JOIN pragma_table_list l ON l.schema = 'main' AND l.name = s.tbl_name \
    WHERE s.sql IS NOT NULL AND s.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND COALESCE(l.type, '') <> 'shadow' ORDER BY s.name";

/// Table, column, and its place in the primary key. What is computed cannot be written, and hidden ones are a module's own.
const COLUMNS: &str = "SELECT l.name, c.name, c.pk FROM pragma_table_list l JOIN pragma_table_xinfo(l.name, 'main') c \
    WHERE l.schema = 'main' AND l.type IN ('table', 'virtual') AND c.hidden = 0 ORDER BY l.name, c.cid";

type Columns = BTreeMap<String, Vec<(String, i64)>>;

pub(super) async fn read(tx: &Tx) -> Result<Found> {
    let found: Vec<FoundObject> = rows(tx, OBJECTS).await?;
    let mut columns = Columns::new();
    for (table, column, key) in rows::<(String, String, i64)>(tx, COLUMNS).await? {
        columns.entry(table).or_default().push((column, key));
    }
    let counted: BTreeSet<String> =
        match rows::<(i64,)>(tx, "SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'").await? {
            none if none.is_empty() => BTreeSet::new(),
            _ => {
                rows::<(String,)>(tx, "SELECT name FROM sqlite_sequence").await?.into_iter().map(|row| row.0).collect()
            }
        };
    let mut drafts = settings(tx).await?;
    for (kind, name, table, sql, table_type, without_rowid) in found {
        let own = QualifiedName::new(name.as_str());
        let object = match kind.as_str() {
            "table" if table_type.as_deref() == Some("virtual") => {
                let mut object = Object::new(Kind::VirtualTable, own);
                object.rows = Some(of_module(&name, &sql, columns.remove(&name).unwrap_or_default()));
                object
            }
            "table" => {
                let mut object = Object::new(Kind::Table, own);
                let found = columns.remove(&name).unwrap_or_default();
                object.rows = Some(of_table(&name, found, without_rowid == Some(true), counted.contains(&name)));
                object
            }
            "view" => Object::new(Kind::View, own),
            "index" => Object::new(Kind::Index, own).of(table.as_str().into()).after_rows(),
            _ => Object::new(Kind::Trigger, own).of(table.as_str().into()).after_rows(),
        };
        drafts.push(Draft::new(object.sql(sql)));
    }
    relate(&mut drafts);
    Ok(Found { drafts, unknown: Vec::new() })
}

/// Reads the two numbers that a database file keeps for its program.
async fn settings(tx: &Tx) -> Result<Vec<Draft>> {
    let mut drafts = Vec::new();
    for name in ["application_id", "user_version"] {
        for (value,) in rows::<(i64,)>(tx, &format!("SELECT {name} FROM pragma_{name} WHERE {name} <> 0")).await? {
            let object = Object::new(Kind::Setting, name.into()).sql(format!("PRAGMA {name} = {value}"));
            drafts.push(Draft::new(object));
        }
    }
    Ok(drafts)
}

/// Puts what belongs to a table or view behind it, and views behind those that they show. SQLite itself does not ask for the latter,
/// so that names which only look like a view's do no harm.
fn relate(drafts: &mut [Draft]) {
    let named: BTreeMap<String, usize> = drafts
        .iter()
        .enumerate()
        .filter(|(_, draft)| matches!(draft.object.kind, Kind::Table | Kind::VirtualTable | Kind::View))
        .map(|(place, draft)| (draft.object.name.name.to_lowercase(), place))
        .collect();
    for draft in drafts.iter_mut() {
        if let Some(table) = &draft.object.table {
            draft.needs.extend(named.get(&table.name.to_lowercase()));
        }
    }
    let views: Vec<usize> = (0..drafts.len()).filter(|place| drafts[*place].object.kind == Kind::View).collect();
    for view in &views {
        let words = identifiers(&drafts[*view].object.statements[0]);
        let shown = words.iter().filter_map(|word| named.get(word)).filter(|place| *place != view);
        drafts[*view].needs = shown.copied().collect();
    }
    if places(drafts).is_err() {
        for view in views {
            drafts[view].needs.clear();
        }
    }
}

/// Gives the names and words of a statement in small letters.
fn identifiers(sql: &str) -> BTreeSet<String> {
    Tokens::new(sql, DIALECT.lexing).filter_map(|token| identifier(sql, token)).collect()
}

fn identifier(sql: &str, token: Token) -> Option<String> {
    let text = token.text(sql);
    match token.kind {
        TokenKind::Word => Some(text.to_lowercase()),
        TokenKind::QuotedIdentifier => Some(text[1..text.len() - 1].to_lowercase()),
        _ => None,
    }
}

fn of_table(name: &str, columns: Vec<(String, i64)>, without_rowid: bool, counted: bool) -> Rows {
    let quoted = DIALECT.quote_identifier(name);
    let taken = |alias: &str| columns.iter().any(|(column, _)| column.eq_ignore_ascii_case(alias));
    let rowid = ["rowid", "_rowid_", "oid"].into_iter().find(|alias| !taken(alias)).filter(|_| !without_rowid);
    let mut key: Vec<_> = columns.iter().filter(|(_, place)| *place > 0 || rowid.is_none() && !without_rowid).collect();
    key.sort_by_key(|(_, place)| *place);
    let order = match rowid {
        Some(alias) => vec![alias.to_owned()],
        None => key.into_iter().map(|(column, _)| DIALECT.quote_identifier(column)).collect(),
    };
    let mut counters = Vec::new();
    if let (true, Some(alias)) = (counted, rowid) {
        let literal = literal(name);
        let moved =
            format!("FROM sqlite_sequence WHERE name = {literal} AND seq IS NOT (SELECT max({alias}) FROM {quoted})");
        counters.push(format!("SELECT 'DELETE FROM sqlite_sequence WHERE name = ' || quote(name) {moved}"));
        counters.push(format!(
            "SELECT 'INSERT INTO sqlite_sequence (name, seq) VALUES (' || quote(name) || ', ' || seq || ')' {moved}"
        ));
    }
    Rows { from: quoted.clone(), into: quoted, columns: written(columns), order, counters, ..Rows::default() }
}

fn written(columns: Vec<(String, i64)>) -> Vec<(String, String)> {
    let pair = |(name, _): (String, i64)| {
        let quoted = DIALECT.quote_identifier(&name);
        let value = value(&quoted);
        (quoted, value)
    };
    columns.into_iter().map(pair).collect()
}

/// Gives the expression of a literal that is the column's value, in its storage class. `quote` cuts text off at a NUL.
fn value(column: &str) -> String {
    format!(
        "CASE WHEN typeof({column}) = 'text' AND instr({column}, char(0)) > 0 \
         THEN 'CAST(' || quote(CAST({column} AS BLOB)) || ' AS TEXT)' ELSE quote({column}) END"
    )
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Tells how to write the rows of a virtual table, which is the module's to know.
fn of_module(name: &str, sql: &str, columns: Vec<(String, i64)>) -> Rows {
    let (module, content) = module(sql);
    let quoted = DIALECT.quote_identifier(name);
    let mut rows = Rows { from: quoted.clone(), into: quoted.clone(), ..Rows::default() };
    match (module.as_str(), content) {
        ("fts3" | "fts4" | "fts5", Some(content)) if content.is_empty() => {
            rows.refused = Some("it keeps no texts, only an index of them".to_owned());
        }
        ("fts4" | "fts5", Some(_)) => {
            rows.instead = Some(format!("INSERT INTO {quoted} ({quoted}) VALUES ('rebuild')"));
        }
        ("fts3" | "fts4" | "fts5", _) => {
            rows.columns = written(columns);
            rows.columns.insert(0, ("rowid".to_owned(), value("rowid")));
            rows.order = vec!["rowid".to_owned()];
        }
        ("rtree" | "rtree_i32", _) => {
            rows.columns = written(columns);
            rows.order = vec!["rowid".to_owned()];
        }
        _ => rows.refused = Some(format!("nothing is known of how the module {module} keeps rows")),
    }
    rows
}

/// Reads the module out of `CREATE VIRTUAL TABLE … USING module(…)`, and the value of its option `content`.
fn module(sql: &str) -> (String, Option<String>) {
    let tokens: Vec<Token> = Tokens::new(sql, DIALECT.lexing).filter(|token| !token.kind.is_blank()).collect();
    let is = |token: &Token, word: &str| identifier(sql, *token).as_deref() == Some(word);
    let Some(using) = tokens.iter().position(|token| token.kind == TokenKind::Word && is(token, "using")) else {
        return (String::new(), None);
    };
    let module = tokens.get(using + 1).and_then(|token| identifier(sql, *token)).unwrap_or_default();
    let option = tokens.windows(3).find(|three| is(&three[0], "content") && three[1].text(sql) == "=");
    let content = option.map(|three| {
        let text = three[2].text(sql);
        if matches!(three[2].kind, TokenKind::String | TokenKind::QuotedIdentifier) {
            text[1..text.len() - 1].to_owned()
        } else {
            text.to_owned()
        }
    });
    (module, content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_and_its_content_are_read() {
        for (sql, found) in [
            ("CREATE VIRTUAL TABLE f USING fts5(a, b)", ("fts5", None)),
            (
                "CREATE VIRTUAL TABLE \"using\" USING FTS5(a, content='posts', content_rowid=id)",
                ("fts5", Some("posts")),
            ),
            ("CREATE VIRTUAL TABLE f USING fts5(a, content = '')", ("fts5", Some(""))),
            ("CREATE VIRTUAL TABLE f USING fts4(content=\"t\", a)", ("fts4", Some("t"))),
            ("CREATE VIRTUAL TABLE r USING rtree(id, a, b)", ("rtree", None)),
        ] {
            let (module, content) = module(sql);
            assert_eq!((module.as_str(), content.as_deref()), found, "{sql}");
        }
    }
}
