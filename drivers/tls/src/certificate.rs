//! A certificate's few fields that rustls does not give: the key, the dates, and how it was signed.

use rustls::CertificateError;
use rustls::pki_types::UnixTime;
use sha2::{Digest, Sha256, Sha384, Sha512};

/// A certificate (RFC 5280, 4.1), as far as it matters here.
#[derive(Debug)]
pub(crate) struct Certificate<'c> {
    /// `subjectPublicKeyInfo`, whole.
    pub(crate) key_info: &'c [u8],
    /// The contents of its `algorithm`.
    pub(crate) key_algorithm: &'c [u8],
    /// The key in it.
    pub(crate) key: &'c [u8],
    /// The contents of `signatureAlgorithm`.
    signature: &'c [u8],
    not_before: u64,
    not_after: u64,
}

const SEQUENCE: u8 = 0x30;
const OBJECT: u8 = 0x06;
const BITS: u8 = 0x03;
const UTC_TIME: u8 = 0x17;
const GENERAL_TIME: u8 = 0x18;
/// `[0]`, in which an optional first element stands.
const FIRST: u8 = 0xa0;

impl<'c> Certificate<'c> {
    /// Reads a certificate of any version; `None` where it is malformed.
    pub(crate) fn read(der: &'c [u8]) -> Option<Self> {
        let mut outer = Reader(Reader(der).take(SEQUENCE)?);
        let mut fields = Reader(outer.take(SEQUENCE)?);
        let signature = outer.take(SEQUENCE)?;
        if fields.peek() == Some(FIRST) {
            fields.next()?;
        }
        // serialNumber, signature, issuer.
        fields.next()?;
        fields.next()?;
        fields.next()?;
        let mut validity = Reader(fields.take(SEQUENCE)?);
        let (not_before, not_after) = (validity.time()?, validity.time()?);
        // subject.
        fields.next()?;
        let (tag, key_info, contents) = fields.next()?;
        let mut info = Reader(contents);
        let key_algorithm = info.take(SEQUENCE)?;
        let [0, key @ ..] = info.take(BITS)? else { return None };
        (tag == SEQUENCE).then_some(Self { key_info, key_algorithm, key, signature, not_before, not_after })
    }

    /// Checks that the certificate is valid at a time.
    pub(crate) fn check_dates(&self, now: UnixTime) -> Result<(), CertificateError> {
        if now.as_secs() < self.not_before {
            Err(CertificateError::NotValidYet)
        } else if now.as_secs() > self.not_after {
            Err(CertificateError::Expired)
        } else {
            Ok(())
        }
    }

    /// Gives `tls-server-end-point` (RFC 5929): the certificate's hash by the function of its signature, at least SHA-256.
    pub(crate) fn end_point(&self, der: &[u8]) -> Option<Vec<u8>> {
        Some(match self.signature_hash()? {
            Hash::Sha256 => Sha256::digest(der).to_vec(),
            Hash::Sha384 => Sha384::digest(der).to_vec(),
            Hash::Sha512 => Sha512::digest(der).to_vec(),
        })
    }

