//! Check constraints: their SQL, read once.
//!
//! What is read is what a check on one row needs. Anything else is refused with its place, when the table is defined.

use oarlock_core::lex::{Token, TokenKind, Tokens};
use oarlock_core::schema::Table;
use oarlock_core::value::{Decimal, Value};
use oarlock_core::{Dialect, Error, ErrorKind, Result};

use crate::expr::{Binary, Expr, Function, Unary};
use crate::schema::position;

/// A check constraint.
#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) name: String,
    pub(crate) condition: Expr,
}

impl Check {
    /// Reads a check of a table.
    ///
    /// # Errors
    ///
    /// `NotSupported` for what it has no words for, `UnknownColumn`, `Syntax`; each with the place in the text.
    pub(crate) fn parse(table: &Table, name: String, sql: &str) -> Result<Self> {
        let tokens = Tokens::new(sql, Dialect::POSTGRES.lexing);
        let tokens: Vec<Token> = tokens.filter(|token| !token.kind.is_blank()).collect();
        let mut reader = Reader { table, sql, tokens: &tokens, at: 0 };
        let read = reader.expression(0).and_then(|condition| match reader.peek() {
            "" => Ok(condition),
            _ => Err(reader.unexpected()),
        });
        let condition = read.map_err(|error| {
            error.context(format_args!("check {name} of {}", table.name)).with_constraint(name.as_str())
        })?;
        Ok(Self { name, condition })
    }
}

struct Reader<'r> {
    table: &'r Table,
    sql: &'r str,
    tokens: &'r [Token],
    at: usize,
}

const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;
const IS: u8 = 4;
const COMPARE: u8 = 5;
const AMONG: u8 = 6;
const SUM: u8 = 7;
const PRODUCT: u8 = 8;
const SIGN: u8 = 9;

