//! Statements that were written before.

use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use hashbrown::{Equivalent, HashMap};
use oarlock_core::Result;
use oarlock_core::dialect::Flavor;

use super::{Rendered, Shape, render};

/// How many statements are kept. A program has as many shapes as it has places that make queries, unless it makes them up at
/// run time; then all go, and those in use are written again.
const KEPT: usize = 4096;

type Statements = HashMap<(Flavor, Shape), Arc<Rendered>>;

static STATEMENTS: LazyLock<RwLock<Statements>> = LazyLock::new(RwLock::default);

/// A statement's key, borrowed.
#[derive(Hash)]
struct Key<'s>(Flavor, &'s Shape);

impl Equivalent<(Flavor, Shape)> for Key<'_> {
    fn equivalent(&self, key: &(Flavor, Shape)) -> bool {
        self.0 == key.0 && *self.1 == key.1
    }
}

/// Gives the statement of a shape. It is written the first time.
pub(crate) fn rendered(shape: &Shape, flavor: Flavor) -> Result<Arc<Rendered>> {
    // What is behind the lock is whole at every moment, whoever panicked.
    let statements = STATEMENTS.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = statements.get(&Key(flavor, shape)) {
        return Ok(Arc::clone(found));
    }
    drop(statements);
    let made = Arc::new(render(shape, flavor)?);
    let mut statements = STATEMENTS.write().unwrap_or_else(PoisonError::into_inner);
    if statements.len() >= KEPT {
        statements.clear();
    }
    statements.insert((flavor, shape.clone()), Arc::clone(&made));
    Ok(made)
}
