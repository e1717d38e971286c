//! Working an expression out.

use std::cmp::Ordering;

use oarlock_core::value::{Bound, Decimal, Value, ValueRef};
use oarlock_core::{Error, ErrorKind, Result};

use super::compare::{Number, compare};
use super::pattern::fits;
use super::{Binary, Expr, Function, Unary};

const NULL: Bound<'static> = Bound::Borrowed(ValueRef::Null);

/// Works an expression out over a record whose columns a function gives.
///
/// # Errors
///
/// `InvalidValue` for operands that do not go together, `OutOfRange` for a number past its range and a division by nought.
pub(crate) fn evaluate<'r>(expr: &'r Expr, row: &impl Fn(usize) -> Result<ValueRef<'r>>) -> Result<Bound<'r>> {
    Ok(match expr {
        Expr::Column(column) => Bound::Borrowed(row(*column)?),
        Expr::Value(value) => Bound::Borrowed(value.as_ref()),
        Expr::Unary(unary, operand) => {
            let operand = evaluate(operand, row)?;
            match unary {
                Unary::IsNull => truth(Some(operand.as_ref().is_null())),
                Unary::IsNotNull => truth(Some(!operand.as_ref().is_null())),
                Unary::Not => truth(to_truth(operand.as_ref())?.map(|truth| !truth)),
                Unary::Negate => arithmetic(Binary::Subtract, ValueRef::I64(0), operand.as_ref())?,
            }
        }
        Expr::Binary(Binary::And, left, right) => {
            let left = to_truth(evaluate(left, row)?.as_ref())?;
            if left == Some(false) {
                return Ok(truth(left));
            }
            let right = to_truth(evaluate(right, row)?.as_ref())?;
            truth(if right == Some(false) { right } else { left.and(right) })
        }
        Expr::Binary(Binary::Or, left, right) => {
            let left = to_truth(evaluate(left, row)?.as_ref())?;
            if left == Some(true) {
                return Ok(truth(left));
            }
            let right = to_truth(evaluate(right, row)?.as_ref())?;
            truth(if right == Some(true) { right } else { left.and(right) })
        }
        Expr::Binary(binary, left, right) => {
            let (left, right) = (evaluate(left, row)?, evaluate(right, row)?);
            operate(*binary, left.as_ref(), right.as_ref())?
        }
        Expr::Among(operand, others, inverted) => {
            let operand = evaluate(operand, row)?;
            truth(among(operand.as_ref(), others, row)?.map(|found| found != *inverted))
        }
        Expr::Like(text, pattern, ignore_case) => {
            let (text, pattern) = (evaluate(text, row)?, evaluate(pattern, row)?);
            match (text.as_ref(), pattern.as_ref()) {
                (ValueRef::Null, _) | (_, ValueRef::Null) => NULL,
                (text, pattern) => truth(Some(fits(to_text(text)?, to_text(pattern)?, *ignore_case))),
            }
        }
        Expr::Call(function, operands) => call(*function, operands, row)?,
    })
}

/// Tells whether a condition is true; NULL is not.
pub(crate) fn holds<'r>(expr: &'r Expr, row: &impl Fn(usize) -> Result<ValueRef<'r>>) -> Result<bool> {
    Ok(to_truth(evaluate(expr, row)?.as_ref())? == Some(true))
}

pub(super) fn to_truth(value: ValueRef<'_>) -> Result<Option<bool>> {
    match value {
        ValueRef::Null => Ok(None),
        ValueRef::Bool(truth) => Ok(Some(truth)),
        other => Err(wrong("a truth value", other)),
    }
}

fn truth(truth: Option<bool>) -> Bound<'static> {
    Bound::Borrowed(truth.map_or(ValueRef::Null, ValueRef::Bool))
}

fn to_text(value: ValueRef<'_>) -> Result<&str> {
    value.as_str().ok_or_else(|| wrong("text", value))
}

fn operate(binary: Binary, left: ValueRef<'_>, right: ValueRef<'_>) -> Result<Bound<'static>> {
    if let Binary::Same | Binary::NotSame = binary {
        let same = match (left.is_null(), right.is_null()) {
            (false, false) => compare(left, right)?.is_eq(),
            (left, right) => left && right,
        };
        return Ok(truth(Some(same == (binary == Binary::Same))));
    }
    if left.is_null() || right.is_null() {
        return Ok(NULL);
    }
    let wanted: fn(Ordering) -> bool = match binary {
        Binary::Eq => Ordering::is_eq,
        Binary::Ne => Ordering::is_ne,
        Binary::Lt => Ordering::is_lt,
        Binary::Le => Ordering::is_le,
        Binary::Gt => Ordering::is_gt,
        Binary::Ge => Ordering::is_ge,
        Binary::Concat => return Ok(Bound::Owned(Value::Text(format!("{}{}", to_text(left)?, to_text(right)?)))),
        _ => return arithmetic(binary, left, right),
    };
    compare(left, right).map(|ordering| truth(Some(wanted(ordering))))
}

fn among<'r>(
    operand: ValueRef<'_>,
    others: &'r [Expr],
    row: &impl Fn(usize) -> Result<ValueRef<'r>>,
) -> Result<Option<bool>> {
    let mut unknown = false;
    for other in others {
        let other = evaluate(other, row)?;
        if operand.is_null() || other.as_ref().is_null() {
            unknown = true;
        } else if compare(operand, other.as_ref())?.is_eq() {
            return Ok(Some(true));
        }
    }
    Ok(if unknown { None } else { Some(false) })
}

