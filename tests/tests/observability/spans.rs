//! Spans of calls: one for each, with the conventions' names and fields, open for as long as the call is.

use std::future::poll_fn;
use std::task::Poll;

use oarlock::mysql::MysqlExt;
use oarlock::postgres::PostgresExt;
use oarlock::{Db, DbExt, Error, ErrorKind, Result, TxOptions};
use oarlock_tests::{Database, Engine, Verdict, on_every_engine, refused, until};
use tracing::Instrument as _;

use crate::capture::{Capture, Note, namespace};
use crate::{ENDLESS, LIMIT, create_item};

on_every_engine!(
    a_query_is_told_with_where_and_what,
    a_span_lasts_as_long_as_its_rows,
    a_failure_is_told_by_kind_and_code,
    batches_pipelines_and_scripts_are_told,
    transactions_are_told_step_by_step,
    a_transaction_that_runs_again_is_told,
    what_is_stopped_or_dropped_is_told,
    bulk_loads_are_told,
);

fn system(engine: Engine, server: &str) -> &'static str {
    match engine {
        Engine::Sqlite => "sqlite",
        Engine::Postgres => "postgresql",
        Engine::MySql if server.contains("MariaDB") => "mariadb",
        Engine::MySql => "mysql",
    }
}

async fn a_query_is_told_with_where_and_what(database: Database) -> Verdict {
    let heard = Capture::everything();
    let conn = oarlock::connect(&database.url).await?;
    create_item(&conn, 3).await?;
    let sql = "SELECT id,\n  name FROM item WHERE id > ? AND name <> 'a literal' -- a comment";
    let caller = tracing::info_span!("caller");
    let found: Vec<(i64, String)> = conn.fetch_all(sql, (1,)).instrument(caller).await?;
    assert_eq!(found.len(), 2);

    let call = heard.last(&database, "SELECT item");
    assert_eq!(call.get("otel.kind"), "client");
    assert_eq!(call.get("db.system.name"), system(database.engine, &conn.info().server));
    assert_eq!(call.get("db.namespace"), namespace(&database));
    assert_eq!(call.get("db.operation.name"), "SELECT");
    assert_eq!(call.get("db.query.summary"), "SELECT item");
    assert_eq!(call.get("db.query.text"), "SELECT id, name FROM item WHERE id > ? AND name <> ?");
    assert_eq!(call.get("db.response.returned_rows"), "2");
    for absent in ["otel.status_code", "error.type", "db.response.status_code", "oarlock.abandoned"] {
        assert_eq!(call.find(absent), None, "{absent}");
    }
    if database.engine == Engine::Sqlite {
        assert_eq!((call.find("server.address"), call.find("server.port")), (None, None));
    } else {
        let url = oarlock::Url::parse(&database.url)?;
        assert_eq!(call.get("server.address"), url.hosts()[0].name);
        assert!(call.get("server.port").parse::<u16>().is_ok(), "{call:?}");
    }
    assert!(call.closed);
    let parent = call.parent.map(|place| heard.notes()[place].name);
    assert_eq!(parent, Some("caller"));
    // A statement that gives no rows tells of none.
    assert_eq!(heard.last(&database, "CREATE TABLE item").find("db.response.returned_rows"), None);
    let notes = heard.notes();
    let connected = |note: &&Note| note.name == "connect" && note.find("db.namespace") == Some(&namespace(&database));
    let connect = notes.iter().find(connected).expect("connecting is told");
    assert_eq!((connect.get("otel.name"), connect.get("db.operation.name")), ("CONNECT", "CONNECT"));
    assert_eq!(connect.find("server.address"), call.find("server.address"));
    Ok(())
}

