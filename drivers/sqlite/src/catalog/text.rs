//! The tokens of a `CREATE` statement, and walking over them.

use std::ops::Range;

use oarlock_core::Dialect;
use oarlock_core::lex::{Token, TokenKind, Tokens};

/// The tokens of a statement, without blanks.
pub(super) struct Text<'s> {
    sql: &'s str,
    tokens: Vec<Token>,
}

impl<'s> Text<'s> {
    pub(super) fn new(sql: &'s str) -> Self {
        let tokens = Tokens::new(sql, Dialect::SQLITE.lexing).filter(|token| !token.kind.is_blank()).collect();
        Self { sql, tokens }
    }

    /// Walks over all tokens.
    pub(super) fn walk(&self) -> Walk<'_, 's> {
        self.part(0..self.tokens.len())
    }

    fn part(&self, range: Range<usize>) -> Walk<'_, 's> {
        Walk { text: self, at: range.start, end: range.end }
    }
}

/// A place among the tokens of a statement, or of a part of it.
#[derive(Clone)]
pub(super) struct Walk<'t, 's> {
    text: &'t Text<'s>,
    at: usize,
    end: usize,
}

impl<'s> Walk<'_, 's> {
    fn token(&self, ahead: usize) -> Option<Token> {
        self.text.tokens[..self.end].get(self.at + ahead).copied()
    }

    fn word(&self, ahead: usize) -> &'s str {
        self.token(ahead).map_or("", |token| token.text(self.text.sql))
    }

    pub(super) fn is_over(&self) -> bool {
        self.at >= self.end
    }

    pub(super) fn step(&mut self) {
        self.at += 1;
    }

    /// Tells whether the next tokens are these words; a quoted name is no word.
    pub(super) fn is(&self, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(ahead, word)| self.word(ahead).eq_ignore_ascii_case(word))
    }

    /// Steps over these words, if they come next.
    pub(super) fn take(&mut self, words: &[&str]) -> bool {
        let found = self.is(words);
        self.at += if found { words.len() } else { 0 };
        found
    }

    /// Steps over a name and gives it without its quotes.
    pub(super) fn name(&mut self) -> Option<String> {
        let token = self.token(0)?;
        self.at += 1;
        let text = token.text(self.text.sql);
        Some(match token.kind {
            TokenKind::QuotedIdentifier | TokenKind::String => unquoted(text),
            _ => text.to_owned(),
        })
    }

    /// Steps over what stands in parentheses, if they come next, and gives it.
    pub(super) fn parenthesised(&mut self) -> Option<Self> {
        if self.word(0) != "(" {
            return None;
        }
        let start = self.at + 1;
        let mut depth = 0_usize;
        while let Some(token) = self.token(0) {
            self.at += 1;
            match token.text(self.text.sql) {
                "(" => depth += 1,
                ")" => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Some(self.text.part(start..self.at - 1));
            }
        }
        Some(self.text.part(start..self.end))
    }

    /// Steps over what stands in parentheses, if they come next.
    pub(super) fn skip_parenthesised(&mut self) {
        self.parenthesised();
    }

    /// Cuts at commas outside parentheses.
    pub(super) fn items(mut self) -> Vec<Self> {
        let mut items = Vec::new();
        let mut start = self.at;
        while !self.is_over() {
            if self.word(0) == "," {
                items.push(self.text.part(start..self.at));
                start = self.at + 1;
            }
            if self.parenthesised().is_none() {
                self.step();
            }
        }
        items.push(self.text.part(start..self.end));
        items
    }

    /// Leaves out the tokens from a place on.
    pub(super) fn until(mut self, end: &Self) -> Self {
        self.end = end.at;
        self
    }

    /// Gives the text from here on, as it was written.
    pub(super) fn written(&self) -> &'s str {
        match (self.token(0), self.end.checked_sub(1).and_then(|last| self.text.tokens.get(last))) {
            (Some(first), Some(last)) => &self.text.sql[first.start..last.end],
            _ => "",
        }
    }

    /// Gives the names of a list, without their collations and orders.
    pub(super) fn names(self) -> Vec<String> {
        self.items().into_iter().filter_map(|mut item| item.name()).collect()
    }
}

fn unquoted(text: &str) -> String {
    let inner = text.get(1..text.len() - 1).unwrap_or_default();
    match text.chars().next() {
        Some('[') | None => inner.to_owned(),
        Some(quote) => inner.replace(&format!("{quote}{quote}"), &quote.to_string()),
    }
}