impl<'r> Reader<'r> {
    fn token(&self) -> Option<&'r Token> {
        self.tokens.get(self.at)
    }

    fn peek(&self) -> &'r str {
        self.token().map_or("", |token| token.text(self.sql))
    }

    fn is(&self, word: &str) -> bool {
        self.peek().eq_ignore_ascii_case(word)
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.is(word);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, word: &str) -> Result<()> {
        if self.take(word) { Ok(()) } else { Err(self.unexpected()) }
    }

    #[cold]
    fn unexpected(&self) -> Error {
        let position = self.token().map_or(self.sql.len(), |token| token.start);
        let found = if self.peek().is_empty() { "the end" } else { self.peek() };
        Error::not_supported(format!("{found} at {position} is not understood")).with_position(position)
    }

    /// Reads an operator that may consist of two symbols.
    fn operator(&self) -> (&'static str, usize) {
        let next = |offset: usize| self.tokens.get(self.at + offset);
        let close =
            |first: &Token| next(1).filter(|second| second.start == first.end).map(|token| token.text(self.sql));
        let Some(first) = self.token() else { return ("", 0) };
        match (first.text(self.sql), close(first)) {
            ("<", Some(">")) | ("!", Some("=")) => ("<>", 2),
            ("<", Some("=")) => ("<=", 2),
            (">", Some("=")) => (">=", 2),
            ("|", Some("|")) => ("||", 2),
            ("<", _) => ("<", 1),
            (">", _) => (">", 1),
            ("=", _) => ("=", 1),
            ("+", _) => ("+", 1),
            ("-", _) => ("-", 1),
            ("*", _) => ("*", 1),
            ("/", _) => ("/", 1),
            ("%", _) => ("%", 1),
            _ => ("", 0),
        }
    }

    /// Reads an expression whose operators bind more strongly than `least`.
    fn expression(&mut self, least: u8) -> Result<Expr> {
        let mut left = self.operand()?;
        loop {
            let (operator, length) = self.operator();
            let (binary, strength) = match operator {
                "=" => (Binary::Eq, COMPARE),
                "<>" => (Binary::Ne, COMPARE),
                "<" => (Binary::Lt, COMPARE),
                "<=" => (Binary::Le, COMPARE),
                ">" => (Binary::Gt, COMPARE),
                ">=" => (Binary::Ge, COMPARE),
                "+" => (Binary::Add, SUM),
                "-" => (Binary::Subtract, SUM),
                "||" => (Binary::Concat, AMONG),
                "*" => (Binary::Multiply, PRODUCT),
                "/" => (Binary::Divide, PRODUCT),
                "%" => (Binary::Remainder, PRODUCT),
                _ if self.is("and") => (Binary::And, AND),
                _ if self.is("or") => (Binary::Or, OR),
                _ => match self.postfix(left, least)? {
                    (expr, true) => {
                        left = expr;
                        continue;
                    }
                    (expr, false) => return Ok(expr),
                },
            };
            if strength <= least {
                return Ok(left);
            }
            self.at += length.max(1);
            left = Expr::binary(binary, left, self.expression(strength)?);
        }
    }

    /// Reads what stands behind an operand and is a word: `IS NULL`, `IN`, `BETWEEN`, `LIKE`.
    fn postfix(&mut self, left: Expr, least: u8) -> Result<(Expr, bool)> {
        if least < IS && self.take("is") {
            let inverted = self.take("not");
            if self.take("distinct") {
                self.expect("from")?;
                let binary = if inverted { Binary::Same } else { Binary::NotSame };
                return Ok((Expr::binary(binary, left, self.expression(IS)?), true));
            }
            for (word, truth) in [("true", true), ("false", false)] {
                if self.take(word) {
                    let binary = if inverted { Binary::NotSame } else { Binary::Same };
                    return Ok((Expr::binary(binary, left, Expr::Value(Value::Bool(truth))), true));
                }
            }
            self.expect("null")?;
            let unary = if inverted { Unary::IsNotNull } else { Unary::IsNull };
            return Ok((Expr::Unary(unary, Box::new(left)), true));
        }
        if least >= AMONG {
            return Ok((left, false));
        }
        let start = self.at;
        let inverted = self.take("not");
        let not = |expr: Expr| if inverted { Expr::Unary(Unary::Not, Box::new(expr)) } else { expr };
        if self.take("in") {
            self.expect("(")?;
            let list = self.list()?;
            return Ok((Expr::Among(Box::new(left), list, inverted), true));
        }
        if self.take("between") {
            let low = self.expression(AMONG)?;
            self.expect("and")?;
            let high = self.expression(AMONG)?;
            let above = Expr::binary(Binary::Ge, left.clone(), low);
            return Ok((not(Expr::binary(Binary::And, above, Expr::binary(Binary::Le, left, high))), true));
        }
        for (word, ignore_case) in [("like", false), ("ilike", true)] {
            if self.take(word) {
                let pattern = self.expression(AMONG)?;
                return Ok((not(Expr::Like(Box::new(left), Box::new(pattern), ignore_case)), true));
            }
        }
        self.at = start;
        Ok((left, false))
    }

    /// Reads expressions up to the closing parenthesis.
    fn list(&mut self) -> Result<Vec<Expr>> {
        let mut list = vec![self.expression(0)?];
        while self.take(",") {
            list.push(self.expression(0)?);
        }
        self.expect(")")?;
        Ok(list)
    }

    fn operand(&mut self) -> Result<Expr> {
        let Some(token) = self.token() else { return Err(self.unexpected()) };
        let text = token.text(self.sql);
        match token.kind {
            TokenKind::Number => {
                self.at += 1;
                number(text)
            }
            TokenKind::String if text.starts_with('\'') => {
                self.at += 1;
                Ok(Expr::Value(Value::Text(text[1..text.len() - 1].replace("''", "'"))))
            }
            TokenKind::QuotedIdentifier => {
                self.at += 1;
                position(self.table, &text[1..text.len() - 1].replace("\"\"", "\"")).map(Expr::Column)
            }
            _ if self.take("(") => {
                let inner = self.expression(0)?;
                self.expect(")")?;
                Ok(inner)
            }
            _ if self.take("-") => Ok(match self.expression(SIGN)? {
                Expr::Value(Value::I64(number)) => Expr::Value(Value::I64(number.wrapping_neg())),
                other => Expr::Unary(Unary::Negate, Box::new(other)),
            }),
            _ if self.take("not") => Ok(Expr::Unary(Unary::Not, Box::new(self.expression(NOT)?))),
            _ if self.take("null") => Ok(Expr::Value(Value::Null)),
            _ if self.take("true") => Ok(Expr::Value(Value::Bool(true))),
            _ if self.take("false") => Ok(Expr::Value(Value::Bool(false))),
            TokenKind::Word => self.word(text),
            _ => Err(self.unexpected()),
        }
    }

    /// Reads a function's call or a column.
    fn word(&mut self, word: &str) -> Result<Expr> {
        let functions = [
            ("lower", Function::Lower),
            ("upper", Function::Upper),
            ("trim", Function::Trim),
            ("btrim", Function::Trim),
            ("length", Function::CharLength),
            ("char_length", Function::CharLength),
            ("abs", Function::Abs),
            ("coalesce", Function::Coalesce),
        ];
        let calls = self.tokens.get(self.at + 1).is_some_and(|next| next.text(self.sql) == "(");
        if !calls {
            let column = position(self.table, word).or_else(|_| position(self.table, &word.to_lowercase()))?;
            self.at += 1;
            return Ok(Expr::Column(column));
        }
        let found = functions.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
        let Some((_, function)) = found else { return Err(self.unexpected()) };
        self.at += 2;
        let operands = self.list()?;
        if *function != Function::Coalesce && operands.len() != 1 {
            return Err(self.unexpected());
        }
        Ok(Expr::Call(*function, operands))
    }
}

