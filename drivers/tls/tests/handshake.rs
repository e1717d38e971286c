//! What each mode accepts of a server, and what its errors say.
#![cfg(feature = "rustls")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::PathBuf;
use std::sync::Arc;

use oarlock_core::{Error, ErrorKind};
use oarlock_test_support::{Authority, Issued, Valid, self_signed};
use oarlock_tls::{Identity, Roots, SslMode, TlsOptions, TlsStream, Words, encrypt};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion, version};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_rustls::TlsAcceptor;

const WORDS: Words = Words {
    mode: "sslmode",
    modes: ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"],
    roots: "sslrootcert",
    certificate: "sslcert",
    key: "sslkey",
};

const HOST: &str = "db.example.org";

/// A server with a certificate, which need not go with its key.
#[derive(Clone)]
struct TestServer {
    certificate: String,
    key: String,
    versions: Vec<&'static SupportedProtocolVersion>,
    /// Who may sign a client's certificate, where one is demanded.
    clients: Option<String>,
    protocols: Vec<&'static str>,
}

impl TestServer {
    fn new(issued: &Issued) -> Self {
        Self {
            certificate: issued.certificate.clone(),
            key: issued.key.clone(),
            versions: vec![&version::TLS12, &version::TLS13],
            clients: None,
            protocols: Vec::new(),
        }
    }

