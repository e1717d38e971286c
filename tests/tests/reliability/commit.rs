//! A commit that is told to have succeeded is there; one that is told to have failed is not; and where nobody can know, the
//! error says so. The line is cut at every byte of the commit's exchange, in both directions.

use oarlock::{DbExt, Error, Result};
use oarlock_test_support::{At, Direction, Fault, Proxy};
use oarlock_tests::{Database, Liar, Lie, Verdict, caught, report};

use crate::{admin, alone, proofs};

proofs! {
    a_commit_tells_the_truth on Postgres MySql;
    a_statement_by_itself_tells_the_truth on Postgres MySql;
    a_commit_that_lies_is_found_out on Postgres MySql;
}

async fn a_commit_tells_the_truth(database: Database) -> Verdict {
    cut_everywhere(&database, Lie::None, Exchange::Commit).await
}

async fn a_statement_by_itself_tells_the_truth(database: Database) -> Verdict {
    cut_everywhere(&database, Lie::None, Exchange::Statement).await
}

async fn a_commit_that_lies_is_found_out(database: Database) -> Verdict {
    for (lie, told) in [(Lie::LostCommitIsOk, ": Ok(())"), (Lie::LostCommitFailed, ": Err(")] {
        caught(lie, &[told], cut_everywhere(&database, lie, Exchange::Commit)).await;
        admin(&database).await?.execute("DROP TABLE done", ()).await?;
    }
    Ok(())
}

/// What is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exchange {
    /// The commit of a transaction that has written.
    Commit,
    /// A statement that writes and commits by itself.
    Statement,
}

async fn cut_everywhere(database: &Database, lie: Lie, exchange: Exchange) -> Verdict {
    let admin = admin(database).await?;
    admin.execute("CREATE TABLE done (token BIGINT NOT NULL)", ()).await?;
    let proxy = Proxy::to(&database.url).await;
    let liar = Liar::new(proxy.url(), lie)?;
    let (mut applied, mut not_applied) = (0, 0);
    for direction in [Direction::ToServer, Direction::ToClient] {
        for byte in 0_u32.. {
            let token = i64::from(byte) * 2 + i64::from(direction == Direction::ToClient);
            let insert = "INSERT INTO done (token) VALUES (?)";
            let conn = liar.open().await?;
            let fault = Fault::cut(direction, At::Byte(byte.into()));
            let result: Result<()> = if exchange == Exchange::Commit {
                let tx = conn.begin().await?;
                tx.execute(insert, (token,)).await?;
                proxy.arm(fault);
                tx.commit().await
            } else {
                // Prepared before, so that the exchange is the execution alone.
                conn.execute(insert, (-1,)).await?;
                proxy.arm(fault);
                conn.execute(insert, (token,)).await.map(drop)
            };
            let was_cut = !proxy.disarm();
            drop(conn);
            alone(&admin, database.engine).await?;
            let rows: i64 = admin.fetch_value("SELECT count(*) FROM done WHERE token = ?", (token,)).await?;
            let place = format!("{exchange:?} cut at byte {byte} {direction:?}: {result:?}");
            match &result {
                Ok(()) => assert_eq!(rows, 1, "{place}"),
                Err(error) if error.outcome_unknown() => assert!(rows <= 1, "{place}"),
                Err(_) => assert_eq!(rows, 0, "{place}"),
            }
            assert!(result.as_ref().is_ok() || result.as_ref().is_err_and(Error::is_connection_lost), "{place}");
            assert!(was_cut || result.is_ok(), "{place}");
            if rows == 1 {
                applied += 1;
            } else {
                not_applied += 1;
            }
            if !was_cut {
                break;
            }
        }
    }
    report(&format!("{applied} cuts after which it was applied, {not_applied} after which it was not"));
    // Both answers were met, or the cuts were not where they had to be.
    assert!(applied > 2 && not_applied > 2, "{exchange:?}: {applied} applied, {not_applied} not");
    Ok(())
}
