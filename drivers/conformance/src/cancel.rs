//! Rules 51 and 52: stopping statements, by a request, by a limit of time, and by nobody waiting any more.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use oarlock_core::{Conn, Db, DbExt, ErrorKind, Health, Result, TxState, cancel};

use crate::bench::{Bench, until};
use crate::failure::{Verdict, refused, refused_as};
use crate::tables::{count, insert, items, tx_state};

/// A query over `item` that ends when the sun has gone out. Its name is that by which the server is asked for it.
const ENDLESS: &str = "SELECT count(*) AS endless_oar FROM item a, item b, item c, item d, item e, item f";

/// The longest that a request to stop may take, on a machine that is busy with other things.
const BOUND: Duration = Duration::from_secs(10);

async fn rowed(bench: &Bench) -> Result<Conn> {
    let conn = bench.conn().await?;
    items(bench, &conn, 2000).await?;
    Ok(conn)
}

async fn health(conn: &Conn) -> Result<Health> {
    Ok(conn.lease().await?.connection().health())
}

/// What is declared can be had, and what is not says so.
pub async fn r51_cancelling_is_as_declared(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    if bench.capabilities().cancel {
        conn.canceller()?;
    } else {
        refused(conn.canceller(), ErrorKind::NotSupported, "a canceller");
    }
    Ok(())
}

/// A request to stop ends the running statement, and the connection goes on.
pub async fn r51_a_request_stops_the_statement(bench: Bench) -> Verdict {
    if !bench.capabilities().cancel {
        return Ok(());
    }
    let conn = rowed(&bench).await?;
    let canceller = conn.canceller()?;
    for _ in 0..3 {
        let begun = Instant::now();
        let mut work = pin!(conn.fetch_value::<i64>(ENDLESS, ()));
        // A request that comes before the statement runs has nothing to stop.
        let stopped = loop {
            tokio::select! {
                stopped = &mut work => break stopped,
                () = tokio::time::sleep(Duration::from_millis(50)) => canceller.cancel().await?,
            }
        };
        refused(stopped, ErrorKind::Cancelled, "a statement that was stopped");
        assert!(begun.elapsed() < BOUND, "stopped after {:?}", begun.elapsed());
        assert_eq!(count(&conn).await?, 2000);
    }
    Ok(())
}

/// A server that waits for its rows to be read has taken the request, though it can say so only when they are; and the connection
/// goes on.
pub async fn r51_a_request_is_taken_while_rows_wait_for_their_reader(bench: Bench) -> Verdict {
    if !bench.capabilities().cancel {
        return Ok(());
    }
    let conn = rowed(&bench).await?;
    let canceller = conn.canceller()?;
    let mut cursor = conn.query("SELECT a.id FROM item a, item b", ()).await?;
    assert!(cursor.fetch_one::<(i64,)>().await?.is_some());
    let begun = Instant::now();
    canceller.cancel().await?;
    assert!(begun.elapsed() < cancel::STOP_LIMIT / 2, "taken after {:?}", begun.elapsed());
    drop(cursor);
    assert_eq!(count(&conn).await?, 2000);
    assert_eq!(health(&conn).await?, Health::Ready);
    Ok(())
}

/// A request on an idle connection does nothing, and never hits a statement that begins after it.
pub async fn r51_a_request_never_hits_a_later_statement(bench: Bench) -> Verdict {
    if !bench.capabilities().cancel {
        return Ok(());
    }
    let conn = rowed(&bench).await?;
    let canceller = conn.canceller()?;
    canceller.cancel().await?;
    assert_eq!(count(&conn).await?, 2000);
    for round in 0..30_u64 {
        let mut request = pin!(canceller.cancel());
        let begun = poll_fn(|cx| Poll::Ready(request.as_mut().poll(cx))).await;
        // The request is on its way, at another point each time.
        tokio::time::sleep(Duration::from_micros(round * 50)).await;
        assert_eq!(count(&conn).await?, 2000, "round {round}");
        if begun.is_pending() {
            request.await?;
        }
        assert_eq!(count(&conn).await?, 2000, "round {round}, when it had landed");
    }
    assert_eq!(health(&conn).await?, Health::Ready);
    Ok(())
}

/// A canceller outlives its connection, and does nothing then: a pool may have given it to somebody else.
pub async fn r51_a_canceller_ends_with_its_connection(bench: Bench) -> Verdict {
    if !bench.capabilities().cancel {
        return Ok(());
    }
    let conn = rowed(&bench).await?;
    let canceller = conn.canceller()?;
    drop(conn);
    canceller.cancel().await?;
    Ok(())
}

