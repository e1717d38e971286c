//! Measures ways to insert 10,000 rows: the raw drivers' and oarlock's, in one run, pass by pass in turn.

use std::time::{Duration, Instant};

use mysql_async::prelude::Queryable;
use mysql_async::{Opts, OptsBuilder, TxOpts};
use oarlock::mysql::MysqlExt;
use oarlock::postgres::PostgresExt;
use oarlock::{Conn, DbExt};
use oarlock_bench_protocol::{Engine, MANY, User, new_users};
use serde::Serialize;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};

use crate::{Failure, setup, worker};

/// How often each way runs.
const PASSES: usize = 11;

/// Rows of one statement with many rows of VALUES.
const VALUES: usize = 1000;

const INSERT: &str = "INSERT INTO bench_new (name, hair_color) VALUES (?, ?)";

#[derive(Serialize)]
struct Measured {
    engine: &'static str,
    shape: &'static str,
    peer: &'static str,
    median_ns: u64,
    /// To the best raw way.
    ratio: f64,
}

/// Ways to insert the same rows into the same table.
trait Ways {
    const ENGINE: Engine;
    const NAMES: &'static [&'static str];

    async fn clear(&mut self) -> Result<(), Failure>;

    /// Inserts all rows, and gives their number.
    async fn insert(&mut self, way: &str) -> Result<u64, Failure>;
}

