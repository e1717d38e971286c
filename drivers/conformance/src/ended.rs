//! Rule 55: the server ends the session, before a call, in it and after it.

use std::time::{Duration, Instant};

use oarlock_core::{Conn, Db, DbExt, Error, ErrorKind, Health, Result};

use crate::bench::{Bench, Way, until};
use crate::failure::{Verdict, refused};
use crate::tables::{LOCKED, count, insert, items};

/// How long a call may take to find out that the session is over, on a machine that is busy with other things.
const BOUND: Duration = Duration::from_secs(10);

/// A query over `item` that ends when the sun has gone out.
const ENDLESS: &str = "SELECT count(*) AS endless_oar FROM item a, item b, item c, item d, item e, item f";

/// Two connections, of which one ends the other's session.
struct Pair {
    conn: Conn,
    witness: Conn,
    end: String,
}

impl Pair {
    /// Opens them; `None` where the database has no sessions that could be ended.
    async fn open(bench: &Bench) -> Result<Option<Self>> {
        let Some((number, end)) = bench.fragments().end_session else { return Ok(None) };
        let (conn, witness) = (bench.conn().await?, bench.conn().await?);
        items(bench, &witness, 2000).await?;
        let number: i64 = conn.fetch_value(number, ()).await?;
        Ok(Some(Self { conn, witness, end: end.replace("{}", &number.to_string()) }))
    }

    /// Opens a new connection in the place of the one that was lost.
    async fn renew(&mut self, bench: &Bench) -> Result<()> {
        let Some((number, end)) = bench.fragments().end_session else { return Ok(()) };
        self.conn = bench.conn().await?;
        let number: i64 = self.conn.fetch_value(number, ()).await?;
        self.end = end.replace("{}", &number.to_string());
        Ok(())
    }

    async fn end(&self) -> Result<()> {
        self.witness.execute(&self.end, ()).await.map(drop)
    }

    /// Waits until the server runs the endless query.
    async fn runs(&self, bench: &Bench) -> Result<()> {
        let Some(running) = bench.fragments().running else { return Ok(()) };
        let seen = until(async || Ok(self.witness.fetch_value::<i64>(running, ()).await? > 0)).await?;
        assert!(seen, "the server has not begun");
        Ok(())
    }

    /// Requires that a call finds out in time, and that the connection says from then on that it is lost.
    async fn is_told<T>(&self, what: &str, call: impl Future<Output = Result<T>>) -> Result<Error> {
        let begun = Instant::now();
        let called = tokio::time::timeout(BOUND, call).await.unwrap_or_else(|_| panic!("{what} hangs"));
        let error = refused(called, ErrorKind::ConnectionLost, what);
        assert!(error.is_connection_lost(), "{what}: {error:?}");
        assert_eq!(self.conn.lease().await?.connection().health(), Health::Dead, "{what}");
        let next = tokio::time::timeout(BOUND, self.conn.execute("SELECT 1", ())).await;
        let next = next.unwrap_or_else(|_| panic!("the call after {what} hangs"));
        refused(next, ErrorKind::ConnectionLost, "a call after the loss was told");
        assert!(begun.elapsed() < BOUND, "{what} took {:?}", begun.elapsed());
        Ok(error)
    }
}

/// The first call after the end of the session says that the connection is lost, whichever it is, and so do all that follow.
pub async fn r55_a_call_on_an_ended_session_is_told(bench: Bench) -> Verdict {
    let Some(mut pair) = Pair::open(&bench).await? else { return Ok(()) };
    for what in [
        "execute",
        "a new statement",
        "a batch",
        "a script",
        "describe",
        "begin",
        "ping",
        "reset",
        "a pipeline",
        "the catalog",
    ] {
        let sql = "SELECT n FROM item WHERE id = ?";
        pair.conn.execute(sql, (1,)).await?;
        pair.end().await?;
        let conn = &pair.conn;
        let call = async {
            match what {
                "execute" => conn.execute(sql, (1,)).await.map(drop),
                "a new statement" => conn.execute("SELECT id FROM item WHERE id = ?", (1,)).await.map(drop),
                "a batch" => conn.execute_many("INSERT INTO item (id) VALUES (?)", [(5001,), (5002,)]).await.map(drop),
                "a script" => conn.script("SELECT 1; SELECT 2").await,
                "describe" => conn.describe("SELECT name FROM item").await.map(drop),
                "begin" => conn.begin().await.map(drop),
                "ping" => conn.ping().await,
                "reset" => {
                    let mut lease = conn.lease().await?;
                    // What may have been done to it has to be undone.
                    lease.connection().native();
                    lease.connection().reset().await
                }
                "a pipeline" => conn.pipeline().add("INSERT INTO item (id) VALUES (?)", (5001,)).run().await.map(drop),
                _ => conn.table_names(None).await.map(drop),
            }
        };
        pair.is_told(what, call).await?;
        assert_eq!(count(&pair.witness).await?, 2000, "{what} was not carried out");
        pair.renew(&bench).await?;
    }
    Ok(())
}

