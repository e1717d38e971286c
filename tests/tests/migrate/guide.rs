//! What docs/migrations.md shows.

use oarlock::migrate::{Catalog, Dump, Event, Load, Migrator, RustMigration, Seeds, Source};
use oarlock::{DbExt, Pool, Result, Tx, embed_migrations};

#[oarlock::test(engines = [sqlite, postgres, mysql])]
async fn a_program_migrates_at_its_start(db: Pool) -> Result<()> {
    let migrations = Migrator::new(embed_migrations!("tests/migrate/embedded"));
    let report = migrations.run(&db).await?;
    assert_eq!(report.steps.len(), 4);
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql])]
async fn a_plan_lists_the_statements(db: Pool) -> Result<()> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/migrate/embedded");
    let source = Source::directory(directory)?;
    let plan = Migrator::new(source).plan_up(&db, None).await?;
    let mut lines = Vec::new();
    for step in plan.steps() {
        for command in plan.commands(step) {
            lines.push(command.sql);
        }
    }
    assert!(lines.iter().any(|line| line.starts_with("CREATE TABLE city")), "{lines:?}");
    Ok(())
}

async fn initials(tx: Tx) -> Result<()> {
    let names: Vec<(String,)> = tx.fetch_all("SELECT name FROM country", ()).await?;
    for (name,) in names {
        let initial: String = name.chars().take(1).collect();
        tx.execute("UPDATE country SET initial = ? WHERE name = ?", (initial, &name)).await?;
    }
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql])]
async fn a_function_migrates_data(db: Pool) -> Result<()> {
    let files = [
        ("1_country.sql", "CREATE TABLE country (name VARCHAR(80)); INSERT INTO country VALUES ('Norway'), ('Chad')"),
        ("4_initial.sql", "ALTER TABLE country ADD COLUMN initial VARCHAR(1)"),
    ];
    let source = Source::embedded("migrations", &files);
    let source = source.rust(RustMigration::new(5, "initials", initials));
    let migrator = Migrator::new(source).on_event(|event| match event {
        Event::Waiting { holder } => tracing::info!(?holder, "another runner is at work"),
        Event::Finished { migration, duration, .. } => tracing::info!(migration = migration.title(), ?duration),
        _ => {}
    });
    migrator.run(&db).await?;
    let initials: Vec<(String,)> = db.fetch_all("SELECT initial FROM country ORDER BY initial", ()).await?;
    assert_eq!(initials, [("C".to_owned(),), ("N".to_owned(),)]);

    let files = [
        ("2_more.sql", "INSERT INTO country (name) VALUES ('Oman')"),
        ("1_none.sql", "DELETE FROM country"),
        ("1_none.postgres.sql", "DELETE FROM country WHERE name <> ''"),
        ("3_no.store.sql", "NOT FOR THIS ONE"),
    ];
    let seeds = Seeds::embedded("seeds", &files);
    for _ in 0..2 {
        let ran = migrator.seed(&db, &seeds).await?;
        assert_eq!((ran.len(), &*ran[1]), (2, "seeds/2_more.sql"));
        assert_eq!(db.fetch_value::<i64>("SELECT COUNT(*) FROM country", ()).await?, 1);
    }
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql])]
async fn a_schema_is_written_down(db: Pool) -> Result<()> {
    Migrator::new(embed_migrations!("tests/migrate/embedded")).run(&db).await?;
    let mut schema = Vec::new();
    Dump::new().rows_of("country").write(&db, &mut schema).await?;
    let schema = String::from_utf8_lossy(&schema);
    assert!(schema.contains("Norway"), "{schema}");

    let digest = Catalog::read(&db).await?.digest();
    assert_eq!(digest.len(), 64);
    let refused = Load::new().run(&db, "schema.sql", &schema).await;
    assert!(refused.is_err(), "the database is not empty");
    Ok(())
}
