//! Many rows in one statement: an `INSERT … VALUES (…)` becomes `INSERT … SELECT … FROM unnest(…)`, with an array for each
//! parameter.
//!
//! It stores what the rows would one by one, or it is not done: the row's expressions call no function, and the table has no
//! triggers after a row or for a statement, no rules and no foreign key to itself, to which it would make a difference how
//! many rows a statement has.

use std::error::Error as StdError;
use std::fmt;
use std::ops::Range;

use bytes::{BufMut, BytesMut};
use oarlock_core::connection::Many;
use oarlock_core::lex::{InsertRow, Lexed, TokenKind, Tokens};
use oarlock_core::params::Arrangement;
use oarlock_core::{Dialect, Error, ErrorKind, Result, ValueRef};
use tokio_postgres::types::{Format, IsNull, Kind, ToSql, Type};
use tokio_postgres::{Client, Statement};

use crate::array;
use crate::copy;
use crate::decode::base;
use crate::encode::Encoder;
use crate::statement::Prepared;

/// From how many rows on it is worth preparing another statement.
pub(crate) const FEW: usize = 16;

/// How many rows, and about how many bytes of values, go into one statement.
const MOST_ROWS: usize = 8192;
const MOST_BYTES: usize = 1 << 20;

/// From how many rows on COPY is worth its four round trips.
pub(crate) const COPIED: usize = 500;

/// Whether rows depend on how many a statement inserts. COPY does not do row security.
const IS_PLAIN: &str = "SELECT c.relkind IN ('r', 'p') AND NOT c.relhasrules AND NOT c.relrowsecurity \
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k \
        WHERE k.contype = 'f' AND k.conrelid = c.oid AND k.confrelid = c.oid) \
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE NOT t.tgisinternal AND t.tgtype & 3 <> 3 \
        AND t.tgrelid IN (SELECT c.oid UNION ALL SELECT p.relid FROM pg_catalog.pg_partition_tree(c.oid) p)) \
    FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass($1)";

/// Prepares the statement for many rows; `None` where there is none that stores the same.
pub(crate) async fn prepare(
    client: &Client,
    prepared: &Prepared,
    dialect: &Dialect,
) -> Result<Option<Statement>, tokio_postgres::Error> {
    let Some((table, sql)) = write(&prepared.lexed, prepared.statement.params(), dialect) else {
        return Ok(None);
    };
    let rows = client.query_typed(IS_PLAIN, &[(&table, Type::TEXT)]).await?;
    let is_plain = rows.first().is_some_and(|row| row.try_get(0).unwrap_or(false));
    if is_plain { client.prepare(&sql).await.map(Some) } else { Ok(None) }
}

/// Writes the statement, and the name of its table.
fn write(lexed: &Lexed, parameters: &[Type], dialect: &Dialect) -> Option<(String, String)> {
    let row = InsertRow::of(lexed, dialect)?;
    if parameters.is_empty() || !parameters.iter().all(goes_into_array) {
        return None;
    }
    // Parted from the words beside it.
    let values = row.rewrite(|native| format!(" oarlock_rows.p{} ", native + 1));
    let list = |item: &dyn Fn(usize, &Type) -> String| {
        let items: Vec<String> = parameters.iter().enumerate().map(|(native, of)| item(native + 1, of)).collect();
        items.join(", ")
    };
    let quote = |name: &str| dialect.quote_identifier(name);
    let arrays =
        list(&|number, of| format!("pg_catalog.unnest(${number}::{}.{}[])", quote(of.schema()), quote(of.name())));
    let names = list(&|number, _| format!("p{number}"));
    let sql =
        format!("{}SELECT {values} FROM ROWS FROM ({arrays}) AS oarlock_rows ({names}){}", row.head(), row.tail());
    Some((table(row.head(), dialect)?, sql))
}

/// Reads the table's name behind `INSERT INTO`.
fn table(head: &str, dialect: &Dialect) -> Option<String> {
    let mut tokens = Tokens::new(head, dialect.lexing).filter(|token| !token.kind.is_blank());
    tokens.find(|token| token.text(head).eq_ignore_ascii_case("INTO"))?;
    let mut name = String::new();
    let mut wants_part = true;
    for token in tokens {
        match token.kind {
            TokenKind::Word | TokenKind::QuotedIdentifier if wants_part => wants_part = false,
            TokenKind::Symbol if !wants_part && token.text(head) == "." => wants_part = true,
            _ => break,
        }
        name.push_str(token.text(head));
    }
    (!wants_part).then_some(name)
}

