//! The text of a migration: its directives and its statements, each with its place in the file.

mod checksum;
mod directive;
mod nearest;
mod place;
mod section;
mod split;

use std::ops::Range;
use std::sync::Arc;

use oarlock_core::Dialect;
use oarlock_core::lex::Verb;

pub use directive::Directives;
pub use place::Place;

pub(crate) use checksum::{hexadecimal, of_name, of_statements};
pub(crate) use nearest::nearest;
pub(crate) use section::Sections;

use crate::Result;

/// A file's text, shared by all that is made of it.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    /// The file as messages name it.
    pub(crate) file: Arc<str>,
    pub(crate) text: Arc<str>,
}

impl Text {
    pub(crate) fn new(file: &str, text: &str) -> Self {
        Self { file: file.into(), text: text.into() }
    }

    /// Gives the place of a byte.
    pub(crate) fn place(&self, offset: usize) -> Place {
        Place::new(&self.file, &self.text, offset)
    }
}

/// The statements of one direction of a migration, in the words of one dialect.
#[derive(Debug, Clone)]
pub struct Script {
    text: Text,
    directives: Directives,
    statements: Vec<Statement>,
    checksum: String,
}

/// A statement of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    range: Range<usize>,
    verb: Verb,
}

impl Script {
    /// Reads a section of a file.
    pub(crate) fn read(text: &Text, section: Range<usize>, directives: Directives, dialect: &Dialect) -> Result<Self> {
        let statements = split::split(text, section, dialect)?;
        let pieces = statements.iter().map(|statement| &text.text[statement.range.clone()]);
        let checksum = of_statements(pieces, dialect.flavor);
        Ok(Self { text: text.clone(), directives, statements, checksum })
    }

    /// Gives the file as messages name it.
    pub fn file(&self) -> &str {
        &self.text.file
    }

    /// Gives what the leading comments say.
    pub fn directives(&self) -> &Directives {
        &self.directives
    }

    /// Gives how many statements there are.
    pub fn len(&self) -> usize {
        self.statements.len()
    }

    /// Tells whether there is nothing to run.
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    /// Gives the text of a statement as it goes to the server; `None` past the end.
    pub fn statement(&self, index: usize) -> Option<&str> {
        self.statements.get(index).map(|statement| &self.text.text[statement.range.clone()])
    }

    /// Gives where a statement begins; past the end, where the file ends.
    pub fn place(&self, index: usize) -> Place {
        self.text.place(self.offset(index))
    }

    /// Gives the place of a byte of a statement, as a server tells it.
    pub(crate) fn place_within(&self, index: usize, offset: usize) -> Place {
        self.text.place(self.offset(index) + offset)
    }

    fn offset(&self, index: usize) -> usize {
        self.statements.get(index).map_or(self.text.text.len(), |statement| statement.range.start)
    }

    /// Gives the checksum of all statements: it tells every change but those of white space and comments.
    pub fn checksum(&self) -> &str {
        &self.checksum
    }

    pub(crate) fn verb(&self, index: usize) -> Verb {
        self.statements.get(index).map_or(Verb::Other, |statement| statement.verb)
    }

    /// Gives the texts of the statements.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.statements.iter().map(|statement| &self.text.text[statement.range.clone()])
    }
}
