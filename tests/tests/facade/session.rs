//! A connection, a transaction and a pool as one `Db`; autocommit as PEP 249 has it.

use std::sync::Arc;

use oarlock::{Db, DbExt, ErrorKind, Pool, Result, TxState};
use oarlock_tests::{Database, Verdict, create_item, ids, insert, on_every_engine, refused};

on_every_engine!(
    a_pool_a_connection_and_a_transaction_are_all_a_db,
    autocommit_off_begins_transactions_by_itself,
    a_call_beside_a_cursor_is_an_error_and_no_wait,
    the_catalog_is_read_through_the_facade,
);

/// Library code that neither knows nor cares what it runs on.
async fn add(db: &dyn Db, id: i64) -> Result<i64> {
    db.execute("INSERT INTO item (id) VALUES (?)", (id,)).await?;
    db.transaction(|tx| async move { tx.execute("INSERT INTO item (id) VALUES (?)", (id + 1,)).await }).await?;
    db.fetch_value("SELECT COUNT(*) FROM item", ()).await
}

async fn a_pool_a_connection_and_a_transaction_are_all_a_db(database: Database) -> Verdict {
    let pool = Pool::connect(&database.url).await?;
    create_item(&pool).await?;
    assert_eq!(add(&pool, 10).await?, 2);
    let conn = pool.acquire().await?;
    assert_eq!(add(&conn, 20).await?, 4);
    let tx = conn.begin().await?;
    assert_eq!(add(&tx, 30).await?, 6);
    tx.rollback().await?;
    drop(conn);
    let shared: Arc<dyn Db> = Arc::new(pool.clone());
    assert_eq!(add(&shared, 40).await?, 6);
    let many: Vec<Box<dyn Db>> = vec![Box::new(pool.clone()), Box::new(oarlock::connect(&database.url).await?)];
    for db in &many {
        assert_eq!(ids(db).await?, [10, 11, 20, 21, 40, 41]);
    }
    Ok(())
}

async fn autocommit_off_begins_transactions_by_itself(database: Database) -> Verdict {
    let witness = oarlock::connect(&database.url).await?;
    create_item(&witness).await?;
    let conn = oarlock::connect(&database.url).await?;
    conn.set_autocommit(false).await?;
    insert(&conn, 1).await?;
    assert_eq!(conn.lease().await?.connection().tx_state(), TxState::Open);
    assert_eq!(ids(&witness).await?, [0_i64; 0]);
    conn.rollback().await?;
    insert(&conn, 2).await?;
    conn.commit().await?;
    conn.commit().await?;
    assert_eq!(ids(&witness).await?, [2]);

    refused(conn.begin().await, ErrorKind::Interface);
    insert(&conn, 3).await?;
    refused(conn.set_autocommit(true).await, ErrorKind::Interface);
    conn.commit().await?;
    conn.set_autocommit(true).await?;
    insert(&conn, 4).await?;
    assert_eq!(ids(&witness).await?, [2, 3, 4]);
    Ok(())
}

async fn a_call_beside_a_cursor_is_an_error_and_no_wait(database: Database) -> Verdict {
    let conn = oarlock::connect(&database.url).await?;
    create_item(&conn).await?;
    conn.execute_many("INSERT INTO item (id) VALUES (?)", (0..600).map(|id| (id,)).collect::<Vec<_>>()).await?;
    let mut cursor = conn.query("SELECT id FROM item ORDER BY id", ()).await?;
    cursor.fetch_one::<(i64,)>().await?;
    let error = refused(conn.execute("SELECT 1", ()).await, ErrorKind::Interface);
    assert_eq!(error.to_string(), "a cursor is open on this connection (read it to its end or drop it first)");
    drop(cursor);
    assert_eq!(ids(&conn).await?.len(), 600);
    Ok(())
}

async fn the_catalog_is_read_through_the_facade(database: Database) -> Verdict {
    let pool = Pool::connect(&database.url).await?;
    create_item(&pool).await?;
    assert_eq!(pool.table_names(None).await?, ["item"]);
    let table = pool.table(None, "item").await?;
    assert_eq!(table.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>(), ["id"]);
    let error = refused(pool.table(None, "nowhere").await, ErrorKind::TableNotFound);
    assert!(error.to_string().contains("nowhere"), "{error}");
    Ok(())
}
