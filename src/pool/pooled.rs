//! A borrowed connection, and how it goes back.

use deadpool::managed::Object;
use oarlock_core::connection::{Connection, Health};
use oarlock_core::lease::Hold;
use tokio::runtime::Handle;

use super::manager::Manager;

/// A connection that returns to its pool when it is dropped.
pub(super) struct Pooled {
    object: Option<Object<Manager>>,
    /// The runtime on which it was borrowed. It may be dropped on a thread without one, as blocking programs do.
    runtime: Option<Handle>,
}

impl Pooled {
    pub(super) fn new(object: Object<Manager>) -> Self {
        Self { object: Some(object), runtime: Handle::try_current().ok() }
    }
}

impl Hold for Pooled {
    fn connection(&mut self) -> &mut dyn Connection {
        let object = self.object.as_mut().expect("invariant: only drop takes the object out");
        &mut ***object
    }
}

impl Drop for Pooled {
    /// A drop cannot wait: a task rolls the session back and resets it, and only then is it free for the next borrower.
    /// Where there is no runtime to run the task, or the session is lost, the connection is discarded.
    fn drop(&mut self) {
        let Some(object) = self.object.take() else {
            return;
        };
        let mut returning = Returning(Some(object));
        if let Some(runtime) = &self.runtime {
            runtime.spawn(async move { returning.reset().await });
        }
    }
}

/// A connection on its way back: discarded when it is dropped before it is clean, as it is where its runtime ends.
struct Returning(Option<Object<Manager>>);

impl Returning {
    async fn reset(&mut self) {
        if let Some(object) = &mut self.0
            && object.health() != Health::Dead
            && object.reset().await.is_ok()
        {
            // It is clean: deadpool's own drop hands it to the next borrower.
            self.0 = None;
        }
    }
}

impl Drop for Returning {
    fn drop(&mut self) {
        if let Some(object) = self.0.take() {
            drop(Object::take(object));
        }
    }
}
