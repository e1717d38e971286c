//! The PostgreSQL driver of oarlock, on tokio-postgres.
//!
//! Programs use it through the facade, by a URL. What is here beyond the contract is COPY, by [`PostgresExt`], and the session's
//! own object, [`tokio_postgres::Client`], which [`Connection::native`](oarlock_core::Connection::native) gives.
//!
//! # URLs
//!
//! `postgres://user:password@host:port,host2:port2/database?option=value`, or `postgresql://…`. What the URL leaves open is
//! taken from `PGHOST`, `PGPORT`, `PGUSER`, `PGPASSWORD`, `PGDATABASE`, `PGAPPNAME`, `PGOPTIONS`, `PGSSLMODE`,
//! `PGSSLROOTCERT`, `PGSSLCERT`, `PGSSLKEY`, `PGSSLNEGOTIATION`, `PGCHANNELBINDING`, `PGREQUIREAUTH`,
//! `PGCONNECT_TIMEOUT`, `PGTARGETSESSIONATTRS`, and the password from the file that `PGPASSFILE` names or `~/.pgpass`, as
//! libpq does. A host that begins with `/` is the directory of a Unix socket.
//!
//! | Option | Meaning | Default |
//! |-|-|-|
//! | `host`, `port`, `user`, `password`, `dbname` | The same as in the URL's other parts | |
//! | `passfile` | The password file | `~/.pgpass` |
//! | `sslmode` | `disable`, `allow`, `prefer`, `require`, `verify-ca`, `verify-full`: see [below](#encryption) | `prefer` |
//! | `sslrootcert` | The PEM file of the authorities that may sign the server's certificate, or `system` for the system's | `~/.postgresql/root.crt` |
//! | `sslcert`, `sslkey` | The PEM files of the client's certificate and its key | `~/.postgresql/postgresql.crt`, `.key` |
//! | `sslnegotiation` | `postgres`, or `direct`, which saves a trip to PostgreSQL 17 and newer | `postgres` |
//! | `channel_binding` | Whether the login is bound to the encrypted line: `disable`, `prefer`, `require` | `prefer` |
//! | `require_auth` | How the server may have us log in: a list of `scram-sha-256`, `md5`, `password`, `none`, or, as `!md5`, how not | all, see below |
//! | `gssencmode` | Anything but `require`, which is refused | |
//! | `application_name`, `fallback_application_name` | What `pg_stat_activity` shows | |
//! | `options` | Settings of the session: `-c search_path=shop` | |
//! | `target_session_attrs` | `any`, `read-write`, `read-only`, `primary`, `standby`, `prefer-standby` | `any` |
//! | `connect_timeout` | How long one host may take, its login included; 0 is for ever | 10 s, or `PGCONNECT_TIMEOUT` |
//! | `keepalives`, `keepalives_idle`, `keepalives_interval`, `keepalives_count` | Probes of TCP on an idle connection | on |
//! | `tcp_user_timeout` | How long sent data may stay unacknowledged (Linux) | the system's |
//! | `statement_timeout`, `lock_timeout`, `idle_in_transaction_session_timeout` | The session's limits | the server's |
//! | `statements` | `named`, or `unnamed`, for poolers that share sessions: see [below](#poolers) | `named` |
//! | `statement_cache` | How many prepared statements a connection keeps | 256 |
//! | `reset` | When a pool's connection is reset: `dirty`, after a statement that may have changed the session, or `always` | `dirty` |
//! | `column_origin` | Whether columns tell their table; costs a catalog query for every table new to a connection | on |
//!
//! Durations are written `500ms`, `5s`, `2min`; a plain number is seconds.
//!
//! # Encryption
//!
//! With the feature `tls` the modes are libpq's, each as it is named. Only `verify-full` protects from somebody who stands
//! between: `require` encrypts to whoever answers, and `prefer` and `allow` fall back to no encryption. As in libpq, a
//! file of roots that is there is used in every mode, so that `require` is as good as `verify-ca` then, and
//! `sslrootcert=system` stands for `verify-full`. A Unix socket is never encrypted. [`oarlock_tls`] tells what is checked
//! otherwise than by OpenSSL. Without the feature `require` and stricter modes are refused, and the others do without.
//!
//! A password in clear, which the server may ask for, is refused on a line that is neither encrypted nor a Unix socket;
//! `require_auth=password` sends it there, too.
//!
//! # Sessions
//!
//! A session speaks UTF-8, and its time zone is UTC unless `options` says otherwise: an instant is an instant in any case,
//! the zone matters only where the server turns one into text.
//!
//! Beside what tokio-postgres does, the driver reads along in the server's stream: the state of a transaction and the command
//! tag are the server's own words, and the rows of its statements come from there in batches, without an object for each.
//!
//! # Values
//!
//! A parameter's type is inferred by the server, and the value is checked into it before anything is sent: a number out of
//! range, or a value of another kind, is an error that names the parameter. Where nothing in the statement tells the type,
//! PostgreSQL takes text: write `CAST(? AS int8)`. Text is accepted for every type but `bytea`; the server reads it.
//! What the contract has no value for (network addresses, ranges, `NaN` and wide numerics, infinite dates) arrives as a
//! [`ValueRef::Typed`](oarlock_core::ValueRef::Typed) in the server's binary form.
//!
//! # Poolers
//!
//! A pooler that gives each session of the server to one client at a time needs nothing. One that shares them between
//! transactions (pgbouncer's `pool_mode = transaction`) runs a statement where nobody has prepared it: the error then says to set
//! `statements=unnamed`. It does what pgx calls `cache_describe`: a statement is prepared once for each connection, without a
//! name, which tells the types of its parameters and columns; from then on its text goes along with its values, in one trip as
//! before. Values are the same to the bit. Nothing stays prepared on the server, which parses and plans each time: a select by
//! key takes twice as long as with names (39 and 80 µs of both sides' processors), a join of half a millisecond 5% longer. A
//! table that another session changes is noticed: rows are read by the description that comes with them, and a text that is
//! refused is prepared anew, outside of transactions. pgbouncer 1.21 and later can keep track of named statements by itself
//! (`max_prepared_statements`).
//!
//! With `statements=unnamed` the connection asks for its time zone and limits by their own names, which needs no setting of
//! pgbouncer's; it keeps the time zone for each client, and refuses the limits and the URL's `options` unless it is told to
//! ignore them (`ignore_startup_parameters`), whereupon they do not hold. Set limits for the role instead (`ALTER ROLE … SET`).
//!
//! What belongs to a session does not hold from one transaction to the next, and may meet other clients: a `SET` but of the time
//! zone, a temporary table, a cursor `WITH HOLD`, an advisory lock, a `PREPARE` in SQL. In a transaction there are `SET LOCAL`,
//! `pg_advisory_xact_lock` and `ON COMMIT DROP`; the options of a transaction travel with its BEGIN. LISTEN is refused: it
//! needs a connection that leads past the pooler. A pool's reset meets one of the pooler's sessions. Limits of time, dropped
//! calls, two-phase commit, COPY, pipelines and the catalog work as everywhere.
//!
//! # Notifications
//!
//! A [`Listener`] hears what is notified on channels, and makes its connection anew when it is lost; [`NotifyExt::notify`]
//! notifies.
//!
//! # Logging
//!
//! tokio-postgres writes statements to its log at level debug: their text, and of the parameters the kinds alone.

mod array;
mod batch;
mod cancel;
mod capabilities;
mod catalog;
mod connection;
mod copy;
mod decode;
mod dial;
mod encode;
mod encryption;
mod error;
mod factory;
mod line;
mod link;
mod listener;
mod login;
mod many;
mod numeric;
mod options;
mod passfile;
mod pipeline;
mod rows;
mod run;
mod session;
mod soil;
mod statement;
mod tap;
mod tpc;
mod unnamed;
mod unnest;
mod wire;

pub use connection::PostgresConnection;
pub use copy::{CopyIn, CopyOut, PostgresExt};
pub use encryption::{ChannelBinding, SslNegotiation};
pub use error::ServerError;
pub use factory::PostgresFactory;
pub use listener::{ListenEvent, Listener, ListenerOptions, Notification, NotifyExt};
pub use login::AuthMethods;
pub use oarlock_tls::{Identity, Roots, SslMode, TlsOptions};
pub use options::{Endpoint, Keepalive, PostgresOptions, ResetPolicy, StatementNames, Target};
/// The crate underneath, for what [`Connection::native`](oarlock_core::Connection::native) gives.
pub use tokio_postgres;
