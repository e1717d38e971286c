//! Many runners at once, and who gets the lock when.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use oarlock::migrate::{ErrorKind, Event, Migrator, Report, Source};
use oarlock::{Conn, DbExt, Pool};
use oarlock_conformance::Verdict;
use oarlock_test_support::Server;
use oarlock_tests::{Database, Engine, is_full, on_engines, report, until};
use tokio::sync::Notify;
use tokio::task::JoinSet;

const RUNNERS: usize = 16;

/// Migrations each of which leaves a line for every time that it runs.
fn counting(count: usize) -> Source {
    let mut files = vec![("1_ran.sql".to_owned(), "CREATE TABLE ran (n INT NOT NULL)".to_owned())];
    for n in 2..=count {
        let mut text = format!("CREATE TABLE t{n} (x INT); INSERT INTO ran VALUES ({n});");
        if n % 3 == 0 {
            let _ = write!(text, "CREATE INDEX t{n}_x ON t{n} (x);");
        }
        if n % 4 == 0 {
            text.insert_str(0, "-- oarlock: no-transaction\n");
        }
        files.push((format!("{n}_t.sql"), text));
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (&**name, &**text)).collect();
    Source::embedded("crowd", &files)
}

async fn sixteen_runners_run_each_migration_once(database: Database) -> Verdict {
    const MIGRATIONS: usize = 14;
    let rounds = if is_full() { 50 } else { 2 };
    for round in 0..rounds {
        let Some(database) = Database::make(database.engine).await? else { return Ok(()) };
        let mut runners = JoinSet::new();
        for _ in 0..RUNNERS {
            let url = database.url.clone();
            runners.spawn(async move {
                let conn = oarlock::connect(&url).await.expect("a runner connects");
                let ran = Migrator::new(counting(MIGRATIONS)).run(&conn).await;
                drop(conn.close().await);
                ran
            });
        }
        let mut titles: BTreeMap<String, usize> = BTreeMap::new();
        while let Some(ran) = runners.join_next().await {
            let ran: Report = ran.expect("no runner panics").unwrap_or_else(|error| panic!("round {round}: {error:?}"));
            for step in ran.steps {
                *titles.entry(step.title).or_default() += 1;
            }
        }
        assert_eq!(titles.len(), MIGRATIONS, "round {round}");
        assert!(titles.values().all(|times| *times == 1), "round {round}: {titles:?}");
        let db = oarlock::connect(&database.url).await?;
        let mut ran: Vec<(i64,)> = db.fetch_all("SELECT n FROM ran", ()).await?;
        ran.sort_unstable();
        assert!(ran.iter().map(|row| row.0).eq((2..).take(MIGRATIONS - 1)), "round {round}: {ran:?}");
        db.close().await?;
        database.remove().await?;
    }
    report(&format!("migrations on {:?}: {rounds} rounds of {RUNNERS} runners", database.engine));
    Ok(())
}

/// A gate in the way of a migration, which somebody else holds.
struct Gate {
    admin: Conn,
    engine: Engine,
    name: String,
}

impl Gate {
    async fn shut(database: &Database) -> oarlock::Result<Self> {
        let admin = oarlock::connect(&database.url).await?;
        // On MySQL, locks are the server's.
        let name = format!("gate {}", database.url.rsplit('/').next().unwrap_or_default());
        let gate = Self { admin, engine: database.engine, name };
        gate.run("SELECT pg_advisory_lock(42)", &format!("SELECT GET_LOCK('{}', 60)", gate.name)).await?;
        Ok(gate)
    }

    /// The statement that waits at the gate.
    fn pass(&self) -> String {
        match self.engine {
            Engine::Postgres => "SELECT pg_advisory_lock_shared(42)".to_owned(),
            _ => format!("SELECT GET_LOCK('{}', 60)", self.name),
        }
    }

    async fn open(&self) -> oarlock::Result<()> {
        self.run("SELECT pg_advisory_unlock(42)", &format!("SELECT RELEASE_LOCK('{}')", self.name)).await
    }

    /// Ends the session that waits at the gate.
    async fn end_holder(&self) -> oarlock::Result<()> {
        if self.engine == Engine::Postgres {
            let sql = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = 42";
            return self.admin.execute(sql, ()).await.map(drop);
        }
        let sql = "SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT GET_LOCK(%' AND DB = DATABASE() \
            AND STATE = 'User lock' AND ID <> CONNECTION_ID() AND INFO LIKE ?";
        let id: i64 = self.admin.fetch_value(sql, (format!("%{}%", self.name),)).await?;
        self.admin.execute(&format!("KILL {id}"), ()).await.map(drop)
    }

    async fn run(&self, postgres: &str, mysql: &str) -> oarlock::Result<()> {
        let sql = if self.engine == Engine::Postgres { postgres } else { mysql };
        self.admin.execute(sql, ()).await.map(drop)
    }
}

