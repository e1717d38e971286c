//! Models as records of the record store: their definitions, and conditions, orders and relations in its words.

use oarlock_core::record::Definition;
use oarlock_core::value::Value;
use oarlock_core::{Error, Record, Result};
use oarlock_store::expr::{Binary as StoreBinary, Expr as StoreExpr, Function as StoreFunction, Unary as StoreUnary};
use oarlock_store::{Condition, Field, Hop, Link, Nulls as StoreNulls, Ordering, Term};

use crate::expr::{Binary, Column, Direction, Expr, Function, Nulls, Op, Order, TextMatch, Unary};
use crate::model::{Model, Role, TableInfo};
use crate::relation::{ManyRelation, Relation, Slot};
use crate::validate::Invalid;

/// Gives what a model says about its table, as a record's definition.
pub fn record_definition(info: &TableInfo) -> Definition {
    let mut definition = Definition::new(info.model(), crate::schema::table(info));
    definition.created_at = info.of_role(Role::CreatedAt);
    definition.updated_at = info.of_role(Role::UpdatedAt);
    definition.version = info.of_role(Role::Version);
    definition.deleted_at = info.of_role(Role::DeletedAt);
    definition
}

/// Holds a model's values against its rules.
///
/// # Errors
///
/// `Invalid`, with what is wrong with which field.
pub fn validate_record<M: Model>(row: &M) -> Result<()> {
    let table = M::table();
    let mut invalid = Invalid::new(table.model());
    for (index, column) in table.columns().iter().enumerate().filter(|(_, column)| !column.rules.is_empty()) {
        let value = row.value(index)?.into_value()?;
        for message in column.rules.iter().filter_map(|rule| rule.broken_by(&value)) {
            invalid.add(column.field.as_str(), message);
        }
    }
    invalid.check()
}

impl<M: Model + Record, T> Field<M> for Column<M, T> {
    type Type = T;

    fn column(self) -> usize {
        self.index()
    }
}

impl<M: Model + Record> Condition<M> for Expr<bool> {
    fn into_condition(self) -> Result<StoreExpr> {
        let (ops, values) = self.into_parts()?;
        translated(&ops, values, M::table())
    }
}

impl<M: Model + Record> Condition<M> for Column<M, bool> {
    fn into_condition(self) -> Result<StoreExpr> {
        Ok(StoreExpr::Column(self.index()))
    }
}

impl<M: Model + Record> Ordering<M> for Order {
    fn into_terms(self) -> Result<Vec<Term>> {
        let (term, values) = self.into_parts()?;
        let nulls = match term.nulls {
            Nulls::Least => StoreNulls::Least,
            Nulls::First => StoreNulls::First,
            Nulls::Last => StoreNulls::Last,
        };
        let descending = term.direction == Direction::Descending;
        Ok(vec![Term { expr: translated(&term.ops, values, M::table())?, descending, nulls }])
    }
}

impl<P: Model + Record, S: Slot<Model: Record>> Link<P> for Relation<P, S> {
    type Record = S::Model;

    fn hops(&self) -> Vec<Hop> {
        let (from, to) = self.columns(self.key());
        vec![Hop::new(S::Model::table().name(), from, to)]
    }
}

impl<P: Model + Record, C: Model + Record, J> Link<P> for ManyRelation<P, C, J> {
    type Record = C;

    fn hops(&self) -> Vec<Hop> {
        let (through, to_parent, to_child) = self.keys();
        vec![
            Hop::new(through.name(), to_parent.referenced(), to_parent.columns().to_vec()),
            Hop::new(C::table().name(), to_child.columns().to_vec(), to_child.referenced()),
        ]
    }
}

