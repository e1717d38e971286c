//! What stands for a value in a statement of sea-query's.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::LazyLock;

use oarlock_core::value::{Value, ValueRef};
use oarlock_core::{Error, Result};
use sea_query::Expr;

use super::missing;

/// What marks a stand-in among a program's own bytes: nobody outside can know it.
static MARK: LazyLock<[u8; 8]> = LazyLock::new(|| RandomState::new().hash_one("a stand-in").to_le_bytes());

/// The number of rows that stands for the value which is a limit: sea-query takes nothing but numbers there.
static LIMIT: LazyLock<u64> = LazyLock::new(|| (RandomState::new().hash_one("a limit") | 1 << 62) & !(0xffff_u64));

/// One of a statement's parameters.
#[derive(Debug)]
pub(super) enum Param {
    /// A value.
    Value(usize),
    /// One of the elements of a value that is a list, the last one where the list is shorter.
    Element(usize, usize),
    /// A value that is a pattern of LIKE, as one of GLOB.
    Glob(usize),
    /// A value that is a pattern of LIKE, with `|` for its `\`.
    Bars(usize),
    /// A value that was given to sea-query.
    Fixed(Value),
}

impl Param {
    const VALUE: u8 = 0;
    const ELEMENT: u8 = 1;
    const GLOB: u8 = 2;
    const BARS: u8 = 3;

    fn kind(&self) -> Option<(u8, usize, usize)> {
        match *self {
            Self::Value(index) => Some((Self::VALUE, index, 0)),
            Self::Element(index, element) => Some((Self::ELEMENT, index, element)),
            Self::Glob(index) => Some((Self::GLOB, index, 0)),
            Self::Bars(index) => Some((Self::BARS, index, 0)),
            Self::Fixed(_) => None,
        }
    }

    /// Writes the stand-in.
    pub(super) fn stand_in(&self) -> Expr {
        let mut bytes = MARK.to_vec();
        if let Some((kind, index, element)) = self.kind() {
            bytes.push(kind);
            bytes.extend(index.to_le_bytes());
            bytes.extend(element.to_le_bytes());
        }
        Expr::Value(sea_query::Value::Bytes(Some(bytes)))
    }

    /// Writes the stand-in of a value that is a limit.
    pub(super) fn limit(index: usize) -> u64 {
        *LIMIT | u64::try_from(index).unwrap_or(u64::MAX)
    }

    /// Reads what sea-query collected.
    pub(super) fn of(value: sea_query::Value) -> Result<Self> {
        use sea_query::Value as Sea;
        Ok(match value {
            Sea::Bytes(Some(bytes)) => match read(&bytes) {
                Some(param) => param,
                None => Self::Fixed(Value::Bytes(bytes)),
            },
            Sea::BigUnsigned(Some(number)) if number & !0xffff == *LIMIT => {
                Self::Value(usize::try_from(number & 0xffff).unwrap_or(usize::MAX))
            }
            other => Self::Fixed(fixed(other)?),
        })
    }

    /// Tells whether the parameter is not a value as it is given.
    pub(super) fn is_rewritten(&self) -> bool {
        matches!(self, Self::Glob(_) | Self::Bars(_))
    }

    /// Gives the parameter where it is a value as it is given; `None` as well where there is no such value.
    #[inline]
    pub(super) fn given<'v>(&'v self, values: &'v [Value]) -> Option<&'v Value> {
        match self {
            Self::Value(index) => values.get(*index),
            Self::Element(index, element) => match values.get(*index)? {
                Value::Array(list) => list.get(*element).or(list.last()),
                _ => None,
            },
            Self::Fixed(value) => Some(value),
            Self::Glob(_) | Self::Bars(_) => None,
        }
    }

    /// Gives the parameter where it is made of a value.
    pub(super) fn rewritten(&self, values: &[Value]) -> Result<Option<Value>> {
        let (index, rewrite): (_, fn(&str) -> String) = match self {
            Self::Glob(index) => (*index, glob),
            Self::Bars(index) => (*index, bars),
            _ => return Ok(None),
        };
        let value = values.get(index).ok_or_else(missing)?;
        Ok(Some(Value::Text(rewrite(text(value)?))))
    }
}

