//! Reaching a server: the hosts in order, the socket, the handshake, the kind of server that was asked for.

use std::error::Error as _;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;

use oarlock_core::factory::connect_within;
use oarlock_core::{Error, ErrorKind, Result};
use oarlock_tls::SslMode;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_postgres::config::{
    ChannelBinding as NativeBinding, SslMode as NativeSslMode, SslNegotiation as NativeNegotiation,
};
use tokio_postgres::{AsyncMessage, Client, Config, Connection, SimpleQueryMessage};

use crate::cancel::{Canceller, Request};
use crate::encryption::{ChannelBinding, SslNegotiation};
use crate::error::{self, Context};
use crate::line::{AsItIs, Line, encrypted, offers_encryption};
use crate::login::Gate;
use crate::options::{Endpoint, PostgresOptions, StatementNames, Target};
use crate::tap::Tap;
use crate::unnamed::Unnamed;
use crate::wire::Wire;

/// A session that has just begun.
pub(crate) struct Dialed {
    pub(crate) client: Client,
    pub(crate) wire: Arc<Wire>,
    /// The task that moves the bytes; it ends with the session.
    pub(crate) task: JoinHandle<()>,
    pub(crate) canceller: Arc<Canceller>,
}

/// Connects to the first server that lets us in and is of the kind that was asked for.
pub(crate) async fn dial(options: &PostgresOptions) -> Result<Dialed> {
    match options.target {
        Target::PreferStandby => match dial_any(options, Target::Standby).await {
            Ok(dialed) => Ok(dialed),
            Err(_) => dial_any(options, Target::Any).await,
        },
        target => dial_any(options, target).await,
    }
}

async fn dial_any(options: &PostgresOptions, target: Target) -> Result<Dialed> {
    let mut last = None;
    for endpoint in &options.endpoints {
        match connect_within(options.connect_timeout, dial_one(options, endpoint, target)).await {
            Ok(dialed) => return Ok(dialed),
            // As in libpq: a server that was reached and refused the login has the last word.
            Err(error) if !is_next_worth_trying(&error) => return Err(error),
            Err(error) => last = Some(error.context(format_args!("{}:{}", endpoint.host, endpoint.port))),
        }
    }
    Err(last.unwrap_or_else(|| Error::new(ErrorKind::Configuration, "no server is named")))
}

fn is_next_worth_trying(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionLost | ErrorKind::TooManyConnections | ErrorKind::Tls
    )
}

async fn dial_one(options: &PostgresOptions, endpoint: &Endpoint, target: Target) -> Result<Dialed> {
    let dialed = if endpoint.host.starts_with(['/', '@']) {
        enter(connect_socket(endpoint).await?, options, endpoint).await?
    } else {
        enter_encrypted_or_not(options, endpoint).await?
    };
    if target != Target::Any {
        check_target(&dialed, target).await?;
    }
    Ok(dialed)
}

/// Logs in with or without encryption, in the order that the mode stands for.
///
/// As in libpq, `prefer` and `allow` make a second attempt of the other sort where the server did not take the first. That
/// is a connection of its own, and where it fails too, the error is that of the attempt with more to tell.
async fn enter_encrypted_or_not(options: &PostgresOptions, endpoint: &Endpoint) -> Result<Dialed> {
    let plainly = async || enter(Line::Tcp(connect_tcp(options, endpoint).await?), options, endpoint).await;
    match options.tls.mode {
        _ if !oarlock_tls::AVAILABLE => plainly().await,
        SslMode::Disable => plainly().await,
        SslMode::Allow => match plainly().await {
            Err(refusal) if is_login_refused(&refusal) => match connect_encrypted(options, endpoint).await? {
                line if line.is_encrypted() => enter(line, options, endpoint).await,
                _ => Err(refusal),
            },
            result => result,
        },
        SslMode::Prefer => {
            let failure = match connect_encrypted(options, endpoint).await {
                Ok(line) if line.is_open() => return enter(line, options, endpoint).await,
                Ok(line) => enter(line, options, endpoint).await,
                Err(error) => Err(error),
            };
            match failure {
                Err(error) if error.kind() == ErrorKind::Tls || is_login_refused(&error) => {
                    tracing::warn!(error = %error, "sslmode=prefer goes on without encryption");
                    plainly().await.map_err(|_| error)
                }
                result => result,
            }
        }
        _ => match connect_encrypted(options, endpoint).await? {
            line if line.is_encrypted() => enter(line, options, endpoint).await,
            _ => Err(options.tls.not_offered()),
        },
    }
}

