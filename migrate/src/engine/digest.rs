//! What the catalog says of the objects that a statement names, as one digest: it tells whether a statement ran that was under way
//! when its runner was interrupted.

use std::collections::BTreeSet;
use std::fmt::Write;

use oarlock_core::dialect::Flavor;
use oarlock_core::lex::{TokenKind, Tokens, Verb};
use oarlock_core::{DbExt, Dialect, Row};
use sha2::{Digest, Sha256};

use super::Session;
use crate::catalog::without_counter;
use crate::script::{Script, hexadecimal};
use crate::series::{self, Member};
use crate::{Error, ErrorKind, Result};

/// What PostgreSQL says of all that statements make which cannot run in a transaction: each line behind the names that it is
/// found by.
const POSTGRES: &str = "SELECT c.relname, t.relname, concat_ws(' ', 'index', n.nspname, i.indisvalid, \
    pg_catalog.pg_get_indexdef(i.indexrelid)) FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
    JOIN pg_catalog.pg_class t ON t.oid = i.indrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    UNION ALL SELECT c.relname, p.relname, concat_ws(' ', 'part', i.inhrelid, i.inhparent, to_jsonb(i)->>'inhdetachpending') \
    FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid JOIN pg_catalog.pg_class p ON p.oid = i.inhparent \
    UNION ALL SELECT datname, datname, concat_ws(' ', 'database', oid, dattablespace) FROM pg_catalog.pg_database \
    UNION ALL SELECT spcname, spcname, concat_ws(' ', 'tablespace', oid) FROM pg_catalog.pg_tablespace \
    UNION ALL SELECT subname, subname, concat_ws(' ', 'subscription', oid) FROM pg_catalog.pg_subscription";

/// The tables and views of a database of MySQL's.
const TABLES: &str = "SELECT TABLE_NAME, TABLE_NAME, TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = ?";

/// The indexes of which a statement was interrupted, or has failed.
const INVALID: &str = "SELECT c.relname, t.relname, format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_index i \
    JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_class t ON t.oid = i.indrelid \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE NOT i.indisvalid AND c.relkind = 'i'";

/// The partitions that an interrupted statement has left half detached.
const DETACHING: &str = "SELECT c.relname, p.relname, format('ALTER TABLE %s DETACH PARTITION %s FINALIZE', \
    CAST(i.inhparent AS regclass), CAST(i.inhrelid AS regclass)) FROM pg_catalog.pg_inherits i \
    JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid JOIN pg_catalog.pg_class p ON p.oid = i.inhparent \
    WHERE to_jsonb(i)->>'inhdetachpending' = 'true'";

/// The words of a statement for which MySQL and MariaDB are asked about more than tables and views.
pub(crate) const KINDS: [&str; 9] =
    ["trigger", "function", "procedure", "package", "event", "database", "schema", "user", "role"];

/// Stands before what was there, among the names.
const BEFORE: char = '=';

/// The names of a statement, as a line of the journal has them.
type Names<'s> = BTreeSet<&'s str>;

impl Session {
    /// Gives what a digest before a statement is to be over: the names in it, and what must not be taken for its own.
    pub(super) async fn scope(&self, script: &Script, index: usize) -> Result<String> {
        let mut scope = names(script.statement(index).unwrap_or_default(), script.verb(index), &self.dialect);
        if self.dialect.flavor == Flavor::Postgres {
            for invalid in self.named(INVALID, &[], &scope.lines().collect()).await? {
                let _ = write!(scope, "\n{BEFORE}{invalid}");
            }
        } else if (0..index).any(|before| script.verb(before) == Verb::Use) {
            // The names are those of another database than the history's.
            for used in self.lines("SELECT DATABASE()").await? {
                let _ = write!(scope, "\n{}.", used.to_lowercase());
            }
        }
        Ok(scope)
    }

    /// Gives the digest of what the catalog says.
    pub(super) async fn digest(&self, scope: &str) -> Result<String> {
        let names: Names<'_> = scope.lines().collect();
        let found = match self.dialect.flavor {
            Flavor::Postgres => self.named(POSTGRES, &[], &names).await?.join("\n"),
            _ => self.mysql(&names).await?,
        };
        Ok(of(&found))
    }

