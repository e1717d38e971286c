//! From an empty directory to a migrated database and back, as a new user goes.

use std::fs;

use crate::place::{Engine, Place, assert_told, on_every_engine};

on_every_engine!(a_new_user_goes_up_and_down, everything_speaks_json, a_plan_is_the_sql_that_would_be_sent);

fn a_new_user_goes_up_and_down(engine: Engine) {
    let Some(place) = Place::empty(engine) else { return };
    let written = place.ok(&["new", "create users"]);
    let [up, down] = written.lines().collect::<Vec<_>>()[..] else { panic!("two files: {written}") };
    place.write(up, "CREATE TABLE users (\n  id VARCHAR(36) PRIMARY KEY,\n  name VARCHAR(80) NOT NULL\n);\n");
    place.write(down, "DROP TABLE users;\n");
    let written = place.ok(&["new", "first_users", "--one-file"]);
    place.write(
        written.trim(),
        "-- oarlock: up\nINSERT INTO users VALUES ('1', 'Ada');\nINSERT INTO users VALUES ('2', 'Grace');\n\n\
         -- oarlock: down\nDELETE FROM users;\n",
    );
    let told = place.transcript(&[
        &["create"],
        &["create"],
        &["status"],
        &["status", "--check"],
        &["up"],
        &["up"],
        &["status", "--check"],
        &["schema"],
        &["verify"],
        &["down"],
        &["down", "--yes"],
        &["status"],
        &["up", "--verbose"],
        &["redo", "--yes"],
        &["reset", "--yes"],
        &["down", "--all", "--yes"],
        &["down", "--yes"],
        &["drop"],
        &["drop", "--yes"],
        &["drop", "--yes"],
        &["drop", "--yes", "--if-exists"],
    ]);
    // A column's type is in each engine's own words, as the catalog has it.
    assert_told!(format!("life_{}", engine.name()), told);
}

fn everything_speaks_json(engine: Engine) {
    let Some(place) = Place::with_database(engine) else { return };
    place.two_migrations();
    place.write("seeds/more.sql", "DELETE FROM users WHERE id = 7; INSERT INTO users VALUES (7, 'Alan');\n");
    let told = place.transcript(&[
        &["create", "--json"],
        &["status", "--json"],
        &["up", "--json"],
        &["up", "--json"],
        &["status", "--json"],
        &["verify", "--json"],
        &["seed", "--json"],
        &["down", "--json"],
        &["down", "--json", "--yes"],
        &["mark", "2", "--json"],
        &["mark", "2", "--pending", "--json"],
        &["redo", "--json", "--yes"],
        &["reset", "--json", "--yes"],
        &["repair", "--json"],
        &["wait", "--json"],
        &["drop", "--json", "--yes"],
    ]);
    assert_told!("json", told);
}

fn a_plan_is_the_sql_that_would_be_sent(engine: Engine) {
    let Some(place) = Place::with_database(engine) else { return };
    place.two_migrations();
    place.write("migrations/3_slow.sql", "-- oarlock: lock-timeout=5s\nALTER TABLE users ADD COLUMN age INT;\n");
    let before = place.ok(&["plan"]);
    place.ok(&["up"]);
    let told = format!(
        "{}\n{}",
        place.anonymous(&before),
        place.transcript(&[&["plan"], &["plan", "--down", "--to", "1"], &["plan", "--steps", "1"]])
    );
    assert_told!(format!("plan_{}", engine.name()), told);
    let document: serde_json::Value = serde_json::from_str(&place.ok(&["plan", "--to", "2", "--json"])).unwrap();
    assert_eq!(document["steps"].as_array().map(Vec::len), Some(0));
}

#[test]
fn looking_makes_no_file_and_changes_none() {
    let Some(place) = Place::empty(Engine::Sqlite) else { return };
    place.two_migrations();
    let file = place.path().join("place.db");
    for looking in [&["status"][..], &["plan"], &["verify"], &["schema"], &["wait"]] {
        place.ok(looking);
        assert!(!file.exists(), "{looking:?} has made the file");
    }
    place.ok(&["up"]);
    for beside in ["place.db-wal", "place.db-shm"] {
        assert!(!place.path().join(beside).exists(), "all is in the one file: {beside}");
    }
    let before = fs::read(&file).unwrap();
    for looking in [&["status"][..], &["plan"], &["plan", "--down"], &["verify"], &["schema"], &["wait"], &["up"]] {
        place.ok(looking);
        assert_eq!(fs::read(&file).unwrap(), before, "{looking:?} has changed the file");
    }
}