fn call<'r>(
    function: Function,
    operands: &'r [Expr],
    row: &impl Fn(usize) -> Result<ValueRef<'r>>,
) -> Result<Bound<'r>> {
    if function == Function::Coalesce {
        for operand in operands {
            let value = evaluate(operand, row)?;
            if !value.as_ref().is_null() {
                return Ok(value);
            }
        }
        return Ok(NULL);
    }
    let [operand] = operands else {
        return Err(Error::new(ErrorKind::Internal, format!("{function:?} takes one operand")));
    };
    let value = evaluate(operand, row)?;
    let value = value.as_ref();
    if value.is_null() {
        return Ok(NULL);
    }
    Ok(match function {
        Function::Lower => Bound::Owned(Value::Text(to_text(value)?.to_lowercase())),
        Function::Upper => Bound::Owned(Value::Text(to_text(value)?.to_uppercase())),
        Function::Trim => Bound::Owned(Value::Text(to_text(value)?.trim_matches(' ').to_owned())),
        Function::CharLength => {
            let count = to_text(value)?.chars().count();
            Bound::Borrowed(ValueRef::I64(i64::try_from(count).unwrap_or(i64::MAX)))
        }
        _ if compare(value, ValueRef::I64(0))?.is_lt() => arithmetic(Binary::Subtract, ValueRef::I64(0), value)?,
        _ => Bound::Owned(ValueRef::to_owned(value)?),
    })
}

fn arithmetic(binary: Binary, left: ValueRef<'_>, right: ValueRef<'_>) -> Result<Bound<'static>> {
    if left.is_null() || right.is_null() {
        return Ok(NULL);
    }
    let number = |value| Number::of(value).ok_or_else(|| wrong("a number", value));
    let value = match (number(left)?, number(right)?) {
        (Number::Whole(left), Number::Whole(right)) => whole(binary, left, right)?,
        (left, right) => match (left.to_exact(), right.to_exact()) {
            (Some(left), Some(right)) => ValueRef::Decimal(exact(binary, left, right)?),
            _ => ValueRef::F64(float(binary, left.to_float(), right.to_float())?),
        },
    };
    Ok(Bound::Borrowed(value))
}

fn whole(binary: Binary, left: i128, right: i128) -> Result<ValueRef<'static>> {
    let result = match binary {
        Binary::Add => left.checked_add(right),
        Binary::Subtract => left.checked_sub(right),
        Binary::Multiply => left.checked_mul(right),
        Binary::Divide if right != 0 => left.checked_div(right),
        Binary::Remainder if right != 0 => left.checked_rem(right),
        _ => return Err(by_nought()),
    };
    let result = result.ok_or_else(out_of_range)?;
    match i64::try_from(result) {
        Ok(number) => Ok(ValueRef::I64(number)),
        Err(_) => u64::try_from(result).map(ValueRef::U64).map_err(|_| out_of_range()),
    }
}

fn exact(binary: Binary, left: Decimal, right: Decimal) -> Result<Decimal> {
    let scale = left.scale().max(right.scale());
    let scaled = |number: Decimal| {
        10_i128.checked_pow(u32::from(scale - number.scale())).and_then(|unit| number.coefficient().checked_mul(unit))
    };
    if let Binary::Multiply = binary {
        let (left, right) = (left.normalized(), right.normalized());
        let product = left.coefficient().checked_mul(right.coefficient()).ok_or_else(out_of_range)?;
        return Decimal::new(product, left.scale().checked_add(right.scale()).ok_or_else(out_of_range)?);
    }
    let (left, right) = scaled(left).zip(scaled(right)).ok_or_else(out_of_range)?;
    match binary {
        Binary::Add => Decimal::new(left.checked_add(right).ok_or_else(out_of_range)?, scale),
        Binary::Subtract => Decimal::new(left.checked_sub(right).ok_or_else(out_of_range)?, scale),
        Binary::Remainder if right != 0 => Decimal::new(left % right, scale),
        Binary::Divide if right != 0 => {
            // Six digits more than the operands have, as far as there is room.
            let unit = 10_i128.pow(6);
            let quotient = left.checked_mul(unit).ok_or_else(out_of_range)? / right;
            Decimal::new(quotient, 6)
        }
        _ => Err(by_nought()),
    }
}

fn float(binary: Binary, left: f64, right: f64) -> Result<f64> {
    Ok(match binary {
        Binary::Add => left + right,
        Binary::Subtract => left - right,
        Binary::Multiply => left * right,
        Binary::Divide if right != 0.0 => left / right,
        Binary::Remainder if right != 0.0 => left % right,
        _ => return Err(by_nought()),
    })
}

#[cold]
fn wrong(expected: &str, found: ValueRef<'_>) -> Error {
    Error::new(ErrorKind::InvalidValue, format!("expected {expected}, found {}", found.kind_name()))
}

#[cold]
fn by_nought() -> Error {
    Error::new(ErrorKind::OutOfRange, "division by zero")
}

#[cold]
fn out_of_range() -> Error {
    Error::new(ErrorKind::OutOfRange, "the result is out of range")
}
