//! Checksums of what a migration does: every token counts, and how lines end and what comments say does not.

use oarlock_core::dialect::Flavor;
use oarlock_core::lex::{Lexing, Tokens};
use sha2::{Digest, Sha256};

/// Gives the checksum of statements.
pub(crate) fn of_statements<'s>(statements: impl IntoIterator<Item = &'s str>, flavor: Flavor) -> String {
    let mut hash = Sha256::new();
    let mut counted = String::new();
    for statement in statements {
        for token in Tokens::new(statement, lexing(flavor)).filter(|token| !token.kind.is_blank()) {
            counted.push_str(token.text(statement));
            counted.push('\0');
        }
        // A checkout may have turned line breaks within strings and function bodies, too.
        if counted.contains('\r') {
            counted = counted.replace("\r\n", "\n");
        }
        hash.update(&counted);
        hash.update([1]);
        counted.clear();
    }
    hexadecimal(&hash.finalize())
}

/// Gives the checksum of a migration that is told by its name: one in Rust.
pub(crate) fn of_name(name: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(b"rust:");
    hash.update(name);
    hexadecimal(&hash.finalize())
}

/// Gives the rules by which tokens are told apart: the same on every server and for every `sql_mode`, so that a checksum outlives
/// an upgrade.
fn lexing(flavor: Flavor) -> Lexing {
    match flavor {
        Flavor::Postgres => Lexing::POSTGRES,
        Flavor::MySql => Lexing::MYSQL,
        _ => Lexing::SQLITE,
    }
}

/// Writes bytes as hexadecimal digits. A long history has many: a formatter for each byte would take most of a run's own time.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from(if half < 10 { b'0' + half } else { b'a' - 10 + half });
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(statement: &str) -> String {
        of_statements([statement], Flavor::Postgres)
    }

    #[test]
    fn white_space_comments_and_line_ends_do_not_count() {
        let plain = of("CREATE FUNCTION f() AS $$\nSELECT 1\n$$");
        assert_eq!(of("CREATE  FUNCTION f()\tAS -- why\n$$\r\nSELECT 1\r\n$$"), plain);
        assert_eq!(of("\u{feff}CREATE FUNCTION f() /* a */ AS $$\nSELECT 1\n$$"), plain);
    }

    #[test]
    fn every_digit_is_written() {
        assert_eq!(hexadecimal(&[0x00, 0x1f, 0x9a, 0xf0, 0xff]), "001f9af0ff");
    }

    #[test]
    fn every_token_counts() {
        let plain = of("SELECT a, 'b' FROM c");
        for other in [
            "SELECT a, 'B' FROM c",
            "SELECT a 'b' FROM c",
            "SELECT a, 'b ' FROM c",
            "select a, 'b' FROM c",
            "SELECT a, 'b' FROMc",
        ] {
            assert_ne!(of(other), plain, "{other}");
        }
        assert_ne!(of_statements(["a", "b"], Flavor::Sqlite), of_statements(["a b"], Flavor::Sqlite));
        assert_ne!(of_statements(["SELECT 1 /*! + 1 */"], Flavor::MySql), of_statements(["SELECT 1"], Flavor::MySql));
    }

    #[test]
    fn a_checksum_is_written_in_a_known_form() {
        assert_eq!(
            of_statements([], Flavor::Sqlite),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
