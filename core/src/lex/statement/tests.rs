use super::*;
use crate::lex::DoubleQuote;

const POSTGRES: Dialect = Dialect::POSTGRES;
const MYSQL: Dialect = Dialect::MYSQL;
const MARIADB: Dialect = Dialect::MARIADB;
const SQLITE: Dialect = Dialect::SQLITE;
const ALL: [Dialect; 4] = [POSTGRES, MYSQL, MARIADB, SQLITE];

fn native(sql: &str, dialect: &Dialect) -> String {
    match lex(sql, dialect) {
        Ok(lexed) => lexed.native().to_owned(),
        Err(error) => panic!("{}: {sql}: {error}", dialect.name),
    }
}

fn refused(sql: &str, dialect: &Dialect) -> Error {
    match lex(sql, dialect) {
        Ok(lexed) => panic!("{}: {sql} gave {lexed:?}", dialect.name),
        Err(error) => error,
    }
}

#[test]
fn each_style_becomes_the_dialects_own() {
    for (sql, postgres, mysql, sqlite) in [
        ("SELECT ?, ?", "SELECT $1, $2", "SELECT ?, ?", "SELECT ?1, ?2"),
        ("SELECT :b, :a, :b", "SELECT $1, $2, $1", "SELECT ?, ?, ?", "SELECT ?1, ?2, ?1"),
        ("SELECT $2, $1, $2", "SELECT $2, $1, $2", "SELECT ?, ?, ?", "SELECT ?2, ?1, ?2"),
        ("SELECT :é_1+:_x", "SELECT $1+$2", "SELECT ?+?", "SELECT ?1+?2"),
        ("a=?-?", "a=$1-$2", "a=?-?", "a=?1-?2"),
        // A parameter that touches a word is parted from it where it would be read as one with it.
        ("a LIKE?AND b", "a LIKE $1 AND b", "a LIKE? AND b", "a LIKE?1 AND b"),
        ("LIMIT:n", "LIMIT $1", "LIMIT?", "LIMIT?1"),
    ] {
        assert_eq!(native(sql, &POSTGRES), postgres);
        assert_eq!(native(sql, &MYSQL), mysql);
        assert_eq!(native(sql, &MARIADB), mysql);
        assert_eq!(native(sql, &SQLITE), sqlite);
    }
}

#[test]
fn slots_repeat_only_where_parameters_have_no_numbers() -> Result<()> {
    for (sql, arity, names, mysql) in [
        ("SELECT ?, ?", 2, &[][..], &[0, 1][..]),
        ("SELECT :b, :a, :b", 2, &["b", "a"], &[0, 1, 0]),
        ("SELECT $2, $1, $2", 2, &[], &[1, 0, 1]),
        ("SELECT 1", 0, &[], &[]),
    ] {
        for dialect in ALL {
            let lexed = lex(sql, &dialect)?;
            assert_eq!(lexed.arity(), arity);
            assert_eq!(lexed.names(), names);
            if dialect.placeholder == Placeholder::Question {
                assert_eq!(lexed.slots(), mysql);
            } else {
                assert_eq!(lexed.slots(), (0..arity).collect::<Vec<_>>());
                assert!(lexed.slots_are_identity());
            }
        }
    }
    assert!(!lex("SELECT :b, :b", &MYSQL)?.slots_are_identity());
    assert!(!lex("SELECT $2, $1", &MYSQL)?.slots_are_identity());
    assert_eq!(lex("SELECT :b", &MYSQL)?.style(), Some(ParamStyle::Named));
    assert_eq!(lex("SELECT '?'", &MYSQL)?.style(), None);
    Ok(())
}

