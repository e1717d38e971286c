//! Rule 57: two-phase commit in PEP 249's words, and the recovery of what a lost coordinator left pending.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use oarlock_core::tpc::Branch;
use oarlock_core::{Conn, Db, DbExt, ErrorKind, Result, TxState, Xid};

use crate::bench::{Bench, until};
use crate::dropped::{Field, points};
use crate::failure::{Verdict, refused, refused_as};
use crate::tables::{LOCKED, count, ids, insert, items, tx_state};

/// Names a branch of this rule's global transaction.
fn xid(bench: &Bench, number: i64) -> Result<Xid> {
    Xid::new(1, &bench.place().name, number.to_string())
}

/// Opens a connection with the branch of a number, in which the row of this number is inserted into the table `item`; `None`
/// where two-phase commit is not declared, which was refused then.
async fn branch(bench: &Bench, number: i64) -> Result<Option<(Conn, Xid)>> {
    let conn = bench.conn().await?;
    let xid = xid(bench, number)?;
    if !bench.capabilities().two_phase {
        refused(conn.tpc_begin(&xid).await, ErrorKind::NotSupported, "two-phase commit");
        assert_eq!(tx_state(&conn).await?, TxState::Auto, "nothing has begun");
        return Ok(None);
    }
    conn.tpc_begin(&xid).await?;
    assert_eq!(tx_state(&conn).await?, TxState::Open);
    insert(&conn, number).await?;
    Ok(Some((conn, xid)))
}

/// Lists the branches of this rule that are pending, in order.
async fn pending(bench: &Bench, conn: &Conn) -> Result<Vec<Xid>> {
    let mut pending = conn.tpc_recover().await?;
    pending.retain(|xid| xid.global_transaction_id() == bench.place().name.as_bytes());
    pending.sort_by(|a, b| a.branch_qualifier().cmp(b.branch_qualifier()));
    Ok(pending)
}

/// Ends a pending branch whose session is over: the server may take a moment to let go of it.
async fn end(conn: &Conn, xid: &Xid, keep: bool) -> Result<bool> {
    until(async || match if keep { conn.tpc_commit(Some(xid)).await } else { conn.tpc_rollback(Some(xid)).await } {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::ObjectNotFound => Ok(false),
        Err(error) => Err(error),
    })
    .await
}

/// Every call of two-phase commit is `NotSupported` where it is not declared; where it is, names are made and listed.
pub async fn r57_two_phase_commit_is_as_declared(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    let xid = xid(&bench, 1)?;
    if bench.capabilities().two_phase {
        assert_eq!(conn.xid(1, xid.global_transaction_id(), xid.branch_qualifier())?, xid);
        assert_eq!(pending(&bench, &conn).await?, []);
        return Ok(());
    }
    refused(conn.xid(1, "global", "branch"), ErrorKind::NotSupported, "a name");
    refused(conn.tpc_begin(&xid).await, ErrorKind::NotSupported, "begin");
    refused(conn.tpc_prepare().await, ErrorKind::NotSupported, "prepare");
    refused(conn.tpc_commit(Some(&xid)).await, ErrorKind::NotSupported, "commit");
    refused(conn.tpc_rollback(None).await, ErrorKind::NotSupported, "rollback");
    refused(conn.tpc_recover().await, ErrorKind::NotSupported, "the list of what is pending");
    assert_eq!(conn.tpc_branch().await?, Branch::None);
    items(&bench, &conn, 1).await?;
    assert_eq!(count(&conn).await?, 1, "the connection goes on");
    Ok(())
}

/// A prepared branch is seen by others when it is committed, and its connection goes on.
pub async fn r57_a_prepared_branch_commits(bench: Bench) -> Verdict {
    let witness = bench.conn().await?;
    items(&bench, &witness, 0).await?;
    let Some((conn, xid)) = branch(&bench, 1).await? else { return Ok(()) };
    assert_eq!(conn.tpc_branch().await?, Branch::Active(xid.clone()));
    assert_eq!(conn.execute_many("INSERT INTO item (id) VALUES (?)", [(2,), (3,)]).await?.rows_affected, Some(2));
    conn.tpc_prepare().await?;
    assert_eq!(conn.tpc_branch().await?, Branch::Prepared(xid.clone()));
    assert_eq!(pending(&bench, &witness).await?, [xid]);
    assert_eq!(count(&witness).await?, 0, "prepared is not committed");
    conn.tpc_commit(None).await?;
    assert_eq!(conn.tpc_branch().await?, Branch::None);
    assert_eq!(ids(&witness).await?, [1, 2, 3]);
    assert_eq!(pending(&bench, &witness).await?, []);
    insert(&conn, 4).await?;
    assert_eq!(count(&witness).await?, 4, "what follows commits by itself");
    Ok(())
}

