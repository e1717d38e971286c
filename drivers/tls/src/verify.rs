//! The check of a server's certificate.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

use crate::certificate::Certificate;
use crate::files::Trusted;

/// Checks as much of a server as the mode asks for.
///
/// That the server has the key of the certificate it shows is checked in every mode: channel binding rests on it.
#[derive(Debug)]
pub(crate) struct Verifier {
    /// Who may have signed; without them any certificate will do.
    roots: Option<Arc<Trusted>>,
    /// Whether the certificate has to be the host's.
    names: bool,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    pub(crate) fn new(roots: Option<Arc<Trusted>>, names: bool, algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self { roots, names, algorithms }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(roots) = &self.roots else {
            return Ok(ServerCertVerified::assertion());
        };
        if roots.listed.iter().any(|listed| listed == end_entity) {
            read(end_entity)?.check_dates(now)?;
        } else {
            verify_server_cert_signed_by_trust_anchor(
                &ParsedCertificate::try_from(end_entity)?,
                &roots.authorities,
                intermediates,
                now,
                self.algorithms.all,
            )?;
        }
        if self.names {
            verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let certificate = read(cert)?;
        let (_, algorithms) =
            self.algorithms.mapping.iter().find(|(scheme, _)| *scheme == dss.scheme).ok_or_else(|| {
                Error::General(format!("the server signs by {:?}, which is not supported", dss.scheme))
            })?;
        // In TLS 1.2 a scheme of ECDSA leaves the curve open, which the key tells.
        let valid = algorithms.iter().any(|algorithm| {
            algorithm.public_key_alg_id().as_ref() == certificate.key_algorithm
                && algorithm.verify_signature(certificate.key, message, dss.signature()).is_ok()
        });
        if valid { Ok(HandshakeSignatureValid::assertion()) } else { Err(CertificateError::BadSignature.into()) }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        // By the key alone: certificates of X.509 version 1, which some servers make for themselves, have one too.
        let key = SubjectPublicKeyInfoDer::from(read(cert)?.key_info);
        verify_tls13_signature_with_raw_key(message, &key, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn read<'c>(der: &'c CertificateDer<'_>) -> Result<Certificate<'c>, Error> {
    Certificate::read(der).ok_or_else(|| CertificateError::BadEncoding.into())
}
