//! The servers: one that encrypts, one whose certificate has expired, one that does not encrypt.

use oarlock_test_support::{Authority, Issued, Server, ServerOptions, Valid};

use crate::Files;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Postgres,
    Mysql,
}

/// The libpq-like modes from the weakest, as this engine's users write them.
impl Engine {
    pub(crate) fn mode(self, mode: usize) -> &'static str {
        match self {
            Self::Postgres => ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"][mode],
            Self::Mysql => ["DISABLED", "ALLOW", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY"][mode],
        }
    }

    /// The names of the options for the mode, the roots, the certificate and the key.
    pub(crate) fn options(self) -> [&'static str; 4] {
        match self {
            Self::Postgres => ["sslmode", "sslrootcert", "sslcert", "sslkey"],
            Self::Mysql => ["ssl-mode", "ssl-ca", "ssl-cert", "ssl-key"],
        }
    }

    /// Describes a server that encrypts with a certificate, and knows clients of an authority.
    fn encrypting(self, issued: &Issued, clients: &Authority) -> ServerOptions {
        let options = match self {
            Self::Postgres => Server::postgres()
                .setting("ssl", "on")
                .setting("ssl_cert_file", "server.pem")
                .setting("ssl_key_file", "server.key")
                .setting("ssl_ca_file", "clients.pem")
                .file("pg_hba.conf", HBA),
            Self::Mysql => Server::mysql()
                .setting("ssl-cert", "server.pem")
                .setting("ssl-key", "server.key")
                .setting("ssl-ca", "clients.pem"),
        };
        options
            .file("server.pem", issued.certificate.as_bytes())
            .file("server.key", issued.key.as_bytes())
            .file("clients.pem", clients.pem())
    }

    fn plain(self) -> ServerOptions {
        match self {
            Self::Postgres => Server::postgres(),
            // Newer ones make a certificate for themselves.
            Self::Mysql => Server::mysql().setting("loose-ssl", "0"),
        }
    }
}

/// Who has to come how.
const HBA: &str = "\
hostssl   all postgres   127.0.0.1/32 trust
hostnossl all postgres   127.0.0.1/32 trust
hostssl   all encrypted  127.0.0.1/32 trust
hostnossl all plain      127.0.0.1/32 trust
hostssl   all clerk      127.0.0.1/32 cert
host      all bound      127.0.0.1/32 scram-sha-256
host      all clear      127.0.0.1/32 password
";

/// One engine's servers.
pub(crate) struct Servers {
    pub(crate) engine: Engine,
    pub(crate) ours: Authority,
    pub(crate) theirs: Authority,
    /// Its certificate is for 127.0.0.1, and not for localhost.
    pub(crate) good: Server,
    pub(crate) expired: Server,
    pub(crate) plain: Server,
    pub(crate) files: Files,
}

impl Servers {
    /// Starts all three; `None` where the engine is not installed.
    pub(crate) async fn start(engine: Engine) -> Option<Self> {
        let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
        let good = Self::good(engine, &ours).await?;
        let expired = engine.encrypting(&ours.server(&["127.0.0.1"], Valid::Once), &ours).start().await?;
        let plain = engine.plain().start().await?;
        Some(Self { engine, ours, theirs, good, expired, plain, files: Files::new() })
    }

    /// Starts a server with a certificate for 127.0.0.1.
    pub(crate) async fn good(engine: Engine, ours: &Authority) -> Option<Server> {
        engine.encrypting(&ours.server(&["127.0.0.1"], Valid::Now), ours).start().await
    }
}