/// A prepared branch can still be rolled back.
pub async fn r57_a_prepared_branch_rolls_back(bench: Bench) -> Verdict {
    let witness = bench.conn().await?;
    items(&bench, &witness, 0).await?;
    let Some((conn, _)) = branch(&bench, 1).await? else { return Ok(()) };
    conn.tpc_prepare().await?;
    conn.tpc_rollback(None).await?;
    assert_eq!((count(&conn).await?, tx_state(&conn).await?), (0, TxState::Auto));
    assert_eq!(pending(&bench, &witness).await?, []);
    insert(&conn, 1).await?;
    assert_eq!(ids(&witness).await?, [1]);
    Ok(())
}

/// The commit of a branch that is not prepared has one phase.
pub async fn r57_without_prepare_the_commit_has_one_phase(bench: Bench) -> Verdict {
    let witness = bench.conn().await?;
    items(&bench, &witness, 0).await?;
    let Some((conn, _)) = branch(&bench, 1).await? else { return Ok(()) };
    conn.tpc_commit(None).await?;
    assert_eq!((ids(&witness).await?, tx_state(&conn).await?), (vec![1], TxState::Auto));
    assert_eq!(conn.tpc_branch().await?, Branch::None);
    Ok(())
}

/// A branch that is not prepared can be rolled back, and its name used again.
pub async fn r57_an_active_branch_rolls_back(bench: Bench) -> Verdict {
    let witness = bench.conn().await?;
    items(&bench, &witness, 0).await?;
    let Some((conn, xid)) = branch(&bench, 1).await? else { return Ok(()) };
    conn.tpc_rollback(None).await?;
    assert_eq!((count(&conn).await?, tx_state(&conn).await?), (0, TxState::Auto));
    conn.tpc_begin(&xid).await?;
    insert(&conn, 2).await?;
    conn.tpc_commit(None).await?;
    assert_eq!(ids(&witness).await?, [2]);
    Ok(())
}

/// Plain commits and rollbacks are refused inside a branch, by call and by text, and harm nothing.
pub async fn r57_plain_ends_are_refused_inside(bench: Bench) -> Verdict {
    let witness = bench.conn().await?;
    items(&bench, &witness, 0).await?;
    let Some((conn, xid)) = branch(&bench, 1).await? else { return Ok(()) };
    refused(conn.commit().await, ErrorKind::Interface, "commit");
    refused(conn.rollback().await, ErrorKind::Interface, "rollback");
    let inside = refused(conn.begin().await, ErrorKind::Interface, "a transaction inside");
    assert!(inside.hint().is_some_and(|hint| hint.contains("tpc_commit")), "{inside}: it does not say how to go on");
    refused(conn.set_autocommit(false).await, ErrorKind::Interface, "a change of autocommit");
    for text in ["COMMIT", "ROLLBACK", "BEGIN"] {
        refused(conn.execute(text, ()).await, ErrorKind::Interface, text);
        refused(conn.script(&format!("SELECT 1; {text}")).await, ErrorKind::Interface, text);
    }
    assert_eq!(conn.tpc_branch().await?, Branch::Active(xid));
    assert_eq!((count(&conn).await?, count(&witness).await?), (1, 0));
    conn.tpc_prepare().await?;
    refused(conn.commit().await, ErrorKind::Interface, "commit once it is prepared");
    refused(conn.rollback().await, ErrorKind::Interface, "rollback once it is prepared");
    conn.tpc_commit(None).await?;
    conn.commit().await?;
    assert_eq!(ids(&witness).await?, [1]);
    Ok(())
}

/// A branch begins outside of a transaction only, be it a guard's, an implicit one or another branch.
pub async fn r57_a_branch_begins_outside_of_a_transaction(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    items(&bench, &conn, 0).await?;
    let Some((inside, _)) = branch(&bench, 1).await? else { return Ok(()) };
    let other = xid(&bench, 2)?;
    refused(inside.tpc_begin(&other).await, ErrorKind::Interface, "a branch inside a branch");
    inside.tpc_commit(None).await?;

    let tx = conn.begin().await?;
    insert(&tx, 2).await?;
    refused(conn.tpc_begin(&other).await, ErrorKind::Interface, "a branch inside a guard's transaction");
    tx.commit().await?;

    conn.set_autocommit(false).await?;
    insert(&conn, 3).await?;
    refused(conn.tpc_begin(&other).await, ErrorKind::Interface, "a branch inside an implicit transaction");
    conn.commit().await?;
    // PEP 249's own setting: the branch takes the implicit transaction's place.
    conn.tpc_begin(&other).await?;
    insert(&conn, 4).await?;
    conn.tpc_prepare().await?;
    conn.tpc_commit(None).await?;
    assert_eq!(ids(&inside).await?, [1, 2, 3, 4]);
    Ok(())
}

