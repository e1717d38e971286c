//! PostgreSQL keeps no statements, but writes them anew where it is asked to (`pg_get_…def`); the rest is put together here.
//!
//! Everything is read with a `search_path` of the session's schema alone, so that the server itself leaves that schema out of names.
//! Which object needs which is the server's own knowledge, too: `pg_depend`.

mod assembly;
mod attached;
mod relations;
mod routines;
mod sequences;
mod types;
mod unknown;
mod views;

use std::collections::{BTreeSet, HashMap};

use oarlock_core::schema::QualifiedName;
use oarlock_core::{FromRow, Tx};

use self::relations::Relations;
use super::order::places;
use super::{Draft, Found, Kind, Object, rows};
use crate::Result;

/// What the transaction is to be set to for the server's answers to be of one form.
pub(super) const SETTINGS: &str = "SET LOCAL datestyle = 'ISO, YMD'; SET LOCAL intervalstyle = 'iso_8601'; \
    SET LOCAL timezone = 'UTC'; SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = 'hex'; SET LOCAL lc_monetary = 'C'; \
    SET LOCAL quote_all_identifiers = off; SET LOCAL row_security = off; \
    SET LOCAL standard_conforming_strings = on;";

/// An object as `pg_depend` names it: the catalog it stands in, and its number there.
type Key = (String, i64);

/// What one object needs: who, whom, and how.
type Depends = (String, i64, String, i64, String);

/// What has been read.
#[derive(Debug, Clone, Default)]
struct State {
    drafts: Vec<Draft>,
    /// Where the objects stand among the drafts that are one with these.
    places: HashMap<Key, usize>,
    /// What comments call them, by their number and that of a column.
    addresses: HashMap<(String, i64, i32), String>,
}

struct Reader<'t> {
    tx: &'t Tx,
    state: State,
    depends: Vec<Depends>,
}

pub(super) async fn read(tx: &Tx) -> Result<Found> {
    let mut reader = Reader { tx, state: State::default(), depends: Vec::new() };
    let mut unknown = reader.unknown().await?;
    reader.types().await?;
    reader.routines().await?;
    reader.views().await?;
    reader.depends = reader.rows(DEPENDS).await?;
    let sequences = reader.sequences().await?;
    let relations = Relations::read(&reader, sequences).await?;
    let attached = reader.attached().await?;
    let comments = reader.comments().await?;
    let before = reader.state.clone();
    // Defaults and checks that stand apart from their tables, by their keys.
    let mut apart: BTreeSet<Key> = BTreeSet::new();
    loop {
        relations.assemble(&mut reader.state, &apart);
        reader.add_attached(&attached);
        reader.relate();
        let Err(circle) = places(&reader.state.drafts) else { break };
        let found = reader.separable(&circle, &relations);
        if found.is_subset(&apart) {
            // No order can be found, which is for the sorting to say.
            break;
        }
        apart.extend(found);
        reader.state = before.clone();
    }
    unknown.extend(reader.comment(comments));
    Ok(Found { drafts: reader.state.drafts, unknown })
}

const DEPENDS: &str = "SELECT classid::regclass::text, objid::int8, refclassid::regclass::text, refobjid::int8, deptype::text \
    FROM pg_depend WHERE objid >= 16384 AND refobjid >= 16384 AND deptype IN ('n', 'a', 'i', 'e', 'P', 'S')";

/// Comments, but those that come with extensions and the one on the schema that is given by its session.
const COMMENTS: &str = "SELECT d.classoid::regclass::text, d.objoid::int8, d.objsubid, quote_literal(d.description), \
        pg_describe_object(d.classoid, d.objoid, d.objsubid) FROM pg_description d \
    WHERE d.objoid >= 16384 AND d.classoid <> 'pg_extension'::regclass \
        AND NOT (d.classoid = 'pg_namespace'::regclass AND d.objoid = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())) \
        AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.classoid AND e.objid = d.objoid AND e.deptype = 'e') \
    ORDER BY 1, 2, 3";

/// Catalog, number, column, the comment as a literal, what it is on.
type Comment = (String, i64, i32, String, String);

impl State {
    /// Adds an object, and gives its place.
    fn add(&mut self, class: &str, number: i64, object: Object) -> usize {
        let place = self.drafts.len();
        self.drafts.push(Draft::new(object));
        self.places.insert((class.to_owned(), number), place);
        place
    }

    /// Notes what comments call an object, or a column of it.
    fn address(&mut self, class: &str, number: i64, column: i32, words: String) {
        self.addresses.insert((class.to_owned(), number, column), words);
    }
}

