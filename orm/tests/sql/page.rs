//! A page of statements, each with its name and its text on every kind of database.

use std::fmt::Write;

use oarlock::testing::Mock;
use oarlock::{Capabilities, Conn, Dialect, Result, Value};

/// What a database can do that matters to the SQL.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) dialect: Dialect,
    insert_returning: bool,
    update_returning: bool,
}

impl Kind {
    const fn new(name: &'static str, dialect: Dialect, insert_returning: bool, update_returning: bool) -> Self {
        Self { name, dialect, insert_returning, update_returning }
    }
}

/// The kinds that write in ways of their own.
pub(crate) const KINDS: [Kind; 4] = [
    Kind::new("sqlite", Dialect::SQLITE, true, true),
    Kind::new("postgres", Dialect::POSTGRES, true, true),
    Kind::new("mariadb", Dialect::MARIADB, true, false),
    Kind::new("mysql", Dialect::MYSQL, false, false),
];

/// What a database answers.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Rows(Vec<Vec<Value>>),
    NoRows,
    Changed(u64),
    Inserted(i64),
}

/// Statements, named.
#[derive(Debug, Default)]
pub(crate) struct Page(String);

impl Page {
    /// Adds what a query is on each dialect.
    pub(crate) fn add(&mut self, name: &str, sql: impl Fn(&Dialect) -> Result<String>) {
        let texts = KINDS[..3].iter().map(|kind| {
            let text = sql(&kind.dialect).unwrap_or_else(|error| format!("error: {error}"));
            // What differs between MySQL and MariaDB is what they give back.
            (if kind.name == "mariadb" { "mysql" } else { kind.name }, text)
        });
        self.write(name, texts.collect());
    }

    /// Adds what is sent to each kind of database; what it answers is given, statement by statement.
    pub(crate) fn sent(&mut self, name: &str, answers: &dyn Fn(Kind) -> Vec<Answer>, run: impl AsyncFn(&Conn)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let texts = KINDS.iter().map(|kind| {
            let ran = runtime.block_on(statements(*kind, answers(*kind), &run));
            (kind.name, ran.join("\n          "))
        });
        self.write(name, texts.collect());
    }

    fn write(&mut self, name: &str, texts: Vec<(&str, String)>) {
        let page = &mut self.0;
        let _ = writeln!(page, "-- {name}");
        for (index, (_, text)) in texts.iter().enumerate() {
            // A text that several have stands once.
            if texts[..index].iter().any(|(_, other)| other == text) {
                continue;
            }
            let same: Vec<&str> = texts.iter().filter(|(_, other)| other == text).map(|(kind, _)| *kind).collect();
            let kinds = if same.len() == texts.len() { "all".to_owned() } else { same.join(", ") };
            let _ = writeln!(page, "{kinds}: {text}");
        }
        page.push('\n');
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

/// Gives what is run on a database that answers as is said: again and again, each time with one more of its statements known.
async fn statements(kind: Kind, answers: Vec<Answer>, run: impl AsyncFn(&Conn)) -> Vec<String> {
    let mut known: Vec<String> = Vec::new();
    loop {
        let mut capabilities = Capabilities::NONE;
        capabilities.insert_returning = kind.insert_returning;
        capabilities.update_returning = kind.update_returning;
        capabilities.savepoints = true;
        capabilities.last_insert_id = true;
        capabilities.max_parameters = 1000;
        let mock = Mock::new().with_dialect(kind.dialect).with_capabilities(capabilities);
        for (sql, answer) in known.iter().zip(&answers) {
            let expected = mock.expect(sql);
            match answer.clone() {
                Answer::Rows(rows) => {
                    let names: Vec<String> =
                        (0..rows.first().map_or(0, Vec::len)).map(|column| format!("c{column}")).collect();
                    expected.returns(names.iter().map(String::as_str).collect::<Vec<_>>(), rows)
                }
                Answer::NoRows => expected.returns(["c0"], Vec::<(i64,)>::new()),
                Answer::Changed(rows) => expected.affects(rows),
                Answer::Inserted(key) => expected.inserts(key),
            };
        }
        run(&mock.conn()).await;
        let ran = mock.ran();
        let controls = |sql: &&String| matches!(sql.split(' ').next(), Some("BEGIN" | "COMMIT" | "ROLLBACK"));
        let new: Vec<String> = ran.iter().filter(|sql| !controls(sql)).cloned().collect();
        if new.len() <= known.len() || new.len() > answers.len() {
            return ran;
        }
        known = new;
    }
}

/// Makes a page of queries that give their own SQL.
#[macro_export]
macro_rules! page {
    ($($name:literal => $query:expr;)+) => {{
        let mut page = $crate::page::Page::default();
        $(page.add($name, |dialect| $query.sql(dialect));)+
        page
    }};
}
