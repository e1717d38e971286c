//! What a program does with migrations that are compiled in.

use std::sync::{Arc, Mutex};

use oarlock::migrate::{
    Back, Direction, ErrorKind, Event, Migrator, Place, Report, RustMigration, Source, State, Status, Version,
};
use oarlock::{Conn, Db, DbExt, Pool, Result, Tx, embed_migrations};

fn migrations() -> Source {
    embed_migrations!("tests/migrate/embedded")
}

fn told(report: &Report) -> Vec<String> {
    report.steps.iter().map(|step| format!("{} {}", step.direction, step.title)).collect()
}

fn states(status: &Status) -> Vec<(&str, State)> {
    status.entries.iter().map(|entry| (&*entry.title, entry.state)).collect()
}

fn version(number: i64) -> Version {
    Version::new(number).expect("a version is above zero")
}

async fn tables(db: &dyn Db) -> Result<Vec<String>> {
    let mut names = db.table_names(None).await?;
    names.retain(|name| !name.starts_with("oarlock_"));
    Ok(names)
}

#[oarlock::test(engines = [sqlite, postgres, mysql])]
async fn a_pool_is_migrated_up_and_down(db: Pool) -> Result<()> {
    let migrator = Migrator::new(migrations());
    let all = ["up 1_country", "up 2_city", "up 3_index", "up R__norwegian"];
    assert_eq!(told(&migrator.run(&db).await?), all);
    assert_eq!(told(&migrator.run(&db).await?), [""; 0]);
    db.execute("INSERT INTO city VALUES ('Oslo', 'no')", ()).await?;
    assert_eq!(db.fetch_value::<String>("SELECT name FROM norwegian", ()).await?, "Oslo");
    let country: String = db.fetch_value("SELECT name FROM country", ()).await?;
    assert_eq!(country, "Norway; of the fjords");

    db.execute("DROP VIEW norwegian", ()).await?;
    assert_eq!(told(&migrator.down(&db, Back::Steps(2)).await?), ["down 3_index", "down 2_city"]);
    assert_eq!(tables(&db).await?, ["country"]);
    assert_eq!(told(&migrator.down(&db, Back::All).await?), ["down 1_country"]);
    assert_eq!(tables(&db).await?, [""; 0]);
    assert_eq!(told(&migrator.up(&db, Some(version(2))).await?), ["up 1_country", "up 2_city"]);
    assert_eq!(told(&migrator.redo(&db).await?), ["down 2_city", "up 2_city", "up 3_index"]);
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql])]
async fn status_and_plan_tell_all_and_write_nothing(db: Conn) -> Result<()> {
    let migrator = Migrator::new(migrations());
    let status = migrator.status(&db).await?;
    assert_eq!((status.pending(), status.amiss()), (4, 0));
    let plan = migrator.plan_up(&db, None).await?;
    assert_eq!((plan.setup().len(), plan.steps().len()), (2, 4));
    assert_eq!(db.table_names(None).await?, [""; 0]);

    migrator.up(&db, Some(version(1))).await?;
    let status = migrator.status(&db).await?;
    assert_eq!(
        states(&status),
        [
            ("1_country", State::Applied),
            ("2_city", State::Pending),
            ("3_index", State::Pending),
            ("R__norwegian", State::Pending)
        ]
    );
    let applied = status.entries[0].applied.as_ref().unwrap();
    assert_eq!((applied.state.as_str(), applied.kind.as_str()), ("applied", "sql"));
    let age = applied.applied_at.elapsed().unwrap_or_default();
    assert!(age.as_secs() < 600, "applied {age:?} ago");
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql])]
async fn a_program_hears_of_every_statement(db: Pool) -> Result<()> {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hearing = Arc::clone(&heard);
    let migrator = Migrator::new(migrations()).on_event(move |event| {
        let told = match event {
            Event::Started { migration, statements, .. } => format!("{} of {statements}", migration.title()),
            Event::Statement { index, sql, .. } => {
                format!("{index} {}", sql.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
            }
            Event::Finished { migration, .. } => format!("{} done", migration.title()),
            other => format!("{other:?}"),
        };
        hearing.lock().unwrap().push(told);
    });
    migrator.up(&db, Some(version(1))).await?;
    let told = ["1_country of 2", "0 CREATE TABLE", "1 INSERT INTO", "1_country done"];
    assert_eq!(*heard.lock().unwrap(), told);
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql])]
async fn a_statement_that_fails_is_shown_in_its_file_and_leaves_what_is_before_it(db: Pool) -> Result<()> {
    let files = [
        ("1_a.sql", "CREATE TABLE a (x int);"),
        ("2_b.sql", "CREATE TABLE b (x int);\nINSERT INTO b\n  VALUES (1, nope);"),
    ];
    let error = Migrator::new(Source::embedded("migrations", &files)).run(&db).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Statement);
    assert_eq!((error.message(), error.migration()), ("statement 2 failed", Some("2_b")));
    let place = error.place().unwrap();
    assert_eq!((place.file(), place.line() > 1), ("migrations/2_b.sql", true));
    assert!(error.database_error().unwrap().message().contains("nope"), "{error:?}");

    let mended = [files[0], ("2_b.sql", "CREATE TABLE b (x int);\nINSERT INTO b VALUES (1);")];
    let migrator = Migrator::new(Source::embedded("migrations", &mended));
    let interrupted = migrator.status(&db).await?.entries[1].state == State::Interrupted;
    let rolls_back = tables(&db).await? == ["a"];
    assert_ne!(interrupted, rolls_back, "a statement that cannot be rolled back is remembered");
    assert_eq!(told(&migrator.run(&db).await?), ["up 2_b"]);
    assert_eq!(db.fetch_value::<i64>("SELECT COUNT(*) FROM b", ()).await?, 1);
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql])]
async fn a_database_of_old_gets_a_baseline_and_marks(db: Pool) -> Result<()> {
    db.execute("CREATE TABLE country (code varchar(2) NOT NULL PRIMARY KEY, name varchar(80) NOT NULL)", ()).await?;
    let migrator = Migrator::new(migrations());
    assert_eq!(migrator.baseline(&db, version(1)).await?, ["1_country"]);
    assert_eq!(migrator.baseline(&db, version(1)).await.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(migrator.baseline(&db, version(9)).await.unwrap_err().kind(), ErrorKind::UnknownVersion);
    assert_eq!(told(&migrator.up(&db, Some(version(2))).await?), ["up 2_city"]);
    assert_eq!(migrator.mark(&db, version(3), Direction::Up).await?, ["3_index"]);
    assert_eq!(migrator.mark(&db, version(3), Direction::Up).await?, [""; 0]);
    assert_eq!(migrator.mark(&db, version(3), Direction::Down).await?, ["3_index"]);
    assert_eq!(told(&migrator.up(&db, Some(version(3))).await?), ["up 3_index"]);
    let status = migrator.status(&db).await?;
    let kept: Vec<&str> = status.entries.iter().filter_map(|entry| Some(&*entry.applied.as_ref()?.state)).collect();
    assert_eq!(kept, ["baseline", "applied", "applied"]);
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql])]
async fn what_was_edited_or_lost_is_refused_until_it_is_repaired(db: Pool) -> Result<()> {
    let before = [("1_a.sql", "CREATE TABLE a (x int)"), ("2_b.sql", "CREATE TABLE b (x int)")];
    Migrator::new(Source::embedded("m", &before)).run(&db).await?;
    let after = Migrator::new(Source::embedded("m", &[("1_a.sql", "CREATE TABLE a (x bigint)"), ("3_c.sql", "")]));
    assert_eq!(after.verify(&db).await.unwrap_err().kind(), ErrorKind::Edited);
    assert_eq!(after.run(&db).await.unwrap_err().kind(), ErrorKind::Edited);
    let wanted = [("1_a", State::Edited), ("2_b", State::Missing), ("3_c", State::Pending)];
    assert_eq!(states(&after.status(&db).await?), wanted);
    let lenient = after.clone().allow_edited(version(1));
    assert_eq!(lenient.verify(&db).await.unwrap_err().kind(), ErrorKind::Missing);
    lenient.allow_missing(version(2)).verify(&db).await?;
    assert_eq!(after.repair(&db).await?, ["1_a", "2_b"]);
    after.verify(&db).await?;
    assert_eq!(told(&after.run(&db).await?), ["up 3_c"]);
    Ok(())
}

