//! Texts that a lexer stumbles over, and the forms a dialect writes them in.

use std::fmt::Write as _;

use oarlock_core::Dialect;
use oarlock_core::dialect::Flavor;
use oarlock_core::lex::DoubleQuote;
use proptest::prelude::*;
use proptest::sample::select;

const PIECES: [&str; 34] = [
    "?", "??", ":x", "$1", "--", "-- ", "/*", "*/", "'", "\"", "\\", "`", "[", "]", ";", "$$", "$a$", "$", "#", "é",
    "🦀", "\n", "\r", "\t", " ", "a", "%", "@x", "/*!", "::", "E'", "0", "\\'", "*",
];

/// Gives texts made of what means something elsewhere in SQL.
pub(super) fn tricky() -> impl Strategy<Value = String> + Clone {
    proptest::collection::vec(select(&PIECES[..]), 0..7).prop_map(|pieces| pieces.concat())
}

/// Gives what may stand between two tokens: nothing, white space or a comment.
pub(super) fn blank(dialect: Dialect) -> BoxedStrategy<String> {
    let line = tricky().prop_map(|text| format!(" -- {}\n", text.replace(['\n', '\r'], " ")));
    let inner = tricky().prop_map(|text| text.replace(['*', '/'], " "));
    let block = inner.clone().prop_map(|text| format!("/* {text} */"));
    let plain = prop_oneof![4 => select(vec!["", " ", "\n\t", " \r\n"]).prop_map(str::to_owned), 1 => line, 1 => block];
    match dialect.flavor {
        Flavor::Postgres => {
            let nested = (inner.clone(), inner).prop_map(|(outer, inner)| format!("/* {outer} /*{inner}*/ ' */"));
            // A carriage return ends a line comment too.
            let short = tricky().prop_map(|text| format!(" -- {}\r", text.replace(['\n', '\r'], " ")));
            prop_oneof![8 => plain, 1 => nested, 1 => short].boxed()
        }
        Flavor::MySql => {
            let hash = tricky().prop_map(|text| format!("#{}\n", text.replace('\n', " ")));
            let skipped = inner.prop_map(|text| format!("/*!999999 {text} */"));
            prop_oneof![8 => plain, 1 => hash, 1 => skipped].boxed()
        }
        _ => plain.boxed(),
    }
}

/// How one character after another is written: a bit decides wherever there is a choice.
#[derive(Debug, Clone, Copy)]
pub(super) struct Choices(pub(super) u32);

impl Choices {
    fn next(&mut self) -> bool {
        self.0 = self.0.rotate_right(1);
        self.0 & 1 == 1
    }
}

/// A way to write a text as a literal.
pub(super) type Form = fn(&Dialect, &str, Choices) -> String;

/// Gives the forms in which a dialect writes a literal of text type.
pub(super) fn forms(dialect: &Dialect) -> Vec<Form> {
    match dialect.flavor {
        Flavor::Postgres if dialect.lexing.backslash_escapes => {
            vec![plain, national, escape, dollar, continued, cast]
        }
        Flavor::Postgres => vec![plain, national, escape, dollar, continued, cast, unicode, from_bytes],
        Flavor::MySql => {
            let mut forms: Vec<Form> = vec![plain, national, adjacent, introduced, introduced_hex, converted_hex];
            if dialect.lexing.double_quote == DoubleQuote::String {
                forms.push(double);
            }
            forms
        }
        _ => vec![plain, cast_hex],
    }
}

fn quoted(text: &str, quote: char, backslash: bool, mut choices: Choices) -> String {
    let mut literal = String::from(quote);
    for character in text.chars() {
        match character {
            _ if character == quote => {
                literal.push(if backslash && choices.next() { '\\' } else { quote });
                literal.push(quote);
            }
            '\\' if backslash => literal.push_str(r"\\"),
            '\n' if backslash && choices.next() => literal.push_str(r"\n"),
            '\'' | '"' if backslash && choices.next() => {
                literal.push('\\');
                literal.push(character);
            }
            _ => literal.push(character),
        }
    }
    literal.push(quote);
    literal
}

fn plain(dialect: &Dialect, text: &str, choices: Choices) -> String {
    quoted(text, '\'', dialect.lexing.backslash_escapes, choices)
}

fn double(dialect: &Dialect, text: &str, choices: Choices) -> String {
    quoted(text, '"', dialect.lexing.backslash_escapes, choices)
}

fn national(dialect: &Dialect, text: &str, mut choices: Choices) -> String {
    // MySQL's national characters end at the first plane.
    let prefix = if choices.next() { "N" } else { "n" };
    let prefix = if text.contains('🦀') { "" } else { prefix };
    format!("{prefix}{}", plain(dialect, text, choices))
}

fn escape(_: &Dialect, text: &str, mut choices: Choices) -> String {
    let prefix = if choices.next() { "E" } else { "e" };
    let literal = quoted(text, '\'', true, choices);
    let literal = if choices.next() { literal.replace('é', r"\u00e9").replace('?', r"\077") } else { literal };
    format!("{prefix}{literal}")
}

