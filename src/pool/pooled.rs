//! A borrowed connection, and how it goes back.

use deadpool::managed::Object;
use oarlock_core::connection::{Connection, Health};
use oarlock_core::lease::Hold;
use tokio::runtime::Handle;

use super::manager::Manager;

/// A connection that returns to its pool when it is dropped.
pub(super) struct Pooled(Option<Object<Manager>>);

impl Pooled {
    pub(super) fn new(object: Object<Manager>) -> Self {
        Self(Some(object))
    }
}

impl Hold for Pooled {
    fn connection(&mut self) -> &mut dyn Connection {
        let object = self.0.as_mut().expect("invariant: only drop takes the object out");
        &mut ***object
    }
}

impl Drop for Pooled {
    /// A drop cannot wait: a task rolls the session back and resets it, and only then is it free for the next borrower.
    /// Where there is no runtime to run the task, or the session is lost, the connection is discarded.
    fn drop(&mut self) {
        let Some(mut object) = self.0.take() else {
            return;
        };
        match Handle::try_current() {
            Ok(runtime) if object.health() != Health::Dead => {
                runtime.spawn(async move {
                    if object.reset().await.is_err() {
                        discard(object);
                    }
                });
            }
            _ => discard(object),
        }
    }
}

fn discard(object: Object<Manager>) {
    drop(Object::take(object));
}
