//! The calls that rule 53 drops.

use oarlock_core::{Conn, Db, DbExt, Error, ErrorKind, Isolation, Result, TxOptions};

use super::Call;
use crate::tables::LOCKED;

const INSERT: &str = "INSERT INTO item (id, n) VALUES (?, ?)";
const NOTHING: &[i64] = &[0];

pub(super) const QUERIES: &[Call] = &[
    Call {
        name: "a new statement",
        rows: NOTHING,
        make: |conn, number| {
            Box::pin(async move {
                let sql = format!("SELECT -{number} - n FROM item WHERE id = ?");
                conn.fetch_value::<i64>(&sql, (1,)).await.map(drop)
            })
        },
    },
    Call {
        name: "a prepared statement",
        rows: NOTHING,
        make: |conn, number| {
            Box::pin(async move {
                let sql = "SELECT -id, n FROM item WHERE id <= 4 AND n <> ?";
                conn.fetch_all::<(i64, i64)>(sql, (-number,)).await.map(drop)
            })
        },
    },
    Call {
        name: "each way of fetching",
        rows: NOTHING,
        make: |conn, _| {
            Box::pin(async move {
                let mut cursor = conn.cursor().await?;
                cursor.set_array_size(2);
                cursor.execute("SELECT -id FROM item WHERE id <= ?", (9,)).await?;
                cursor.fetch_one::<(i64,)>().await?;
                cursor.fetch_many::<(i64,)>(None).await?;
                cursor.rows::<(i64,)>()?.next().await?;
                cursor.fetch_many::<(i64,)>(3).await?;
                cursor.fetch_all::<(i64,)>().await?;
                cursor.finish().await.map(drop)
            })
        },
    },
    Call {
        name: "a cursor that is finished early",
        rows: NOTHING,
        make: |conn, _| {
            Box::pin(async move {
                let mut cursor = conn.query("SELECT -id FROM item WHERE id <= ?", (20,)).await?;
                cursor.fetch_one::<(i64,)>().await?;
                cursor.finish().await?;
                cursor.warnings().await.map(drop)
            })
        },
    },
    Call { name: "a statement that fails", rows: NOTHING, make: |conn, _| Box::pin(failing(conn)) },
];

/// Of the procedure in the suite's fragments.
pub(super) const PROCEDURES: &[Call] = &[Call {
    name: "a procedure",
    rows: NOTHING,
    make: |conn, number| {
        Box::pin(async move {
            let mut cursor = conn.cursor().await?;
            cursor.call_procedure("add_one", (-number,)).await?;
            cursor.fetch_one::<(i64,)>().await?;
            if cursor.next_set().await? {
                cursor.fetch_all::<(String,)>().await?;
            }
            Ok(())
        })
    },
}];

async fn failing(conn: &Conn) -> Result<()> {
    match conn.execute("SELECT nowhere FROM item", ()).await {
        Err(error) if error.kind() == ErrorKind::UnknownColumn => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Err(Error::new(ErrorKind::Internal, "there is no such column")),
    }
}

/// The keys of a call's rows.
fn keys(number: i64, count: i64) -> Vec<(i64, i64)> {
    (number * 10..number * 10 + count).map(|id| (id, -id)).collect()
}

pub(super) const WRITES: &[Call] = &[
    Call {
        name: "an insert",
        rows: &[0, 1],
        make: |conn, number| Box::pin(async move { conn.execute(INSERT, (number * 10, -number)).await.map(drop) }),
    },
    Call {
        name: "a script",
        rows: &[0, 1, 2],
        make: |conn, number| {
            Box::pin(async move {
                let [first, second] = [number * 10, number * 10 + 1];
                let text = format!("INSERT INTO item (id) VALUES ({first}); INSERT INTO item (id) VALUES ({second})");
                conn.script(&text).await
            })
        },
    },
    Call {
        name: "many rows",
        rows: &[0, 5],
        make: |conn, number| Box::pin(async move { conn.execute_many(INSERT, keys(number, 5)).await.map(drop) }),
    },
    Call {
        name: "many rows of a statement that goes row by row",
        rows: &[0, 3],
        make: |conn, number| {
            Box::pin(async move {
                let sql = "INSERT INTO item (id, n) SELECT id + ?, n FROM item WHERE id = ?";
                let rows: Vec<_> = (1..=3).map(|id| (number * 10, id)).collect();
                conn.execute_many(sql, rows).await.map(drop)
            })
        },
    },
    Call {
        name: "many rows of which one fails",
        rows: NOTHING,
        make: |conn, number| {
            Box::pin(async move {
                let rows = [(number * 10, 1), (number * 10 + 1, 1), (number * 10, 1)];
                match conn.execute_many(INSERT, rows).await {
                    Err(error) if error.kind() == ErrorKind::UniqueViolation => Ok(()),
                    Err(error) => Err(error),
                    Ok(_) => Err(Error::new(ErrorKind::Internal, "the key is there twice")),
                }
            })
        },
    },
    Call {
        name: "a pipeline",
        rows: &[0, 2],
        make: |conn, number| {
            Box::pin(async move {
                let mut pipeline = conn.pipeline();
                pipeline.add(INSERT, (number * 10, -1)).add("SELECT -n FROM item WHERE id <= ?", (3,));
                pipeline.add(INSERT, (number * 10 + 1, -1)).add(LOCKED, ());
                pipeline.run().await.map(drop)
            })
        },
    },
];