/// Once a branch is prepared, nothing runs on its connection until it is ended.
pub async fn r57_a_prepared_branch_runs_nothing(bench: Bench) -> Verdict {
    let witness = bench.conn().await?;
    items(&bench, &witness, 0).await?;
    let Some((conn, xid)) = branch(&bench, 1).await? else { return Ok(()) };
    conn.tpc_prepare().await?;
    refused(conn.fetch_value::<i64>("SELECT 1", ()).await, ErrorKind::Interface, "a query");
    refused(conn.execute_many("INSERT INTO item (id) VALUES (?)", [(2,)]).await, ErrorKind::Interface, "a batch");
    refused(conn.script("SELECT 1").await, ErrorKind::Interface, "a script");
    refused(conn.table_names(None).await, ErrorKind::Interface, "the catalog");
    refused(conn.begin().await, ErrorKind::Interface, "a transaction");
    refused(conn.tpc_begin(&xid).await, ErrorKind::Interface, "a branch");
    refused(conn.tpc_prepare().await, ErrorKind::Interface, "the same again");
    conn.tpc_commit(None).await?;
    assert_eq!(ids(&conn).await?, [1]);
    Ok(())
}

/// What a lost coordinator left prepared is found by another connection, and ended there, either way.
pub async fn r57_another_connection_ends_what_is_pending(bench: Bench) -> Verdict {
    let witness = bench.conn().await?;
    items(&bench, &witness, 0).await?;
    let Some((conn, kept)) = branch(&bench, 1).await? else { return Ok(()) };
    conn.tpc_prepare().await?;
    drop(conn);
    let Some((conn, undone)) = branch(&bench, 2).await? else { return Ok(()) };
    conn.tpc_prepare().await?;
    conn.close().await?;

    assert_eq!(pending(&bench, &witness).await?, [kept.clone(), undone.clone()]);
    assert_eq!(count(&witness).await?, 0);
    assert!(end(&witness, &kept, true).await?, "{kept} is still held");
    assert!(end(&witness, &undone, false).await?, "{undone} is still held");
    assert_eq!(ids(&witness).await?, [1]);
    assert_eq!(pending(&bench, &witness).await?, []);
    refused(witness.tpc_commit(Some(&kept)).await, ErrorKind::ObjectNotFound, "a commit for the second time");
    refused(witness.tpc_rollback(Some(&kept)).await, ErrorKind::ObjectNotFound, "a rollback of what is committed");
    insert(&witness, 3).await?;
    assert_eq!(ids(&bench.conn().await?).await?, [1, 3], "the connection goes on");
    Ok(())
}

/// Calls out of turn are errors that leave everything as it is.
pub async fn r57_calls_out_of_turn_are_errors(bench: Bench) -> Verdict {
    let witness = bench.conn().await?;
    items(&bench, &witness, 0).await?;
    let Some((conn, xid)) = branch(&bench, 1).await? else { return Ok(()) };
    refused(witness.tpc_prepare().await, ErrorKind::Interface, "prepare without a branch");
    refused(witness.tpc_commit(None).await, ErrorKind::Interface, "commit without a branch");
    refused(witness.tpc_rollback(None).await, ErrorKind::Interface, "rollback without a branch");
    let unknown = Xid::new(1, &bench.place().name, "no such")?;
    refused(witness.tpc_commit(Some(&unknown)).await, ErrorKind::ObjectNotFound, "a branch that is not there");
    refused(conn.tpc_commit(Some(&xid)).await, ErrorKind::Interface, "the open branch by its name");
    refused(conn.tpc_rollback(Some(&unknown)).await, ErrorKind::Interface, "another branch from inside one");
    conn.tpc_prepare().await?;
    witness.set_autocommit(false).await?;
    insert(&witness, 9).await?;
    refused(witness.tpc_commit(Some(&xid)).await, ErrorKind::Interface, "a pending branch from inside a transaction");
    witness.commit().await?;
    conn.tpc_commit(None).await?;
    assert_eq!(ids(&conn).await?, [1, 9]);
    Ok(())
}

