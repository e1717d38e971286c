//! Which statements of a script run in one transaction, and which by themselves.
//!
//! What is in one transaction commits together with its place in the history or the journal, so an interruption leaves all of
//! it or nothing. A statement that commits by itself is either harmless to run twice, or the catalog tells whether it ran.

mod held;

use std::ops::Range;

use oarlock_core::Dialect;
use oarlock_core::dialect::Flavor;
use oarlock_core::lex::{TokenKind, Tokens, Verb};

use crate::script::Script;
use crate::{Error, ErrorKind, Result};

/// How a script runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shape {
    /// In one transaction, together with its place in the history.
    Whole,
    /// In several steps, with a journal of those that are done.
    Journaled(Vec<Unit>),
}

/// A step of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Statements in one transaction; `done` is how many of the script's are done after it.
    Atomic { statements: Range<usize>, done: usize },
    /// A statement that commits by itself.
    Alone { index: usize, proof: Proof },
    /// A statement that changes nothing but the session, which a resumed run has to bring about again.
    Session { index: usize },
}

impl Unit {
    /// Gives its statements.
    fn statements(&self) -> Range<usize> {
        match self {
            Self::Atomic { statements, .. } => statements.clone(),
            Self::Alone { index, .. } | Self::Session { index } => *index..*index + 1,
        }
    }
}

/// How it is known whether a statement ran that was under way when the runner was interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    /// The catalog has changed.
    Catalog,
    /// It need not be known: running it twice does what running it once does.
    Harmless,
}

/// What kind of statement it is, to this end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Transactional,
    Session,
    Alone(Proof),
    Opens,
    Closes,
}

/// The words that open a block outside of a stored program, which MariaDB runs as one statement.
const BLOCKS: [&str; 7] = ["BEGIN", "IF", "CASE", "LOOP", "REPEAT", "WHILE", "FOR"];

/// Finds how a script runs.
///
/// # Errors
///
/// `Unsafe` for a statement that cannot run where it stands, or of which nobody can tell whether it ran.
pub(crate) fn shape(script: &Script, dialect: &Dialect) -> Result<Shape> {
    let flavor = dialect.flavor;
    let mut classes = Vec::with_capacity(script.len());
    for index in 0..script.len() {
        classes.push(classify(script, index, dialect)?);
    }
    let one_by_one = script.directives().no_transaction;
    if !one_by_one && (flavor != Flavor::MySql || classes.iter().all(|class| *class == Class::Transactional)) {
        return match classes.iter().position(|class| !matches!(class, Class::Transactional | Class::Session)) {
            Some(index) => Err(out_of_place(script, index, classes[index])),
            None => Ok(Shape::Whole),
        };
    }
    let units = units(script, &classes, one_by_one)?;
    held::require_none(script, &units, dialect)?;
    Ok(Shape::Journaled(units))
}

/// Refuses a script that is not one transaction.
///
/// # Errors
///
/// `Unsafe` for the first statement that does not fit into it.
pub(crate) fn require_whole(script: &Script, dialect: &Dialect, what: &str, hint: &str) -> Result<()> {
    for index in 0..script.len() {
        if !matches!(classify(script, index, dialect)?, Class::Transactional | Class::Session) {
            return Err(refuse(
                script,
                index,
                &format!("the statement cannot be in a transaction, as {what} is"),
                hint,
            ));
        }
    }
    Ok(())
}

