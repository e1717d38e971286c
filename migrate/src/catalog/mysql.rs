//! MySQL and MariaDB write the statement of each object themselves; what in it belongs to the machine is taken out.

use std::collections::BTreeMap;

use oarlock_core::lex::{Token, TokenKind, Tokens};
use oarlock_core::schema::{QualifiedName, Sequence};
use oarlock_core::{DbExt, Dialect, Row, Tx};

use super::{Draft, Found, Kind, Model, Object, Rows, rows, unreadable};
use crate::{Error, ErrorKind, Result};

/// The modes under which rows are written as they are: none is made to fit, and dates that are none are taken as they were.
const MODES: &str = "STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES";

/// What a session is to be set to for the server's answers to be of one form, and to be read by that again.
pub(crate) const SETTINGS: &str = "SET sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES'; \
    SET time_zone = '+00:00'; SET sql_quote_show_create = 1";

/// Asks for these as they are.
pub(crate) const SETTINGS_NOW: &str = "SELECT @@sql_mode, @@time_zone, CAST(@@sql_quote_show_create AS SIGNED)";

/// Writes what sets them to these values.
pub(crate) fn set((modes, zone, quotes): (String, String, i64)) -> String {
    let (modes, zone) = (literal(&modes), literal(&zone));
    format!("SET sql_mode = {modes}; SET time_zone = {zone}; SET sql_quote_show_create = {quotes}")
}

/// The settings that objects are made under, where they do not name their own.
pub(crate) fn settings() -> BTreeMap<&'static str, String> {
    BTreeMap::from([("sql_mode", format!("'{MODES}'")), ("time_zone", "'+00:00'".to_owned())])
}

/// Table, column, type, extra.
type FoundColumn = (String, String, String, String);

const COLUMNS: &str = "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, EXTRA FROM information_schema.COLUMNS \
    WHERE TABLE_SCHEMA = DATABASE() ORDER BY TABLE_NAME, ORDINAL_POSITION";

const KEYS: &str = "SELECT TABLE_NAME, COLUMN_NAME FROM information_schema.STATISTICS \
    WHERE TABLE_SCHEMA = DATABASE() AND INDEX_NAME = 'PRIMARY' ORDER BY TABLE_NAME, SEQ_IN_INDEX";

const TRIGGERS: &str = "SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE, ACTION_TIMING, EVENT_MANIPULATION, ACTION_STATEMENT, SQL_MODE, \
    COLLATION_CONNECTION FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE() \
    ORDER BY EVENT_OBJECT_TABLE, ACTION_TIMING, EVENT_MANIPULATION, ACTION_ORDER";

/// Name, table, timing, event, body, modes, collation.
type FoundTrigger = (String, String, String, String, String, String, String);

pub(super) async fn read(tx: &Tx, dialect: &Dialect) -> Result<Found> {
    let dialect = if dialect.name == Dialect::MARIADB.name { Dialect::MARIADB } else { Dialect::MYSQL };
    let schema: String = tx.fetch_value("SELECT DATABASE()", ()).await.map_err(unreadable)?;
    let reader = Reader { tx, dialect, schema };
    let mut found = Found::default();
    reader.tables(&mut found).await?;
    reader.routines(&mut found).await?;
    reader.views(&mut found.drafts).await?;
    reader.triggers(&mut found.drafts).await?;
    reader.events(&mut found.drafts).await?;
    Ok(found)
}

struct Reader<'t> {
    tx: &'t Tx,
    dialect: Dialect,
    schema: String,
}

