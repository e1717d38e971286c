use std::fs;

use super::*;
use crate::Direction;

fn resolve(files: &[(&str, &str)], dialect: &Dialect) -> std::result::Result<Vec<String>, String> {
    let resolved = Source::embedded("migrations", files).resolve(dialect).map_err(|error| error.to_string())?;
    let told = resolved.iter().map(|migration| {
        let script = |direction| match migration.work(direction) {
            Some(Work::Sql(script)) => script.statement(0).unwrap_or("-").to_owned(),
            Some(Work::Rust(_)) => "rust".to_owned(),
            None => "none".to_owned(),
        };
        format!("{} {} {}", migration.title(), script(Direction::Up), script(Direction::Down))
    });
    Ok(told.collect())
}

#[test]
fn migrations_are_ordered_by_number_and_the_repeatable_ones_come_last() {
    let files = [
        ("10_c.sql", "SELECT 10"),
        ("R__b.sql", "SELECT 'b'"),
        ("9_b/up.sql", "SELECT 9"),
        ("9_b/down.sql", "SELECT -9"),
        ("R__a.sql", "SELECT 'a'"),
        ("0007_a.sql", "SELECT 7;\n-- oarlock: down\nSELECT -7"),
    ];
    assert_eq!(
        resolve(&files, &Dialect::SQLITE).unwrap(),
        [
            "0007_a SELECT 7 SELECT -7",
            "9_b SELECT 9 SELECT -9",
            "10_c SELECT 10 none",
            "R__a SELECT 'a' none",
            "R__b SELECT 'b' none"
        ]
    );
}

#[test]
fn a_dialect_has_its_own_text_or_that_of_its_family_or_the_common_one() {
    let files = [
        ("1_a/up.sql", "SELECT 'common'"),
        ("1_a/up.mysql.sql", "SELECT 'mysql'"),
        ("1_a/up.postgres.sql", "SELECT 'postgres'"),
        ("1_a/down.sql", "SELECT 0"),
        ("1_a/down.mariadb.sql", "SELECT 1"),
    ];
    for (dialect, told) in [
        (Dialect::SQLITE, "1_a SELECT 'common' SELECT 0"),
        (Dialect::POSTGRES, "1_a SELECT 'postgres' SELECT 0"),
        (Dialect::MYSQL, "1_a SELECT 'mysql' SELECT 0"),
        (Dialect::MARIADB, "1_a SELECT 'mysql' SELECT 1"),
    ] {
        assert_eq!(resolve(&files, &dialect).unwrap(), [told], "{}", dialect.name);
    }
}

#[test]
fn what_cannot_be_is_refused_by_the_names_of_the_files() {
    for (files, error) in [
        (
            &[("1_a.sql", ""), ("1_b.sql", "")][..],
            "migrations/1_a.sql and migrations/1_b.sql have the same version (give one of them another version, later than all that \
             have been applied)",
        ),
        (
            &[("1_a.sql", ""), ("1_a/up.sql", "")],
            "migrations/1_a.sql and migrations/1_a/up.sql have the same version (give one of them another version, later than all \
             that have been applied)",
        ),
        (
            &[("1_a/up.mysql.sql", "")],
            "1_a has no way up on sqlite (add a file up.sql or up.sqlite.sql to it; an empty one does nothing)",
        ),
        (
            &[("1_a/up.sql", "SELECT 1;\n-- oarlock: down")],
            "migrations/1_a/up.sql:2:1: the file's name tells the direction already (take the marker out)",
        ),
        (
            &[("1_a/upp.sql", "")],
            "migrations/1_a/upp.sql: a file of a migration is named up.sql or down.sql, not upp.sql",
        ),
    ] {
        assert_eq!(resolve(files, &Dialect::SQLITE).unwrap_err(), error);
    }
}

#[test]
fn a_migration_in_rust_has_its_place_among_the_files() {
    let source = Source::embedded("migrations", &[("1_a.sql", ""), ("3_c.sql", "")]);
    let source = source.rust(RustMigration::new(2, "b", |_| async { Ok(()) }));
    let titles = |source: &Source| -> Vec<String> {
        source.resolve(&Dialect::SQLITE).unwrap().iter().map(|migration| migration.title().to_owned()).collect()
    };
    assert_eq!(titles(&source), ["1_a", "2_b", "3_c"]);
    let twice = source.rust(RustMigration::new(3, "c", |_| async { Ok(()) }));
    assert!(
        twice.resolve(&Dialect::SQLITE).unwrap_err().to_string().starts_with("migrations/3_c.sql and 3_c (Rust) have")
    );
}

#[test]
fn a_directory_is_read_and_what_leads_out_of_it_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("migrations");
    fs::create_dir_all(root.join("2_b")).unwrap();
    fs::create_dir_all(root.join("seeds")).unwrap();
    fs::write(root.join("1_a.sql"), "\u{feff}SELECT 1;\r\n").unwrap();
    fs::write(root.join("2_b/up.sql"), "SELECT 2").unwrap();
    fs::write(root.join("seeds/x.sql"), "SELECT 3").unwrap();
    fs::write(root.join("README.md"), [0xFF]).unwrap();
    let read = Source::directory(&root).unwrap().resolve(&Dialect::SQLITE).unwrap();
    let titles: Vec<&str> = read.iter().map(Migration::title).collect();
    assert_eq!(titles, ["1_a", "2_b"]);
    assert_eq!(
        read[0].checksum(),
        Source::embedded("m", &[("1_a.sql", "SELECT 1")]).resolve(&Dialect::SQLITE).unwrap()[0].checksum()
    );

    fs::write(root.join("3_c.sql"), [b'a', 0xFF]).unwrap();
    let error = Source::directory(&root).unwrap_err();
    assert_eq!((error.kind(), error.hint()), (ErrorKind::Source, Some("save the file as UTF-8")));
    fs::remove_file(root.join("3_c.sql")).unwrap();

    let error = Source::directory(directory.path().join("none")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);

    #[cfg(unix)]
    {
        fs::write(directory.path().join("outside.sql"), "SELECT 4").unwrap();
        std::os::unix::fs::symlink(root.join("1_a.sql"), root.join("4_inside.sql")).unwrap();
        assert!(Source::directory(&root).is_ok());
        std::os::unix::fs::symlink("../outside.sql", root.join("5_out.sql")).unwrap();
        let error = Source::directory(&root).unwrap_err();
        assert!(error.message().ends_with("5_out.sql is a link out of the directory of migrations"), "{error}");
    }
}
