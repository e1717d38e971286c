//! Listening and notifying, and coming back when the connection, the server or the network is gone.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod support;

use std::time::Duration;

use futures_util::StreamExt;
use oarlock_conformance::{require_server, until};
use oarlock_core::{Conn, DbExt, ErrorKind, Url};
use oarlock_postgres::{
    ListenEvent, Listener, ListenerOptions, Notification, NotifyExt, PostgresConnection, PostgresOptions,
};
use oarlock_test_support::{Proxy, Server};

const SECRET: &str = "open-sesame-4711";

async fn conn(url: &Url) -> Conn {
    Conn::new(Box::new(PostgresConnection::connect(&PostgresOptions::parse(url).unwrap()).await.unwrap()))
}

fn options(url: &Url, name: &str) -> PostgresOptions {
    PostgresOptions::parse(&url.clone().with_option("application_name", name)).unwrap()
}

/// Names channels and sessions of one test's own: the server is everybody's.
fn name(test: &str) -> String {
    format!("oarlock {test} \"{}\"", std::process::id())
}

async fn next(listener: &mut Listener) -> ListenEvent {
    let event = tokio::time::timeout(Duration::from_mins(1), listener.next()).await;
    event.expect("nothing is heard").expect("the listener has ended").unwrap()
}

async fn heard(listener: &mut Listener) -> (String, String) {
    match next(listener).await {
        ListenEvent::Notification(Notification { channel, payload, .. }) => (channel, payload),
        other => panic!("a notification, not {other:?}"),
    }
}

/// Ends the listener's session at the server, and waits until it is over.
async fn terminate(admin: &Conn, session: &str) {
    let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = ?";
    assert_eq!(admin.fetch_value::<i64>(sql, (session,)).await.unwrap(), 1, "one session has this name");
}

#[tokio::test]
async fn what_is_notified_is_heard_in_order() {
    let Some(url) = require_server("OARLOCK_TEST_POSTGRES_URL") else { return };
    let url = Url::parse(&url).unwrap();
    let (db, one, two) = (conn(&url).await, name("One"), name("two"));
    let mut listener = Listener::connect(&options(&url, &one)).await.unwrap();
    listener.listen(&one).await.unwrap();
    listener.listen(&one).await.unwrap();
    db.notify(&two, "not listened to").await.unwrap();
    db.notify(&one, "first").await.unwrap();
    listener.listen(&two).await.unwrap();
    assert_eq!(listener.channels().collect::<Vec<_>>(), [&one, &two]);

    let tx = db.begin().await.unwrap();
    tx.notify(&two, "rolled back").await.unwrap();
    tx.rollback().await.unwrap();
    let tx = db.begin().await.unwrap();
    tx.notify(&two, "it's öne \\ of 'em").await.unwrap();
    tx.notify(&one, "").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(heard(&mut listener).await, (one.clone(), "first".to_owned()));
    assert_eq!(heard(&mut listener).await, (two.clone(), "it's öne \\ of 'em".to_owned()));
    let pid: i32 = db.fetch_value("SELECT pg_backend_pid()", ()).await.unwrap();
    let last = StreamExt::next(&mut listener).await.unwrap().unwrap();
    let told = Notification::clone(match &last {
        ListenEvent::Notification(notification) => notification,
        other => panic!("a notification, not {other:?}"),
    });
    assert_eq!((&*told.channel, &*told.payload, told.process_id), (&*one, "", pid));

    listener.unlisten(&one).await.unwrap();
    assert_eq!(listener.channels().collect::<Vec<_>>(), [&two]);
    db.notify(&one, "not listened to any more").await.unwrap();
    db.notify(&two, "last").await.unwrap();
    assert_eq!(heard(&mut listener).await, (two, "last".to_owned()));
}

#[tokio::test]
async fn a_wrong_name_or_payload_is_refused() {
    let Some(url) = require_server("OARLOCK_TEST_POSTGRES_URL") else { return };
    let url = Url::parse(&url).unwrap();
    let db = conn(&url).await;
    let mut listener = Listener::connect(&options(&url, "oarlock names")).await.unwrap();
    for wrong in ["", "a\0b", &"ö".repeat(32)] {
        assert_eq!(listener.listen(wrong).await.unwrap_err().kind(), ErrorKind::InvalidValue, "{wrong:?}");
        assert_eq!(db.notify(wrong, "").await.unwrap_err().kind(), ErrorKind::InvalidValue, "{wrong:?}");
    }
    let longest = &"x".repeat(63);
    listener.listen(longest).await.unwrap();
    db.notify(longest, &"y".repeat(7999)).await.unwrap();
    assert_eq!(heard(&mut listener).await.1.len(), 7999);
    assert_eq!(db.notify(longest, &"y".repeat(8000)).await.unwrap_err().kind(), ErrorKind::InvalidValue);
}

#[tokio::test]
async fn a_session_that_was_ended_comes_back_with_all_its_channels() {
    let Some(url) = require_server("OARLOCK_TEST_POSTGRES_URL") else { return };
    let url = Url::parse(&url).unwrap();
    let (admin, session) = (conn(&url).await, name("ended"));
    let channels: Vec<String> = (0..3).map(|number| format!("{session} {number}")).collect();
    let mut listener = Listener::connect(&options(&url, &session)).await.unwrap();
    for channel in &channels {
        listener.listen(channel).await.unwrap();
    }
    listener.unlisten(&channels[1]).await.unwrap();
    for round in 0..3 {
        admin.notify(&channels[0], "before").await.unwrap();
        assert_eq!(heard(&mut listener).await.1, "before", "round {round}");
        terminate(&admin, &session).await;
        assert_eq!(next(&mut listener).await, ListenEvent::Missed, "round {round}");
        // Once it says so, nothing more is missed.
        for channel in &channels {
            admin.notify(channel, "after").await.unwrap();
        }
        assert_eq!(heard(&mut listener).await, (channels[0].clone(), "after".to_owned()), "round {round}");
        assert_eq!(heard(&mut listener).await, (channels[2].clone(), "after".to_owned()), "round {round}");
    }
}

