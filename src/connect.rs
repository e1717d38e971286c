//! From a URL to a driver.

use std::sync::Arc;

use crate::pool::PoolOptions;
use oarlock_core::factory::{self, Connector, DriverFactory, Purpose};
use oarlock_core::{Conn, Error, ErrorKind, Result, Url};

/// Opens a connection; the URL's scheme picks the driver at run time.
///
/// | URL | Database |
/// |---|---|
/// | `sqlite:app.db`, `sqlite::memory:` | SQLite |
/// | `postgres://user:password@host:5432/database` | PostgreSQL |
/// | `mysql://user:password@host:3306/database`, `mariadb://…` | MySQL, MariaDB |
/// | any that was [registered](crate::register) | a driver from elsewhere |
///
/// Each driver's page lists its options; an unknown one is an error.
///
/// # Errors
///
/// `Configuration` for a URL, a scheme or an option that is not understood, or a driver that this build leaves out (it names the
/// feature to add); `ConnectionRefused`, `Authentication` and the like as connecting goes.
///
/// # Examples
///
/// ```no_run
/// # async fn f() -> oarlock::Result<()> {
/// let db = oarlock::connect("sqlite:app.db").await?;
/// # Ok(())
/// # }
/// ```
pub async fn connect(url: &str) -> Result<Conn> {
    connect_to(&Url::parse(url)?).await
}

/// Opens a connection as [`connect`](crate::connect()) does, to a URL that was parsed, and perhaps changed, before: to another
/// database of the same server, say.
///
/// # Errors
///
/// As [`connect`](crate::connect()).
///
/// # Examples
///
/// ```no_run
/// # async fn f() -> oarlock::Result<()> {
/// let url = oarlock::Url::parse("postgres://ada:secret@db.example.org/shop")?;
/// let server = oarlock::connect_to(&url.with_path("/postgres")).await?;
/// # Ok(())
/// # }
/// ```
pub async fn connect_to(url: &Url) -> Result<Conn> {
    let mut url = url.clone();
    // One URL serves a pool and its tools: the pool's options are checked, and have no meaning here.
    PoolOptions::default().with_url(&mut url)?;
    let connection = factory::open(&*connector(&url, Purpose::Single)?).await?;
    Ok(Conn::new(connection))
}

/// Checks a URL and makes what opens connections to it.
pub(crate) fn connector(url: &Url, purpose: Purpose) -> Result<Arc<dyn Connector>> {
    let scheme = url.scheme();
    match factory::find(scheme).or_else(|| built_in(scheme)) {
        Some(driver) => driver.connector(url, purpose),
        None => Err(missing(scheme)),
    }
}

fn built_in(scheme: &str) -> Option<&'static dyn DriverFactory> {
    let drivers: &[&'static dyn DriverFactory] = &[
        #[cfg(feature = "sqlite")]
        &oarlock_sqlite::SqliteFactory,
        #[cfg(feature = "postgres")]
        &oarlock_postgres::PostgresFactory,
        #[cfg(feature = "mysql")]
        &oarlock_mysql::MysqlFactory,
    ];
    drivers.iter().find(|driver| driver.schemes().contains(&scheme)).copied()
}

fn missing(scheme: &str) -> Error {
    let feature = match scheme {
        "sqlite" => "sqlite",
        "postgres" | "postgresql" => "postgres",
        "mysql" | "mariadb" => "mysql",
        other => {
            return Error::new(ErrorKind::Configuration, format!("no driver knows {other} URLs")).with_hint(
                "oarlock has sqlite, postgres and mysql; a driver from elsewhere has to be registered by oarlock::register",
            );
        }
    };
    Error::new(ErrorKind::Configuration, format!("this build has no driver for {scheme} URLs"))
        .with_hint(format!("add the feature {feature} of oarlock in Cargo.toml"))
}

#[cfg(test)]
mod tests {
    use super::missing;

    #[test]
    fn a_driver_that_was_left_out_names_its_feature() {
        for (scheme, feature) in [("sqlite", "sqlite"), ("postgresql", "postgres"), ("mariadb", "mysql")] {
            assert_eq!(
                missing(scheme).to_string(),
                format!(
                    "this build has no driver for {scheme} URLs (add the feature {feature} of oarlock in Cargo.toml)"
                )
            );
        }
    }
}
