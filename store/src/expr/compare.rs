//! Comparing values: numbers of all kinds by their worth, all else with its own kind.

use std::cmp::Ordering;

use oarlock_core::value::{Decimal, ValueRef};
use oarlock_core::{Error, ErrorKind, Result};

use crate::record::order::{self, Form, KeyBytes, Part};

/// Compares two values that are not NULL. What is not a number is equal to itself and above all numbers, as in keys.
pub(crate) fn compare(left: ValueRef<'_>, right: ValueRef<'_>) -> Result<Ordering> {
    use ValueRef as V;
    Ok(match (left, right) {
        (V::Bool(left), V::Bool(right)) => left.cmp(&right),
        (V::Text(left) | V::Json(left), V::Text(right) | V::Json(right)) => left.cmp(right),
        (V::Bytes(left), V::Bytes(right)) => left.cmp(right),
        (V::Uuid(left), V::Uuid(right)) => left.cmp(&right),
        (V::Date(left), V::Date(right)) => left.cmp(&right),
        (V::I64(left), V::I64(right))
        | (V::Time(left), V::Time(right))
        | (V::Span(left), V::Span(right))
        | (V::DateTime(left), V::DateTime(right))
        | (V::Instant(left), V::Instant(right)) => left.cmp(&right),
        (V::Interval(left), V::Interval(right)) => {
            let key = |interval| {
                let mut bytes = KeyBytes::new();
                let part = Part { form: Form::Interval, descending: false, nulls_last: false };
                order::put(&mut bytes, part, V::Interval(interval)).map(|()| bytes)
            };
            key(left)?.cmp(&key(right)?)
        }
        (V::Array(left), V::Array(right)) => {
            let (left, right) = (left.to_values()?, right.to_values()?);
            for (left, right) in left.iter().zip(&right) {
                let ordering = match (left.as_ref(), right.as_ref()) {
                    (V::Null, V::Null) => Ordering::Equal,
                    (V::Null, _) => Ordering::Less,
                    (_, V::Null) => Ordering::Greater,
                    (left, right) => compare(left, right)?,
                };
                if ordering.is_ne() {
                    return Ok(ordering);
                }
            }
            left.len().cmp(&right.len())
        }
        _ => {
            let (Some(one), Some(other)) = (Number::of(left), Number::of(right)) else {
                let message = format!("{} cannot be compared with {}", left.kind_name(), right.kind_name());
                return Err(Error::new(ErrorKind::InvalidValue, message));
            };
            one.compare(other)
        }
    })
}

/// A number of any kind.
#[derive(Debug, Clone, Copy)]
pub(super) enum Number {
    Whole(i128),
    Exact(Decimal),
    Float(f64),
}

impl Number {
    pub(super) fn of(value: ValueRef<'_>) -> Option<Self> {
        Some(match value {
            ValueRef::I64(number) => Self::Whole(number.into()),
            ValueRef::U64(number) => Self::Whole(number.into()),
            ValueRef::Decimal(number) => Self::Exact(number),
            ValueRef::F32(number) => Self::Float(number.into()),
            ValueRef::F64(number) => Self::Float(number),
            _ => return None,
        })
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "beside a floating-point number, a whole one becomes one, as in SQL"
    )]
    pub(super) fn to_float(self) -> f64 {
        match self {
            Self::Whole(number) => number as f64,
            Self::Exact(number) => number.to_f64_lossy(),
            Self::Float(number) => number,
        }
    }

    fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Whole(left), Self::Whole(right)) => left.cmp(&right),
            (Self::Float(_), _) | (_, Self::Float(_)) => {
                let (left, right) = (self.to_float(), other.to_float());
                left.partial_cmp(&right).unwrap_or_else(|| left.is_nan().cmp(&right.is_nan()))
            }
            (left, right) => match (left.to_exact(), right.to_exact()) {
                (Some(left), Some(right)) => left.cmp_numeric(right),
                _ => self.to_float().total_cmp(&other.to_float()),
            },
        }
    }

    pub(super) fn to_exact(self) -> Option<Decimal> {
        match self {
            Self::Whole(number) => Decimal::new(number, 0).ok(),
            Self::Exact(number) => Some(number),
            Self::Float(_) => None,
        }
    }
}
