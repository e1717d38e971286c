//! The fields in which a model holds the rows that it is related to.
//!
//! What several rows have in common (many posts, one author) is there once: the fields share it, so that nothing has to be
//! `Clone`, and a clone of a model is cheap.

use std::fmt;
use std::sync::Arc;

use oarlock_core::{Error, ErrorKind};
use serde::{Serialize, Serializer};

use crate::model::Model;

/// Says that a relation's rows were asked for and had not been loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotLoaded {
    kind: &'static str,
    model: &'static str,
}

impl fmt::Display for NotLoaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} was not loaded", self.kind, self.model)
    }
}

impl std::error::Error for NotLoaded {}

impl From<NotLoaded> for Error {
    fn from(error: NotLoaded) -> Self {
        Self::new(ErrorKind::Interface, error.to_string())
            .with_hint("load it with the query, by `.with(…)`, or for rows that are there, by `load`")
    }
}

/// A field that holds what a relation gives.
pub trait Slot: Sized {
    /// The model that is related.
    type Model: Model;

    /// Whether there can be several.
    const MANY: bool;

    /// Makes what is held of the rows that belong to one parent, or to several parents alike.
    fn of(rows: Vec<Self::Model>) -> Self;

    /// Gives the same for another parent.
    #[must_use]
    fn share(&self) -> Self;
}

/// What a slot holds, seen through a trait so that a model is `Send` whatever it is related to.
///
/// Were the rows themselves in the field, the compiler would look for `Send` in all models that can be reached from one, each inside the
/// other: in a schema of some twenty that hang together it comes to its recursion limit, and refuses them all.
trait Hold<T>: Send + Sync {
    fn held(&self) -> &T;
}

impl<T: Send + Sync> Hold<T> for T {
    fn held(&self) -> &T {
        self
    }
}

type Shared<T> = Arc<dyn Hold<T>>;

/// Gives what is shared: the pointer has a method `held`, too, which gives the pointer.
fn held<T>(shared: &Shared<T>) -> &T {
    (**shared).held()
}

macro_rules! slot {
    ($(#[$doc:meta])* $name:ident of many $many:literal holds $held:ty, gives $given:ty, $text:literal, |$inner:ident| $view:expr, |$rows:ident| $make:expr) => {
        $(#[$doc])*
        ///
        /// It is empty until it is loaded, and gives an error until then. It is serialized as what it holds, and as null where nothing was
        /// loaded.
        pub struct $name<C>(Option<$held>);

        impl<C> $name<C> {
            /// Makes one in which nothing is loaded.
            #[must_use]
            pub const fn unloaded() -> Self {
                Self(None)
            }

            /// Tells whether it was loaded.
            pub const fn is_loaded(&self) -> bool {
                self.0.is_some()
            }
        }

        impl<C: Model> $name<C> {
            /// Gives what was loaded.
            ///
            /// # Errors
            ///
            /// [`NotLoaded`], which becomes an `Interface` error.
            pub fn get(&self) -> Result<$given, NotLoaded> {
                match &self.0 {
                    Some($inner) => Ok($view),
                    None => Err(NotLoaded { kind: $text, model: C::DEF.name }),
                }
            }
        }

        impl<C: Model> Slot for $name<C> {
            type Model = C;

            const MANY: bool = $many;

            fn of($rows: Vec<C>) -> Self {
                Self(Some($make))
            }

            fn share(&self) -> Self {
                Self(self.0.clone())
            }
        }

        impl<C> Default for $name<C> {
            fn default() -> Self {
                Self::unloaded()
            }
        }

        impl<C> Clone for $name<C> {
            fn clone(&self) -> Self {
                Self(self.0.clone())
            }
        }

        impl<C: PartialEq> PartialEq for $name<C> {
            fn eq(&self, other: &Self) -> bool {
                self.0.as_ref().map(|$inner| $view) == other.0.as_ref().map(|$inner| $view)
            }
        }

        impl<C: Eq> Eq for $name<C> {}

        impl<C: fmt::Debug> fmt::Debug for $name<C> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match &self.0 {
                    Some($inner) => $view.fmt(f),
                    None => f.write_str("not loaded"),
                }
            }
        }

        impl<C: Serialize> Serialize for $name<C> {
            fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
                match &self.0 {
                    Some($inner) => Serialize::serialize(&$view, serializer),
                    None => serializer.serialize_none(),
                }
            }
        }
    };
}

