//! An authority of a test's own, and the certificates that it issues.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, date_time_ymd,
};

/// An authority that nobody knows but the test.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

/// When a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Valid {
    /// Now.
    Now,
    /// It was, until years ago.
    Once,
    /// It will be, in a thousand years.
    Later,
}

impl Authority {
    /// Makes one.
    ///
    /// # Panics
    ///
    /// When a certificate cannot be made.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut params = params(name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, key()).expect("an authority"))
    }

    /// Gives its certificate in PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// Issues a server's certificate for hosts, which are names or addresses.
    ///
    /// # Panics
    ///
    /// When a certificate cannot be made.
    #[must_use]
    pub fn server(&self, hosts: &[&str], valid: Valid) -> Issued {
        let mut params = params("server", hosts);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        match valid {
            Valid::Now => {}
            Valid::Once => params.not_after = date_time_ymd(2020, 1, 1),
            Valid::Later => params.not_before = date_time_ymd(3000, 1, 1),
        }
        self.issue(&params)
    }

    /// Issues a client's certificate for a user.
    ///
    /// # Panics
    ///
    /// When a certificate cannot be made.
    #[must_use]
    pub fn client(&self, user: &str) -> Issued {
        let mut params = params(user, &[]);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.issue(&params)
    }

    fn issue(&self, params: &CertificateParams) -> Issued {
        let key = key();
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        Issued { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

/// Makes a certificate that nobody has signed but its own key.
///
/// # Panics
///
/// When a certificate cannot be made.
#[must_use]
pub fn self_signed(hosts: &[&str]) -> Issued {
    let mut params = params("itself", hosts);
    // As `openssl req -x509` makes it.
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = key();
    let certificate = params.self_signed(&key).expect("a certificate");
    Issued { certificate: certificate.pem(), key: key.serialize_pem() }
}

fn params(name: &str, hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(hosts).expect("hosts");
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2010, 1, 1);
    params.not_after = date_time_ymd(4000, 1, 1);
    params
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}
