//! Logins: who has to come encrypted, by certificates, bound to the line, and passwords that are not given away.

use std::sync::{Arc, Mutex};

use oarlock::{DbExt, ErrorKind};
use oarlock_test_support::{Authority, Valid};
use oarlock_tests::refused;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::middle::{acceptor, direct, listen, read_packet, reading, write_packet};
use crate::{Engine, Files, Servers, is_encrypted};

#[tokio::test]
async fn postgres_users_come_as_they_have_to() {
    let ours = Authority::new("ours");
    let Some(server) = Servers::good(Engine::Postgres, &ours).await else { return };
    let at = |user: &str| format!("postgres://{user}@127.0.0.1:{}/postgres", server.port());
    let admin = oarlock::connect(&at("postgres")).await.unwrap();
    admin.script("CREATE ROLE encrypted LOGIN; CREATE ROLE plain LOGIN").await.unwrap();
    for (user, mode, encrypted) in [
        ("encrypted", "allow", true),
        ("encrypted", "prefer", true),
        ("encrypted", "require", true),
        ("plain", "disable", false),
        ("plain", "allow", false),
        ("plain", "prefer", false),
    ] {
        let conn = oarlock::connect(&format!("{}?sslmode={mode}", at(user))).await;
        let conn = conn.unwrap_or_else(|error| panic!("{user} {mode}: {error}"));
        assert_eq!(is_encrypted(&conn).await.unwrap(), encrypted, "{user} {mode}");
    }
    for (user, mode) in [("encrypted", "disable"), ("plain", "require"), ("nobody", "prefer"), ("nobody", "allow")] {
        let error = refused(oarlock::connect(&format!("{}?sslmode={mode}", at(user))).await, ErrorKind::Authentication);
        assert_eq!(error.sqlstate(), Some("28000"), "{user} {mode}: {error}");
    }
}

#[tokio::test]
async fn mysql_users_come_as_they_have_to() {
    let ours = Authority::new("ours");
    let Some(server) = Servers::good(Engine::Mysql, &ours).await else { return };
    let at = |user: &str| format!("mysql://{user}@127.0.0.1:{}/test", server.port());
    let admin = oarlock::connect(&at("root")).await.unwrap();
    let make = "CREATE USER encrypted@'127.0.0.1' REQUIRE SSL; GRANT ALL ON test.* TO encrypted@'127.0.0.1'";
    admin.script(make).await.unwrap();
    for mode in ["allow", "preferred", "required"] {
        let conn = oarlock::connect(&format!("{}?ssl-mode={mode}", at("encrypted"))).await;
        let conn = conn.unwrap_or_else(|error| panic!("{mode}: {error}"));
        assert!(is_encrypted(&conn).await.unwrap(), "{mode}");
    }
    for (user, mode) in
        [("encrypted", "disabled"), ("nobody", "preferred"), ("nobody", "allow"), ("nobody", "required")]
    {
        let result = oarlock::connect(&format!("{}?ssl-mode={mode}", at(user))).await;
        let error = refused(result, ErrorKind::Authentication);
        assert_eq!(error.code(), Some(1045), "{user} {mode}: {error}");
    }
}