async fn double(tx: Tx) -> Result<()> {
    let all: Vec<(i64,)> = tx.fetch_all("SELECT x FROM a", ()).await?;
    for (x,) in all {
        tx.execute("UPDATE a SET x = ? WHERE x = ?", (x * 2, x)).await?;
    }
    Ok(())
}

async fn refuse(tx: Tx) -> Result<()> {
    tx.execute("DELETE FROM a", ()).await?;
    Err(oarlock::Error::new(oarlock::ErrorKind::Invalid, "not today"))
}

#[oarlock::test(engines = [sqlite, postgres, mysql])]
async fn a_migration_in_rust_is_a_transaction(db: Pool) -> Result<()> {
    let files = [("1_a.sql", "CREATE TABLE a (x bigint); INSERT INTO a VALUES (1), (10)")];
    let source = Source::embedded("m", &files).rust(RustMigration::new(2, "double", double));
    let failing = Migrator::new(source.clone().rust(RustMigration::new(3, "refuse", refuse)));
    let error = failing.run(&db).await.unwrap_err();
    assert_eq!((error.kind(), error.migration()), (ErrorKind::Statement, Some("3_refuse")));
    assert_eq!(db.fetch_value::<i64>("SELECT CAST(SUM(x) AS DECIMAL(9)) FROM a", ()).await?, 22);
    assert_eq!(told(&Migrator::new(source).run(&db).await?), [""; 0]);
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql])]
async fn a_repeatable_migration_runs_again_when_it_has_changed(db: Pool) -> Result<()> {
    let of = |text: &str| Migrator::new(Source::embedded("m", &[("R__v.sql", text)]));
    assert_eq!(told(&of("CREATE VIEW v AS SELECT 1 AS x").run(&db).await?), ["up R__v"]);
    let changed = of("DROP VIEW IF EXISTS v; CREATE VIEW v AS SELECT 2 AS x -- two");
    assert_eq!(told(&changed.run(&db).await?), ["up R__v"]);
    assert_eq!(told(&changed.run(&db).await?), [""; 0]);
    assert_eq!(db.fetch_value::<i64>("SELECT x FROM v", ()).await?, 2);
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql])]
async fn no_migration_sees_what_another_has_set(db: Conn) -> Result<()> {
    let (set, make, shown, unset) = match db.info().dialect.name {
        "postgres" => {
            ("SET search_path = elsewhere", "CREATE SCHEMA elsewhere", "SHOW search_path", "\"$user\", public")
        }
        "sqlite" => {
            let shown = "SELECT CAST(recursive_triggers AS text) FROM pragma_recursive_triggers";
            ("PRAGMA recursive_triggers = on", "SELECT 1", shown, "0")
        }
        _ => ("SET @x = 'set'", "SELECT 1", "SELECT IF(@x IS NULL, 'unset', 'set')", "unset"),
    };
    let first = format!("{make}; {set}");
    let files = [("1_a.sql", &*first), ("2_b.sql", "CREATE TABLE b (x int)")];
    Migrator::new(Source::embedded("m", &files)).run(&db).await?;
    assert_eq!(tables(&db).await?, ["b"]);
    let failing = format!("{set}; SELECT nope");
    let files = [files[0], files[1], ("3_c.sql", &*failing)];
    let error = Migrator::new(Source::embedded("m", &files)).run(&db).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Statement);
    assert_eq!(db.fetch_value::<String>(shown, ()).await?, unset);
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql])]
async fn a_transaction_is_refused(db: Pool) -> Result<()> {
    let tx = db.begin().await?;
    assert_eq!(Migrator::new(migrations()).run(&tx).await.unwrap_err().kind(), ErrorKind::NotSupported);
    tx.rollback().await
}

