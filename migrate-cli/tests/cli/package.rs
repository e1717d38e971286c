//! The package that `new --bin` writes is built as it stands, and is the program.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::place::{Engine, Place};

#[test]
#[ignore = "it builds a package, which takes minutes: .ci/run does"]
fn a_program_of_ones_own_is_built_and_has_all_commands() {
    let place = Place::with_database(Engine::Sqlite).unwrap();
    place.two_migrations();
    place.ok(&["new", "--bin", "migrator"]);
    let package = place.path().join("migrator");
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    // What the workspace depends on is there already, in these versions and in this directory.
    fs::copy(workspace.join("Cargo.lock"), package.join("Cargo.lock")).unwrap();
    let target = Path::new(env!("CARGO_BIN_EXE_oarlock")).ancestors().nth(2).unwrap();

    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--offline", "--quiet"]).current_dir(&package).env("CARGO_TARGET_DIR", target);
    for (name, path) in [("oarlock", workspace.to_owned()), ("oarlock-cli", workspace.join("migrate-cli"))] {
        cargo.args(["--config", &format!("patch.crates-io.{name}.path={:?}", path.display().to_string())]);
    }
    let built = cargo.output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));

    let program = target.join("debug").join("migrator");
    let run = |arguments: &[&str]| {
        let output = Command::new(&program).args(arguments).current_dir(place.path()).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(run(&["status"]), place.ok(&["status"]));
    assert_eq!(run(&["up"]).lines().count(), 2);
    assert_eq!(run(&["verify"]), "2 migrations, 0 pending: files and history agree\n");
}