impl Reader<'_> {
    fn quote(&self, name: &str) -> String {
        self.dialect.quote_identifier(name)
    }

    /// Asks for the statement that makes an object: a column of what SHOW CREATE gives.
    async fn show(&self, kind: &str, name: &str, column: usize) -> Result<String> {
        let sql = format!("SHOW CREATE {kind} {}", self.quote(name));
        let told = self.tx.require_one::<Row>(&sql, ()).await.and_then(|row| row.get::<Option<String>>(column));
        let kind = kind.to_lowercase();
        match told {
            Ok(Some(text)) => Ok(text),
            Ok(None) => Err(Error::new(ErrorKind::NotSupported, format!("the user may not read the {kind} {name}"))
                .with_hint("grant what SHOW CREATE needs, such as SELECT on mysql.proc or SHOW_ROUTINE")),
            Err(error) if error.is_connection_lost() => Err(unreadable(error)),
            Err(error) => Err(Error::database(format!("the definition of the {kind} {name} could not be read"), error)),
        }
    }

    async fn tables(&self, found: &mut Found) -> Result<()> {
        let mut columns: BTreeMap<String, Vec<(String, String, String)>> = BTreeMap::new();
        for (table, column, ty, extra) in rows::<FoundColumn>(self.tx, COLUMNS).await? {
            columns.entry(table).or_default().push((column, ty, extra));
        }
        let mut keys: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (table, column) in rows::<(String, String)>(self.tx, KEYS).await? {
            keys.entry(table).or_default().push(column);
        }
        let sql = "SELECT TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() ORDER BY TABLE_NAME";
        for (name, kind) in rows::<(String, String)>(self.tx, sql).await? {
            let own = QualifiedName::new(name.as_str());
            match kind.as_str() {
                "BASE TABLE" | "SYSTEM VERSIONED" => {
                    let definition = self.show("TABLE", &name, 1).await?;
                    let (definition, counter) = without_counter(&definition, &self.dialect);
                    let own_columns = columns.remove(&name).unwrap_or_default();
                    let mut read =
                        self.rows(&name, &own_columns, keys.remove(&name).unwrap_or_default(), counter.as_deref());
                    if kind == "SYSTEM VERSIONED" {
                        read.refused = Some("it keeps versions of its rows, whose times cannot be written".to_owned());
                    }
                    let mut object = Object::new(Kind::Table, own).sql(self.at_home(&definition));
                    object.rows = Some(read);
                    found.drafts.push(Draft::new(object));
                }
                "SEQUENCE" => {
                    let definition = self.show("SEQUENCE", &name, 1).await?;
                    let mut object = Object::new(Kind::Sequence, own).sql(definition);
                    object.model = Some(Model::Sequence(self.sequence(&name).await?));
                    let quoted = self.quote(&name);
                    object.rows = Some(Rows {
                        counters: vec![format!(
                            "SELECT CONCAT({}, next_not_cached_value, ', 0)') FROM {quoted} WHERE next_not_cached_value <> start_value",
                            literal(&format!("DO SETVAL({quoted}, "))
                        )],
                        ..Rows::default()
                    });
                    found.drafts.push(Draft::new(object));
                }
                // Views come by themselves, and what is temporary goes with its session.
                "VIEW" => {}
                kind if kind.starts_with("TEMPORARY") => {}
                other => found.unknown.push(format!("{} {name}", other.to_lowercase())),
            }
        }
        Ok(())
    }

    /// Reads a sequence, which is a table of one row.
    async fn sequence(&self, name: &str) -> Result<Sequence> {
        let columns = "start_value, increment, minimum_value, maximum_value, cycle_option";
        let sql = format!("SELECT {columns} FROM {}", self.quote(name));
        let (start, increment, min, max, cycle): (i64, i64, i64, i64, i64) =
            self.tx.require_one(&sql, ()).await.map_err(unreadable)?;
        let mut sequence = Sequence::new(name);
        (sequence.start, sequence.increment) = (start, increment);
        (sequence.min, sequence.max, sequence.cycle) = (Some(min), Some(max), cycle != 0);
        Ok(sequence)
    }

    fn rows(&self, name: &str, columns: &[(String, String, String)], key: Vec<String>, counter: Option<&str>) -> Rows {
        let quoted = self.quote(name);
        let is_computed = |extra: &str| {
            let extra = extra.to_uppercase();
            ["VIRTUAL GENERATED", "STORED GENERATED", "PERSISTENT"].iter().any(|word| extra.contains(word))
        };
        let written: Vec<(String, String)> = columns
            .iter()
            .filter(|(.., extra)| !is_computed(extra))
            .map(|(column, ty, _)| (self.quote(column), value(&self.quote(column), ty)))
            .collect();
        let order = if key.is_empty() {
            written.iter().map(|(_, value)| format!("CAST({value} AS BINARY)")).collect()
        } else {
            key.iter().map(|column| self.quote(column)).collect()
        };
        let numbered = columns.iter().find(|(.., extra)| extra.to_lowercase().contains("auto_increment"));
        let counters = match (counter, numbered) {
            (Some(next), Some((column, ..))) => vec![format!(
                "SELECT {} FROM (SELECT IFNULL(MAX({}), 0) + 1 AS next FROM {quoted}) AS n WHERE n.next <> {next}",
                literal(&format!("ALTER TABLE {quoted} AUTO_INCREMENT = {next}")),
                self.quote(column)
            )],
            _ => Vec::new(),
        };
        Rows { from: quoted.clone(), into: quoted, columns: written, order, counters, ..Rows::default() }
    }

    async fn routines(&self, found: &mut Found) -> Result<()> {
        let sql = "SELECT ROUTINE_NAME, ROUTINE_TYPE, SQL_MODE, COLLATION_CONNECTION FROM information_schema.ROUTINES \
            WHERE ROUTINE_SCHEMA = DATABASE() ORDER BY ROUTINE_TYPE, ROUTINE_NAME";
        for (name, kind, modes, collation) in rows::<(String, String, String, String)>(self.tx, sql).await? {
            let known = match kind.as_str() {
                "FUNCTION" => Kind::Function,
                "PROCEDURE" => Kind::Procedure,
                // MariaDB's packages among them: their text is no one statement but in its Oracle mode.
                other => {
                    found.unknown.push(format!("{} {name}", other.to_lowercase()));
                    continue;
                }
            };
            let definition = without_definer(&self.show(&kind, &name, 2).await?);
            let object = Object::new(known, name.as_str().into()).sql(definition);
            found.drafts.push(Draft::new(program(object, &modes, &collation)));
        }
        Ok(())
    }

    async fn views(&self, drafts: &mut Vec<Draft>) -> Result<()> {
        let sql = "SELECT TABLE_NAME, VIEW_DEFINITION, COLLATION_CONNECTION FROM information_schema.VIEWS \
            WHERE TABLE_SCHEMA = DATABASE() ORDER BY TABLE_NAME";
        let found: Vec<(String, String, String)> = rows(self.tx, sql).await?;
        let first = drafts.len();
        for (index, (name, definition, collation)) in found.iter().enumerate() {
            let mut object =
                Object::new(Kind::View, name.as_str().into()).sql(without_definer(&self.show("VIEW", name, 1).await?));
            object.settings.insert("collation_connection", collation.clone());
            let mut draft = Draft::new(object);
            for (other, (shown, ..)) in found.iter().enumerate() {
                if other != index && self.shows(definition, shown) {
                    draft.needs.insert(first + other);
                }
            }
            drafts.push(draft);
        }
        Ok(())
    }

    /// Tells whether the catalog's text of a view, in which each table has its database before it, has another view among its tables. With a
    /// dot behind it, it is the table of a column.
    fn shows(&self, definition: &str, view: &str) -> bool {
        let name = format!("{}.{}", self.quote(&self.schema), self.quote(view));
        definition
            .match_indices(&name)
            .any(|(at, _)| !definition[at + name.len()..].starts_with('.') && !definition[..at].ends_with('.'))
    }

    async fn triggers(&self, drafts: &mut Vec<Draft>) -> Result<()> {
        let mut last: Option<[String; 3]> = None;
        for (name, table, timing, event, body, modes, collation) in rows::<FoundTrigger>(self.tx, TRIGGERS).await? {
            let sql = format!(
                "CREATE TRIGGER {} {timing} {event} ON {} FOR EACH ROW {body}",
                self.quote(&name),
                self.quote(&table)
            );
            let object = Object::new(Kind::Trigger, name.into()).of(table.as_str().into()).sql(sql).after_rows();
            let mut draft = Draft::new(program(object, &modes, &collation));
            // Those of one moment run in the order in which they were made.
            let moment = Some([table, timing, event]);
            if last == moment {
                draft.needs.insert(drafts.len() - 1);
            }
            last = moment;
            drafts.push(draft);
        }
        Ok(())
    }

    async fn events(&self, drafts: &mut Vec<Draft>) -> Result<()> {
        let sql = "SELECT EVENT_NAME, TIME_ZONE, SQL_MODE, COLLATION_CONNECTION FROM information_schema.EVENTS \
            WHERE EVENT_SCHEMA = DATABASE() ORDER BY EVENT_NAME";
        for (name, zone, modes, collation) in rows::<(String, String, String, String)>(self.tx, sql).await? {
            let definition = without_definer(&self.show("EVENT", &name, 3).await?);
            let mut object = program(Object::new(Kind::Event, name.into()).sql(definition), &modes, &collation);
            object.settings.insert("time_zone", literal(&zone));
            drafts.push(Draft::new(object.after_rows()));
        }
        Ok(())
    }

    /// Takes the database's own name out of a table's definition: MariaDB writes it before a sequence's.
    fn at_home(&self, definition: &str) -> String {
        let schema = self.quote(&self.schema);
        let tokens: Vec<Token> = Tokens::new(definition, self.dialect.lexing).collect();
        let mut out = String::with_capacity(definition.len());
        let mut skip = 0;
        for (index, token) in tokens.iter().enumerate() {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            let is_home = token.kind == TokenKind::QuotedIdentifier && token.text(definition) == schema;
            if is_home && tokens.get(index + 1).is_some_and(|dot| dot.text(definition) == ".") {
                skip = 1;
                continue;
            }
            out.push_str(token.text(definition));
        }
        out
    }
}