#[oarlock::test(engines = [sqlite, postgres, mysql])]
async fn a_migrations_error_is_an_error_of_oarlock(db: Pool) -> Result<()> {
    let started = async {
        Migrator::new(Source::embedded("m", &[("1_a.sql", "SELEC 1")])).run(&db).await?;
        Ok(())
    };
    let started: Result<()> = started.await;
    let error = started.unwrap_err();
    assert_eq!(error.kind(), oarlock::ErrorKind::Syntax);
    assert!(error.message().starts_with("m/1_a.sql:1:1: statement 1 failed\n  1 | SELEC 1\n    | ^\n"), "{error}");
    Ok(())
}

#[oarlock::test(engines = [postgres])]
async fn an_index_that_could_not_be_built_is_built_anew(db: Pool) -> Result<()> {
    let files = [
        ("1_a.sql", "CREATE TABLE a (x int); INSERT INTO a VALUES (1), (1)"),
        ("2_index.sql", "-- oarlock: no-transaction\nCREATE UNIQUE INDEX CONCURRENTLY a_x ON a (x)"),
    ];
    let migrator = Migrator::new(Source::embedded("m", &files));
    let error = migrator.run(&db).await.unwrap_err();
    assert_eq!((error.kind(), error.place().map(Place::line)), (ErrorKind::Statement, Some(2)));
    let invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid";
    assert_eq!(db.fetch_value::<i64>(invalid, ()).await?, 1);
    // What others do elsewhere meanwhile is no sign of the statement.
    db.execute("CREATE TABLE elsewhere (y int PRIMARY KEY)", ()).await?;
    assert_eq!(migrator.run(&db).await.unwrap_err().kind(), ErrorKind::Statement);
    db.execute("DELETE FROM a", ()).await?;
    assert_eq!(told(&migrator.run(&db).await?), ["up 2_index"]);
    assert_eq!(db.fetch_value::<i64>(invalid, ()).await?, 0);
    Ok(())
}

