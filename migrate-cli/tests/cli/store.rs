//! The commands that keep the file of a record store.

use oarlock::store::Store;
use oarlock::{Model, Record};

use crate::place::{Engine, Place};

#[derive(Debug, Clone, PartialEq, Model)]
struct Page {
    #[model(primary_key, auto)]
    id: i64,
    text: String,
}

/// Makes a store whose page has been changed, and gives how many transactions that took.
fn filled(place: &Place) -> u64 {
    let store = Store::open(place.path().join("site.store")).unwrap();
    store.define([Page::definition()]).unwrap();
    store.table::<Page>().insert(Page { id: 0, text: "first".to_owned() }).unwrap();
    let tx = store.begin();
    tx.note("a better text");
    tx.table::<Page>().modify(1, |page| page.text = "second".into()).unwrap();
    let last = tx.commit().unwrap().unwrap().transaction;
    store.close().unwrap();
    last
}

fn text(place: &Place, file: &str) -> String {
    let store = Store::open(place.path().join(file)).unwrap();
    store.table::<Page>().require(1).unwrap().text
}

#[test]
fn a_store_is_looked_at_undone_packed_backed_up_and_restored() {
    let place = Place::empty(Engine::Sqlite).unwrap();
    let last = filled(&place);
    assert_eq!(last, 3);
    assert!(place.ok(&["store", "check", "site.store"]).ends_with("all is well\n"));
    let log = place.ok(&["store", "log", "site.store", "--last", "1"]);
    assert!(log.contains("1 operation") && log.ends_with("a better text\n"), "{log}");
    assert_eq!(place.ok(&["store", "log", "site.store"]).lines().count(), 3);
    place.ok(&["store", "backup", "site.store", "full.backup"]);
    assert_eq!(place.ok(&["store", "undo", "site.store", "3"]), "transaction 4 undoes transaction 3\n");
    assert_eq!(text(&place, "site.store"), "first");
    place.ok(&["store", "backup", "site.store", "next.backup", "--since", "3"]);
    place.ok(&["store", "restore", "again.store", "full.backup"]);
    assert_eq!(text(&place, "again.store"), "second");
    place.ok(&["store", "restore", "newest.store", "full.backup", "next.backup"]);
    assert_eq!(text(&place, "newest.store"), "first");
    place.ok(&["store", "restore", "until.store", "full.backup", "next.backup", "--until", "3"]);
    assert_eq!(text(&place, "until.store"), "second");
    let packed = place.ok(&["store", "pack", "site.store", "--before", "4", "--yes"]);
    assert!(packed.starts_with("packed to transaction 3 with 1 transaction after it"), "{packed}");
    let packed: serde_json::Value =
        serde_json::from_str(&place.ok(&["store", "pack", "site.store", "--yes", "--json"])).unwrap();
    assert_eq!(packed["transaction"], 4);
    assert_eq!(text(&place, "site.store"), "first");
}

#[test]
fn a_store_is_packed_to_what_is_to_be_kept() {
    let place = Place::empty(Engine::Sqlite).unwrap();
    filled(&place);
    let pack = |kept: &[&str]| place.ok(&[&["store", "pack", "site.store", "--yes"], kept].concat());
    assert_eq!(pack(&["--keep", "30d"]), "nothing is older than what is kept\n");
    assert_eq!(pack(&["--keep", "0s", "--keep-last", "3"]), "nothing is older than what is kept\n");
    let packed = pack(&["--keep", "0s", "--keep-last", "1"]);
    assert!(packed.starts_with("packed to transaction 2 with 1 transaction after it"), "{packed}");
    let packed: serde_json::Value = serde_json::from_str(&pack(&["--keep", "0s", "--json"])).unwrap();
    assert_eq!(packed["transaction"], 3);
    assert_eq!(text(&place, "site.store"), "second");
}

#[test]
fn what_cannot_be_done_to_a_store_is_said() {
    let place = Place::empty(Engine::Sqlite).unwrap();
    filled(&place);
    for (arguments, code, message) in [
        (&["store", "undo", "none.store", "1"][..], 6, "there is no file none.store"),
        (&["store", "undo", "site.store", "1"], 1, "changed the definition of a table"),
        (&["store", "undo", "site.store", "9"], 1, "does not have transaction 9"),
        (&["store", "pack", "site.store"], 9, "all history will be gone for good"),
        (
            &["store", "pack", "site.store", "--keep", "12h", "--keep-last", "5"],
            9,
            "the history older than 43200s and before the last 5 transactions will be gone for good",
        ),
        (&["store", "pack", "none.store", "--keep", "1d"], 6, "there is no file none.store"),
        (&["store", "pack", "site.store", "--keep", "1d", "--before", "2"], 2, "cannot be used with"),
        (&["store", "restore", "site.store", "site.store"], 1, "exists"),
    ] {
        let ran = place.run(arguments);
        assert_eq!(ran.code, Some(code), "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(message), "{arguments:?}: {}", ran.stderr);
    }
    assert!(!place.path().join("none.store").exists(), "looking makes no file");
    let mut bytes = std::fs::read(place.path().join("site.store")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(place.path().join("bad.store"), bytes).unwrap();
    let ran = place.run(&["store", "check", "bad.store"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stdout);
    assert!(ran.stdout.contains("problem"), "{}", ran.stdout);
    let held = Store::open(place.path().join("site.store")).unwrap();
    let ran = place.run(&["store", "undo", "site.store", "3"]);
    assert!(
        ran.code == Some(5) && ran.stderr.contains("is open already, by process"),
        "{:?}: {}",
        ran.code,
        ran.stderr
    );
    drop(held);
}
