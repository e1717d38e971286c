//! A statement that may have run is never run again without the caller's word.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use oarlock::{DbExt, Error, Pool, PoolOptions, Result};
use oarlock_test_support::{At, Direction, Fault, Proxy};
use oarlock_tests::{Database, Liar, Lie, Verdict, caught, report};

use crate::{admin, alone, proofs};

proofs! {
    a_cut_statement_runs_once_at_most on Postgres MySql;
    a_driver_that_runs_it_again_is_found_out on Postgres MySql;
    a_transaction_whose_commit_is_lost_runs_once on Postgres MySql;
}

async fn a_cut_statement_runs_once_at_most(database: Database) -> Verdict {
    cut_after_sending(&database, Lie::None).await
}

async fn a_driver_that_runs_it_again_is_found_out(database: Database) -> Verdict {
    caught(Lie::RunsAgain, &["it ran 2 times"], cut_after_sending(&database, Lie::RunsAgain)).await;
    Ok(())
}

/// The ways in which a statement reaches the server.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// Its text is new.
    New,
    /// It is prepared.
    Prepared,
    /// It is prepared, and the table has changed since.
    Stale,
    /// It is one of a script's.
    Script,
    /// It is run for several rows.
    Many,
}

const WAYS: [Way; 5] = [Way::New, Way::Prepared, Way::Stale, Way::Script, Way::Many];

async fn send(pool: &Pool, way: Way, token: i64) -> Result<()> {
    let insert = "INSERT INTO sent (token) VALUES (?)";
    match way {
        Way::New => pool.execute(&format!("{insert} /* {token} */"), (token,)).await.map(drop),
        Way::Prepared | Way::Stale => pool.execute(insert, (token,)).await.map(drop),
        Way::Script => pool.script(&format!("INSERT INTO sent (token) VALUES ({token})")).await,
        Way::Many => pool.execute_many(insert, [(token,), (-1,)]).await.map(drop),
    }
}

async fn cut_after_sending(database: &Database, lie: Lie) -> Verdict {
    let admin = admin(database).await?;
    admin.execute("CREATE TABLE sent (token BIGINT NOT NULL)", ()).await?;
    let proxy = Proxy::to(&database.url).await;
    let mut token = 0;
    for way in WAYS {
        for message in 0.. {
            token += 1;
            // Of one connection, so that nobody else's bytes are counted.
            let pool = Pool::new(Arc::new(Liar::new(proxy.url(), lie)?), PoolOptions::new().max_size(1));
            // Opened, and the statement prepared, before the fault is there.
            send(&pool, Way::Prepared, -1).await?;
            if matches!(way, Way::Stale) {
                admin.execute(&format!("ALTER TABLE sent ADD COLUMN c{token} INT"), ()).await?;
            }
            proxy.arm(Fault::cut(Direction::ToClient, At::Message(message)));
            let result = send(&pool, way, token).await;
            let was_cut = !proxy.disarm();
            // What comes next works on another connection. A cut after the last word is found out by the statement after it.
            let next = send(&pool, Way::Prepared, -1).await;
            let is_over = next.is_ok() || result.is_ok() && next.is_err_and(|error| error.is_connection_lost());
            assert!(is_over, "the pool did not get over the cut after message {message}");
            send(&pool, Way::Prepared, -1).await?;
            pool.close().await?;
            drop(pool);
            alone(&admin, database.engine).await?;
            let rows: i64 = admin.fetch_value("SELECT count(*) FROM sent WHERE token = ?", (token,)).await?;
            let place = format!("{way:?} cut after message {message}: {result:?}");
            assert!(rows <= 1, "{place}: it ran {rows} times");
            match &result {
                Ok(()) => assert_eq!(rows, 1, "{place}"),
                Err(error) => assert!(error.is_connection_lost() && (error.outcome_unknown() || rows == 0), "{place}"),
            }
            if !was_cut {
                break;
            }
        }
    }
    report(&format!("{token} cuts"));
    Ok(())
}

/// A closure is run again after a deadlock, but not where its work may have been committed.
async fn a_transaction_whose_commit_is_lost_runs_once(database: Database) -> Verdict {
    let admin = admin(&database).await?;
    admin.execute("CREATE TABLE sent (token BIGINT NOT NULL)", ()).await?;
    let proxy = &Proxy::to(&database.url).await;
    for byte in [0, 1, 5] {
        let pool = PoolOptions::new().max_size(1).connect(proxy.url()).await?;
        let attempts = &AtomicUsize::new(0);
        let result = pool
            .transaction(|tx| async move {
                attempts.fetch_add(1, Ordering::SeqCst);
                tx.execute("INSERT INTO sent (token) VALUES (1)", ()).await?;
                proxy.arm(Fault::cut(Direction::ToClient, At::Byte(byte)));
                Ok(())
            })
            .await;
        let was_cut = !proxy.disarm();
        assert_eq!(attempts.load(Ordering::SeqCst), 1);
        assert!(was_cut && result.as_ref().is_err_and(Error::outcome_unknown), "{result:?}");
    }
    Ok(())
}