/// Notes the settings that a program keeps from the session that has made it.
fn program(mut object: Object, modes: &str, collation: &str) -> Object {
    object.settings.insert("sql_mode", literal(modes));
    object.settings.insert("collation_connection", collation.to_owned());
    object
}

/// Takes the definer out of a definition: a user of this machine.
fn without_definer(definition: &str) -> String {
    let Some((before, rest)) = definition.split_once(" DEFINER=").filter(|(before, _)| before.len() < 40) else {
        return definition.to_owned();
    };
    let mut rest = rest;
    for at in ["", "@"] {
        let Some(quoted) = rest.strip_prefix(at) else { break };
        let Some(quote) = quoted.chars().next().filter(|quote| matches!(quote, '`' | '"')) else { break };
        let mut end = 1;
        while let Some(found) = quoted[end..].find(quote) {
            end += found + 1;
            if !quoted[end..].starts_with(quote) {
                break;
            }
            end += 1;
        }
        rest = &quoted[end..];
    }
    format!("{before}{rest}")
}

/// Takes the counter of generated keys out of a table's definition, and gives it: rows move it.
pub(crate) fn without_counter(definition: &str, dialect: &Dialect) -> (String, Option<String>) {
    let tokens: Vec<Token> = Tokens::new(definition, dialect.lexing).filter(|token| !token.kind.is_blank()).collect();
    let counter = tokens.windows(3).find(|three| {
        three[0].kind == TokenKind::Word
            && three[0].text(definition).eq_ignore_ascii_case("AUTO_INCREMENT")
            && three[1].text(definition) == "="
    });
    let Some([word, _, number]) = counter else { return (definition.to_owned(), None) };
    let before = definition[..word.start].trim_end_matches(' ');
    (format!("{before}{}", &definition[number.end..]), Some(number.text(definition).to_owned()))
}

