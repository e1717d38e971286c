//! Pages: by number, and by key.

use std::future::Future;
use std::panic::Location;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oarlock_core::value::{Bound, Decimal, Value};
use oarlock_core::{Db, Error, ErrorKind, Result};

use super::{Query, cursor};
use crate::expr::{Binary, ColumnOp, Direction, Nulls, Op, OrderTerm, Unary};
use crate::model::Model;

/// Rows by the number of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// The number of the page, counted from 1.
    pub number: u64,
    /// How many rows a page has.
    pub size: u64,
    /// How many rows there are in all.
    pub total: u64,
}

impl<T> Page<T> {
    /// Gives how many pages there are.
    pub const fn pages(&self) -> u64 {
        self.total.div_ceil(self.size)
    }
}

/// Rows after, or before, a place in an order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Slice<T> {
    /// The rows, in the query's order.
    pub items: Vec<T>,
    /// Where the next rows begin; `None` at the end.
    pub next: Option<String>,
    /// Where the rows before end; `None` at the beginning.
    pub previous: Option<String>,
}

/// From where rows are read: see [`Query::slice`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'c> {
    /// The first rows.
    Start,
    /// Those after the place, a [`Slice::next`].
    After(&'c str),
    /// Those before the place, a [`Slice::previous`].
    Before(&'c str),
}

impl<M: Model> Query<M> {
    /// Reads a page by its number, counted from 1, and counts the rows: two queries.
    ///
    /// Rows that come or go meanwhile shift the pages, and late pages take longer, as the rows before them are read and left out. A
    /// [`slice`](Self::slice) has neither fault.
    ///
    /// # Errors
    ///
    /// `Interface` for a page of no rows, or number 0, and as [`all`](Self::all).
    #[track_caller]
    pub fn page<D: Db + ?Sized>(
        mut self,
        db: &D,
        number: u64,
        size: u64,
    ) -> impl Future<Output = Result<Page<M>>> + Send {
        let caller = Location::caller();
        async move {
            if size == 0 || number == 0 {
                return Err(Error::interface("pages are counted from 1, and have a row at least"));
            }
            let skipped = (number - 1).checked_mul(size).ok_or_else(|| Error::interface("there is no such page"))?;
            add_key::<M>(&mut self.select.order);
            let mut cursor = cursor(db, caller).await?;
            let total = self.without_relations().count_on(&mut cursor).await?;
            let items = self.limit(size).offset(skipped).all_on(&mut cursor).await?;
            Ok(Page { items, number, size, total })
        }
    }

    /// Reads so many rows before or after a place in the query's order, in one query that costs the same wherever the place is.
    ///
    /// The order may name columns of the model only; its primary key comes last of itself, so that every row has its own place. Places
    /// are opaque text that can stand in a URL; they hold the values of the columns of the order, readable to whoever decodes them.
    ///
    /// # Errors
    ///
    /// `Interface` for an order by anything else, and a place of another order or none at all; and as [`all`](Self::all).
    #[track_caller]
    pub fn slice<D: Db + ?Sized>(
        mut self,
        db: &D,
        from: Place<'_>,
        size: u64,
    ) -> impl Future<Output = Result<Slice<M>>> + Send {
        let caller = Location::caller();
        let prepared = prepare(&mut self, from);
        async move {
            let (columns, backwards) = prepared?;
            let mark = mark::<M>(&columns, &self.select.order, backwards);
            let started = from_start(from);
            let mut cursor = cursor(db, caller).await?;
            let most = usize::try_from(size).unwrap_or(usize::MAX);
            // One more tells whether there are more.
            let mut items = self.limit(size.saturating_add(1)).all_on(&mut cursor).await?;
            let more = items.len() > most;
            items.truncate(most);
            if backwards {
                items.reverse();
            }
            let place = |row: Option<&M>| row.map(|row| write_place(row, &columns, mark)).transpose();
            let (next, previous) = if backwards { (true, more) } else { (more, !started) };
            Ok(Slice {
                next: if next { place(items.last())? } else { None },
                previous: if previous { place(items.first())? } else { None },
                items,
            })
        }
    }
}

const fn from_start(from: Place<'_>) -> bool {
    matches!(from, Place::Start)
}

/// Puts the primary key behind the order, so that every row has its own place.
fn add_key<M: Model>(order: &mut Vec<OrderTerm>) {
    let table = M::table();
    for column in table.key() {
        let op = ColumnOp { table, alias: None, column: *column };
        if !order.iter().any(|term| term.column() == Some(&op)) {
            let direction = order.last().map_or(Direction::Ascending, |term| term.direction);
            order.push(OrderTerm { ops: vec![Op::Column(op)], direction, nulls: Nulls::Least });
        }
    }
}

/// Narrows a query to the rows beyond a place; gives the columns of the order, and whether it goes backwards.
fn prepare<M: Model>(query: &mut Query<M>, from: Place<'_>) -> Result<(Vec<usize>, bool)> {
    let table = M::table();
    if query.select.limit || query.select.offset {
        return Err(Error::interface("a slice has its own size: leave out limit and offset"));
    }
    add_key::<M>(&mut query.select.order);
    let mut columns = Vec::new();
    for term in &query.select.order {
        match term.column() {
            Some(column) if column.table == table && column.alias.is_none() => columns.push(column.column),
            _ => {
                return Err(Error::interface(format!(
                    "a slice of {} can be ordered by its own columns only",
                    table.model()
                ))
                .with_hint("store what it is ordered by in a column, or read pages by number"));
            }
        }
    }
    let mark = mark::<M>(&columns, &query.select.order, false);
    let (place, backwards) = match from {
        Place::Start => return Ok((columns, false)),
        Place::After(place) => (place, false),
        Place::Before(place) => (place, true),
    };
    let values = read_place(place, columns.len(), mark)?;
    if backwards {
        let order = std::mem::take(&mut query.select.order);
        query.select.order = order.into_iter().map(OrderTerm::reversed).collect();
    }
    let (ops, values) = beyond::<M>(&query.select.order, &columns, &values);
    query.narrow(ops, values);
    Ok((columns, backwards))
}

/// Makes the condition that a row comes after the values in an order, of a form by which an index on the columns can be used.
fn beyond<M: Model>(order: &[OrderTerm], columns: &[usize], values: &[Value]) -> (Vec<Op>, Vec<Value>) {
    let table = M::table();
    let op = |column: usize| Op::Column(ColumnOp { table, alias: None, column });
    let up = |term: &OrderTerm| term.direction == Direction::Ascending;
    // NULLs that come after the value are beyond it, and no comparison finds them.
    let nulls_after = |term: &OrderTerm, column: usize| {
        let last = match term.nulls {
            Nulls::Least => !up(term),
            Nulls::First => false,
            Nulls::Last => true,
        };
        last && table.column(column).nullable
    };
    let comparable = |(term, (column, value)): (&OrderTerm, (&usize, &Value))| {
        up(term) == up(&order[0]) && !nulls_after(term, *column) && !matches!(value, Value::Null)
    };
    if columns.len() > 1 && order.iter().zip(columns.iter().zip(values)).all(comparable) {
        let mut ops: Vec<Op> = columns.iter().map(|column| op(*column)).collect();
        ops.push(Op::Tuple(columns.len()));
        ops.extend(values.iter().map(|_| Op::Value));
        ops.push(Op::Tuple(columns.len()));
        ops.push(Op::Binary(if up(&order[0]) { Binary::Gt } else { Binary::Lt }));
        return (ops, values.to_vec());
    }

    let (mut ops, mut bound) = (Vec::new(), Vec::new());
    // The first column alone bounds what is read, where the alternatives below would not.
    let bounded = columns.len() > 1 && !matches!(values[0], Value::Null) && !nulls_after(&order[0], columns[0]);
    if bounded {
        ops.extend([op(columns[0]), Op::Value, Op::Binary(if up(&order[0]) { Binary::Ge } else { Binary::Le })]);
        bound.push(values[0].clone());
    }
    // Rows that are equal in the terms before, and come after in one.
    let mut alternatives = 0;
    for (last, (term, value)) in order.iter().zip(values).enumerate() {
        let (column, nulls_after) = (columns[last], nulls_after(term, columns[last]));
        if nulls_after && matches!(value, Value::Null) {
            continue;
        }
        for (column, value) in columns[..last].iter().zip(values) {
            ops.push(op(*column));
            if matches!(value, Value::Null) {
                ops.push(Op::Unary(Unary::IsNull));
            } else {
                ops.extend([Op::Value, Op::Binary(Binary::Eq)]);
                bound.push(value.clone());
            }
        }
        ops.push(op(column));
        if matches!(value, Value::Null) {
            ops.push(Op::Unary(Unary::IsNotNull));
        } else {
            ops.extend([Op::Value, Op::Binary(if up(term) { Binary::Gt } else { Binary::Lt })]);
            bound.push(value.clone());
            if nulls_after {
                ops.extend([op(column), Op::Unary(Unary::IsNull), Op::Binary(Binary::Or)]);
            }
        }
        ops.extend((0..last).map(|_| Op::Binary(Binary::And)));
        alternatives += 1;
    }
    ops.extend((1..alternatives).map(|_| Op::Binary(Binary::Or)));
    if bounded {
        ops.push(Op::Binary(Binary::And));
    }
    (ops, bound)
}

/// Gives a number that tells one order of a model from another, the same in every program and build.
fn mark<M: Model>(columns: &[usize], order: &[OrderTerm], reversed: bool) -> u32 {
    let mut hash = 0x811c_9dc5_u32;
    let mut add = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        }
    };
    add(M::TABLE.as_bytes());
    for (column, term) in columns.iter().zip(order) {
        let term = if reversed { term.clone().reversed() } else { term.clone() };
        add(M::table().column(*column).name.as_bytes());
        add(&[0, u8::from(term.direction == Direction::Ascending), term.nulls as u8]);
    }
    hash
}