/// A statement whose session is ended while it runs says that the connection is lost, and so does one that waits for a lock.
pub async fn r55_a_running_statement_is_told(bench: Bench) -> Verdict {
    let Some(mut pair) = Pair::open(&bench).await? else { return Ok(()) };
    for what in ["execute", "a fetch", "a batch", "a script"] {
        let conn = &pair.conn;
        let call = async {
            match what {
                "execute" => conn.execute(ENDLESS, ()).await.map(drop),
                "a fetch" => conn.fetch_value::<i64>(ENDLESS, ()).await.map(drop),
                "a batch" => conn.execute_many(ENDLESS, [(), ()]).await.map(drop),
                _ => conn.script(ENDLESS).await,
            }
        };
        let killed = async {
            pair.runs(&bench).await?;
            pair.end().await
        };
        let (told, killed) = tokio::join!(pair.is_told(what, call), killed);
        killed?;
        told?;
        pair.renew(&bench).await?;
    }
    Ok(())
}

/// Rows that have not come are never taken for the end of the rows.
pub async fn r55_a_stream_that_ends_early_is_told(bench: Bench) -> Verdict {
    let Some(pair) = Pair::open(&bench).await? else { return Ok(()) };
    let call = async {
        let mut cursor = pair.conn.query("SELECT a.id FROM item a, item b, item c", ()).await?;
        assert!(cursor.fetch_one::<(i64,)>().await?.is_some());
        pair.end().await?;
        let mut rows = cursor.rows::<(i64,)>()?;
        while rows.next().await?.is_some() {}
        Ok(())
    };
    pair.is_told("a stream", call).await?;
    Ok(())
}

/// An open transaction is over with its session: its next call says so, its work is undone, and its locks are free.
pub async fn r55_a_transaction_is_undone(bench: Bench) -> Verdict {
    let Some(mut pair) = Pair::open(&bench).await? else { return Ok(()) };
    for what in ["a statement", "commit", "rollback", "an inner begin"] {
        let tx = pair.conn.begin().await?;
        tx.execute(LOCKED, ()).await?;
        insert(&tx, 5000).await?;
        pair.end().await?;
        let call = async {
            match what {
                "a statement" => insert(&tx, 5001).await,
                "an inner begin" => tx.begin().await.map(drop),
                "commit" => tx.commit().await,
                _ => tx.rollback().await,
            }
        };
        let called = tokio::time::timeout(BOUND, call).await.unwrap_or_else(|_| panic!("{what} hangs"));
        refused(called, ErrorKind::ConnectionLost, what);
        for _ in 0..2 {
            let next = tokio::time::timeout(BOUND, pair.conn.execute("SELECT 1", ())).await;
            let next = next.unwrap_or_else(|_| panic!("the call after {what} hangs"));
            refused(next, ErrorKind::ConnectionLost, "a call after the transaction was lost");
        }
        pair.witness.execute(LOCKED, ()).await?;
        assert_eq!(count(&pair.witness).await?, 2000, "{what}");
        pair.renew(&bench).await?;
    }
    Ok(())
}

/// The end of one session is no other's: whoever connects goes on, and a pool gives no lost connection twice.
pub async fn r55_others_go_on(bench: Bench) -> Verdict {
    let Some(mut pair) = Pair::open(&bench).await? else { return Ok(()) };
    for _ in 0..5 {
        pair.end().await?;
        pair.is_told("a call", pair.conn.execute("SELECT 1", ())).await?;
        pair.renew(&bench).await?;
        assert_eq!(count(&pair.conn).await?, 2000);
    }
    if bench.way() == Way::Pooled {
        // One that is ended while it lies in the pool is found out by the pool, or by its borrower, who is told.
        let end = pair.end.clone();
        drop(pair.conn);
        pair.witness.execute(&end, ()).await?;
        let healed = until(async || Ok(bench.conn().await?.fetch_value::<i64>("SELECT 1", ()).await.is_ok())).await?;
        assert!(healed, "the pool lends lost connections");
    }
    Ok(())
}
