//! Promise P12: six modes, with and without a file of roots, in six situations, on two engines.

use std::fmt;

use oarlock::{Conn, Error, ErrorKind, Url};

use crate::middle::stripping;
use crate::{Engine, Servers, is_encrypted};

/// What a client meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Situation {
    /// A server with a certificate that the client's authority has signed for the host.
    Good,
    /// The same, by a name that is not in the certificate.
    WrongHost,
    /// The same, to a client that trusts another authority.
    UnknownAuthority,
    /// A server whose certificate was good once.
    Expired,
    /// A server that does not encrypt.
    NoTls,
    /// The good server, behind somebody who takes its offer to encrypt away.
    Stripped,
}

use Situation::{Expired, Good, NoTls, Stripped, UnknownAuthority, WrongHost};

const SITUATIONS: [Situation; 6] = [Good, WrongHost, UnknownAuthority, Expired, NoTls, Stripped];

/// What comes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    /// A session that is not encrypted.
    Plain,
    Encrypted,
    /// An error of the kind `Tls` that says this.
    Refused(&'static str),
    /// Any other error.
    Failed(ErrorKind, String),
}

/// A mode, by its rank, and whether there is a file of roots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wish {
    mode: usize,
    roots: bool,
}

const DISABLE: usize = 0;
const ALLOW: usize = 1;
const PREFER: usize = 2;
const REQUIRE: usize = 3;
const VERIFY_CA: usize = 4;
const VERIFY_FULL: usize = 5;

const NOT_OFFERED: &str = "the server offers no encryption";
const UNKNOWN: &str = "the server's certificate is signed by no authority of";
const EXPIRED: &str = "the server's certificate has expired";
const OTHER_HOST: &str = "the server's certificate is not for the host localhost: it is for 127.0.0.1";

/// All that can be wished for: without roots the modes that check them cannot be.
fn wishes() -> impl Iterator<Item = Wish> {
    let without = (DISABLE..=REQUIRE).map(|mode| Wish { mode, roots: false });
    without.chain((DISABLE..=VERIFY_FULL).map(|mode| Wish { mode, roots: true }))
}

/// Tells what has to come of a wish: this is the promise.
fn promised(wish: Wish, situation: Situation) -> Outcome {
    let checked = match situation {
        UnknownAuthority if wish.roots => Some(UNKNOWN),
        Expired if wish.roots => Some(EXPIRED),
        WrongHost if wish.mode == VERIFY_FULL => Some(OTHER_HOST),
        _ => None,
    };
    match (wish.mode, situation, checked) {
        // The server lets both in, so that `allow` never comes to encrypt.
        (DISABLE | ALLOW, ..) | (PREFER, NoTls | Stripped, _) | (PREFER, _, Some(_)) => Outcome::Plain,
        (_, NoTls | Stripped, _) => Outcome::Refused(NOT_OFFERED),
        (_, _, Some(why)) => Outcome::Refused(why),
        _ => Outcome::Encrypted,
    }
}

/// A cell that is not as promised.
#[derive(Debug)]
struct Broken {
    wish: Wish,
    situation: Situation,
    found: Outcome,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wish, situation, found } = self;
        write!(f, "{wish:?} in {situation:?}: {:?} was promised, {found:?} came", promised(*wish, *situation))
    }
}

/// Tries every cell with a client that carries wishes out, and gives those that are not as promised.
async fn try_all(servers: &Servers, client: impl Fn(Wish) -> Wish) -> Vec<Broken> {
    let engine = servers.engine;
    let stripped = stripping(engine, servers.good.port()).await;
    let ours = servers.files.write("ours.pem", &servers.ours.pem());
    let theirs = servers.files.write("theirs.pem", &servers.theirs.pem());
    let [mode, roots, ..] = engine.options();
    let mut broken = Vec::new();
    for situation in SITUATIONS {
        let (host, port) = match situation {
            Good | UnknownAuthority => ("127.0.0.1", servers.good.port()),
            WrongHost => ("localhost", servers.good.port()),
            Expired => ("127.0.0.1", servers.expired.port()),
            NoTls => ("127.0.0.1", servers.plain.port()),
            Stripped => ("127.0.0.1", stripped),
        };
        let url = match engine {
            Engine::Postgres => format!("postgres://postgres@{host}:{port}/postgres"),
            Engine::Mysql => format!("mysql://root@{host}:{port}/test"),
        };
        for wish in wishes() {
            let done = client(wish);
            let mut url = Url::parse(&url).unwrap().with_option(mode, engine.mode(done.mode));
            if done.roots {
                url = url.with_option(roots, if situation == UnknownAuthority { &theirs } else { &ours });
            }
            let found = outcome(open(&url).await).await;
            let kept = match (promised(wish, situation), &found) {
                (Outcome::Refused(why), Outcome::Failed(ErrorKind::Tls, told)) => {
                    // It names the mode as the user wrote it, and says what to do.
                    let named = format!("{mode}={}: ", engine.mode(wish.mode));
                    told.to_lowercase().contains(&named.to_lowercase()) && told.contains(why) && told.ends_with(')')
                }
                (promise, found) => promise == *found,
            };
            if !kept {
                broken.push(Broken { wish, situation, found });
            }
        }
    }
    broken
}

