//! Random statements of each dialect whose parameters, text and results are known by construction.
//!
//! A statement is a `SELECT` of a list. Its items are strings in every form that the dialect quotes, parameters in one
//! style, and expressions with operators and comments; what a lexer takes for a parameter, a quote or a comment by
//! mistake stands in all of them. The statement runs on a real server, so a driver's suite compares what comes back with
//! [`Statement::columns`], and the server's count of parameters with [`Statement::slots`].

mod item;
mod text;

use oarlock_core::Dialect;
use oarlock_core::dialect::Placeholder;
use oarlock_core::lex::ParamStyle;
use proptest::prelude::*;

use item::{Item, Part};

/// A statement, what to give it, and what comes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The text as a caller writes it.
    pub sql: String,
    /// The text that the server is expected to get.
    pub native: String,
    /// The style of its parameters; `None` without any.
    pub style: Option<ParamStyle>,
    /// The distinct names in the order of their first use; empty unless the style is named.
    pub names: Vec<String>,
    /// The caller's values: by position, or in the order of `names`.
    pub params: Vec<String>,
    /// For each of the server's parameters, the index of the value that it takes.
    pub slots: Vec<usize>,
    /// What the one row holds.
    pub columns: Vec<Column>,
}

/// A column of the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The name, where the statement gives one.
    pub name: Option<String>,
    /// The value; every column is text.
    pub value: String,
}

/// Gives statements of a dialect, by its rules as they are set.
///
/// The session must agree with the rules: UTF-8, and on MySQL the `sql_mode` that `backslash_escapes` and
/// `double_quote` tell.
///
/// # Examples
///
/// ```
/// use oarlock_conformance::sqlgen::statements;
/// use oarlock_core::{Dialect, lex::lex};
/// use proptest::strategy::Strategy;
/// use proptest::test_runner::TestRunner;
///
/// TestRunner::default().run(&statements(&Dialect::POSTGRES), |statement| {
///     let lexed = lex(&statement.sql, &Dialect::POSTGRES)?;
///     assert_eq!(lexed.arity(), statement.params.len());
///     assert_eq!(lexed.native(), statement.native);
///     Ok(())
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn statements(dialect: &Dialect) -> impl Strategy<Value = Statement> + use<> {
    let dialect = *dialect;
    let style = proptest::sample::select(vec![ParamStyle::Question, ParamStyle::Named, ParamStyle::Numbered]);
    let items = proptest::collection::vec(item::items(dialect), 1..6);
    let values = proptest::collection::vec(text::tricky(), 6);
    let around = [text::blank(dialect), text::blank(dialect)];
    (style, items, values, around, any::<bool>()).prop_map(move |(style, items, values, around, semicolon)| {
        assemble(dialect, style, &items, &values, &around, semicolon)
    })
}

const NAMES: [&str; 4] = ["name", "_x", "é1", "SELECT"];

fn assemble(
    dialect: Dialect,
    style: ParamStyle,
    items: &[Item],
    values: &[String],
    around: &[String; 2],
    semicolon: bool,
) -> Statement {
    let (indexes, names) = indexes(style, items);
    let mut sql = format!("{}SELECT ", around[0]);
    let mut native = sql.clone();
    let mut columns = Vec::new();
    let mut uses = indexes.iter();
    for (position, item) in items.iter().enumerate() {
        let index = if item.has_parameter() { uses.next().copied() } else { None };
        if position > 0 {
            sql.push(',');
            native.push(',');
        }
        for part in &item.sql {
            match (part, index) {
                (Part::Parameter, Some(index)) => {
                    sql.push_str(&source_form(style, index, &names));
                    native.push_str(&native_form(dialect.placeholder, index));
                }
                (Part::Question, _) => {
                    sql.push_str("??");
                    native.push('?');
                }
                (Part::Text(text), _) => {
                    sql.push_str(text);
                    native.push_str(text);
                }
                (Part::Parameter, None) => {}
            }
        }
        let value = item.value.iter().map(|part| match (part, index) {
            (Part::Text(text), _) => text.as_str(),
            (Part::Parameter, Some(index)) => values[index].as_str(),
            (Part::Question | Part::Parameter, _) => "",
        });
        columns.push(Column { name: item.name.clone(), value: value.collect() });
    }
    sql.push_str(&around[1]);
    native.push_str(&around[1]);
    if semicolon {
        sql.push_str(" ; -- ? ' done\n");
        native.push(' ');
    }
    let arity = indexes.iter().max().map_or(0, |highest| highest + 1);
    let slots = match dialect.placeholder {
        Placeholder::Question => indexes.clone(),
        _ => (0..arity).collect(),
    };
    Statement {
        sql,
        native,
        style: (arity > 0).then_some(style),
        names,
        params: values[..arity].to_vec(),
        slots,
        columns,
    }
}

