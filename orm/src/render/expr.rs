//! Expressions' programs as expressions of sea-query's.

use oarlock_core::dialect::{Dialect, Flavor};
use oarlock_core::{Error, Result};
use sea_query::{BinOper, ColumnName, ColumnRef, Expr, ExprTrait, Func, SubQueryOper, TableName};

use super::stand_in::Param;
use super::{Renderer, iden, malformed};
use crate::expr::{Aggregate, Binary, ColumnOp, Function, Op, SubqueryUse, TextMatch, Unary};
use crate::query::{Projection, Select};

/// An operand that has been written.
struct Operand {
    expr: Expr,
    /// How many values a list has that it stands for.
    list: Option<usize>,
    /// Whether it is a decimal, which SQLite holds as text.
    decimal: bool,
}

impl From<Expr> for Operand {
    fn from(expr: Expr) -> Self {
        Self { expr, list: None, decimal: false }
    }
}

impl Renderer {
    /// Writes a program.
    pub(super) fn expr(&mut self, ops: &[Op]) -> Result<Expr> {
        Ok(self.program(ops)?.expr)
    }

    /// Writes a program so that rows can be ordered, grouped or told apart by it.
    pub(super) fn comparable(&mut self, ops: &[Op]) -> Result<Expr> {
        let operand = self.program(ops)?;
        Ok(self.compared(operand))
    }

    fn program(&mut self, ops: &[Op]) -> Result<Operand> {
        let mut stack: Vec<Operand> = Vec::with_capacity(4);
        for op in ops {
            let made = match op {
                Op::Column(column) => self.operand(*column, self.scopes.len())?,
                Op::Outer(column) => self.operand(*column, self.scopes.len().saturating_sub(1))?,
                Op::Value => Param::Value(self.take()).stand_in().into(),
                Op::List(count) => self.list(*count),
                Op::Tuple(count) => {
                    let parts = pop_several(&mut stack, *count)?.into_iter().map(|part| self.compared(part));
                    Expr::tuple(parts.collect::<Vec<_>>()).into()
                }
                Op::Tuples { count, width } => self.tuples(*count, *width),
                Op::Null => Expr::cust("NULL").into(),
                Op::CountRows => Expr::cust("COUNT(*)").into(),
                Op::Unary(unary) => {
                    let operand = pop(&mut stack)?;
                    if *unary == Unary::Negate {
                        self.can_compute(operand.decimal)?;
                    }
                    write_unary(*unary, operand.expr).into()
                }
                Op::Binary(binary) => {
                    let (right, left) = (pop(&mut stack)?, pop(&mut stack)?);
                    let decimal = binary.computes() && (left.decimal || right.decimal);
                    Operand { decimal, ..self.binary(*binary, left, right)?.into() }
                }
                Op::Match(kind) => {
                    let left = pop(&mut stack)?.expr;
                    let index = self.take();
                    self.text_match(*kind, left, index).into()
                }
                Op::Aggregate { function, distinct } => {
                    let operand = pop(&mut stack)?;
                    let decimal = operand.decimal && leaves_decimals(*function);
                    Operand { decimal, ..self.aggregate(*function, *distinct, operand)?.into() }
                }
                Op::Call(function, count) => {
                    let operands = pop_several(&mut stack, *count)?;
                    let decimal = operands.iter().any(|operand| operand.decimal);
                    if *function == Function::Abs {
                        self.can_compute(decimal)?;
                    }
                    let as_decimals = decimal && self.is(Flavor::MySql);
                    let written = |operand: Operand| {
                        if as_decimals && !operand.decimal { as_decimal(operand.expr) } else { operand.expr }
                    };
                    let operands = operands.into_iter().map(written).collect();
                    Operand { decimal, ..call(*function, operands)?.into() }
                }
                Op::Subquery(usage, select) => {
                    let left = match usage {
                        SubqueryUse::In | SubqueryUse::NotIn => Some(self.compared(pop(&mut stack)?)),
                        SubqueryUse::Exists | SubqueryUse::Scalar => None,
                    };
                    let inner = self.select(select)?;
                    let decimal = *usage == SubqueryUse::Scalar && gives_decimal(select);
                    let made: Operand = match (usage, left) {
                        (SubqueryUse::In, Some(left)) => left.in_subquery(inner),
                        (SubqueryUse::NotIn, Some(left)) => left.not_in_subquery(inner),
                        (SubqueryUse::Exists, _) => Expr::SubQuery(Some(SubQueryOper::Exists), Box::new(inner.into())),
                        _ => Expr::SubQuery(None, Box::new(inner.into())),
                    }
                    .into();
                    Operand { decimal, ..made }
                }
                Op::Sql(text, count) => {
                    let operands = pop_several(&mut stack, *count)?.into_iter().map(|operand| operand.expr);
                    self.sql(text, operands.collect())?.into()
                }
            };
            stack.push(made);
        }
        match (stack.pop(), stack.is_empty()) {
            (Some(whole), true) => Ok(whole),
            _ => Err(malformed("it does not leave one operand")),
        }
    }

