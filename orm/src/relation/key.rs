//! The keys by which rows find each other.

use std::ops::Range;

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

    /// Gives the values of each group, which has `width` of them.
    pub(crate) fn keys(&self, width: usize) -> impl Iterator<Item = &[Value]> {
        self.keys.chunks_exact(width)
    }

    /// Gives, for each of `width` columns, the list of its values in some of the groups.
    pub(crate) fn lists(&self, width: usize, part: &Range<usize>) -> impl Iterator<Item = Value> {
        let part = part.clone();
        (0..width).map(move |column| {
            Value::Array(self.keys(width).skip(part.start).take(part.len()).map(|key| key[column].clone()).collect())
        })
    }

    /// Finds the group of the values, or makes one; `None` where one of them is NULL, which is like nothing.
    pub(crate) fn enter<'v>(
        &mut self,
        columns: &[usize],
        value: impl Fn(usize) -> Result<Bound<'v>>,
    ) -> Result<Option<usize>> {
        if let [column] = columns {
            let key = value(*column)?;
            if let Some(number) = whole(key.as_ref()) {
                if let Some(group) = self.numbers.get(&number) {
                    return Ok(Some(*group));
                }
                let decimal = matches!(key.as_ref(), ValueRef::Decimal(_));
                self.keys.push(if decimal { key.into_value()? } else { Value::I64(number) });
                self.numbers.insert(number, self.count);
                self.count += 1;
                return Ok(Some(self.count - 1));
            }
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
        // PostgreSQL has no u64 but as a decimal.
        ValueRef::Decimal(number) => number.to_i64(),
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
        // MySQL has no UUID but as bytes.
        ValueRef::Uuid(bytes) => put(2, &bytes),
        ValueRef::Date(days) => put(4, &days.to_le_bytes()),
        ValueRef::Time(micros) => put(5, &micros.to_le_bytes()),
        ValueRef::DateTime(micros) => put(6, &micros.to_le_bytes()),
        ValueRef::Instant(micros) => put(7, &micros.to_le_bytes()),
        // Decimals that are equal may have more noughts or fewer.
        ValueRef::Decimal(number) => match number.to_i128() {
            Some(whole) => put(0, &whole.to_le_bytes()),
            None => put(8, number.normalized().to_string().as_bytes()),
        },
        other => {
            return Err(Error::new(
                ErrorKind::NotSupported,
                format!("a {} cannot be the key of a relation", other.kind_name()),
            ));
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use oarlock_core::value::Decimal;

    use super::*;

    fn group(groups: &mut Groups, key: &[Value]) -> Option<usize> {
        let columns: Vec<usize> = (0..key.len()).collect();
        groups.enter(&columns, |column| Ok(Bound::Borrowed(key[column].as_ref()))).expect("it can be a key")
    }

    #[test]
    fn a_key_is_the_same_in_whatever_type_a_database_gives_it() {
        let decimal = |text: &str| Value::Decimal(text.parse::<Decimal>().expect("a decimal"));
        let text = |text: &str| Value::Text(text.to_owned());
        for (one, same, other) in [
            (Value::U64(7), Value::I64(7), Value::U64(8)),
            (Value::U64(u64::MAX), decimal("18446744073709551615"), Value::U64(u64::MAX - 1)),
            (Value::I64(7), decimal("7"), decimal("70")),
            (decimal("10.50"), decimal("10.5"), decimal("10.05")),
            (decimal("100"), decimal("100.00"), decimal("1")),
            (Value::Uuid([7; 16]), Value::Bytes(vec![7; 16]), Value::Uuid([8; 16])),
            (text("a"), text("a"), text("A")),
        ] {
            for more in [vec![], vec![text("x")]] {
                let key = |value: &Value| [std::slice::from_ref(value), more.as_slice()].concat();
                let mut groups = Groups::default();
                let first = group(&mut groups, &key(&one));
                assert_eq!((first, group(&mut groups, &key(&same))), (Some(0), Some(0)), "{one:?} and {same:?}");
                assert_eq!(group(&mut groups, &key(&other)), Some(1), "{one:?} and {other:?}");
                assert_eq!(group(&mut groups, &key(&Value::Null)), None);
                assert_eq!((groups.len(), groups.keys(key(&one).len()).count()), (2, 2));
            }
        }
    }
}
