//! Those who stand between a client and a server.

use std::sync::Arc;

use oarlock::postgres::{SslMode, TlsOptions};
use oarlock_test_support::Issued;
use oarlock_tls::{Words, encrypt};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::Engine;

const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// Listens on a free port, and handles each connection in a task; gives the port.
pub(crate) async fn listen<F>(handle: impl Fn(TcpStream) -> F + Send + 'static) -> u16
where
    F: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(handle(stream));
        }
    });
    port
}

/// Makes the client believe that the server cannot encrypt.
pub(crate) async fn stripping(engine: Engine, server: u16) -> u16 {
    listen(move |mut client| async move {
        let mut server = TcpStream::connect(("127.0.0.1", server)).await?;
        match engine {
            Engine::Postgres => {
                let mut request = [0; 8];
                client.read_exact(&mut request).await?;
                if request == SSL_REQUEST {
                    client.write_all(b"N").await?;
                } else {
                    server.write_all(&request).await?;
                }
            }
            Engine::Mysql => {
                let mut greeting = read_packet(&mut server).await?;
                let version = greeting[5..].iter().position(|byte| *byte == 0).unwrap();
                greeting[5 + version + 1 + 4 + 8 + 1 + 1] &= !0x08;
                client.write_all(&greeting).await?;
            }
        }
        copy_bidirectional(&mut client, &mut server).await.map(drop)
    })
    .await
}

/// Shows the client a certificate of its own, and reads all that it and PostgreSQL say to each other.
pub(crate) async fn reading(server: u16, own: &Issued) -> u16 {
    let acceptor = acceptor(own, &[]);
    listen(move |mut client| {
        let acceptor = acceptor.clone();
        async move {
            client.read_exact(&mut [0; 8]).await?;
            client.write_all(b"S").await?;
            let mut client = acceptor.accept(client).await?;
            let mut server = TcpStream::connect(("127.0.0.1", server)).await?;
            server.write_all(&SSL_REQUEST).await?;
            assert_eq!(server.read_u8().await?, b'S');
            let mut server = encrypt(server, "127.0.0.1", &anybody()).await.map_err(std::io::Error::other)?;
            copy_bidirectional(&mut client, &mut server).await.map(drop)
        }
    })
    .await
}

/// Takes connections that begin encrypted, and hands on to a server what is in them.
pub(crate) async fn direct(server: u16, own: &Issued, protocols: &[&str]) -> u16 {
    let acceptor = acceptor(own, protocols);
    listen(move |client| {
        let acceptor = acceptor.clone();
        async move {
            let mut client = acceptor.accept(client).await?;
            let mut server = TcpStream::connect(("127.0.0.1", server)).await?;
            copy_bidirectional(&mut client, &mut server).await.map(drop)
        }
    })
    .await
}

pub(crate) fn acceptor(own: &Issued, protocols: &[&str]) -> TlsAcceptor {
    let chain = CertificateDer::pem_slice_iter(own.certificate.as_bytes()).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

/// How to encrypt to anybody.
fn anybody() -> TlsOptions {
    static WORDS: Words = Words { mode: "", modes: [""; 6], roots: "", certificate: "", key: "" };
    let mut options = TlsOptions::new(&WORDS);
    options.mode = SslMode::Require;
    options
}

/// Reads a packet of MySQL's, with its header.
pub(crate) async fn read_packet(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Vec<u8>> {
    let mut packet = vec![0; 4];
    stream.read_exact(&mut packet).await?;
    let length = usize::from(packet[0]) | usize::from(packet[1]) << 8 | usize::from(packet[2]) << 16;
    packet.resize(4 + length, 0);
    stream.read_exact(&mut packet[4..]).await?;
    Ok(packet)
}

/// Writes a packet of MySQL's.
pub(crate) async fn write_packet(
    stream: &mut (impl AsyncWrite + Unpin),
    number: u8,
    contents: &[u8],
) -> std::io::Result<()> {
    let length = u8::try_from(contents.len()).unwrap();
    stream.write_all(&[&[length, 0, 0, number], contents].concat()).await?;
    stream.flush().await
}