fn units(script: &Script, classes: &[Class], one_by_one: bool) -> Result<Vec<Unit>> {
    let mut units = Vec::new();
    let mut opened: Option<usize> = None;
    let mut run: Option<Range<usize>> = None;
    let close = |run: &mut Option<Range<usize>>, units: &mut Vec<Unit>| {
        if let Some(statements) = run.take() {
            units.extend(group(script, statements));
        }
    };
    for (index, class) in classes.iter().enumerate() {
        let setting = is_setting(script.verb(index));
        match (class, opened) {
            (Class::Opens, None) => {
                close(&mut run, &mut units);
                opened = Some(index);
            }
            (Class::Opens, Some(_)) => {
                return Err(refuse(
                    script,
                    index,
                    "a transaction begins within another",
                    "end the first one before it",
                ));
            }
            (Class::Closes, Some(begin)) => {
                units.push(Unit::Atomic { statements: begin + 1..index, done: index + 1 });
                opened = None;
            }
            (Class::Closes, None) => {
                return Err(refuse(script, index, "no transaction is open here", "write BEGIN where it begins"));
            }
            (Class::Transactional | Class::Session, Some(_)) => {}
            (Class::Alone(_), Some(_)) => {
                return Err(refuse(
                    script,
                    index,
                    "the statement cannot be part of the transaction that was begun before it",
                    "put COMMIT before it",
                ));
            }
            (Class::Transactional, None) if one_by_one && !setting => {
                units.push(Unit::Atomic { statements: index..index + 1, done: index + 1 });
            }
            (Class::Alone(_), None) if setting => {
                close(&mut run, &mut units);
                units.push(Unit::Session { index });
            }
            (Class::Transactional | Class::Session, None) if one_by_one => units.push(Unit::Session { index }),
            (Class::Transactional | Class::Session, None) => run.get_or_insert(index..index).end = index + 1,
            (Class::Alone(proof), None) => {
                close(&mut run, &mut units);
                units.push(Unit::Alone { index, proof: *proof });
            }
        }
    }
    if let Some(begin) = opened {
        return Err(refuse(script, begin, "the transaction is not ended", "write COMMIT where it ends"));
    }
    close(&mut run, &mut units);
    Ok(units)
}

/// Makes a unit of statements that run in one transaction; settings alone need none.
fn group(script: &Script, statements: Range<usize>) -> Vec<Unit> {
    if statements.clone().all(|index| is_setting(script.verb(index))) {
        return statements.map(|index| Unit::Session { index }).collect();
    }
    let done = statements.end;
    vec![Unit::Atomic { statements, done }]
}

/// Tells whether a statement changes the session, so that a resumed run has to run it again.
pub(crate) fn is_setting(verb: Verb) -> bool {
    matches!(
        verb,
        Verb::Set
            | Verb::Use
            | Verb::Pragma
            | Verb::Attach
            | Verb::Detach
            | Verb::Prepare
            | Verb::Deallocate
            | Verb::Reset
    )
}

/// Tells whether a statement may leave the session otherwise than it was, beyond its transaction.
pub(crate) fn soils(script: &Script, index: usize) -> bool {
    let verb = script.verb(index);
    is_setting(verb)
        || matches!(verb, Verb::Discard | Verb::CreateTemporary | Verb::Declare | Verb::Listen | Verb::Load)
        || script.statement(index).is_some_and(|sql| sql.to_ascii_lowercase().contains("set_config"))
}

fn classify(script: &Script, index: usize, dialect: &Dialect) -> Result<Class> {
    let verb = script.verb(index);
    match verb {
        Verb::Begin => return Ok(Class::Opens),
        Verb::Commit => return Ok(Class::Closes),
        Verb::CommitAndChain
        | Verb::Rollback
        | Verb::RollbackAndChain
        | Verb::PrepareTransaction
        | Verb::CommitPrepared
        | Verb::RollbackPrepared
        | Verb::Xa
        | Verb::SetAutocommit => {
            return Err(refuse(
                script,
                index,
                "the statement would end a transaction that the runner has to end",
                "leave it out; in a file with `-- oarlock: no-transaction`, BEGIN and COMMIT may stand",
            ));
        }
        _ => {}
    }
    let words = Words::of(script.statement(index).unwrap_or_default(), dialect);
    match dialect.flavor {
        Flavor::MySql => mysql(script, index, verb, &words),
        Flavor::Postgres => Ok(postgres(verb, &words)),
        Flavor::Sqlite => Ok(sqlite(verb, &words)),
        _ => Ok(Class::Transactional),
    }
}

