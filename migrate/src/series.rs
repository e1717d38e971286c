//! Migrations that make one table each and do nothing else, one after the other, where that commits by itself: one line of the
//! journal does for all of them.
//!
//! Whether such a table is there, the catalog says before all of them as well as right before its own statement. So the line keeps
//! what it said for each, and each of them is then one message: the statement, and the history's entry. After an interruption, the first
//! that is not in the history is the one of which the catalog has to tell whether it ran.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

use oarlock_core::Dialect;
use oarlock_core::lex::{Token, TokenKind, Tokens, Verb};

use crate::Applied;
use crate::engine::KINDS;
use crate::history::{Begun, UnderWay};
use crate::migration::Direction;
use crate::script::Script;
use crate::step::Step;

/// What the journal has in the place of a checksum and of a digest, where its line is that of a series.
pub(crate) const SERIES: &str = "series";

/// How many migrations a series has at the most: its line has to go into one message, of which a server may take no more than a
/// megabyte.
const MOST: usize = 1000;

/// One of a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) version: i64,
    pub(crate) name: String,
    /// The checksum of its statement.
    pub(crate) statement: String,
    /// Its table, in small letters.
    pub(crate) table: String,
}

/// The place of a step in its series.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) members: Arc<[Member]>,
    pub(crate) index: usize,
}

impl Part {
    pub(crate) fn is_first(&self) -> bool {
        self.index == 0
    }

    pub(crate) fn is_last(&self) -> bool {
        self.index + 1 == self.members.len()
    }

    /// Gives the version by which the journal has the series.
    pub(crate) fn version(&self) -> i64 {
        self.members[0].version
    }
}

/// Finds the series among steps: two migrations or more, each of a table of its own.
pub(crate) fn arrange(steps: &mut [Step]) {
    let mut rest = steps;
    while !rest.is_empty() {
        let mut tables = BTreeSet::new();
        let alike = rest.iter().map_while(Step::member).take_while(|member| tables.insert(member.table.clone()));
        let members: Vec<Member> = alike.take(MOST).collect();
        let length = members.len();
        if length > 1 {
            let members: Arc<[Member]> = members.into();
            for (index, step) in rest.iter_mut().take(length).enumerate() {
                step.series = Some(Part { members: Arc::clone(&members), index });
            }
        }
        rest = &mut rest[length.max(1)..];
    }
}

/// Writes down what the catalog said of each table before the series: a digest.
pub(crate) fn scope(members: &[Member], digests: &[String]) -> String {
    let mut scope = String::new();
    for (member, digest) in members.iter().zip(digests) {
        let Member { version, name, statement, table } = member;
        let _ = writeln!(scope, "{version} {name} {statement} {digest} {table}");
    }
    scope
}

/// Finds the migration of an interrupted series that may have run.
pub(crate) fn interrupted(line: &UnderWay, applied: &[Applied]) -> Option<UnderWay> {
    line.begun.as_ref()?.scope.lines().find_map(|told| {
        let mut words = told.splitn(5, ' ');
        let version = words.next()?.parse().ok()?;
        if applied.iter().any(|applied| applied.version == version) {
            return None;
        }
        let [name, statement, digest, scope] = [(); 4].map(|()| words.next().unwrap_or_default().to_owned());
        let (prefix, begun) = (line.prefix.clone(), Some(Begun { statement, scope, digest }));
        Some(UnderWay { version, name, direction: Direction::Up, done: 0, prefix, begun })
    })
}

/// Gives the table that a script makes, in small letters, where it does nothing else. It is one without rows, of the current database.
pub(crate) fn made_table(script: &Script, dialect: &Dialect) -> Option<String> {
    let sql = script.statement(0).filter(|_| script.len() == 1 && script.verb(0) == Verb::Create)?;
    let has_directives = script.directives().lock_timeout.is_some() || script.directives().no_transaction;
    // What stands in a comment may be code.
    if has_directives || sql.contains("/*") {
        return None;
    }
    let mut tokens = Tokens::new(sql, dialect.lexing).filter(|token| !token.kind.is_blank());
    let is = |token: Option<Token>, word: &str| token.is_some_and(|token| token.text(sql).eq_ignore_ascii_case(word));
    if !is(tokens.next(), "CREATE") || !is(tokens.next(), "TABLE") {
        return None;
    }
    let name = tokens.next()?;
    let table = match name.kind {
        TokenKind::Word => name.text(sql),
        // A quoted name may hold anything; a quote within it is written twice.
        TokenKind::QuotedIdentifier => name.text(sql).get(1..name.text(sql).len().checked_sub(1)?)?,
        _ => return None,
    };
    // Of a name that is such a word the digest would be over more than the table.
    if KINDS.iter().any(|kind| table.eq_ignore_ascii_case(kind)) {
        return None;
    }
    let is_plain = !table.is_empty() && table.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '$');
    if !is_plain || !is(tokens.next(), "(") {
        return None;
    }
    // With rows from elsewhere, or with what follows a semicolon behind a delimiter of its own, it would be more than a table.
    let is_more = |token: Token| match token.kind {
        TokenKind::Word => ["SELECT", "TABLE", "VALUES", "WITH"].iter().any(|word| is(Some(token), word)),
        kind => kind == TokenKind::Semicolon,
    };
    (!tokens.any(is_more)).then(|| table.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Text;

    fn made(sql: &str) -> Option<String> {
        let text = Text::new("1_a.sql", sql);
        let directives = crate::script::Directives::default();
        made_table(&Script::read(&text, 0..sql.len(), directives, &Dialect::MARIADB).unwrap(), &Dialect::MARIADB)
    }

    #[test]
    fn a_script_that_makes_one_table_is_told_from_those_that_do_more() {
        assert_eq!(made("CREATE TABLE Shop (id INT PRIMARY KEY)"), Some("shop".to_owned()));
        assert_eq!(made("create table `shop` (id INT) ENGINE = InnoDB;"), Some("shop".to_owned()));
        for other in [
            "CREATE TABLE IF NOT EXISTS shop (id INT)",
            "CREATE OR REPLACE TABLE shop (id INT)",
            "CREATE TEMPORARY TABLE shop (id INT)",
            "CREATE TABLE shop LIKE other",
            "CREATE TABLE shop (id INT) AS SELECT 1 AS id",
            "CREATE TABLE shop (id INT) SELECT 1 AS id",
            "CREATE TABLE shop (id INT) /*! AS SELECT 1 AS id */",
            "CREATE TABLE elsewhere.shop (id INT)",
            "CREATE TABLE `odd name` (id INT)",
            "CREATE TABLE event (id INT)",
            "CREATE INDEX shop_id ON shop (id)",
            "CREATE TABLE shop (id INT); CREATE TABLE other (id INT)",
            "DELIMITER //\nCREATE TABLE shop (id INT); INSERT INTO shop VALUES (1)//",
        ] {
            assert_eq!(made(other), None, "{other}");
        }
    }
}