    /// Writes down what the catalog says of the tables that a series is to make, each by itself.
    pub(super) async fn survey(&self, members: &[Member]) -> Result<String> {
        let tables: Names<'_> = members.iter().map(|member| &*member.table).collect();
        let there = self.named(TABLES, &[&self.schema], &tables).await?;
        let there: BTreeSet<String> = there.iter().map(|table| table.to_lowercase()).collect();
        // Of what is not there, nothing is said.
        let mut digests = vec![of(""); members.len()];
        for (digest, member) in digests.iter_mut().zip(members).filter(|(_, member)| there.contains(&member.table)) {
            *digest = self.digest(&member.table).await?;
        }
        Ok(series::scope(members, &digests))
    }

    /// Takes away what an interrupted statement has left half done on PostgreSQL, so that it can run again, or is done.
    pub(super) async fn clear(&self, scope: &str) -> Result<()> {
        if self.dialect.flavor != Flavor::Postgres {
            return Ok(());
        }
        let names: Names<'_> = scope.lines().collect();
        let was_there = |index: &String| scope.lines().any(|line| line.strip_prefix(BEFORE) == Some(index));
        let left = self.named(INVALID, &[], &names).await?.into_iter().filter(|index| !was_there(index));
        let drops: Vec<String> = left.map(|index| format!("DROP INDEX CONCURRENTLY IF EXISTS {index}")).collect();
        for sql in drops.into_iter().chain(self.named(DETACHING, &[], &names).await?) {
            let cleared = self.conn.script(&sql).await;
            cleared
                .map_err(|error| Error::database(format!("what was interrupted could not be cleared: {sql}"), error))?;
        }
        Ok(())
    }

    /// Writes down what MySQL and MariaDB say.
    async fn mysql(&self, scope: &Names<'_>) -> Result<String> {
        let has = |words: &[&str]| words.iter().any(|word| scope.contains(word));
        let mut found = String::new();
        let qualifiers = scope.iter().filter_map(|word| word.strip_suffix('.'));
        let schemas: BTreeSet<String> = qualifiers.map(str::to_owned).chain([self.schema.to_lowercase()]).collect();
        for schema in &schemas {
            self.tables_of(schema, scope, &mut found).await?;
        }
        let mut ask = Vec::new();
        if has(&["trigger"]) {
            ask.push(
                "SELECT TRIGGER_NAME, TRIGGER_NAME, CONCAT_WS(' ', TRIGGER_NAME, ACTION_TIMING, EVENT_MANIPULATION, \
                 EVENT_OBJECT_TABLE, ACTION_STATEMENT) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = ?",
            );
        }
        if has(&["function", "procedure", "package"]) {
            ask.push(
                "SELECT ROUTINE_NAME, ROUTINE_NAME, CONCAT_WS(' ', ROUTINE_TYPE, ROUTINE_NAME, LAST_ALTERED, ROUTINE_DEFINITION) \
                 FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = ?",
            );
        }
        if has(&["event"]) {
            ask.push(
                "SELECT EVENT_NAME, EVENT_NAME, CONCAT_WS(' ', EVENT_NAME, STATUS, LAST_ALTERED, EVENT_DEFINITION) \
                 FROM information_schema.EVENTS WHERE EVENT_SCHEMA = ?",
            );
        }
        if has(&["database", "schema"]) {
            ask.push(
                "SELECT SCHEMA_NAME, SCHEMA_NAME, CONCAT_WS(' ', SCHEMA_NAME, DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME) \
                 FROM information_schema.SCHEMATA WHERE ? <> ''",
            );
        }
        for sql in ask {
            for schema in &schemas {
                let _ = writeln!(found, "{}", self.named(sql, &[schema], scope).await?.join("\n"));
            }
        }
        if has(&["user", "role"]) {
            self.accounts(scope, &mut found).await?;
        }
        if let Some(swapped) = ["=swap", "=rename"].iter().find(|mark| scope.contains(**mark)) {
            self.identities(&schemas, scope, *swapped == "=swap", &mut found).await?;
        }
        Ok(found)
    }