/// A branch that is not prepared ends with its session, be it reset or dropped.
pub async fn r57_an_active_branch_ends_with_its_session(bench: Bench) -> Verdict {
    let witness = bench.conn().await?;
    items(&bench, &witness, 0).await?;
    let Some((conn, xid)) = branch(&bench, 1).await? else { return Ok(()) };
    conn.reset().await?;
    assert_eq!((conn.tpc_branch().await?, tx_state(&conn).await?), (Branch::None, TxState::Auto));
    assert_eq!(count(&conn).await?, 0);
    conn.tpc_begin(&xid).await?;
    insert(&conn, 2).await?;
    drop(conn);
    for statement in bench.fragments().lock_timeout {
        witness.execute(statement, ()).await?;
    }
    let freed = until(async || Ok(insert(&witness, 2).await.is_ok())).await?;
    assert!(freed, "the dropped branch still holds its locks");
    assert_eq!((ids(&witness).await?, pending(&bench, &witness).await?), (vec![2], vec![]));
    Ok(())
}

/// A prepared branch outlives the reset of its session, which succeeds or tells that the session has to end.
pub async fn r57_a_prepared_branch_outlives_its_session(bench: Bench) -> Verdict {
    let witness = bench.conn().await?;
    items(&bench, &witness, 0).await?;
    let Some((conn, xid)) = branch(&bench, 1).await? else { return Ok(()) };
    conn.tpc_prepare().await?;
    match conn.reset().await {
        Ok(()) => assert_eq!((conn.tpc_branch().await?, count(&conn).await?), (Branch::None, 0)),
        reset => drop(refused(reset, ErrorKind::Interface, "the reset of a session that holds a prepared branch")),
    }
    drop(conn);
    assert_eq!(pending(&bench, &witness).await?, std::slice::from_ref(&xid));
    assert!(end(&witness, &xid, true).await?, "{xid} is still held");
    assert_eq!(ids(&witness).await?, [1]);
    Ok(())
}

/// Names come back to the byte: any bytes, the longest, the largest format.
pub async fn r57_names_are_kept_to_the_byte(bench: Bench) -> Verdict {
    let witness = bench.conn().await?;
    items(&bench, &witness, 0).await?;
    let Some((conn, _)) = branch(&bench, 1).await? else { return Ok(()) };
    conn.tpc_rollback(None).await?;
    // The parts tell this run's branches from those of others, and are as long as they may be.
    let mut long = bench.place().name.clone().into_bytes();
    long.resize(Xid::MAX_BYTES, 0xff);
    let long = &long[..];
    for xid in [
        Xid::new(Xid::MAX_FORMAT_ID, long, [0; Xid::MAX_BYTES])?,
        Xid::new(0, long, "")?,
        Xid::new(7, long, b"'; \\_\"\x80\xff\0")?,
    ] {
        conn.tpc_begin(&xid).await?;
        insert(&conn, 1).await?;
        conn.tpc_prepare().await?;
        let found = witness.tpc_recover().await?;
        assert!(found.contains(&xid), "{xid} is not among {found:?}");
        conn.tpc_rollback(None).await?;
        assert!(!witness.tpc_recover().await?.contains(&xid), "{xid} is still pending");
    }
    assert_eq!(count(&conn).await?, 0);
    Ok(())
}

/// A name that is pending is not given twice, and whoever tries loses nothing but this try.
pub async fn r57_a_name_in_use_is_refused(bench: Bench) -> Verdict {
    let witness = bench.conn().await?;
    items(&bench, &witness, 0).await?;
    let Some((conn, xid)) = branch(&bench, 1).await? else { return Ok(()) };
    conn.tpc_prepare().await?;
    let again = async {
        witness.tpc_begin(&xid).await?;
        insert(&witness, 2).await?;
        witness.tpc_prepare().await
    };
    refused(again.await, ErrorKind::AlreadyExists, "the same name");
    assert_eq!((witness.tpc_branch().await?, tx_state(&witness).await?), (Branch::None, TxState::Auto));
    conn.tpc_commit(None).await?;
    assert_eq!(ids(&witness).await?, [1]);
    Ok(())
}