/// Gives the caller's parameter of each item that has one, and the names.
fn indexes(style: ParamStyle, items: &[Item]) -> (Vec<usize>, Vec<String>) {
    let choices: Vec<usize> =
        items.iter().filter(|item| item.has_parameter()).map(|item| item.choice % NAMES.len()).collect();
    let mut distinct = Vec::new();
    for choice in &choices {
        if !distinct.contains(choice) {
            distinct.push(*choice);
        }
    }
    // Numbers go by rank, so that the first one used need not be $1; names by first use.
    if style == ParamStyle::Numbered {
        distinct.sort_unstable();
    }
    let rank = |choice: &usize| distinct.iter().position(|known| known == choice).unwrap_or_default();
    match style {
        ParamStyle::Numbered => (choices.iter().map(rank).collect(), Vec::new()),
        ParamStyle::Named => {
            let names = distinct.iter().map(|choice| NAMES[*choice].to_owned()).collect();
            (choices.iter().map(rank).collect(), names)
        }
        _ => ((0..choices.len()).collect(), Vec::new()),
    }
}

fn source_form(style: ParamStyle, index: usize, names: &[String]) -> String {
    match style {
        ParamStyle::Named => format!(":{}", names[index]),
        ParamStyle::Numbered => format!("${}", index + 1),
        _ => "?".to_owned(),
    }
}

fn native_form(placeholder: Placeholder, index: usize) -> String {
    match placeholder {
        Placeholder::Dollar => format!("${}", index + 1),
        Placeholder::QuestionNumbered => format!("?{}", index + 1),
        _ => "?".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use oarlock_core::lex::{DoubleQuote, Verb, lex, split};

    use super::*;

    fn read_as_constructed(dialect: &Dialect, statement: &Statement) -> Result<(), TestCaseError> {
        let lexed = lex(&statement.sql, dialect).map_err(|error| TestCaseError::fail(format!("{error}")))?;
        prop_assert_eq!(lexed.native(), &statement.native);
        prop_assert_eq!(lexed.arity(), statement.params.len());
        prop_assert_eq!(lexed.names(), &statement.names);
        prop_assert_eq!(lexed.slots(), &statement.slots);
        prop_assert_eq!(lexed.style(), statement.style);
        prop_assert_eq!(lexed.verb(), Verb::Select);
        prop_assert_eq!(split(&statement.sql, dialect).count(), 1);
        Ok(())
    }

    fn dialects() -> Vec<Dialect> {
        let mut plain = Dialect::MYSQL;
        plain.lexing.backslash_escapes = false;
        let mut ansi = Dialect::MARIADB;
        ansi.lexing.double_quote = DoubleQuote::Identifier;
        let mut old = Dialect::POSTGRES;
        old.lexing.backslash_escapes = true;
        vec![Dialect::SQLITE, Dialect::POSTGRES, Dialect::MYSQL, Dialect::MARIADB, plain, ansi, old]
    }

    proptest! {
        #[test]
        fn statements_are_read_as_they_were_made(
            (dialect, statement) in proptest::sample::select(dialects())
                .prop_flat_map(|dialect| (Just(dialect), statements(&dialect)))
        ) {
            read_as_constructed(&dialect, &statement)?;
        }
    }
}