pub(super) const TRANSACTIONS: &[Call] = &[
    Call {
        name: "a transaction that is committed",
        rows: &[0, 1],
        make: |conn, number| {
            Box::pin(async move {
                let tx = conn.begin().await?;
                tx.execute(LOCKED, ()).await?;
                tx.execute(INSERT, (number * 10, -number)).await?;
                tx.commit().await
            })
        },
    },
    Call {
        name: "a transaction that is rolled back",
        rows: NOTHING,
        make: |conn, number| {
            Box::pin(async move {
                let tx = conn.begin().await?;
                tx.execute(LOCKED, ()).await?;
                tx.execute(INSERT, (number * 10, -number)).await?;
                tx.rollback().await
            })
        },
    },
];

/// Where transactions may be read-only and serializable.
pub(super) const READING: &[Call] = &[Call {
    name: "a transaction that reads",
    rows: NOTHING,
    make: |conn, _| {
        Box::pin(async move {
            let tx = conn.begin_with(TxOptions::new().isolation(Isolation::Serializable).read_only()).await?;
            tx.fetch_value::<i64>("SELECT -n FROM item WHERE id = ?", (1,)).await?;
            tx.commit().await
        })
    },
}];

/// Where there are savepoints.
pub(super) const INSIDE: &[Call] = &[
    Call {
        name: "transactions inside of one",
        rows: &[0, 2],
        make: |conn, number| {
            Box::pin(async move {
                let tx = conn.begin().await?;
                tx.execute(LOCKED, ()).await?;
                let inner = tx.begin().await?;
                inner.execute(INSERT, (number * 10, -1)).await?;
                inner.commit().await?;
                let inner = tx.begin().await?;
                inner.execute(INSERT, (number * 10 + 1, -1)).await?;
                inner.rollback().await?;
                let inner = tx.begin().await?;
                inner.execute(INSERT, (number * 10 + 2, -1)).await?;
                drop(inner);
                // What the dropped one left is undone by this.
                tx.execute(INSERT, (number * 10 + 3, -1)).await?;
                tx.commit().await
            })
        },
    },
    Call {
        name: "many rows in a transaction",
        rows: &[0, 5],
        make: |conn, number| {
            Box::pin(async move {
                let tx = conn.begin().await?;
                tx.execute(LOCKED, ()).await?;
                tx.execute_many(INSERT, keys(number, 5)).await?;
                tx.commit().await
            })
        },
    },
    Call {
        name: "a pipeline in a transaction",
        rows: &[0, 2],
        make: |conn, number| {
            Box::pin(async move {
                let tx = conn.begin().await?;
                let mut pipeline = tx.pipeline();
                pipeline.add(INSERT, (number * 10, -1)).add(LOCKED, ()).add(INSERT, (number * 10 + 1, -1));
                pipeline.run().await?;
                drop(pipeline);
                tx.commit().await
            })
        },
    },
    Call {
        name: "a transaction that fails",
        rows: NOTHING,
        make: |conn, number| {
            Box::pin(async move {
                let tx = conn.begin().await?;
                tx.execute(INSERT, (number * 10, -1)).await?;
                let inner = tx.begin().await?;
                let error = inner.execute(INSERT, (number * 10, -1)).await.err();
                inner.rollback().await?;
                tx.rollback().await?;
                match error {
                    Some(error) if error.kind() == ErrorKind::UniqueViolation => Ok(()),
                    Some(error) => Err(error),
                    None => Err(Error::new(ErrorKind::Internal, "the key is there twice")),
                }
            })
        },
    },
];

pub(super) const SESSION: &[Call] = &[
    Call {
        name: "describe",
        rows: NOTHING,
        make: |conn, number| {
            Box::pin(async move { conn.describe(&format!("SELECT {number} FROM item WHERE id = ?")).await.map(drop) })
        },
    },
    Call { name: "ping", rows: NOTHING, make: |conn, _| Box::pin(conn.ping()) },
    Call {
        name: "warnings",
        rows: NOTHING,
        make: |conn, _| Box::pin(async move { conn.lease().await?.connection().warnings().await.map(drop) }),
    },
    Call {
        name: "reset",
        rows: NOTHING,
        make: |conn, _| {
            Box::pin(async move {
                let mut lease = conn.lease().await?;
                // What may have been done to it has to be undone.
                lease.connection().native();
                lease.connection().reset().await
            })
        },
    },
    Call { name: "close", rows: NOTHING, make: |conn, _| Box::pin(conn.close()) },
];

/// Where there is a catalog.
pub(super) const CATALOG: &[Call] = &[
    Call {
        name: "the tables' names",
        rows: NOTHING,
        make: |conn, _| Box::pin(async move { conn.table_names(None).await.map(drop) }),
    },
    Call {
        name: "a table",
        rows: NOTHING,
        make: |conn, _| Box::pin(async move { conn.table(None, "item").await.map(drop) }),
    },
];
