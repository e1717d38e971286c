//! Connection URLs: parsed once, the same way for every driver, and never printed with their secrets.

use std::fmt;

use percent_encoding::percent_decode_str;

use crate::{Error, ErrorKind, Result};

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// A name, an address, or the directory of a Unix socket (it starts with `/`).
    pub name: String,
    /// The port, where the URL gives one.
    pub port: Option<u16>,
}

/// A parsed connection URL: `scheme://user:password@host1:port,host2/path?option=value`, or `scheme:path?option=value`.
///
/// Parts are percent-decoded. `Debug` and `Display` write `***` for the password and for every option that is not known to be
/// harmless.
///
/// ```
/// use oarlock_core::Url;
/// let url = Url::parse("postgres://ada:s3cret@db1,db2:5433/shop?sslmode=require")?;
/// assert_eq!(url.database(), Some("shop"));
/// assert_eq!(url.hosts()[1].port, Some(5433));
/// assert_eq!(url.to_string(), "postgres://ada:***@db1,db2:5433/shop?sslmode=require");
/// # Ok::<(), oarlock_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    scheme: String,
    user: Option<String>,
    password: Option<String>,
    hosts: Vec<Host>,
    path: String,
    options: Vec<(String, String)>,
}

impl Url {
    /// Parses a URL.
    ///
    /// # Errors
    ///
    /// `Configuration` with what is wrong; the message never repeats the URL, which may hold a password.
    pub fn parse(text: &str) -> Result<Self> {
        let (scheme, rest) = text.split_once(':').ok_or_else(|| {
            invalid("the connection URL has no scheme")
                .with_hint("write sqlite:app.db, postgres://host/db or mysql://host/db")
        })?;
        let valid = scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
        if !valid || !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return Err(invalid("the connection URL's scheme is not a word"));
        }
        let (rest, query) = match rest.split_once('?') {
            Some((rest, query)) => (rest, Some(query)),
            None => (rest, None),
        };
        let mut url = Self {
            scheme: scheme.to_ascii_lowercase(),
            user: None,
            password: None,
            hosts: Vec::new(),
            path: String::new(),
            options: Vec::new(),
        };
        match rest.strip_prefix("//") {
            Some(rest) => {
                let (authority, path) = match rest.find('/') {
                    Some(slash) => (&rest[..slash], &rest[slash..]),
                    None => (rest, ""),
                };
                url.read_authority(authority)?;
                url.path = decode(path, "path")?;
            }
            None => url.path = decode(rest, "path")?,
        }
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name, "option")?;
            if url.option(&name).is_some() {
                return Err(invalid(format!("the connection URL gives the option {name} twice")));
            }
            url.options.push((name, decode(&value.replace('+', "%20"), "option")?));
        }
        Ok(url)
    }

    fn read_authority(&mut self, authority: &str) -> Result<()> {
        let hosts = match authority.rsplit_once('@') {
            Some((credentials, hosts)) => {
                let (user, password) = match credentials.split_once(':') {
                    Some((user, password)) => (user, Some(decode(password, "password")?)),
                    None => (credentials, None),
                };
                self.user = Some(decode(user, "user")?).filter(|user| !user.is_empty());
                self.password = password;
                hosts
            }
            None => authority,
        };
        for host in hosts.split(',').filter(|_| !hosts.is_empty()) {
            let (name, port) = match host.strip_prefix('[') {
                Some(rest) => {
                    let (name, port) = rest
                        .split_once(']')
                        .ok_or_else(|| invalid("an IPv6 address in the connection URL lacks its closing bracket"))?;
                    (name, port.strip_prefix(':'))
                }
                None => match host.rsplit_once(':') {
                    Some((name, port)) => (name, Some(port)),
                    None => (host, None),
                },
            };
            let port = match port.filter(|port| !port.is_empty()) {
                Some(port) => Some(port.parse().map_err(|_| {
                    invalid("a port in the connection URL is not a number from 0 to 65535")
                        .with_hint("a / @ : ? or # in the user or password must be percent-encoded")
                })?),
                None => None,
            };
            self.hosts.push(Host { name: decode(name, "host")?, port });
        }
        Ok(())
    }

    /// Gives the scheme in lower case: which driver is meant.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Gives the user.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// Gives the password: keep it out of every message.
    pub fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }

    /// Gives the hosts in order; empty when the URL names none.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// Gives the path as it stands, with its leading slash where there is one: a file's name.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Gives the path without its leading slash, where anything is left: a server's database.
    pub fn database(&self) -> Option<&str> {
        Some(self.path.strip_prefix('/').unwrap_or(&self.path)).filter(|name| !name.is_empty())
    }

    /// Gives an option.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Gives all options in order.
    pub fn options(&self) -> impl Iterator<Item = (&str, &str)> {
        self.options.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Gives an option read as a type.
    ///
    /// # Errors
    ///
    /// `Configuration` that names the option and what it takes when the value cannot be read.
    pub fn parse_option<T: std::str::FromStr>(&self, name: &str, takes: &str) -> Result<Option<T>> {
        self.option(name)
            .map(|value| value.parse().map_err(|_| invalid(format!("the option {name} takes {takes}, not {value:?}"))))
            .transpose()
    }

    /// Gives a yes-or-no option: `on`, `true`, `yes`, `1` or their opposites.
    ///
    /// # Errors
    ///
    /// `Configuration` when the value is none of these.
    pub fn switch_option(&self, name: &str) -> Result<Option<bool>> {
        match self.option(name) {
            None => Ok(None),
            Some("on" | "true" | "yes" | "1") => Ok(Some(true)),
            Some("off" | "false" | "no" | "0") => Ok(Some(false)),
            Some(other) => Err(invalid(format!("the option {name} takes on or off, not {other:?}"))),
        }
    }

    /// Gives a duration option: `500ms`, `5s`, `2min`, or a plain number of seconds.
    ///
    /// # Errors
    ///
    /// `Configuration` when the value is not a duration.
    pub fn duration_option(&self, name: &str) -> Result<Option<std::time::Duration>> {
        let Some(value) = self.option(name) else {
            return Ok(None);
        };
        let digits = value.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = value.split_at(digits);
        let millis = match (number.parse::<u64>(), unit) {
            (Ok(n), "ms") => Some(n),
            (Ok(n), "" | "s") => n.checked_mul(1000),
            (Ok(n), "min" | "m") => n.checked_mul(60_000),
            _ => None,
        };
        match millis {
            Some(millis) => Ok(Some(std::time::Duration::from_millis(millis))),
            None => {
                Err(invalid(format!("the option {name} takes a duration such as 500ms, 5s or 2min, not {value:?}")))
            }
        }
    }

    /// Refuses options that the driver does not know.
    ///
    /// # Errors
    ///
    /// `Configuration` that names the unknown option and lists the known ones.
    pub fn allow_options(&self, known: &[&str]) -> Result<()> {
        match self.options.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some((name, _)) => Err(invalid(format!("{} has no option {name}", self.scheme))
                .with_hint(format!("it knows {}", known.join(", ")))),
        }
    }

    /// Gives the same URL with another path: another database of the same server.
    #[must_use]
    pub fn with_path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Gives the same URL with one server in the place of those that it names.
    #[must_use]
    pub fn with_host(mut self, name: impl Into<String>, port: u16) -> Self {
        self.hosts = vec![Host { name: name.into(), port: Some(port) }];
        self
    }

    /// Gives the same URL for another user.
    #[must_use]
    pub fn with_user(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self.password = Some(password.into());
        self
    }

    /// Gives the same URL with an option set or replaced.
    #[must_use]
    pub fn with_option(mut self, name: &str, value: &str) -> Self {
        self.options.retain(|(known, _)| known != name);
        self.options.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Takes an option out.
    pub fn take_option(&mut self, name: &str) -> Option<String> {
        let index = self.options.iter().position(|(known, _)| known == name)?;
        Some(self.options.remove(index).1)
    }
}

