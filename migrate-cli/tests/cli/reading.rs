//! What only looks writes nothing, whoever asks: with a role that may only read, and with a file that nobody may write.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use oarlock::{Conn, DbExt, Result};

use crate::place::{Engine, Place, Ran};

/// The commands that only look, and how they end where a migration is pending.
const LOOKS: [(&[&str], i32); 6] = [
    (&["status"], 0),
    (&["status", "--check"], 3),
    (&["status", "--json"], 0),
    (&["plan"], 0),
    (&["verify"], 0),
    (&["schema"], 0),
];

/// A database with two migrations, of which one is pending.
fn half_migrated(engine: Engine) -> Option<Place> {
    let place = Place::with_database(engine)?;
    place.two_migrations();
    place.ok(&["up", "--to", "1"]);
    Some(place)
}

fn look(place: &Place, url: &str) {
    for (arguments, code) in LOOKS {
        let ran = place.run(&[arguments, &["--database-url", url]].concat());
        assert_eq!(ran.code, Some(code), "{arguments:?}: {ran:?}");
        match arguments {
            ["status"] => assert!(ran.stdout.ends_with("2 migrations, 1 pending\n"), "{ran:?}"),
            ["plan"] => assert!(ran.stdout.contains("INSERT INTO users VALUES (1, 'Ada');"), "{ran:?}"),
            _ => {}
        }
    }
}

/// Reads all files of a directory.
fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.filter(|path| path.is_file());
    files.map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap())).collect()
}

#[test]
fn a_file_that_nobody_may_write_is_looked_at_and_nothing_is_left_beside_it() {
    for mode in ["wal", "delete"] {
        let place = Place::empty(Engine::Sqlite).unwrap();
        place.write(".env", &format!("DATABASE_URL=sqlite:data/place.db?journal_mode={mode}\n"));
        place.ok(&["create"]);
        place.two_migrations();
        place.ok(&["up", "--to", "1"]);
        let data = place.path().join("data");
        let before = files(&data);
        assert_eq!(before.keys().collect::<Vec<_>>(), ["place.db"], "{mode}");
        let is_wal = before["place.db"][18] == 2;
        assert_eq!(is_wal, mode == "wal");
        fs::set_permissions(data.join("place.db"), Permissions::from_mode(0o444)).unwrap();
        fs::set_permissions(&data, Permissions::from_mode(0o555)).unwrap();
        look(&place, "sqlite:data/place.db");
        let after = files(&data);
        fs::set_permissions(&data, Permissions::from_mode(0o755)).unwrap();
        assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>(), "{mode}");
        assert!(before == after, "{mode}: the file has changed");
    }
}

#[test]
fn a_file_that_somebody_writes_is_looked_at_as_it_is_now() {
    let place = half_migrated(Engine::Sqlite).unwrap();
    let url = format!("sqlite:{}", place.path().join("place.db").display());
    block_on(async {
        let db = oarlock::connect(&url).await?;
        db.execute("INSERT INTO oarlock_migrations SELECT 7, 'x', '7_x', kind, state, checksum, applied_at, 0 FROM oarlock_migrations", ())
            .await?;
        let Ran { stdout, .. } = place.run(&["status"]);
        assert!(stdout.contains("missing") && stdout.contains("7_x"), "what is in the log counts: {stdout}");
        db.close().await
    });
}

#[test]
fn a_role_of_postgresql_that_may_only_read_can_look() {
    let Some(place) = half_migrated(Engine::Postgres) else { return };
    let role = format!("oarlock_looks_{}", std::process::id());
    by_a_reader(
        &place,
        &role,
        &[&format!("CREATE ROLE {role} LOGIN"), &format!("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")],
        &[&format!("DROP OWNED BY {role}"), &format!("DROP ROLE {role}")],
        "SELECT concat_ws(' ', relname, relkind, relfilenode) FROM pg_class WHERE relnamespace = CAST('public' AS regnamespace) \
         UNION ALL SELECT CAST(t AS text) || CAST(t.xmin AS text) FROM oarlock_migrations t ORDER BY 1",
    );
}

#[test]
fn a_user_of_mysql_that_may_only_read_can_look() {
    let Some(place) = half_migrated(Engine::MySql) else { return };
    let user = format!("oarlock_looks_{}", std::process::id());
    let database = place.url.rsplit('/').next().unwrap().split('?').next().unwrap().to_owned();
    by_a_reader(
        &place,
        &user,
        &[&format!("CREATE USER {user}@'%'"), &format!("GRANT SELECT ON `{database}`.* TO {user}@'%'")],
        &[&format!("DROP USER {user}@'%'")],
        "SELECT CONCAT_WS(' ', TABLE_NAME, CREATE_TIME) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() \
         UNION ALL SELECT CONCAT_WS(' ', version, name, title, kind, state, checksum, applied_at, duration_ms) FROM oarlock_migrations \
         ORDER BY 1",
    );
}

/// Looks as somebody who may only read, and compares what is there before and after.
fn by_a_reader(place: &Place, name: &str, make: &[&str], drop: &[&str], contents: &str) {
    let (scheme, rest) = place.url.split_once("://").unwrap();
    let host = rest.split_once('@').map_or(rest, |(_, host)| host);
    let url = format!("{scheme}://{name}@{host}");
    block_on(async {
        let admin = oarlock::connect(&place.url).await?;
        for sql in make {
            admin.execute(sql, ()).await?;
        }
        let before = lines(&admin, contents).await?;
        assert!(before.len() > 3, "{before:?}");
        look(place, &url);
        let written = place.run(&["up", "--database-url", &url]);
        let after = lines(&admin, contents).await?;
        for sql in drop {
            admin.execute(sql, ()).await?;
        }
        assert_eq!(before, after);
        assert!(matches!(written.code, Some(1 | 8)), "who may only read cannot migrate: {written:?}");
        admin.close().await
    });
}

async fn lines(db: &Conn, sql: &str) -> Result<Vec<(String,)>> {
    db.fetch_all(sql, ()).await
}

fn block_on(work: impl Future<Output = Result<()>>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(work).unwrap();
}