/// Runs all ways, and writes what came of it.
pub fn bulk(out: &str) -> Result<(), Failure> {
    let wanted = std::env::var("OARLOCK_BENCH_ENGINES").unwrap_or_default();
    let is_wanted = |engine: Engine| wanted.is_empty() || wanted.split(',').any(|name| name == engine.name());
    let mut table = Vec::new();
    if is_wanted(Engine::Sqlite) {
        let directory = worker::memory()?;
        let file = directory.path().join("bench.db");
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        table.extend(runtime.block_on(async {
            setup::fill(Engine::Sqlite, &format!("sqlite:{}", file.display())).await?;
            measure(&mut Sqlite::open(&file).await?).await
        })?);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if is_wanted(Engine::Postgres) {
        let url = std::env::var("OARLOCK_TEST_POSTGRES_URL")?;
        table.extend(runtime.block_on(async {
            setup::fill(Engine::Postgres, &url).await?;
            measure(&mut Postgres::open(&url).await?).await
        })?);
    }
    if is_wanted(Engine::Mysql) {
        let url = std::env::var("OARLOCK_TEST_MYSQL_URL")?;
        table.extend(runtime.block_on(async {
            setup::fill(Engine::Mysql, &url).await?;
            measure(&mut Mysql::open(&url).await?).await
        })?);
    }
    std::fs::write(out, serde_json::to_string_pretty(&table)? + "\n")?;
    Ok(())
}

async fn measure<W: Ways>(ways: &mut W) -> Result<Vec<Measured>, Failure> {
    let engine = W::ENGINE.name();
    let mut times = vec![Vec::with_capacity(PASSES); W::NAMES.len()];
    // The first pass prepares statements, and is not counted.
    for pass in 0..=PASSES {
        for turn in 0..W::NAMES.len() {
            let index = (pass + turn) % W::NAMES.len();
            ways.clear().await?;
            let start = Instant::now();
            let rows = ways.insert(W::NAMES[index]).await?;
            let elapsed = start.elapsed();
            if rows != MANY.unsigned_abs() {
                return Err(format!("{engine}: {} inserted {rows} rows", W::NAMES[index]).into());
            }
            if pass > 0 {
                times[index].push(elapsed);
            }
        }
    }
    let medians: Vec<Duration> = times.into_iter().map(median).collect();
    let raw = W::NAMES.iter().zip(&medians).filter(|(name, _)| name.starts_with("raw"));
    let best = raw.map(|(_, median)| *median).min().ok_or("no raw way")?;
    let mut table = Vec::new();
    for (peer, median) in W::NAMES.iter().zip(&medians) {
        let ratio = (median.as_secs_f64() / best.as_secs_f64() * 1000.0).round() / 1000.0;
        println!("{engine:10} {peer:18} {:>10.2} ms {ratio:>8.3}", median.as_secs_f64() * 1000.0);
        let median_ns = u64::try_from(median.as_nanos())?;
        table.push(Measured { engine, shape: "insert_10k", peer, median_ns, ratio });
    }
    Ok(table)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// oarlock's ways that are the same on every database.
struct Oarlock {
    db: Conn,
    users: Vec<User>,
}

impl Oarlock {
    async fn open(url: &str) -> Result<Self, Failure> {
        Ok(Self { db: oarlock::connect(url).await?, users: new_users(MANY) })
    }

    fn rows(&self) -> Vec<(&String, &Option<String>)> {
        self.users.iter().map(|user| (&user.name, &user.hair_color)).collect()
    }

    async fn insert(&self, way: &str) -> Result<u64, Failure> {
        match way {
            "oarlock" => Ok(self.db.execute_many(INSERT, self.rows()).await?.rows_affected.unwrap_or(0)),
            "oarlock-loop" => {
                let tx = self.db.begin().await?;
                let mut sum = 0;
                for row in self.rows() {
                    sum += tx.execute(INSERT, row).await?.rows_affected.unwrap_or(0);
                }
                tx.commit().await?;
                Ok(sum)
            }
            other => Err(format!("no way {other}").into()),
        }
    }
}

struct Sqlite {
    raw: rusqlite::Connection,
    ours: Oarlock,
}

impl Sqlite {
    async fn open(file: &std::path::Path) -> Result<Self, Failure> {
        let ours = Oarlock::open(&format!("sqlite:{}", file.display())).await?;
        let raw = rusqlite::Connection::open(file)?;
        raw.execute_batch("PRAGMA journal_mode = wal; PRAGMA synchronous = full; PRAGMA foreign_keys = on")?;
        Ok(Self { raw, ours })
    }
}

impl Ways for Sqlite {
    const ENGINE: Engine = Engine::Sqlite;
    const NAMES: &'static [&'static str] = &["raw", "oarlock-loop", "oarlock"];

    async fn clear(&mut self) -> Result<(), Failure> {
        self.raw.execute("DELETE FROM bench_new", [])?;
        Ok(())
    }

    async fn insert(&mut self, way: &str) -> Result<u64, Failure> {
        if way != "raw" {
            return self.ours.insert(way).await;
        }
        let tx = self.raw.transaction()?;
        let mut sum = 0;
        {
            let mut insert = tx.prepare_cached(INSERT)?;
            for user in &self.ours.users {
                sum += insert.execute((&user.name, &user.hair_color))?;
            }
        }
        tx.commit()?;
        Ok(u64::try_from(sum)?)
    }
}

struct Postgres {
    raw: tokio_postgres::Client,
    one: tokio_postgres::Statement,
    many: tokio_postgres::Statement,
    unnest: tokio_postgres::Statement,
    ours: Oarlock,
}

impl Postgres {
    async fn open(url: &str) -> Result<Self, Failure> {
        let (raw, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
        tokio::spawn(connection);
        let marks: Vec<String> = (0..VALUES).map(|row| format!("(${}, ${})", 2 * row + 1, 2 * row + 2)).collect();
        let into = "INSERT INTO bench_new (name, hair_color)";
        let one = raw.prepare(&format!("{into} VALUES ($1, $2)")).await?;
        let many = raw.prepare(&format!("{into} VALUES {}", marks.join(", "))).await?;
        let unnest = raw.prepare(&format!("{into} SELECT * FROM unnest($1::varchar[], $2::varchar[])")).await?;
        Ok(Self { raw, one, many, unnest, ours: Oarlock::open(url).await? })
    }
}

impl Ways for Postgres {
    const ENGINE: Engine = Engine::Postgres;
    const NAMES: &'static [&'static str] = &[
        "raw-loop",
        "raw-pipelined",
        "raw-values",
        "raw-unnest",
        "raw-copy",
        "oarlock-loop",
        "oarlock",
        "oarlock-copy",
    ];

    async fn clear(&mut self) -> Result<(), Failure> {
        Ok(self.raw.batch_execute("TRUNCATE bench_new").await?)
    }

    async fn insert(&mut self, way: &str) -> Result<u64, Failure> {
        let users = &self.ours.users;
        let mut sum = 0;
        match way {
            "raw-loop" => {
                let tx = self.raw.transaction().await?;
                for user in users {
                    sum += tx.execute(&self.one, &[&user.name, &user.hair_color]).await?;
                }
                tx.commit().await?;
            }
            "raw-pipelined" => {
                let tx = self.raw.transaction().await?;
                for chunk in users.chunks(256) {
                    let calls = chunk
                        .iter()
                        .map(|user| tx.execute_raw(&self.one, [Some(&user.name), user.hair_color.as_ref()]));
                    sum += futures_util::future::try_join_all(calls).await?.iter().sum::<u64>();
                }
                tx.commit().await?;
            }
            "raw-values" => {
                let tx = self.raw.transaction().await?;
                for chunk in users.chunks(VALUES) {
                    let row = |user: &User| [Some(user.name.clone()), user.hair_color.clone()];
                    sum += tx.execute_raw(&self.many, chunk.iter().flat_map(row).collect::<Vec<_>>()).await?;
                }
                tx.commit().await?;
            }
            "raw-unnest" => {
                let names: Vec<&str> = users.iter().map(|user| &*user.name).collect();
                let colors: Vec<Option<&str>> = users.iter().map(|user| user.hair_color.as_deref()).collect();
                sum = self.raw.execute(&self.unnest, &[&names, &colors]).await?;
            }
            "raw-copy" => {
                let sink = self.raw.copy_in("COPY bench_new (name, hair_color) FROM STDIN BINARY").await?;
                let mut writer = std::pin::pin!(BinaryCopyInWriter::new(sink, &[Type::VARCHAR, Type::VARCHAR]));
                for user in users {
                    let row: [&(dyn ToSql + Sync); 2] = [&user.name, &user.hair_color];
                    writer.as_mut().write(&row).await?;
                }
                sum = writer.finish().await?;
            }
            "oarlock-copy" => sum = self.ours.db.copy_rows("bench_new (name, hair_color)", self.ours.rows()).await?,
            way => sum = self.ours.insert(way).await?,
        }
        Ok(sum)
    }
}

struct Mysql {
    raw: mysql_async::Conn,
    one: mysql_async::Statement,
    many: mysql_async::Statement,
    ours: Oarlock,
}

const LOAD: &str = "LOAD DATA LOCAL INFILE 'rows' INTO TABLE bench_new (name, hair_color)";

/// Writes the rows as LOAD DATA reads them by default.
fn tabbed(users: &[User]) -> String {
    users.iter().map(|user| format!("{}\t{}\n", user.name, user.hair_color.as_deref().unwrap_or("\\N"))).collect()
}

impl Mysql {
    async fn open(url: &str) -> Result<Self, Failure> {
        let options = OptsBuilder::from_opts(Opts::from_url(url)?).prefer_socket(false);
        let mut raw = mysql_async::Conn::new(options).await?;
        let one = raw.prep(INSERT).await?;
        let many = raw.prep(format!("{INSERT}{}", ", (?, ?)".repeat(VALUES - 1))).await?;
        Ok(Self { raw, one, many, ours: Oarlock::open(url).await? })
    }
}

impl Ways for Mysql {
    const ENGINE: Engine = Engine::Mysql;
    const NAMES: &'static [&'static str] =
        &["raw-loop", "raw-values", "raw-batch", "raw-load", "oarlock-loop", "oarlock", "oarlock-load"];

    async fn clear(&mut self) -> Result<(), Failure> {
        Ok(self.raw.query_drop("TRUNCATE bench_new").await?)
    }

    async fn insert(&mut self, way: &str) -> Result<u64, Failure> {
        let users = &self.ours.users;
        let mut sum = 0;
        match way {
            "raw-loop" => {
                let mut tx = self.raw.start_transaction(TxOpts::default()).await?;
                for user in users {
                    tx.exec_drop(&self.one, (&user.name, &user.hair_color)).await?;
                    sum += tx.affected_rows();
                }
                tx.commit().await?;
            }
            "raw-values" => {
                let mut tx = self.raw.start_transaction(TxOpts::default()).await?;
                for chunk in users.chunks(VALUES) {
                    let row = |user: &User| [user.name.clone().into(), user.hair_color.clone().into()];
                    let values: Vec<mysql_async::Value> = chunk.iter().flat_map(row).collect();
                    tx.exec_drop(&self.many, values).await?;
                    sum += tx.affected_rows();
                }
                tx.commit().await?;
            }
            "raw-batch" => {
                let mut tx = self.raw.start_transaction(TxOpts::default()).await?;
                tx.exec_batch(&self.one, users.iter().map(|user| (&user.name, &user.hair_color))).await?;
                tx.commit().await?;
                sum = users.len() as u64;
            }
            "raw-load" => {
                let data = tabbed(users);
                self.raw.set_infile_handler(async move {
                    let data = futures_util::stream::once(async move { Ok(data.into()) });
                    Ok(Box::pin(data) as mysql_async::InfileData)
                });
                self.raw.query_drop(LOAD).await?;
                sum = self.raw.affected_rows();
            }
            "oarlock-load" => {
                let data = futures_util::stream::iter([Ok(tabbed(users).into())]);
                sum = self.ours.db.load_data(LOAD, data).await?.rows_affected.unwrap_or(0);
            }
            way => sum = self.ours.insert(way).await?,
        }
        Ok(sum)
    }
}
