//! Frames whose checks are right, with any payloads: what whoever writes a file on purpose can do. An error or a store, never a panic.
#![no_main]

use std::path::Path;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use oarlock_store::storage::simulated::Disk;
use oarlock_store::{Store, make_checks_right};

/// The header of a file with nothing in it, but for its check.
const HEADER: [u8; 64] = {
    let mut header = [0; 64];
    let magic = *b"oarlock\0\x01";
    let mut at = 0;
    while at < magic.len() {
        header[at] = magic[at];
        at += 1;
    }
    header
};

fuzz_target!(|payloads: Vec<Vec<u8>>| {
    let mut content = HEADER.to_vec();
    for (transaction, payload) in (1_u64..).zip(&payloads) {
        let mut header = [0; 40];
        header[4..8].copy_from_slice(&(payload.len() as u32).to_le_bytes());
        header[16..24].copy_from_slice(&transaction.to_le_bytes());
        header[38] = 1;
        content.extend_from_slice(&header);
        content.extend_from_slice(payload);
        content.resize(content.len().next_multiple_of(8), 0);
    }
    make_checks_right(&mut content);
    let path = Path::new("fuzz.store");
    if let Ok(store) = Store::options().open_on(Arc::new(Disk::with_file(path, content)), path) {
        assert_eq!(store.opening().replayed, payloads.len() as u64);
        store.tables();
    }
});