#[test]
fn what_is_quoted_or_commented_is_left_alone() {
    let everywhere = [
        "SELECT '? :x $1 -- /* '' ?'",
        r#"SELECT 1 AS "? :x $1""#,
        "SELECT 1 /* ? :x $1 ' */ + 1 -- ? ' :x",
        "SELECT x'3F', X'3f'",
        "SELECT N'? :x'",
        "SELECT a:=1, a::text, a :: b, a $ b",
        "SELECT a$1, é$1, _$1 FROM t$2",
        "SELECT 1;",
    ];
    let postgres = [
        r"SELECT E'\'? :x', '\' , 'a''?\'",
        r"SELECT e'a\\' , U&'\0041?', U&'?' UESCAPE '!'",
        "SELECT $$ ? :x $1 ' $$, $a$ $$ ? $a $b$ ? $a$, $é$?$é$",
        "SELECT 1 /* /* ? */ ? */ + 1",
        "SELECT 1 -- ?\r+ 1",
        "SELECT E'a' -- ?\n  '\\'? :x'",
        "SELECT 5*-/* ? */-1, 5 @-- ?\n 1",
        r#"SELECT U&"?""#,
        "SELECT a[1:n], a[lo:hi], a[(1):hi], a[b[1]:hi], a[\"lo\":hi], a[1 : hi], a[1 :hi]",
        "SELECT json_object('k':v, 'l' :w)",
    ];
    let mysql = [
        r"SELECT '\'? :x', 'a''?', '\\'",
        r#"SELECT "it's ? \" :x", "a""?""#,
        "SELECT `a``? :x\\`",
        "SELECT 1 # ? :x ' \n + 1",
        "SELECT 1 -- ?\r? ' \n+ 1",
        "SELECT @a$1, @@session.sql_mode, @`?`, @'?', @\"?\", @a:=1",
        r"SELECT _utf8mb4'\'?', b'01', n'\'?'",
        "SELECT \\N, $a, $1a, $$",
        "SELECT 1 /*!99999 ? it's */ + 1 /*!999999\\- don't ? */",
        "SELECT 1 /* /* ? */ + 1",
        "SELECT /*!999999 /*!50100 it's /* ? */ */ 1",
        "SELECT 1 --",
        "SELECT 1 --\u{1}?\n",
    ];
    let sqlite = [
        "SELECT [? :x ' \"], `a``?`, 'b\\'",
        "SELECT 1 /* ? ' ",
        "SELECT 1 /* /* ? */ + 1",
        "SELECT 1 -- ?\r?",
        "SELECT json -> '$.a?', json ->> '$[0]'",
    ];
    let table = [(POSTGRES, &postgres[..]), (MYSQL, &mysql), (MARIADB, &mysql), (SQLITE, &sqlite)];
    for (dialect, statements) in table {
        for sql in everywhere.iter().chain(statements) {
            assert_eq!(native(sql, &dialect), sql.trim_end_matches(';'), "{}", dialect.name);
        }
    }
}