    /// Writes an operand so that it compares as what it is: a decimal on SQLite as a number, and not as text.
    fn compared(&self, operand: Operand) -> Expr {
        if operand.decimal && self.is(Flavor::Sqlite) {
            Expr::cust_with_expr(format!("? COLLATE {}", Dialect::SQLITE_DECIMALS), operand.expr)
        } else {
            operand.expr
        }
    }

    /// Writes operands of which one at least is a decimal so that they compare as such.
    fn exactly_compared(&self, left: Operand, right: Operand) -> (Operand, Operand) {
        match self.flavor {
            // The collation of the left one counts.
            Flavor::Sqlite => (self.compared(Operand { decimal: true, ..left }).into(), right),
            // Decimals travel as text, and MySQL compares a decimal that is no column with text by floating-point numbers.
            Flavor::MySql => {
                let plain = |operand: &Operand| operand.decimal && matches!(operand.expr, Expr::Column(_));
                let (cast_left, cast_right) = (!left.decimal && !plain(&right), !right.decimal && !plain(&left));
                let cast = |expr: Expr, wanted: bool| if wanted { as_decimal(expr) } else { expr };
                let expr = match right.expr {
                    Expr::Tuple(elements) => Expr::Tuple(elements.into_iter().map(as_decimal).collect()),
                    expr => cast(expr, cast_right),
                };
                (Operand { expr: cast(left.expr, cast_left), ..left }, Operand { expr, ..right })
            }
            _ => (left, right),
        }
    }

    /// Writes operands of which one at least is a decimal so that what is computed of them is exact.
    fn exactly_computed(&self, left: Operand, right: Operand) -> Result<(Operand, Operand)> {
        self.can_compute(true)?;
        let exact = |operand: Operand| {
            let text = self.is(Flavor::MySql) && !operand.decimal;
            if text { as_decimal(operand.expr).into() } else { operand }
        };
        Ok((exact(left), exact(right)))
    }

    fn can_compute(&self, decimal: bool) -> Result<()> {
        if decimal && self.is(Flavor::Sqlite) { Err(decimal_as_text()) } else { Ok(()) }
    }

    /// Writes a column of the query at a depth, counted from the outermost, or of one around it.
    fn operand(&self, column: ColumnOp, depth: usize) -> Result<Operand> {
        let expr = Expr::Column(self.column(column, depth)?);
        Ok(Operand { expr, list: None, decimal: column.is_decimal() })
    }

    pub(super) fn column(&self, column: ColumnOp, depth: usize) -> Result<ColumnRef> {
        let name = iden(&column.table.column(column.column).name);
        for scope in self.scopes[..depth].iter().rev() {
            let found = scope.tables.iter().find(|named| {
                named.table == column.table
                    && match column.alias {
                        Some(alias) => named.name == alias,
                        None => named.alias.is_none(),
                    }
            });
            if let Some(found) = found {
                let table = scope.qualified.then(|| TableName(None, iden(&found.name)));
                return Ok(ColumnRef::Column(ColumnName(table, name)));
            }
        }
        let (table, field) = (column.table.model(), &column.table.column(column.column).field);
        let named = column.alias.map(|alias| format!(" under the name {alias}")).unwrap_or_default();
        Err(Error::interface(format!("{table}.{field} is asked for, but {table} takes no part in the query{named}"))
            .with_hint("join it through a relation, or ask for it in a subquery"))
    }