impl Reader<'_> {
    async fn rows<T: FromRow + Send>(&self, sql: &str) -> Result<Vec<T>> {
        rows(self.tx, sql).await
    }

    async fn comments(&self) -> Result<Vec<Comment>> {
        self.rows(COMMENTS).await
    }

    /// Puts comments behind their objects; gives what the others are on.
    fn comment(&mut self, comments: Vec<Comment>) -> Vec<String> {
        let mut unknown = Vec::new();
        for (class, number, column, text, told) in comments {
            let address = self.state.addresses.get(&(class.clone(), number, column));
            match (address, self.state.places.get(&(class, number))) {
                (Some(address), Some(place)) => {
                    let sql = format!("COMMENT ON {address} IS {text}");
                    self.state.drafts[*place].object.statements.push(sql);
                }
                _ => unknown.push(format!("a comment on {told}")),
            }
        }
        unknown
    }

    /// Notes which objects need which.
    fn relate(&mut self) {
        let mut parts: HashMap<(&str, i64), Vec<(&str, i64)>> = HashMap::new();
        for (class, number, of_class, of, kind) in &self.depends {
            if kind == "i" || kind == "e" {
                parts.entry((class, *number)).or_default().push((of_class, *of));
            }
        }
        let mut needs = Vec::new();
        for (class, number, of_class, of, kind) in self.depends.iter().filter(|(.., kind)| kind != "e") {
            let one = resolve(&self.state.places, &parts, (class, *number), 0);
            let other = resolve(&self.state.places, &parts, (of_class, *of), 0);
            let (Some(one), Some(other)) = (one, other) else { continue };
            // A column has its sequence by a statement of its table's.
            let owned = kind == "a" && self.state.drafts[one].object.kind == Kind::Sequence;
            if one != other && !owned {
                needs.push((one, other));
            }
        }
        for (one, other) in needs {
            self.state.drafts[one].needs.insert(other);
        }
    }

    /// Finds the defaults and checks by which tables need others of a circle.
    fn separable(&self, circle: &[usize], relations: &Relations) -> BTreeSet<Key> {
        let circle: BTreeSet<usize> = circle.iter().copied().collect();
        let within = |key: &Key| self.state.places.get(key).copied().filter(|place| circle.contains(place));
        let mut found = BTreeSet::new();
        for (class, number, of_class, of, _) in &self.depends {
            let part = (class.clone(), *number);
            if relations.can_stand_apart(&part)
                && let (Some(one), Some(other)) = (within(&part), within(&(of_class.clone(), *of)))
                && one != other
            {
                found.insert(part);
            }
        }
        found
    }
}

/// Finds the object that something is a part of.
fn resolve(
    places: &HashMap<Key, usize>,
    parts: &HashMap<(&str, i64), Vec<(&str, i64)>>,
    key: (&str, i64),
    depth: usize,
) -> Option<usize> {
    if let Some(place) = places.get(&(key.0.to_owned(), key.1)) {
        return Some(*place);
    }
    // A column's type's array's element: deeper than that nothing goes.
    if depth > 6 {
        return None;
    }
    parts.get(&key)?.iter().find_map(|whole| resolve(places, parts, *whole, depth + 1))
}

/// Writes the condition of what is nobody's but the user's: no schema of the server's, nothing of an extension's.
fn own(schema: &str, class: &str, number: &str) -> String {
    format!("{schema} !~ '^pg_' AND {schema} <> 'information_schema' AND {}", not_of_extension(class, number))
}

fn not_of_extension(class: &str, number: &str) -> String {
    format!(
        "NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = '{class}'::regclass AND e.objid = {number} AND e.deptype = 'e')"
    )
}

/// Writes the three columns of a name: its schema unless it is the session's, itself, and both as SQL.
fn name(schema: &str, name: &str) -> String {
    format!("NULLIF({schema}, current_schema())::text, {name}::text, {}", shown(schema, name))
}

/// Writes the expression of a name as SQL.
fn shown(schema: &str, name: &str) -> String {
    format!("CASE {schema} WHEN current_schema() THEN quote_ident({name}) ELSE format('%I.%I', {schema}, {name}) END")
}

/// Writes the expression of options as `WITH` has them; `lead` stands before each. Those that the server has put there for itself are
/// named as its schemas are, and nobody can set them.
fn options(array: &str, lead: &str) -> String {
    format!(
        "(SELECT string_agg(format('{lead}%s=%L', split_part(o, '=', 1), substr(o, strpos(o, '=') + 1)), ', ' ORDER BY w.place) \
         FROM unnest({array}) WITH ORDINALITY AS w (o, place) WHERE o !~ '^pg_')"
    )
}

fn qualified(schema: Option<String>, name: String) -> QualifiedName {
    QualifiedName { schema, name }
}

/// Writes a table's name, which a `pg_get_…def` always gives with its schema, as everything else has it. It is looked for behind `from`.
fn mended(text: &str, from: &str, lead: &str, full: &str, shown: &str) -> String {
    let after = text.find(from).map_or(0, |at| at + from.len());
    let sought = format!("{lead}{full}");
    match text[after..].find(&sought) {
        Some(at) => format!("{}{lead}{shown}{}", &text[..after + at], &text[after + at + sought.len()..]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_that_is_meant_is_mended() {
        let text = r#"CREATE TRIGGER " ON a.t" BEFORE UPDATE ON a.t FOR EACH ROW EXECUTE FUNCTION f(' ON a.t')"#;
        let told = mended(text, r#"TRIGGER " ON a.t""#, " ON ", "a.t", "t");
        assert_eq!(told, r#"CREATE TRIGGER " ON a.t" BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f(' ON a.t')"#);
    }
}
