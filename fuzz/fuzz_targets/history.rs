//! Any bytes as a store's file, with the checks of what can be taken for frames made right, and all that can be asked of it without its
//! records' structs: an error or an answer, never a panic. `store/tests/samples` is a corpus to begin with.
#![no_main]

use std::path::Path;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use oarlock_store::storage::simulated::Disk;
use oarlock_store::{Store, make_checks_right};

fuzz_target!(|content: &[u8]| {
    let mut content = content.to_vec();
    make_checks_right(&mut content);
    let path = Path::new("fuzz.store");
    let disk = Disk::with_file(path, content);
    let Ok(store) = Store::options().open_on(Arc::new(disk), path) else { return };
    let last = store.stats().transaction;
    // A hostile header may have any number.
    for transaction in (1..=last).rev().take(8) {
        let _ = store.as_of(transaction);
        let _ = store.changes(transaction);
        let _ = store.undo(transaction);
    }
    let _ = store.transactions(..);
    let _ = store.transaction_at(0);
    let _ = store.pack(last / 2);
    let tables = store.tables();
    drop(store.define_tables(tables));
    let _ = store.close();
});