/// A runner in a task of its own, with what tells that it stands where it is to stand.
fn spawn(
    url: &str,
    source: Source,
    limit: Duration,
) -> (Arc<Notify>, tokio::task::JoinHandle<oarlock::migrate::Result<Report>>) {
    let stands = Arc::new(Notify::new());
    let tell = Arc::clone(&stands);
    let url = url.to_owned();
    let task = tokio::spawn(async move {
        let conn = oarlock::connect(&url).await.expect("a runner connects");
        let migrator = Migrator::new(source).lock_timeout(limit).on_event(move |event| {
            if matches!(event, Event::Statement { .. } | Event::Waiting { .. }) {
                tell.notify_one();
            }
        });
        migrator.run(&conn).await
    });
    (stands, task)
}

async fn who_waits_goes_on_when_the_holder_has_ended(database: Database) -> Verdict {
    let gate = Gate::shut(&database).await?;
    let pass = gate.pass();
    let source = Source::embedded("m", &[("1_gate.sql", &pass), ("2_a.sql", "CREATE TABLE a (x INT)")]);
    let (stands, holder) = spawn(&database.url, source.clone(), Duration::from_mins(1));
    stands.notified().await;
    let (waits, waiter) = spawn(&database.url, source.clone(), Duration::from_mins(1));
    waits.notified().await;

    let impatient = Migrator::new(source).lock_timeout(Duration::from_millis(50));
    let error = impatient.run(&oarlock::connect(&database.url).await?).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    let who = if database.engine == Engine::Postgres { "process " } else { "connection " };
    assert!(
        error.message().starts_with("another runner had the lock for 50ms: ") && error.message().contains(who),
        "{error}"
    );

    gate.end_holder().await?;
    gate.open().await?;
    let ended = Instant::now();
    let failed = holder.await.expect("no runner panics").unwrap_err();
    assert!(failed.database_error().is_some_and(oarlock::Error::is_connection_lost), "{failed:?}");
    let ran = waiter.await.expect("no runner panics").unwrap_or_else(|error| panic!("{error:?}"));
    assert_eq!(ran.steps.len(), 2);
    assert!(ended.elapsed() < Duration::from_secs(2), "{:?} after the holder's end", ended.elapsed());
    Ok(())
}

async fn a_waiting_runner_holds_up_no_concurrent_index(database: Database) -> Verdict {
    let gate = Gate::shut(&database).await?;
    let pass = gate.pass();
    let files = [
        ("1_a.sql", "CREATE TABLE a (x INT)"),
        ("2_gate.sql", &*pass),
        ("3_index.sql", "-- oarlock: no-transaction\nCREATE INDEX CONCURRENTLY a_x ON a (x)"),
    ];
    let source = Source::embedded("m", &files);
    let (stands, holder) = spawn(&database.url, source.clone(), Duration::from_mins(1));
    stands.notified().await;
    let (waits, waiter) = spawn(&database.url, source, Duration::from_mins(1));
    waits.notified().await;
    gate.open().await?;
    let ran = tokio::time::timeout(Duration::from_secs(20), holder).await.expect("the index is built");
    assert_eq!(ran.expect("no runner panics").unwrap_or_else(|error| panic!("{error:?}")).steps.len(), 3);
    let ran = waiter.await.expect("no runner panics").unwrap_or_else(|error| panic!("{error:?}"));
    assert_eq!(ran.steps, []);
    Ok(())
}

/// The session loses the lock while a migration runs, as behind a pooler; what another does with it then decides.
async fn a_migration_is_entered_only_while_no_other_runner_has_the_lock(database: Database) -> Verdict {
    for taken in [true, false] {
        let Some(database) = Database::make(database.engine).await? else { return Ok(()) };
        let gate = Gate::shut(&database).await?;
        let body = "CREATE TABLE b (x INT); SELECT pg_advisory_unlock_all(); SELECT pg_advisory_lock_shared(42)";
        let source = Source::embedded("m", &[("1_a.sql", "CREATE TABLE a (x INT)"), ("2_b.sql", body)]);
        let (_, runner) = spawn(&database.url, source.clone(), Duration::from_secs(20));
        let waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = 42 \
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        let stands = until(async || Ok(gate.admin.fetch_value::<i64>(waits, ()).await? > 0)).await?;
        assert!(stands, "the runner has lost its lock");
        if taken {
            let lock = lock_of(&gate.admin, source.clone()).await?;
            assert!(gate.admin.fetch_value::<bool>("SELECT pg_try_advisory_lock(?)", (lock,)).await?);
        }
        gate.open().await?;
        match runner.await.expect("no runner panics") {
            Ok(ran) => assert_eq!((ran.steps.len(), taken), (2, false)),
            Err(error) => assert_eq!((error.kind(), taken), (ErrorKind::Pooler, true), "{error:?}"),
        }
        let made: bool = gate.admin.fetch_value("SELECT to_regclass('b') IS NOT NULL", ()).await?;
        let entered: i64 =
            gate.admin.fetch_value("SELECT count(*) FROM oarlock_migrations WHERE version = 2", ()).await?;
        assert_eq!((made, entered), (!taken, i64::from(!taken)), "what is refused leaves nothing");
    }
    Ok(())
}

