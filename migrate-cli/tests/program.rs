//! A program of one's own has all commands, with its models and its migrations in Rust. This one is its own test: it starts itself as
//! the program, for which it needs a `main` of its own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Output};

use oarlock::{DbExt, Model, Result, Tx};
use oarlock_cli::{migrations, models};
use tempfile::TempDir;

/// What tells the program that it is not the test.
const PROGRAM: &str = "OARLOCK_CLI_TEST_PROGRAM";

#[derive(Model)]
struct Post {
    #[model(primary_key)]
    id: i64,
    title: String,
    slug: Option<String>,
}

async fn slugs(tx: Tx) -> Result<()> {
    let posts: Vec<Post> = tx.fetch_all("SELECT id, title, NULL AS slug FROM post", ()).await?;
    for post in posts {
        assert!(post.slug.is_none());
        tx.execute("UPDATE post SET slug = ? WHERE id = ?", (post.title.to_lowercase(), post.id)).await?;
    }
    Ok(())
}

async fn no_slugs(tx: Tx) -> Result<()> {
    tx.execute("UPDATE post SET slug = NULL", ()).await.map(drop)
}

async fn fails(tx: Tx) -> Result<()> {
    tx.execute("UPDATE post SET slug = 'never'", ()).await?;
    tx.execute("UPDATE nowhere SET slug = NULL", ()).await.map(drop)
}

fn main() -> ExitCode {
    match std::env::var(PROGRAM).as_deref() {
        Ok("whole") => oarlock_cli::run(models![Post], migrations![2 => (slugs, no_slugs)]),
        Ok("failing") => oarlock_cli::run(models![Post], migrations![2 => (slugs, no_slugs), 3 => fails]),
        _ => {
            test();
            ExitCode::SUCCESS
        }
    }
}

fn test() {
    let directory = TempDir::new().unwrap();
    let place = directory.path();
    let file = place.join("migrations/1_post.sql");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(
        &file,
        "CREATE TABLE post (id INTEGER PRIMARY KEY, title TEXT NOT NULL);\nINSERT INTO post (id, title) VALUES (1, 'Ada');\n",
    )
    .unwrap();

    let short = run(place, "whole", &["up", "--to", "1"]);
    assert_eq!(short.status.code(), Some(0), "{short:?}");
    let lacking = run(place, "whole", &["verify"]);
    assert_eq!(lacking.status.code(), Some(4), "{lacking:?}");
    assert!(text(&lacking.stderr).contains("Post: the table post has no column slug"), "{lacking:?}");

    fs::write(place.join("migrations/1_post.sql"), "CREATE TABLE post (id INTEGER PRIMARY KEY, title TEXT NOT NULL, slug TEXT);\nINSERT INTO post (id, title) VALUES (1, 'Ada');\n").unwrap();
    fs::remove_file(place.join("place.db")).unwrap();
    let nothing = run(place, "whole", &["verify"]);
    assert_eq!(nothing.status.code(), Some(4), "{nothing:?}");
    assert!(text(&nothing.stderr).contains("Post: there is no table post"), "{nothing:?}");

    let up = run(place, "whole", &["up", "--json"]);
    assert_eq!(up.status.code(), Some(0), "{up:?}");
    let document: serde_json::Value = serde_json::from_slice(&up.stdout).unwrap();
    assert_eq!(document["steps"][1]["migration"], "2_slugs");
    assert_eq!(slug(place).as_deref(), Some("ada"));
    let agreed = run(place, "whole", &["verify"]);
    assert_eq!(
        text(&agreed.stdout),
        "2 migrations, 0 pending: files and history agree\n1 model: all tables and columns are there\n"
    );

    let failed = run(place, "failing", &["up"]);
    assert_eq!(failed.status.code(), Some(8), "{failed:?}");
    assert!(text(&failed.stderr).contains("3_fails: the migration in Rust failed"), "{failed:?}");
    assert_eq!(slug(place).as_deref(), Some("ada"), "what failed left nothing");

    let down = run(place, "whole", &["down", "--yes"]);
    assert_eq!(down.status.code(), Some(0), "{down:?}");
    assert_eq!(slug(place), None);
}

fn run(place: &Path, program: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(PROGRAM, program).env("DATABASE_URL", "sqlite:place.db").env_remove("OARLOCK_MIGRATIONS");
    command.args(arguments).current_dir(place).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Reads what the migration in Rust has written.
fn slug(place: &Path) -> Option<String> {
    let url = format!("sqlite:{}", place.join("place.db").display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let db = oarlock::connect(&url).await.unwrap();
        let slug = db.fetch_value("SELECT slug FROM post WHERE id = 1", ()).await.unwrap();
        db.close().await.unwrap();
        slug
    })
}