#[test]
fn parameters_beside_what_is_quoted_are_found() {
    for (dialect, sql, expected) in [
        (POSTGRES, r"SELECT '\', ?, '\'", r"SELECT '\', $1, '\'"),
        (POSTGRES, r"SELECT E'\\', ?, E'\''", r"SELECT E'\\', $1, E'\''"),
        (POSTGRES, "SELECT $1$$?$$", "SELECT $1 $$?$$"),
        (POSTGRES, "SELECT :a::int", "SELECT $1::int"),
        (POSTGRES, "SELECT 1 -- '\r, ?", "SELECT 1 -- '\r, $1"),
        (POSTGRES, "SELECT a[:lo:hi], a[-:n], a[:lo : :hi]", "SELECT a[$1:hi], a[-$2], a[$1 : $3]"),
        (POSTGRES, "SELECT a[f(:n)], ARRAY[:n, :m]", "SELECT a[f($1)], ARRAY[$1, $2]"),
        (POSTGRES, "SELECT a[CASE WHEN :n THEN 1 END]", "SELECT a[CASE WHEN $1 THEN 1 END]"),
        (POSTGRES, "SELECT a ?? ?, a ??| ?, a ??& ?, a @?? ?", "SELECT a ? $1, a ?| $2, a ?& $3, a @? $4"),
        (POSTGRES, "SELECT a ??? ", "SELECT a ?$1 "),
        (POSTGRES, "SELECT a ?? :k, json_object('k' : :v)", "SELECT a ? $1, json_object('k' : $2)"),
        (POSTGRES, "SELECT DISTINCT ON (a) :x", "SELECT DISTINCT ON (a) $1"),
        (POSTGRES, "SELECT 'a'\n?", "SELECT 'a'\n$1"),
        (POSTGRES, "SELECT #?, @?, |?", "SELECT #$1, @$2, |$3"),
        (MYSQL, "SELECT 5--?", "SELECT 5--?"),
        (MYSQL, "SELECT 5--:a, 6/:a", "SELECT 5--?, 6/?"),
        (MYSQL, "SELECT /*!50100 :a + */ :b", "SELECT /*!50100 ? + */ ?"),
        (MYSQL, "SELECT /*! '*/', :a + */ :b", "SELECT /*! '*/', ? + */ ?"),
        (MYSQL, "SELECT 1 /*M! ? */, :a", "SELECT 1 /*M! ? */, ?"),
        (MARIADB, "SELECT 1 /*M! , :a */ /*!50700 ? it's */", "SELECT 1 /*M! , ? */ /*!50700 ? it's */"),
        (MYSQL, "SET @a:=:b, @c = :b", "SET @a:=?, @c = ?"),
        (MYSQL, "SELECT a:b", "SELECT a?"),
        (
            MYSQL,
            "CREATE PROCEDURE p() a:BEGIN b:LOOP LEAVE b; END LOOP; END",
            "CREATE PROCEDURE p() a:BEGIN b:LOOP LEAVE b; END LOOP; END",
        ),
        (SQLITE, "SELECT '\\', :a", "SELECT '\\', ?1"),
        (SQLITE, "SELECT [a]]?", "SELECT [a]]?1"),
    ] {
        assert_eq!(native(sql, &dialect), expected, "{}", dialect.name);
    }
}