/// A branch that has failed cannot be prepared or committed; where a failure undoes its statement alone, it can.
pub async fn r57_a_failed_branch_cannot_be_prepared(bench: Bench) -> Verdict {
    let witness = bench.conn().await?;
    items(&bench, &witness, 1).await?;
    for number in [2, 3] {
        let Some((conn, _)) = branch(&bench, number).await? else { return Ok(()) };
        refused(insert(&conn, 1).await, ErrorKind::UniqueViolation, "a key that is there");
        let ended = if number == 2 { conn.tpc_prepare().await } else { conn.tpc_commit(None).await };
        if bench.capabilities().failed_transaction_state {
            refused(ended, ErrorKind::TransactionFailed, "a failed branch");
        } else {
            ended?;
            if number == 2 {
                conn.tpc_rollback(None).await?;
            }
        }
        assert_eq!((conn.tpc_branch().await?, tx_state(&conn).await?), (Branch::None, TxState::Auto));
    }
    let kept = if bench.capabilities().failed_transaction_state { vec![1] } else { vec![1, 3] };
    assert_eq!(ids(&witness).await?, kept);
    Ok(())
}

/// Where the future of a begin is dropped, at whatever point, no branch has begun.
pub async fn r57_a_dropped_begin_leaves_no_branch(bench: Bench) -> Verdict {
    let witness = bench.conn().await?;
    items(&bench, &witness, 0).await?;
    let Some((conn, xid)) = branch(&bench, 100).await? else { return Ok(()) };
    conn.tpc_rollback(None).await?;
    let mut polls = 0;
    for row in 1.. {
        let finished = {
            let mut begin = pin!(conn.tpc_begin(&xid));
            let mut finished = false;
            // Each time the future lives for one poll more, with the server's answer in between.
            for _ in 0..row {
                finished = poll_fn(|cx| Poll::Ready(begin.as_mut().poll(cx))).await.is_ready();
                polls += 1;
                if finished {
                    break;
                }
                witness.lease().await?.connection().ping().await?;
            }
            finished
        };
        if finished {
            conn.tpc_rollback(None).await?;
            break;
        }
        insert(&conn, row).await?;
        assert_eq!(count(&witness).await?, row, "what follows a dropped begin commits by itself");
        refused_as(conn.tpc_prepare().await, &[ErrorKind::Interface], "no branch is open");
    }
    assert!(polls > 1, "a begin waits for the server");
    Ok(())
}

/// A branch from its beginning to its end.
async fn life(conn: &Conn, xid: &Xid, number: i64, commits: bool) -> Result<()> {
    conn.tpc_begin(xid).await?;
    conn.execute(LOCKED, ()).await?;
    insert(conn, number).await?;
    conn.tpc_prepare().await?;
    if commits { conn.tpc_commit(None).await } else { conn.tpc_rollback(None).await }
}

/// A branch whose calls are dropped, at whatever point, is pending or undone once its session is over, and holds nothing then.
pub async fn r57_branches_can_be_dropped_anywhere(bench: Bench) -> Verdict {
    if !bench.capabilities().two_phase {
        return Ok(());
    }
    let field = Field::new(&bench).await?;
    for commits in [true, false] {
        let conn = field.open().await?;
        let first = 1_000_000 + i64::from(commits);
        let polls = field.count(Box::pin(life(&conn, &xid(&bench, first)?, first, commits))).await?;
        conn.close().await?;
        for (step, point) in (0..).zip(points(polls)) {
            let number = 1_000 + step * 2 + i64::from(commits);
            let conn = field.open().await?;
            let xid = xid(&bench, number)?;
            let ended = field.road.drop_at(point, Box::pin(life(&conn, &xid, number, commits))).await.transpose()?;
            let place = format!("a branch dropped at point {point}");
            match conn.reset().await {
                Ok(()) => assert!(field.answers(&conn, number, &place).await?, "{place}: the connection is lost"),
                Err(error) => drop(refused::<()>(Err(error), ErrorKind::Interface, "a session that holds its branch")),
            }
            // A prepared branch may be the session's as long as that lives.
            conn.close().await?;
            if pending(&bench, &field.witness).await?.contains(&xid) {
                assert!(ended.is_none(), "{place}: it came to its end, and is pending");
                end(&field.witness, &xid, false).await?;
            }
            field.is_free(&place).await?;
            let rows: i64 = field.witness.fetch_value("SELECT count(*) FROM item WHERE id = ?", (number,)).await?;
            assert!(rows == 0 || commits, "{place}: nobody has committed it");
            if ended.is_some() {
                assert_eq!(rows, i64::from(commits), "{place}: it came to its end");
                break;
            }
        }
    }
    Ok(())
}
