//! Two-phase commit through the pool, and over a line that breaks.

use oarlock::tpc::Branch;
use oarlock::{Conn, DbExt, ErrorKind, Pool, PoolOptions, Xid};
use oarlock_test_support::{At, Direction, Fault, Proxy, Server};
use oarlock_tests::{Database, Engine, Verdict, create_item, ids, insert, on_every_engine, refused, run, until};

on_every_engine!(
    a_branch_that_comes_back_unprepared_is_undone,
    a_branch_that_comes_back_prepared_stays_pending,
    where_it_cannot_be_had_the_error_says_so,
);

/// Names a branch of this test's own.
fn xid(database: &Database, branch: &str) -> oarlock::Result<Xid> {
    let name = database.url.rsplit('/').next().unwrap_or_default();
    Xid::new(1, &name[..name.len().min(Xid::MAX_BYTES)], branch)
}

/// Borrows a connection with a branch in which a row is inserted; `None` where two-phase commit cannot be had, of which
/// `where_it_cannot_be_had_the_error_says_so` looks at the error.
async fn branch(pool: &Pool, xid: &Xid) -> oarlock::Result<Option<Conn>> {
    let conn = pool.acquire().await?;
    match conn.tpc_begin(xid).await {
        Err(error) if error.kind() == ErrorKind::NotSupported => return Ok(None),
        begun => begun?,
    }
    insert(&conn, 1).await?;
    Ok(Some(conn))
}

async fn a_branch_that_comes_back_unprepared_is_undone(database: Database) -> Verdict {
    let pool = PoolOptions::new().max_size(1).connect(&database.url).await?;
    create_item(&pool).await?;
    let Some(conn) = branch(&pool, &xid(&database, "active")?).await? else { return Ok(()) };
    drop(conn);
    let next = pool.acquire().await?;
    assert_eq!(next.tpc_branch().await?, Branch::None);
    assert_eq!(ids(&next).await?, [0_i64; 0]);
    insert(&next, 2).await?;
    assert_eq!(ids(&oarlock::connect(&database.url).await?).await?, [2], "and what follows commits by itself");
    Ok(())
}

async fn a_branch_that_comes_back_prepared_stays_pending(database: Database) -> Verdict {
    let pool = PoolOptions::new().max_size(1).connect(&database.url).await?;
    create_item(&pool).await?;
    let xid = xid(&database, "prepared")?;
    let Some(conn) = branch(&pool, &xid).await? else { return Ok(()) };
    conn.tpc_prepare().await?;
    drop(conn);
    let next = pool.acquire().await?;
    assert_eq!((next.tpc_branch().await?, ids(&next).await?), (Branch::None, vec![]));
    assert!(next.tpc_recover().await?.contains(&xid));
    // A server may take a moment to let go of a session's branch.
    let ended = until(async || match next.tpc_commit(Some(&xid)).await {
        Err(error) if error.kind() == ErrorKind::ObjectNotFound => Ok(false),
        ended => ended.map(|()| true),
    });
    assert!(ended.await?, "the branch cannot be ended");
    assert_eq!(ids(&next).await?, [1]);
    Ok(())
}

async fn where_it_cannot_be_had_the_error_says_so(database: Database) -> Verdict {
    let conn = oarlock::connect(&database.url).await?;
    let begun = conn.tpc_begin(&xid(&database, "refused")?).await;
    match database.engine {
        Engine::Sqlite => {
            let error = refused(begun, ErrorKind::NotSupported);
            assert_eq!(error.message(), format!("{} has no two-phase commit", conn.info().server));
        }
        Engine::Postgres if begun.is_err() => {
            let error = refused(begun, ErrorKind::NotSupported);
            assert_eq!(
                error.to_string(),
                "the server allows no prepared transactions (set max_prepared_transactions in postgresql.conf above 0, and \
                 restart the server)"
            );
            assert_eq!(conn.fetch_value::<i64>("SELECT 1", ()).await?, 1, "nothing has begun");
            assert_eq!(conn.tpc_branch().await?, Branch::None);
            conn.begin().await?.commit().await?;
        }
        Engine::Postgres | Engine::MySql => {
            begun?;
            conn.tpc_rollback(None).await?;
        }
    }
    Ok(())
}

mod what_became_of_a_branch_is_found_out {
    use oarlock_tests::{Database, Verdict};

    use super::{Direction, Engine, Server, lose_answers, run};

    #[tokio::test(flavor = "multi_thread")]
    async fn on_postgres() {
        let server = Server::postgres().setting("max_prepared_transactions", "9").start().await;
        let Some(server) = server else { return };
        for direction in [Direction::ToServer, Direction::ToClient] {
            lose_answers(&server.url(), direction).await.expect("nothing else fails");
        }
    }

    async fn lose_both_ways(database: Database) -> Verdict {
        lose_answers(&database.url, Direction::ToServer).await?;
        lose_answers(&database.url, Direction::ToClient).await
    }

    #[test]
    fn on_mysql() {
        run(Engine::MySql, lose_both_ways);
    }
}

/// A call of two-phase commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Prepare,
    CommitInOnePhase,
    Commit,
    Rollback,
}

/// Cuts the line in each of the calls, on the way there or back. The error says that the outcome is unknown, and another
/// connection finds it out and brings the branch to its end.
async fn lose_answers(url: &str, direction: Direction) -> Verdict {
    let witness = oarlock::connect(url).await?;
    create_item(&witness).await?;
    let proxy = Proxy::to(url).await;
    for (id, call) in (1..).zip([Call::Prepare, Call::CommitInOnePhase, Call::Commit, Call::Rollback]) {
        let xid = Xid::new(1, format!("oarlock lost {}", std::process::id()), format!("{direction:?} {call:?}"))?;
        let conn = oarlock::connect(proxy.url()).await?;
        conn.tpc_begin(&xid).await?;
        insert(&conn, id).await?;
        if matches!(call, Call::Commit | Call::Rollback) {
            conn.tpc_prepare().await?;
        }
        proxy.arm(Fault::cut(direction, At::Message(0)));
        let lost = match call {
            Call::Prepare => conn.tpc_prepare().await,
            Call::CommitInOnePhase | Call::Commit => conn.tpc_commit(None).await,
            Call::Rollback => conn.tpc_rollback(None).await,
        };
        let error = refused(lost, ErrorKind::ConnectionLost);
        assert!(error.outcome_unknown(), "{direction:?} {call:?}: {error:?}");
        proxy.fired().await;
        drop(conn);

        // The server may still be at it; a branch that is listed may still be held by the session that is ending.
        let arrived = direction == Direction::ToClient;
        let (pending, kept) = match call {
            Call::Prepare => (arrived, false),
            Call::CommitInOnePhase => (false, arrived),
            Call::Commit => (!arrived, arrived),
            Call::Rollback => (!arrived, false),
        };
        let settled = until(async || {
            let listed = witness.tpc_recover().await?.contains(&xid);
            Ok((listed, ids(&witness).await?.contains(&id)) == (pending, kept))
        });
        assert!(settled.await?, "{direction:?} {call:?}: not as it has to be");
        if pending {
            let ended = until(async || match witness.tpc_commit(Some(&xid)).await {
                Err(error) if error.kind() == ErrorKind::ObjectNotFound => Ok(false),
                ended => ended.map(|()| true),
            });
            assert!(ended.await?, "{direction:?} {call:?}: the branch cannot be ended");
            assert!(ids(&witness).await?.contains(&id), "{direction:?} {call:?}");
        }
    }
    witness.execute("DROP TABLE item", ()).await?;
    Ok(())
}
