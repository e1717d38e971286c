use std::time::{Duration, SystemTime};

use super::*;
use crate::history::{Begun, UnderWay};
use crate::{Applied, Source};

const FILES: [(&str, &str); 5] = [
    ("1_a.sql", "CREATE TABLE a (x int);\n-- oarlock: down\nDROP TABLE a"),
    ("2_b.sql", "CREATE TABLE b (x int); INSERT INTO b VALUES (1);\n-- oarlock: down\nDROP TABLE b"),
    ("3_c.sql", "-- oarlock: lock-timeout=1500ms\nINSERT INTO a VALUES (1)"),
    (
        "4_d.sql",
        "CREATE TABLE d (x int); SET @x = 1; CREATE TABLE e (x int);\n-- oarlock: down\nDROP TABLE e; DROP TABLE d",
    ),
    ("R__v.sql", "CREATE VIEW v AS SELECT 1"),
];

struct Case {
    migrations: Vec<Arc<Migration>>,
    history: History,
    exceptions: Exceptions,
    tables: Tables,
    dialect: Dialect,
}

impl Case {
    fn new(dialect: Dialect, applied: &[i64]) -> Self {
        let migrations = Source::embedded("m", &FILES).resolve(&dialect).unwrap().into_iter().map(Arc::new).collect();
        let mut case = Self {
            migrations,
            history: History { exists: true, ..History::default() },
            exceptions: Exceptions::default(),
            tables: Tables::new(&dialect, "s", 1),
            dialect,
        };
        for version in applied {
            let migration = case.migrations.iter().find(|migration| migration.id().number() == *version).unwrap();
            case.history.applied.push(Applied {
                version: *version,
                name: migration.name().to_owned(),
                title: migration.title().to_owned(),
                kind: migration.kind().to_owned(),
                state: "applied".to_owned(),
                checksum: migration.checksum().to_owned(),
                applied_at: SystemTime::UNIX_EPOCH,
                duration: Duration::ZERO,
            });
        }
        case
    }

    fn basis(&self) -> Basis<'_> {
        Basis {
            migrations: &self.migrations,
            history: &self.history,
            exceptions: &self.exceptions,
            tables: &self.tables,
            dialect: &self.dialect,
        }
    }

    fn up(&self, to: Option<i64>) -> std::result::Result<Vec<String>, String> {
        told(self.basis().up(to.and_then(Version::new)))
    }

    fn down(&self, back: Back) -> std::result::Result<Vec<String>, String> {
        told(self.basis().down(back))
    }

    /// The commands of the only step of a plan, the statements by their first two words.
    fn commands(&self) -> Vec<String> {
        let plan = self.basis().up(None).unwrap();
        let words = |sql: &str| sql.split_whitespace().take(3).collect::<Vec<_>>().join(" ");
        plan.commands(&plan.steps[0]).iter().map(|command| words(&command.sql)).collect()
    }
}

/// The commands of every step of a plan, each by its first three words.
fn commands_of(files: &[(&str, &str)], dialect: Dialect) -> Vec<Vec<String>> {
    let mut case = Case::new(dialect, &[]);
    case.migrations = Source::embedded("m", files).resolve(&dialect).unwrap().into_iter().map(Arc::new).collect();
    let plan = case.basis().up(None).unwrap();
    let words = |sql: &str| sql.split_whitespace().take(3).collect::<Vec<_>>().join(" ");
    plan.steps.iter().map(|step| plan.commands(step).iter().map(|command| words(&command.sql)).collect()).collect()
}

#[test]
fn migrations_that_make_a_table_each_share_a_line_of_the_journal() {
    let files = [
        ("1_a.sql", "CREATE TABLE a (x int)"),
        ("2_b.sql", "CREATE TABLE b (x int)"),
        ("3_c.sql", "CREATE TABLE c (x int)"),
        // The table of another one: what is known of it before that does not hold any more.
        ("4_a.sql", "CREATE TABLE A (x int)"),
        ("5_i.sql", "CREATE INDEX i ON a (x)"),
    ];
    let [open, close] =
        ["INSERT INTO `s`.`oarlock_migrations_journal`", "DELETE FROM `s`.`oarlock_migrations_journal`"];
    let entry = "INSERT INTO `s`.`oarlock_migrations`";
    let by_itself = |statement| vec![open, statement, "START TRANSACTION", entry, close, "COMMIT"];
    assert_eq!(
        commands_of(&files, Dialect::MARIADB),
        [
            vec![open, "CREATE TABLE a", entry],
            vec!["CREATE TABLE b", entry],
            vec!["CREATE TABLE c", "START TRANSACTION", entry, close, "COMMIT"],
            by_itself("CREATE TABLE A"),
            by_itself("CREATE INDEX i"),
        ]
    );
    let whole = |statement| vec!["BEGIN", statement, "INSERT INTO \"s\".\"oarlock_migrations\"", "COMMIT"];
    assert_eq!(commands_of(&files[..2], Dialect::POSTGRES), [whole("CREATE TABLE a"), whole("CREATE TABLE b")]);
}

