//! The items of a list: an expression, its value, and its name.

use oarlock_core::Dialect;
use oarlock_core::dialect::Flavor;
use oarlock_core::lex::ExecutableComments;
use proptest::prelude::*;
use proptest::sample::select;

use super::text::{Choices, blank, forms, identifier, tricky};

/// A piece of an item's text or value.
#[derive(Debug, Clone)]
pub(super) enum Part {
    Text(String),
    /// The item's parameter, or its value.
    Parameter,
    /// A literal question mark of an operator.
    Question,
}

/// An item of the list, with at most one parameter.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) sql: Vec<Part>,
    pub(super) value: Vec<Part>,
    pub(super) name: Option<String>,
    /// Which name or number its parameter takes.
    pub(super) choice: usize,
}

impl Item {
    pub(super) fn has_parameter(&self) -> bool {
        self.sql.iter().any(|part| matches!(part, Part::Parameter))
    }
}

/// An expression in which `{}` stands for a blank, `{?}` for the parameter and `{??}` for a literal question mark, and
/// its value in the same writing.
type Template = (&'static str, &'static str);

const EVERYWHERE: &[Template] = &[
    ("{}{?}{}", "{?}"),
    ("({}{?})", "{?}"),
    ("COALESCE({}{?}{},'? :x')", "{?}"),
    ("CASE WHEN 1{}={}1 THEN {?} ELSE ':x' END", "{?}"),
];

const POSTGRES: &[Template] = &[
    ("{?}::text", "{?}"),
    ("CAST({?} {}AS text)", "{?}"),
    ("{?}::text{}||{}'$1 ?'", "{?}$1 ?"),
    ("$a$? '$a$||{?}::text", "? '{?}"),
    ("(5{}-{}'3')::text", "2"),
    ("(5*{}-{}1)::text", "-5"),
    ("(2*/* ? */3)::text", "6"),
    ("(@ {}-5)::text", "5"),
    ("(5#{}6)::text", "3"),
    ("('{\"a\":1}'::jsonb{}{??}{}'a')::text", "true"),
    ("('{\"a\":1}'::jsonb {??}| ARRAY['a',{}{?}::text])::text", "true"),
    ("('{\"a\":1}'::jsonb {??}& ARRAY['a'])::text", "true"),
    ("('{\"a\":1}'::jsonb @{??} '$.a')::text", "true"),
    ("(ARRAY[10,20,30])[1:2]::text", "{10,20}"),
    ("(ARRAY[10,20,30])[1 :2]::text", "{10,20}"),
    ("(SELECT (ARRAY[10,20,30])[lo:hi]::text FROM (SELECT 1 AS lo, 2 AS hi) s)", "{10,20}"),
    ("(SELECT (ARRAY[10,20,30])[(lo){}:hi]::text FROM (SELECT 1 AS lo, 2 AS hi) s)", "{10,20}"),
    ("(SELECT a$1::text FROM (SELECT 7 AS a$1) s)", "7"),
    ("B'101'::text", "101"),
    ("'5'::int::text", "5"),
];

const MYSQL_AND_MARIADB: &[Template] = &[
    ("CONCAT({?}{},'a?')", "{?}a?"),
    ("CONCAT(5{}-{}'3')", "2"),
    ("CONCAT(5--3)", "8"),
    ("CONCAT(5-- ?\n-3)", "2"),
    ("CONCAT(7{}%{}4)", "3"),
    ("CONCAT(7{}*{}6)", "42"),
    ("CONCAT('a'/*!,{?}*/)", "a{?}"),
    ("CONCAT('a',/*!50000 {?} */)", "a{?}"),
    ("CONCAT(1 /*!99999 it's ? */)", "1"),
    ("(@v$1{}:={}'a')", "a"),
    ("(SELECT a$1 FROM (SELECT 'x' AS a$1) s)", "x"),
    ("(SELECT 1a FROM (SELECT 'x' AS 1a) s)", "x"),
    ("JSON_UNQUOTE(JSON_EXTRACT('[\"?\"]', '$[0]'))", "?"),
];