#[oarlock::test(engines = [mysql])]
async fn a_statement_that_failed_is_run_again_as_it_was_mended(db: Pool) -> Result<()> {
    let of = |text: &str| Migrator::new(Source::embedded("m", &[("1_a.sql", text)]));
    let error = of("CREATE TABLE a (x INT); DROP TABLE a, nowhere; CREATE TABLE b (x INT)").run(&db).await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Statement, "statement 2 failed"));
    let error = of("CREATE TABLE a (y INT); CREATE TABLE b (x INT)").run(&db).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    assert_eq!(
        error.to_string(),
        "1_a: the statements that ran already are not those of the file now (it was interrupted half-way: put the statements that \
         ran back as they were, and edit only those after them)"
    );
    assert_eq!(told(&of("CREATE TABLE a (x INT); CREATE TABLE b (x INT)").run(&db).await?), ["up 1_a"]);
    assert_eq!(tables(&db).await?, ["b"]);
    Ok(())
}

#[oarlock::test(engines = [mysql])]
async fn what_cannot_be_told_is_refused_before_anything_runs(db: Pool) -> Result<()> {
    let files = [("1_a.sql", "CREATE TABLE a (x INT)"), ("2_call.sql", "CREATE TABLE b (x INT);\nCALL p()")];
    let error = Migrator::new(Source::embedded("m", &files)).run(&db).await.unwrap_err();
    assert_eq!((error.kind(), error.migration()), (ErrorKind::Unsafe, Some("2_call")));
    assert_eq!(error.place().map(|place| (place.line(), place.column())), Some((2, 1)));
    assert_eq!(tables(&db).await?, [""; 0]);
    Ok(())
}
