//! Rows on their way out: cells in one arena per batch, decoded when they are read.
//!
//! `mysql_async` makes a vector per row and another per string. They are emptied into the arena at once, so that its
//! allocations are reused for the next row while they are warm, and a batch of hundreds of rows is two allocations.

use std::sync::Arc;

use mysql_async::{Row, Value};
use oarlock_core::heap::{Heap, Span};
use oarlock_core::value::temporal::{DAY, HOUR, MINUTE, SECOND, days_from_civil, join_micros};
use oarlock_core::value::{Decimal, NativeType};
use oarlock_core::{Error, ErrorKind, Result, RowBatch, ValueRef};

use crate::columns::{Kind, Plan};
use crate::options::ZeroDates;
use crate::text;

/// Strings longer than this keep the allocation in which they came.
const LONG: usize = 16 * 1024;

/// A batch is handed over when it holds so many bytes, however few its rows are.
const FULL: usize = 256 * 1024;

/// A cell as it came.
#[derive(Debug, Clone, Copy)]
enum Cell {
    Null,
    Int(i64),
    UInt(u64),
    Float(f32),
    Double(f64),
    Bytes(Span),
    Long(u32),
    Date(Date),
    Time { negative: bool, days: u32, hour: u8, minute: u8, second: u8, micros: u32 },
}

/// A date and time as it came; it may be no date of the calendar.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Date {
    pub(crate) year: u16,
    pub(crate) month: u8,
    pub(crate) day: u8,
    pub(crate) hour: u8,
    pub(crate) minute: u8,
    pub(crate) second: u8,
    pub(crate) micros: u32,
}

/// Narrows an offset: a batch is handed over long before it holds 4 GiB.
#[inline]
fn narrow(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

/// Rows with the plan by which they are read.
pub(crate) struct Batch {
    plan: Arc<Plan>,
    rows: usize,
    cells: Vec<Cell>,
    heap: Heap,
    long: Vec<Vec<u8>>,
    /// How many bytes the long strings are.
    held: usize,
}

impl Batch {
    pub(crate) fn new(plan: Arc<Plan>) -> Self {
        // Room for the strings of a short row: most statements that give one give no more.
        Self { plan, rows: 0, cells: Vec::new(), heap: Heap::with_capacity(64), long: Vec::new(), held: 0 }
    }

    /// Takes what is there and leaves an empty batch that expects as much again.
    pub(crate) fn take(&mut self) -> Self {
        let next = Self {
            plan: Arc::clone(&self.plan),
            rows: 0,
            cells: Vec::with_capacity(self.cells.len()),
            heap: Heap::with_capacity(self.heap.len()),
            long: Vec::new(),
            held: 0,
        };
        std::mem::replace(self, next)
    }

    /// Makes the batch ready to be read.
    pub(crate) fn seal(mut self) -> Self {
        self.heap.seal();
        self
    }

    pub(crate) fn is_full(&self, max: usize) -> bool {
        self.rows > 0 && (self.rows >= max || self.held + self.heap.len() >= FULL)
    }

    #[inline]
    pub(crate) fn push(&mut self, mut row: Row) {
        let Self { cells, heap, long, held, .. } = self;
        cells.extend((0..row.len()).map(|index| match row.as_ref(index) {
            Some(&Value::Int(number)) => Cell::Int(number),
            Some(Value::Bytes(string)) if string.len() <= LONG => {
                Cell::Bytes(heap.push(string).expect("invariant: a batch is full long before 4 GiB"))
            }
            Some(Value::Bytes(_)) => match row.take::<Vec<u8>, _>(index) {
                Some(string) => {
                    *held += string.len();
                    long.push(string);
                    Cell::Long(narrow(long.len() - 1))
                }
                None => Cell::Null,
            },
            None | Some(Value::NULL) => Cell::Null,
            Some(&Value::UInt(number)) => Cell::UInt(number),
            Some(&Value::Float(number)) => Cell::Float(number),
            Some(&Value::Double(number)) => Cell::Double(number),
            Some(&Value::Date(year, month, day, hour, minute, second, micros)) => {
                Cell::Date(Date { year, month, day, hour, minute, second, micros })
            }
            Some(&Value::Time(negative, days, hour, minute, second, micros)) => {
                Cell::Time { negative, days, hour, minute, second, micros }
            }
        }));
        self.rows += 1;
    }
}

impl RowBatch for Batch {
    fn len(&self) -> usize {
        self.rows
    }

    #[inline]
    fn get(&self, row: usize, column: usize) -> Result<ValueRef<'_>> {
        let cell = self.cells[row * self.plan.kinds.len() + column];
        let kind = self.plan.kinds[column];
        match (cell, kind) {
            (Cell::Null, _) => Ok(ValueRef::Null),
            (Cell::Int(number), Kind::Signed | Kind::Year) => Ok(ValueRef::I64(number)),
            (Cell::Bytes(span), Kind::Text) => self.heap.text(span).map(ValueRef::Text).ok_or_else(not_utf8),
            (Cell::Bytes(span), kind) => self.of_bytes(kind, column, self.heap.bytes(span)),
            (Cell::Long(index), kind) => self.of_bytes(kind, column, &self.long[index as usize]),
            _ => self.other(cell, kind),
        }
    }
}