impl std::str::FromStr for Url {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.scheme)?;
        if !self.hosts.is_empty() || self.user.is_some() || self.password.is_some() {
            f.write_str("//")?;
            if let Some(user) = &self.user {
                f.write_str(user)?;
            }
            if self.password.is_some() {
                f.write_str(":***")?;
            }
            if self.user.is_some() || self.password.is_some() {
                f.write_str("@")?;
            }
            for (index, host) in self.hosts.iter().enumerate() {
                let comma = if index == 0 { "" } else { "," };
                if host.name.contains(':') {
                    write!(f, "{comma}[{}]", host.name)?;
                } else {
                    write!(f, "{comma}{}", host.name)?;
                }
                if let Some(port) = host.port {
                    write!(f, ":{port}")?;
                }
            }
        }
        f.write_str(&self.path)?;
        for (index, (name, value)) in self.options.iter().enumerate() {
            let lead = if index == 0 { '?' } else { '&' };
            let secret = ["password", "passwd", "pwd", "secret", "token", "key"].iter().any(|word| name.contains(word));
            write!(f, "{lead}{name}={}", if secret { "***" } else { value })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Url({self})")
    }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Configuration, message)
}

fn decode(text: &str, part: &str) -> Result<String> {
    match percent_decode_str(text).decode_utf8() {
        Ok(decoded) if !decoded.contains('\0') => Ok(decoded.into_owned()),
        Ok(_) => Err(invalid(format!("the {part} of the connection URL contains a NUL character"))),
        Err(_) => Err(invalid(format!("the {part} of the connection URL is not UTF-8 after percent-decoding"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_without_authority_are_files() {
        let url = Url::parse("sqlite::memory:").unwrap_or_else(|e| panic!("{e}"));
        assert_eq!((url.scheme(), url.path()), ("sqlite", ":memory:"));
        let url = Url::parse("sqlite:dir/my%20app.db?mode=ro").unwrap_or_else(|e| panic!("{e}"));
        assert_eq!((url.path(), url.option("mode")), ("dir/my app.db", Some("ro")));
        let url = Url::parse("sqlite:///var/app.db").unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(url.path(), "/var/app.db");
    }

    #[test]
    fn hosts_ports_and_sockets_are_read() {
        let url = Url::parse("postgres://u@[::1]:5433,%2Frun%2Fpg,db/x").unwrap_or_else(|e| panic!("{e}"));
        let hosts: Vec<_> = url.hosts().iter().map(|host| (host.name.as_str(), host.port)).collect();
        assert_eq!(hosts, [("::1", Some(5433)), ("/run/pg", None), ("db", None)]);
        assert_eq!(url.to_string(), "postgres://u@[::1]:5433,/run/pg,db/x");
    }

    #[test]
    fn the_password_is_never_shown() {
        let url = Url::parse("mysql://root:hunter%402@h/db?sslpassword=hunter@2&x=1").unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(url.password(), Some("hunter@2"));
        for shown in [format!("{url}"), format!("{url:?}"), format!("{url:#?}")] {
            assert!(!shown.contains("hunter"), "{shown}");
        }
    }

    #[test]
    fn errors_say_what_and_what_to_do() {
        let message = |text: &str| Url::parse(text).expect_err("must fail").to_string();
        assert!(message("app.db").contains("no scheme"));
        assert!(message("postgres://u:p/w@h/db").contains("percent-encoded"));
        assert!(!message("postgres://u:p/w@h/db").contains("p/w"));
        assert!(message("mysql://h/db?a=1&a=2").contains("option a twice"));
        let url = Url::parse("sqlite:x?cash=1").unwrap_or_else(|e| panic!("{e}"));
        let error = url.allow_options(&["mode", "cache"]).expect_err("must fail").to_string();
        assert_eq!(error, "sqlite has no option cash (it knows mode, cache)");
    }
}
