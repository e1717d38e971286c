//! What a condition leaves of the values of one column, as bytes in their order.

use std::cmp::Ordering;

use oarlock_core::value::{Value, ValueRef};

use crate::expr::{Binary, Expr, Unary, literal_prefix};
use crate::record::order::{Form, KeyBytes, Part, put};

/// An end of a part: before or behind all that begins with some bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    pub(super) bytes: Vec<u8>,
    pub(super) behind: bool,
}

/// Values from one end to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) low: End,
    pub(super) high: End,
    /// Whether it is one value, whose bytes both ends are.
    pub(super) exact: bool,
}

/// What may stand in a column.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Values {
    /// Whether NULL may.
    pub(super) null: bool,
    /// The values that may, in their order, without anything in common.
    pub(super) spans: Vec<Span>,
}

impl End {
    fn before(bytes: Vec<u8>) -> Self {
        Self { bytes, behind: false }
    }

    fn behind(bytes: Vec<u8>) -> Self {
        Self { bytes, behind: true }
    }

    /// Gives the end as it stands in a falling order, whose bytes are turned over.
    fn turned(&self) -> Self {
        Self { bytes: self.bytes.iter().map(|byte| !byte).collect(), behind: !self.behind }
    }
}

impl Ord for End {
    fn cmp(&self, other: &Self) -> Ordering {
        let common = self.bytes.len().min(other.bytes.len());
        let beyond = |end: &Self| if end.behind { Ordering::Greater } else { Ordering::Less };
        self.bytes[..common].cmp(&other.bytes[..common]).then_with(|| match self.bytes.len().cmp(&other.bytes.len()) {
            Ordering::Less => beyond(self),
            Ordering::Greater => beyond(other).reverse(),
            Ordering::Equal => self.behind.cmp(&other.behind),
        })
    }
}

impl PartialOrd for End {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Span {
    fn new(low: End, high: End) -> Self {
        Self { low, high, exact: false }
    }

    fn exactly(bytes: Vec<u8>) -> Self {
        Self { low: End::before(bytes.clone()), high: End::behind(bytes), exact: true }
    }

    /// All values.
    pub(super) fn all() -> Self {
        Self::new(End::before(Vec::new()), End::behind(Vec::new()))
    }

    /// Gives the span as it stands in a falling order.
    pub(super) fn turned(&self) -> Self {
        Self { low: self.high.turned(), high: self.low.turned(), exact: self.exact }
    }

    fn and(&self, other: &Self) -> Option<Self> {
        let low = self.low.clone().max(other.low.clone());
        let high = self.high.clone().min(other.high.clone());
        (low < high).then_some(Self { low, high, exact: self.exact || other.exact })
    }
}

impl Values {
    fn of(span: Span) -> Self {
        Self { null: false, spans: vec![span] }
    }

    /// Tells whether nothing but single values is left, NULL among them.
    pub(super) fn is_exact(&self) -> bool {
        self.spans.iter().all(|span| span.exact)
    }

    /// Counts its parts.
    pub(super) fn count(&self) -> usize {
        self.spans.len() + usize::from(self.null)
    }

    fn or(mut self, other: Self) -> Self {
        self.spans.extend(other.spans);
        Self { null: self.null || other.null, spans: merged(self.spans) }
    }

    pub(super) fn and(self, other: &Self) -> Self {
        let (mut one, mut two) = (self.spans.iter().peekable(), other.spans.iter().peekable());
        let mut spans = Vec::new();
        while let (Some(left), Some(right)) = (one.peek(), two.peek()) {
            spans.extend(left.and(right));
            if left.high < right.high {
                one.next()
            } else {
                two.next()
            };
        }
        Self { null: self.null && other.null, spans }
    }

    /// Gives one span in the place of all: from the first to the last.
    pub(super) fn hull(&self) -> Self {
        let whole = self.spans.first().zip(self.spans.last());
        let spans = whole.map(|(first, last)| Span::new(first.low.clone(), last.high.clone()));
        Self { null: self.null, spans: spans.into_iter().collect() }
    }