/// A limit of time ends a statement within its bound; afterwards the connection is ready or dead.
pub async fn r52_a_limit_of_time_stops_the_statement(bench: Bench) -> Verdict {
    let conn = rowed(&bench).await?;
    // A statement within its limit is not touched by it.
    assert_eq!(count(&conn.with_timeout(BOUND)).await?, 2000);
    if !bench.capabilities().cancel {
        // Nothing may be able to end such a driver's statement before it ends by itself.
        return Ok(());
    }
    let limit = Duration::from_millis(100);
    let begun = Instant::now();
    let error = refused(
        conn.with_timeout(limit).fetch_value::<i64>(ENDLESS, ()).await,
        ErrorKind::StatementTimeout,
        "a statement past its limit",
    );
    assert!(begun.elapsed() >= limit && begun.elapsed() < BOUND, "after {:?}", begun.elapsed());
    assert!(error.to_string().contains("100ms"), "{error}");
    assert!(!error.outcome_unknown(), "the server said that it stopped: {error}");
    assert_eq!(count(&conn).await?, 2000);
    assert_eq!(health(&conn).await?, Health::Ready);
    // One of the connection's own holds for all calls.
    conn.set_timeout(limit);
    refused(conn.execute(ENDLESS, ()).await, ErrorKind::StatementTimeout, "the connection's own limit");
    refused(conn.execute_many(ENDLESS, [(), ()]).await, ErrorKind::StatementTimeout, "a batch");
    refused(conn.script(ENDLESS).await, ErrorKind::StatementTimeout, "a script");
    let fetch = async || conn.query(ENDLESS, ()).await?.fetch_one::<(i64,)>().await;
    refused(fetch().await, ErrorKind::StatementTimeout, "a cursor");
    conn.set_timeout(None);
    assert_eq!(count(&conn).await?, 2000);
    Ok(())
}

/// A limit in a transaction stops the statement; the transaction then says where it stands.
pub async fn r52_a_limit_in_a_transaction_is_told(bench: Bench) -> Verdict {
    if !bench.capabilities().cancel {
        return Ok(());
    }
    let conn = rowed(&bench).await?;
    let tx = conn.with_timeout(Duration::from_millis(100)).begin().await?;
    insert(&tx, 5000).await?;
    refused(tx.execute(ENDLESS, ()).await, ErrorKind::StatementTimeout, "a statement past its limit");
    if tx_state(&tx).await? == TxState::Failed {
        assert!(bench.capabilities().failed_transaction_state);
        tx.rollback().await?;
        assert_eq!(count(&conn).await?, 2000);
        return Ok(());
    }
    match tx.commit().await {
        Ok(()) => assert_eq!(count(&conn).await?, 2001, "a read that was stopped undoes nothing"),
        // A request that comes late stops what asks the server for a sign of life, and so fails the transaction after all.
        Err(error) if bench.capabilities().failed_transaction_state => {
            assert_eq!(error.kind(), ErrorKind::TransactionFailed, "{error:?}");
            assert_eq!(count(&conn).await?, 2000);
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// What a dropped call was doing is stopped on the server, without another call of the connection's.
pub async fn r52_a_dropped_call_is_stopped_on_the_server(bench: Bench) -> Verdict {
    if !bench.capabilities().cancel {
        return Ok(());
    }
    let conn = rowed(&bench).await?;
    let watcher = bench.conn().await?;
    let running = bench.fragments().running;
    let is_running = async || match running {
        Some(sql) => watcher.fetch_value::<i64>(sql, ()).await.map(|count| count > 0),
        None => Ok(false),
    };
    for way in ["execute", "a cursor's execute", "a fetch", "a batch", "a script", "a pipeline"] {
        let mut cursor = None;
        let work = async {
            match way {
                "execute" => conn.execute(ENDLESS, ()).await.map(drop),
                "a batch" => conn.execute_many(ENDLESS, [(), ()]).await.map(drop),
                "a script" => conn.script(ENDLESS).await,
                "a pipeline" => conn.pipeline().add("SELECT 1", ()).add(ENDLESS, ()).run().await.map(drop),
                "a fetch" => {
                    let mut cursor = conn.query(ENDLESS, ()).await?;
                    cursor.fetch_one::<(i64,)>().await.map(drop)
                }
                _ => cursor.insert(conn.cursor().await?).execute(ENDLESS, ()).await,
            }
        };
        let mut work = Box::pin(work);
        let seen = tokio::select! {
            result = &mut work => {
                // PostgreSQL tells the columns before it works: the statement is open then.
                result?;
                true
            }
            seen = until(|| async { Ok(is_running().await? || running.is_none()) }) => seen?,
        };
        assert!(seen, "{way}: the server has not begun");
        drop(work);
        if way == "a cursor's execute" && cursor.as_ref().is_some_and(|cursor| !cursor.description().is_empty()) {
            cursor = None;
        }
        assert!(until(|| async { Ok(!is_running().await?) }).await?, "{way}: the server still runs it");
        drop(cursor);
        let begun = Instant::now();
        assert_eq!(count(&conn).await?, 2000, "{way}");
        assert!(begun.elapsed() < BOUND, "{way}: the next statement waited for {:?}", begun.elapsed());
    }
    Ok(())
}

/// A cursor that is dropped half-read in a transaction costs the transaction nothing.
pub async fn r52_a_half_read_cursor_leaves_its_transaction_whole(bench: Bench) -> Verdict {
    let conn = rowed(&bench).await?;
    let tx = conn.begin().await?;
    insert(&tx, 5000).await?;
    let mut cursor = tx.query("SELECT a.id FROM item a, item b WHERE b.id <= 200", ()).await?;
    assert!(cursor.fetch_one::<(i64,)>().await?.is_some());
    drop(cursor);
    assert_eq!(count(&tx).await?, 2001);
    tx.commit().await?;
    assert_eq!(count(&conn).await?, 2001);
    let last = conn.execute("INSERT INTO item (id) VALUES (1)", ()).await;
    refused_as(last, &[ErrorKind::UniqueViolation], "the connection is as it was");
    Ok(())
}
