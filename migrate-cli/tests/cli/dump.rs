//! `dump` and `load`: a database as a file, and back.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use crate::place::{Engine, Place, assert_told, on_every_engine};

on_every_engine!(
    a_database_goes_into_a_file_and_back,
    what_cannot_be_written_or_loaded_is_told,
    a_dump_goes_through_a_pipe,
);

/// Two migrations, and one with what stands in sections of its own.
fn three_migrations(place: &Place) {
    place.two_migrations();
    place.migration(
        "3_posts",
        "CREATE TABLE posts (id INT PRIMARY KEY, author INT NOT NULL, title VARCHAR(80) DEFAULT 'it''s; new',\n  \
         FOREIGN KEY (author) REFERENCES users (id) ON DELETE CASCADE);\n\
         CREATE INDEX posts_by_author ON posts (author);\n\
         CREATE VIEW titles AS SELECT title FROM posts;\n\
         INSERT INTO posts (id, author) VALUES (1, 1);\n",
        "DROP VIEW titles;\nDROP TABLE posts;\n",
    );
}

fn a_database_goes_into_a_file_and_back(engine: Engine) {
    let Some(place) = Place::with_database(engine) else { return };
    three_migrations(&place);
    place.ok(&["up"]);
    let told = place.transcript(&[
        &["dump"],
        &["dump", "--data=posts", "--no-history"],
        &["dump", "schema.sql"],
        &["dump", "all.sql", "--data", "--json"],
        &["drop", "--yes"],
        &["create"],
        &["load", "schema.sql"],
        &["status"],
        &["up"],
        &["load", "all.sql"],
        &["drop", "--yes"],
        &["create"],
        &["load", "all.sql", "--json"],
        &["status", "--check"],
    ]);
    // The program's text is each engine's own.
    assert_told!(format!("dump_{}", engine.name()), told);
    let (before, after) = (fs::read(place.path().join("all.sql")).unwrap(), place.ok(&["dump", "--data"]));
    assert_eq!(String::from_utf8(before).unwrap(), after);
    let left = fs::read_dir(place.path())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains(".sql."));
    assert_eq!(left.count(), 0, "nothing half written is left beside the files");
}

fn what_cannot_be_written_or_loaded_is_told(engine: Engine) {
    let Some(place) = Place::with_database(engine) else { return };
    place.write("broken.sql", "CREATE TABLE a (id INT);\n\nCREATE TABEL b (id INT);\n");
    place.write("open.sql", "CREATE TABLE a (id INT);\nINSERT INTO a VALUES ('one);\n");
    fs::write(place.path().join("latin.sql"), b"-- \xe9\n").unwrap();
    place.write("own.sql", "CREATE TABLE own (id INT);\nCOMMIT;\n");
    let told = place.transcript(&[
        &["load", "missing.sql"],
        &["load", "latin.sql"],
        &["load", "open.sql"],
        &["load", "broken.sql"],
        &["load", "broken.sql", "--json", "--force"],
        &["drop", "--yes"],
        &["create"],
        &["load", "own.sql"],
        &["up", "--dir", "."],
        &["dump", "--data=nowhere"],
        &["dump", "no/such/directory/schema.sql"],
        &["dump", "a.sql", "b.sql"],
    ]);
    assert_told!(format!("dump_errors_{}", engine.name()), told);
}

fn a_dump_goes_through_a_pipe(engine: Engine) {
    let Some(place) = Place::with_database(engine) else { return };
    three_migrations(&place);
    place.ok(&["up"]);
    let text = place.ok(&["dump", "-", "--data"]);
    let document: serde_json::Value = serde_json::from_str(&place.ok(&["dump", "--data", "--json"])).unwrap();
    assert_eq!(document["sql"].as_str(), Some(&*text));
    assert_eq!(document["rows"], 5);
    place.ok(&["drop", "--yes"]);
    place.ok(&["create"]);
    let mut load = place
        .command(&["load", "--verbose"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    load.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let ended = load.wait_with_output().unwrap();
    let told = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.success(), "{told}");
    assert!(told.contains("standard input, statement 1 of "), "each statement is printed: {told}");
    assert_eq!(place.ok(&["dump", "--data"]), text);
}

#[test]
fn a_database_that_is_not_there_takes_no_schema_away() {
    let Some(place) = Place::empty(Engine::Sqlite) else { return };
    place.write("schema.sql", "-- precious\n");
    assert_told!("dump_nothing", place.transcript(&[&["dump", "schema.sql"], &["dump"]]));
    assert_eq!(fs::read_to_string(place.path().join("schema.sql")).unwrap(), "-- precious\n");
}

#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let Some(place) = Place::with_database(Engine::Sqlite) else { return };
    let rows: Vec<String> = (0..20_000).map(|number| format!("({number}, 'user')")).collect();
    place.write(
        "many.sql",
        &format!("CREATE TABLE users (id INT, name TEXT);\nINSERT INTO users VALUES {};\n", rows.join(", ")),
    );
    place.ok(&["load", "many.sql"]);
    let mut dump = place.command(&["dump", "--data"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(dump.stdout.take());
    let ended = dump.wait_with_output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(ended.stderr, b"");
}

#[test]
fn what_is_half_done_or_not_known_is_not_written() {
    let Some(place) = Place::with_database(Engine::Postgres) else { return };
    place.write(
        "migrations/1_half.sql",
        "-- oarlock: no-transaction\nCREATE TABLE a (id INT);\nCREATE TABEL b (id INT);\n",
    );
    place.write("other.sql", "CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq);\n");
    assert_eq!(place.run(&["up"]).code, Some(8));
    let told = place.transcript(&[
        &["dump", "schema.sql"],
        &["mark", "1"],
        &["load", "other.sql", "--force"],
        &["dump", "schema.sql"],
        &["dump", "schema.sql", "--json"],
        &["load", "other.sql"],
    ]);
    assert_told!("dump_refused", told);
    assert!(!place.path().join("schema.sql").exists());
}