fn read(bytes: &[u8]) -> Option<Param> {
    let rest = bytes.strip_prefix(MARK.as_slice())?;
    let (kind, rest) = rest.split_first()?;
    let (index, rest) = rest.split_first_chunk()?;
    let (index, element) = (usize::from_le_bytes(*index), usize::from_le_bytes(*rest.first_chunk()?));
    Some(match *kind {
        Param::VALUE => Param::Value(index),
        Param::ELEMENT => Param::Element(index, element),
        Param::GLOB => Param::Glob(index),
        Param::BARS => Param::Bars(index),
        _ => return None,
    })
}

/// Gives a value that a program gave to sea-query as one of ours.
#[allow(clippy::match_wildcard_for_single_variants)] // There are more where another crate asks sea-query for them.
fn fixed(value: sea_query::Value) -> Result<Value> {
    use sea_query::Value as Sea;
    Ok(match value {
        Sea::Bool(value) => value.map_or(Value::Null, Value::Bool),
        Sea::TinyInt(value) => value.map_or(Value::Null, |number| Value::I64(number.into())),
        Sea::SmallInt(value) => value.map_or(Value::Null, |number| Value::I64(number.into())),
        Sea::Int(value) => value.map_or(Value::Null, |number| Value::I64(number.into())),
        Sea::BigInt(value) => value.map_or(Value::Null, Value::I64),
        Sea::TinyUnsigned(value) => value.map_or(Value::Null, |number| Value::I64(number.into())),
        Sea::SmallUnsigned(value) => value.map_or(Value::Null, |number| Value::I64(number.into())),
        Sea::Unsigned(value) => value.map_or(Value::Null, |number| Value::I64(number.into())),
        Sea::BigUnsigned(value) => value.map_or(Value::Null, Value::U64),
        Sea::Float(value) => value.map_or(Value::Null, Value::F32),
        Sea::Double(value) => value.map_or(Value::Null, Value::F64),
        Sea::String(value) => value.map_or(Value::Null, Value::Text),
        Sea::Char(value) => value.map_or(Value::Null, |character| Value::Text(character.into())),
        Sea::Bytes(value) => value.map_or(Value::Null, Value::Bytes),
        other => {
            return Err(Error::not_supported(format!("a value of sea-query's that is no plain one: {other:?}"))
                .with_hint("bind it through a column of the model, which takes values of every type"));
        }
    })
}

fn text(value: &Value) -> Result<&str> {
    match value.as_ref() {
        ValueRef::Text(text) => Ok(text),
        _ => Err(missing()),
    }
}

/// Writes a pattern of LIKE as one of GLOB, which tells letters from capitals.
fn glob(pattern: &str) -> String {
    let mut glob = String::with_capacity(pattern.len() + 2);
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        let (plain, meant) = match character {
            '%' => (false, '*'),
            '_' => (false, '?'),
            '\\' => (true, characters.next().unwrap_or('\\')),
            other => (true, other),
        };
        if plain && matches!(meant, '*' | '?' | '[') {
            glob.extend(['[', meant, ']']);
        } else {
            glob.push(meant);
        }
    }
    glob
}

/// Writes a pattern with `|` for its `\`, which stands for nothing in any setting of a session.
fn bars(pattern: &str) -> String {
    let mut escaped = String::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => {
                let meant = characters.next().unwrap_or('\\');
                if matches!(meant, '%' | '_' | '|') {
                    escaped.push('|');
                }
                escaped.push(meant);
            }
            '|' => escaped.push_str("||"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_the_same_in_every_form() {
        for (like, as_glob, as_bars) in [
            ("a%b_c", "a*b?c", "a%b_c"),
            (r"100\%", "100%", "100|%"),
            (r"a\_b*?[", "a_b[*][?][[]", "a|_b*?["),
            (r"a|b\\c", r"a|b\c", r"a||b\c"),
            (r"end\", r"end\", r"end\"),
        ] {
            assert_eq!((glob(like), bars(like)), (as_glob.to_owned(), as_bars.to_owned()), "{like}");
        }
    }

    #[test]
    fn a_stand_in_is_read_back_and_other_bytes_are_not_taken_for_one() -> Result<()> {
        let Expr::Value(value) = Param::Element(7, 3).stand_in() else { panic!("a stand-in is a value") };
        assert!(matches!(Param::of(value)?, Param::Element(7, 3)));
        assert!(matches!(Param::of(Param::limit(5).into())?, Param::Value(5)));
        for bytes in [vec![], vec![0; 8], vec![0; 25], MARK.to_vec()] {
            let read = Param::of(bytes.clone().into())?;
            assert!(matches!(&read, Param::Fixed(Value::Bytes(found)) if *found == bytes), "{read:?}");
        }
        Ok(())
    }
}
