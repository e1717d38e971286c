//! What the leading comments of a migration say: `-- oarlock: no-transaction`.

use std::time::Duration;

use super::{Text, nearest};
use crate::{Error, ErrorKind, Result};

/// What a migration says of how it is to be run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Directives {
    /// The statements run each by itself, for one of them cannot run in a transaction.
    pub no_transaction: bool,
    /// How long a statement may wait for a lock.
    pub lock_timeout: Option<Duration>,
    /// What was acknowledged by `allow=`, in the words of the file.
    pub allow: Vec<String>,
}

/// What a comment says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Up,
    Down,
    Other,
}

const NAMES: [&str; 5] = ["up", "down", "no-transaction", "lock-timeout", "allow"];

impl Directives {
    /// Tells whether something was acknowledged.
    pub fn allows(&self, what: &str) -> bool {
        self.allow.iter().any(|allowed| allowed == what)
    }

    /// Takes what a comment says; `offset` is where it says it.
    pub(super) fn take(&mut self, text: &Text, offset: usize, said: &str) -> Result<Mark> {
        let (name, value) = match said.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim())),
            None => (said.trim(), None),
        };
        let wrong = |message: String| Error::new(ErrorKind::Source, message).at(text.place(offset));
        match (name, value) {
            ("up", None) => return Ok(Mark::Up),
            ("down", None) => return Ok(Mark::Down),
            ("no-transaction", None) => self.no_transaction = true,
            ("lock-timeout", Some(value)) => {
                let limit = duration(value).ok_or_else(|| {
                    wrong(format!("`{value}` is no time"))
                        .with_hint("write a number with its unit, such as 500ms, 5s or 2m")
                })?;
                self.lock_timeout = Some(limit);
            }
            ("allow", Some(list)) => {
                for what in list.split(',').map(str::trim) {
                    let plain = what.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
                    if what.is_empty() || !plain {
                        return Err(wrong(format!("`{what}` is nothing that can be allowed"))
                            .with_hint("write words such as allow=drop-column"));
                    }
                    self.allow.push(what.to_owned());
                }
            }
            (known, Some(_)) if ["up", "down", "no-transaction"].contains(&known) => {
                return Err(wrong(format!("the directive `{known}` takes no value")));
            }
            (known, None) if ["lock-timeout", "allow"].contains(&known) => {
                return Err(wrong(format!("the directive `{known}` has no value"))
                    .with_hint(format!("write {known}={}", if known == "allow" { "drop-column" } else { "5s" })));
            }
            (unknown, _) => {
                let hint = match nearest(unknown, &NAMES) {
                    Some(known) => format!("did you mean `{known}`?"),
                    None => format!("there are {}", NAMES.join(", ")),
                };
                return Err(wrong(format!("there is no directive `{unknown}`")).with_hint(hint));
            }
        }
        Ok(Mark::Other)
    }
}

/// Reads a time with its unit: `500ms`, `5s`, `2m`.
fn duration(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = text[..digits].parse().ok()?;
    match &text[digits..] {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" | "min" => number.checked_mul(60).map(Duration::from_secs),
        _ => None,
    }
    .filter(|limit| !limit.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(said: &str) -> std::result::Result<(Directives, Mark), String> {
        let text = Text::new("up.sql", "-- oarlock:");
        let mut directives = Directives::default();
        let mark = directives.take(&text, 0, said).map_err(|error| error.to_string())?;
        Ok((directives, mark))
    }

    #[test]
    fn directives_are_read() {
        let (read, _) = take("lock-timeout = 500ms").unwrap();
        assert_eq!(read.lock_timeout, Some(Duration::from_millis(500)));
        let (read, _) = take("allow=drop-column, call").unwrap();
        assert!(read.allows("call") && read.allows("drop-column") && !read.allows("drop"));
        assert!(take("no-transaction").unwrap().0.no_transaction);
        assert_eq!(take("down").unwrap().1, Mark::Down);
    }

    #[test]
    fn what_is_not_understood_is_refused_with_the_word_that_was_meant() {
        for (said, error) in [
            ("no-transactions", "up.sql:1:1: there is no directive `no-transactions` (did you mean `no-transaction`?)"),
            ("lock-timeout=5", "up.sql:1:1: `5` is no time (write a number with its unit, such as 500ms, 5s or 2m)"),
            ("lock-timeout", "up.sql:1:1: the directive `lock-timeout` has no value (write lock-timeout=5s)"),
            ("up=1", "up.sql:1:1: the directive `up` takes no value"),
            ("allow=A B", "up.sql:1:1: `A B` is nothing that can be allowed (write words such as allow=drop-column)"),
        ] {
            assert_eq!(take(said).unwrap_err(), error);
        }
    }
}