const MYSQL: &[Template] = &[("CONCAT(1 /*M! it's ? */)", "1"), ("CONCAT(1 /*!50700 + 1*/)", "2")];

const MARIADB: &[Template] = &[
    ("CONCAT(1 /*M! + 1 */ /*M!100000 + 1 */)", "3"),
    ("CONCAT(/*M!50100 {?}, */ 'x')", "{?}x"),
    ("CONCAT(1 /*!50700 it's ? */)", "1"),
];

const SQLITE: &[Template] = &[
    ("{?}{}||{}'? :x'", "{?}? :x"),
    ("CAST(5{}-{}'3' AS TEXT)", "2"),
    ("CAST(7{}%{}4 AS TEXT)", "3"),
    ("CAST(7{}*{}6 AS TEXT)", "42"),
    ("CAST(~{}-6 AS TEXT)", "5"),
    ("('{\"a\":\"?\"}'{}->>{}'$.a')", "?"),
    ("(SELECT a$1 FROM (SELECT 'x' AS a$1))", "x"),
];

fn templates(dialect: &Dialect) -> Vec<Template> {
    let own = match (dialect.flavor, dialect.lexing.executable_comments) {
        (Flavor::Postgres, _) => vec![POSTGRES],
        (Flavor::MySql, ExecutableComments::MariaDb { .. }) => vec![MYSQL_AND_MARIADB, MARIADB],
        (Flavor::MySql, _) => vec![MYSQL_AND_MARIADB, MYSQL],
        _ => vec![SQLITE],
    };
    [vec![EVERYWHERE], own].concat().concat()
}

/// Gives the items of a list.
pub(super) fn items(dialect: Dialect) -> impl Strategy<Value = Item> {
    let expression = prop_oneof![literal(dialect), from_template(dialect)];
    let name = proptest::option::of((tricky(), any::<u32>()));
    let around = [blank(dialect), blank(dialect)];
    (expression, name, around, any::<usize>()).prop_map(move |((mut sql, value), name, [before, after], choice)| {
        sql.insert(0, Part::Text(before));
        let name = name.map(|(text, choices)| {
            let (quoted, name) = identifier(&dialect, &text, Choices(choices));
            sql.push(Part::Text(format!(" AS {after}{quoted}")));
            name
        });
        Item { sql, value, name, choice }
    })
}

/// Gives a string in one of the dialect's forms.
fn literal(dialect: Dialect) -> impl Strategy<Value = (Vec<Part>, Vec<Part>)> {
    (select(forms(&dialect)), tricky(), any::<u32>()).prop_map(move |(form, text, choices)| {
        let literal = form(&dialect, &text, Choices(choices));
        (vec![Part::Text(literal)], vec![Part::Text(text)])
    })
}

/// Gives an expression by a template, its blanks filled.
fn from_template(dialect: Dialect) -> impl Strategy<Value = (Vec<Part>, Vec<Part>)> {
    (select(templates(&dialect)), [blank(dialect), blank(dialect)])
        .prop_map(|((sql, value), blanks)| (fill(sql, &blanks), fill(value, &[])))
}

fn fill(template: &str, blanks: &[String]) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut blanks = blanks.iter();
    let mut rest = template;
    while let Some(at) = rest.find("{}").into_iter().chain(rest.find("{?")).min() {
        parts.push(Part::Text(rest[..at].to_owned()));
        let length = rest[at..].find('}').map_or(rest.len() - at, |end| end + 1);
        parts.push(match &rest[at..at + length] {
            "{?}" => Part::Parameter,
            "{??}" => Part::Question,
            _ => Part::Text(blanks.next().cloned().unwrap_or_default()),
        });
        rest = &rest[at + length..];
    }
    parts.push(Part::Text(rest.to_owned()));
    parts
}