async fn a_span_lasts_as_long_as_its_rows(database: Database) -> Verdict {
    let heard = Capture::everything();
    let conn = oarlock::connect(&database.url).await?;
    create_item(&conn, 1000).await?;
    let mut cursor = conn.query("SELECT id FROM item ORDER BY id", ()).await?;
    assert!(cursor.fetch_one::<(i64,)>().await?.is_some());
    let open = heard.last(&database, "SELECT item");
    assert!(!open.closed && open.find("db.response.returned_rows").is_none(), "{open:?}");
    assert_eq!(cursor.fetch_all::<(i64,)>().await?.len(), 999);
    // The cursor is still there, but its statement is over.
    let over = heard.last(&database, "SELECT item");
    assert!(over.closed, "{over:?}");
    assert_eq!(over.get("db.response.returned_rows"), "1000");

    cursor.set_array_size(10);
    cursor.execute("SELECT name FROM item", ()).await?;
    assert!(cursor.fetch_one::<(String,)>().await?.is_some());
    drop(cursor);
    let dropped = heard.last(&database, "SELECT item");
    assert!(dropped.closed, "{dropped:?}");
    let rows: u64 = dropped.get("db.response.returned_rows").parse().expect("a number");
    assert!((1..=10).contains(&rows), "{rows}");
    // Nobody waited for the database when it was dropped.
    assert_eq!(dropped.find("oarlock.abandoned"), None);
    Ok(())
}

async fn a_failure_is_told_by_kind_and_code(database: Database) -> Verdict {
    let heard = Capture::everything();
    let conn = oarlock::connect(&database.url).await?;
    create_item(&conn, 1).await?;
    let insert = "INSERT INTO item (id, name) VALUES (?, ?)";
    let error = refused(conn.execute(insert, (1, "item 2")).await, ErrorKind::UniqueViolation);
    let call = heard.last(&database, "INSERT item");
    assert_eq!((call.get("otel.status_code"), call.get("error.type")), ("ERROR", "UniqueViolation"));
    let code = match database.engine {
        Engine::Sqlite => "1555",
        Engine::Postgres => "23505",
        Engine::MySql => "1062",
    };
    assert_eq!(call.get("db.response.status_code"), code);
    assert_eq!(call.find("oarlock.constraint"), error.constraint());
    assert!(call.closed);
    refused(conn.execute("SELECT * FROM nowhere", ()).await, ErrorKind::TableNotFound);
    assert_eq!(heard.last(&database, "SELECT nowhere").get("error.type"), "TableNotFound");
    // What is refused before it is sent is told as well.
    refused(conn.execute("SELECT ? FROM item", ()).await, ErrorKind::Parameters);
    assert_eq!(heard.last(&database, "SELECT item").get("error.type"), "Parameters");
    Ok(())
}

async fn batches_pipelines_and_scripts_are_told(database: Database) -> Verdict {
    let heard = Capture::everything();
    let conn = oarlock::connect(&database.url).await?;
    conn.script("CREATE TABLE item (id BIGINT NOT NULL PRIMARY KEY); INSERT INTO item VALUES (100)").await?;
    let script = heard.last(&database, "CREATE TABLE item INSERT item");
    assert_eq!(script.find("db.operation.name"), None);
    let text = "CREATE TABLE item (id BIGINT NOT NULL PRIMARY KEY); INSERT INTO item VALUES (?)";
    assert_eq!(script.get("db.query.text"), text);

    conn.execute_many("INSERT INTO item VALUES (?)", [(1,), (2,), (3,)]).await?;
    let batch = heard.last(&database, "BATCH INSERT item");
    assert_eq!((batch.get("db.operation.name"), batch.get("db.operation.batch.size")), ("BATCH INSERT", "3"));
    assert_eq!(batch.get("db.query.text"), "INSERT INTO item VALUES (?)");
    // A batch of one is none.
    conn.execute_many("INSERT INTO item VALUES (?)", [(4,)]).await?;
    assert_eq!(heard.last(&database, "INSERT item").find("db.operation.batch.size"), None);

    let begun = heard.titles(&database).len();
    conn.pipeline().add("DELETE FROM item WHERE id = ?", (4,)).add("SELECT id FROM item", ()).run().await?;
    let told = heard.titles(&database).split_off(begun);
    if conn.info().capabilities.pipelining {
        assert_eq!(told, ["BATCH DELETE item SELECT item"]);
        let pipeline = heard.last(&database, "BATCH DELETE item SELECT item");
        assert_eq!((pipeline.get("db.operation.name"), pipeline.get("db.operation.batch.size")), ("BATCH", "2"));
        assert_eq!(pipeline.get("db.query.text"), "DELETE FROM item WHERE id = ?; SELECT id FROM item");
    } else {
        assert_eq!(told, ["BEGIN", "DELETE item", "SELECT item", "COMMIT"]);
    }
    conn.describe("SELECT id FROM item").await?;
    conn.table_names(None).await?;
    assert_eq!(heard.last(&database, "PREPARE SELECT item").get("db.operation.name"), "PREPARE");
    assert_eq!(heard.last(&database, "CATALOG").find("db.query.text"), None);
    Ok(())
}

