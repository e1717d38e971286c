//! Collects the parameters of a statement as they are met, and refuses what cannot be meant.

use std::collections::HashMap;

use super::position::line_column;
use super::token::{ParamStyle, Token};
use crate::dialect::Placeholder;
use crate::{Error, ErrorKind, Result};

/// The parameters met so far.
#[derive(Debug)]
pub(super) struct Parameters<'s> {
    sql: &'s str,
    native: Placeholder,
    first: Option<(ParamStyle, Token)>,
    names: Vec<String>,
    by_name: HashMap<&'s str, usize>,
    /// The caller's parameter of each occurrence.
    uses: Vec<usize>,
    /// The occurrence with the highest number.
    highest: Option<(usize, Token)>,
}

/// The parameters of a whole statement.
#[derive(Debug)]
pub(super) struct Collected {
    pub(super) style: Option<ParamStyle>,
    pub(super) arity: usize,
    pub(super) names: Vec<String>,
    pub(super) slots: Vec<usize>,
}

impl<'s> Parameters<'s> {
    pub(super) fn new(sql: &'s str, native: Placeholder) -> Self {
        Self { sql, native, first: None, names: Vec::new(), by_name: HashMap::new(), uses: Vec::new(), highest: None }
    }

    /// Takes the next placeholder and gives the index of the parameter it stands for.
    pub(super) fn take(&mut self, style: ParamStyle, token: Token) -> Result<usize> {
        let text = token.text(self.sql);
        match self.first {
            None => self.first = Some((style, token)),
            Some((first, earlier)) if first != style => return Err(self.mixed(earlier, token)),
            Some(_) => {}
        }
        let index = match style {
            ParamStyle::Question => self.uses.len(),
            ParamStyle::Named => self.by_name(&text[1..]),
            ParamStyle::Numbered => self.by_number(token)?,
        };
        self.uses.push(index);
        Ok(index)
    }

    fn by_name(&mut self, name: &'s str) -> usize {
        *self.by_name.entry(name).or_insert_with(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        })
    }

    fn by_number(&mut self, token: Token) -> Result<usize> {
        let text = token.text(self.sql);
        let number: usize = text[1..].parse().map_err(|_| {
            Error::new(ErrorKind::Parameters, format!("{} is too large a number", at(self.sql, token)))
                .with_position(token.start)
        })?;
        let Some(index) = number.checked_sub(1) else {
            return Err(Error::new(ErrorKind::Parameters, format!("there is no parameter {}", at(self.sql, token)))
                .with_position(token.start)
                .with_hint("parameters are numbered from $1"));
        };
        if self.highest.is_none_or(|(highest, _)| index > highest) {
            self.highest = Some((index, token));
        }
        Ok(index)
    }

    fn mixed(&self, earlier: Token, token: Token) -> Error {
        Error::new(
            ErrorKind::Parameters,
            format!(
                "a statement takes one style of parameters, but has both {} and {}",
                at(self.sql, earlier),
                at(self.sql, token)
            ),
        )
        .with_position(token.start)
        .with_hint("a literal question mark is written ??")
    }

    /// Ends the statement.
    pub(super) fn finish(self) -> Result<Collected> {
        let arity = match self.first {
            Some((ParamStyle::Numbered, _)) => self.check_numbers()?,
            Some((ParamStyle::Named, _)) => self.names.len(),
            Some((ParamStyle::Question, _)) | None => self.uses.len(),
        };
        let slots = match self.native {
            Placeholder::Question => self.uses,
            Placeholder::Dollar | Placeholder::QuestionNumbered => (0..arity).collect(),
        };
        Ok(Collected { style: self.first.map(|(style, _)| style), arity, names: self.names, slots })
    }

    /// Checks that no number up to the highest is left out, and gives how many there are.
    fn check_numbers(&self) -> Result<usize> {
        let Some((highest, token)) = self.highest else { return Ok(0) };
        // More numbers than occurrences leave a gap among the first ones, so nothing of the size of a number is allocated.
        let mut used = vec![false; self.uses.len().min(highest) + 1];
        for index in &self.uses {
            if let Some(slot) = used.get_mut(*index) {
                *slot = true;
            }
        }
        match used.iter().position(|used| !used) {
            None => Ok(highest + 1),
            Some(gap) => Err(Error::new(
                ErrorKind::Parameters,
                format!("the statement has {} but no ${}", at(self.sql, token), gap + 1),
            )
            .with_position(token.start)),
        }
    }
}

/// Writes a token and where it stands.
pub(super) fn at(sql: &str, token: Token) -> String {
    let (line, column) = line_column(sql, token.start);
    format!("{} (line {line}, column {column})", token.text(sql))
}