/// Writes text as a string, under the modes above.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// Gives the expression of a literal that is the column's value.
fn value(column: &str, ty: &str) -> String {
    let written = match ty.to_lowercase().as_str() {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "decimal" | "year" | "double" => {
            format!("CAST({column} AS CHAR)")
        }
        // As such it would lose digits.
        "float" => format!("CAST({column} + 0e0 AS CHAR)"),
        "bit" => format!("CAST({column} + 0 AS CHAR)"),
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" | "vector" => {
            format!("IF(LENGTH({column}) = 0, '''''', CONCAT('0x', HEX({column})))")
        }
        "geometry" | "point" | "linestring" | "polygon" | "multipoint" | "multilinestring" | "multipolygon"
        | "geometrycollection" | "geomcollection" => {
            format!("CONCAT('ST_GeomFromWKB(0x', HEX(ST_AsWKB({column})), ', ', ST_SRID({column}), ')')")
        }
        _ => format!("QUOTE(CONVERT({column} USING utf8mb4))"),
    };
    format!("IF({column} IS NULL, 'NULL', {written})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_of_keys_is_told_apart() {
        let definition = "CREATE TABLE `t` (\n  `a` int AUTO_INCREMENT\n) ENGINE=InnoDB AUTO_INCREMENT=17 DEFAULT CHARSET=utf8mb4 \
                          COMMENT=' AUTO_INCREMENT=5'";
        let (told, counter) = without_counter(definition, &Dialect::MARIADB);
        assert_eq!(counter.as_deref(), Some("17"));
        assert_eq!(told, definition.replacen(" AUTO_INCREMENT=17", "", 1));
        assert_eq!(without_counter(&told, &Dialect::MARIADB), (told.clone(), None));
    }

    #[test]
    fn a_definer_is_taken_out_whatever_its_name() {
        for (definition, told) in [
            ("CREATE DEFINER=`root`@`localhost` PROCEDURE `p`() SELECT 1", "CREATE PROCEDURE `p`() SELECT 1"),
            ("CREATE DEFINER=`a``b`@`%` EVENT `e` DO SELECT '`'", "CREATE EVENT `e` DO SELECT '`'"),
            ("CREATE DEFINER=\"root\"@\"x\" FUNCTION f() RETURN 1", "CREATE FUNCTION f() RETURN 1"),
            ("CREATE DEFINER=`role` FUNCTION f() RETURN 1", "CREATE FUNCTION f() RETURN 1"),
            (
                "CREATE ALGORITHM=UNDEFINED DEFINER=`a`@`b` SQL SECURITY DEFINER VIEW `v` AS select 1",
                "CREATE ALGORITHM=UNDEFINED SQL SECURITY DEFINER VIEW `v` AS select 1",
            ),
            (
                "CREATE FUNCTION f() RETURN CONCAT('no such thing as a ', ' DEFINER=`x`')",
                "CREATE FUNCTION f() RETURN CONCAT('no such thing as a ', ' DEFINER=`x`')",
            ),
        ] {
            assert_eq!(without_definer(definition), told);
        }
    }
}
