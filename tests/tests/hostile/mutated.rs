//! Real sessions in which bytes of the server's are changed, lost, doubled and made up.

use std::time::Duration;

use oarlock::{DbExt, Result, Row};
use oarlock_test_support::{Direction, Proxy};
use oarlock_tests::{Database, Engine, count_panics, report};

use crate::{BOUND, Dice, assert_unharmed, count};

/// A line that is quiet for so long is cut: both ends may be waiting for what was lost.
const QUIET: Duration = Duration::from_millis(250);

/// How far into a session bytes are changed.
const LENGTH: usize = 3_000;

#[test]
fn postgres() {
    fuzz(Engine::Postgres);
}

#[test]
fn mysql() {
    fuzz(Engine::MySql);
}

fn fuzz(engine: Engine) {
    count_panics();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime starts").block_on(async {
        let Some(database) = Database::make(engine).await.expect("a database") else { return };
        let admin = oarlock::connect(&database.url).await.expect("a connection");
        admin
            .execute("CREATE TABLE item (id BIGINT NOT NULL PRIMARY KEY, name VARCHAR(40))", ())
            .await
            .expect("a table");
        // Without a change the session is whole.
        let proxy = Proxy::to(&database.url).await;
        assert_eq!(session(proxy.url().to_owned(), engine).await.map_err(|error| error.to_string()), Ok(()));
        let mut failed = 0;
        let sessions = count(150, 5_000);
        for seed in 0..sessions {
            let proxy = Proxy::to(&database.url).await;
            proxy.tamper(harm(seed));
            let mut called = tokio::spawn(session(proxy.url().to_owned(), engine));
            let ended = if let Ok(ended) = tokio::time::timeout(QUIET, &mut called).await {
                ended
            } else {
                proxy.cut();
                let ended = tokio::time::timeout(BOUND, &mut called).await;
                ended.unwrap_or_else(|_| panic!("{engine:?}, seed {seed}: the session hangs after its line was cut"))
            };
            let result = ended.unwrap_or_else(|panic| panic!("{engine:?}, seed {seed}: {panic}"));
            failed += u64::from(result.is_err());
            assert_unharmed(&format!("{engine:?}, seed {seed}"));
        }
        report(&format!("{sessions} sessions, of which {failed} failed"));
        // The changes were not all in places where nobody looks.
        assert!(failed > sessions / 3, "{failed} of {sessions} sessions failed");
        drop(admin);
        database.remove().await.expect("the database is removed");
    });
}

/// Changes something of what the server says, at a place of its own for every seed.
fn harm(seed: u64) -> impl FnMut(Direction, &mut Vec<u8>) + Send + 'static {
    let mut dice = Dice::new(seed);
    let place = dice.below(LENGTH);
    let mut passed = 0;
    move |direction, bytes| {
        if direction == Direction::ToServer || bytes.is_empty() {
            return;
        }
        let before = passed;
        passed += bytes.len();
        if !(before..passed).contains(&place) {
            return;
        }
        let at = place - before;
        let end = (at + 1 + dice.below(8)).min(bytes.len());
        match dice.below(8) {
            0 => bytes[at] ^= 1 << dice.below(8),
            1 => bytes[at] = dice.byte(),
            2 => bytes[at..end].fill(0xff),
            3 => bytes[at..end].fill(0),
            4 => drop(bytes.drain(at..end)),
            5 => {
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            6 => {
                let noise: Vec<u8> = (0..dice.below(40)).map(|_| dice.byte()).collect();
                bytes.splice(at..at, noise);
            }
            // A length that is a lie, where there is one.
            _ => bytes[at..end].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff][..end - at]),
        }
    }
}

/// Does a little of everything; goes on after an error, and tells the first.
async fn session(url: String, engine: Engine) -> Result<()> {
    let conn = oarlock::connect(&url).await?;
    let mut first = Ok(());
    let mut note = |result: Result<()>| {
        if first.is_ok() {
            first = result;
        }
    };
    let wide = match engine {
        Engine::Postgres => {
            "SELECT CAST(? AS int8), 'text', 1.5::float8, 12.34::numeric, DATE '2020-02-03', TIMESTAMPTZ '2020-01-01 00:00Z', \
             ARRAY[1, 2, NULL], ARRAY['a', 'b'], '{\"a\": 1}'::jsonb, INTERVAL '1 day', '\\x0102'::bytea, NULL::text, \
             '00000000-0000-0000-0000-000000000007'::uuid, TIME '12:00', true, 7::int2 FROM generate_series(1, 5)"
        }
        _ => {
            "SELECT CAST(? AS SIGNED), 'text', 1.5e0, 12.34, DATE '2020-02-03', TIMESTAMP '2020-01-01 00:00:00.5', \
             TIME '12:00:00', JSON_ARRAY(1, 2), X'0102', NULL, 18446744073709551615 UNION ALL SELECT 1, 'b', 2, 3, NULL, NULL, \
             NULL, NULL, NULL, NULL, 4"
        }
    };
    note(read(conn.fetch_all::<Row>(wide, (7,)).await));
    let missing = conn.execute("SELECT a FROM nowhere", ()).await;
    note(match missing {
        Err(error) if error.kind() == oarlock::ErrorKind::TableNotFound => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Ok(()),
    });
    let work = async {
        let tx = conn.begin().await?;
        tx.execute("DELETE FROM item", ()).await?;
        tx.execute_many("INSERT INTO item (id, name) VALUES (?, ?)", [(1, "one"), (2, "two")]).await?;
        tx.rollback().await
    };
    note(work.await);
    note(conn.table(None, "item").await.map(drop));
    note(read(conn.fetch_all::<Row>("SELECT id, name FROM item", ()).await));
    note(conn.close().await);
    first
}

/// Looks at every cell.
fn read(rows: Result<Vec<Row>>) -> Result<()> {
    for row in rows? {
        for column in 0..row.len() {
            row.value(column)?;
        }
    }
    Ok(())
}
