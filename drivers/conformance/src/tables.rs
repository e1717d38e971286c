//! The tables that the rules share.

use oarlock_core::schema::{Column, Table, Type};
use oarlock_core::{Conn, Db, DbExt, Result, TxState};

use crate::bench::Bench;

/// Describes the table `item`: a key, a name that may be NULL, a number that may be NULL.
pub(crate) fn item() -> Table {
    Table::new("item")
        .column(Column::new("id", Type::Int8))
        .column(Column::new("name", Type::VarChar(100)).nullable())
        .column(Column::new("n", Type::Int8).nullable())
        .primary_key(["id"])
}

/// Creates the table `item` with rows numbered from 1, whose `name` is `item <id>` and whose `n` is ten times the `id`.
pub(crate) async fn items(bench: &Bench, conn: &Conn, rows: usize) -> Result<()> {
    bench.create(conn, &item()).await?;
    let ids: Vec<usize> = (1..=rows).collect();
    for chunk in ids.chunks(500) {
        let rows: Vec<String> = chunk.iter().map(|id| format!("({id}, 'item {id}', {id}0)")).collect();
        conn.execute(&format!("INSERT INTO item (id, name, n) VALUES {}", rows.join(", ")), ()).await?;
    }
    Ok(())
}

/// Locks a row of `item` for as long as its transaction takes, and changes nothing.
pub(crate) const LOCKED: &str = "UPDATE item SET n = n WHERE id = 100";

/// Counts the rows of `item`.
pub(crate) async fn count(db: &impl Db) -> Result<i64> {
    db.fetch_value("SELECT count(*) FROM item", ()).await
}

/// Lists the keys of `item` in order.
pub(crate) async fn ids(db: &impl Db) -> Result<Vec<i64>> {
    Ok(db.fetch_all::<(i64,)>("SELECT id FROM item ORDER BY id", ()).await?.into_iter().map(|row| row.0).collect())
}

/// Inserts a row into `item`.
pub(crate) async fn insert(db: &impl Db, id: i64) -> Result<()> {
    db.execute("INSERT INTO item (id, name, n) VALUES (?, ?, ?)", (id, format!("item {id}"), id * 10)).await.map(drop)
}

/// Tells where the connection stands with transactions.
pub(crate) async fn tx_state(db: &impl Db) -> Result<TxState> {
    Ok(db.lease().await?.connection().tx_state())
}
