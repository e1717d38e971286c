//! What a statement will do, read from the program that SQLite made of it: whether it takes constant work and may run on
//! the caller's thread, whether it needs the write lock, whether it makes a row number.
//!
//! `EXPLAIN` lists the program's operations. A statement whose operations are all of constant work touches a handful of
//! pages whatever the size of its tables; one with loops may or may not be short, and runs on the caller's thread under a
//! time budget only; everything else (triggers, virtual tables, changes of the schema, functions whose work has no bound)
//! goes to a worker. An operation that is not listed here counts as everything else, so a newer SQLite is safe.

use rusqlite::Connection;

/// Where a statement may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// On a worker thread.
    Worker,
    /// On the caller's thread: a read, of constant work or in a loop, under the time budget.
    Read,
    /// On the caller's thread when a write transaction is open: a write of constant work.
    Write,
    /// On the caller's thread as far as it is no work: it begins or ends a transaction or a savepoint.
    Control,
}

/// What is known of a statement's program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct Program {
    pub(crate) route: Route,
    /// It writes to the main database, whose write lock it will need.
    pub(crate) locks: bool,
    /// It writes to temporary tables, which a reset has to undo.
    pub(crate) temporary: bool,
    /// It inserts rows with row numbers.
    pub(crate) numbers: bool,
    /// It touches a table with a column of type `u64_text`.
    pub(crate) wide: bool,
}

impl Program {
    /// What is assumed of a statement that cannot be explained without running it.
    pub(crate) const UNKNOWN: Self =
        Self { route: Route::Worker, locks: false, temporary: false, numbers: false, wide: false };

    /// Explains a statement.
    ///
    /// `trusted` says that functions are SQLite's own: nobody had the connection in hand to replace one.
    pub(crate) fn explain(db: &Connection, native: &str, tables: &Tables, trusted: bool) -> rusqlite::Result<Self> {
        let mut statement = db.prepare(&format!("EXPLAIN {native}"))?;
        let mut rows = statement.raw_query();
        let mut scan = Scan { shape: Shape::Constant, writes: false, sequence: Vec::new(), steps: Vec::new() };
        let mut program = Self { route: Route::Worker, ..Self::UNKNOWN };
        while let Some(row) = rows.next()? {
            let opcode = row.get_ref(1)?.as_str()?;
            let (first, second): (i64, i64) = (row.get(2)?, row.get(3)?);
            match opcode {
                "Transaction" if second != 0 => {
                    scan.writes = true;
                    program.locks |= first == 0;
                    program.temporary |= first == 1;
                }
                "OpenRead" | "OpenWrite" | "ReopenIdx" => {
                    if second == tables.sequence {
                        scan.sequence.push(first);
                    }
                    program.wide |= tables.wide.contains(&second);
                }
                "Insert" => program.numbers |= row.get::<_, i64>(6)? & OPFLAG_LASTROWID != 0,
                "VUpdate" => program.numbers = true,
                "Next" => scan.steps.push(first),
                _ => {}
            }
            let operand = row.get_ref(5)?.as_str_or_null()?.unwrap_or_default();
            scan.shape = scan.shape.max(Shape::of(opcode, operand, trusted));
        }
        program.route = scan.route();
        Ok(program)
    }
}

/// `OPFLAG_LASTROWID` of SQLite's `sqliteInt.h`: the insert sets `last_insert_rowid()`.
const OPFLAG_LASTROWID: i64 = 0x20;

/// The root pages of tables that matter, of the main database.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    /// `sqlite_sequence`, which inserts into numbered tables scan; it has a row per such table. 0 when there is none.
    sequence: i64,
    /// Tables with a column of type `u64_text`.
    wide: Vec<i64>,
}

impl Tables {
    /// Reads the schema.
    pub(crate) fn read(db: &Connection) -> rusqlite::Result<Self> {
        let mut tables = Self::default();
        let mut statement = db.prepare(
            "SELECT rootpage, name = 'sqlite_sequence' FROM sqlite_schema \
             WHERE type = 'table' AND (name = 'sqlite_sequence' OR sql LIKE '%u64_text%')",
        )?;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next()? {
            if row.get(1)? { tables.sequence = row.get(0)? } else { tables.wide.push(row.get(0)?) }
        }
        Ok(tables)
    }
}

struct Scan {
    shape: Shape,
    writes: bool,
    /// Cursors on `sqlite_sequence`, and cursors that are stepped.
    sequence: Vec<i64>,
    steps: Vec<i64>,
}