impl Batch {
    fn other(&self, cell: Cell, kind: Kind) -> Result<ValueRef<'_>> {
        Ok(match (cell, kind) {
            (Cell::Int(number), Kind::Unsigned) => ValueRef::U64(u64::try_from(number).map_err(|_| malformed(kind))?),
            (Cell::UInt(number), Kind::Unsigned) => ValueRef::U64(number),
            (Cell::Int(number @ (0 | 1)), Kind::Bool) => ValueRef::Bool(number == 1),
            (Cell::Int(number), Kind::Bool) => ValueRef::I64(number),
            (Cell::UInt(number), Kind::Signed | Kind::Year | Kind::Bool) => {
                ValueRef::I64(i64::try_from(number).map_err(|_| malformed(kind))?)
            }
            (Cell::Float(number), Kind::Float) => ValueRef::F32(number),
            (Cell::Double(number), Kind::Double) => ValueRef::F64(number),
            (Cell::Date(date), Kind::Date | Kind::DateTime | Kind::Timestamp) => return self.date(date, kind),
            (Cell::Time { negative, days, hour, minute, second, micros }, Kind::Time) => {
                let past = i64::from(hour) * HOUR
                    + i64::from(minute) * MINUTE
                    + i64::from(second) * SECOND
                    + i64::from(micros);
                let length = i64::from(days).checked_mul(DAY).and_then(|whole| whole.checked_add(past));
                let length = length.ok_or_else(|| malformed(kind))?;
                ValueRef::Span(if negative { -length } else { length })
            }
            _ => return Err(malformed(kind)),
        })
    }

    /// Reads what comes as text or bytes in both protocols, and everything else as the text protocol has it.
    fn of_bytes<'b>(&'b self, kind: Kind, column: usize, bytes: &'b [u8]) -> Result<ValueRef<'b>> {
        Ok(match kind {
            Kind::Text => ValueRef::Text(utf8(bytes)?),
            Kind::Bytes => ValueRef::Bytes(bytes),
            Kind::Json => ValueRef::Json(utf8(bytes)?),
            Kind::Decimal => match utf8(bytes)?.parse::<Decimal>() {
                Ok(number) => ValueRef::Decimal(number),
                // MySQL's decimals have up to 65 digits, the contract's up to 38.
                Err(_) => ValueRef::Typed(self.native(column), bytes),
            },
            Kind::Bit => match bytes.iter().try_fold(0_u64, |sum, byte| Some(sum.checked_mul(256)? | u64::from(*byte)))
            {
                Some(bits) => ValueRef::U64(bits),
                None => return Err(malformed(kind)),
            },
            Kind::Native => ValueRef::Typed(self.native(column), bytes),
            Kind::Signed | Kind::Year => ValueRef::I64(text::number(bytes).ok_or_else(|| malformed(kind))?),
            Kind::Unsigned => ValueRef::U64(text::number(bytes).ok_or_else(|| malformed(kind))?),
            Kind::Bool => match text::number(bytes).ok_or_else(|| malformed(kind))? {
                number @ (0 | 1) => ValueRef::Bool(number == 1_i64),
                number => ValueRef::I64(number),
            },
            Kind::Float => ValueRef::F32(text::number(bytes).ok_or_else(|| malformed(kind))?),
            Kind::Double => ValueRef::F64(text::number(bytes).ok_or_else(|| malformed(kind))?),
            Kind::Date | Kind::DateTime | Kind::Timestamp => {
                return self.date(text::date(bytes).ok_or_else(|| malformed(kind))?, kind);
            }
            Kind::Time => ValueRef::Span(text::span(bytes).ok_or_else(|| malformed(kind))?),
        })
    }

    fn date(&self, date: Date, kind: Kind) -> Result<ValueRef<'_>> {
        let Some(days) = days_from_civil(i32::from(date.year), date.month, date.day).filter(|_| date.month > 0) else {
            return match self.plan.reading.zero_dates {
                ZeroDates::Null => Ok(ValueRef::Null),
                ZeroDates::Error => Err(Error::new(ErrorKind::Conversion, "a date of zero is no date")
                    .with_hint("connect with zero_dates=null, or cast it in SQL")),
            };
        };
        if kind == Kind::Date {
            return Ok(ValueRef::Date(days));
        }
        let time = i64::from(date.hour) * HOUR
            + i64::from(date.minute) * MINUTE
            + i64::from(date.second) * SECOND
            + i64::from(date.micros);
        let micros = join_micros(days, time).ok_or_else(|| malformed(kind))?;
        match kind {
            Kind::Timestamp => Ok(ValueRef::Instant(micros - self.plan.reading.zone.offset()?)),
            _ => Ok(ValueRef::DateTime(micros)),
        }
    }

    fn native(&self, column: usize) -> &NativeType {
        &self.plan.columns[column].native
    }
}

