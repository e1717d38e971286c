//! Any bytes as a store's file: an error or a store, never a panic. `store/tests/samples` is a corpus to begin with.
#![no_main]

use std::path::Path;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use oarlock_store::Store;
use oarlock_store::storage::simulated::Disk;

fuzz_target!(|content: &[u8]| {
    let path = Path::new("fuzz.store");
    for options in [Store::options(), Store::options().read_only(), Store::options().keep_damage_aside()] {
        let disk = Disk::with_file(path, content.to_vec());
        if let Ok(store) = options.open_on(Arc::new(disk), path) {
            store.tables();
        }
    }
});
