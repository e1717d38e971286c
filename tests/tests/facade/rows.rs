//! Rows into Rust types, and Rust types into parameters.

use futures_util::{StreamExt, TryStreamExt};
use oarlock::de::De;
use oarlock::{BufferedCursor, DbExt, ErrorKind, FromRow, FromValue, Params, Pool, Row, Scroll, ToValue, named};
use oarlock_tests::{Database, Engine, Verdict, create_item, on_every_engine, refused};

on_every_engine!(
    derived_structs_are_read_and_written,
    parameters_are_written_alike_everywhere,
    wrong_parameters_and_columns_are_explained,
    a_cursor_is_a_stream,
    a_buffered_cursor_is_read_in_any_order,
    rows_are_json_and_serde_types,
    a_batch_is_all_or_nothing,
);

#[derive(Debug, Clone, Copy, PartialEq, FromValue, ToValue)]
enum Mood {
    Glad,
    #[value(rename = "so-so")]
    SoSo,
}

#[derive(Debug, Clone, PartialEq, FromRow, Params)]
struct Sailor {
    id: i64,
    name: String,
    mood: Mood,
    #[row(rename = "boat_name")]
    boat: Option<String>,
    height: f64,
}

async fn crew(database: &Database) -> oarlock::Result<Pool> {
    let pool = Pool::connect(&database.url).await?;
    let double = if database.engine == Engine::MySql { "DOUBLE" } else { "DOUBLE PRECISION" };
    pool.execute(
        &format!(
            "CREATE TABLE sailor (id BIGINT NOT NULL PRIMARY KEY, name VARCHAR(50) NOT NULL, mood VARCHAR(10) NOT NULL, \
             boat_name VARCHAR(50), height {double} NOT NULL)"
        ),
        (),
    )
    .await?;
    Ok(pool)
}

const INSERT: &str =
    "INSERT INTO sailor (id, name, mood, boat_name, height) VALUES (:id, :name, :mood, :boat_name, :height)";

fn sailors() -> Vec<Sailor> {
    vec![
        Sailor { id: 1, name: "Ada".to_owned(), mood: Mood::Glad, boat: Some("Óðinn".to_owned()), height: 1.75 },
        Sailor { id: 2, name: "Bo \"the ? oar\"".to_owned(), mood: Mood::SoSo, boat: None, height: 0.1 },
    ]
}

async fn derived_structs_are_read_and_written(database: Database) -> Verdict {
    let pool = crew(&database).await?;
    for sailor in sailors() {
        assert_eq!(pool.execute(INSERT, &sailor).await?.rows_affected, Some(1));
    }
    let read: Vec<Sailor> = pool.fetch_all("SELECT * FROM sailor ORDER BY id", ()).await?;
    assert_eq!(read, sailors());
    let one: Option<Sailor> = pool.fetch_one("SELECT * FROM sailor WHERE id = ?", (2,)).await?;
    assert_eq!(one.as_ref(), sailors().get(1));
    assert_eq!(pool.fetch_one::<Sailor>("SELECT * FROM sailor WHERE id = ?", (3,)).await?, None);
    let none = pool.require_one::<Sailor>("SELECT * FROM sailor WHERE id = ?", (3,)).await;
    refused(none, ErrorKind::RowNotFound);
    // Columns are found by name, in whatever order they come.
    let turned = "SELECT height, boat_name, mood, name, id, 7 AS more FROM sailor ORDER BY id";
    assert_eq!(pool.fetch_all::<Sailor>(turned, ()).await?, sailors());
    Ok(())
}

async fn parameters_are_written_alike_everywhere(database: Database) -> Verdict {
    let pool = crew(&database).await?;
    pool.execute_many(INSERT, sailors()).await?;
    let id = 1;
    let name = "Ada";
    assert_eq!(pool.fetch_value::<i64>("SELECT id FROM sailor WHERE name = ? AND id = ?", (name, id)).await?, 1);
    assert_eq!(pool.fetch_value::<i64>("SELECT id FROM sailor WHERE name = $2 AND id = $1", (id, name)).await?, 1);
    let named = named! { name: name, id: id };
    let sql = "SELECT id FROM sailor WHERE id = :id AND name = :name AND :id = id";
    assert_eq!(pool.fetch_value::<i64>(sql, named).await?, 1);
    assert_eq!(pool.fetch_value::<i64>("SELECT id FROM sailor WHERE id IN (?, ?) AND name = 'Ada'", [1, 2]).await?, 1);
    let quoted = "SELECT COUNT(*) FROM sailor WHERE name = 'Bo \"the ? oar\"' -- and ? :not $1\n AND id = ?";
    assert_eq!(pool.fetch_value::<i64>(quoted, (2,)).await?, 1);
    Ok(())
}

