//! What the program says when something is wrong: what, where, and what to do.

use std::net::TcpListener;

use crate::place::{Engine, Place, assert_told, on_every_engine};

on_every_engine!(
    a_refused_statement_is_shown_in_its_file,
    files_that_do_not_fit_the_history_are_refused,
    a_missing_database_is_told,
    a_second_runner_is_told_who_has_the_lock,
);

fn a_refused_statement_is_shown_in_its_file(engine: Engine) {
    let Some(place) = Place::with_database(engine) else { return };
    place.two_migrations();
    place.migration(
        "3_posts",
        "CREATE TABLE posts (id INT PRIMARY KEY);\nINSERT INTO posts VALUES (1);\n\nCREATE TABEL tags (\n  id INT\n);\n",
        "DROP TABLE posts;\n",
    );
    let told = place.transcript(&[&["up"], &["status"], &["up", "--json"]]);
    assert_told!(format!("refused_{}", engine.name()), told);
    place.write(
        "migrations/3_posts/up.sql",
        "CREATE TABLE posts (id INT PRIMARY KEY);\nINSERT INTO posts VALUES (1);\n\nCREATE TABLE tags (\n  id INT\n);\n",
    );
    let told = place.transcript(&[&["up"], &["status"], &["verify"]]);
    assert_told!(format!("mended_{}", engine.name()), told);
}

fn files_that_do_not_fit_the_history_are_refused(engine: Engine) {
    let Some(place) = Place::with_database(engine) else { return };
    place.two_migrations();
    place.ok(&["up"]);
    place.migration("3_later", "INSERT INTO users VALUES (3, 'Alan');\n", "");
    place.ok(&["up"]);
    place.write("migrations/1_users/up.sql", "CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(90) NOT NULL);\n");
    let edited = place.transcript(&[&["up"], &["status", "--check"], &["verify"], &["verify", "--json"]]);
    place.two_migrations();
    std::fs::remove_dir_all(place.path().join("migrations/2_ada")).unwrap();
    let missing = place.transcript(&[&["up"], &["status", "--check"], &["up", "--json"]]);
    place.two_migrations();
    std::fs::rename(place.path().join("migrations/2_ada"), place.path().join("migrations/2_adas")).unwrap();
    let renamed = place.transcript(&[&["up"], &["status"]]);
    std::fs::rename(place.path().join("migrations/2_adas"), place.path().join("migrations/2_ada")).unwrap();
    std::fs::rename(place.path().join("migrations/3_later"), place.path().join("migrations/5_later")).unwrap();
    place.ok(&["repair"]);
    place.ok(&["mark", "5"]);
    place.migration("4_between", "INSERT INTO users VALUES (4, 'Edsger');\n", "");
    let order = place.transcript(&[
        &["up"],
        &["status", "--check"],
        &["up", "--json"],
        &["up", "--allow-out-of-order", "4"],
        &["down", "--to", "4", "--yes"],
        &["up", "--to", "9"],
    ]);
    assert_told!("disagreement", format!("{edited}\n{missing}\n{renamed}\n{order}"));
}

fn a_missing_database_is_told(engine: Engine) {
    let Some(place) = Place::empty(engine) else { return };
    place.two_migrations();
    if engine == Engine::Sqlite {
        // A file is made; one in a directory that is not there cannot be.
        place.write(".env", "DATABASE_URL=sqlite:nowhere/app.db\n");
    }
    let told = place.transcript(&[&["up"], &["up", "--json"], &["wait"]]);
    assert_told!(format!("no_database_{}", engine.name()), told);
}

fn a_second_runner_is_told_who_has_the_lock(engine: Engine) {
    let Some(place) = Place::with_database(engine) else { return };
    let wait = match engine {
        // It counts for an hour, and is killed before.
        Engine::Sqlite => {
            "CREATE TABLE slow AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000000000) \
             SELECT count(*) AS i FROM n"
        }
        Engine::Postgres => "SELECT pg_sleep(60)",
        Engine::MySql => "SELECT SLEEP(60)",
    };
    place.migration("1_slow", &format!("{wait};\n"), "");
    let running = place.until_statement(&["up", "--verbose"]);
    let told = place.transcript(&[&["up", "--lock-timeout", "0s"], &["up", "--lock-timeout", "0s", "--json"]]);
    drop(running);
    assert_told!(format!("locked_{}", engine.name()), told);
}