async fn transactions_are_told_step_by_step(database: Database) -> Verdict {
    let heard = Capture::everything();
    let conn = oarlock::connect(&database.url).await?;
    create_item(&conn, 1).await?;
    let begun = heard.titles(&database).len();
    let tx = conn.begin_with(TxOptions::new()).await?;
    let inner = tx.begin().await?;
    inner.execute("DELETE FROM item", ()).await?;
    inner.commit().await?;
    let inner = tx.begin().await?;
    inner.rollback().await?;
    tx.commit().await?;
    conn.begin().await?.rollback().await?;
    // A dropped one is rolled back before the next statement.
    drop(conn.begin().await?);
    conn.execute("SELECT 1", ()).await?;
    let steps = [
        "BEGIN",
        "SAVEPOINT",
        "DELETE item",
        "RELEASE SAVEPOINT",
        "SAVEPOINT",
        "ROLLBACK TO SAVEPOINT",
        "COMMIT",
        "BEGIN",
        "ROLLBACK",
        "BEGIN",
        "ROLLBACK",
        "SELECT",
    ];
    assert_eq!(heard.titles(&database).split_off(begun), steps);
    assert_eq!(heard.last(&database, "COMMIT").get("db.operation.name"), "COMMIT");
    assert!(heard.calls(&database).iter().all(|call| call.closed));
    Ok(())
}

async fn a_transaction_that_runs_again_is_told(database: Database) -> Verdict {
    let heard = Capture::everything();
    let conn = oarlock::connect(&database.url).await?;
    let caller = tracing::info_span!("caller of a transaction", database = namespace(&database));
    let failed = conn
        .transaction(|_| async { Err::<(), _>(Error::new(ErrorKind::Deadlock, "a deadlock that was made up")) })
        .instrument(caller)
        .await;
    refused(failed, ErrorKind::Deadlock);
    let notes = heard.notes();
    let mut told = heard.events("oarlock::transaction", "a transaction is run again");
    told.retain(|event| event.parent.is_some_and(|place| notes[place].find("database") == Some(&namespace(&database))));
    let failures: Vec<_> = told.iter().map(|event| (event.get("failed"), event.get("kind"))).collect();
    assert_eq!(failures, [("1", "deadlock"), ("2", "deadlock"), ("3", "deadlock"), ("4", "deadlock")]);
    Ok(())
}

async fn what_is_stopped_or_dropped_is_told(database: Database) -> Verdict {
    let heard = Capture::everything();
    let conn = oarlock::connect(&database.url).await?;
    create_item(&conn, 2000).await?;
    let asked = || heard.events("oarlock::cancel", "the server is asked to stop a statement").len();
    let before = asked();
    refused(conn.with_timeout(LIMIT).fetch_value::<i64>(ENDLESS, ()).await, ErrorKind::StatementTimeout);
    let title = "SELECT item";
    assert_eq!(heard.last(&database, title).get("error.type"), "StatementTimeout");
    assert!(database.engine == Engine::Sqlite || asked() > before, "the request is told");
    assert!(tokio::time::timeout(LIMIT, conn.execute(ENDLESS, ())).await.is_err());
    let dropped = heard.last(&database, title);
    assert_eq!((dropped.get("oarlock.abandoned"), dropped.find("error.type")), ("true", None));
    assert!(until(async || Ok(conn.execute("SELECT 1", ()).await.is_ok())).await?);
    Ok(())
}

