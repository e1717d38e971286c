//! Puts objects and rows into one text.

use std::collections::BTreeMap;
use std::io;

use oarlock_core::dialect::Flavor;
use oarlock_core::lex::{TokenKind, Tokens, split};
use oarlock_core::{Dialect, Tx};

use super::{Dump, Dumped};
use crate::catalog::{Catalog, Kind, Object, settings_of_mysql};
use crate::history::TABLE;
use crate::{Error, ErrorKind, Result};

/// Writes one dump.
pub(super) struct Writer<'w> {
    pub(super) dump: &'w Dump,
    catalog: &'w Catalog,
    pub(super) tx: &'w Tx,
    out: &'w mut (dyn io::Write + Send),
    /// The settings of the session that reads it, at this place.
    settings: BTreeMap<&'static str, String>,
    pub(super) dumped: Dumped,
    /// What was written last, if nothing but one line.
    last: Option<Kind>,
}

impl<'w> Writer<'w> {
    pub(super) fn new(dump: &'w Dump, catalog: &'w Catalog, tx: &'w Tx, out: &'w mut (dyn io::Write + Send)) -> Self {
        let (settings, dumped) = (BTreeMap::new(), Dumped::default());
        Self { dump, catalog, tx, out, settings, dumped, last: None }
    }

    pub(super) async fn write(mut self) -> Result<Dumped> {
        self.head()?;
        let (history, objects): (Vec<&Object>, Vec<&Object>) =
            self.catalog.objects().iter().partition(|object| object.is_history());
        let later = objects.iter().position(|object| object.after_rows).unwrap_or(objects.len());
        for object in &objects[..later] {
            self.object(object)?;
        }
        for object in &objects[..later] {
            self.rows_of(object).await?;
        }
        for object in &objects[later..] {
            self.object(object)?;
            // It needed something that takes rows from other tables.
            self.rows_of(object).await?;
        }
        if self.dump.history && !history.is_empty() {
            self.reset_settings()?;
            self.part("\n-- What has been applied: the history of oarlock's migrations.\n")?;
            for object in &history {
                self.object(object)?;
            }
            for object in history.iter().filter(|object| object.name.name == TABLE) {
                self.history(object).await?;
            }
        }
        self.out.flush().map_err(unwritten)?;
        Ok(self.dumped)
    }

    pub(super) fn dialect(&self) -> &'w Dialect {
        &self.catalog.dialect
    }

    /// Gives the rules by which an object's text is read.
    fn dialect_of(&self, object: &Object) -> Dialect {
        let mut dialect = *self.dialect();
        if let Some(modes) = object.settings.get("sql_mode") {
            dialect.set_sql_mode(modes.trim_matches('\''));
        }
        dialect
    }

    /// Writes what is to hold for all that follows.
    fn head(&mut self) -> Result<()> {
        let engine = match self.dialect().flavor {
            Flavor::Postgres => "PostgreSQL",
            Flavor::MySql if self.dialect().name == Dialect::MARIADB.name => "MariaDB",
            Flavor::MySql => "MySQL",
            _ => "SQLite",
        };
        self.part(&format!("-- {engine}, written by `oarlock dump`. `oarlock load` makes the database anew.\n"))?;
        match self.dialect().flavor {
            Flavor::Postgres => {
                let routine = |object: &Object| matches!(object.kind, Kind::Function | Kind::Procedure);
                if self.catalog.objects().iter().any(routine) {
                    self.part("\n-- Functions may name what comes later.\nSET check_function_bodies = off;\n")?;
                }
            }
            Flavor::MySql => {
                self.settings = settings_of_mysql();
                let mut text = "\n-- Rows are taken as they are, and tables in any order.\n".to_owned();
                for (name, value) in &self.settings {
                    text = format!("{text}SET {name} = {value};\n");
                }
                self.part(&format!("{text}SET foreign_key_checks = 0;\n"))?;
            }
            _ => {}
        }
        Ok(())
    }

    fn object(&mut self, object: &Object) -> Result<()> {
        self.set(&object.settings)?;
        let lines = object.statements.len() == 1 && !object.statements[0].contains('\n');
        let joins = lines && self.last == Some(object.kind);
        if !joins {
            self.part("\n")?;
        }
        for statement in &object.statements {
            self.check(object, statement)?;
            let text = self.terminated(object, statement);
            self.part(&text)?;
        }
        self.last = lines.then_some(object.kind);
        self.dumped.objects += 1;
        Ok(())
    }

    /// Refuses what could not be told apart from what follows it.
    fn check(&self, object: &Object, statement: &str) -> Result<()> {
        let mut spans = split(statement, &self.dialect_of(object));
        if spans.next().is_some() && spans.next().is_none() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::NotSupported, format!("the {} is in words that are not known here", object.title()))
            .with_hint("nobody could tell where its text ends: write it otherwise, without the server's Oracle mode"))
    }

    /// Ends a statement. One that has semicolons of its own within is put between delimiters for MySQL's client.
    fn terminated(&self, object: &Object, statement: &str) -> String {
        let lexing = self.dialect_of(object).lexing;
        let last = Tokens::new(statement, lexing).last();
        let open =
            last.is_some_and(|token| token.kind == TokenKind::Comment && !token.text(statement).starts_with("/*"));
        let end = if open { "\n" } else { "" };
        if self.dialect().flavor != Flavor::MySql
            || !Tokens::new(statement, lexing).any(|token| token.kind == TokenKind::Semicolon)
        {
            return format!("{statement}{end};\n");
        }
        let mut delimiter = ";;".to_owned();
        while statement.contains(&delimiter) {
            delimiter.push('/');
        }
        format!("DELIMITER {delimiter}\n{statement}{end}{delimiter}\nDELIMITER ;\n")
    }

    /// Sets what is to be otherwise than it is.
    fn set(&mut self, wanted: &BTreeMap<&'static str, String>) -> Result<()> {
        if self.dialect().flavor != Flavor::MySql {
            return Ok(());
        }
        let mut all = settings_of_mysql();
        all.extend(wanted.iter().map(|(name, value)| (*name, value.clone())));
        let changed: Vec<_> = all.into_iter().filter(|(name, value)| self.settings.get(name) != Some(value)).collect();
        if changed.is_empty() {
            return Ok(());
        }
        let mut text = "\n".to_owned();
        for (name, value) in changed {
            text = format!("{text}SET {name} = {value};\n");
            self.settings.insert(name, value);
        }
        self.last = None;
        self.part(&text)
    }

    pub(super) fn reset_settings(&mut self) -> Result<()> {
        self.set(&BTreeMap::new())
    }

    /// Writes a statement of rows or counters.
    pub(super) fn statement(&mut self, text: &str) -> Result<()> {
        self.last = None;
        self.part(text)
    }

    fn part(&mut self, text: &str) -> Result<()> {
        self.out.write_all(text.as_bytes()).map_err(unwritten)
    }
}

fn unwritten(error: io::Error) -> Error {
    Error::new(ErrorKind::Io, "the dump could not be written").with_source(error)
}