fn mysql(script: &Script, index: usize, verb: Verb, words: &Words) -> Result<Class> {
    let acknowledged = |word: &str, what: &str| {
        if script.directives().allows(word) || script.directives().allows("rerun") {
            return Ok(Class::Alone(Proof::Harmless));
        }
        Err(refuse(
            script,
            index,
            &format!("nobody can tell whether {what} ran, where the runner is interrupted meanwhile"),
            &format!("if it may run twice, say so in the first lines: -- oarlock: allow={word}"),
        ))
    };
    match verb {
        Verb::Call => acknowledged("call", "a procedure"),
        Verb::Load => acknowledged("load-data", "LOAD DATA"),
        Verb::Execute => acknowledged("execute", "a prepared statement"),
        Verb::Other if BLOCKS.iter().any(|block| words.first(block)) => acknowledged("rerun", "a block"),
        Verb::Lock | Verb::Unlock => Err(refuse(
            script,
            index,
            "LOCK TABLES keeps the runner from its journal",
            "leave it out: one runner works at a time",
        )),
        Verb::Create | Verb::Alter | Verb::Drop | Verb::Rename | Verb::Other => Ok(Class::Alone(Proof::Catalog)),
        verb if verb.commits_implicitly(Flavor::MySql) => Ok(Class::Alone(Proof::Harmless)),
        _ => Ok(Class::Transactional),
    }
}

fn postgres(verb: Verb, words: &Words) -> Class {
    let alone = match verb {
        Verb::Vacuum => return Class::Alone(Proof::Harmless),
        Verb::Create | Verb::Drop => {
            words.any("CONCURRENTLY") || words.second(&["DATABASE", "TABLESPACE", "SUBSCRIPTION"])
        }
        Verb::Reindex => words.any("CONCURRENTLY") || words.second(&["DATABASE", "SYSTEM", "SCHEMA"]),
        Verb::Alter => (words.any("DETACH") && words.any("CONCURRENTLY")) || words.second(&["SYSTEM"]),
        _ => false,
    };
    match verb {
        _ if alone => Class::Alone(Proof::Catalog),
        Verb::Set | Verb::Reset | Verb::Discard => Class::Session,
        _ => Class::Transactional,
    }
}

fn sqlite(verb: Verb, words: &Words) -> Class {
    match verb {
        // Within a transaction they are refused, or ignored.
        Verb::Vacuum | Verb::Attach | Verb::Detach => Class::Alone(Proof::Harmless),
        Verb::Pragma if words.any("FOREIGN_KEYS") || words.any("JOURNAL_MODE") => Class::Alone(Proof::Harmless),
        Verb::Pragma => Class::Session,
        _ => Class::Transactional,
    }
}

/// The plain words of a statement, in capitals.
struct Words(Vec<String>);

impl Words {
    fn of(sql: &str, dialect: &Dialect) -> Self {
        let tokens = Tokens::new(sql, dialect.lexing).filter(|token| token.kind == TokenKind::Word);
        Self(tokens.map(|token| token.text(sql).to_ascii_uppercase()).collect())
    }

    fn any(&self, word: &str) -> bool {
        self.0.iter().any(|known| known == word)
    }

    fn first(&self, word: &str) -> bool {
        self.0.first().is_some_and(|known| known == word)
    }

    fn second(&self, words: &[&str]) -> bool {
        self.0.get(1).is_some_and(|word| words.contains(&word.as_str()))
    }
}

/// Makes the error of a statement that a transaction cannot hold.
fn out_of_place(script: &Script, index: usize, class: Class) -> Error {
    match class {
        Class::Opens | Class::Closes => refuse(
            script,
            index,
            "the file runs in a transaction of its own already",
            "leave BEGIN and COMMIT out, or write `-- oarlock: no-transaction` in the first lines",
        ),
        _ => refuse(
            script,
            index,
            "the statement does not work within a transaction",
            "put it into a file of its own with `-- oarlock: no-transaction` in the first lines",
        ),
    }
}

fn refuse(script: &Script, index: usize, message: &str, hint: &str) -> Error {
    Error::new(ErrorKind::Unsafe, message).at(script.place(index)).with_hint(hint)
}

#[cfg(test)]
mod tests;