    fn list(&mut self, count: usize) -> Operand {
        let index = self.take();
        let expr = if self.is(Flavor::Postgres) {
            Param::Value(index).stand_in()
        } else {
            Expr::tuple((0..count).map(|element| Param::Element(index, element).stand_in()))
        };
        Operand { expr, list: Some(count), decimal: false }
    }

    /// Writes a list of tuples. Its values are one list for each column.
    fn tuples(&mut self, count: usize, width: usize) -> Operand {
        let columns: Vec<usize> = (0..width).map(|_| self.take()).collect();
        let tuple = |row: usize| Expr::tuple(columns.iter().map(|column| Param::Element(*column, row).stand_in()));
        let mut rows: Vec<Expr> = (0..count).map(tuple).collect();
        let expr = if self.is(Flavor::Sqlite) {
            // SQLite compares tuples with the rows of a query only.
            let marks = vec!["?"; rows.len()].join(", ");
            Expr::cust_with_exprs(format!("VALUES {marks}"), rows)
        } else if rows.len() == 1 {
            Expr::Tuple(vec![rows.remove(0)])
        } else {
            Expr::Tuple(rows)
        };
        Operand { expr, list: Some(count), decimal: false }
    }

    fn binary(&self, binary: Binary, left: Operand, right: Operand) -> Result<Expr> {
        let ordered = matches!(binary, Binary::Lt | Binary::Le | Binary::Gt | Binary::Ge);
        let (left, right) = match left.decimal || right.decimal {
            true if binary.compares() => self.exactly_compared(left, right),
            true if binary.computes() => self.exactly_computed(left, right)?,
            _ => (left, right),
        };
        if let Some(count) = right.list {
            return Ok(self.in_list(binary == Binary::In, left.expr, right.expr, count));
        }
        let (left, right) = match (left.expr, right.expr) {
            // MySQL compares rows without the help of an index, and alternatives with it.
            (Expr::Tuple(left), Expr::Tuple(right)) if ordered && self.is(Flavor::MySql) => {
                return by_alternatives(binary, left, right);
            }
            operands => operands,
        };
        Ok(match binary {
            Binary::And => left.and(right),
            Binary::Or => left.or(right),
            Binary::Eq => left.binary(BinOper::Equal, right),
            Binary::Ne => left.binary(BinOper::NotEqual, right),
            Binary::Lt => left.binary(BinOper::SmallerThan, right),
            Binary::Le => left.binary(BinOper::SmallerThanOrEqual, right),
            Binary::Gt => left.binary(BinOper::GreaterThan, right),
            Binary::Ge => left.binary(BinOper::GreaterThanOrEqual, right),
            Binary::Same => self.same(left, right),
            Binary::NotSame => match self.flavor {
                Flavor::MySql => self.same(left, right).not(),
                Flavor::Postgres => left.binary(BinOper::Custom("IS DISTINCT FROM"), right),
                _ => left.binary(BinOper::IsNot, right),
            },
            Binary::In | Binary::NotIn => return Err(malformed("IN without a list")),
            Binary::Add => left.binary(BinOper::Add, right),
            Binary::Subtract => left.binary(BinOper::Sub, right),
            Binary::Multiply => left.binary(BinOper::Mul, right),
            Binary::DivideWhole if self.is(Flavor::MySql) => left.binary(BinOper::Custom("DIV"), right),
            Binary::Divide | Binary::DivideWhole => left.binary(BinOper::Div, right),
            Binary::Remainder => left.binary(BinOper::Mod, right),
            Binary::Concat if self.is(Flavor::MySql) => Func::cust("CONCAT").arg(left).arg(right).into(),
            Binary::Concat => left.binary(BinOper::Custom("||"), right),
        })
    }

    fn same(&self, left: Expr, right: Expr) -> Expr {
        match self.flavor {
            Flavor::MySql => left.binary(BinOper::Custom("<=>"), right),
            Flavor::Postgres => left.binary(BinOper::Custom("IS NOT DISTINCT FROM"), right),
            _ => left.binary(BinOper::Is, right),
        }
    }