fn dollar(_: &Dialect, text: &str, mut choices: Choices) -> String {
    let tags = if choices.next() { ["$$", "$a$", "$b1$", "$é$"] } else { ["$a$", "$$", "$_$", "$é$"] };
    // The delimiter must not occur before the end, not even by joining what ends the text.
    let fits = |tag: &&str| format!("{text}{tag}").find(*tag) == Some(text.len());
    let tag = tags.into_iter().find(fits).unwrap_or("$unlike$");
    format!("{tag}{text}{tag}")
}

fn unicode(_: &Dialect, text: &str, mut choices: Choices) -> String {
    let mut literal = String::from(if choices.next() { "U&'" } else { "u&'" });
    for character in text.chars() {
        match character {
            '\\' => literal.push_str(r"\\"),
            '\'' => literal.push_str("''"),
            '\u{80}'.. => {
                // Writing to a String does not fail.
                let _ = write!(literal, r"\+{:06X}", u32::from(character));
            }
            _ => literal.push(character),
        }
    }
    literal + "'"
}

/// Cuts a text in two.
fn halves(text: &str, choices: Choices) -> (&str, &str) {
    let cuts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    let at = usize::try_from(choices.0).unwrap_or_default() % (cuts.len() + 1);
    text.split_at(cuts.get(at).copied().unwrap_or(text.len()))
}

fn continued(dialect: &Dialect, text: &str, mut choices: Choices) -> String {
    let (first, second) = halves(text, choices);
    let between = if choices.next() { "\n\t" } else { " -- ? ' :x\n -- '\n " };
    let (prefix, backslash) = if choices.next() { ("E", true) } else { ("", dialect.lexing.backslash_escapes) };
    let (first, second) = (quoted(first, '\'', backslash, choices), quoted(second, '\'', backslash, choices));
    format!("{prefix}{first}{between}{second}")
}

fn adjacent(dialect: &Dialect, text: &str, mut choices: Choices) -> String {
    let (first, second) = halves(text, choices);
    let between = if choices.next() { " " } else { "/* ? ' */\n# ? '\n" };
    format!("{}{between}{}", plain(dialect, first, choices), plain(dialect, second, choices))
}

fn introduced(dialect: &Dialect, text: &str, mut choices: Choices) -> String {
    let space = if choices.next() { " " } else { "" };
    format!("_utf8mb4{space}{}", plain(dialect, text, choices))
}

fn digits(text: &str) -> String {
    text.bytes().fold(String::new(), |mut digits, byte| {
        // Writing to a String does not fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

fn hex(text: &str, mut choices: Choices) -> String {
    let digits = digits(text);
    format!("{}'{digits}'", if choices.next() { "X" } else { "x" })
}

fn introduced_hex(_: &Dialect, text: &str, choices: Choices) -> String {
    format!("_utf8mb4 {}", hex(text, choices))
}

fn converted_hex(_: &Dialect, text: &str, choices: Choices) -> String {
    format!("CONVERT({} USING utf8mb4)", hex(text, choices))
}

fn cast_hex(_: &Dialect, text: &str, choices: Choices) -> String {
    format!("CAST({} AS TEXT)", hex(text, choices))
}

fn cast(dialect: &Dialect, text: &str, choices: Choices) -> String {
    format!("{}::text", plain(dialect, text, choices))
}

fn from_bytes(_: &Dialect, text: &str, _: Choices) -> String {
    format!(r"convert_from('\x{}'::bytea, 'UTF8')", digits(text))
}

/// Writes a name as the identifier of a column, in one of the dialect's forms; gives the name as the server keeps it.
pub(super) fn identifier(dialect: &Dialect, text: &str, mut choices: Choices) -> (String, String) {
    let doubled =
        |name: &str, quote: char| format!("{quote}{}{quote}", name.replace(quote, &format!("{quote}{quote}")));
    match dialect.flavor {
        Flavor::MySql => {
            // Names have no characters beyond the first plane, and no space at either end.
            let name = format!("n{}.", text.replace('🦀', "é"));
            match dialect.lexing.double_quote {
                DoubleQuote::Identifier if choices.next() => (doubled(&name, '"'), name),
                _ => (doubled(&name, '`'), name),
            }
        }
        Flavor::Postgres if !dialect.lexing.backslash_escapes && choices.next() => {
            let name = format!("n{text}");
            let escaped = name.replace('\\', r"\\").replace('é', r"\00e9");
            (format!("U&{}", doubled(&escaped, '"')), name)
        }
        Flavor::Sqlite if choices.next() => {
            let name = format!("n{}", text.replace(']', ""));
            (format!("[{name}]"), name)
        }
        Flavor::Sqlite if choices.next() => (doubled(&format!("n{text}"), '`'), format!("n{text}")),
        _ => (doubled(&format!("n{text}"), '"'), format!("n{text}")),
    }
}
