//! Tells the semicolon that ends a statement from those in the body of a trigger, function, procedure or event.
//!
//! No grammar is followed: only the words that open and close blocks are counted, and only where such a word can stand.
//! A body that is not closed holds every semicolon up to the end of the text.

use super::rules::Bodies;
use super::token::TokenKind;

/// Reads the tokens of one statement, blanks left out.
#[derive(Debug)]
pub(super) struct Body<'s> {
    bodies: Bodies,
    stage: Stage,
    blocks: Vec<Block>,
    parens: usize,
    /// The last token, and the one before it.
    previous: [&'s str; 2],
    executable: bool,
    /// A handler is being declared: its action may be a block though no statement begins there.
    handler: bool,
    /// The condition of a `REPEAT` is being read, which `END` follows without a semicolon.
    until: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Start,
    /// After `BEGIN`, which opens a transaction unless `NOT ATOMIC` follows.
    Begin,
    /// After `CREATE`, before the kind of object.
    Create,
    /// In the head of a stored program; `ready` once its body may begin.
    Header {
        kind: Kind,
        ready: bool,
    },
    /// Where blocks are counted.
    Program,
    /// In SQLite's `CREATE TRIGGER`.
    Trigger {
        begun: bool,
    },
    /// In PostgreSQL's `CREATE FUNCTION` or `CREATE PROCEDURE`.
    Routine,
    /// In PostgreSQL's `CREATE RULE`.
    Rule,
    /// No body can follow.
    Plain,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Routine,
    Trigger,
    Event,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    /// Of statements: what follows `THEN`, `ELSE` and a semicolon is a statement.
    Statements,
    /// `CASE … END` as an expression.
    Expression,
}

/// The words that open a block where a statement may begin.
const OPENERS: [&str; 7] = ["BEGIN", "IF", "CASE", "LOOP", "REPEAT", "WHILE", "FOR"];

/// The words after which a statement begins.
const STARTERS: [&str; 9] = [";", ":", "BEGIN", "ATOMIC", "THEN", "ELSE", "DO", "LOOP", "REPEAT"];