fn write_place<M: Model>(row: &M, columns: &[usize], mark: u32) -> Result<String> {
    let mut bytes = mark.to_le_bytes().to_vec();
    for column in columns {
        write_value(&row.value(*column).and_then(Bound::into_value)?, &mut bytes)?;
    }
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn read_place(place: &str, count: usize, mark: u32) -> Result<Vec<Value>> {
    let wrong = || {
        Error::interface("this is no place in the rows of this query")
            .with_hint("give what a slice of the same query, in the same order, gave as next or previous")
    };
    let bytes = URL_SAFE_NO_PAD.decode(place).map_err(|_| wrong())?;
    let (found, mut rest) = bytes.split_first_chunk().ok_or_else(wrong)?;
    if u32::from_le_bytes(*found) != mark {
        return Err(wrong());
    }
    let values: Option<Vec<Value>> = (0..count).map(|_| read_value(&mut rest)).collect();
    values.filter(|_| rest.is_empty()).ok_or_else(wrong)
}

fn write_value(value: &Value, out: &mut Vec<u8>) -> Result<()> {
    let mut put = |kind: u8, bytes: &[u8]| {
        out.push(kind);
        out.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
        out.extend(bytes);
    };
    match value {
        Value::Null => put(0, &[]),
        Value::Bool(truth) => put(1, &[u8::from(*truth)]),
        Value::I64(number) => put(2, &number.to_le_bytes()),
        Value::U64(number) => put(3, &number.to_le_bytes()),
        Value::F32(number) => put(4, &number.to_le_bytes()),
        Value::F64(number) => put(5, &number.to_le_bytes()),
        Value::Text(text) => put(6, text.as_bytes()),
        Value::Bytes(bytes) => put(7, bytes),
        Value::Uuid(bytes) => put(8, bytes),
        Value::Date(days) => put(9, &days.to_le_bytes()),
        Value::Time(micros) => put(10, &micros.to_le_bytes()),
        Value::DateTime(micros) => put(11, &micros.to_le_bytes()),
        Value::Instant(micros) => put(12, &micros.to_le_bytes()),
        Value::Decimal(number) => put(13, number.to_string().as_bytes()),
        other => {
            return Err(Error::new(
                ErrorKind::NotSupported,
                format!("a slice cannot be ordered by a {}", other.as_ref().kind_name()),
            ));
        }
    }
    Ok(())
}

fn read_value(rest: &mut &[u8]) -> Option<Value> {
    let (kind, after) = rest.split_first()?;
    let (length, after) = after.split_first_chunk()?;
    let (bytes, after) = after.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    *rest = after;
    Some(match kind {
        0 => Value::Null,
        1 => Value::Bool(bytes == [1]),
        2 => Value::I64(i64::from_le_bytes(bytes.try_into().ok()?)),
        3 => Value::U64(u64::from_le_bytes(bytes.try_into().ok()?)),
        4 => Value::F32(f32::from_le_bytes(bytes.try_into().ok()?)),
        5 => Value::F64(f64::from_le_bytes(bytes.try_into().ok()?)),
        6 => Value::Text(String::from_utf8(bytes.to_vec()).ok()?),
        7 => Value::Bytes(bytes.to_vec()),
        8 => Value::Uuid(bytes.try_into().ok()?),
        9 => Value::Date(i32::from_le_bytes(bytes.try_into().ok()?)),
        10 => Value::Time(i64::from_le_bytes(bytes.try_into().ok()?)),
        11 => Value::DateTime(i64::from_le_bytes(bytes.try_into().ok()?)),
        12 => Value::Instant(i64::from_le_bytes(bytes.try_into().ok()?)),
        13 => Value::Decimal(std::str::from_utf8(bytes).ok()?.parse::<Decimal>().ok()?),
        _ => return None,
    })
}