#[test]
fn settings_of_the_session_change_the_reading() {
    let mut plain = MYSQL;
    plain.lexing.backslash_escapes = false;
    assert_eq!(native(r"SELECT '\', :a, '\'", &plain), r"SELECT '\', ?, '\'");

    let mut ansi = MYSQL;
    ansi.lexing.double_quote = DoubleQuote::Identifier;
    assert_eq!(native(r#"SELECT "\", :a, "\""#, &ansi), r#"SELECT "\", ?, "\""#);

    let mut old = POSTGRES;
    old.lexing.backslash_escapes = true;
    assert_eq!(native(r"SELECT '\'?', ?", &old), r"SELECT '\'?', $1");
}

#[test]
fn mixed_styles_are_refused_and_both_named() {
    for dialect in ALL {
        let error = refused("SELECT ?,\n  'é', :name", &dialect);
        assert_eq!(error.kind(), ErrorKind::Parameters);
        assert_eq!(error.position(), Some(18));
        assert_eq!(
            error.message(),
            "a statement takes one style of parameters, but has both ? (line 1, column 8) and :name (line 2, column 8)"
        );
    }
    assert_eq!(refused("SELECT $1, ?", &MYSQL).kind(), ErrorKind::Parameters);
    assert_eq!(refused("SELECT :a, $1", &SQLITE).kind(), ErrorKind::Parameters);
}

#[test]
fn numbers_have_no_gaps() {
    for (sql, message) in [
        ("SELECT $1, $3", "the statement has $3 (line 1, column 12) but no $2"),
        ("SELECT $2, $2", "the statement has $2 (line 1, column 8) but no $1"),
        ("SELECT $4000000000", "the statement has $4000000000 (line 1, column 8) but no $1"),
        ("SELECT $0", "there is no parameter $0 (line 1, column 8)"),
        ("SELECT $1, $99999999999999999999", "$99999999999999999999 (line 1, column 12) is too large a number"),
    ] {
        for dialect in ALL {
            let error = refused(sql, &dialect);
            assert_eq!((error.kind(), error.message()), (ErrorKind::Parameters, message));
        }
    }
}

#[test]
fn forms_of_the_databases_own_are_refused_with_advice() {
    for (dialect, sql, advice) in [
        (POSTGRES, "SELECT ?1", "write $1"),
        (MYSQL, "SELECT ?12", "write $12"),
        (SQLITE, "SELECT ?1", "write $1"),
        (SQLITE, "SELECT :1", "write $1"),
        (SQLITE, "SELECT @name", "write :name"),
        (SQLITE, "SELECT $name", "write :name"),
        (SQLITE, "SELECT $1a", "put a space after $1"),
        (POSTGRES, "SELECT $1a", "put a space after $1"),
    ] {
        let error = refused(sql, &dialect);
        assert_eq!((error.kind(), error.position()), (ErrorKind::Syntax, Some(7)), "{sql}");
        assert_eq!(error.hint(), Some(advice), "{sql}");
    }
}

#[test]
fn a_literal_question_mark_is_refused_where_no_operator_has_one() {
    for dialect in [MYSQL, MARIADB, SQLITE] {
        let error = refused("SELECT a ?? 'b'", &dialect);
        assert_eq!((error.kind(), error.position()), (ErrorKind::Syntax, Some(9)));
        assert!(error.message().contains(dialect.name), "{error}");
    }
}

#[test]
fn what_is_not_closed_is_refused_at_its_opening() {
    for (dialect, sql, position, what) in [
        (POSTGRES, "SELECT\n 'a", 8, "a string that is not closed (line 2, column 2)"),
        (POSTGRES, r"SELECT E'\'", 7, "a string that is not closed (line 1, column 8)"),
        (POSTGRES, "SELECT 'a'\n'b", 7, "a string that is not closed (line 1, column 8)"),
        (POSTGRES, "SELECT $a$ $b$", 7, "a dollar-quoted string that is not closed (line 1, column 8)"),
        (POSTGRES, "SELECT 1 /* /* */", 9, "a comment that is not closed (line 1, column 10)"),
        (MYSQL, "SELECT `a", 7, "a quoted identifier that is not closed (line 1, column 8)"),
        (MYSQL, "SELECT 1 /*! + 1", 9, "a comment that is not closed (line 1, column 10)"),
        (MYSQL, "SELECT 1 /*/", 9, "a comment that is not closed (line 1, column 10)"),
        (SQLITE, "SELECT [a", 7, "a quoted identifier that is not closed (line 1, column 8)"),
        (SQLITE, "SELECT \"a", 7, "a quoted identifier that is not closed (line 1, column 8)"),
        (SQLITE, "SELECT '\0'", 8, "a NUL character in the statement (line 1, column 9)"),
    ] {
        let error = refused(sql, &dialect);
        assert_eq!((error.kind(), error.position(), error.message()), (ErrorKind::Syntax, Some(position), what));
    }
}

#[test]
fn one_statement_with_semicolons_and_comments_around_it_is_one() {
    for dialect in ALL {
        for (sql, expected) in [
            ("SELECT ';' ;", "SELECT ';' "),
            ("SELECT 1; -- done\n ; /* ; */ ", "SELECT 1"),
            ("; ;SELECT 1", "SELECT 1"),
            ("-- first\n SELECT 1 -- last", "-- first\n SELECT 1 -- last"),
        ] {
            assert_eq!(native(sql, &dialect), expected);
        }
        let error = refused("SELECT 1;\n SELECT 2", &dialect);
        assert_eq!((error.kind(), error.position()), (ErrorKind::Interface, Some(11)));
        assert_eq!(error.message(), "the text holds several statements; the second begins at line 2, column 2");
    }
}

#[test]
fn a_byte_order_mark_is_not_for_the_server() -> Result<()> {
    for dialect in ALL {
        let lexed = lex("\u{FEFF}SELECT 'é', nonsense", &dialect)?;
        assert_eq!((lexed.native(), lexed.verb()), ("SELECT 'é', nonsense", Verb::Select));
        assert_eq!(lexed.source_offset(0), 3);
        assert_eq!(refused("\u{FEFF} ", &dialect).kind(), ErrorKind::Syntax);
    }
    // Within a text it is a letter like any other that is not ASCII, of which a dollar quote is no part.
    assert_eq!(native(";\u{FEFF}$$", &POSTGRES), "\u{FEFF}$$");
    assert_eq!(native(";\u{FEFF}SELECT 1", &SQLITE), "SELECT 1");
    Ok(())
}

#[test]
fn two_dashes_before_the_semicolon_open_no_comment_of_mysql() -> Result<()> {
    // The server cuts the semicolon off before it reads, and then takes them for a comment that ends with the text.
    assert_eq!(native("SELECT 1 --;", &MYSQL), "SELECT 1 --");
    assert_eq!(refused("SELECT 1 --; SELECT 2", &MYSQL).kind(), ErrorKind::Interface);
    assert_eq!(native("SELECT 1 --; SELECT 2", &SQLITE), "SELECT 1 --; SELECT 2");
    assert_eq!(lex("--;", &MARIADB)?.verb(), Verb::Other);
    Ok(())
}

#[test]
fn a_text_without_a_statement_is_refused() {
    for dialect in ALL {
        for sql in ["", " \n", ";", "-- c", "/* c */ ; -- d"] {
            assert_eq!(refused(sql, &dialect).kind(), ErrorKind::Syntax, "{sql:?}");
        }
    }
    assert_eq!(refused("/*! */", &MYSQL).kind(), ErrorKind::Syntax);
}

#[test]
fn a_body_with_semicolons_is_one_statement() -> Result<()> {
    let trigger = "CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM b; SELECT 1; END";
    assert_eq!(native(&format!("{trigger};"), &SQLITE), trigger);
    assert_eq!(lex(trigger, &SQLITE)?.verb(), Verb::Create);
    assert_eq!(refused(&format!("{trigger}; SELECT 1"), &SQLITE).kind(), ErrorKind::Interface);
    Ok(())
}

#[test]
fn offsets_lead_back_to_the_source() -> Result<()> {
    let sql = ";SELECT :name, a ?? :other FROM t";
    let lexed = lex(sql, &POSTGRES)?;
    for piece in ["SELECT", ", a", " FROM", "ROM t"] {
        let native = lexed.native().find(piece).map(|at| lexed.source_offset(at));
        assert_eq!(native, sql.find(piece), "{piece}");
    }
    for (native, source) in [("$1", ":name"), ("?", "??"), ("$2", ":other")] {
        let start = lexed.native().find(native).unwrap_or_default();
        assert_eq!(Some(lexed.source_offset(start)), sql.find(source));
        assert_eq!(Some(lexed.source_offset(start + native.len() - 1)), sql.find(source));
    }
    assert_eq!(lexed.source_offset(lexed.native().len()), sql.len());
    Ok(())
}

#[test]
fn returning_counts_outside_parentheses_of_a_change() -> Result<()> {
    for (sql, returning) in [
        ("INSERT INTO t VALUES (?) RETURNING id", true),
        ("INSERT INTO t VALUES (?)", false),
        ("WITH a AS (DELETE FROM t RETURNING id) SELECT * FROM a", false),
        ("WITH a AS (DELETE FROM t RETURNING id) INSERT INTO u SELECT * FROM a", false),
        ("SELECT returning FROM t", false),
    ] {
        assert_eq!(lex(sql, &POSTGRES)?.has_returning(), returning, "{sql}");
    }
    Ok(())
}