/// The client's certificate is the login: PostgreSQL reads the user from it, MySQL demands that there is one.
async fn clients_show_their_certificates(engine: Engine) {
    let (ours, theirs, files) = (Authority::new("ours"), Authority::new("theirs"), Files::new());
    let Some(server) = Servers::good(engine, &ours).await else { return };
    let (url, make) = match engine {
        Engine::Postgres => ("postgres://clerk@127.0.0.1", "CREATE ROLE clerk LOGIN"),
        Engine::Mysql => ("mysql://clerk@127.0.0.1", "CREATE USER clerk@'127.0.0.1' REQUIRE SUBJECT '/CN=clerk'"),
    };
    oarlock::connect(&server.url()).await.unwrap().script(make).await.unwrap();
    let [mode, roots, cert, key] = engine.options();
    let database = if engine == Engine::Postgres { "/postgres" } else { "" };
    let base = format!(
        "{url}:{}{database}?{mode}={}&{roots}={}",
        server.port(),
        engine.mode(5),
        files.write("root.pem", &ours.pem())
    );
    let with = |name: &str, authority: &Authority, user: &str| {
        let issued = authority.client(user);
        let cert = format!("{cert}={}", files.write(&format!("{name}.pem"), &issued.certificate));
        format!("{base}&{cert}&{key}={}", files.write(&format!("{name}.key"), &issued.key))
    };
    let conn = oarlock::connect(&with("right", &ours, "clerk")).await.unwrap();
    assert!(is_encrypted(&conn).await.unwrap());
    refused(oarlock::connect(&base).await, ErrorKind::Authentication);
    refused(oarlock::connect(&with("other", &ours, "somebody")).await, ErrorKind::Authentication);
    let error = refused(oarlock::connect(&with("foreign", &theirs, "clerk")).await, ErrorKind::Tls);
    assert!(error.hint().is_some_and(|hint| hint.starts_with("it does not accept the certificate")), "{error}");
}

#[tokio::test]
async fn postgres_clients_show_their_certificates() {
    clients_show_their_certificates(Engine::Postgres).await;
}

#[tokio::test]
async fn mysql_clients_show_their_certificates() {
    clients_show_their_certificates(Engine::Mysql).await;
}

/// Who shows a certificate of his own can read along where nothing is verified, but the login gives him away.
#[tokio::test]
async fn a_bound_login_notices_somebody_in_between() {
    let (ours, mallory) = (Authority::new("ours"), Authority::new("mallory"));
    let Some(server) = Servers::good(Engine::Postgres, &ours).await else { return };
    let admin = oarlock::connect(&server.url()).await.unwrap();
    admin.script("CREATE ROLE bound LOGIN PASSWORD 's3cret'").await.unwrap();
    let between = reading(server.port(), &mallory.server(&["127.0.0.1"], Valid::Now)).await;
    let at = |port: u16, options: &str| format!("postgres://bound:s3cret@127.0.0.1:{port}/postgres?{options}");
    for binding in ["disable", "prefer", "require"] {
        let options = format!("sslmode=require&channel_binding={binding}");
        let conn = oarlock::connect(&at(server.port(), &options)).await;
        assert!(is_encrypted(&conn.unwrap_or_else(|error| panic!("{binding}: {error}"))).await.unwrap());
        let behind = oarlock::connect(&at(between, &options)).await;
        if binding == "disable" {
            let conn = behind.unwrap();
            assert_eq!(conn.fetch_value::<i32>("SELECT 1", ()).await.unwrap(), 1);
        } else {
            refused(behind, ErrorKind::Authentication);
        }
    }
    let plainly =
        refused(oarlock::connect(&at(server.port(), "sslmode=disable&channel_binding=require")).await, ErrorKind::Tls);
    assert!(plainly.message().contains("channel_binding=require needs a line that is encrypted"), "{plainly}");
    let trusted = format!("{}?sslmode=require&channel_binding=require", server.url());
    let unbound = refused(oarlock::connect(&trusted).await, ErrorKind::Authentication);
    assert!(unbound.hint().is_some_and(|hint| hint.contains("SCRAM-SHA-256")), "{unbound}");
}

