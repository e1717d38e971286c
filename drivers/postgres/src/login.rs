//! How the server may have us log in: it chooses, and a false one would choose the password itself.

use oarlock_core::{Error, ErrorKind, Result};

/// A way to log in, in the words of libpq's `require_auth`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Method {
    Password = 1,
    Md5 = 2,
    Gss = 4,
    Sspi = 8,
    Scram = 16,
    None = 32,
}

const METHODS: [(&str, Method); 6] = [
    ("password", Method::Password),
    ("md5", Method::Md5),
    ("gss", Method::Gss),
    ("sspi", Method::Sspi),
    ("scram-sha-256", Method::Scram),
    ("none", Method::None),
];

/// The ways to log in that the server may choose from.
///
/// By default these are all, but for the password in clear on a line that is neither encrypted nor a Unix socket. Naming
/// `password` admits it there, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthMethods {
    allowed: u8,
    in_clear: bool,
}

impl Default for AuthMethods {
    fn default() -> Self {
        Self { allowed: u8::MAX, in_clear: false }
    }
}

impl AuthMethods {
    /// Reads libpq's `require_auth`: `scram-sha-256,none`, or what is refused, as `!password,!md5`.
    ///
    /// # Errors
    ///
    /// `Configuration` for a word that is not known, and where both forms are mixed.
    pub fn parse(list: &str) -> Result<Self> {
        let invalid = || {
            let known: Vec<&str> = METHODS.iter().map(|(name, _)| *name).collect();
            Error::new(
                ErrorKind::Configuration,
                format!("the option require_auth takes a list of {}", known.join(", ")),
            )
            .with_hint("either what is allowed, or, each with a ! before it, what is refused")
        };
        let refuses = list.starts_with('!');
        let mut named = 0;
        for word in list.split(',') {
            let word = match (word.strip_prefix('!'), refuses) {
                (Some(word), true) => word,
                (None, false) => word,
                _ => return Err(invalid()),
            };
            let (_, method) = METHODS.iter().find(|(name, _)| *name == word).ok_or_else(invalid)?;
            named |= *method as u8;
        }
        Ok(if refuses {
            Self { allowed: !named, in_clear: false }
        } else {
            Self { allowed: named, in_clear: named & Method::Password as u8 != 0 }
        })
    }
}

/// Looks at what the server asks for, before anything is answered.
#[derive(Debug)]
pub(crate) struct Gate {
    methods: AuthMethods,
    /// Others may read the line.
    open_line: bool,
    asked: bool,
}

impl Gate {
    /// Bytes of a message that are looked at.
    pub(crate) const WANTED: usize = 4;

    pub(crate) fn new(methods: AuthMethods, open_line: bool) -> Self {
        Self { methods, open_line, asked: false }
    }

    /// Checks the beginning of an `Authentication…` message.
    ///
    /// # Errors
    ///
    /// `Authentication` for a way that is not allowed.
    pub(crate) fn check(&mut self, body: &[u8]) -> Result<()> {
        let method = match body {
            [0, 0, 0, 0] if !self.asked => Method::None,
            [0, 0, 0, 3] => Method::Password,
            [0, 0, 0, 5] => Method::Md5,
            [0, 0, 0, 7] => Method::Gss,
            [0, 0, 0, 9] => Method::Sspi,
            [0, 0, 0, 10] => Method::Scram,
            _ => return Ok(()),
        };
        self.asked = true;
        if self.methods.allowed & method as u8 == 0 {
            let name = METHODS.iter().find(|(_, known)| *known == method).map_or("", |(name, _)| name);
            return Err(refused(format!("the server wants a login by {name}, which require_auth leaves out")));
        }
        if method == Method::Password && self.open_line && !self.methods.in_clear {
            return Err(refused("the server wants the password in clear, and this connection is not encrypted").with_hint(
                "use sslmode=require or stricter; on a network that you trust, require_auth=password sends it all the same",
            ));
        }
        Ok(())
    }
}

fn refused(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Authentication, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLEAR: [u8; 4] = [0, 0, 0, 3];
    const SCRAM: [u8; 4] = [0, 0, 0, 10];
    const DONE: [u8; 4] = [0; 4];

    fn gate(require_auth: &str, open_line: bool) -> Gate {
        let methods =
            if require_auth.is_empty() { Ok(AuthMethods::default()) } else { AuthMethods::parse(require_auth) };
        Gate::new(methods.unwrap_or_else(|error| panic!("{error}")), open_line)
    }

    #[test]
    fn a_password_goes_in_clear_only_where_nobody_reads_or_by_name() {
        for (require_auth, open_line, allowed) in [
            ("", true, false),
            ("", false, true),
            ("password", true, true),
            ("scram-sha-256,password", true, true),
            ("!md5", true, false),
            ("!md5", false, true),
            ("!password", false, false),
            ("scram-sha-256", false, false),
        ] {
            assert_eq!(gate(require_auth, open_line).check(&CLEAR).is_ok(), allowed, "{require_auth} {open_line}");
        }
    }

    #[test]
    fn the_server_chooses_from_what_is_allowed() {
        let mut login = gate("scram-sha-256", true);
        assert!(login.check(&SCRAM).is_ok() && login.check(&[0, 0, 0, 11]).is_ok() && login.check(&DONE).is_ok());
        let error = gate("scram-sha-256", true).check(&DONE).expect_err("without a question");
        assert_eq!(error.message(), "the server wants a login by none, which require_auth leaves out");
        assert!(gate("none", true).check(&DONE).is_ok());
        assert!(gate("!none", true).check(&DONE).is_err());
    }

    #[test]
    fn lists_that_make_no_sense_are_refused() {
        for list in ["scram", "!md5,password", "password,!md5", "md5,"] {
            let error = AuthMethods::parse(list).expect_err(list);
            assert_eq!(error.kind(), ErrorKind::Configuration);
        }
    }
}
