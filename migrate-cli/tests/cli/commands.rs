//! What single commands do besides.

use crate::place::{Engine, Place, assert_told, on_every_engine};

on_every_engine!(
    a_database_that_was_there_gets_a_baseline,
    repair_takes_the_files_as_they_are,
    seeds_run_as_often_as_one_likes
);

fn a_database_that_was_there_gets_a_baseline(engine: Engine) {
    let Some(place) = Place::with_database(engine) else { return };
    place.write("migrations/0.txt", "not a migration");
    place.migration("0001_users", "CREATE TABLE users (id INT PRIMARY KEY);\n", "");
    place.migration("0002_posts", "CREATE TABLE posts (id INT PRIMARY KEY);\n", "DROP TABLE posts;\n");
    let told = place.transcript(&[
        &["baseline", "1"],
        &["status"],
        &["up"],
        &["baseline", "2"],
        &["mark", "2", "--pending"],
        &["mark", "2", "--pending"],
        &["mark", "2"],
        &["mark", "2"],
        &["new", "third"],
    ]);
    assert_told!("baseline", told);
}

fn repair_takes_the_files_as_they_are(engine: Engine) {
    let Some(place) = Place::with_database(engine) else { return };
    place.two_migrations();
    place.ok(&["up"]);
    place.write("migrations/2_ada/up.sql", "INSERT INTO users VALUES (1, 'Ada Lovelace');\n");
    let told = place.transcript(&[&["verify"], &["up", "--allow-edited", "2"], &["repair"], &["repair"], &["verify"]]);
    assert_told!("repair", told);
}

fn seeds_run_as_often_as_one_likes(engine: Engine) {
    let Some(place) = Place::with_database(engine) else { return };
    place.two_migrations();
    place.ok(&["up"]);
    place.write("seeds/1_more.sql", "DELETE FROM users WHERE id = 7;\nINSERT INTO users VALUES (7, 'Alan');\n");
    place.write("data/wrong.sql", "INSERT INTO users VALUES (8, 'Barbara');\nINSERT INTO users VALUES (1, 'Ada');\n");
    let told = place.transcript(&[&["seed"], &["seed"], &["seed", "nowhere"]]);
    assert_told!("seed", told);
    let ran = place.run(&["seed", "data"]);
    assert_eq!(ran.code, Some(8), "{ran:?}");
    assert!(ran.stderr.contains("data/wrong.sql:2:"), "{ran:?}");
}

#[test]
fn the_schema_names_all_else() {
    let Some(place) = Place::with_database(Engine::Postgres) else { return };
    place.write(
        "all.sql",
        "CREATE TYPE mood AS ENUM ('ok', 'it''s');\nCREATE SEQUENCE numbers;\nCREATE TABLE t (id int PRIMARY KEY, mood mood);\n\
         CREATE VIEW v AS SELECT id FROM t;\nCREATE MATERIALIZED VIEW m AS SELECT id FROM t;\n\
         CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;\n\
         CREATE TRIGGER note BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION noted();\n\
         CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq);\n",
    );
    place.ok(&["load", "all.sql"]);
    assert_told!("schema_all_else", place.transcript(&[&["schema"], &["schema", "--json"]]));
}