/// Finds what the lock is known by, in the words of a plan.
async fn lock_of(admin: &Conn, source: Source) -> oarlock::Result<i64> {
    let plan = Migrator::new(source).plan_up(admin, None).await?;
    let commands: Vec<String> =
        plan.steps().iter().flat_map(|step| plan.commands(step)).map(|command| command.sql).collect();
    let (_, rest) = commands
        .iter()
        .find_map(|sql| sql.split_once("pg_try_advisory_xact_lock("))
        .unwrap_or_else(|| panic!("no entry asks for the lock: {commands:?}"));
    Ok(rest[..rest.find(')').unwrap_or(0)].parse().expect("a number"))
}

on_engines! {
    within crate::limit();
    sixteen_runners_run_each_migration_once on Sqlite Postgres MySql;
    who_waits_goes_on_when_the_holder_has_ended on Postgres MySql;
    a_waiting_runner_holds_up_no_concurrent_index on Postgres;
    a_migration_is_entered_only_while_no_other_runner_has_the_lock on Postgres;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_shares_sessions_is_refused_and_one_that_does_not_is_taken() {
    let Some(server) = Server::postgres().start().await else { return };
    for (mode, refused) in [("transaction", true), ("session", false)] {
        let Some(pooler) = Server::pgbouncer(&server).setting("pool_mode", mode).start().await else { return };
        let url = format!("{}?statements=unnamed", pooler.url());
        let pool = Pool::connect(&url).await.unwrap();
        let ran = Migrator::new(counting(3)).run(&pool).await;
        let single = oarlock::connect(&url).await.unwrap();
        let other = oarlock::connect(&url).await.unwrap();
        let by_one = Migrator::new(counting(4)).second(other).run(&single).await;
        for ran in [ran, by_one] {
            match ran {
                Ok(_) => assert!(!refused, "{mode}"),
                Err(error) => assert_eq!((error.kind(), refused), (ErrorKind::Pooler, true), "{mode}: {error:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_server_without_a_pooler_is_asked_on_one_connection() {
    let Some(server) = Server::postgres().start().await else { return };
    for options in ["", "?statements=unnamed"] {
        let pool = Pool::connect(&format!("{}{options}", server.url())).await.unwrap();
        Migrator::new(counting(if options.is_empty() { 2 } else { 3 })).run(&pool).await.unwrap();
        assert_eq!(pool.status().size, 1);
    }
}

/// What reads a database and may not write it.
async fn reader(database: &Database, admin: &Conn) -> oarlock::Result<(String, Vec<String>)> {
    let name = format!("oarlock_reader_{}", std::process::id());
    let (make, drop) = match database.engine {
        Engine::Sqlite => return Ok((database.url_with("mode=ro"), Vec::new())),
        Engine::Postgres => (
            vec![format!("CREATE ROLE {name} LOGIN"), format!("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}")],
            vec![format!("DROP OWNED BY {name}"), format!("DROP ROLE {name}")],
        ),
        Engine::MySql => (
            vec![format!("CREATE USER {name}@'%'"), format!("GRANT SELECT ON *.* TO {name}@'%'")],
            vec![format!("DROP USER {name}@'%'")],
        ),
    };
    for sql in make {
        admin.execute(&sql, ()).await?;
    }
    let (scheme, rest) = database.url.split_once("://").expect("a server's URL has a host");
    let host = rest.split_once('@').map_or(rest, |(_, host)| host);
    Ok((format!("{scheme}://{name}@{host}"), drop))
}

async fn who_may_only_read_sees_status_and_plan(database: Database) -> Verdict {
    let admin = oarlock::connect(&database.url).await?;
    admin.execute("CREATE TABLE before_all (x INT)", ()).await?;
    for applied in [0, 2] {
        if applied > 0 {
            Migrator::new(counting(applied)).run(&admin).await.unwrap_or_else(|error| panic!("{error:?}"));
        }
        let (url, drop) = reader(&database, &admin).await?;
        let db = oarlock::connect(&url).await?;
        let migrator = Migrator::new(counting(5));
        let looked = (migrator.status(&db).await, migrator.plan_up(&db, None).await, migrator.verify(&db).await);
        let written = migrator.run(&db).await;
        db.close().await?;
        for sql in drop {
            admin.execute(&sql, ()).await?;
        }
        assert_eq!(looked.0.unwrap_or_else(|error| panic!("{error:?}")).pending(), 5 - applied);
        assert_eq!(looked.1.unwrap_or_else(|error| panic!("{error:?}")).steps().len(), 5 - applied);
        looked.2.unwrap_or_else(|error| panic!("{error:?}"));
        assert!(matches!(written.unwrap_err().kind(), ErrorKind::Database | ErrorKind::Statement));
    }
    Ok(())
}

on_engines! {
    who_may_only_read_sees_status_and_plan on Sqlite Postgres MySql;
}