    fn in_list(&self, among: bool, left: Expr, list: Expr, count: usize) -> Expr {
        if self.is(Flavor::Postgres) && !matches!(list, Expr::Tuple(_)) {
            let (operator, function) = if among { (BinOper::Equal, "ANY") } else { (BinOper::NotEqual, "ALL") };
            return left.binary(operator, Func::cust(function).arg(list));
        }
        match (count, among) {
            (0, true) => Expr::cust("1 = 0"),
            (0, false) => Expr::cust("1 = 1"),
            (_, true) => left.binary(BinOper::In, list),
            (_, false) => left.binary(BinOper::NotIn, list),
        }
    }

    fn text_match(&self, kind: TextMatch, left: Expr, pattern: usize) -> Expr {
        let escaped = |param: Param, escape: char| {
            Expr::Binary(Box::new(param.stand_in()), BinOper::Escape, Box::new(Expr::Constant(escape.into())))
        };
        match (self.flavor, kind) {
            (Flavor::Postgres, TextMatch::Exact) => left.binary(BinOper::Like, Param::Value(pattern).stand_in()),
            (Flavor::Postgres, TextMatch::IgnoreCase) => {
                left.binary(BinOper::Custom("ILIKE"), Param::Value(pattern).stand_in())
            }
            (Flavor::MySql, TextMatch::Exact) => left.binary(BinOper::Like, escaped(Param::Bars(pattern), '|')),
            // Our DDL's collation tells letters from capitals everywhere.
            (Flavor::MySql, TextMatch::IgnoreCase) => {
                Expr::from(Func::lower(left)).binary(BinOper::Like, escaped_lower(Param::Bars(pattern).stand_in()))
            }
            (_, TextMatch::Exact) => left.binary(BinOper::Custom("GLOB"), Param::Glob(pattern).stand_in()),
            (_, TextMatch::IgnoreCase) => left.binary(BinOper::Like, escaped(Param::Bars(pattern), '|')),
        }
    }

    fn aggregate(&self, function: Aggregate, distinct: bool, operand: Operand) -> Result<Expr> {
        if !matches!(function, Aggregate::Count | Aggregate::Min | Aggregate::Max) {
            self.can_compute(operand.decimal)?;
        }
        let expr = self.compared(operand);
        Ok(match (function, distinct) {
            (Aggregate::Count, false) => Func::count(expr).into(),
            (Aggregate::Count, true) => Func::count_distinct(expr).into(),
            (Aggregate::SumInteger, _) => match self.flavor {
                Flavor::Postgres => Expr::from(Func::sum(expr)).cast_as("bigint"),
                // A cast would make the greatest number there is of one that is too great.
                Flavor::MySql => Expr::from(Func::sum(expr)).binary(BinOper::Custom("DIV"), Expr::Constant(1.into())),
                _ => Func::sum(expr).into(),
            },
            (Aggregate::Sum, _) => Func::sum(expr).into(),
            // MySQL gives the mean of whole numbers four digits, PostgreSQL as an exact number.
            (Aggregate::Average, _) => match self.flavor {
                Flavor::Postgres => Func::avg(expr.cast_as("double precision")).into(),
                Flavor::MySql => Func::avg(expr.cast_as("DOUBLE")).into(),
                _ => Func::avg(expr).into(),
            },
            (Aggregate::Min, _) => Func::min(expr).into(),
            (Aggregate::Max, _) => Func::max(expr).into(),
        })
    }

    /// Writes SQL in the words of the database.
    fn sql(&self, text: &str, operands: Vec<Expr>) -> Result<Expr> {
        let mut pieces = Vec::new();
        let mut operands = operands.into_iter();
        let mut written = String::new();
        let mut rest = text;
        while let Some(place) = rest.find('?') {
            written.push_str(&rest[..place]);
            rest = &rest[place + 1..];
            if let Some(after) = rest.strip_prefix('?') {
                written.push_str("??");
                rest = after;
                continue;
            }
            pieces.push(operands.next().ok_or_else(|| malformed("SQL with more places than operands"))?);
            match self.flavor {
                Flavor::Postgres => {
                    written.push('$');
                    written.push_str(&pieces.len().to_string());
                }
                _ => written.push('?'),
            }
        }
        written.push_str(rest);
        if operands.next().is_some() {
            return Err(malformed("SQL with fewer places than operands"));
        }
        Ok(Expr::cust_with_exprs(written, pieces))
    }
}

