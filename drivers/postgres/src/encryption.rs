//! What a connection URL says of encryption, read as libpq does.

use std::path::{Path, PathBuf};

use oarlock_core::{Error, ErrorKind, Result, Url};
use oarlock_tls::{Identity, Roots, SslMode, TlsOptions, Words};

use crate::options::invalid;

/// How encryption is agreed upon with the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum SslNegotiation {
    /// By a question in PostgreSQL's protocol.
    #[default]
    Postgres,
    /// The stream begins encrypted, which PostgreSQL 17 takes.
    Direct,
}

/// Whether a login is bound to the server's certificate, by SCRAM-SHA-256-PLUS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ChannelBinding {
    /// Never.
    Disable,
    /// Where the server offers it.
    #[default]
    Prefer,
    /// Always: a server that does not is refused.
    Require,
}

const TLS_WORDS: Words = Words {
    mode: "sslmode",
    modes: ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"],
    roots: "sslrootcert",
    certificate: "sslcert",
    key: "sslkey",
};

/// Reads what there is on encryption. As in libpq, files of the user's own count where no option names others.
pub(crate) fn read_tls(url: &Url, env: &dyn Fn(&str) -> Option<String>) -> Result<TlsOptions> {
    let given = |option: &str, variable: &str| url.option(option).map(str::to_owned).or_else(|| env(variable));
    let own = |name: &str| user_file(name, env).filter(|path| path.exists());
    let mut tls = TlsOptions::new(&TLS_WORDS);
    tls.roots = match given("sslrootcert", "PGSSLROOTCERT") {
        Some(word) if word == "system" => Roots::System,
        Some(path) => Roots::File(path.into()),
        None => own("root.crt").map_or(Roots::Unknown, Roots::File),
    };
    tls.mode = match given("sslmode", "PGSSLMODE").as_deref() {
        None if tls.roots == Roots::System => SslMode::VerifyFull,
        None => SslMode::default(),
        Some("disable") => SslMode::Disable,
        Some("allow") => SslMode::Allow,
        Some("prefer") => SslMode::Prefer,
        Some("require") => SslMode::Require,
        Some("verify-ca") => SslMode::VerifyCa,
        Some("verify-full") => SslMode::VerifyFull,
        Some(_) => return Err(invalid("sslmode", "disable, allow, prefer, require, verify-ca or verify-full")),
    };
    let certificate = given("sslcert", "PGSSLCERT").map(PathBuf::from);
    let key = given("sslkey", "PGSSLKEY").map(PathBuf::from);
    let named = certificate.is_some();
    let certificate = certificate.or_else(|| own("postgresql.crt"));
    tls.identity = match (certificate, key.or_else(|| own("postgresql.key"))) {
        (Some(certificate), Some(key)) => Some(Identity { certificate, key }),
        (Some(_), None) if named => {
            return Err(Error::new(ErrorKind::Configuration, "sslcert is of no use without its key")
                .with_hint("name the key's file by sslkey"));
        }
        _ => None,
    };
    tls.check()?;
    Ok(tls)
}

/// Gives the place where libpq looks for a file of the user's.
fn user_file(name: &str, env: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    if cfg!(windows) {
        return env("APPDATA").map(|folder| Path::new(&folder).join("postgresql").join(name));
    }
    env("HOME").map(|home| Path::new(&home).join(".postgresql").join(name))
}

/// Reads how encryption is agreed upon.
pub(crate) fn read_negotiation(word: Option<String>, tls: &TlsOptions) -> Result<SslNegotiation> {
    match word.as_deref() {
        None | Some("postgres") => Ok(SslNegotiation::Postgres),
        Some("direct") if tls.mode < SslMode::Require => {
            Err(Error::new(ErrorKind::Configuration, format!("{tls} is too weak for sslnegotiation=direct"))
                .with_hint("use sslmode=require or stricter"))
        }
        Some("direct") => Ok(SslNegotiation::Direct),
        Some(_) => Err(invalid("sslnegotiation", "postgres or direct")),
    }
}

