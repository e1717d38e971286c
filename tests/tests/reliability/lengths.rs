//! What is too many or too long for the protocol is an error before the first byte of it, and never a length that wraps.

use oarlock::{DbExt, ErrorKind, ValueRef, connection::Query, params::Parameters};
use oarlock_test_support::{Direction, Proxy};
use oarlock_tests::{Database, Engine, Liar, Lie, Verdict, caught};

use crate::{is_full, proofs};

proofs! {
    too_much_is_refused_before_the_first_byte on Postgres MySql;
    lengths_that_are_not_checked_are_found_out on Postgres MySql;
}

async fn too_much_is_refused_before_the_first_byte(database: Database) -> Verdict {
    too_much(&database, Lie::None).await
}

async fn lengths_that_are_not_checked_are_found_out(database: Database) -> Verdict {
    caught(Lie::SendsTooMuch, &["bytes were sent"], too_much(&database, Lie::SendsTooMuch)).await;
    caught(Lie::LengthsWrap, &["a value of two gibibytes: it was accepted"], too_much(&database, Lie::LengthsWrap))
        .await;
    Ok(())
}

async fn too_much(database: &Database, lie: Lie) -> Verdict {
    let proxy = Proxy::to(&database.url).await;
    let conn = Liar::new(proxy.url(), lie)?.open().await?;
    let marks = |count: usize| vec!["?"; count].join(", ");
    let one = "SELECT OCTET_LENGTH(?)";
    let three = "SELECT OCTET_LENGTH(?) + OCTET_LENGTH(?) + OCTET_LENGTH(?)";
    let text = |sql: &str| {
        if database.engine == Engine::Postgres { sql.replace('?', "CAST(? AS bytea)") } else { sql.to_owned() }
    };
    let (one, three) = (text(one), text(three));
    conn.describe(&one).await?;
    conn.describe(&three).await?;
    // Never touched, so never given any memory by the system.
    let long = vec![0; (2 << 30) + 10];
    let part = &long[..if is_full() { 400 << 20 } else { 1 << 30 }];
    let many = vec![ValueRef::I64(1); 65_536 + 1];
    let counts = [ErrorKind::Parameters].as_slice();
    let sizes = [ErrorKind::OutOfRange].as_slice();
    let cases: [(&str, String, &[ValueRef<'_>], &[ErrorKind]); 4] = [
        ("65537 parameters", format!("SELECT 1 WHERE 1 IN ({})", marks(65_537)), &many, counts),
        ("65536 parameters", format!("SELECT 1 WHERE 1 IN ({})", marks(65_536)), &many[..65_536], counts),
        ("a value of two gibibytes", one, &[ValueRef::Bytes(&long)], sizes),
        ("values that are too long together", three, &[ValueRef::Bytes(part); 3], sizes),
    ];
    for (what, sql, values, kinds) in cases {
        let before = proxy.bytes(Direction::ToServer);
        let mut lease = oarlock::Db::lease(&conn).await?;
        let params = Parameters { names: None, values };
        let started = lease.connection().start(Query::new(&sql).params(params)).await;
        drop(lease);
        let Err(error) = started else { panic!("{what}: it was accepted") };
        assert!(kinds.contains(&error.kind()), "{what}: {error:?}");
        // A statement may be prepared for it, once more where its types may have changed; of the values nothing leaves.
        let sent = proxy.bytes(Direction::ToServer) - before;
        assert!(sent == 0 || kinds == sizes && sent < 200, "{what}: {sent} bytes were sent");
        assert_eq!(conn.fetch_value::<i64>("SELECT 7", ()).await?, 7, "{what}");
    }
    Ok(())
}
