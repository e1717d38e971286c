//! Whether a statement may leave something behind in the session, beyond its transaction.
//!
//! PostgreSQL does not tell, so it is read from the text, on the cautious side: what is not known to leave nothing counts as
//! leaving something, which costs a reset.

use oarlock_core::Dialect;
use oarlock_core::lex::{TokenKind, Tokens, Verb};

/// Words before a parenthesis that are not calls, and functions of the server's own that change nothing in a session.
const HARMLESS: &[&str] = &[
    // Not calls.
    "ALL",
    "AND",
    "ANY",
    "ARRAY",
    "AS",
    "BETWEEN",
    "BY",
    "CASE",
    "CHAR",
    "CONFLICT",
    "CUBE",
    "DECIMAL",
    "DISTINCT",
    "ELSE",
    "EXCEPT",
    "EXISTS",
    "FILTER",
    "FROM",
    "GROUPING",
    "IN",
    "INTERSECT",
    "INTERVAL",
    "JOIN",
    "LATERAL",
    "LIKE",
    "LIMIT",
    "MATERIALIZED",
    "NOT",
    "NUMERIC",
    "OFFSET",
    "ON",
    "OR",
    "OVER",
    "ROLLUP",
    "ROW",
    "SELECT",
    "SET",
    "SETS",
    "SOME",
    "THEN",
    "TIME",
    "TIMESTAMP",
    "UNION",
    "USING",
    "VALUES",
    "VARCHAR",
    "WHEN",
    "WHERE",
    "WITHIN",
    // Syntax that looks like a call.
    "CAST",
    "COALESCE",
    "EXTRACT",
    "GREATEST",
    "LEAST",
    "NULLIF",
    "OVERLAY",
    "POSITION",
    "SUBSTRING",
    "TRIM",
    // Aggregates and windows.
    "ARRAY_AGG",
    "AVG",
    "BOOL_AND",
    "BOOL_OR",
    "COUNT",
    "CUME_DIST",
    "DENSE_RANK",
    "EVERY",
    "FIRST_VALUE",
    "JSON_AGG",
    "JSON_OBJECT_AGG",
    "JSONB_AGG",
    "JSONB_OBJECT_AGG",
    "LAG",
    "LAST_VALUE",
    "LEAD",
    "MAX",
    "MIN",
    "MODE",
    "NTH_VALUE",
    "NTILE",
    "PERCENT_RANK",
    "PERCENTILE_CONT",
    "PERCENTILE_DISC",
    "RANK",
    "ROW_NUMBER",
    "STDDEV",
    "STRING_AGG",
    "SUM",
    "VARIANCE",
    // Numbers.
    "ABS",
    "CEIL",
    "CEILING",
    "EXP",
    "FLOOR",
    "LN",
    "LOG",
    "MOD",
    "POWER",
    "RANDOM",
    "ROUND",
    "SIGN",
    "SQRT",
    "TRUNC",
    // Text and bytes.
    "ASCII",
    "BTRIM",
    "CHAR_LENGTH",
    "CHR",
    "CONCAT",
    "CONCAT_WS",
    "DECODE",
    "ENCODE",
    "FORMAT",
    "INITCAP",
    "LEFT",
    "LENGTH",
    "LOWER",
    "LPAD",
    "LTRIM",
    "MD5",
    "OCTET_LENGTH",
    "QUOTE_IDENT",
    "QUOTE_LITERAL",
    "REGEXP_MATCH",
    "REGEXP_MATCHES",
    "REGEXP_REPLACE",
    "REPEAT",
    "REPLACE",
    "REVERSE",
    "RIGHT",
    "RPAD",
    "RTRIM",
    "SHA256",
    "SPLIT_PART",
    "STARTS_WITH",
    "STRPOS",
    "SUBSTR",
    "TO_TSQUERY",
    "TO_TSVECTOR",
    "PLAINTO_TSQUERY",
    "TRANSLATE",
    "TS_RANK",
    "UPPER",
    "WEBSEARCH_TO_TSQUERY",
    // Times.
    "AGE",
    "CLOCK_TIMESTAMP",
    "DATE_BIN",
    "DATE_PART",
    "DATE_TRUNC",
    "MAKE_DATE",
    "MAKE_INTERVAL",
    "MAKE_TIMESTAMP",
    "MAKE_TIMESTAMPTZ",
    "NOW",
    "STATEMENT_TIMESTAMP",
    "TO_CHAR",
    "TO_DATE",
    "TO_NUMBER",
    "TO_TIMESTAMP",
    "TRANSACTION_TIMESTAMP",
    // Documents, arrays, sets of rows.
    "ARRAY_APPEND",
    "ARRAY_LENGTH",
    "ARRAY_POSITION",
    "ARRAY_REMOVE",
    "ARRAY_TO_STRING",
    "CARDINALITY",
    "GENERATE_SERIES",
    "JSON_ARRAY_ELEMENTS",
    "JSON_BUILD_ARRAY",
    "JSON_BUILD_OBJECT",
    "JSONB_ARRAY_ELEMENTS",
    "JSONB_ARRAY_ELEMENTS_TEXT",
    "JSONB_ARRAY_LENGTH",
    "JSONB_BUILD_ARRAY",
    "JSONB_BUILD_OBJECT",
    "JSONB_EACH",
    "JSONB_EACH_TEXT",
    "JSONB_EXTRACT_PATH_TEXT",
    "JSONB_PATH_QUERY",
    "JSONB_SET",
    "JSONB_STRIP_NULLS",
    "JSONB_TYPEOF",
    "ROW_TO_JSON",
    "STRING_TO_ARRAY",
    "TO_JSON",
    "TO_JSONB",
    "UNNEST",
    // The rest.
    "CURRENT_DATABASE",
    "CURRENT_SCHEMA",
    "CURRENT_SETTING",
    "GEN_RANDOM_UUID",
    "PG_BACKEND_PID",
    "PG_SLEEP",
    "PG_TYPEOF",
    "TXID_CURRENT",
    "VERSION",
];