async fn wrong_parameters_and_columns_are_explained(database: Database) -> Verdict {
    let pool = crew(&database).await?;
    pool.execute_many(INSERT, sailors()).await?;
    for (result, text) in [
        (
            pool.execute("DELETE FROM sailor WHERE id = ?", ()).await,
            "the statement takes 1 parameter, but 0 were given",
        ),
        (
            pool.execute("DELETE FROM sailor WHERE id = :id", (1,)).await,
            "the statement names its parameters (:id), but they were given by position (give them by name: named! { name: \
             value })",
        ),
        (
            pool.execute("DELETE FROM sailor WHERE id = :id", named! { di: 1 }).await,
            "the statement has no parameter :di; it has :id",
        ),
    ] {
        assert_eq!(refused(result, ErrorKind::Parameters).to_string(), text);
    }
    let error = refused(pool.fetch_all::<Sailor>("SELECT id, name FROM sailor", ()).await, ErrorKind::ColumnNotFound);
    assert!(error.to_string().ends_with("there is no column mood; the row has id, name"), "{error}");
    let error = refused(
        pool.fetch_all::<(i64, String)>("SELECT id, boat_name FROM sailor ORDER BY id", ()).await,
        ErrorKind::Conversion,
    );
    assert_eq!(error.to_string(), "column 1 (boat_name): expected text, found null (read it as an Option)");
    let error = refused(pool.fetch_value::<i64>("SELECT name FROM sailor", ()).await, ErrorKind::Conversion);
    assert!(!error.to_string().contains("Ada"), "no value is told: {error}");
    assert_eq!(pool.fetch_value::<i64>("SELECT COUNT(*) FROM sailor", ()).await?, 2);
    Ok(())
}

async fn a_cursor_is_a_stream(database: Database) -> Verdict {
    let pool = Pool::connect(&database.url).await?;
    create_item(&pool).await?;
    let rows: Vec<(i64,)> = (0..1000).map(|id| (id,)).collect();
    assert_eq!(pool.execute_many("INSERT INTO item (id) VALUES (?)", &rows).await?.rows_affected, Some(1000));

    let cursor = pool.query("SELECT id FROM item ORDER BY id", ()).await?;
    let even: Vec<i64> = cursor
        .map(|row| row.and_then(|row| row.get::<i64>("id")))
        .try_filter(|id| std::future::ready(id % 2 == 0))
        .take(300)
        .try_collect()
        .await?;
    assert_eq!(even, (0..600).step_by(2).collect::<Vec<_>>());

    let mut cursor = pool.query("SELECT id FROM item WHERE id >= ? ORDER BY id", (990,)).await?;
    let typed: Vec<(i64,)> = cursor.rows::<(i64,)>()?.try_collect().await?;
    assert_eq!(typed, rows[990..]);
    assert!(cursor.next().await.is_none());

    // Rows outlive the cursor, the connection and the pool.
    let mut cursor = pool.query("SELECT id FROM item ORDER BY id DESC", ()).await?;
    let row: Row = cursor.fetch_one().await?.expect("there are rows");
    drop((cursor, pool));
    assert_eq!(row.get::<i64>(0)?, 999);
    Ok(())
}

async fn a_buffered_cursor_is_read_in_any_order(database: Database) -> Verdict {
    let pool = crew(&database).await?;
    pool.execute_many(INSERT, sailors()).await?;
    let mut cursor: BufferedCursor =
        pool.query("SELECT id, name FROM sailor ORDER BY id", ()).await?.buffered().await?;
    assert_eq!((cursor.row_count(), cursor.row_number()), (2, 0));
    assert_eq!(cursor.fetch_all::<(i64, String)>()?.len(), 2);
    cursor.scroll(Scroll::Relative(-1))?;
    assert_eq!(cursor.fetch_one::<(i64, String)>()?.map(|row| row.0), Some(2));
    cursor.scroll(Scroll::Absolute(0))?;
    assert_eq!(cursor.fetch_one::<(i64, String)>()?.map(|row| row.0), Some(1));
    refused(cursor.scroll(Scroll::Absolute(3)), ErrorKind::OutOfRange);
    Ok(())
}

#[derive(Debug, PartialEq, serde::Deserialize)]
struct Named {
    id: u8,
    boat_name: Option<String>,
}

async fn rows_are_json_and_serde_types(database: Database) -> Verdict {
    let pool = crew(&database).await?;
    pool.execute_many(INSERT, sailors()).await?;
    let rows: Vec<Row> = pool.fetch_all("SELECT * FROM sailor ORDER BY id", ()).await?;
    let json = serde_json::to_value(&rows).expect("rows are data");
    assert_eq!(
        json,
        serde_json::json!([
            {"id": 1, "name": "Ada", "mood": "glad", "boat_name": "Óðinn", "height": 1.75},
            {"id": 2, "name": "Bo \"the ? oar\"", "mood": "so-so", "boat_name": null, "height": 0.1},
        ])
    );
    let read: Vec<De<Named>> = pool.fetch_all("SELECT id, boat_name FROM sailor ORDER BY id DESC", ()).await?;
    assert_eq!(*read[0], Named { id: 2, boat_name: None });
    Ok(())
}

async fn a_batch_is_all_or_nothing(database: Database) -> Verdict {
    let pool = crew(&database).await?;
    let mut batch = sailors();
    batch.push(Sailor { id: 1, ..batch[1].clone() });
    let error = refused(pool.execute_many(INSERT, &batch).await, ErrorKind::UniqueViolation);
    assert_eq!(error.batch_index(), Some(2));
    assert_eq!(pool.fetch_value::<i64>("SELECT COUNT(*) FROM sailor", ()).await?, 0);
    batch.pop();
    assert_eq!(pool.execute_many(INSERT, &batch).await?.rows_affected, Some(2));
    assert_eq!(pool.execute_many(INSERT, Vec::<Sailor>::new()).await?.rows_affected, Some(0));
    Ok(())
}