#[test]
fn a_url_that_is_not_understood_is_told() {
    let Some(place) = Place::empty(Engine::Sqlite) else { return };
    place.two_migrations();
    place.write(".env", "");
    let told = place.transcript(&[
        &["up"],
        &["up", "--json"],
        &["up", "-u", "app.db"],
        &["up", "-u", "oracle://h/db"],
        &["up", "-u", "mysql://h:port/db"],
        &["up", "-u", "sqlite:app.db?cash=1"],
        &["create", "-u", "postgres://127.0.0.1"],
    ]);
    assert_told!("bad_url", told);
}

#[test]
fn a_server_that_is_away_is_told() {
    let Some(place) = Place::empty(Engine::Sqlite) else { return };
    place.two_migrations();
    // A port of which nobody listens any more.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut told = String::new();
    for scheme in ["postgres", "mysql"] {
        let url = format!("{scheme}://ada@127.0.0.1:{port}/shop?connect_timeout=2s");
        told.push_str(&place.transcript(&[
            &["up", "-u", &url],
            &["status", "--json", "-u", &url],
            &["create", "-u", &url],
            &["wait", "--timeout", "1ms", "-u", &url],
        ]));
    }
    assert_told!("server_down", told);
}

#[test]
fn a_password_is_warned_of_and_never_shown() {
    let Some(place) = Place::empty(Engine::Sqlite) else { return };
    place.two_migrations();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("postgres://ada:hunter2@127.0.0.1:{port}/shop");
    place.write("broken.env", &format!("DATABASE_URL='{url}\n"));
    let hidden = format!("--databse-url={url}");
    let commands: [&[&str]; 7] = [
        &["status", "-u", &url],
        &["drop", "-u", &url],
        &["drop", "--yes", "--json", "-u", &url],
        &[&url],
        &["up", &url],
        &["up", &hidden],
        &["up", "--env-file", "broken.env"],
    ];
    // What was typed has the password in it.
    let told = place.transcript(&commands);
    let told = told
        .lines()
        .map(|line| if line.starts_with("$ ") { line.replace("hunter2", "[password]") } else { line.to_owned() });
    let told = told.collect::<Vec<_>>().join("\n");
    assert!(!told.contains("hunter2"), "{told}");
    assert_told!("password", told);
}

#[test]
fn files_that_are_not_understood_are_told() {
    let Some(place) = Place::empty(Engine::Sqlite) else { return };
    let mut told = place.transcript(&[
        &["up"],
        &["up", "--dir", "nowhere"],
        &["up", "--env-file", "nowhere.env"],
        &["up", "--json"],
    ]);
    for (what, files) in [
        ("a name without a version", &[("users.sql", ""), ("1users.sql", "SELECT 1;")][..]),
        ("an unknown dialect", &[("1_users/up.postgre.sql", "SELECT 1;")]),
        ("nothing for this database", &[("1_users/up.postgres.sql", "SELECT 1;")]),
        ("an unknown directive", &[("1_users.sql", "-- oarlock: no-transactions\nSELECT 1;")]),
        ("two of one version", &[("1_users.sql", "SELECT 1;"), ("1_posts.sql", "SELECT 1;")]),
        ("a quote that is not closed", &[("1_users.sql", "SELECT 1;\nSELECT 'a;\n")]),
        ("a transaction within the transaction", &[("1_users.sql", "BEGIN;\nSELECT 1;\nCOMMIT;\n")]),
    ] {
        let _ = std::fs::remove_dir_all(place.path().join("migrations"));
        for (path, text) in files {
            place.write(&format!("migrations/{path}"), text);
        }
        told.push_str(&place.transcript(&[&["up"]]).replacen('$', &format!("# {what}\n$"), 1));
    }
    assert_told!("bad_files", told);
}

#[test]
fn what_has_no_way_down_stays() {
    let Some(place) = Place::empty(Engine::Sqlite) else { return };
    place.write("migrations/1_users.sql", "CREATE TABLE users (id INT);\n");
    let told = place.transcript(&[
        &["up"],
        &["down", "--yes"],
        &["reset", "--yes", "--json"],
        &["down", "--to", "7", "--yes"],
        &["down", "--to", "x"],
        &["down", "--steps", "1", "--all"],
        &["up", "--lock-timeout", "5"],
    ]);
    assert_told!("irreversible", told);
}
