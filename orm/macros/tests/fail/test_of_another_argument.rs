//! A test's function is there in tests only: this is what the attribute makes of `async fn counts(name: String)`.

use oarlock::testing::{Case, Database, FromDatabase};

fn main() {
    Case::new("counts").run(async |database: Database| {
        let _ = <String as FromDatabase>::from_database(&database).await;
    });
}