impl Scan {
    fn route(&self) -> Route {
        let loops = self.steps.iter().any(|cursor| !self.sequence.contains(cursor));
        match self.shape {
            Shape::Constant if self.writes && !loops => Route::Write,
            Shape::Constant | Shape::Loop if !self.writes => Route::Read,
            Shape::Unbounded | Shape::Constant | Shape::Loop => Route::Worker,
        }
    }
}

/// How much work an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Shape {
    Constant,
    Loop,
    Unbounded,
}

impl Shape {
    fn of(opcode: &str, operand: &str, trusted: bool) -> Self {
        match opcode {
            "Function" | "PureFunc" if trusted && listed(FUNCTIONS, function(operand)) => Self::Constant,
            "AggStep" | "AggStep1" | "AggValue" | "AggInverse" | "AggFinal"
                if trusted && listed(AGGREGATES, function(operand)) =>
            {
                Self::Loop
            }
            // Whether it is a loop at all, the cursors tell.
            "Next" => Self::Constant,
            _ if listed(CONSTANT, opcode) => Self::Constant,
            _ if listed(LOOPS, opcode) => Self::Loop,
            _ => Self::Unbounded,
        }
    }
}

/// Gives the name of `length(1)`.
fn function(operand: &str) -> &str {
    operand.split('(').next().unwrap_or(operand)
}

/// Tells whether a function is known to be short, as long as it is SQLite's own.
pub(crate) fn is_short_function(name: &str) -> bool {
    listed(FUNCTIONS, name) || listed(AGGREGATES, name)
}

fn listed(list: &[&str], word: &str) -> bool {
    list.binary_search(&word).is_ok()
}

/// Operations of constant work, sorted.
#[rustfmt::skip]
const CONSTANT: &[&str] = &[
    "Abortable", "Add", "AddImm", "Affinity", "And", "BeginSubrtn", "BitAnd", "BitNot", "BitOr", "Blob", "Cast", "Close",
    "ClrSubtype", "CollSeq", "Column", "ColumnsUsed", "Concat", "Copy", "CursorHint", "CursorLock", "CursorUnlock",
    "DecrJumpZero", "DeferredSeek", "Delete", "Divide", "ElseEq", "Eq", "Explain", "FinishSeek", "FkCheck", "FkCounter",
    "FkIfZero", "Found", "Ge", "GetSubtype", "Gosub", "Goto", "Gt", "Halt", "HaltIfNull", "IdxDelete", "IdxGE", "IdxGT",
    "IdxInsert", "IdxLE", "IdxLT", "IdxRowid", "If", "IfEmpty", "IfNot", "IfNotZero", "IfNullRow", "IfPos", "Init",
    "Insert", "Int64", "IntCopy", "Integer", "IsNull", "IsTrue", "IsType", "Jump", "Last", "Le", "Lt", "MakeRecord",
    "MemMax", "Move", "Multiply", "MustBeInt", "Ne", "NewRowid", "NoConflict", "Noop", "Not", "NotExists", "NotFound",
    "NotNull", "Null", "NullRow", "Offset", "OffsetLimit", "Once", "OpenRead", "OpenWrite", "Or", "Permutation",
    "ReadCookie", "Real", "RealAffinity", "ReleaseReg", "Remainder", "ReopenIdx", "ResetCount", "ResultRow", "Return",
    "Rewind", "RowData", "Rowid", "SCopy", "SeekEnd", "SeekGE", "SeekGT", "SeekLE", "SeekLT", "SeekRowid", "SetSubtype",
    "ShiftLeft", "ShiftRight", "SoftNull", "String", "String8", "Subtract", "TableLock", "Trace", "Transaction",
    "TypeCheck", "Variable", "ZeroOrNull",
];

/// Operations of loops, sorted. Each step of theirs is short, so the time budget can end them.
#[rustfmt::skip]
const LOOPS: &[&str] = &[
    "Compare", "EndCoroutine", "Filter", "FilterAdd", "IfNoHope", "IfSizeBetween", "InitCoroutine", "OpenAutoindex",
    "OpenDup", "OpenEphemeral", "OpenPseudo", "Prev", "ResetSorter", "RowCell", "RowSetAdd", "RowSetRead", "RowSetTest",
    "SeekHit", "SeekScan", "Sequence", "SequenceTest", "Sort", "SorterCompare", "SorterData", "SorterInsert",
    "SorterNext", "SorterOpen", "SorterSort", "Yield",
];