#[tokio::test]
async fn require_auth_decides_how_the_server_may_ask() {
    let ours = Authority::new("ours");
    let Some(server) = Servers::good(Engine::Postgres, &ours).await else { return };
    let admin = oarlock::connect(&server.url()).await.unwrap();
    let make = "CREATE ROLE bound LOGIN PASSWORD 's3cret'; CREATE ROLE clear LOGIN PASSWORD 's3cret'";
    admin.script(make).await.unwrap();
    let at =
        |user: &str, options: &str| format!("postgres://{user}:s3cret@127.0.0.1:{}/postgres?{options}", server.port());
    for (user, options, accepted) in [
        ("clear", "sslmode=require", true),
        ("clear", "sslmode=prefer", true),
        ("clear", "sslmode=disable", false),
        ("clear", "sslmode=disable&require_auth=password", true),
        ("clear", "sslmode=require&require_auth=scram-sha-256", false),
        ("bound", "sslmode=disable", true),
        ("bound", "sslmode=disable&require_auth=scram-sha-256", true),
        ("bound", "sslmode=disable&require_auth=password", false),
        ("postgres", "sslmode=disable&require_auth=scram-sha-256", false),
        ("postgres", "sslmode=disable&require_auth=none", true),
    ] {
        let result = oarlock::connect(&at(user, options)).await;
        if accepted {
            result.unwrap_or_else(|error| panic!("{user} {options}: {error}"));
        } else {
            let error = refused(result, ErrorKind::Authentication);
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
        }
    }
}

/// What a false server got to read.
type Heard = Arc<Mutex<Vec<u8>>>;

fn has_heard(heard: &Heard) -> bool {
    heard.lock().unwrap().windows(6).any(|window| window == b"s3cret")
}

/// A server that has the password sent in clear is answered by nothing, and the user told.
#[tokio::test]
async fn a_false_postgres_server_does_not_get_the_password() {
    let heard = Heard::default();
    let port = {
        let heard = Arc::clone(&heard);
        listen(move |mut client| {
            let heard = Arc::clone(&heard);
            async move {
                let mut buffer = [0; 1024];
                let length = client.read(&mut buffer).await?;
                if length == 8 {
                    client.write_all(b"N").await?;
                    client.read(&mut buffer).await.map(drop)?;
                }
                client.write_all(&[b'R', 0, 0, 0, 8, 0, 0, 0, 3]).await?;
                while let length @ 1.. = client.read(&mut buffer).await? {
                    heard.lock().unwrap().extend_from_slice(&buffer[..length]);
                }
                Ok(())
            }
        })
        .await
    };
    let at = move |options: &str| format!("postgres://ada:s3cret@127.0.0.1:{port}/x?{options}");
    for options in ["", "sslmode=disable", "sslmode=allow", "sslmode=prefer", "require_auth=!md5"] {
        let error = refused(oarlock::connect(&at(options)).await, ErrorKind::Authentication);
        let told = "the server wants the password in clear, and this connection is not encrypted";
        assert!(error.message().ends_with(told) && error.hint().is_some(), "{options}: {error}");
        assert!(!has_heard(&heard), "{options}");
    }
    // That the server hears it when it is told, shows that it would have heard it before.
    let connecting = tokio::spawn(async move { oarlock::connect(&at("require_auth=password")).await.map(drop) });
    assert!(oarlock_tests::until(|| async { Ok(has_heard(&heard)) }).await.unwrap(), "the password, by name");
    connecting.abort();
}

/// The greeting of a server that logs in by a plugin.
fn greeting(plugin: &str, encrypts: bool) -> Vec<u8> {
    // Protocol 4.1, plugins, secure logins, a database, and encryption.
    let low: u16 = 0x8209 | if encrypts { 0x0800 } else { 0 };
    let flags = low.to_le_bytes();
    let head = [&b"\x0a8.4.3\0"[..], &[1, 0, 0, 0], b"12345678\0", &flags, &[45, 2, 0], &[0x08, 0, 21]].concat();
    [&head, &[0; 10][..], b"123456789012\0", plugin.as_bytes(), b"\0"].concat()
}

