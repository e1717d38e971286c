//! What goes wrong on the way to a connection, and what the error says to do.

use oarlock::{DbExt, ErrorKind, Pool, Url};
use oarlock_tests::{Database, Engine, Verdict, on_every_engine, refused};

on_every_engine!(
    a_url_opens_a_connection,
    an_unknown_option_lists_the_known_ones,
    an_option_says_what_it_takes,
    a_missing_database_is_named,
    a_port_where_nobody_listens_is_named,
    a_wrong_user_or_password_is_an_authentication_error,
);

async fn a_url_opens_a_connection(database: Database) -> Verdict {
    let conn = oarlock::connect(&database.url).await?;
    assert_eq!(conn.fetch_value::<i64>("SELECT 40 + ?", (2,)).await?, 42);
    conn.close().await?;
    refused(conn.execute("SELECT 1", ()).await, ErrorKind::Interface);
    Ok(())
}

async fn an_unknown_option_lists_the_known_ones(database: Database) -> Verdict {
    let url = database.url_with("colour=red");
    for error in [
        refused(oarlock::connect(&url).await, ErrorKind::Configuration),
        refused(Pool::connect(&url).await, ErrorKind::Configuration),
    ] {
        let text = error.to_string();
        assert!(text.contains("no option colour") && text.contains("statement_cache"), "{text}");
    }
    Ok(())
}

async fn an_option_says_what_it_takes(database: Database) -> Verdict {
    let error = refused(oarlock::connect(&database.url_with("statement_cache=many")).await, ErrorKind::Configuration);
    assert!(error.to_string().contains("the option statement_cache takes"), "{error}");
    Ok(())
}

async fn a_missing_database_is_named(database: Database) -> Verdict {
    let url = match database.engine {
        Engine::Sqlite => database.url.replace("test.db", "oarlock_nowhere?mode=rw"),
        _ => format!("{}_nowhere", database.url.split('?').next().unwrap_or_default()),
    };
    for error in [
        refused(oarlock::connect(&url).await, ErrorKind::ObjectNotFound),
        refused(Pool::connect(&url).await, ErrorKind::ObjectNotFound),
    ] {
        assert!(error.to_string().contains("_nowhere"), "{error}");
    }
    Ok(())
}

/// Gives a URL to the same server for another user.
fn as_user(database: &Database, user: &str, password: &str) -> oarlock::Result<String> {
    let url = Url::parse(&database.url)?;
    let host = url.hosts().first().map_or("localhost", |host| &host.name);
    let port = url.hosts().first().and_then(|host| host.port).map(|port| format!(":{port}")).unwrap_or_default();
    Ok(format!("{}://{user}:{password}@{host}{port}{}", url.scheme(), url.path()))
}

async fn a_port_where_nobody_listens_is_named(database: Database) -> Verdict {
    if database.engine == Engine::Sqlite {
        let error = refused(oarlock::connect("sqlite:/no/such/directory/app.db").await, ErrorKind::ObjectNotFound);
        assert!(error.to_string().contains("/no/such/directory/app.db"), "{error}");
        return Ok(());
    }
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let free = free.expect("there is a free port").port();
    let scheme = database.url.split(':').next().unwrap_or_default();
    let url = format!("{scheme}://u:sentinel@127.0.0.1:{free}/db");
    let error = refused(oarlock::connect(&url).await, ErrorKind::ConnectionRefused);
    assert!(error.to_string().contains(&format!("127.0.0.1:{free}")), "{error}");
    assert!(!format!("{error} {error:?}").contains("sentinel"), "{error:?}");
    Ok(())
}

async fn a_wrong_user_or_password_is_an_authentication_error(database: Database) -> Verdict {
    if database.engine == Engine::Sqlite {
        return Ok(());
    }
    let nobody = as_user(&database, "oarlock_nobody", "sentinel")?;
    let error = refused(oarlock::connect(&nobody).await, ErrorKind::Authentication);
    assert!(error.to_string().contains("oarlock_nobody"), "{error}");
    assert!(!format!("{error} {error:?}").contains("sentinel"), "{error:?}");

    if database.engine == Engine::MySql {
        // PostgreSQL may be set up to trust whoever comes; this server asks for the password that a user has.
        let admin = oarlock::connect(&database.url).await?;
        let user = format!("oarlock_{}", std::process::id());
        admin.execute(&format!("CREATE USER {user} IDENTIFIED BY 'right'"), ()).await?;
        let error = refused(oarlock::connect(&as_user(&database, &user, "sentinel")?).await, ErrorKind::Authentication);
        admin.execute(&format!("DROP USER {user}"), ()).await?;
        assert!(!format!("{error} {error:?}").contains("sentinel"), "{error:?}");
    }
    Ok(())
}

#[tokio::test]
async fn an_unknown_scheme_says_what_there_is() {
    let error = refused(oarlock::connect("oracle://scott:sentinel@host/db").await, ErrorKind::Configuration);
    assert_eq!(
        error.to_string(),
        "no driver knows oracle URLs (oarlock has sqlite, postgres and mysql; a driver from elsewhere has to be registered by \
         oarlock::register)"
    );
    let error = refused(oarlock::connect("app.db").await, ErrorKind::Configuration);
    assert!(error.to_string().contains("sqlite:app.db"), "{error}");
}