#[test]
fn a_line_of_the_journal_has_no_more_than_a_message_can_hold() {
    let files: Vec<(String, String)> =
        (1..=1002).map(|n| (format!("{n}_t.sql"), format!("CREATE TABLE t{n} (x int)"))).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (&**name, &**text)).collect();
    let steps = commands_of(&files, Dialect::MYSQL);
    let opens = |step: &Vec<String>| step[0] == "INSERT INTO `s`.`oarlock_migrations_journal`";
    let opened: Vec<usize> = (0..steps.len()).filter(|index| opens(&steps[*index])).collect();
    assert_eq!((opened, steps.len()), (vec![0, 1000], 1002));
}

fn told(plan: Result<Plan>) -> std::result::Result<Vec<String>, String> {
    let plan = plan.map_err(|error| error.to_string())?;
    Ok(plan.steps.iter().map(|step| format!("{} {}", step.direction(), step.migration().title())).collect())
}

fn version(number: i64) -> Version {
    Version::new(number).unwrap()
}

#[test]
fn what_is_pending_goes_up_in_order() {
    assert_eq!(Case::new(Dialect::SQLITE, &[]).up(None).unwrap(), ["up 1_a", "up 2_b", "up 3_c", "up 4_d", "up R__v"]);
    assert_eq!(Case::new(Dialect::SQLITE, &[1]).up(Some(3)).unwrap(), ["up 2_b", "up 3_c"]);
    let mut case = Case::new(Dialect::SQLITE, &[1, 2, 3, 4, 0]);
    assert_eq!(case.up(None).unwrap(), [""; 0]);
    case.history.applied[4].checksum = "other".to_owned();
    assert_eq!(case.up(None).unwrap(), ["up R__v"]);
    assert_eq!(case.up(Some(9)).unwrap_err(), "there is no migration 9 (`status` lists them)");
}

#[test]
fn what_is_applied_goes_down_from_the_latest() {
    let case = Case::new(Dialect::SQLITE, &[1, 2, 4]);
    assert_eq!(case.down(Back::Steps(2)).unwrap(), ["down 4_d", "down 2_b"]);
    assert_eq!(case.down(Back::To(version(2))).unwrap(), ["down 4_d"]);
    assert_eq!(case.down(Back::All).unwrap(), ["down 4_d", "down 2_b", "down 1_a"]);
    let case = Case::new(Dialect::SQLITE, &[1, 2, 3]);
    assert_eq!(
        case.down(Back::Steps(1)).unwrap_err(),
        "3_c: there is no way down (write its down.sql, or what follows `-- oarlock: down` in its file)"
    );
}

#[test]
fn what_is_not_honest_is_refused_unless_it_is_allowed_by_its_version() {
    let mut case = Case::new(Dialect::SQLITE, &[1, 3]);
    let late = case.basis().up(None).unwrap_err();
    assert_eq!((late.kind(), late.migration()), (ErrorKind::OutOfOrder, Some("2_b")));
    assert_eq!(late.message(), "it comes before 3_c, which has been applied");
    case.exceptions.out_of_order.push(version(2));
    assert_eq!(case.up(Some(3)).unwrap(), ["up 2_b"]);

    let mut case = Case::new(Dialect::SQLITE, &[1, 2]);
    case.history.applied[0].checksum = "other".to_owned();
    let edited = case.basis().up(None).unwrap_err();
    assert_eq!(
        (edited.kind(), edited.message()),
        (ErrorKind::Edited, "m/1_a.sql is not what was applied: it was edited since")
    );
    case.exceptions.edited.push(version(1));
    assert_eq!(case.up(Some(3)).unwrap(), ["up 3_c"]);

    let mut case = Case::new(Dialect::SQLITE, &[1, 2]);
    case.history.applied[0].title = "01_users".to_owned();
    let renamed = case.basis().up(None).unwrap_err();
    assert_eq!(
        (renamed.kind(), renamed.message()),
        (ErrorKind::Edited, "m/1_a.sql was applied as 01_users: it was renamed since")
    );
    case.exceptions.edited.push(version(1));
    assert_eq!(case.up(Some(3)).unwrap(), ["up 3_c"]);

    let mut case = Case::new(Dialect::SQLITE, &[1, 2]);
    case.history.applied[0].title = "0001_a".to_owned();
    case.migrations.remove(0);
    let missing = case.basis().up(None).unwrap_err();
    assert_eq!((missing.kind(), missing.migration()), (ErrorKind::Missing, Some("0001_a")));
    case.exceptions.missing.push(version(1));
    assert_eq!(case.up(Some(3)).unwrap(), ["up 3_c"]);
}

