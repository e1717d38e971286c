//! What a statement will do, read from the program that SQLite made of it: whether it takes constant work and may run on
//! the caller's thread, whether it needs the write lock, whether it makes a row number.
//!
//! `EXPLAIN` lists the program's operations. A statement whose operations are all of constant work touches a handful of
//! pages whatever the size of its tables, and one that loops over nothing but the rows that it gives itself touches as many for
//! each of these ([`bound`](crate::bound)); one with other loops may or may not be short, and runs on the caller's thread under a
//! time budget only; everything else (triggers, virtual tables, changes of the schema, functions whose work has no bound)
//! goes to a worker. An operation that is not listed here counts as everything else, so a newer SQLite is safe.

use rusqlite::Connection;

use crate::bound::{Step, most_operations};

/// Where a statement may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// On a worker thread.
    Worker,
    /// On the caller's thread: a read, of constant work or in a loop, under the time budget.
    Read,
    /// On the caller's thread when a write transaction is open: a write of little work.
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
    /// `trusted` says that functions are SQLite's own: nobody had the connection in hand to replace one; `immediate`, that foreign
    /// keys are checked with the statement unless they are declared otherwise.
    pub(crate) fn explain(
        db: &Connection,
        native: &str,
        tables: &Tables,
        trusted: bool,
        immediate: bool,
    ) -> rusqlite::Result<Self> {
        let mut statement = db.prepare(&format!("EXPLAIN {native}"))?;
        let mut rows = statement.raw_query();
        let mut scan = Scan { shape: Shape::Constant, writes: false, steps: Vec::new(), immediate };
        let mut program = Self { route: Route::Worker, ..Self::UNKNOWN };
        while let Some(row) = rows.next()? {
            let opcode = row.get_ref(1)?.as_str()?;
            let (first, second): (i64, i64) = (row.get(2)?, row.get(3)?);
            let mut short = false;
            match opcode {
                "Transaction" if second != 0 => {
                    scan.writes = true;
                    program.locks |= first == 0;
                    program.temporary |= first == 1;
                }
                "OpenRead" | "OpenWrite" | "ReopenIdx" => {
                    // Other databases have pages of the same numbers.
                    short = second == tables.sequence && row.get::<_, i64>(4)? == 0;
                    program.wide |= tables.wide.contains(&second);
                }
                "Insert" => program.numbers |= row.get::<_, i64>(6)? & OPFLAG_LASTROWID != 0,
                "VUpdate" => program.numbers = true,
                _ => {}
            }
            let operand = row.get_ref(5)?.as_str_or_null()?.unwrap_or_default();
            scan.shape = scan.shape.max(Shape::of(opcode, operand, trusted));
            scan.steps.push(Step::of(opcode, first, second, listed(JUMPS, opcode), short));
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

/// How many operations a write may take: some 50 to 100 microseconds.
const MOST: usize = 4000;

struct Scan {
    shape: Shape,
    writes: bool,
    steps: Vec<Step>,
    immediate: bool,
}

impl Scan {
    fn route(&self) -> Route {
        match self.shape {
            Shape::Constant | Shape::Rows | Shape::Loop if !self.writes => Route::Read,
            Shape::Constant => Route::Write,
            Shape::Rows if most_operations(&self.steps, self.immediate).is_some_and(|most| most <= MOST) => {
                Route::Write
            }
            Shape::Rows | Shape::Loop | Shape::Unbounded => Route::Worker,
        }
    }
}

/// How much work an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Shape {
    Constant,
    /// It is part of a loop, over rows of the statement's own perhaps.
    Rows,
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
            _ if listed(STRAIGHT, opcode) || listed(JUMPS, opcode) => Self::Constant,
            _ if listed(ROWS, opcode) => Self::Rows,
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

/// Operations of constant work that go on with the next one, or end the program, sorted.
#[rustfmt::skip]
const STRAIGHT: &[&str] = &[
    "Abortable", "Add", "AddImm", "Affinity", "And", "BeginSubrtn", "BitAnd", "BitNot", "BitOr", "Blob", "Cast",
    "Close", "ClrSubtype", "CollSeq", "Column", "ColumnsUsed", "Concat", "Copy", "CursorHint", "CursorLock",
    "CursorUnlock", "DeferredSeek", "Delete", "Divide", "Explain", "FinishSeek", "FkCheck", "FkCounter", "GetSubtype",
    "Halt", "HaltIfNull", "IdxDelete", "IdxInsert", "IdxRowid", "Insert", "Int64", "IntCopy", "Integer", "IsTrue",
    "MakeRecord", "MemMax", "Move", "Multiply", "NewRowid", "Noop", "Not", "Null", "NullRow", "Offset", "OffsetLimit",
    "OpenRead", "OpenWrite", "Or", "Permutation", "ReadCookie", "Real", "RealAffinity", "ReleaseReg", "Remainder",
    "ReopenIdx", "ResetCount", "ResultRow", "RowData", "Rowid", "SCopy", "SeekEnd", "SetSubtype", "ShiftLeft",
    "ShiftRight", "SoftNull", "String", "String8", "Subtract", "TableLock", "Trace", "Transaction", "TypeCheck",
    "Variable", "ZeroOrNull",
];

/// Operations of constant work that may go on elsewhere, sorted.
#[rustfmt::skip]
const JUMPS: &[&str] = &[
    "DecrJumpZero", "ElseEq", "Eq", "FkIfZero", "Found", "Ge", "Gosub", "Goto", "Gt", "IdxGE", "IdxGT", "IdxLE",
    "IdxLT", "If", "IfEmpty", "IfNot", "IfNotZero", "IfNullRow", "IfPos", "Init", "IsNull", "IsType", "Jump", "Last",
    "Le", "Lt", "MustBeInt", "Ne", "NoConflict", "NotExists", "NotFound", "NotNull", "Once", "Return", "Rewind",
    "SeekGE", "SeekGT", "SeekLE", "SeekLT", "SeekRowid",
];

/// Operations of rows that the statement itself has: coroutines and ephemeral tables, sorted.
#[rustfmt::skip]
const ROWS: &[&str] = &[
    "EndCoroutine", "InitCoroutine", "Next", "OpenEphemeral", "Yield",
];

/// Operations of loops, sorted. Each step of theirs is short, so the time budget can end them.
#[rustfmt::skip]
const LOOPS: &[&str] = &[
    "Compare", "Filter", "FilterAdd", "IfNoHope", "IfSizeBetween", "OpenAutoindex", "OpenDup", "OpenPseudo", "Prev",
    "ResetSorter", "RowCell", "RowSetAdd", "RowSetRead", "RowSetTest", "SeekHit", "SeekScan", "Sequence",
    "SequenceTest", "Sort", "SorterCompare", "SorterData", "SorterInsert", "SorterNext", "SorterOpen", "SorterSort",
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

    fn schema() -> Connection {
        let db = Connection::open_in_memory().expect("memory");
        db.execute_batch(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b REAL);
             CREATE UNIQUE INDEX t_a ON t (a);
             CREATE TABLE numbered (id INTEGER PRIMARY KEY AUTOINCREMENT, t INTEGER REFERENCES t);
             CREATE TABLE keyed (id TEXT PRIMARY KEY) WITHOUT ROWID;
             CREATE TABLE tree (id INTEGER PRIMARY KEY, above INTEGER REFERENCES tree);
             CREATE TABLE leaf (id INTEGER PRIMARY KEY, tree INTEGER REFERENCES tree ON DELETE CASCADE);
             CREATE TABLE checked (id INTEGER PRIMARY KEY, a TEXT CHECK (length(a) < 9), b AS (upper(a)), c REAL UNIQUE);
             CREATE TABLE watched (id INTEGER);
             CREATE TABLE big (id u64_text);
             CREATE TRIGGER watch AFTER INSERT ON watched BEGIN INSERT INTO keyed VALUES (new.id); END;",
        )
        .expect("schema");
        db
    }

    fn explained(db: &Connection, sql: &str, immediate: bool) -> Program {
        let tables = Tables::read(db).expect("tables");
        Program::explain(db, sql, &tables, true, immediate).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    fn program(sql: &str) -> Program {
        explained(&schema(), sql, true)
    }

    #[test]
    fn lists_are_sorted() {
        for list in [STRAIGHT, JUMPS, ROWS, LOOPS, FUNCTIONS, AGGREGATES] {
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
    fn loops_over_what_a_write_gives_itself_are_told_from_others() {
        for (sql, route) in [
            ("INSERT INTO t (a, b) VALUES (?1, ?2) RETURNING *", Route::Write),
            ("INSERT INTO t (a) VALUES (?1), (?2), (?3)", Route::Write),
            ("INSERT INTO t (a) VALUES (?1), (?2), (?3) RETURNING id, upper(a)", Route::Write),
            ("INSERT INTO numbered (t) VALUES (?1), (?2) RETURNING *", Route::Write),
            ("INSERT INTO keyed VALUES (?1), (?2) RETURNING id", Route::Write),
            ("INSERT INTO checked (a, c) VALUES (?1, ?2), (?3, ?4) RETURNING b", Route::Write),
            ("INSERT INTO t (a) VALUES (?1), (?2) ON CONFLICT (a) DO UPDATE SET b = 1 RETURNING id", Route::Write),
            ("UPDATE t SET b = ?1 WHERE id = ?2 RETURNING *", Route::Write),
            ("DELETE FROM keyed WHERE id = ?1 RETURNING *", Route::Write),
            // Tables that are there, and may be long.
            ("INSERT INTO t (a) SELECT a || 'x' FROM t RETURNING id", Route::Worker),
            ("INSERT INTO numbered (t) SELECT id FROM t", Route::Worker),
            ("INSERT INTO keyed SELECT a FROM t WHERE a > ?1", Route::Worker),
            ("INSERT INTO t (a) VALUES (?1), (?2) RETURNING (SELECT max(b) FROM t)", Route::Worker),
            ("INSERT INTO keyed VALUES (?1), ((SELECT a FROM t WHERE b > 5))", Route::Worker),
            ("UPDATE t SET b = b + 1 RETURNING id", Route::Worker),
            ("UPDATE numbered SET t = 1 WHERE t = ?1 RETURNING id", Route::Worker),
            ("DELETE FROM numbered WHERE t = ?1 RETURNING id", Route::Worker),
            // Loops without an end, or within each other.
            (
                "INSERT INTO keyed WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n",
                Route::Worker,
            ),
            (
                "INSERT INTO keyed SELECT a.column1 || b.column1 FROM (VALUES (1), (2)) a, (VALUES (1), (2)) b",
                Route::Worker,
            ),
            // Programs that others have written: triggers, and what foreign keys do.
            ("INSERT INTO watched VALUES (?1), (?2) RETURNING id", Route::Worker),
            ("DELETE FROM tree WHERE id = ?1 RETURNING id", Route::Worker),
            // A row that breaks its foreign key may be made whole by one that follows, for which others are looked through.
            ("INSERT INTO tree VALUES (?1, ?2), (?3, ?4)", Route::Worker),
            ("INSERT INTO leaf VALUES (?1, ?2), (?3, ?4)", Route::Write),
        ] {
            assert_eq!(program(sql).route, route, "{sql}");
        }
    }

    #[test]
    fn many_rows_are_too_much() {
        let insert = |rows: usize| format!("INSERT INTO t (a) VALUES {} RETURNING id", vec!["(?)"; rows].join(", "));
        assert_eq!(program(&insert(100)).route, Route::Write);
        assert_eq!(program(&insert(1000)).route, Route::Worker);
    }

    #[test]
    fn rows_are_looked_through_where_checks_are_put_off() {
        let db = schema();
        let insert = "INSERT INTO t (a) VALUES (?1), (?2)";
        assert_eq!(explained(&db, insert, true).route, Route::Write);
        assert_eq!(explained(&db, insert, false).route, Route::Worker);
    }

    #[test]
    fn another_databases_table_is_not_taken_for_the_sequence() {
        let db = schema();
        let sequence = Tables::read(&db).expect("tables").sequence;
        let mut pages = Vec::new();
        for table in 0..20 {
            db.execute_batch(&format!("CREATE TEMP TABLE s{table} (a)")).expect("created");
            let page = "SELECT rootpage FROM sqlite_temp_schema WHERE name = ?1";
            pages.push(db.query_row(page, [format!("s{table}")], |row| row.get::<_, i64>(0)).expect("page"));
            let insert = format!("INSERT INTO keyed SELECT a FROM s{table}");
            assert_eq!(explained(&db, &insert, true).route, Route::Worker, "{insert}");
        }
        assert!(pages.contains(&sequence), "no table stands where the sequence does: {pages:?}, {sequence}");
    }

    #[test]
    fn a_function_that_may_be_someone_elses_goes_to_a_worker() {
        let db = Connection::open_in_memory().expect("memory");
        let route = |trusted| {
            Program::explain(&db, "SELECT upper(?1)", &Tables::default(), trusted, true).expect("explained").route
        };
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
