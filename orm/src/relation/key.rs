//! The keys by which rows find each other.

use hashbrown::HashMap;
use oarlock_core::value::{Bound, Value, ValueRef};
use oarlock_core::{Error, ErrorKind, Result};

/// Groups rows by the values of some columns, in the order in which the values first come.
///
/// A whole number, which most keys are, is looked up as it is, anything else as bytes that are equal where the values are.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    numbers: HashMap<i64, usize>,
    others: HashMap<Vec<u8>, usize>,
    /// The values of each group, the columns' one after the other.
    keys: Vec<Value>,
    count: usize,
    scratch: Vec<u8>,
}

impl Groups {
    /// Gives the number of groups.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Gives the values of one of `width` columns, group by group.
    pub(crate) fn column(&self, column: usize, width: usize) -> impl Iterator<Item = &Value> {
        self.keys.iter().skip(column).step_by(width)
    }

    /// Finds the group of the values, or makes one; `None` where one of them is NULL, which is like nothing.
    pub(crate) fn enter<'v>(
        &mut self,
        columns: &[usize],
        value: impl Fn(usize) -> Result<Bound<'v>>,
    ) -> Result<Option<usize>> {
        if let [column] = columns
            && let Some(number) = whole(value(*column)?.as_ref())
        {
            return Ok(Some(*self.numbers.entry(number).or_insert_with(|| {
                self.keys.push(Value::I64(number));
                self.count += 1;
                self.count - 1
            })));
        }
        if !self.encode(columns, &value)? {
            return Ok(None);
        }
        if let Some(group) = self.others.get(&self.scratch) {
            return Ok(Some(*group));
        }
        for column in columns {
            self.keys.push(value(*column)?.into_value()?);
        }
        self.others.insert(self.scratch.clone(), self.count);
        self.count += 1;
        Ok(Some(self.count - 1))
    }

    /// Finds the group that has the values.
    pub(crate) fn find<'v>(
        &mut self,
        columns: &[usize],
        value: impl Fn(usize) -> Result<Bound<'v>>,
    ) -> Result<Option<usize>> {
        if let [column] = columns
            && let Some(number) = whole(value(*column)?.as_ref())
        {
            return Ok(self.numbers.get(&number).copied());
        }
        Ok(if self.encode(columns, &value)? { self.others.get(&self.scratch).copied() } else { None })
    }

    /// Writes values as bytes; `false` where one is NULL.
    fn encode<'v>(&mut self, columns: &[usize], value: &impl Fn(usize) -> Result<Bound<'v>>) -> Result<bool> {
        self.scratch.clear();
        for column in columns {
            if !encode(value(*column)?.as_ref(), &mut self.scratch)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn whole(value: ValueRef<'_>) -> Option<i64> {
    match value {
        ValueRef::I64(number) => Some(number),
        ValueRef::U64(number) => i64::try_from(number).ok(),
        _ => None,
    }
}

/// Writes a value so that equal ones are equal bytes and the next one's begin is known.
fn encode(value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<bool> {
    let mut put = |kind: u8, bytes: &[u8]| {
        out.push(kind);
        out.extend(bytes.len().to_le_bytes());
        out.extend(bytes);
    };
    match value {
        ValueRef::Null => return Ok(false),
        ValueRef::Bool(truth) => put(0, &i128::from(truth).to_le_bytes()),
        ValueRef::I64(number) => put(0, &i128::from(number).to_le_bytes()),
        ValueRef::U64(number) => put(0, &i128::from(number).to_le_bytes()),
        ValueRef::Text(text) => put(1, text.as_bytes()),
        ValueRef::Bytes(bytes) => put(2, bytes),
        ValueRef::Uuid(bytes) => put(3, &bytes),
        ValueRef::Date(days) => put(4, &days.to_le_bytes()),
        ValueRef::Time(micros) => put(5, &micros.to_le_bytes()),
        ValueRef::DateTime(micros) => put(6, &micros.to_le_bytes()),
        ValueRef::Instant(micros) => put(7, &micros.to_le_bytes()),
        // Decimals that are equal may have more noughts or fewer.
        ValueRef::Decimal(number) => put(8, number.to_string().trim_end_matches('0').as_bytes()),
        other => {
            return Err(Error::new(
                ErrorKind::NotSupported,
                format!("a {} cannot be the key of a relation", other.kind_name()),
            ));
        }
    }
    Ok(true)
}