/// Connects, and encrypts the line where the server offers it.
async fn connect_encrypted(options: &PostgresOptions, endpoint: &Endpoint) -> Result<Line> {
    let mut stream = connect_tcp(options, endpoint).await?;
    let tls = &options.tls;
    match options.ssl_negotiation {
        SslNegotiation::Direct => {
            let mut tls = tls.clone();
            tls.protocol = Some("postgresql");
            encrypted(stream, &endpoint.host, &tls).await
        }
        SslNegotiation::Postgres if offers_encryption(&mut stream, tls).await? => {
            encrypted(stream, &endpoint.host, tls).await
        }
        SslNegotiation::Postgres => Ok(Line::Tcp(stream)),
    }
}

/// Tells whether the server itself refused the login: with or without encryption it may have another rule.
fn is_login_refused(error: &Error) -> bool {
    error.kind() == ErrorKind::Authentication && error.sqlstate().is_some()
}

#[cfg(unix)]
async fn connect_socket(endpoint: &Endpoint) -> Result<Line> {
    let name = format!("{}/.s.PGSQL.{}", endpoint.host, endpoint.port);
    // A leading @ stands for the NUL that begins a name in Linux's abstract namespace, as in libpq.
    let path = match name.strip_prefix('@') {
        Some(rest) => format!("\0{rest}"),
        None => name,
    };
    Ok(Line::Unix(tokio::net::UnixStream::connect(path).await.map_err(unreachable)?))
}

#[cfg(not(unix))]
async fn connect_socket(_: &Endpoint) -> Result<Line> {
    Err(Error::not_supported("this system has no Unix sockets"))
}

/// Reaches the server of a session once more, to have a statement stopped.
pub(crate) async fn reach(request: &Request) -> Result<()> {
    let (options, endpoint) = (&request.options, &request.endpoint);
    let line = if endpoint.host.starts_with(['/', '@']) {
        connect_socket(endpoint).await?
    } else if request.encrypted {
        connect_encrypted(options, endpoint).await?
    } else {
        Line::Tcp(connect_tcp(options, endpoint).await?)
    };
    // The key to the session is not sent where others may read it, if the session itself is encrypted.
    if request.encrypted && !line.is_encrypted() {
        return Err(options.tls.not_offered());
    }
    request.send(line).await
}

async fn connect_tcp(options: &PostgresOptions, endpoint: &Endpoint) -> Result<TcpStream> {
    let mut last = None;
    for address in tokio::net::lookup_host((&*endpoint.host, endpoint.port)).await.map_err(unreachable)? {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                tune(&stream, options).map_err(unreachable)?;
                return Ok(stream);
            }
            Err(error) => last = Some(error),
        }
    }
    Err(unreachable(last.unwrap_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the host has no address"))))
}

fn tune(stream: &TcpStream, options: &PostgresOptions) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    if let Some(keepalive) = options.keepalive {
        let mut probes = TcpKeepalive::new();
        if let Some(idle) = keepalive.idle {
            probes = probes.with_time(idle);
        }
        if let Some(interval) = keepalive.interval {
            probes = probes.with_interval(interval);
        }
        if let Some(count) = keepalive.count {
            probes = probes.with_retries(count);
        }
        socket.set_tcp_keepalive(&probes)?;
    }
    #[cfg(target_os = "linux")]
    if options.tcp_user_timeout.is_some() {
        socket.set_tcp_user_timeout(options.tcp_user_timeout)?;
    }
    Ok(())
}

fn unreachable(error: io::Error) -> Error {
    Error::new(ErrorKind::ConnectionRefused, format!("the server cannot be reached: {error}")).with_source(error)
}