/// Makes a program of the ORM's an expression of the store's.
fn translated(ops: &[Op], values: Vec<Value>, table: &'static TableInfo) -> Result<StoreExpr> {
    let mut values = values.into_iter();
    let mut stack: Vec<StoreExpr> = Vec::new();
    for op in ops {
        let expr = match op {
            Op::Column(column) if column.table == table && column.alias.is_none() => StoreExpr::Column(column.column),
            Op::Value | Op::List(_) => StoreExpr::Value(values.next().ok_or_else(broken)?),
            Op::Null => StoreExpr::Value(Value::Null),
            Op::Unary(unary) => StoreExpr::Unary(translated_unary(*unary), Box::new(pop(&mut stack)?)),
            Op::Binary(binary @ (Binary::In | Binary::NotIn)) => {
                let (list, operand) = (pop(&mut stack)?, pop(&mut stack)?);
                let StoreExpr::Value(Value::Array(list)) = list else { return Err(unknown(op)) };
                let list = list.into_iter().map(StoreExpr::Value).collect();
                StoreExpr::Among(Box::new(operand), list, *binary == Binary::NotIn)
            }
            Op::Binary(binary) => {
                let (right, left) = (pop(&mut stack)?, pop(&mut stack)?);
                StoreExpr::binary(translated_binary(*binary).ok_or_else(|| unknown(op))?, left, right)
            }
            Op::Match(kind) => {
                let pattern = StoreExpr::Value(values.next().ok_or_else(broken)?);
                let text = pop(&mut stack)?;
                StoreExpr::Like(Box::new(text), Box::new(pattern), *kind == TextMatch::IgnoreCase)
            }
            Op::Call(function, count) => {
                let first = stack.len().checked_sub(*count).ok_or_else(broken)?;
                let operands = stack.split_off(first);
                StoreExpr::Call(translated_function(*function), operands)
            }
            other => return Err(unknown(other)),
        };
        stack.push(expr);
    }
    match (pop(&mut stack), stack.is_empty()) {
        (Ok(expr), true) => Ok(expr),
        _ => Err(broken()),
    }
}

fn pop(stack: &mut Vec<StoreExpr>) -> Result<StoreExpr> {
    stack.pop().ok_or_else(broken)
}

const fn translated_unary(unary: Unary) -> StoreUnary {
    match unary {
        Unary::Not => StoreUnary::Not,
        Unary::Negate => StoreUnary::Negate,
        Unary::IsNull => StoreUnary::IsNull,
        Unary::IsNotNull => StoreUnary::IsNotNull,
    }
}

const fn translated_binary(binary: Binary) -> Option<StoreBinary> {
    Some(match binary {
        Binary::And => StoreBinary::And,
        Binary::Or => StoreBinary::Or,
        Binary::Eq => StoreBinary::Eq,
        Binary::Ne => StoreBinary::Ne,
        Binary::Lt => StoreBinary::Lt,
        Binary::Le => StoreBinary::Le,
        Binary::Gt => StoreBinary::Gt,
        Binary::Ge => StoreBinary::Ge,
        Binary::Same => StoreBinary::Same,
        Binary::NotSame => StoreBinary::NotSame,
        Binary::Add => StoreBinary::Add,
        Binary::Subtract => StoreBinary::Subtract,
        Binary::Multiply => StoreBinary::Multiply,
        Binary::Divide | Binary::DivideWhole => StoreBinary::Divide,
        Binary::Remainder => StoreBinary::Remainder,
        Binary::Concat => StoreBinary::Concat,
        Binary::In | Binary::NotIn => return None,
    })
}

const fn translated_function(function: Function) -> StoreFunction {
    match function {
        Function::Lower => StoreFunction::Lower,
        Function::Upper => StoreFunction::Upper,
        Function::CharLength => StoreFunction::CharLength,
        Function::Abs => StoreFunction::Abs,
        Function::Coalesce => StoreFunction::Coalesce,
    }
}

#[cold]
fn unknown(op: &Op) -> Error {
    let what = match op {
        Op::Subquery(..) | Op::Outer(_) => "a query within a condition",
        Op::Sql(..) => "SQL within a condition",
        Op::Aggregate { .. } | Op::CountRows => "an aggregate",
        Op::Column(_) => "a column of another table",
        _ => "this expression",
    };
    Error::not_supported(format!("the record store's own queries have no words for {what}"))
        .with_hint("follow relations by `related`, and compute in the program")
}

#[cold]
fn broken() -> Error {
    Error::new(oarlock_core::ErrorKind::Internal, "an expression's program does not fit its values")
}