    /// Writes down the accounts that a statement names: what they may log in with, where that may be seen, else that they are there.
    async fn accounts(&self, scope: &Names<'_>, found: &mut String) -> Result<()> {
        let rows: Vec<(String, String)> = match self.conn.fetch_all("SELECT User, Host FROM mysql.user", ()).await {
            Ok(rows) => rows,
            // Not everybody may read the table.
            Err(error) if !error.is_connection_lost() => {
                let granted = "SELECT DISTINCT GRANTEE, GRANTEE FROM information_schema.USER_PRIVILEGES ORDER BY 1";
                let named = |row: &&(String, String)| {
                    row.0
                        .split(['\'', '@'])
                        .any(|part| !part.is_empty() && scope.contains(part.to_lowercase().as_str()))
                };
                let rows: Vec<(String, String)> = self.conn.fetch_all(granted, ()).await.map_err(unreadable)?;
                rows.iter().filter(named).for_each(|row| {
                    let _ = writeln!(found, "{}", row.0);
                });
                return Ok(());
            }
            Err(error) => return Err(unreadable(error)),
        };
        let mut named: Vec<(String, String)> =
            rows.into_iter().filter(|(user, _)| scope.contains(user.to_lowercase().as_str())).collect();
        named.sort_unstable();
        for (user, host) in named {
            let account = [&user, &host].map(|part| self.dialect.quote_identifier(part)).join("@");
            // A role has nothing to log in with.
            let shown = self.lines(&format!("SHOW CREATE USER {account}")).await.unwrap_or_default();
            let _ = writeln!(found, "{account} {}", shown.join(" "));
        }
        Ok(())
    }

    /// Writes down the definitions of the tables and views of a schema that a statement names.
    async fn tables_of(&self, schema: &str, scope: &Names<'_>, found: &mut String) -> Result<()> {
        for table in self.named(TABLES, &[schema], scope).await? {
            let quote = |name: &str| self.dialect.quote_identifier(name);
            let sql = format!("SHOW CREATE TABLE {}.{}", quote(schema), quote(&table));
            let definition = match self.conn.require_one::<Row>(&sql, ()).await {
                Ok(row) => row.get::<String>(1).unwrap_or_default(),
                // A view whose tables are gone has no definition to show, and is there all the same.
                Err(error) if !error.is_connection_lost() => format!("{:?}", error.code()),
                Err(error) => return Err(unreadable(error)),
            };
            let _ = writeln!(found, "{schema} {table} {}", without_counter(&definition, &self.dialect).0);
        }
        Ok(())
    }

    /// Writes down the server's own numbers of the tables: two that look the same may have changed places.
    async fn identities(
        &self,
        schemas: &BTreeSet<String>,
        scope: &Names<'_>,
        needed: bool,
        found: &mut String,
    ) -> Result<()> {
        let mut answer = None;
        for view in ["INNODB_SYS_TABLES", "INNODB_TABLES"] {
            let sql = format!("SELECT CONCAT_WS(' ', NAME, TABLE_ID) FROM information_schema.{view} ORDER BY 1");
            answer = self.lines(&sql).await.ok();
            if answer.is_some() {
                break;
            }
        }
        let Some(lines) = answer else {
            if !needed {
                return Ok(());
            }
            return Err(Error::new(
                ErrorKind::Unsafe,
                "nobody can tell whether tables have changed places, where the runner is interrupted meanwhile",
            )
            .with_hint("grant the user PROCESS, which shows the tables' numbers"));
        };
        for line in lines {
            let name = line.split(' ').next().unwrap_or_default().to_lowercase();
            let Some((schema, table)) = name.split_once('/') else { continue };
            let table = table.split('#').next().unwrap_or(table);
            if schemas.contains(schema) && scope.contains(table) {
                let _ = writeln!(found, "{line}");
            }
        }
        Ok(())
    }

    /// Reads lines, each behind two names, and gives those of which a name is in the scope, in a fixed order.
    async fn named(&self, sql: &str, params: &[&str], scope: &Names<'_>) -> Result<Vec<String>> {
        let rows: Vec<(String, String, String)> = self.conn.fetch_all(sql, params).await.map_err(unreadable)?;
        let within = |name: &String| scope.contains(name.to_lowercase().as_str());
        let rows = rows.into_iter().filter(|(one, other, _)| within(one) || within(other));
        let mut lines: Vec<String> = rows.map(|(_, _, line)| line).collect();
        lines.sort_unstable();
        Ok(lines)
    }

