//! COPY: bytes and typed rows, and that nothing remains of one that did not end well.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod support;

use std::future::Future;
use std::pin::pin;
use std::task::Poll;

use futures_util::TryStreamExt;
use oarlock_core::value::{Decimal, Interval};
use oarlock_core::{Db, DbExt, ErrorKind, Row, TxState, Value};
use oarlock_postgres::PostgresExt;
use support::place;

async fn state(db: &impl Db) -> TxState {
    db.lease().await.unwrap().connection().tx_state()
}

#[tokio::test]
async fn bytes_go_in_and_come_out() {
    let Some(place) = place().await else { return };
    let conn = place.conn().await;
    conn.execute("CREATE TABLE t (id int PRIMARY KEY, s text)", ()).await.unwrap();
    let data = (0..5000).map(|id| format!("{id},\"row, {id}\"\n")).collect::<Vec<_>>().concat();
    let mut copy = conn.copy_in("COPY t FROM STDIN (FORMAT csv); -- all").await.unwrap();
    let busy = conn.fetch_value::<i64>("SELECT 1", ()).await.unwrap_err();
    assert_eq!(busy.kind(), ErrorKind::Interface, "the copy has the connection");
    for piece in data.as_bytes().chunks(777) {
        copy.send(piece.to_vec()).await.unwrap();
    }
    assert_eq!(copy.finish().await.unwrap(), 5000);
    assert_eq!(state(&conn).await, TxState::Auto);
    let out =
        conn.copy_out("COPY (SELECT * FROM t ORDER BY id) TO STDOUT (FORMAT csv, FORCE_QUOTE (s))").await.unwrap();
    let pieces: Vec<_> = out.try_collect().await.unwrap();
    assert_eq!(pieces.concat(), data.as_bytes());
    assert_eq!(conn.fetch_value::<i64>("SELECT count(*) FROM t", ()).await.unwrap(), 5000);
    place.drop().await;
}