/// Reads whether the login is bound to the line.
pub(crate) fn read_binding(word: Option<String>) -> Result<ChannelBinding> {
    match word.as_deref() {
        None | Some("prefer") => Ok(ChannelBinding::Prefer),
        Some("disable") => Ok(ChannelBinding::Disable),
        Some("require") => Ok(ChannelBinding::Require),
        Some(_) => Err(invalid("channel_binding", "disable, prefer or require")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::PostgresOptions;

    fn parse(url: &str, env: &[(&str, &str)]) -> Result<PostgresOptions> {
        let look = |name: &str| env.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        PostgresOptions::parse_in(&Url::parse(url)?, &look)
    }

    #[cfg(not(feature = "tls"))]
    #[test]
    fn encryption_that_cannot_be_had_is_refused() -> Result<()> {
        assert_eq!(parse("postgres://h", &[])?.tls.mode, SslMode::Prefer);
        for mode in ["require", "verify-ca", "verify-full"] {
            let error = parse(&format!("postgres://h?sslmode={mode}"), &[]).expect_err(mode);
            assert_eq!(error.kind(), ErrorKind::NotSupported);
            assert_eq!(error.hint(), Some("add the feature tls of oarlock in Cargo.toml"));
            assert_eq!(parse("postgres://h", &[("PGSSLMODE", mode)]).expect_err(mode).kind(), ErrorKind::NotSupported);
        }
        Ok(())
    }

    #[cfg(feature = "tls")]
    #[test]
    fn encryption_is_read_as_libpq_does() -> Result<()> {
        let tls = |url: &str, env: &[(&str, &str)]| parse(url, env).map(|options| options.tls);
        assert_eq!(tls("postgres://h", &[("PGSSLMODE", "require")])?.mode, SslMode::Require);
        let full = tls("postgres://h?sslrootcert=system", &[])?;
        assert_eq!((full.mode, full.roots), (SslMode::VerifyFull, Roots::System));
        let error = tls("postgres://h?sslrootcert=system&sslmode=require", &[]).expect_err("too weak");
        assert_eq!(error.kind(), ErrorKind::Configuration);
        let named = tls("postgres://h?sslmode=verify-ca&sslrootcert=/r&sslcert=/c&sslkey=/k", &[])?;
        assert_eq!((named.mode, named.roots), (SslMode::VerifyCa, Roots::File("/r".into())));
        assert_eq!(named.identity, Some(Identity { certificate: "/c".into(), key: "/k".into() }));
        let error = tls("postgres://h?sslcert=/c", &[]).expect_err("no key");
        assert_eq!(error.to_string(), "sslcert is of no use without its key (name the key's file by sslkey)");
        assert_eq!(
            tls("postgres://h?sslmode=verify-full", &[]).expect_err("no roots").kind(),
            ErrorKind::Configuration
        );
        Ok(())
    }

    #[cfg(all(feature = "tls", unix))]
    #[test]
    fn files_of_the_users_own_count() -> Result<()> {
        let home = std::env::temp_dir().join(format!("oarlock-postgresql-{}", std::process::id()));
        let own = home.join(".postgresql");
        std::fs::create_dir_all(&own).expect("a directory");
        for name in ["root.crt", "postgresql.crt", "postgresql.key"] {
            std::fs::write(own.join(name), "").expect("a file");
        }
        let env = [("HOME", home.to_str().unwrap_or_default())];
        let tls = parse("postgres://h?sslmode=verify-full", &env)?.tls;
        assert_eq!(tls.roots, Roots::File(own.join("root.crt")));
        let identity = Identity { certificate: own.join("postgresql.crt"), key: own.join("postgresql.key") };
        assert_eq!(tls.identity, Some(identity));
        std::fs::remove_dir_all(home).expect("removed");
        Ok(())
    }

    #[test]
    fn words_that_are_not_known_are_refused() {
        for (option, takes) in [
            ("sslmode=yes", "the option sslmode takes disable, allow, prefer, require, verify-ca or verify-full"),
            ("sslnegotiation=yes", "the option sslnegotiation takes postgres or direct"),
            ("channel_binding=yes", "the option channel_binding takes disable, prefer or require"),
        ] {
            let error = parse(&format!("postgres://h?{option}"), &[]).expect_err(option);
            assert_eq!((error.kind(), error.message()), (ErrorKind::Configuration, takes));
        }
        let error = parse("postgres://h?sslnegotiation=direct", &[]).expect_err("too weak");
        assert_eq!(error.message(), "sslmode=prefer is too weak for sslnegotiation=direct");
    }
}
