//! Memory is bounded: a result of any length goes through a slow reader without being collected anywhere in this process.
//!
//! It is a test of its own process, whose memory is nobody else's.

use std::time::Duration;

use oarlock::{DbExt, Result};
use oarlock_tests::{Database, Engine};

/// What may be held above what an idle connection takes.
const MOST: u64 = 64 << 20;

/// A row, with a text that fills 64 MiB long before the rows are over.
fn series(engine: Engine, rows: u64) -> String {
    let text = "'0123456789012345678901234567890123456789012345678901234567890123456789'";
    match engine {
        Engine::Postgres => format!("SELECT generate_series(1, {rows}), {text}"),
        // Made as it is read; a table of recursion would be the server's to keep.
        Engine::MySql => format!("SELECT seq, {text} FROM seq_1_to_{rows}"),
        Engine::Sqlite => format!(
            "WITH RECURSIVE s(g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM s WHERE g < {rows}) SELECT g, {text} FROM s"
        ),
    }
}

/// Gives what this process holds in memory; `None` where the system does not tell.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kibi| kibi << 10)
}

/// Reads a series through a connection and gives the most memory that was held above the start.
async fn read(database: &Database, rows: u64, collects: bool) -> Result<u64> {
    let conn = oarlock::connect(&database.url).await?;
    conn.fetch_value::<i64>("SELECT 1", ()).await?;
    let idle = resident().unwrap_or_default();
    let mut cursor = conn.query(&series(database.engine, rows), ()).await?;
    let (mut count, mut most, mut kept) = (0, 0, Vec::new());
    while let Some(row) = cursor.fetch_one::<(i64, String)>().await? {
        count += 1;
        assert_eq!(row.0.unsigned_abs(), count);
        if collects {
            kept.push(row);
        }
        if count % 10_000 == 0 {
            // The reader is slow now and then, so that whoever reads ahead of it has the time to.
            if count % 500_000 == 0 {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            most = most.max(resident().unwrap_or_default().saturating_sub(idle));
        }
    }
    assert_eq!(count, rows);
    drop(kept);
    Ok(most)
}

#[test]
fn a_long_result_is_never_collected() {
    let full = std::env::var("OARLOCK_RELIABILITY").is_ok_and(|how| how == "full");
    let rows = if full { 10_000_000 } else { 1_500_000 };
    if resident().is_none() {
        // Only Linux tells it in a file.
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime starts").block_on(async {
        for engine in Engine::ALL {
            let Some(database) = Database::make(engine).await.expect("a database") else { continue };
            let most = read(&database, rows, false).await.unwrap_or_else(|error| panic!("{engine:?}: {error:?}"));
            database.remove().await.expect("the database is removed");
            assert!(most < MOST, "{engine:?}: {} MiB above idle for {rows} rows", most >> 20);
        }
        // The same measure finds out who collects.
        let database = Database::make(Engine::Sqlite).await.expect("a database").expect("a file is always there");
        let most = read(&database, 1_000_000, true).await.expect("rows");
        assert!(most > MOST, "{} MiB for a million rows that were kept", most >> 20);
    });
}