/// SQLite's own functions whose work is in proportion to their arguments, sorted.
#[rustfmt::skip]
const FUNCTIONS: &[&str] = &[
    "abs", "ceil", "ceiling", "changes", "char", "coalesce", "date", "datetime", "floor", "hex", "ifnull", "iif",
    "julianday", "last_insert_rowid", "length", "likelihood", "likely", "lower", "ltrim", "max", "min", "mod", "nullif",
    "octet_length", "pow", "power", "quote", "random", "round", "rtrim", "sign", "sqrt", "strftime", "substr",
    "substring", "time", "total_changes", "trim", "trunc", "typeof", "unicode", "unixepoch", "unlikely", "upper",
];

/// SQLite's own aggregates, sorted.
#[rustfmt::skip]
const AGGREGATES: &[&str] = &["avg", "count", "group_concat", "max", "min", "string_agg", "sum", "total"];

#[cfg(test)]
mod tests {
    use super::*;

    fn program(sql: &str) -> Program {
        let db = Connection::open_in_memory().expect("memory");
        db.execute_batch(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b REAL);
             CREATE UNIQUE INDEX t_a ON t (a);
             CREATE TABLE numbered (id INTEGER PRIMARY KEY AUTOINCREMENT, t INTEGER REFERENCES t);
             CREATE TABLE keyed (id TEXT PRIMARY KEY) WITHOUT ROWID;
             CREATE TABLE watched (id INTEGER);
             CREATE TABLE big (id u64_text);
             CREATE TRIGGER watch AFTER INSERT ON watched BEGIN INSERT INTO keyed VALUES (new.id); END;",
        )
        .expect("schema");
        let tables = Tables::read(&db).expect("tables");
        Program::explain(&db, sql, &tables, true).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    #[test]
    fn lists_are_sorted() {
        for list in [CONSTANT, LOOPS, FUNCTIONS, AGGREGATES] {
            assert!(list.is_sorted());
        }
    }

    #[test]
    fn short_statements_are_told_from_long_ones() {
        for (sql, route) in [
            ("SELECT * FROM t WHERE id = ?1", Route::Read),
            ("SELECT id, upper(a) FROM t WHERE a = ?1", Route::Read),
            ("SELECT * FROM t", Route::Read),
            ("SELECT max(b), count(b) FROM t WHERE b > 5", Route::Read),
            ("SELECT * FROM t ORDER BY b LIMIT 10", Route::Read),
            ("SELECT 1", Route::Read),
            ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n", Route::Read),
            ("SELECT * FROM t WHERE a LIKE ?1", Route::Worker),
            ("SELECT randomblob(?1)", Route::Worker),
            ("SELECT replace(a, 'a', 'b') FROM t WHERE id = 1", Route::Worker),
            ("SELECT count(*) FROM t", Route::Worker),
            ("SELECT * FROM json_each('[1]')", Route::Worker),
            ("INSERT INTO t (a, b) VALUES (?1, ?2)", Route::Write),
            ("INSERT INTO numbered (t) VALUES (?1)", Route::Write),
            ("INSERT INTO keyed VALUES (?1)", Route::Write),
            ("UPDATE t SET b = ?1 WHERE id = ?2", Route::Write),
            ("DELETE FROM keyed WHERE id = ?1", Route::Write),
            ("UPDATE t SET b = b + 1", Route::Worker),
            ("INSERT INTO t (a) SELECT a || 'x' FROM t", Route::Worker),
            ("DELETE FROM t", Route::Worker),
            ("INSERT INTO watched VALUES (1)", Route::Worker),
            ("CREATE TABLE u (a)", Route::Worker),
        ] {
            assert_eq!(program(sql).route, route, "{sql}");
        }
    }

    #[test]
    fn a_function_that_may_be_someone_elses_goes_to_a_worker() {
        let db = Connection::open_in_memory().expect("memory");
        let route =
            |trusted| Program::explain(&db, "SELECT upper(?1)", &Tables::default(), trusted).expect("explained").route;
        assert_eq!((route(true), route(false)), (Route::Read, Route::Worker));
    }

    #[test]
    fn inserts_with_a_row_number_are_told() {
        assert!(program("INSERT INTO t (a) VALUES (1)").numbers);
        assert!(!program("INSERT INTO keyed VALUES (1)").numbers);
        assert!(!program("UPDATE t SET a = 1").numbers);
        assert!(program("INSERT INTO t (a) VALUES (1)").locks);
        assert!(!program("SELECT * FROM t").locks);
        assert!(program("SELECT * FROM big WHERE id = ?1").wide);
        assert!(!program("SELECT * FROM t WHERE id = ?1").wide);
    }
}
