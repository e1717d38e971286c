//! How the shared conformance suite gets at MySQL or MariaDB: a database of its own for each test.

use std::sync::Arc;

use futures_util::stream;
use oarlock_conformance::{Call, Place, Setup, Slow, Stranger, end_branches, require_server, required, until};
use oarlock_core::connection::{BoxFuture, DriverInfo};
use oarlock_core::factory::DriverFactory;
use oarlock_core::{Capabilities, Conn, Connection, DbExt, Result, Row, Url};
use oarlock_mysql::{FACTORY, MysqlConnection, MysqlExt, MysqlOptions};
use oarlock_test_support::slow;

const SERVER: &str = "OARLOCK_TEST_MYSQL_URL";

/// What the driver has beyond the contract.
const OWN: &[Call] = &[Call {
    name: "LOAD DATA",
    rows: &[0, 2],
    make: |conn, number| {
        Box::pin(async move {
            let rows = [format!("{number}0\t1\n"), format!("{number}1\t1\n")].map(|row| Ok(row.into()));
            let sql = "LOAD DATA LOCAL INFILE 'rows' INTO TABLE item (id, n)";
            conn.load_data(sql, stream::iter(rows)).await.map(drop)
        })
    },
}];

pub(crate) struct Mysql;

impl Setup for Mysql {
    fn factory(&self) -> &'static dyn DriverFactory {
        FACTORY
    }

    fn connect<'a>(&'a self, url: &'a Url) -> BoxFuture<'a, Box<dyn Connection>> {
        Box::pin(async move {
            let connection = MysqlConnection::connect(&Arc::new(MysqlOptions::parse(url)?)).await?;
            Ok(Box::new(connection) as Box<dyn Connection>)
        })
    }

    fn open<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Option<Place>> {
        Box::pin(async move {
            let Some(server) = require_server(SERVER) else { return Ok(None) };
            let server = Url::parse(&server)?;
            let admin = self.admin(&server).await?;
            admin.execute(&format!("CREATE DATABASE {name}"), ()).await?;
            admin.close().await?;
            Ok(Some(Place::new(name, server.clone().with_path(format!("/{name}"))).keep(server)))
        })
    }

    fn close<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, Vec<String>> {
        Box::pin(async move {
            let server = place.keep.downcast_ref::<Url>().expect("open keeps the server's URL");
            let admin = self.admin(server).await?;
            until(async || Ok(sessions(&admin, &place.name).await?.is_empty())).await?;
            let mut left = sessions(&admin, &place.name).await?;
            left.extend(end_branches(&admin, place).await?);
            admin.execute(&format!("DROP DATABASE {}", place.name), ()).await?;
            admin.close().await?;
            Ok(left)
        })
    }

    fn slow<'a>(&'a self, url: &'a Url) -> BoxFuture<'a, Slow> {
        Box::pin(async move { Ok(slow(url).await) })
    }

    fn own_calls(&self) -> Vec<Call> {
        OWN.to_vec()
    }

    fn may_die(&self, call: &str) -> bool {
        call == "close"
    }

    fn required(&self, info: &DriverInfo) -> Capabilities {
        if info.dialect.name == "mariadb" { required::MARIADB } else { required::MYSQL }
    }

    fn stranger(&self, place: &Place) -> Option<Stranger> {
        // MariaDB up to 10.4 and MySQL take names of users of at most 32 characters.
        let user: String = place.name.chars().take(32).collect();
        // Without any right the server refuses the database itself: the table beside is what the user may read.
        let name = &place.name;
        Some(Stranger {
            create: vec![
                "CREATE TABLE harmless (id int)".to_owned(),
                format!("CREATE USER '{user}'@'%' IDENTIFIED BY 'stranger'"),
                format!("GRANT SELECT ON {name}.harmless TO '{user}'@'%'"),
            ],
            drop: vec![format!("DROP USER '{user}'@'%'")],
            url: place.url.clone().with_user(user, "stranger"),
        })
    }
}

/// Lists the sessions that use a database.
///
/// By SHOW: MySQL's `information_schema.processlist` fails when any session runs a statement that is not UTF-8.
async fn sessions(admin: &Conn, database: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for row in admin.fetch_all::<Row>("SHOW PROCESSLIST", ()).await? {
        if row.get::<Option<String>>("db")?.as_deref() == Some(database) {
            found.push(format!("a session that does {}", row.get::<String>("Command")?));
        }
    }
    Ok(found)
}

impl Mysql {
    async fn admin(&self, server: &Url) -> Result<Conn> {
        Ok(Conn::new(self.connect(server).await?))
    }
}
