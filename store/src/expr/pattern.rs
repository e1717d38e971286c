//! SQL's patterns: `%` for any text, `_` for any character, `\` takes that from the next one.

/// Tells whether text fits a pattern. It goes back to the last `%` only, so it takes the product of both lengths at the worst.
pub(super) fn fits(text: &str, pattern: &str, ignore_case: bool) -> bool {
    let text: Vec<char> = text.chars().collect();
    let parts = parts(pattern);
    let same = |one: char, other: char| if ignore_case { one.eq_ignore_ascii_case(&other) } else { one == other };
    let (mut at, mut part) = (0, 0);
    let mut again: Option<(usize, usize)> = None;
    while at < text.len() {
        match parts.get(part) {
            Some(Part::Any) => {
                again = Some((at, part));
                part += 1;
                continue;
            }
            Some(Part::One) => {}
            Some(Part::Char(wanted)) if same(*wanted, text[at]) => {}
            _ => match &mut again {
                // The last `%` takes one character more.
                Some((from, any)) => {
                    *from += 1;
                    at = *from;
                    part = *any + 1;
                    continue;
                }
                None => return false,
            },
        }
        at += 1;
        part += 1;
    }
    parts[part..].iter().all(|part| *part == Part::Any)
}

/// Gives what every text begins with that fits a pattern, and whether that is all of it.
pub(crate) fn literal_prefix(pattern: &str) -> (String, bool) {
    let mut prefix = String::new();
    for part in parts(pattern) {
        let Part::Char(char) = part else { return (prefix, false) };
        prefix.push(char);
    }
    (prefix, true)
}

#[derive(Debug, PartialEq)]
enum Part {
    Any,
    One,
    Char(char),
}

fn parts(pattern: &str) -> Vec<Part> {
    let mut chars = pattern.chars();
    let mut parts = Vec::new();
    while let Some(char) = chars.next() {
        parts.push(match char {
            '%' => Part::Any,
            '_' => Part::One,
            '\\' => Part::Char(chars.next().unwrap_or('\\')),
            other => Part::Char(other),
        });
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::{fits, literal_prefix};

    #[test]
    fn patterns_fit_as_in_sql() {
        for (text, pattern, expected) in [
            ("", "", true),
            ("", "%", true),
            ("a", "", false),
            ("abc", "a%", true),
            ("abc", "%c", true),
            ("abc", "%b%", true),
            ("abc", "a_c", true),
            ("abc", "a_", false),
            ("aXbXc", "a%X%c", true),
            ("aab", "%ab", true),
            ("100%", "100\\%", true),
            ("1000", "100\\%", false),
            ("ä", "_", true),
            ("Abc", "abc", false),
        ] {
            assert_eq!(fits(text, pattern, false), expected, "{text:?} like {pattern:?}");
        }
        assert!(fits("ABC", "a%c", true));
    }

    #[test]
    fn the_beginning_of_a_pattern_ends_with_its_first_wildcard() {
        for (pattern, prefix, whole) in
            [("ab%c", "ab", false), ("_b", "", false), ("a\\%b", "a%b", true), ("", "", true), ("ä\\", "ä\\", true)]
        {
            assert_eq!(literal_prefix(pattern), (prefix.to_owned(), whole), "{pattern:?}");
        }
    }
}