#[tokio::test]
async fn a_server_that_restarts_is_waited_for() {
    let Some(mut server) = Server::postgres().start().await else { return };
    let url = Url::parse(&server.url()).unwrap();
    let mut listener = Listener::connect(&options(&url, "oarlock restart")).await.unwrap();
    listener.listen("harbour").await.unwrap();
    server.stop().await;
    server.start().await;
    assert_eq!(next(&mut listener).await, ListenEvent::Missed);
    // What is asked for while the connection is away waits for it.
    server.stop().await;
    let (reply, ()) = tokio::join!(listener.listen("quay"), server.start());
    if let Err(error) = reply {
        assert_eq!(error.kind(), ErrorKind::ConnectionLost);
        listener.listen("quay").await.unwrap();
    }
    let db = conn(&url).await;
    db.notify("harbour", "one").await.unwrap();
    db.notify("quay", "two").await.unwrap();
    assert_eq!(next(&mut listener).await, ListenEvent::Missed);
    assert_eq!(heard(&mut listener).await.1, "one");
    assert_eq!(heard(&mut listener).await.1, "two");
}

#[tokio::test]
async fn a_line_gone_dead_without_a_word_is_found_out() {
    let Some(url) = require_server("OARLOCK_TEST_POSTGRES_URL") else { return };
    let (proxy, channel) = (Proxy::to(&url).await, name("dead line"));
    let through = Url::parse(proxy.url()).unwrap().with_option("connect_timeout", "200ms");
    let quick = ListenerOptions::new().heartbeat(Duration::from_millis(100));
    let mut listener = Listener::connect_with(&options(&through, &channel), quick).await.unwrap();
    listener.listen(&channel).await.unwrap();
    proxy.swallow();
    // It has given the line up when it tries another.
    assert!(until(async || Ok(proxy.connections() > 1)).await.unwrap());
    proxy.resume();
    assert_eq!(next(&mut listener).await, ListenEvent::Missed);
    conn(&Url::parse(&url).unwrap()).await.notify(&channel, "heard").await.unwrap();
    loop {
        // Where the machine is slow, it may have given up another line in between.
        match next(&mut listener).await {
            ListenEvent::Missed => {}
            ListenEvent::Notification(notification) => break assert_eq!(notification.payload, "heard"),
            other => panic!("unknown: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_reader_who_is_slow_is_told_what_was_missed() {
    let Some(url) = require_server("OARLOCK_TEST_POSTGRES_URL") else { return };
    let url = Url::parse(&url).unwrap();
    let (db, channel) = (conn(&url).await, name("slow"));
    let small = ListenerOptions::new().most_bytes(4096);
    let mut listener = Listener::connect_with(&options(&url, &channel), small).await.unwrap();
    listener.listen(&channel).await.unwrap();
    for number in 0..200 {
        db.notify(&channel, &number.to_string()).await.unwrap();
    }
    let mut numbers = Vec::new();
    while let ListenEvent::Notification(notification) = next(&mut listener).await {
        numbers.push(notification.payload.parse::<i64>().unwrap());
        if numbers.len() == 1 {
            // The first is taken only when all have come: the server sends them before this reply.
            listener.unlisten("another").await.unwrap();
        }
    }
    assert!((1..200).contains(&i64::try_from(numbers.len()).unwrap()), "{} were kept", numbers.len());
    let wanted: Vec<i64> = (0..).take(numbers.len()).collect();
    assert_eq!(numbers, wanted, "the first ones, and none of them lost");
}

#[tokio::test]
async fn a_login_that_is_refused_ends_it_and_nothing_prints_the_password() {
    let Some(url) = require_server("OARLOCK_TEST_POSTGRES_URL") else { return };
    let url = Url::parse(&url).unwrap();
    let (admin, role) = (conn(&url).await, format!("oarlock_listener_{}", std::process::id()));
    let made = format!("DROP ROLE IF EXISTS {role}; CREATE ROLE {role} LOGIN PASSWORD '{SECRET}'");
    admin.script(&made).await.unwrap();
    let mut listener = Listener::connect(&options(&url.with_user(&role, SECRET), &role)).await.unwrap();
    listener.listen(&role).await.unwrap();
    admin.execute(&format!("ALTER ROLE {role} NOLOGIN"), ()).await.unwrap();
    terminate(&admin, &role).await;
    let event = tokio::time::timeout(Duration::from_mins(1), listener.next()).await.unwrap();
    let error = event.expect("its last word").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Authentication, "{error:?}");
    assert!(listener.next().await.is_none(), "it is over");
    let refused = listener.listen("anything").await.unwrap_err();
    assert_eq!(refused.to_string(), "the listener has ended (open another one)");
    for shown in [format!("{listener:?}"), format!("{error:?} {error}"), format!("{refused:?}")] {
        assert!(!shown.contains(SECRET), "{shown}");
    }
    admin.execute(&format!("DROP ROLE {role}"), ()).await.unwrap();
}
