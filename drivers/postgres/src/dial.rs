//! Reaching a server: the hosts in order, the socket, the handshake, the kind of server that was asked for.

use std::error::Error as _;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;

use oarlock_core::{Error, ErrorKind, Result};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode as NativeSslMode;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls, SimpleQueryMessage};

use crate::error::{self, Context};
use crate::options::{Endpoint, PostgresOptions, Target};
use crate::tap::Tap;
use crate::wire::Wire;

/// A session that has just begun.
pub(crate) struct Dialed {
    pub(crate) client: Client,
    pub(crate) wire: Arc<Wire>,
    /// The task that moves the bytes; it ends with the session.
    pub(crate) task: JoinHandle<()>,
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
        let attempt = dial_one(options, endpoint, target);
        let result = match options.connect_timeout {
            Some(limit) => tokio::time::timeout(limit, attempt).await.unwrap_or_else(|_| Err(no_answer(limit))),
            None => attempt.await,
        };
        match result {
            Ok(dialed) => return Ok(dialed),
            // As in libpq: a server that was reached and refused the login has the last word.
            Err(error) if !is_next_worth_trying(&error) => return Err(error),
            Err(error) => last = Some(error.context(format_args!("{}:{}", endpoint.host, endpoint.port))),
        }
    }
    Err(last.unwrap_or_else(|| Error::new(ErrorKind::Configuration, "no server is named")))
}

fn is_next_worth_trying(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::ConnectionLost | ErrorKind::TooManyConnections)
}

fn no_answer(limit: std::time::Duration) -> Error {
    Error::new(ErrorKind::ConnectionRefused, format!("the server let nobody in within {limit:?}"))
}

async fn dial_one(options: &PostgresOptions, endpoint: &Endpoint, target: Target) -> Result<Dialed> {
    let dialed = if endpoint.host.starts_with(['/', '@']) {
        dial_socket(options, endpoint).await?
    } else {
        enter(connect_tcp(options, endpoint).await?, options, endpoint).await?
    };
    if target != Target::Any {
        check_target(&dialed, target).await?;
    }
    Ok(dialed)
}

#[cfg(unix)]
async fn dial_socket(options: &PostgresOptions, endpoint: &Endpoint) -> Result<Dialed> {
    let name = format!("{}/.s.PGSQL.{}", endpoint.host, endpoint.port);
    // A leading @ stands for the NUL that begins a name in Linux's abstract namespace, as in libpq.
    let path = match name.strip_prefix('@') {
        Some(rest) => format!("\0{rest}"),
        None => name,
    };
    let stream = tokio::net::UnixStream::connect(path).await.map_err(unreachable)?;
    enter(stream, options, endpoint).await
}

#[cfg(not(unix))]
async fn dial_socket(_: &PostgresOptions, _: &Endpoint) -> Result<Dialed> {
    Err(Error::not_supported("this system has no Unix sockets"))
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

/// Logs in on a stream to the server.
///
/// An encrypted stream enters here too, once its handshake is done: what tokio-postgres is told of encryption is that there
/// is none to negotiate.
async fn enter<S>(stream: S, options: &PostgresOptions, endpoint: &Endpoint) -> Result<Dialed>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut config = Config::new();
    config.ssl_mode(NativeSslMode::Disable).options(options.startup_options());
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
    let tap = Tap::new(stream, Arc::clone(&wire));
    let (client, connection) = config.connect_raw(tap, NoTls).await.map_err(|error| refused(error, endpoint, &wire))?;
    let task = tokio::spawn(drive(connection, Arc::clone(&wire)));
    Ok(Dialed { client, wire, task })
}

fn refused(error: tokio_postgres::Error, endpoint: &Endpoint, wire: &Wire) -> Error {
    let own = error.source().is_some_and(|source| !source.is::<io::Error>());
    if error.as_db_error().is_none() && own {
        // What is left are the client's own objections to how the server wants us to log in.
        let error = Error::new(ErrorKind::Authentication, "the login could not be completed").with_source(error);
        return match endpoint.password {
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

/// Moves bytes between the client and the server until the session ends.
async fn drive<S, T>(mut connection: Connection<S, T>, wire: Arc<Wire>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
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