    /// Reads one column of text.
    async fn lines(&self, sql: &str) -> Result<Vec<String>> {
        let rows: Vec<(Option<String>,)> = self.conn.fetch_all(sql, ()).await.map_err(unreadable)?;
        Ok(rows.into_iter().filter_map(|row| row.0).collect())
    }
}

fn of(found: &str) -> String {
    hexadecimal(&Sha256::digest(found))
}

fn unreadable(error: oarlock_core::Error) -> Error {
    Error::database("the catalog could not be read", error)
}

/// Gives the words and names of a statement in small letters, one a line, those before a dot with it.
///
/// Strings are left out: there may be a password in one. Only those that can be nothing but an account are names. Two marks, which no name can be, tell that a look at the definitions may not
/// be enough.
fn names(statement: &str, verb: Verb, dialect: &Dialect) -> String {
    let mut names = BTreeSet::new();
    let mut last: Option<String> = None;
    let mut twice = false;
    let mut before = String::new();
    let words = Tokens::new(statement, dialect.lexing).filter(|token| token.kind == TokenKind::Word).take(4);
    let accounts = words
        .map(|token| token.text(statement))
        .any(|word| ["user", "role"].iter().any(|kind| word.eq_ignore_ascii_case(kind)));
    for token in Tokens::new(statement, dialect.lexing).filter(|token| !token.kind.is_blank()) {
        let text = token.text(statement);
        let leads = std::mem::replace(&mut before, text.to_lowercase());
        let name = match token.kind {
            TokenKind::Word => text.to_lowercase(),
            TokenKind::String if accounts && ["user", "role", "exists", "to", ","].contains(&&*leads) => {
                text.trim_matches(['\'', '"']).to_lowercase()
            }
            TokenKind::QuotedIdentifier => {
                let quote = &text[..1];
                text[1..text.len() - 1].replace(&quote.repeat(2), quote).to_lowercase()
            }
            _ => {
                if let (".", Some(qualifier)) = (text, last.take()) {
                    names.insert(format!("{qualifier}."));
                }
                continue;
            }
        };
        twice |= !names.insert(name.clone()) && name != "to" && name != "table";
        last = Some(name);
    }
    let exchange = verb == Verb::Alter && names.contains("exchange");
    match verb {
        Verb::Rename if twice => names.insert("=swap".to_owned()),
        Verb::Rename => names.insert("=rename".to_owned()),
        _ if exchange => names.insert("=swap".to_owned()),
        _ => false,
    };
    names.into_iter().collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_objects_and_never_of_strings() {
        let told = names("ALTER TABLE `Shop`.`odd``name` ADD x INT COMMENT 'secret'", Verb::Alter, &Dialect::MARIADB);
        assert_eq!(told, "add\nalter\ncomment\nint\nodd`name\nshop\nshop.\ntable\nx");
    }

    #[test]
    fn accounts_are_names_and_passwords_are_not() {
        let told = names(
            "CREATE USER IF NOT EXISTS 'Ada'@'%' IDENTIFIED BY 'secret', 'bob' IDENTIFIED BY 'word'",
            Verb::Create,
            &Dialect::MARIADB,
        );
        assert_eq!(told, "ada\nbob\nby\ncreate\nexists\nidentified\nif\nnot\nuser");
    }

    #[test]
    fn tables_that_change_places_are_told() {
        for (statement, verb, mark) in [
            ("RENAME TABLE a TO c, b TO a, c TO b", Verb::Rename, Some("=swap")),
            ("RENAME TABLE a TO b, c TO d", Verb::Rename, Some("=rename")),
            ("ALTER TABLE t EXCHANGE PARTITION p WITH TABLE u", Verb::Alter, Some("=swap")),
            ("ALTER TABLE t ADD a INT", Verb::Alter, None),
        ] {
            let told = names(statement, verb, &Dialect::MYSQL);
            assert_eq!(told.lines().find(|name| name.starts_with('=')), mark, "{statement}");
        }
    }
}