    /// Gives the hash function; `None` where the signature has none of its own, as Ed25519.
    fn signature_hash(&self) -> Option<Hash> {
        let mut algorithm = Reader(self.signature);
        Some(match algorithm.take(OBJECT)? {
            // RSA and ECDSA with MD5 and SHA-1, which RFC 5929 raises, and with SHA-256.
            [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 4 | 5 | 11]
            | [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1]
            | [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2] => Hash::Sha256,
            [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 12] | [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3] => Hash::Sha384,
            [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 13] | [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4] => Hash::Sha512,
            // RSASSA-PSS: its parameters tell, and begin with the hash function unless it is SHA-1.
            [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10] => {
                let mut parameters = Reader(algorithm.take(SEQUENCE)?);
                if parameters.peek() != Some(FIRST) {
                    return Some(Hash::Sha256);
                }
                let mut function = Reader(Reader(parameters.take(FIRST)?).take(SEQUENCE)?);
                match function.take(OBJECT)? {
                    [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1] => Hash::Sha256,
                    [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2] => Hash::Sha384,
                    [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3] => Hash::Sha512,
                    _ => return None,
                }
            }
            _ => return None,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

/// Reads elements of DER, one behind the other.
struct Reader<'d>(&'d [u8]);

impl<'d> Reader<'d> {
    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// Gives the next element: its tag, the whole, and its contents.
    fn next(&mut self) -> Option<(u8, &'d [u8], &'d [u8])> {
        let (&[tag, first], rest) = self.0.split_first_chunk()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x83 => {
                let (digits, rest) = rest.split_at_checked(usize::from(first - 0x80))?;
                (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
            }
            _ => return None,
        };
        let (contents, after) = rest.split_at_checked(length)?;
        let whole = &self.0[..self.0.len() - after.len()];
        self.0 = after;
        Some((tag, whole, contents))
    }

    /// Gives the contents of the next element, which has to be of a kind.
    fn take(&mut self, wanted: u8) -> Option<&'d [u8]> {
        let (tag, _, contents) = self.next()?;
        (tag == wanted).then_some(contents)
    }

    /// Gives a time as seconds since 1970; none before it.
    fn time(&mut self) -> Option<u64> {
        let (tag, _, text) = self.next()?;
        let digits = text.strip_suffix(b"Z")?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let number = |range: std::ops::Range<usize>| {
            Some(digits.get(range)?.iter().fold(0, |n, digit| n * 10 + u64::from(digit - b'0')))
        };
        let (year, rest) = match (tag, digits.len()) {
            (UTC_TIME, 12) => (number(0..2).map(|year| if year < 50 { 2000 + year } else { 1900 + year })?, 2),
            (GENERAL_TIME, 14) => (number(0..4)?, 4),
            _ => return None,
        };
        let part = |index: usize| number(rest + 2 * index..rest + 2 * index + 2);
        let days = days_since_1970(year, part(0)?, part(1)?)?;
        Some(((days * 24 + part(2)?) * 60 + part(3)?) * 60 + part(4)?)
    }
}

/// Counts days by the civil calendar, with years that begin in March.
fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    Some(days.saturating_sub(719_468))
}

#[cfg(test)]
mod tests {
    use rcgen::{
        CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, date_time_ymd,
    };

    use super::*;

    fn made(algorithm: &'static rcgen::SignatureAlgorithm) -> Vec<u8> {
        let mut params = CertificateParams::new(["h".to_owned()]).expect("a host");
        params.not_before = date_time_ymd(2024, 2, 29);
        params.not_after = date_time_ymd(2051, 3, 1);
        let key = KeyPair::generate_for(algorithm).expect("a key");
        params.self_signed(&key).expect("a certificate").der().to_vec()
    }

    #[test]
    fn the_hash_is_that_of_the_signature() {
        for (algorithm, length) in
            [(&PKCS_ECDSA_P256_SHA256, Some(32)), (&PKCS_ECDSA_P384_SHA384, Some(48)), (&PKCS_ED25519, None)]
        {
            let der = made(algorithm);
            let certificate = Certificate::read(&der).expect("readable");
            assert_eq!(certificate.end_point(&der).map(|hash| hash.len()), length, "{algorithm:?}");
        }
    }

    #[test]
    fn dates_are_read_in_both_forms() {
        let der = made(&PKCS_ECDSA_P256_SHA256);
        let certificate = Certificate::read(&der).expect("readable");
        // 2024-02-29 in two digits, 2051-03-01 in four.
        assert_eq!((certificate.not_before, certificate.not_after), (1_709_164_800, 2_561_241_600));
        for (now, result) in [
            (1_709_164_799, Err(CertificateError::NotValidYet)),
            (1_709_164_800, Ok(())),
            (2_561_241_600, Ok(())),
            (2_561_241_601, Err(CertificateError::Expired)),
        ] {
            let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(now));
            assert_eq!(certificate.check_dates(now), result);
        }
    }

    #[test]
    fn what_is_cut_short_is_not_read() {
        let der = made(&PKCS_ECDSA_P256_SHA256);
        for end in 0..der.len() {
            assert!(Certificate::read(&der[..end]).is_none(), "cut at {end}");
        }
    }

    /// A byte that is changed makes another certificate, or none, and never a panic.
    #[test]
    fn any_bytes_can_be_read() {
        let der = made(&PKCS_ECDSA_P256_SHA256);
        for at in 0..der.len() {
            for byte in [0, 0x30, 0x7f, 0x80, 0x81, 0x84, 0xff] {
                let mut changed = der.clone();
                changed[at] = byte;
                if let Some(certificate) = Certificate::read(&changed) {
                    certificate.end_point(&changed);
                }
            }
        }
    }
}
