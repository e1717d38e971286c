//! What is never shown: passwords in what is printed, and parameters' values in errors.

use oarlock::{DbExt, Error, ErrorKind, Pool, PoolOptions, Url};
use oarlock_tests::{Database, Verdict, on_every_engine};

use crate::refused;

const SECRET: &str = "s3ntinel";

on_every_engine!(errors_tell_no_parameter, what_is_printed_tells_no_parameter);

fn assert_clean(error: &Error) {
    let mut texts = vec![error.to_string(), format!("{error:?}"), format!("{error:#?}"), error.message().to_owned()];
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        texts.push(inner.to_string());
        source = inner.source();
    }
    for text in texts {
        assert!(!text.contains(SECRET), "{text}");
    }
}

async fn errors_tell_no_parameter(database: Database) -> Verdict {
    let pool = Pool::connect(&database.url).await?;
    pool.execute("CREATE TABLE person (id BIGINT NOT NULL PRIMARY KEY, mail VARCHAR(40) NOT NULL)", ()).await?;
    let insert = "INSERT INTO person (id, mail) VALUES (?, ?)";
    pool.execute(insert, (1, SECRET)).await?;
    for error in [
        refused(pool.execute(insert, (1, SECRET)).await, ErrorKind::UniqueViolation),
        refused(pool.execute(insert, (SECRET,)).await, ErrorKind::Parameters),
        pool.fetch_value::<i64>("SELECT mail FROM person", ()).await.expect_err("text is no number"),
        pool.execute("SELECT * FROM nowhere WHERE mail = ?", (SECRET,)).await.expect_err("there is no table"),
    ] {
        assert_clean(&error);
    }
    Ok(())
}

async fn what_is_printed_tells_no_parameter(database: Database) -> Verdict {
    let pool = Pool::connect(&database.url).await?;
    let conn = pool.acquire().await?;
    let mut cursor = conn.query("SELECT ?", (SECRET,)).await?;
    let printed = format!("{pool:?} {conn:?} {cursor:?} {:?}", cursor.description());
    assert!(!printed.contains(SECRET), "{printed}");
    cursor.finish().await?;
    Ok(())
}

#[tokio::test]
async fn no_failed_connection_tells_the_password() {
    for url in [
        "postgres://ada:s3ntinel@127.0.0.1:1/db",
        "postgres://ada:s3ntinel@127.0.0.1:1/db?colour=red",
        "postgres://ada@127.0.0.1:1/db?password=s3ntinel",
        "postgres://ada:s3ntinel/x@127.0.0.1:1/db",
        "postgres://no.such.host.invalid:1/db?password=s3ntinel",
        "mysql://ada:s3ntinel@127.0.0.1:1/db",
        "mysql://ada:s3ntinel@127.0.0.1:1/db?colour=red",
        "mysql://ada:s3ntinel@127.0.0.1:port/db",
        "oracle://ada:s3ntinel@127.0.0.1/db",
    ] {
        assert_clean(&oarlock::connect(url).await.expect_err(url));
        assert_clean(&PoolOptions::new().connect(url).await.expect_err(url));
        if let Ok(url) = Url::parse(url) {
            let printed = format!("{url} {url:?} {url:#?}");
            assert!(!printed.contains(SECRET), "{printed}");
        }
    }
}

#[test]
fn the_drivers_options_print_no_password() -> oarlock::Result<()> {
    let url = Url::parse("postgres://ada:s3ntinel@h/db")?;
    let postgres = oarlock::postgres::PostgresOptions::parse(&url)?;
    let url = Url::parse("mysql://ada:s3ntinel@h/db")?;
    let mysql = oarlock::mysql::MysqlOptions::parse(&url)?;
    let printed = format!("{postgres:?} {postgres:#?} {mysql:?} {mysql:#?}");
    assert!(!printed.contains(SECRET), "{printed}");
    Ok(())
}
