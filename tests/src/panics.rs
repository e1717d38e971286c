//! Panics of any thread: one in a task of a driver's own would not reach the test.

use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

static PANICS: AtomicUsize = AtomicUsize::new(0);

/// Counts panics from now on, but for those within `mysql_async`: the driver makes errors of them, which the hook cannot see.
pub fn count_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let underneath = panic.location().is_some_and(|place| place.file().contains("/mysql_async-"));
            if !underneath {
                PANICS.fetch_add(1, Ordering::SeqCst);
            }
            before(panic);
        }));
    });
}

/// Gives how many there were since [`count_panics`].
pub fn panics() -> usize {
    PANICS.load(Ordering::SeqCst)
}