fn number(text: &str) -> Result<Expr> {
    if let Ok(number) = text.parse::<i64>() {
        return Ok(Expr::Value(Value::I64(number)));
    }
    let number = text.parse::<Decimal>();
    number
        .map(|number| Expr::Value(Value::Decimal(number)))
        .map_err(|error| Error::new(ErrorKind::Syntax, format!("{text} is not a number")).with_source(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use oarlock_core::schema::{Column, Type};
    use oarlock_core::value::ValueRef;

    fn table() -> Table {
        Table::new("item")
            .column(Column::new("id", Type::Int8))
            .column(Column::new("name", Type::Text).nullable())
            .column(Column::new("price", Type::Decimal { size: None }))
            .primary_key(["id"])
    }

    fn truth(sql: &str) -> Result<Option<bool>> {
        let check = Check::parse(&table(), "c".to_owned(), sql)?;
        let row = [Value::I64(7), Value::Null, Value::Decimal("19.90".parse()?)];
        let value = crate::expr::evaluate(&check.condition, &|column| Ok(row[column].as_ref()))?.into_value()?;
        match value.as_ref() {
            ValueRef::Bool(truth) => Ok(Some(truth)),
            ValueRef::Null => Ok(None),
            other => panic!("{sql} is {other:?}"),
        }
    }

    #[test]
    fn checks_are_read_as_sql() {
        for (sql, expected) in [
            ("id > 0", Some(true)),
            ("id > 0 AND price < 10 OR id = 7", Some(true)),
            ("NOT id = 7 OR price >= 19.9", Some(true)),
            ("id BETWEEN 1 AND 6", Some(false)),
            ("id NOT BETWEEN 1 AND 6 AND \"id\" <> 8", Some(true)),
            ("id IN (1, 2, 7)", Some(true)),
            ("id NOT IN (1, NULL)", None),
            ("name IS NULL", Some(true)),
            ("length(name) > 3", None),
            ("name IS NULL OR length(trim(name)) > 3", Some(true)),
            ("coalesce(name, 'it''s') LIKE 'it_s%'", Some(true)),
            ("coalesce(name, 'A') || 'b' ILIKE 'aB'", Some(true)),
            ("1 + 2 * 3 = id AND -id = 0 - 7 AND id % 4 = 3 AND id / 2 = 3", Some(true)),
            ("price * 2 = 39.8", Some(true)),
            ("name IS NOT DISTINCT FROM NULL", Some(true)),
            ("(id = 7) IS TRUE", Some(true)),
            ("abs(0 - id) != 7", Some(false)),
        ] {
            assert_eq!(truth(sql).unwrap(), expected, "{sql}");
        }
    }

    #[test]
    fn what_is_not_understood_is_named_with_its_place() {
        let error = truth("id > random()").unwrap_err();
        assert_eq!(error.message(), "check c of item: random at 5 is not understood");
        assert_eq!((error.kind(), error.position()), (ErrorKind::NotSupported, Some(5)));
        assert_eq!(truth("nope = 1").unwrap_err().kind(), ErrorKind::UnknownColumn);
        assert_eq!(truth("id > ").unwrap_err().message(), "check c of item: the end at 5 is not understood");
        assert_eq!(truth("id / 0 = 1").unwrap_err().kind(), ErrorKind::OutOfRange);
    }
}