#[tokio::test]
async fn a_false_mysql_server_does_not_get_the_password() {
    let heard = Heard::default();
    let port = {
        let heard = Arc::clone(&heard);
        listen(move |mut client| {
            let heard = Arc::clone(&heard);
            async move {
                write_packet(&mut client, 0, &greeting("mysql_native_password", false)).await?;
                read_packet(&mut client).await?;
                write_packet(&mut client, 2, b"\xfemysql_clear_password\0").await?;
                let answer = read_packet(&mut client).await?;
                heard.lock().unwrap().extend_from_slice(&answer);
                Ok(())
            }
        })
        .await
    };
    let at = |options: &str| format!("mysql://ada:s3cret@127.0.0.1:{port}/x?{options}");
    for options in ["", "ssl-mode=disabled", "ssl-mode=allow", "ssl-mode=preferred"] {
        let error = refused(oarlock::connect(&at(options)).await, ErrorKind::Authentication);
        let told = "the server wants the password in clear, and this connection is not encrypted";
        assert!(error.message().ends_with(told) && error.hint().is_some(), "{options}: {error}");
        assert!(!has_heard(&heard), "{options}");
    }
    let by_name = oarlock::connect(&at("enable-cleartext-plugin=on")).await;
    assert!(by_name.is_err() && has_heard(&heard));
}

/// MySQL 8's own way to log in sends the password in clear where the line is encrypted, and only there.
#[tokio::test]
async fn a_mysql_password_goes_over_the_encrypted_line() {
    let (ours, files) = (Authority::new("ours"), Files::new());
    let heard = Heard::default();
    let port = {
        let (heard, acceptor) = (Arc::clone(&heard), acceptor(&ours.server(&["127.0.0.1"], Valid::Now), &[]));
        listen(move |mut client| {
            let (heard, acceptor) = (Arc::clone(&heard), acceptor.clone());
            async move {
                write_packet(&mut client, 0, &greeting("caching_sha2_password", true)).await?;
                let request = read_packet(&mut client).await?;
                assert_eq!((request.len(), request[3]), (36, 1), "a request for encryption, and nothing with it");
                let mut client = acceptor.accept(client).await?;
                let answer = read_packet(&mut client).await?;
                assert_eq!((answer[3], answer[5] & 0x08), (2, 0x08));
                write_packet(&mut client, 3, &[0x01, 0x04]).await?;
                let password = read_packet(&mut client).await?;
                assert_eq!(password[3], 4);
                heard.lock().unwrap().extend_from_slice(&password);
                write_packet(&mut client, 5, b"\xff\x15\x04#28000no more than that").await
            }
        })
        .await
    };
    let url = format!(
        "mysql://ada:s3cret@127.0.0.1:{port}/x?ssl-mode=VERIFY_IDENTITY&ssl-ca={}",
        files.write("root.pem", &ours.pem())
    );
    let error = refused(oarlock::connect(&url).await, ErrorKind::Authentication);
    assert_eq!((error.code(), error.sqlstate()), (Some(1045), Some("28000")), "{error}");
    assert!(error.message().ends_with("no more than that") && has_heard(&heard), "{error}");
}

/// PostgreSQL 17 takes connections that begin encrypted; this stands in for it.
#[tokio::test]
async fn a_line_may_begin_encrypted() {
    let (ours, files) = (Authority::new("ours"), Files::new());
    let Some(server) = Servers::good(Engine::Postgres, &ours).await else { return };
    let own = ours.server(&["127.0.0.1"], Valid::Now);
    let root = files.write("root.pem", &ours.pem());
    let options = format!("sslmode=verify-full&sslrootcert={root}&sslnegotiation=direct");
    let at = |port: u16| format!("postgres://postgres@127.0.0.1:{port}/postgres?{options}");
    let conn = oarlock::connect(&at(direct(server.port(), &own, &["postgresql"]).await)).await.unwrap();
    assert_eq!(conn.fetch_value::<i32>("SELECT 1", ()).await.unwrap(), 1);
    let silent = refused(oarlock::connect(&at(direct(server.port(), &own, &[]).await)).await, ErrorKind::Tls);
    assert!(silent.message().ends_with("the server did not agree on the protocol in the handshake"), "{silent}");
}
