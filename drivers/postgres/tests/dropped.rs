//! Every call dropped at every poll, over a network that brings one byte at a time: the next statement gives its own result,
//! or the connection is dead.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod support;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use oarlock_core::catalog::CatalogQuery;
use oarlock_core::connection::{Many, Query, run};
use oarlock_core::params::Parameters;
use oarlock_core::{Connection, Health, TxOptions, TxState, ValueRef};
use oarlock_postgres::{PostgresConnection, PostgresOptions, StatementNames};
use support::{Place, place};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Passes bytes on to the server, and the server's one by one while it is told to.
async fn trickle(client: TcpStream, server: String, slow: Arc<AtomicBool>) {
    client.set_nodelay(true).unwrap();
    let server = TcpStream::connect(server).await.unwrap();
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let up = async {
        let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
        let _ = to_server.shutdown().await;
    };
    let down = async {
        let mut buffer = [0; 4096];
        loop {
            let room = if slow.load(Ordering::Relaxed) { 1 } else { buffer.len() };
            let read = from_server.read(&mut buffer[..room]).await.unwrap_or(0);
            if read == 0 || to_client.write_all(&buffer[..read]).await.is_err() {
                break;
            }
            tokio::task::yield_now().await;
        }
        let _ = to_client.shutdown().await;
    };
    tokio::join!(up, down);
}

/// Opens connections by way of such a network.
struct Slow {
    options: PostgresOptions,
    slow: Arc<AtomicBool>,
}

impl Slow {
    async fn new(place: &Place, names: StatementNames) -> Self {
        let mut options = PostgresOptions::parse(&place.url()).unwrap();
        options.statements = names;
        let server = format!("{}:{}", options.endpoints[0].host, options.endpoints[0].port);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let slow = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&slow);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(trickle(client, server.clone(), Arc::clone(&told)));
            }
        });
        options.endpoints.truncate(1);
        options.endpoints[0].host = address.ip().to_string();
        options.endpoints[0].port = address.port();
        Self { options, slow }
    }

    async fn connect(&self) -> PostgresConnection {
        PostgresConnection::connect(&self.options).await.unwrap()
    }
}

/// Polls a future so many times and drops it; tells whether it came to its end.
async fn drop_after(polls: usize, future: impl Future<Output = ()>) -> bool {
    let mut future = pin!(future);
    for _ in 0..polls {
        if let Poll::Ready(()) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return true;
        }
        tokio::task::yield_now().await;
    }
    false
}

