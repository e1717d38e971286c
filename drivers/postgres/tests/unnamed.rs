//! Statements without names: nothing is prepared on the server, and nothing is read by what once was.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod support;

use oarlock_core::catalog::CatalogQuery;
use oarlock_core::{Conn, Db, DbExt, ErrorKind, Row, Url, ValueRef};
use oarlock_postgres::{
    Listener, PostgresConnection, PostgresExt, PostgresOptions, StatementNames, tokio_postgres::Client,
};
use oarlock_test_support::{Direction, Proxy};
use support::{Place, place};

async fn unnamed(place: &Place) -> Conn {
    place.conn_with("statements", "unnamed").await
}

async fn prepared(conn: &Conn) -> i64 {
    // Without parameters and as text, so that the question is not among what it counts.
    let mut lease = conn.lease().await.unwrap();
    let client = lease.connection().native().downcast_mut::<Client>().unwrap();
    let rows = client.simple_query("SELECT count(*) FROM pg_prepared_statements").await.unwrap();
    let row = rows.iter().find_map(|message| match message {
        oarlock_postgres::tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    row.unwrap().parse().unwrap()
}

/// Does all that tokio-postgres prepares something for.
async fn use_everything(conn: &Conn) {
    conn.script(
        "CREATE TYPE mood AS ENUM ('glad', 'sad'); CREATE TABLE t (id int8, m mood, ms mood[], v numeric(9, 2))",
    )
    .await
    .unwrap();
    let insert = "INSERT INTO t (id, m, ms, v) VALUES (?, ?, ?, ?)";
    conn.execute(insert, (1, "glad", vec!["sad", "glad"], 0.5)).await.unwrap();
    // One by one, as arrays, by COPY.
    let few: Vec<_> = (2..9).map(|id| (id, "sad", vec!["sad"], 1.25)).collect();
    assert_eq!(conn.execute_many(insert, few).await.unwrap().rows_affected, Some(7));
    let some: Vec<_> = (9..60).map(|id| (id, "sad")).collect();
    let two = "INSERT INTO t (id, m) VALUES (?, ?)";
    assert_eq!(conn.execute_many(two, some).await.unwrap().rows_affected, Some(51));
    let many: Vec<_> = (60..900).map(|id| (id,)).collect();
    assert_eq!(conn.execute_many("INSERT INTO t (id) VALUES (?)", many).await.unwrap().rows_affected, Some(840));
    assert_eq!(conn.copy_rows("t (id, m)", [(900, "glad")]).await.unwrap(), 1);
    let (mood, moods): (String, Vec<String>) =
        conn.require_one("SELECT m, ms FROM t WHERE id = ?", (1,)).await.unwrap();
    assert_eq!((&*mood, &moods[..]), ("glad", &["sad".to_owned(), "glad".to_owned()][..]));
    let replies = conn
        .pipeline()
        .add("SELECT id FROM t WHERE id < ? ORDER BY id", (3,))
        .add("UPDATE t SET v = ? WHERE id = ?", (2.5, 1))
        .run()
        .await
        .unwrap();
    assert_eq!(replies.len(), 2);
    conn.lease().await.unwrap().connection().catalog(CatalogQuery::Tables { schema: None }).await.unwrap();
}

#[tokio::test]
async fn nothing_is_prepared_on_the_server() {
    let Some(place) = place().await else { return };
    let conn = unnamed(&place).await;
    use_everything(&conn).await;
    assert_eq!(prepared(&conn).await, 0);
    conn.script("DROP TABLE t; DROP TYPE mood").await.unwrap();
    // What counts them sees those that have names.
    let named = place.conn().await;
    use_everything(&named).await;
    assert!(prepared(&named).await > 0);
    place.drop().await;
}

#[tokio::test]
async fn a_known_statement_takes_one_trip() {
    let Some(place) = place().await else { return };
    let proxy = Proxy::to(&place.url().with_option("statements", "unnamed").to_string()).await;
    let options = PostgresOptions::parse(&Url::parse(proxy.url()).unwrap()).unwrap();
    assert_eq!(options.statements, StatementNames::Unnamed);
    let conn = Conn::new(Box::new(PostgresConnection::connect(&options).await.unwrap()));
    let value = async |n: i64| conn.fetch_value::<i64>("SELECT CAST(? AS int8)", (n,)).await.unwrap();
    assert_eq!(value(1).await, 1);
    let before = (proxy.messages(Direction::ToServer), proxy.messages(Direction::ToClient));
    assert_eq!(value(2).await, 2);
    let after = (proxy.messages(Direction::ToServer), proxy.messages(Direction::ToClient));
    // Parse, Bind, Describe, Execute, Sync; and an answer to each, with the row.
    assert_eq!((after.0 - before.0, after.1 - before.1), (5, 6));
    place.drop().await;
}

/// Four bytes are an integer or a float: by the old description the one would be taken for the other.
#[tokio::test]
async fn rows_are_read_by_the_description_that_comes_with_them() {
    let Some(place) = place().await else { return };
    let (conn, other) = (unnamed(&place).await, place.conn().await);
    conn.script("CREATE TABLE t (id int, a int); INSERT INTO t VALUES (1, 1), (2, 2)").await.unwrap();
    let select = "SELECT a FROM t WHERE id = ?";
    let update = "UPDATE t SET id = id WHERE id = ? RETURNING a";
    assert_eq!(conn.fetch_value::<i64>(select, (1,)).await.unwrap(), 1);
    assert_eq!(conn.fetch_value::<i64>(update, (1,)).await.unwrap(), 1);
    other.script("ALTER TABLE t ALTER a TYPE float4 USING a + 0.5").await.unwrap();
    assert_eq!(conn.fetch_value::<f32>(update, (1,)).await.unwrap().to_bits(), 1.5_f32.to_bits());
    let tx = conn.begin().await.unwrap();
    assert_eq!(tx.fetch_value::<f32>(select, (1,)).await.unwrap().to_bits(), 1.5_f32.to_bits());
    tx.commit().await.unwrap();

    let rows = "SELECT * FROM t WHERE id = ?";
    let in_pipeline = async || {
        let row: Row = conn.pipeline().add(rows, (2,)).run().await.unwrap()[0].fetch_one().unwrap().unwrap();
        row
    };
    assert_eq!(in_pipeline().await.get::<f32>("a").unwrap().to_bits(), 2.5_f32.to_bits());
    other.script("ALTER TABLE t ALTER a TYPE int USING trunc(a); ALTER TABLE t RENAME a TO b").await.unwrap();
    assert_eq!(in_pipeline().await.get::<i64>("b").unwrap(), 2);

    // A type that is not known without a question stays the server's own for once.
    let row: Row = conn.require_one(rows, (1,)).await.unwrap();
    assert_eq!(row.get::<i64>("b").unwrap(), 1);
    other.script("CREATE TYPE mood AS ENUM ('1', '2'); ALTER TABLE t ALTER b TYPE mood USING '2'").await.unwrap();
    let row: Row = conn.require_one(rows, (1,)).await.unwrap();
    assert!(matches!(row.value(1).unwrap(), ValueRef::Typed(..)));
    let row: Row = conn.require_one(rows, (1,)).await.unwrap();
    assert_eq!(row.get::<String>("b").unwrap(), "2");
    place.drop().await;
}

#[tokio::test]
async fn a_text_that_no_longer_fits_is_prepared_anew() {
    let Some(place) = place().await else { return };
    let (conn, other) = (unnamed(&place).await, place.conn().await);
    conn.script("CREATE TABLE t (id int, a text); INSERT INTO t VALUES (1, '7')").await.unwrap();
    let select = "SELECT id FROM t WHERE a = ?";
    assert_eq!(conn.fetch_value::<i64>(select, ("7",)).await.unwrap(), 1);
    other.script("ALTER TABLE t ALTER a TYPE int USING CAST(a AS int)").await.unwrap();
    // A transaction is not run again, as it is not with names.
    let tx = conn.begin().await.unwrap();
    assert_eq!(tx.fetch_value::<i64>(select, ("7",)).await.unwrap_err().sqlstate(), Some("42883"));
    tx.rollback().await.unwrap();
    assert_eq!(conn.fetch_value::<i64>(select, ("7",)).await.unwrap(), 1);
    other.script("ALTER TABLE t ALTER a TYPE text").await.unwrap();
    assert_eq!(conn.fetch_value::<i64>(select, ("7",)).await.unwrap(), 1);
    other.script("ALTER TABLE t ALTER a TYPE int USING CAST(a AS int)").await.unwrap();
    assert_eq!(conn.fetch_value::<i64>(select, ("7",)).await.unwrap(), 1);
    place.drop().await;
}

#[tokio::test]
async fn listening_is_refused() {
    let Some(place) = place().await else { return };
    let conn = unnamed(&place).await;
    for refused in [conn.execute("LISTEN oars", ()).await.err(), conn.script("LISTEN oars").await.err()] {
        let error = refused.unwrap();
        assert_eq!(error.kind(), ErrorKind::NotSupported, "{error:?}");
    }
    let options = PostgresOptions::parse(&place.url().with_option("statements", "unnamed")).unwrap();
    let error = Listener::connect(&options).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::NotSupported);
    assert!(error.to_string().contains("without statements=unnamed"), "{error}");
    // The conversation goes on.
    assert_eq!(conn.fetch_value::<i64>("SELECT 1", ()).await.unwrap(), 1);
    place.drop().await;
}

#[tokio::test]
async fn a_reset_leaves_nothing_of_the_users() {
    let Some(place) = place().await else { return };
    let conn = unnamed(&place).await;
    for name in ["mine", "it's", "\"Quoted\""] {
        let name = name.replace('"', "\"\"");
        conn.execute(&format!("PREPARE \"{name}\" AS SELECT 1"), ()).await.unwrap();
    }
    conn.execute("SET application_name = 'somebody else'", ()).await.unwrap();
    assert_eq!(prepared(&conn).await, 3);
    conn.reset().await.unwrap();
    assert_eq!(prepared(&conn).await, 0);
    let zone = "SELECT current_setting('TimeZone')";
    assert_eq!(conn.fetch_value::<String>(zone, ()).await.unwrap(), "UTC");
    place.drop().await;
}