#[test]
fn a_transaction_holds_the_migration_and_its_entry() {
    let case = Case::new(Dialect::POSTGRES, &[1, 2]);
    assert_eq!(
        case.commands(),
        ["BEGIN", "SET LOCAL lock_timeout", "INSERT INTO a", "INSERT INTO \"s\".\"oarlock_migrations\"", "COMMIT"]
    );
    let mut case = Case::new(Dialect::POSTGRES, &[1, 2, 3, 4, 0]);
    case.history.applied[4].checksum = "other".to_owned();
    assert_eq!(
        case.commands(),
        [
            "BEGIN",
            "CREATE VIEW v",
            "DELETE FROM \"s\".\"oarlock_migrations\"",
            "INSERT INTO \"s\".\"oarlock_migrations\"",
            "COMMIT"
        ]
    );
}

#[test]
fn where_ddl_commits_the_journal_is_written_before_it() {
    let case = Case::new(Dialect::MARIADB, &[1]);
    assert_eq!(
        case.commands(),
        [
            "INSERT INTO `s`.`oarlock_migrations_journal`",
            "CREATE TABLE b",
            "START TRANSACTION",
            "INSERT INTO b",
            "INSERT INTO `s`.`oarlock_migrations`",
            "DELETE FROM `s`.`oarlock_migrations_journal`",
            "COMMIT"
        ]
    );
}

#[test]
fn an_interrupted_migration_is_finished_first_with_its_settings() {
    let mut case = Case::new(Dialect::MARIADB, &[1, 2, 3]);
    let plan = case.basis().up(None).unwrap();
    let step = &plan.steps[0];
    case.history.under_way = Some(UnderWay {
        version: 4,
        name: "d".to_owned(),
        direction: Direction::Up,
        done: 2,
        prefix: step.prefix(2),
        begun: Some(Begun { statement: step.one(2), scope: String::new(), digest: String::new() }),
    });
    assert_eq!(case.up(None).unwrap(), ["up 4_d", "up R__v"]);
    assert_eq!(
        case.commands(),
        [
            "SET @x =",
            "UPDATE `s`.`oarlock_migrations_journal` SET",
            "CREATE TABLE e",
            "START TRANSACTION",
            "INSERT INTO `s`.`oarlock_migrations`",
            "DELETE FROM `s`.`oarlock_migrations_journal`",
            "COMMIT"
        ]
    );
    assert_eq!(case.down(Back::Steps(1)).unwrap(), ["up 4_d", "down 4_d"]);

    let under_way = case.history.under_way.as_mut().unwrap();
    under_way.prefix = "other".to_owned();
    let error = case.basis().up(None).unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Interrupted, "the statements that ran already are not those of the file now")
    );
}

#[test]
fn an_interrupted_way_down_is_finished_and_then_what_was_asked_for_is_done() {
    let mut case = Case::new(Dialect::MARIADB, &[1, 2]);
    let plan = case.basis().down(Back::Steps(1)).unwrap();
    case.history.under_way = Some(UnderWay {
        version: 2,
        name: "b".to_owned(),
        direction: Direction::Down,
        done: 0,
        prefix: plan.steps[0].prefix(0),
        begun: None,
    });
    assert_eq!(case.up(Some(2)).unwrap(), ["down 2_b", "up 2_b"]);
    assert_eq!(case.down(Back::Steps(1)).unwrap(), ["down 2_b", "down 1_a"]);
}