async fn read(connection: &mut PostgresConnection, sql: &str, value: i64) -> Vec<i64> {
    let values = [ValueRef::I64(value)];
    connection.start(Query::new(sql).params(Parameters::positional(&values))).await.unwrap();
    let mut found = Vec::new();
    while let Some(batch) = poll_fn(|cx| connection.poll_fill(cx, 2)).await.unwrap() {
        for row in 0..batch.len() {
            match batch.get(row, 0).unwrap() {
                ValueRef::I64(number) => found.push(number),
                other => panic!("a number, not {}", other.kind_name()),
            }
        }
    }
    poll_fn(|cx| connection.poll_finish(cx)).await.unwrap();
    found
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Call {
    Start,
    New,
    Fail,
    Begin,
    Commit,
    Rollback,
    Batch,
    BatchInside,
    Script,
    Describe,
    Catalog,
    Reset,
    Ping,
}

async fn call(connection: &mut PostgresConnection, call: Call, round: usize) {
    let values: Vec<ValueRef<'_>> = (0..5).map(ValueRef::I64).collect();
    let many = Many {
        sql: "INSERT INTO kept VALUES (?)",
        names: None,
        width: 1,
        rows: values.len(),
        values: &values,
        guarded: false,
    };
    match call {
        Call::Start => drop(read(connection, "SELECT generate_series(1, 6) + CAST(? AS int)", 90).await),
        Call::New => drop(read(connection, &format!("SELECT {round} + CAST(? AS int) FROM kept"), 90).await),
        Call::Fail => drop(run(connection, "SELECT nowhere").await),
        Call::Begin => {
            connection.begin(&TxOptions::new()).await.unwrap();
            connection.rollback().await.unwrap();
        }
        Call::Commit => {
            connection.begin(&TxOptions::new()).await.unwrap();
            connection.commit().await.unwrap();
        }
        Call::Rollback => connection.rollback().await.unwrap(),
        Call::Batch | Call::BatchInside => drop(connection.execute_many(many).await.unwrap()),
        Call::Script => connection.script("SELECT 90; SELECT 91").await.unwrap(),
        Call::Describe => drop(connection.describe(&format!("SELECT {round} FROM kept")).await.unwrap()),
        Call::Catalog => drop(connection.catalog(CatalogQuery::TableNames { schema: None }).await.unwrap()),
        Call::Reset => connection.reset().await.unwrap(),
        Call::Ping => connection.ping().await.unwrap(),
    }
}

async fn every_poll_of(which: Call, names: StatementNames) {
    let Some(place) = place().await else { return };
    let slow = Slow::new(&place, names).await;
    let mut connection = slow.connect().await;
    run(&mut connection, "CREATE TABLE kept (a int)").await.unwrap();
    let inside = which == Call::BatchInside;
    let mut deaths = 0;
    for round in 0.. {
        if inside && connection.tx_state() == TxState::Auto {
            connection.begin(&TxOptions::new()).await.unwrap();
        }
        slow.slow.store(true, Ordering::Relaxed);
        let ended = drop_after(round, call(&mut connection, which, round)).await;
        slow.slow.store(false, Ordering::Relaxed);
        if !ended {
            // As a dropped cursor does; where no statement was open it changes nothing.
            connection.abandon();
        }
        if connection.health() == Health::Dead {
            deaths += 1;
            connection = slow.connect().await;
        }
        if ended {
            break;
        }
        let Some(found) = read_or_dead(&mut connection, 7).await else {
            deaths += 1;
            connection = slow.connect().await;
            continue;
        };
        assert_eq!(found, [7], "{which:?} dropped after {round}");
        if matches!(which, Call::Begin | Call::Batch) {
            assert_eq!(connection.tx_state(), TxState::Auto, "{which:?} dropped after {round}");
            none_or_all(&place, &mut connection, which).await;
        }
        if inside {
            assert_eq!(connection.tx_state(), TxState::Open, "{which:?} dropped after {round}");
            none_or_all(&place, &mut connection, which).await;
        } else {
            connection.rollback().await.unwrap();
        }
    }
    // Only a session that was half reset is given up.
    assert!(deaths == 0 || which == Call::Reset, "{which:?}: {deaths} connections died");
    connection.close().await.unwrap();
    place.drop().await;
}

/// A batch is whole or not there; its last word may have been on its way when it was dropped.
async fn none_or_all(place: &Place, connection: &mut PostgresConnection, which: Call) {
    let count = place.value(connection, "SELECT count(*) FROM kept").await;
    assert!(count == 0 || count == 5 && which != Call::Begin, "{which:?}: {count} rows");
    run(connection, "DELETE FROM kept").await.unwrap();
}

/// Runs a statement of another text than any that is dropped; `None` where the connection turns out to be dead.
async fn read_or_dead(connection: &mut PostgresConnection, value: i64) -> Option<Vec<i64>> {
    let values = [ValueRef::I64(value)];
    let query = Query::new("SELECT CAST(? AS int8)").params(Parameters::positional(&values));
    if let Err(error) = connection.start(query).await {
        assert_eq!(connection.health(), Health::Dead, "{error:?}");
        return None;
    }
    let batch = poll_fn(|cx| connection.poll_fill(cx, 9)).await.unwrap().unwrap();
    let found = (0..batch.len()).map(|row| match batch.get(row, 0).unwrap() {
        ValueRef::I64(number) => number,
        other => panic!("a number, not {}", other.kind_name()),
    });
    let found = found.collect();
    poll_fn(|cx| connection.poll_finish(cx)).await.unwrap();
    Some(found)
}

macro_rules! calls {
    ($($name:ident: $call:ident),+ $(,)?) => {$(
        #[test]
        fn $name() {
            // The sockets are looked at after every step, so that a byte is all that comes between two polls.
            let runtime = tokio::runtime::Builder::new_current_thread().event_interval(1).enable_all().build().unwrap();
            for names in [StatementNames::Named, StatementNames::Unnamed] {
                runtime.block_on(every_poll_of(Call::$call, names));
            }
        }
    )+};
}

calls! {
    start: Start,
    start_of_a_new_statement: New,
    a_failing_statement: Fail,
    begin: Begin,
    commit: Commit,
    rollback: Rollback,
    execute_many: Batch,
    execute_many_in_a_transaction: BatchInside,
    script: Script,
    describe: Describe,
    catalog: Catalog,
    reset: Reset,
    ping: Ping,
}
