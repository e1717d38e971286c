//! Transactions as users write them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use oarlock::{DbExt, Error, ErrorKind, Isolation, Pool, TxOptions};
use oarlock_tests::{Database, Engine, Verdict, create_item, ids, insert, on_every_engine, refused};
use tokio::sync::Barrier;

on_every_engine!(
    a_dropped_guard_rolls_back,
    inner_transactions_end_by_themselves,
    a_closures_error_rolls_back_and_is_the_one_told,
    a_closures_panic_rolls_back,
    text_cannot_end_a_transaction,
    a_transaction_that_is_over_says_so,
    a_deadlock_is_run_again,
    a_serialization_failure_is_run_again,
    other_errors_are_not_run_again,
);

async fn a_dropped_guard_rolls_back(database: Database) -> Verdict {
    let pool = Pool::connect(&database.url).await?;
    create_item(&pool).await?;
    let conn = pool.acquire().await?;
    let tx = conn.begin().await?;
    insert(&tx, 1).await?;
    assert_eq!(ids(&tx).await?, [1]);
    drop(tx);
    assert_eq!(ids(&conn).await?, [0_i64; 0]);
    let tx = conn.begin().await?;
    insert(&tx, 2).await?;
    tx.commit().await?;
    let tx = conn.begin().await?;
    insert(&tx, 3).await?;
    tx.rollback().await?;
    assert_eq!(ids(&pool).await?, [2]);
    Ok(())
}

async fn inner_transactions_end_by_themselves(database: Database) -> Verdict {
    let pool = Pool::connect(&database.url).await?;
    create_item(&pool).await?;
    pool.transaction(|tx| async move {
        insert(&tx, 1).await?;
        let inner = tx.begin().await?;
        insert(&inner, 2).await?;
        refused(insert(&tx, 9).await, ErrorKind::Interface);
        drop(inner);
        let kept = tx.transaction(|inner| async move { insert(&inner, 3).await }).await;
        let lost = tx
            .transaction(|inner| async move {
                insert(&inner, 4).await?;
                insert(&inner, 1).await
            })
            .await;
        refused(lost, ErrorKind::UniqueViolation);
        kept
    })
    .await?;
    assert_eq!(ids(&pool).await?, [1, 3]);
    Ok(())
}

async fn a_closures_error_rolls_back_and_is_the_one_told(database: Database) -> Verdict {
    let pool = Pool::connect(&database.url).await?;
    create_item(&pool).await?;
    let failed = pool.transaction(|tx| async move {
        insert(&tx, 1).await?;
        Err::<(), _>(Error::new(ErrorKind::InvalidValue, "the order is empty"))
    });
    assert_eq!(refused(failed.await, ErrorKind::InvalidValue).message(), "the order is empty");
    assert_eq!(ids(&pool).await?, [0_i64; 0]);
    Ok(())
}

async fn a_closures_panic_rolls_back(database: Database) -> Verdict {
    let pool = Pool::connect(&database.url).await?;
    create_item(&pool).await?;
    // The future can be sent to another thread, too.
    let task = tokio::spawn({
        let pool = pool.clone();
        async move {
            pool.transaction(|tx| async move {
                insert(&tx, 1).await?;
                assert!(ids(&tx).await?.is_empty(), "the intended panic");
                Ok(())
            })
            .await
        }
    });
    assert!(task.await.expect_err("it panicked").is_panic());
    assert_eq!(ids(&pool).await?, [0_i64; 0]);
    insert(&pool, 1).await?;
    Ok(())
}

async fn text_cannot_end_a_transaction(database: Database) -> Verdict {
    let conn = oarlock::connect(&database.url).await?;
    create_item(&conn).await?;
    let tx = conn.begin().await?;
    insert(&tx, 1).await?;
    for text in ["COMMIT", "rollback", " /* now */ Commit;", "BEGIN", "START TRANSACTION", "END"] {
        // MySQL has no `END` by itself and SQLite no `START`: syntax errors, which leave the transaction as it is.
        let error = tx.execute(text, ()).await.expect_err(text);
        let unknown = ["END", "START TRANSACTION"].contains(&text) && error.kind() == ErrorKind::Syntax;
        assert!(unknown || error.kind() == ErrorKind::Interface, "{text}: {error:?}");
        if error.kind() == ErrorKind::Interface {
            assert!(error.to_string().contains("`commit` or `rollback` on the transaction"), "{error}");
        }
    }
    let script = "INSERT INTO item (id) VALUES (2); COMMIT";
    let error = refused(tx.script(script).await, ErrorKind::Interface);
    assert_eq!(error.position(), script.find("COMMIT"));
    drop(tx);
    assert_eq!(ids(&conn).await?, [0_i64; 0]);
    Ok(())
}