#[tokio::test]
async fn typed_rows_are_stored_as_they_are() {
    let Some(place) = place().await else { return };
    let conn = place.conn().await;
    conn.script(
        "CREATE TYPE mood AS ENUM ('sad', 'happy');
         CREATE TABLE t (\"Id\" int2, b bool, f4 float4, f8 float8, n numeric(10, 2), s varchar(10), x bytea, u uuid, j jsonb, d date,
             at timestamptz, ts timestamp, i interval, m mood, a int8[], twice int GENERATED ALWAYS AS (\"Id\" * 2) STORED)",
    )
    .await
    .unwrap();
    let full = vec![
        Value::I64(7),
        Value::Bool(true),
        Value::F32(0.5),
        Value::F64(-0.0),
        Value::Decimal("12.30".parse::<Decimal>().unwrap()),
        Value::Text("é".to_owned()),
        Value::Bytes(vec![0, 255]),
        Value::Uuid([9; 16]),
        Value::Json("{\"a\": 1}".to_owned()),
        Value::Date(19_782),
        Value::Instant(1),
        Value::DateTime(-1),
        Value::Interval(Interval { months: 1, days: 2, micros: 3 }),
        Value::Text("happy".to_owned()),
        Value::Array(vec![Value::I64(1), Value::Null]),
    ];
    let rows = [full.clone(), vec![Value::Null; 15], full.clone()];
    let target = "t (\"Id\", b, f4, f8, n, s, x, u, j, d, at, ts, i, m, a)";
    assert_eq!(conn.copy_rows(target, &rows).await.unwrap(), 3);
    let found: Vec<Row> = conn.fetch_all("SELECT * FROM t", ()).await.unwrap();
    for (row, given) in found.iter().zip(&rows) {
        for (index, value) in given.iter().enumerate() {
            assert_eq!(row.value(index).unwrap().to_owned().unwrap(), *value, "column {index}");
        }
    }
    assert_eq!(found[0].get::<i32>("twice").unwrap(), 14);
    place.drop().await;
}

#[tokio::test]
async fn many_rows_are_copied_from_an_iterator() {
    let Some(place) = place().await else { return };
    let conn = place.conn().await;
    conn.execute("CREATE TABLE t (id int8, s text)", ()).await.unwrap();
    let rows = (0..100_000_i64).map(|id| (id, (id % 3 > 0).then(|| format!("row {id}"))));
    assert_eq!(conn.copy_rows("t", rows).await.unwrap(), 100_000);
    let found: (i64, i64) = conn.require_one("SELECT count(s), sum(id)::int8 FROM t", ()).await.unwrap();
    assert_eq!(found, (66_666, 4_999_950_000));
    let none: [(i64, &str); 0] = [];
    assert_eq!(conn.copy_rows("t", none).await.unwrap(), 0);
    place.drop().await;
}

#[tokio::test]
async fn nothing_remains_of_a_copy_that_fails() {
    let Some(place) = place().await else { return };
    let conn = place.conn().await;
    conn.execute("CREATE TABLE t (id int PRIMARY KEY, n int)", ()).await.unwrap();
    let good = |id: i64| vec![Value::I64(id), Value::I64(0)];
    for (kind, bad, index) in [
        (ErrorKind::UniqueViolation, good(5), None),
        (ErrorKind::OutOfRange, vec![Value::I64(1 << 40), Value::Null], Some(19_000)),
        (ErrorKind::Conversion, vec![Value::Text("7".to_owned()), Value::Null], Some(19_000)),
        (ErrorKind::Parameters, vec![Value::I64(1)], Some(19_000)),
    ] {
        let rows = (0..20_000).map(|id| if id == 19_000 { bad.clone() } else { good(id) });
        let error = conn.copy_rows("t (id, n)", rows).await.unwrap_err();
        assert_eq!((error.kind(), error.batch_index()), (kind, index), "{error}");
        assert_eq!(
            (conn.fetch_value::<i64>("SELECT count(*) FROM t", ()).await.unwrap(), state(&conn).await),
            (0, TxState::Auto)
        );
    }
    for (target, kind) in
        [("no_such", ErrorKind::TableNotFound), ("t (x)", ErrorKind::UnknownColumn), ("t FROM", ErrorKind::Syntax)]
    {
        assert_eq!(conn.copy_rows(target, [(1,)]).await.unwrap_err().kind(), kind, "{target}");
    }
    let mut copy = conn.copy_in("COPY t FROM STDIN (FORMAT csv)").await.unwrap();
    copy.send("1,2\n3,x\n").await.unwrap();
    assert_eq!(copy.finish().await.unwrap_err().kind(), ErrorKind::InvalidValue);
    for sql in ["COPY t TO STDOUT", "SELECT 1"] {
        assert_eq!(conn.copy_in(sql).await.unwrap_err().kind(), ErrorKind::Interface);
    }
    assert_eq!(conn.copy_out("COPY no_such TO STDOUT").await.unwrap_err().kind(), ErrorKind::TableNotFound);
    // A constraint that is checked at the end of the transaction.
    conn.script("ALTER TABLE t ADD UNIQUE (n) DEFERRABLE INITIALLY DEFERRED").await.unwrap();
    let error = conn.copy_rows("t", [(1, 1), (2, 1)]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UniqueViolation);
    assert_eq!(
        (conn.fetch_value::<i64>("SELECT count(*) FROM t", ()).await.unwrap(), state(&conn).await),
        (0, TxState::Auto)
    );
    place.drop().await;
}

#[tokio::test]
async fn a_copy_in_a_transaction_ends_with_it() {
    let Some(place) = place().await else { return };
    let conn = place.conn().await;
    conn.execute("CREATE TABLE t (id int PRIMARY KEY)", ()).await.unwrap();
    let tx = conn.begin().await.unwrap();
    assert_eq!(tx.copy_rows("t", [(1,), (2,)]).await.unwrap(), 2);
    assert_eq!(tx.fetch_value::<i64>("SELECT count(*) FROM t", ()).await.unwrap(), 2);
    tx.rollback().await.unwrap();
    let tx = conn.begin().await.unwrap();
    let inner = tx.begin().await.unwrap();
    assert_eq!(inner.copy_rows("t", [(3,), (3,)]).await.unwrap_err().kind(), ErrorKind::UniqueViolation);
    inner.rollback().await.unwrap();
    assert_eq!(tx.copy_rows("t", [(4,)]).await.unwrap(), 1);
    tx.commit().await.unwrap();
    assert_eq!(conn.fetch_value::<i32>("SELECT sum(id)::int FROM t", ()).await.unwrap(), 4);
    place.drop().await;
}

#[tokio::test]
async fn a_dropped_copy_leaves_nothing() {
    let Some(place) = place().await else { return };
    let conn = place.conn().await;
    conn.execute("CREATE TABLE t (id int PRIMARY KEY)", ()).await.unwrap();
    let mut copy = conn.copy_in("COPY t FROM STDIN").await.unwrap();
    copy.send("1\n2\n").await.unwrap();
    drop(copy);
    assert_eq!(
        (conn.fetch_value::<i64>("SELECT count(*) FROM t", ()).await.unwrap(), state(&conn).await),
        (0, TxState::Auto)
    );
    for polls in 0..40 {
        {
            let mut copy = pin!(conn.copy_rows("t", (0..60_000).map(|id| (id,))));
            for _ in 0..polls {
                if std::future::poll_fn(|cx| Poll::Ready(copy.as_mut().poll(cx).is_ready())).await {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        assert_eq!(conn.fetch_value::<i64>("SELECT CAST(? AS int8)", (polls + 5,)).await.unwrap(), polls + 5);
        let rows: i64 = conn.fetch_value("SELECT count(*) FROM t", ()).await.unwrap();
        assert!(rows == 0 || rows == 60_000, "{rows} rows after {polls} polls");
        conn.execute("TRUNCATE t", ()).await.unwrap();
    }
    conn.copy_rows("t", (0..100_000).map(|id| (id,))).await.unwrap();
    for pieces in 0..5 {
        let mut out = conn.copy_out("COPY t TO STDOUT").await.unwrap();
        for _ in 0..pieces {
            out.try_next().await.unwrap().unwrap();
        }
        drop(out);
        assert_eq!(conn.fetch_value::<i64>("SELECT count(*) FROM t", ()).await.unwrap(), 100_000);
    }
    place.drop().await;
}