    fn config(&self) -> Arc<ServerConfig> {
        let provider = Arc::new(ring::default_provider());
        let builder =
            ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(&self.versions).unwrap();
        let builder = match &self.clients {
            None => builder.with_no_client_auth(),
            Some(pem) => {
                let mut roots = RootCertStore::empty();
                roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder.with_cert_resolver(Arc::new(Shown::new(self)));
        config.alpn_protocols = self.protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }
}

/// What the server shows. Nothing looks whether the key is the certificate's.
#[derive(Debug)]
struct Shown(Arc<CertifiedKey>);

impl Shown {
    fn new(server: &TestServer) -> Self {
        let chain = CertificateDer::pem_slice_iter(server.certificate.as_bytes()).map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_slice(server.key.as_bytes()).unwrap();
        Self(Arc::new(CertifiedKey::new(chain, ring::sign::any_supported_type(&key).unwrap())))
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// Meets a server that says a word once the handshake is over.
async fn meet(server: &TestServer, host: &str, options: &TlsOptions) -> Result<TlsStream<DuplexStream>, Error> {
    let (near, far) = tokio::io::duplex(1 << 16);
    let acceptor = TlsAcceptor::from(server.config());
    tokio::spawn(async move {
        if let Ok(mut stream) = acceptor.accept(far).await {
            stream.write_all(b"welcome").await.unwrap();
            stream.flush().await.unwrap();
            // Until the client is gone.
            let _ = stream.read_u8().await;
        }
    });
    let mut stream = encrypt(near, host, options).await?;
    let mut word = [0; 7];
    match stream.read_exact(&mut word).await {
        Ok(_) => assert_eq!(&word, b"welcome"),
        Err(error) => return Err(error.downcast::<Error>().expect("an error of ours")),
    }
    Ok(stream)
}

/// A directory for the files of one test.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        path
    }

    fn options(&self, mode: SslMode, roots: Option<&str>) -> TlsOptions {
        let mut options = TlsOptions::new(&WORDS);
        options.mode = mode;
        if let Some(pem) = roots {
            options.roots = Roots::File(self.write("root.pem", pem));
        }
        options
    }
}

const WITH_ROOTS: [(SslMode, bool); 4] =
    [(SslMode::Prefer, false), (SslMode::Require, false), (SslMode::VerifyCa, false), (SslMode::VerifyFull, true)];

#[tokio::test]
async fn each_mode_accepts_what_its_name_says() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let files = Files::new();
    let good = ours.server(&[HOST], Valid::Now);
    // Whether the chain is good, whether the name is, and what is told of it.
    for (issued, chain, name, told) in [
        (&good, true, true, ""),
        (
            &ours.server(&["other.example.org", "10.0.0.1"], Valid::Now),
            true,
            false,
            "is not for the host db.example.org",
        ),
        (&ours.server(&[], Valid::Now), true, false, "it names no host in its subjectAltName"),
        (&theirs.server(&[HOST], Valid::Now), false, true, "is signed by no authority of sslrootcert="),
        (&ours.server(&[HOST], Valid::Once), false, true, "the server's certificate has expired"),
        (&ours.server(&[HOST], Valid::Later), false, true, "the server's certificate is not valid yet"),
        (&self_signed(&[HOST]), false, true, "the server's certificate cannot be accepted: CaUsedAsEndEntity"),
    ] {
        for versions in [vec![&version::TLS12], vec![&version::TLS13]] {
            let server = TestServer { versions, ..TestServer::new(issued) };
            for mode in [SslMode::Allow, SslMode::Prefer, SslMode::Require] {
                meet(&server, HOST, &files.options(mode, None)).await.expect("no roots, no check");
            }
            for (mode, names) in WITH_ROOTS {
                let result = meet(&server, HOST, &files.options(mode, Some(&ours.pem()))).await;
                match result {
                    Ok(_) => assert!(chain && (name || !names), "{mode:?} accepts: {told}"),
                    Err(error) => {
                        assert!(!chain || (names && !name), "{mode:?}: {error}");
                        assert_eq!(error.kind(), ErrorKind::Tls);
                        let mode = WORDS.modes[mode as usize];
                        assert!(error.message().starts_with(&format!("sslmode={mode}: ")), "{error}");
                        assert!(error.message().contains(told) && error.hint().is_some(), "{error}");
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn addresses_are_names_too() {
    let ours = Authority::new("ours");
    let files = Files::new();
    let server = TestServer::new(&ours.server(&["127.0.0.1", "::1"], Valid::Now));
    let options = files.options(SslMode::VerifyFull, Some(&ours.pem()));
    for (host, accepted) in [("127.0.0.1", true), ("::1", true), ("127.0.0.2", false), ("localhost", false)] {
        assert_eq!(meet(&server, host, &options).await.is_ok(), accepted, "{host}");
    }
    let error = meet(&server, "localhost", &options).await.expect_err("another host");
    assert!(error.message().ends_with("is not for the host localhost: it is for 127.0.0.1, 0::1"), "{error}");
}

#[tokio::test]
async fn a_certificate_among_the_roots_is_trusted_within_its_dates() {
    let files = Files::new();
    let alone = self_signed(&[HOST]);
    let server = TestServer::new(&alone);
    let options = files.options(SslMode::VerifyFull, Some(&alone.certificate));
    meet(&server, HOST, &options).await.expect("the very one");
    let error = meet(&server, "other.example.org", &options).await.expect_err("not its host");
    assert!(error.message().contains("is not for the host other.example.org"), "{error}");
    let expired = Authority::new("ours").server(&[HOST], Valid::Once);
    let options = files.options(SslMode::VerifyCa, Some(&expired.certificate));
    let error = meet(&TestServer::new(&expired), HOST, &options).await.expect_err("expired");
    assert!(error.message().ends_with("the server's certificate has expired"), "{error}");
}

/// Channel binding would prove nothing to a client that takes a certificate from somebody without its key.
#[tokio::test]
async fn a_server_without_the_certificates_key_is_refused_in_every_mode() {
    let ours = Authority::new("ours");
    let files = Files::new();
    let (good, other) = (ours.server(&[HOST], Valid::Now), ours.server(&[HOST], Valid::Now));
    for versions in [vec![&version::TLS12], vec![&version::TLS13]] {
        let server = TestServer { key: other.key.clone(), versions, ..TestServer::new(&good) };
        for mode in [SslMode::Prefer, SslMode::Require] {
            let error = meet(&server, HOST, &files.options(mode, None)).await.expect_err("no key");
            assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
        }
        for (mode, _) in WITH_ROOTS {
            let options = files.options(mode, Some(&ours.pem()));
            assert_eq!(meet(&server, HOST, &options).await.expect_err("no key").kind(), ErrorKind::Tls);
        }
    }
}

/// As MySQL 5.7 makes them for itself, and `openssl x509 -req` did for long.
#[tokio::test]
async fn a_certificate_of_version_1_is_encrypted_to_but_never_trusted() {
    let pem = include_str!("version1.pem");
    let files = Files::new();
    let issued = Issued { certificate: pem.to_owned(), key: pem.to_owned() };
    for versions in [vec![&version::TLS12], vec![&version::TLS13]] {
        let server = TestServer { versions, ..TestServer::new(&issued) };
        let stream = meet(&server, HOST, &files.options(SslMode::Require, None)).await.expect("encrypted");
        assert_eq!(stream.server_end_point().map(<[u8]>::len), Some(32));
        let options = files.options(SslMode::VerifyCa, Some(&Authority::new("ours").pem()));
        let error = meet(&server, HOST, &options).await.expect_err("version 1");
        assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
    }
}

#[tokio::test]
async fn a_client_shows_its_certificate() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let files = Files::new();
    for versions in [vec![&version::TLS12], vec![&version::TLS13]] {
        let server =
            TestServer { versions, clients: Some(ours.pem()), ..TestServer::new(&ours.server(&[HOST], Valid::Now)) };
        let with = |issued: &Issued| {
            let mut options = files.options(SslMode::VerifyFull, Some(&ours.pem()));
            let certificate = files.write("client.pem", &issued.certificate);
            options.identity = Some(Identity { certificate, key: files.write("client.key", &issued.key) });
            options
        };
        meet(&server, HOST, &with(&ours.client("ada"))).await.expect("ours");
        let error = meet(&server, HOST, &with(&theirs.client("ada"))).await.expect_err("theirs");
        assert_eq!(error.kind(), ErrorKind::Tls);
        assert_eq!(error.hint(), Some("it does not accept the certificate of sslcert"), "{error}");
        let error = meet(&server, HOST, &files.options(SslMode::Require, None)).await.expect_err("none");
        assert_eq!(error.kind(), ErrorKind::Tls);
        assert_eq!(error.hint(), Some("it may want the client's certificate: sslcert and sslkey"), "{error}");
    }
}

#[tokio::test]
async fn files_that_are_of_no_use_are_named() {
    let ours = Authority::new("ours");
    let files = Files::new();
    let client = ours.client("ada");
    let server = TestServer::new(&ours.server(&[HOST], Valid::Now));
    let certificate = files.write("client.pem", &client.certificate);
    let with_key = |key: PathBuf| {
        let identity = Some(Identity { certificate: certificate.clone(), key });
        let mut options = files.options(SslMode::Require, None);
        options.identity = identity;
        options
    };
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let mut missing = files.options(SslMode::Require, None);
    missing.roots = Roots::File(files.0.path().join("missing.pem"));
    for (options, told) in [
        (missing, "missing.pem cannot be read"),
        (files.options(SslMode::Require, Some("nothing")), "root.pem holds no certificate in PEM"),
        (with_key(files.write("a.key", &ours.client("bob").key)), "a.key is not the key of sslcert"),
        (with_key(files.write("b.key", "nothing")), "b.key holds no private key in PEM"),
        (with_key(files.write("c.key", encrypted)), "c.key is encrypted, which is not supported"),
    ] {
        let error = meet(&server, HOST, &options).await.expect_err(told);
        assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
        assert!(error.message().contains(told), "{error}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_key_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let ours = Authority::new("ours");
    let files = Files::new();
    let client = ours.client("ada");
    let server = TestServer::new(&ours.server(&[HOST], Valid::Now));
    let key = files.write("client.key", &client.key);
    let mut options = files.options(SslMode::Require, None);
    options.identity = Some(Identity { certificate: files.write("client.pem", &client.certificate), key: key.clone() });
    for (mode, accepted) in [(0o600, true), (0o644, false), (0o400, true), (0o660, false)] {
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).unwrap();
        match meet(&server, HOST, &options).await {
            Ok(_) => assert!(accepted, "{mode:o}"),
            Err(error) => assert!(!accepted && error.message().ends_with("can be read by others"), "{mode:o} {error}"),
        }
    }
}

#[tokio::test]
async fn a_protocol_that_is_named_has_to_be_agreed_on() {
    let ours = Authority::new("ours");
    let files = Files::new();
    let mut options = files.options(SslMode::Require, None);
    options.protocol = Some("postgresql");
    let silent = TestServer::new(&ours.server(&[HOST], Valid::Now));
    let speaks = TestServer { protocols: vec!["postgresql"], ..silent.clone() };
    meet(&speaks, HOST, &options).await.expect("agreed");
    let error = meet(&silent, HOST, &options).await.expect_err("nothing agreed");
    assert_eq!(error.message(), "sslmode=require: the server did not agree on the protocol in the handshake");
}

#[tokio::test]
async fn a_stream_that_ends_in_the_handshake_says_so() {
    let (near, far) = tokio::io::duplex(1 << 16);
    drop(far);
    let error = encrypt(near, HOST, &Files::new().options(SslMode::Require, None)).await.expect_err("the end");
    assert_eq!(error.kind(), ErrorKind::Tls);
    assert!(error.message().starts_with("sslmode=require: the connection broke during the handshake"), "{error}");
}