#[test]
fn the_schema_is_drawn() {
    let Some(place) = Place::with_database(Engine::Sqlite) else { return };
    place.migration(
        "1_shop",
        "CREATE TABLE customer (id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, \"odd name\" DECIMAL(10,2));
         CREATE TABLE orders (
           id INTEGER PRIMARY KEY,
           customer_id INTEGER NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
           parent_id INTEGER REFERENCES orders (id),
           placed_at TEXT DEFAULT CURRENT_TIMESTAMP,
           CHECK (parent_id <> id)
         );
         CREATE INDEX orders_placed ON orders (placed_at DESC) WHERE parent_id IS NULL;
         CREATE TABLE line (order_id INTEGER REFERENCES orders (id), number INTEGER, PRIMARY KEY (order_id, number));
         CREATE VIEW recent AS SELECT id FROM orders;\n",
        "",
    );
    place.ok(&["up"]);
    assert_told!("schema_text", place.ok(&["schema"]));
    assert_told!("schema_mermaid", place.ok(&["schema", "--format", "mermaid"]));
    assert_told!("schema_svg", place.ok(&["schema", "--format", "svg"]));
    assert_told!("schema_one", place.transcript(&[&["schema", "line"], &["schema", "lines"]]));
    let document: serde_json::Value = serde_json::from_str(&place.ok(&["schema", "--json"])).unwrap();
    let tables = document["tables"].as_array().unwrap().iter().map(|table| table["name"].as_str().unwrap());
    assert_eq!(tables.collect::<Vec<_>>(), ["customer", "line", "orders"]);
}

#[test]
fn new_writes_what_it_is_asked_for() {
    let Some(place) = Place::empty(Engine::Sqlite) else { return };
    let told = place.transcript(&[
        &["new", "plain"],
        &["new", "views", "--repeatable"],
        &["new", "views", "--repeatable"],
        &["new", "search", "--dialects", "postgres,mysql"],
        &["new", "both", "--one-file", "--json"],
        &["new", "../escape"],
        &["new", "migrator", "--bin"],
        &["new", "migrator", "--bin"],
        &["new", "not a package", "--bin"],
    ]);
    assert_told!("new", told);
    let program = std::fs::read_to_string(place.path().join("migrator/src/main.rs")).unwrap();
    let ours = include_str!("../../src/main.rs");
    let without_docs = ours.split_once("\n\n").unwrap().1.replace("use std::process::ExitCode;\n\n", "");
    assert_eq!(
        program,
        without_docs.replace("-> ExitCode", "-> std::process::ExitCode"),
        "a program that is compiled is the same"
    );
}

#[test]
fn the_help_tells_all() {
    let Some(place) = Place::empty(Engine::Sqlite) else { return };
    let told = place.transcript(&[&["--help"], &["help", "up"], &["down", "-h"], &["--version"]]);
    assert_told!("help", told);
}

#[test]
fn shells_complete_commands() {
    let Some(place) = Place::empty(Engine::Sqlite) else { return };
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = place.ok(&["completions", shell]);
        assert!(script.contains("oarlock") && script.contains("baseline"), "{shell}: {script}");
    }
}

#[test]
fn what_names_the_database_and_the_files_has_an_order() {
    let Some(place) = Place::empty(Engine::Sqlite) else { return };
    place.write("other/1_a.sql", "CREATE TABLE a (id INT);\n");
    place.write(".env", "DATABASE_URL=sqlite:of_dotenv.db\nOARLOCK_MIGRATIONS=\"other\"\n");
    place.ok(&["up"]);
    assert!(place.path().join("of_dotenv.db").exists(), ".env names the database");
    let set = place.command(&["up"]).env("DATABASE_URL", "sqlite:of_variable.db").output().unwrap();
    assert!(set.status.success() && place.path().join("of_variable.db").exists(), "a variable goes before .env");
    let given = ["up", "--database-url", "sqlite:of_option.db"];
    let set = place.command(&given).env("DATABASE_URL", "sqlite:of_variable.db").output().unwrap();
    assert!(set.status.success() && place.path().join("of_option.db").exists(), "an option goes before both");
    place.write("deep/er/file", "");
    let below = place
        .command(&["status", "--check", "-u", "sqlite:../../of_option.db", "-d", "../../other"])
        .current_dir(place.path().join("deep/er"))
        .output()
        .unwrap();
    assert!(below.status.success(), "paths are from here: {below:?}");
    place.write("production.env", "DATABASE_URL=sqlite:of_file.db\n");
    place.ok(&["up", "--env-file", "production.env", "--dir", "other"]);
    assert!(place.path().join("of_file.db").exists(), "another file takes the place of .env");
}