/// Opens a connection by a URL whose options its `Display` may hide.
async fn open(url: &Url) -> Result<Conn, Error> {
    let options: Vec<String> = url.options().map(|(name, value)| format!("{name}={value}")).collect();
    let host = &url.hosts()[0];
    let (user, port) = (url.user().unwrap(), host.port.unwrap());
    let options = options.join("&");
    oarlock::connect(&format!("{}://{user}@{}:{port}{}?{options}", url.scheme(), host.name, url.path())).await
}

async fn outcome(result: Result<Conn, Error>) -> Outcome {
    let conn = match result {
        Ok(conn) => conn,
        Err(error) => return Outcome::Failed(error.kind(), error.to_string()),
    };
    let encrypted = is_encrypted(&conn).await.unwrap();
    conn.close().await.unwrap();
    if encrypted { Outcome::Encrypted } else { Outcome::Plain }
}

/// The promise, and that this test notices clients that do not keep it.
async fn modes_mean_what_they_say(engine: Engine) {
    let Some(servers) = Servers::start(engine).await else { return };
    let broken = try_all(&servers, |wish| wish).await;
    assert!(broken.is_empty(), "{}", broken.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));

    // One that believes every certificate.
    let credulous = |wish: Wish| Wish { mode: wish.mode.min(REQUIRE), roots: false };
    let caught = caught(&try_all(&servers, credulous).await);
    assert_eq!(
        caught,
        [
            (WrongHost, VERIFY_FULL, true),
            (UnknownAuthority, PREFER, true),
            (UnknownAuthority, REQUIRE, true),
            (UnknownAuthority, VERIFY_CA, true),
            (UnknownAuthority, VERIFY_FULL, true),
            (Expired, PREFER, true),
            (Expired, REQUIRE, true),
            (Expired, VERIFY_CA, true),
            (Expired, VERIFY_FULL, true),
            // The mode that the error names is not the one that was asked for.
            (NoTls, VERIFY_CA, true),
            (NoTls, VERIFY_FULL, true),
            (Stripped, VERIFY_CA, true),
            (Stripped, VERIFY_FULL, true),
        ]
    );
}

/// One that looks at the chain, and not at the host.
async fn a_client_that_skips_the_name_is_caught(engine: Engine) {
    let Some(servers) = Servers::start(engine).await else { return };
    let broken = try_all(&servers, |wish| Wish { mode: wish.mode.min(VERIFY_CA), ..wish }).await;
    let accepted: Vec<_> = broken.iter().filter(|broken| broken.found == Outcome::Encrypted).collect();
    assert_eq!(accepted.len(), 1, "{accepted:?}");
    assert_eq!((accepted[0].situation, accepted[0].wish.mode), (WrongHost, VERIFY_FULL));
    // One that goes on in clear where there is no encryption.
    let broken = try_all(&servers, |wish| Wish { mode: wish.mode.min(PREFER), ..wish }).await;
    for situation in [NoTls, Stripped] {
        let plain: Vec<usize> = broken
            .iter()
            .filter(|broken| broken.situation == situation && broken.found == Outcome::Plain)
            .map(|broken| broken.wish.mode)
            .collect();
        assert_eq!(plain, [REQUIRE, REQUIRE, VERIFY_CA, VERIFY_FULL], "{situation:?}");
    }
}

fn caught(broken: &[Broken]) -> Vec<(Situation, usize, bool)> {
    broken.iter().map(|broken| (broken.situation, broken.wish.mode, broken.wish.roots)).collect()
}

#[tokio::test]
async fn postgres_modes_mean_what_they_say() {
    modes_mean_what_they_say(Engine::Postgres).await;
}

#[tokio::test]
async fn mysql_modes_mean_what_they_say() {
    modes_mean_what_they_say(Engine::Mysql).await;
}

#[tokio::test]
async fn a_postgres_client_that_skips_the_name_is_caught() {
    a_client_that_skips_the_name_is_caught(Engine::Postgres).await;
}

#[tokio::test]
async fn a_mysql_client_that_skips_the_name_is_caught() {
    a_client_that_skips_the_name_is_caught(Engine::Mysql).await;
}