    /// Gives what a condition leaves of a column, of a form; `None` where it says nothing of it that the order of bytes can tell.
    pub(super) fn left_by(condition: &Expr, column: usize, form: Form) -> Option<Self> {
        let left_by = |condition| Self::left_by(condition, column, form);
        let is_column = |expr: &Expr| *expr == Expr::Column(column);
        match condition {
            Expr::Binary(Binary::And, left, right) => match (left_by(left), left_by(right)) {
                (Some(left), Some(right)) => Some(left.and(&right)),
                (left, right) => left.or(right),
            },
            Expr::Binary(Binary::Or, left, right) => Some(left_by(left)?.or(left_by(right)?)),
            Expr::Binary(binary, left, right) => match (&**left, &**right) {
                (operand, Expr::Value(value)) if is_column(operand) => compared(*binary, value, form),
                (Expr::Value(value), operand) if is_column(operand) => compared(turned(*binary), value, form),
                _ => None,
            },
            Expr::Among(operand, others, false) if is_column(operand) => among(others, form),
            Expr::Like(text, pattern, false) if is_column(text) && form == Form::Text => match &**pattern {
                Expr::Value(Value::Text(pattern)) => fitting(pattern),
                _ => None,
            },
            Expr::Unary(Unary::IsNull, operand) if is_column(operand) => Some(Self { null: true, spans: Vec::new() }),
            _ => None,
        }
    }
}

/// Puts spans into their order, and what overlaps together.
fn merged(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_by(|one, other| one.low.cmp(&other.low).then_with(|| other.high.cmp(&one.high)));
    let mut merged: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match merged.last_mut() {
            Some(last) if span.low < last.high => {
                if span.high > last.high {
                    *last = Span::new(last.low.clone(), span.high);
                }
            }
            _ => merged.push(span),
        }
    }
    merged
}

fn turned(binary: Binary) -> Binary {
    match binary {
        Binary::Lt => Binary::Gt,
        Binary::Le => Binary::Ge,
        Binary::Gt => Binary::Lt,
        Binary::Ge => Binary::Le,
        other => other,
    }
}

/// Gives the bytes of a value that is not NULL; `None` where the column has no place for it.
fn bytes_of(value: ValueRef<'_>, form: Form) -> Option<Vec<u8>> {
    let mut bytes = KeyBytes::new();
    put(&mut bytes, Part { form, descending: false, nulls_last: false }, value).ok()?;
    Some(bytes[1..].to_vec())
}

fn compared(binary: Binary, value: &Value, form: Form) -> Option<Values> {
    let value = value.as_ref();
    if value.is_null() {
        return match binary {
            Binary::Same => Some(Values { null: true, spans: Vec::new() }),
            // Never true.
            Binary::Eq | Binary::Lt | Binary::Le | Binary::Gt | Binary::Ge => Some(Values::default()),
            _ => None,
        };
    }
    let bytes = bytes_of(value, form)?;
    let Span { low, high, .. } = Span::all();
    Some(Values::of(match binary {
        Binary::Eq | Binary::Same => Span::exactly(bytes),
        Binary::Lt => Span::new(low, End::before(bytes)),
        Binary::Le => Span::new(low, End::behind(bytes)),
        Binary::Gt => Span::new(End::behind(bytes), high),
        Binary::Ge => Span::new(End::before(bytes), high),
        _ => return None,
    }))
}

/// Gives the values of a list. NULL is equal to none.
fn among(others: &[Expr], form: Form) -> Option<Values> {
    let mut spans = Vec::with_capacity(others.len());
    for other in others {
        let Expr::Value(value) = other else { return None };
        if !value.as_ref().is_null() {
            spans.push(Span::exactly(bytes_of(value.as_ref(), form)?));
        }
    }
    Some(Values { null: false, spans: merged(spans) })
}

/// Gives the texts that begin as a pattern does.
fn fitting(pattern: &str) -> Option<Values> {
    let (prefix, whole) = literal_prefix(pattern);
    let mut bytes = bytes_of(ValueRef::Text(&prefix), Form::Text)?;
    if whole {
        return Some(Values::of(Span::exactly(bytes)));
    }
    // Without the end of the text.
    bytes.truncate(bytes.len().checked_sub(2)?);
    (!bytes.is_empty()).then(|| Values::of(Span::new(End::before(bytes.clone()), End::behind(bytes))))
}