slot! {
    /// The rows of another table that refer to this one.
    HasMany of many true holds Shared<Vec<C>>, gives &[C], "the list", |inner| held(inner).as_slice(), |rows| Arc::new(rows)
}

slot! {
    /// The one row of another table that refers to this one, if there is one.
    HasOne of many false holds Option<Shared<C>>, gives Option<&C>, "the one", |inner| inner.as_ref().map(held), |rows| rows.into_iter().next().map(|row| Arc::new(row) as _)
}

slot! {
    /// The row of another table that this one refers to, if it refers to one.
    BelongsTo of many false holds Option<Shared<C>>, gives Option<&C>, "the owner", |inner| inner.as_ref().map(held), |rows| rows.into_iter().next().map(|row| Arc::new(row) as _)
}

impl<C: Model> BelongsTo<C> {
    /// Gives the row that this one must refer to, because its key is not NULL.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get), and `RowNotFound` where there is none.
    pub fn require(&self) -> Result<&C, Error> {
        self.get()?.ok_or_else(crate::query::not_found::<C>)
    }
}

/// The rows of another table that rows of a third one join with this one, each with its joining row where `J` is the model of
/// that table.
///
/// It is empty until it is loaded, and gives an error until then. It is serialized as the list of the rows, without the joining
/// ones, and as null where nothing was loaded.
pub struct ManyToMany<C, J = ()>(Option<Shared<(Vec<C>, Vec<J>)>>);

impl<C, J> ManyToMany<C, J> {
    /// Makes one in which nothing is loaded.
    #[must_use]
    pub const fn unloaded() -> Self {
        Self(None)
    }

    /// Tells whether it was loaded.
    pub const fn is_loaded(&self) -> bool {
        self.0.is_some()
    }

    fn held(&self) -> Option<&(Vec<C>, Vec<J>)> {
        self.0.as_ref().map(held)
    }
}

impl<C: Send + Sync + 'static, J: Send + Sync + 'static> ManyToMany<C, J> {
    pub(crate) fn of_pairs(rows: Vec<C>, joins: Vec<J>) -> Self {
        Self(Some(Arc::new((rows, joins))))
    }
}

impl<C: Model, J> ManyToMany<C, J> {
    const NOT_LOADED: NotLoaded = NotLoaded { kind: "the list", model: C::DEF.name };

    /// Gives the rows.
    ///
    /// # Errors
    ///
    /// [`NotLoaded`], which becomes an `Interface` error.
    pub fn get(&self) -> Result<&[C], NotLoaded> {
        self.held().map(|held| held.0.as_slice()).ok_or(Self::NOT_LOADED)
    }

    /// Gives the rows, each with the one that joins it with this one.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub fn pairs(&self) -> Result<impl ExactSizeIterator<Item = (&C, &J)>, NotLoaded> {
        self.held().map(|held| held.0.iter().zip(&held.1)).ok_or(Self::NOT_LOADED)
    }
}

impl<C, J> Default for ManyToMany<C, J> {
    fn default() -> Self {
        Self::unloaded()
    }
}

impl<C, J> Clone for ManyToMany<C, J> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<C: PartialEq, J: PartialEq> PartialEq for ManyToMany<C, J> {
    fn eq(&self, other: &Self) -> bool {
        self.held() == other.held()
    }
}

impl<C: Eq, J: Eq> Eq for ManyToMany<C, J> {}

impl<C: fmt::Debug, J: fmt::Debug> fmt::Debug for ManyToMany<C, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.held() {
            Some(held) => f.debug_list().entries(held.0.iter().zip(&held.1)).finish(),
            None => f.write_str("not loaded"),
        }
    }
}

impl<C: Serialize, J> Serialize for ManyToMany<C, J> {
    fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        self.held().map(|held| &held.0).serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A model related to one that is related to one, and so on: three slots for each dot.
    macro_rules! deep {
        () => { u8 };
        (. $($dots:tt)*) => { HasMany<BelongsTo<ManyToMany<deep!($($dots)*)>>> };
    }

    #[test]
    fn models_are_send_however_many_they_are_related_to() {
        fn sendable<T: Send + Sync>() -> usize {
            size_of::<T>()
        }
        assert_eq!(sendable::<deep!(. . . . . . . . . . . .)>(), size_of::<HasMany<u8>>());
    }
}
