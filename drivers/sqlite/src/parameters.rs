//! Parameters that outlive the call that gave them, for a job on another thread.

use std::ops::Range;

use oarlock_core::{Result, Value, ValueRef};

/// Parameters with what they refer to. Texts and bytes stand one after the other, as a batch may have many of them.
#[derive(Debug)]
pub(crate) struct OwnedParameters {
    names: Option<Vec<String>>,
    values: Vec<Kept>,
    text: String,
    bytes: Vec<u8>,
}

#[derive(Debug)]
enum Kept {
    Text(Range<usize>),
    Json(Range<usize>),
    Bytes(Range<usize>),
    Other(Value),
}

impl OwnedParameters {
    pub(crate) fn of(names: Option<&[&str]>, values: &[ValueRef<'_>]) -> Result<Self> {
        let mut owned = Self {
            names: names.map(|names| names.iter().map(|&name| name.to_owned()).collect()),
            values: Vec::with_capacity(values.len()),
            text: String::new(),
            bytes: Vec::new(),
        };
        for value in values {
            let kept = match *value {
                ValueRef::Text(text) => Kept::Text(owned.keep_text(text)),
                ValueRef::Json(text) => Kept::Json(owned.keep_text(text)),
                ValueRef::Bytes(bytes) => {
                    let start = owned.bytes.len();
                    owned.bytes.extend_from_slice(bytes);
                    Kept::Bytes(start..owned.bytes.len())
                }
                other => Kept::Other(ValueRef::to_owned(other)?),
            };
            owned.values.push(kept);
        }
        Ok(owned)
    }

    fn keep_text(&mut self, text: &str) -> Range<usize> {
        let start = self.text.len();
        self.text.push_str(text);
        start..self.text.len()
    }

    /// Borrows them for as long as `work` takes.
    pub(crate) fn with<T>(&self, work: impl FnOnce(Option<&[&str]>, &[ValueRef<'_>]) -> T) -> T {
        let values: Vec<ValueRef<'_>> = self.values(0..self.len()).collect();
        work(self.names().as_deref(), &values)
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn names(&self) -> Option<Vec<&str>> {
        self.names.as_ref().map(|names| names.iter().map(String::as_str).collect())
    }

    /// Borrows some of the values.
    pub(crate) fn values(&self, range: Range<usize>) -> impl Iterator<Item = ValueRef<'_>> {
        self.values[range].iter().map(|kept| match kept {
            Kept::Text(range) => ValueRef::Text(&self.text[range.clone()]),
            Kept::Json(range) => ValueRef::Json(&self.text[range.clone()]),
            Kept::Bytes(range) => ValueRef::Bytes(&self.bytes[range.clone()]),
            Kept::Other(value) => value.as_ref(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_given_back_as_they_were() -> Result<()> {
        let values = [
            ValueRef::Text("é"),
            ValueRef::I64(-1),
            ValueRef::Bytes(&[0, 255]),
            ValueRef::Null,
            ValueRef::Text(""),
            ValueRef::Json("{}"),
        ];
        OwnedParameters::of(Some(&["a"]), &values)?.with(|names, given| {
            assert_eq!(names, Some(&["a"][..]));
            assert_eq!(given, values);
        });
        Ok(())
    }
}