async fn a_transaction_that_is_over_says_so(database: Database) -> Verdict {
    let conn = oarlock::connect(&database.url).await?;
    create_item(&conn).await?;
    let tx = conn.begin().await?;
    let other = tx.clone();
    refused(conn.execute("SELECT 1", ()).await, ErrorKind::Interface);
    tx.commit().await?;
    let error = refused(insert(&other, 1).await, ErrorKind::Interface);
    assert_eq!(error.to_string(), "the transaction is over");
    refused(other.commit().await, ErrorKind::Interface);
    insert(&conn, 1).await?;
    Ok(())
}

/// Two transactions lock two rows crosswise; the one that the server picks runs again, and both come to their end.
async fn a_deadlock_is_run_again(database: Database) -> Verdict {
    if database.engine == Engine::Sqlite {
        // One writer at a time: there is no deadlock to be had.
        return Ok(());
    }
    let pool = Pool::connect(&database.url).await?;
    pool.execute("CREATE TABLE account (id BIGINT NOT NULL PRIMARY KEY, balance BIGINT NOT NULL)", ()).await?;
    pool.execute_many("INSERT INTO account VALUES (?, ?)", [(1, 100), (2, 100)]).await?;
    let (barrier, attempts) = (Arc::new(Barrier::new(2)), Arc::new(AtomicUsize::new(0)));
    let transfers = [(1, 2), (2, 1)].map(|(from, to)| {
        let (pool, barrier, attempts) = (pool.clone(), Arc::clone(&barrier), Arc::clone(&attempts));
        tokio::spawn(async move {
            pool.transaction(|tx| {
                let (barrier, attempts) = (Arc::clone(&barrier), Arc::clone(&attempts));
                async move {
                    let first = attempts.fetch_add(1, Ordering::SeqCst) < 2;
                    tx.execute("UPDATE account SET balance = balance - 10 WHERE id = ?", (from,)).await?;
                    if first {
                        barrier.wait().await;
                    }
                    tx.execute("UPDATE account SET balance = balance + 10 WHERE id = ?", (to,)).await
                }
            })
            .await
        })
    });
    for transfer in transfers {
        assert_eq!(transfer.await.expect("no panic")?.rows_affected, Some(1));
    }
    assert!(attempts.load(Ordering::SeqCst) >= 3, "no deadlock was met");
    let balances: Vec<(i64,)> = pool.fetch_all("SELECT balance FROM account ORDER BY id", ()).await?;
    assert_eq!(balances, [(100,), (100,)]);
    Ok(())
}

async fn a_serialization_failure_is_run_again(database: Database) -> Verdict {
    if database.engine != Engine::Postgres {
        // The others lock what they read for writing, and wait.
        return Ok(());
    }
    let pool = Pool::connect(&database.url).await?;
    pool.execute("CREATE TABLE counter (n BIGINT NOT NULL)", ()).await?;
    pool.execute("INSERT INTO counter VALUES (0)", ()).await?;
    let attempts = &AtomicUsize::new(0);
    let other = &pool;
    let total: i64 = pool
        .transaction_with(TxOptions::new().isolation(Isolation::RepeatableRead), |tx| async move {
            let n: i64 = tx.fetch_value("SELECT n FROM counter", ()).await?;
            if attempts.fetch_add(1, Ordering::SeqCst) == 0 {
                // Somebody else is faster.
                other.execute("UPDATE counter SET n = n + 10", ()).await?;
            }
            tx.execute("UPDATE counter SET n = ?", (n + 1,)).await?;
            Ok(n + 1)
        })
        .await?;
    assert_eq!((total, attempts.load(Ordering::SeqCst)), (11, 2));
    assert_eq!(pool.fetch_value::<i64>("SELECT n FROM counter", ()).await?, 11);
    Ok(())
}

async fn other_errors_are_not_run_again(database: Database) -> Verdict {
    let pool = Pool::connect(&database.url).await?;
    create_item(&pool).await?;
    insert(&pool, 1).await?;
    let attempts = &AtomicUsize::new(0);
    let twice = pool.transaction(|tx| async move {
        attempts.fetch_add(1, Ordering::SeqCst);
        insert(&tx, 1).await
    });
    refused(twice.await, ErrorKind::UniqueViolation);
    assert_eq!(attempts.load(Ordering::SeqCst), 1);
    Ok(())
}