async fn copied(db: &dyn Db) -> Result<Vec<&'static str>> {
    let mut copy = db.copy_in("COPY item (id) FROM STDIN").await?;
    copy.send("1\n2\n").await?;
    copy.finish().await?;
    db.copy_rows("item (id)", [(3_i64,), (4,)]).await?;
    let data = db.copy_out("COPY item TO STDOUT").await?;
    assert_eq!(futures_util::TryStreamExt::try_collect::<Vec<_>>(data).await?.len(), 4);
    Ok(vec!["COPY item", "COPY item", "COPY item"])
}

async fn loaded(db: &dyn Db) -> Result<Vec<&'static str>> {
    let rows = futures_util::stream::iter([Ok("1\n2\n".into())]);
    db.load_data("LOAD DATA LOCAL INFILE 'rows' INTO TABLE item (id)", rows).await?;
    Ok(vec!["LOAD item"])
}

async fn bulk_loads_are_told(database: Database) -> Verdict {
    let heard = Capture::everything();
    let conn = oarlock::connect(&database.url).await?;
    create_item(&conn, 0).await?;
    let begun = heard.titles(&database).len();
    let told = match database.engine {
        Engine::Sqlite => return Ok(()),
        Engine::Postgres => copied(&conn).await?,
        Engine::MySql => loaded(&conn).await?,
    };
    assert_eq!(heard.titles(&database).split_off(begun), told);
    assert!(heard.calls(&database).iter().all(|call| call.closed && call.find("error.type").is_none()));
    Ok(())
}

/// A server that does not answer is known by where it was asked for, whether its client heard so or gave up.
#[tokio::test]
async fn a_connection_that_is_not_had_is_told_with_where() -> Result<()> {
    let heard = Capture::everything();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = silent.local_addr().expect("it is bound").port().to_string();
    for (url, system, address, at) in [
        ("postgres://ada@127.0.0.1:1/{name}", "postgresql", Some("127.0.0.1"), Some("1")),
        ("postgres://ada@127.0.0.1:1,localhost:1/{name}", "postgresql", None, None),
        ("postgres://ada@127.0.0.1:{port}/{name}?sslmode=disable", "postgresql", Some("127.0.0.1"), Some(&*port)),
        ("mysql://ada@localhost:1/{name}", "mysql", Some("localhost"), Some("1")),
        ("mysql://ada@localhost:{port}/{name}?ssl-mode=disabled", "mysql", Some("localhost"), Some(&*port)),
        ("sqlite:/nowhere/{name}?mode=rw", "sqlite", None, None),
    ] {
        let name = format!("not_had_{}", heard.notes().len());
        let url = url.replace("{port}", &port).replace("{name}", &name);
        let is_silent = url.contains(&port);
        let mut connecting = Box::pin(oarlock::connect(&url));
        if is_silent {
            // It is given up as soon as it waits.
            assert!(poll_fn(|cx| Poll::Ready(connecting.as_mut().poll(cx).is_pending())).await, "{url}");
        } else {
            assert!(connecting.as_mut().await.is_err(), "{url}");
        }
        drop(connecting);
        let notes = heard.notes();
        let told = |note: &&Note| {
            note.name == "connect" && note.find("db.namespace").is_some_and(|found| found.ends_with(&name))
        };
        let told = notes.iter().find(told).unwrap_or_else(|| panic!("{url} is not told"));
        assert_eq!(told.get("db.system.name"), system, "{url}");
        assert_eq!((told.find("server.address"), told.find("server.port")), (address, at), "{url}");
        assert_eq!(told.find("error.type").is_some(), !is_silent, "{url}");
        assert!(told.closed, "{url}");
    }
    Ok(())
}