/// Logs in on a line to the server.
///
/// What tokio-postgres is told of encryption is that there is none to negotiate: the line either has it already, or not.
async fn enter(line: Line, options: &PostgresOptions, endpoint: &Endpoint) -> Result<Dialed> {
    let mut config = Config::new();
    if !options.names_settings() {
        config.options(options.startup_options());
    }
    if line.is_encrypted() {
        config.ssl_mode(NativeSslMode::Require).ssl_negotiation(NativeNegotiation::Direct);
        config.channel_binding(match options.channel_binding {
            ChannelBinding::Disable => NativeBinding::Disable,
            ChannelBinding::Prefer => NativeBinding::Prefer,
            ChannelBinding::Require => NativeBinding::Require,
        });
    } else if options.channel_binding == ChannelBinding::Require {
        return Err(options
            .tls
            .failed("channel_binding=require needs a line that is encrypted")
            .with_hint("use sslmode=require or stricter"));
    } else {
        config.ssl_mode(NativeSslMode::Disable);
    }
    if let Some(user) = &options.user {
        config.user(user);
    }
    if let Some(database) = &options.database {
        config.dbname(database);
    }
    if let Some(name) = &options.application_name {
        config.application_name(name);
    }
    if let Some(password) = &endpoint.password {
        config.password(password);
    }
    let wire = Arc::new(Wire::default());
    let (encrypted, local) = (line.is_encrypted(), line.local());
    let gate = Gate::new(options.require_auth, line.is_open());
    let mut tap = Tap::new(line, Arc::clone(&wire), gate);
    if options.statements == StatementNames::Unnamed {
        let settings = if options.names_settings() { options.startup_settings() } else { Vec::new() };
        tap = tap.unnamed(Unnamed::new(settings));
    }
    let (client, connection) =
        config.connect_raw(tap, AsItIs).await.map_err(|error| refused(error, options, endpoint, &wire))?;
    let task = tokio::spawn(drive(connection, Arc::clone(&wire)));
    let canceller = Arc::new(Canceller::new(Request {
        options: options.clone(),
        endpoint: endpoint.clone(),
        encrypted,
        local,
        token: client.cancel_token(),
        wire: Arc::clone(&wire),
    }));
    Ok(Dialed { client, wire, task, canceller })
}

fn refused(error: tokio_postgres::Error, options: &PostgresOptions, endpoint: &Endpoint, wire: &Wire) -> Error {
    let own = error.source().is_some_and(|source| source.downcast_ref::<io::Error>().is_none_or(is_refusal));
    if error.as_db_error().is_none() && own {
        // What is left are the client's own objections to how the server wants us to log in.
        let error = Error::new(ErrorKind::Authentication, "the login could not be completed").with_source(error);
        return match endpoint.password {
            _ if options.channel_binding == ChannelBinding::Require => error
                .with_hint("channel_binding=require is met by a password of SCRAM-SHA-256 on an encrypted line alone"),
            None => error.with_hint("no password was given; the server may ask for one"),
            Some(_) => error,
        };
    }
    let error = error::convert(error, wire, Context::default());
    match error.kind() {
        ErrorKind::ConnectionLost if error.sqlstate().is_none() => {
            Error::new(ErrorKind::ConnectionRefused, "the server closed the connection during the login")
                .with_source(error)
        }
        _ => error,
    }
}

/// Tells whether an error is the client's own word about what it has read, and not the network's or that of the encryption,
/// which is an error of ours already.
fn is_refusal(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData)
        && error.get_ref().is_none_or(|inner| !inner.is::<Error>())
}

/// Moves bytes between the client and the server until the session ends.
async fn drive(mut connection: Connection<Tap<Line>, Tap<Line>>, wire: Arc<Wire>) {
    while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
        match message {
            Ok(AsyncMessage::Notice(notice)) => wire.push_notice(&notice),
            Ok(AsyncMessage::Notification(notification)) => wire.push_notification(&notification),
            Ok(_) => {}
            Err(error) => {
                if let Some(ending) = error.as_db_error() {
                    wire.set_ending(ending);
                }
                tracing::debug!(error = %error, "the session with the server has ended");
                return;
            }
        }
    }
}

async fn check_target(dialed: &Dialed, target: Target) -> Result<()> {
    let sql = "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('transaction_read_only')";
    let failed = |error| error::convert(error, &dialed.wire, Context::default());
    let messages = dialed.client.simple_query(sql).await.map_err(failed)?;
    let row = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some((row.get(0) == Some("t"), row.get(1) == Some("on"))),
        _ => None,
    });
    let (standby, read_only) = row.unwrap_or_default();
    let (fits, wanted) = match target {
        Target::ReadWrite => (!read_only, "takes writes"),
        Target::ReadOnly => (read_only, "is read-only"),
        Target::Primary => (!standby, "is a primary"),
        Target::Standby | Target::PreferStandby => (standby, "is a standby"),
        Target::Any => (true, "is there"),
    };
    if fits {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::ConnectionRefused,
        format!("target_session_attrs asks for a server that {wanted}, which this one does not meet"),
    ))
}