fn utf8(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| not_utf8())
}

#[cold]
fn not_utf8() -> Error {
    Error::new(ErrorKind::Conversion, "the server's text is not UTF-8")
        .with_hint("SET NAMES utf8mb4, or cast it to BINARY")
}

#[cold]
fn malformed(kind: Kind) -> Error {
    let kind = match kind {
        Kind::Signed => "integer",
        Kind::Unsigned => "unsigned integer",
        Kind::Bool => "TINYINT(1)",
        Kind::Year => "year",
        Kind::Bit => "bit string",
        Kind::Float | Kind::Double => "floating-point number",
        Kind::Decimal => "decimal",
        Kind::Text => "text",
        Kind::Bytes => "bytes",
        Kind::Json => "JSON document",
        Kind::Date => "date",
        Kind::DateTime => "date and time",
        Kind::Timestamp => "timestamp",
        Kind::Time => "time",
        Kind::Native => "value",
    };
    Error::new(ErrorKind::Conversion, format!("the server sent no {kind} where it said so"))
}

#[cfg(test)]
mod tests {
    use mysql_async::consts::ColumnType;

    use super::*;
    use crate::bind::Zone;
    use crate::columns::Reading;
    use crate::options::TinyInt1;

    fn batch(columns: &[(ColumnType, u16)], rows: &[&[Value]]) -> Batch {
        let columns: Arc<[mysql_async::Column]> = columns
            .iter()
            .map(|(column_type, charset)| mysql_async::Column::new(*column_type).with_character_set(*charset))
            .collect();
        let reading = Reading { zero_dates: ZeroDates::Error, tinyint1: TinyInt1::Int, zone: Zone::Offset(0) };
        let mut batch = Batch::new(Arc::new(Plan::new(Arc::clone(&columns), reading)));
        for row in rows {
            batch.push(mysql_common::row::new_row(row.to_vec(), Arc::clone(&columns)));
        }
        batch.seal()
    }

    #[test]
    fn text_and_bytes_lie_beside_each_other() -> Result<()> {
        let (text, bytes) = ((ColumnType::MYSQL_TYPE_VAR_STRING, 45), (ColumnType::MYSQL_TYPE_BLOB, 63));
        let row = [Value::Bytes("ü".into()), Value::Bytes(vec![0xFF]), Value::Bytes(vec![b'x'; LONG + 1])];
        let read = batch(&[text, bytes, text], &[&row, &row]);
        for index in 0..2 {
            assert_eq!(read.get(index, 0)?, ValueRef::Text("ü"));
            assert_eq!(read.get(index, 1)?, ValueRef::Bytes(&[0xFF]));
            assert_eq!(read.get(index, 2)?.as_str().map(str::len), Some(LONG + 1));
        }
        Ok(())
    }

    #[test]
    fn a_time_of_more_days_than_there_are_is_malformed() -> Result<()> {
        let of_days = |days| batch(&[(ColumnType::MYSQL_TYPE_TIME, 63)], &[&[Value::Time(true, days, 1, 0, 0, 7)]]);
        assert_eq!(of_days(34).get(0, 0)?, ValueRef::Span(-(34 * DAY + HOUR + 7)));
        let error = of_days(u32::MAX).get(0, 0).map(|_| ()).map_err(|error| error.kind());
        assert_eq!(error, Err(oarlock_core::ErrorKind::Conversion));
        Ok(())
    }

    #[test]
    fn halves_of_a_character_are_no_text_even_if_they_meet() -> Result<()> {
        let text = (ColumnType::MYSQL_TYPE_VAR_STRING, 45);
        let read = batch(
            &[text, text, text],
            &[&[Value::Bytes(vec![0xC3]), Value::Bytes(vec![0xBC]), Value::Bytes(Vec::new())]],
        );
        assert_eq!(read.get(0, 0).map_err(|error| error.kind()), Err(ErrorKind::Conversion));
        assert_eq!(read.get(0, 1).map_err(|error| error.kind()), Err(ErrorKind::Conversion));
        assert_eq!(read.get(0, 2)?, ValueRef::Text(""));
        Ok(())
    }
}
