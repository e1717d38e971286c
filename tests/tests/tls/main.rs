//! Encryption: a mode means what its name says, on real servers and against somebody who stands between.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod engine;
mod login;
mod middle;
mod modes;
mod transport;

use oarlock::{Conn, DbExt, Result};
use tempfile::TempDir;

pub(crate) use engine::{Engine, Servers};

/// Asks the server whether the session is encrypted.
async fn is_encrypted(conn: &Conn) -> Result<bool> {
    if conn.info().name == "postgres" {
        conn.fetch_value("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", ()).await
    } else {
        let (_, cipher): (String, String) = conn.require_one("SHOW STATUS LIKE 'Ssl_cipher'", ()).await?;
        Ok(!cipher.is_empty())
    }
}

/// Files of one test that nobody else can read.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// Writes one, and gives its path for a URL.
    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        path.to_str().unwrap().to_owned()
    }
}