/// The words that begin a body of one statement, in which an `IF` is the function.
const SIMPLE: [&str; 9] = ["RETURN", "SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "SET", "CALL", "WITH"];

impl<'s> Body<'s> {
    pub(super) fn new(bodies: Bodies) -> Self {
        Self {
            bodies,
            stage: Stage::Start,
            blocks: Vec::new(),
            parens: 0,
            previous: ["", ""],
            executable: false,
            handler: false,
            until: false,
        }
    }

    /// Tells whether a semicolon that comes now ends the statement.
    pub(super) fn ends(&self) -> bool {
        if self.executable {
            return false;
        }
        match self.stage {
            Stage::Program | Stage::Routine => self.blocks.is_empty(),
            Stage::Trigger { begun } => !begun || (is(self.previous[0], "END") && self.previous[1] == ";"),
            Stage::Rule => self.parens == 0,
            _ => true,
        }
    }

    /// Takes the next token that is not blank.
    pub(super) fn feed(&mut self, kind: TokenKind, text: &'s str) {
        match (kind, text) {
            (TokenKind::ExecutableOpen, _) => {
                self.executable = true;
                return;
            }
            (TokenKind::ExecutableClose, _) => {
                self.executable = false;
                return;
            }
            (TokenKind::Word, _) => self.word(text),
            (TokenKind::Semicolon, _) => (self.handler, self.until) = (false, false),
            (TokenKind::Symbol, "(") => {
                self.parens += 1;
                self.leave_start();
            }
            (TokenKind::Symbol, ")") => {
                self.parens = self.parens.saturating_sub(1);
                if let Stage::Header { kind: Kind::Routine, ready } = &mut self.stage {
                    *ready |= self.parens == 0;
                }
            }
            _ => self.leave_start(),
        }
        self.previous = [text, self.previous[0]];
    }

    fn leave_start(&mut self) {
        if matches!(self.stage, Stage::Start | Stage::Begin) {
            self.stage = Stage::Plain;
        }
    }

    fn word(&mut self, word: &str) {
        match self.stage {
            Stage::Start => self.stage = self.first(word),
            Stage::Begin if is(word, "NOT") => self.open(Block::Statements),
            Stage::Begin => self.stage = Stage::Plain,
            Stage::Create => self.stage = self.object(word),
            Stage::Header { kind, ready } => self.header(word, kind, ready),
            Stage::Program => self.program(word),
            Stage::Trigger { begun } => self.stage = Stage::Trigger { begun: begun || is(word, "BEGIN") },
            Stage::Routine => self.routine(word),
            Stage::Rule | Stage::Plain => {}
        }
    }

    fn first(&mut self, word: &str) -> Stage {
        if is(word, "CREATE") {
            Stage::Create
        } else if self.bodies != Bodies::StoredPrograms {
            Stage::Plain
        } else if is(word, "BEGIN") {
            Stage::Begin
        } else if one_of(word, &OPENERS) {
            self.blocks.push(Block::Statements);
            Stage::Program
        } else {
            Stage::Plain
        }
    }

    fn object(&self, word: &str) -> Stage {
        let routine = one_of(word, &["FUNCTION", "PROCEDURE"]);
        match self.bodies {
            Bodies::Triggers if is(word, "TRIGGER") => Stage::Trigger { begun: false },
            Bodies::Atomic if routine => Stage::Routine,
            Bodies::Atomic if is(word, "RULE") => Stage::Rule,
            Bodies::StoredPrograms if routine => Stage::Header { kind: Kind::Routine, ready: false },
            Bodies::StoredPrograms if is(word, "TRIGGER") => Stage::Header { kind: Kind::Trigger, ready: false },
            Bodies::StoredPrograms if is(word, "EVENT") => Stage::Header { kind: Kind::Event, ready: false },
            _ if one_of(word, &["OR", "REPLACE", "TEMP", "TEMPORARY", "AGGREGATE", "DEFINER"]) => Stage::Create,
            // The definer's name.
            _ if self.previous[0] == "=" => Stage::Create,
            _ => Stage::Plain,
        }
    }

    fn header(&mut self, word: &str, kind: Kind, ready: bool) {
        let named = one_of(self.previous[0], &["FUNCTION", "PROCEDURE", "TRIGGER", "EVENT", "."]);
        if self.parens > 0 || named {
            return;
        }
        if is(word, "BEGIN") || (ready && one_of(word, &OPENERS)) {
            self.open(Block::Statements);
        } else if ready && one_of(word, &SIMPLE) && !one_of(self.previous[0], &["CHARACTER", "CHAR"]) {
            self.stage = Stage::Program;
        } else {
            let ready = ready
                || match kind {
                    Kind::Routine => false,
                    Kind::Trigger => is(word, "ROW"),
                    Kind::Event => is(word, "DO"),
                };
            self.stage = Stage::Header { kind, ready };
        }
    }

    fn program(&mut self, word: &str) {
        let previous = self.previous[0];
        let in_expression = self.blocks.last() == Some(&Block::Expression);
        let begins = !in_expression && !self.blocks.is_empty() && one_of(previous, &STARTERS);
        if is(word, "END") {
            if in_expression || begins || self.until {
                self.blocks.pop();
                self.until = false;
            }
        } else if (begins && one_of(word, &OPENERS)) || (self.handler && is(word, "BEGIN")) {
            self.open(Block::Statements);
        } else if is(word, "CASE") && !is(previous, "END") {
            self.open(Block::Expression);
        } else if begins && is(word, "UNTIL") {
            self.until = true;
        } else if is(word, "HANDLER") {
            self.handler = true;
        }
    }

    fn routine(&mut self, word: &str) {
        if is(word, "ATOMIC") && is(self.previous[0], "BEGIN") {
            self.blocks.push(Block::Statements);
        } else if is(word, "CASE") && !self.blocks.is_empty() {
            self.blocks.push(Block::Expression);
        } else if is(word, "END") {
            self.blocks.pop();
        }
    }

    fn open(&mut self, block: Block) {
        self.stage = Stage::Program;
        self.handler = false;
        self.blocks.push(block);
    }
}

fn is(word: &str, keyword: &str) -> bool {
    word.eq_ignore_ascii_case(keyword)
}

fn one_of(word: &str, keywords: &[&str]) -> bool {
    keywords.iter().any(|keyword| is(word, keyword))
}
