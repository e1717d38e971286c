//! Names: qualified ones, and those of keys and indexes that the model leaves unnamed.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A name with the schema it stands in, if that is not the connection's own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct QualifiedName {
    /// The schema; the connection's own without one.
    pub schema: Option<String>,
    /// The name, in the case it is stored in.
    pub name: String,
}

impl QualifiedName {
    /// Makes a name without a schema.
    pub fn new(name: impl Into<String>) -> Self {
        Self { schema: None, name: name.into() }
    }

    /// Makes a name in a schema.
    pub fn in_schema(schema: impl Into<String>, name: impl Into<String>) -> Self {
        Self { schema: Some(schema.into()), name: name.into() }
    }
}

impl From<&str> for QualifiedName {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl From<String> for QualifiedName {
    fn from(name: String) -> Self {
        Self::new(name)
    }
}

impl From<(&str, &str)> for QualifiedName {
    fn from((schema, name): (&str, &str)) -> Self {
        Self::in_schema(schema, name)
    }
}

impl From<&Self> for QualifiedName {
    fn from(name: &Self) -> Self {
        name.clone()
    }
}

impl fmt::Display for QualifiedName {
    /// Writes `schema.name`, unquoted: for messages, not for SQL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// The shortest limit among the engines: PostgreSQL's 63 bytes.
const LONGEST: usize = 63;

/// Gives the name of a key or an index that has none: its parts and a suffix, in PostgreSQL's manner.
///
/// A name past 63 bytes is cut and ends in a digest of the whole, so that two long ones stay apart.
pub fn derived<'a>(table: &'a str, parts: impl IntoIterator<Item = &'a str>, suffix: &'a str) -> String {
    let mut name = table.to_owned();
    for part in parts.into_iter().chain([suffix]) {
        name.push('_');
        name.push_str(part);
    }
    if name.len() <= LONGEST {
        return name;
    }
    let tail = format!("_{:08x}_{suffix}", digest(&name));
    let mut end = LONGEST - tail.len();
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.truncate(end);
    name + &tail
}

/// FNV-1a: the names must be the same in every build, which the standard library's hashes do not promise.
fn digest(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::derived;

    #[test]
    fn short_name_is_joined() {
        assert_eq!(derived("post", ["author_id", "at"], "fkey"), "post_author_id_at_fkey");
        assert_eq!(derived("post", [], "pkey"), "post_pkey");
    }

    #[test]
    fn long_names_stay_apart_and_within_the_limit() {
        let table = "ü".repeat(40);
        let one = derived(&table, ["one"], "key");
        let two = derived(&table, ["two"], "key");
        assert_ne!(one, two);
        assert!(one.len() <= 63 && one.ends_with("_key"));
    }
}
