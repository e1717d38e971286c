//! The script that all connections of a mock share: what is expected, what was asked.

use std::collections::VecDeque;

use oarlock_core::schema::Table;
use oarlock_core::{Error, Result, Value};

use crate::expectation::{Given, Line};

/// What is expected, and what has happened.
#[derive(Debug, Default)]
pub(crate) struct Script {
    lines: VecDeque<Line>,
    /// How many lines were used.
    used: usize,
    pub(crate) ran: Vec<String>,
    pub(crate) wrong: Vec<String>,
    pub(crate) tables: Vec<Table>,
}

impl Script {
    /// Adds an expectation, and gives its number.
    pub(crate) fn add(&mut self, sql: String) -> usize {
        self.lines.push_back(Line { sql, ..Line::default() });
        self.used + self.lines.len() - 1
    }

    /// Finds an expectation that was not used yet.
    pub(crate) fn line(&mut self, number: usize) -> Option<&mut Line> {
        self.lines.get_mut(number.checked_sub(self.used)?)
    }

    /// Gives the next expectation without using it.
    pub(crate) fn next(&self) -> Option<&Line> {
        self.lines.front()
    }

    /// Tells what is still expected.
    pub(crate) fn rest(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(|line| line.sql.as_str())
    }

    /// Uses the next expectation for a statement with these rows of parameters.
    pub(crate) fn take(&mut self, sql: &str, rows: &[Given]) -> Result<Line> {
        self.ran.push(sql.to_owned());
        let number = self.used + 1;
        let Some(line) = self.lines.front() else {
            return Err(self.complain(format!("no statement was expected any more\n     got: {sql}")));
        };
        if !same_text(&line.sql, sql) {
            let expected = &line.sql;
            let message = format!("statement {number} is another one\nexpected: {expected}\n     got: {sql}");
            return Err(self.complain(message));
        }
        if let Some(expected) = &line.rows
            && (expected.len() != rows.len() || !expected.iter().zip(rows).all(|(one, other)| one.matches(other)))
        {
            let (expected, got) = (shown(expected), shown(rows));
            let message =
                format!("statement {number} has other parameters: {sql}\nexpected: {expected}\n     got: {got}");
            return Err(self.complain(message));
        }
        self.used += 1;
        self.lines.pop_front().ok_or_else(|| Error::interface("the script is at its end"))
    }

    /// Uses the next expectation where it is of this control statement, which needs none.
    pub(crate) fn control(&mut self, sql: &str) -> Result<()> {
        if self.next().is_some_and(|line| same_text(&line.sql, sql)) {
            return match self.take(sql, &[])?.error {
                Some(error) => Err(error),
                None => Ok(()),
            };
        }
        self.ran.push(sql.to_owned());
        Ok(())
    }

    /// Remembers what was wrong, for [`verify`](crate::Mock::verify): the code under test may swallow the error.
    fn complain(&mut self, message: String) -> Error {
        let error = Error::interface(format!("the mock's script: {message}"));
        self.wrong.push(message);
        error
    }
}

/// Compares statements, white space of any length being the same.
pub(crate) fn same_text(one: &str, other: &str) -> bool {
    one.split_whitespace().eq(other.split_whitespace())
}

fn shown(rows: &[Given]) -> String {
    let rows: Vec<String> = rows.iter().map(row_shown).collect();
    match rows.len() {
        1 => rows.concat(),
        count => format!("{count} rows {}", rows.join(", ")),
    }
}

fn row_shown(row: &Given) -> String {
    let values: Vec<String> = match &row.names {
        Some(names) => {
            names.iter().zip(&row.values).map(|(name, value)| format!("{name}: {}", value_shown(value))).collect()
        }
        None => row.values.iter().map(value_shown).collect(),
    };
    format!("({})", values.join(", "))
}

fn value_shown(value: &Value) -> String {
    format!("{value:?}")
}