/// Takes apart an INSERT of nothing but parameters into columns that it names: gives the target of the COPY that does the same,
/// and the parameter of each column. A parameter for two columns could have another type than the second.
pub(crate) fn target(lexed: &Lexed, dialect: &Dialect) -> Option<(String, Vec<usize>)> {
    let row = InsertRow::of(lexed, dialect)?;
    let is_bare = row.rewrite(|_| String::new()).chars().all(|c| c == ',' || c.is_ascii_whitespace());
    let columns: Vec<usize> = row.parameters().iter().map(|parameter| parameter.native).collect();
    let is_once = columns.len() == lexed.slots().len()
        && row.rewrite(|_| String::new()).matches(',').count() + 1 == columns.len();
    if !is_bare || !is_once || !row.tail().trim().is_empty() {
        return None;
    }
    let head = row.head();
    let into = Tokens::new(head, dialect.lexing).find(|token| token.text(head).eq_ignore_ascii_case("INTO"))?;
    let target = head[into.end..].trim();
    (target.ends_with(')') && copy::describe(target, dialect).is_ok()).then(|| (target.to_owned(), columns))
}

/// Tells whether `unnest` gives values of a type back as they were: of an array of arrays it gives the innermost, and of rows
/// their fields.
fn goes_into_array(of: &Type) -> bool {
    !matches!(base(of).kind(), Kind::Array(_) | Kind::Composite(_) | Kind::Pseudo)
}

/// A parameter's values of all rows, on their way into an array.
#[derive(Clone, Copy)]
pub(crate) struct Column<'v> {
    values: &'v [ValueRef<'v>],
    width: usize,
    /// The index of its value in a row.
    index: usize,
    /// Its number among the server's parameters, counted from 1, for messages.
    number: usize,
    format: Format,
}

impl<'v> Column<'v> {
    /// Finds the columns of a batch; `None` where a column's values go in different formats, which an array cannot.
    pub(crate) fn all(many: &Many<'v>, arrangement: &Arrangement<'_>, parameters: &[Type]) -> Option<Vec<Self>> {
        let columns = arrangement.indexes().zip(parameters).enumerate().map(|(native, (index, of))| {
            let mut column =
                Self { values: many.values, width: many.width, index, number: native + 1, format: Format::Binary };
            let mut formats = column.encoders(0..many.rows).filter(|(value, _)| !value.is_null());
            if let Some((_, first)) = formats.next() {
                let is_text = |encoder: &Encoder<'_>| matches!(encoder.encode_format(of), Format::Text);
                let text = is_text(&first);
                if formats.any(|(_, encoder)| is_text(&encoder) != text) {
                    return None;
                }
                column.format = if text { Format::Text } else { Format::Binary };
            }
            Some(column)
        });
        columns.collect()
    }

    fn encoders(&self, rows: Range<usize>) -> impl Iterator<Item = (ValueRef<'v>, Encoder<'v>)> + use<'v> {
        let Self { values, width, index, number, .. } = *self;
        rows.map(move |row| {
            let value = values[row * width + index];
            (value, Encoder::new(value, number))
        })
    }

    pub(crate) fn is_text(&self) -> bool {
        matches!(self.format, Format::Text)
    }

    /// Writes one value with its length, in binary form.
    pub(crate) fn put(&self, row: usize, of: &Type, out: &mut BytesMut) -> Result<()> {
        let encoder = Encoder::new(self.values[row * self.width + self.index], self.number);
        array::put_element(out, |out| encoder.write(of, out))
    }

    /// Gives the values of some rows as one parameter.
    pub(crate) fn rows(self, rows: Range<usize>) -> Slice<'v> {
        Slice { column: self, rows }
    }
}

/// A parameter's values of some rows, as one array.
pub(crate) struct Slice<'v> {
    column: Column<'v>,
    rows: Range<usize>,
}

impl Slice<'_> {
    fn write(&self, of: &Type, out: &mut BytesMut) -> Result<()> {
        let Kind::Array(element) = of.kind() else {
            return Err(Error::new(ErrorKind::Internal, "a column of values goes into an array only"));
        };
        match self.column.format {
            Format::Binary => self.write_binary(element, out),
            Format::Text => self.write_text(element, out),
        }
    }

    fn write_binary(&self, element: &Type, out: &mut BytesMut) -> Result<()> {
        let has_nulls = self.column.encoders(self.rows.clone()).any(|(value, _)| value.is_null());
        out.put_i32(1);
        out.put_i32(i32::from(has_nulls));
        out.put_u32(element.oid());
        out.put_i32(array::word(self.rows.len())?);
        out.put_i32(1);
        for (_, encoder) in self.column.encoders(self.rows.clone()) {
            array::put_element(out, |out| encoder.write(element, out))?;
        }
        Ok(())
    }

    fn write_text(&self, element: &Type, out: &mut BytesMut) -> Result<()> {
        let mut text = BytesMut::new();
        out.put_u8(b'{');
        for (offset, (_, encoder)) in self.column.encoders(self.rows.clone()).enumerate() {
            if offset > 0 {
                out.put_u8(b',');
            }
            text.clear();
            match encoder.write(element, &mut text)? {
                IsNull::Yes => out.extend_from_slice(b"NULL"),
                IsNull::No => array::put_quoted(&text, out),
            }
        }
        out.put_u8(b'}');
        Ok(())
    }
}