/// Writes that a row is less or greater than another: it is in its first column, or equal in that and so in those after it.
fn by_alternatives(binary: Binary, left: Vec<Expr>, right: Vec<Expr>) -> Result<Expr> {
    let (operator, last) = match binary {
        Binary::Lt => (BinOper::SmallerThan, BinOper::SmallerThan),
        Binary::Le => (BinOper::SmallerThan, BinOper::SmallerThanOrEqual),
        Binary::Ge => (BinOper::GreaterThan, BinOper::GreaterThanOrEqual),
        _ => (BinOper::GreaterThan, BinOper::GreaterThan),
    };
    let mut columns = left.into_iter().zip(right).rev();
    let (left, right) = columns.next().ok_or_else(|| malformed("a row without columns"))?;
    Ok(columns.fold(left.binary(last, right), |after, (left, right)| {
        let equal = left.clone().binary(BinOper::Equal, right.clone());
        left.binary(operator, right).or(equal.and(after))
    }))
}

/// Takes text for a decimal of up to 38 digits before the point, all that a value can have, and 27 behind it: MySQL has 65, and what is finer is
/// rounded.
fn as_decimal(text: Expr) -> Expr {
    Expr::cust_with_expr("CAST(? AS DECIMAL(65, 27))", text)
}

fn escaped_lower(pattern: Expr) -> Expr {
    Expr::Binary(Box::new(Func::lower(pattern).into()), BinOper::Escape, Box::new(Expr::Constant('|'.into())))
}

fn write_unary(unary: Unary, operand: Expr) -> Expr {
    match unary {
        Unary::Not => operand.not(),
        Unary::Negate => Expr::val(0).sub(operand),
        Unary::IsNull => operand.is_null(),
        Unary::IsNotNull => operand.is_not_null(),
    }
}

fn call(function: Function, mut operands: Vec<Expr>) -> Result<Expr> {
    let mut one = || operands.pop().ok_or_else(|| malformed("a call without an operand"));
    Ok(match function {
        Function::Lower => Func::lower(one()?).into(),
        Function::Upper => Func::upper(one()?).into(),
        Function::CharLength => Func::char_length(one()?).into(),
        Function::Abs => Func::abs(one()?).into(),
        Function::Coalesce => Func::coalesce(operands).into(),
    })
}

fn pop_several(stack: &mut Vec<Operand>, count: usize) -> Result<Vec<Operand>> {
    let first = stack.len().checked_sub(count).ok_or_else(|| malformed("operands are missing"))?;
    Ok(stack.drain(first..).collect())
}

/// Tells whether the one value that a query gives is a decimal.
fn gives_decimal(select: &Select) -> bool {
    match &select.projection {
        Projection::Values(outputs) => outputs.first().is_some_and(|output| is_decimal(&output.ops)),
        _ => false,
    }
}

/// Tells whether what is computed of decimals is one.
fn leaves_decimals(function: Aggregate) -> bool {
    matches!(function, Aggregate::Sum | Aggregate::Min | Aggregate::Max)
}

fn has_decimal(ops: &[Op]) -> bool {
    ops.iter().any(|op| matches!(op, Op::Column(column) | Op::Outer(column) if column.is_decimal()))
}

/// Tells whether a program gives a decimal.
fn is_decimal(ops: &[Op]) -> bool {
    match ops {
        [.., Op::Column(column) | Op::Outer(column)] => column.is_decimal(),
        [rest @ .., Op::Aggregate { function, .. }] => leaves_decimals(*function) && is_decimal(rest),
        [rest @ .., Op::Call(Function::Coalesce | Function::Abs, _)] => has_decimal(rest),
        [rest @ .., Op::Binary(binary)] => binary.computes() && has_decimal(rest),
        [.., Op::Subquery(SubqueryUse::Scalar, select)] => gives_decimal(select),
        _ => false,
    }
}

fn pop(stack: &mut Vec<Operand>) -> Result<Operand> {
    stack.pop().ok_or_else(|| malformed("an operand is missing"))
}

#[cold]
fn decimal_as_text() -> Error {
    Error::not_supported("a decimal on SQLite is text, and cannot be computed with as a number")
        .with_hint("keep the amount as an integer of its smallest unit, or compute in the program")
}