/// Tells whether a statement may change the session beyond its transaction.
pub(crate) fn soils(sql: &str, verb: Verb, dialect: &Dialect) -> bool {
    match verb {
        verb if verb.controls_transaction() => false,
        Verb::Show => false,
        Verb::Select | Verb::Values | Verb::Table | Verb::Insert | Verb::Update | Verb::Delete | Verb::Merge => {
            calls_the_unknown(sql, dialect)
        }
        _ => true,
    }
}

/// Tells whether a statement calls anything that is not known to be harmless, or makes a table of what it selects.
fn calls_the_unknown(sql: &str, dialect: &Dialect) -> bool {
    // The last token, and what stood before it: `INSERT INTO t (a)` and `WITH t (a) AS` are no calls.
    let (mut before, mut last, mut inserts) = ("", None::<(TokenKind, &str)>, false);
    for token in Tokens::new(sql, dialect.lexing).filter(|token| !token.kind.is_blank()) {
        let text = token.text(sql);
        let names = |word: &str| text.eq_ignore_ascii_case(word);
        match token.kind {
            TokenKind::Symbol if text == "(" => {
                let harmless = match last {
                    Some((TokenKind::Word, word)) => {
                        (before != "." && HARMLESS.iter().any(|known| word.eq_ignore_ascii_case(known)))
                            || ["INTO", "WITH", "RECURSIVE"].iter().any(|lead| before.eq_ignore_ascii_case(lead))
                    }
                    Some((TokenKind::QuotedIdentifier, _)) => before.eq_ignore_ascii_case("INTO"),
                    None | Some(_) => true,
                };
                if !harmless {
                    return true;
                }
            }
            TokenKind::Word if names("INSERT") || names("MERGE") => inserts = true,
            TokenKind::Word if names("INTO") && !std::mem::take(&mut inserts) => return true,
            _ => {}
        }
        before = last.map_or("", |(_, text)| text);
        last = Some((token.kind, text));
    }
    false
}

#[cfg(test)]
mod tests {
    use oarlock_core::lex::lex;

    use super::*;

    fn leaves_something(sql: &str) -> bool {
        let lexed = lex(sql, &Dialect::POSTGRES).unwrap_or_else(|error| panic!("{sql}: {error}"));
        soils(sql, lexed.verb(), &Dialect::POSTGRES)
    }

    #[test]
    fn everyday_statements_leave_nothing_behind() {
        for sql in [
            "SELECT id, name FROM item WHERE id = ?",
            "SELECT count(*), max( n ) FROM item WHERE id IN (1, 2) AND (a = 1 OR b = 2)",
            "SELECT \"set_config\" FROM t WHERE a = 'set_config(1)' -- set_config(2)",
            "INSERT INTO item (id, name) VALUES (?, lower(?)) ON CONFLICT (id) DO UPDATE SET name = excluded.name RETURNING id",
            "INSERT INTO \"Item\" (id) SELECT generate_series(1, 3)",
            "UPDATE item SET n = n + 1 WHERE id = ANY(?)",
            "WITH old (id) AS (SELECT id FROM item) DELETE FROM item USING old WHERE item.id = old.id",
            "SELECT CAST(a AS numeric(10, 2)), row_number() OVER (PARTITION BY b ORDER BY c) FROM t",
            "BEGIN ISOLATION LEVEL SERIALIZABLE",
            "SHOW work_mem",
        ] {
            assert!(!leaves_something(sql), "{sql}");
        }
    }

    #[test]
    fn what_may_leave_something_behind_is_seen() {
        for sql in [
            "SET work_mem = '7MB'",
            "SELECT set_config('work_mem', '7MB', false)",
            "SELECT pg_catalog.set_config('work_mem', '7MB', false)",
            "SELECT\n SET_CONFIG /* here */ ('work_mem', '7MB', false)",
            "SELECT \"set_config\"('work_mem', '7MB', false)",
            "SELECT pg_advisory_lock(1)",
            "SELECT own.count(1)",
            "SELECT 1 INTO TEMP scratch",
            "UPDATE item SET n = nextval('s')",
            "WITH a AS (SELECT mine()) SELECT * FROM a",
            "INSERT INTO item SELECT mine()",
            "CREATE TEMP TABLE scratch (id int)",
            "CREATE TABLE pg_temp.scratch (id int)",
            "LISTEN oars",
            "PREPARE one AS SELECT 1",
            "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
            "DO $$ BEGIN NULL; END $$",
            "CALL mine()",
            "EXPLAIN ANALYZE SELECT set_config('a.b', 'c', false)",
        ] {
            assert!(leaves_something(sql), "{sql}");
        }
    }
}