/// Tells nothing of the values: tokio-postgres writes parameters to its log at level debug.
impl fmt::Debug for Slice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} values", self.rows.len())
    }
}

impl ToSql for Slice<'_> {
    fn to_sql(&self, of: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        self.write(of, out).map(|()| IsNull::No).map_err(Into::into)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn to_sql_checked(&self, of: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        self.to_sql(of, out)
    }

    fn encode_format(&self, _: &Type) -> Format {
        self.column.format
    }
}

/// Tells whether a batch makes one statement, and COPY would not be worth it.
pub(crate) fn is_one_statement(many: Many<'_>) -> bool {
    many.rows < COPIED && chunks(many).next().is_some_and(|rows| rows.end == many.rows)
}

/// Cuts a batch into the rows of one statement each.
pub(crate) fn chunks(many: Many<'_>) -> impl Iterator<Item = Range<usize>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        if from == many.rows {
            return None;
        }
        let (start, mut bytes) = (from, 0);
        // A row that is larger by itself goes alone.
        while from < many.rows && from - start < MOST_ROWS && (from == start || bytes < MOST_BYTES) {
            bytes += many.row(from).values.iter().map(size).sum::<usize>();
            from += 1;
        }
        Some(start..from)
    })
}

/// About how many bytes a value takes.
fn size(value: &ValueRef<'_>) -> usize {
    match value {
        ValueRef::Text(text) | ValueRef::Json(text) => text.len() + 4,
        ValueRef::Bytes(bytes) | ValueRef::Typed(_, bytes) => bytes.len() + 4,
        _ => 12,
    }
}

#[cfg(test)]
mod tests {
    use oarlock_core::lex::lex;

    use super::*;

    fn written(sql: &str, parameters: &[Type]) -> Option<(String, String)> {
        write(&lex(sql, &Dialect::POSTGRES).expect("a statement"), parameters, &Dialect::POSTGRES)
    }

    #[test]
    fn a_row_of_parameters_becomes_arrays() {
        let expected = "INSERT INTO a . \"B\" (x, y) SELECT  oarlock_rows.p2 , 1 +  oarlock_rows.p1  FROM ROWS FROM (\
            pg_catalog.unnest($1::\"pg_catalog\".\"int4\"[]), pg_catalog.unnest($2::\"pg_catalog\".\"varchar\"[])) \
            AS oarlock_rows (p1, p2) RETURNING x";
        let (table, sql) =
            written("INSERT INTO a . \"B\" (x, y) VALUES ($2, 1 + $1) RETURNING x", &[Type::INT4, Type::VARCHAR])
                .expect("a row of parameters");
        assert_eq!((table.as_str(), sql.as_str()), ("a.\"B\"", expected));
    }

    #[test]
    fn bare_parameters_into_named_columns_can_be_copied() {
        let found = |sql| target(&lex(sql, &Dialect::POSTGRES).expect("a statement"), &Dialect::POSTGRES);
        let expected = ("s.\"T\" (a, /* , */ b)".to_owned(), vec![1, 0]);
        assert_eq!(found("INSERT INTO s.\"T\" (a, /* , */ b) VALUES ($2, $1)"), Some(expected));
        for sql in [
            "INSERT INTO t VALUES (?)",
            "INSERT INTO t (a, b) VALUES ($1, $1)",
            "INSERT INTO t (a) VALUES (? + 1)",
            "INSERT INTO t (a) VALUES (?::int8)",
            "INSERT INTO t (a, b) VALUES (?, 1)",
            "INSERT INTO t (a) VALUES (?) RETURNING a",
            "INSERT INTO t AS x (a) VALUES (?)",
            "INSERT INTO t (a.b) VALUES (?)",
            "INSERT INTO t (a) OVERRIDING USER VALUE VALUES (?)",
        ] {
            assert_eq!(found(sql), None, "{sql}");
        }
    }

    #[test]
    fn arrays_and_rows_are_no_elements() {
        let sql = "INSERT INTO t VALUES (?)";
        assert!(written(sql, &[Type::INT4]).is_some());
        for of in [Type::INT4_ARRAY, Type::RECORD, Type::OID_VECTOR] {
            assert_eq!(written(sql, std::slice::from_ref(&of)), None, "{of}");
        }
    }

    #[test]
    fn a_batch_is_cut_by_rows_and_by_bytes() {
        let large = "x".repeat(MOST_BYTES);
        let values = [ValueRef::Text("a"), ValueRef::Text(&large), ValueRef::Text(&large), ValueRef::Null];
        let many = Many { sql: "", names: None, width: 1, rows: 4, values: &values, guarded: false };
        assert_eq!(chunks(many).collect::<Vec<_>>(), [0..2, 2..3, 3..4]);
        let values = vec![ValueRef::Null; MOST_ROWS + 1];
        let many = Many { sql: "", names: None, width: 1, rows: values.len(), values: &values, guarded: false };
        assert_eq!(chunks(many).collect::<Vec<_>>(), [0..MOST_ROWS, MOST_ROWS..MOST_ROWS + 1]);
    }
}
