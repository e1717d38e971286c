//! One value of all rows.

use std::future::Future;
use std::panic::Location;

use oarlock_core::{Db, Error, ErrorKind, FromValue, Result};

use super::Query;
use crate::expr::{Expr, Number};
use crate::model::Model;

/// One value of the rows for which the condition is true, in one statement. A limit, an offset, an order, a lock
/// and relations do not matter.
impl<M: Model> Query<M> {
    /// Sums a column or an expression up, `None` over no rows: of integers one of 64 bits, past which is an error.
    ///
    /// # Errors
    ///
    /// As [`all`](Self::all).
    #[track_caller]
    pub fn sum<T: Number<Sum: FromValue + Send>, D: Db + ?Sized>(
        self,
        db: &D,
        of: impl Into<Expr<T>>,
    ) -> impl Future<Output = Result<T::Sum>> + Send {
        self.aggregate(db, of.into().sum(), Location::caller())
    }

    /// Gives the mean of a column or an expression, `None` over no rows.
    ///
    /// # Errors
    ///
    /// As [`all`](Self::all).
    #[track_caller]
    pub fn average<T: Number, D: Db + ?Sized>(
        self,
        db: &D,
        of: impl Into<Expr<T>>,
    ) -> impl Future<Output = Result<Option<f64>>> + Send {
        self.aggregate(db, of.into().average(), Location::caller())
    }

    /// Gives the least value of a column or an expression, `None` over no rows.
    ///
    /// # Errors
    ///
    /// As [`all`](Self::all).
    #[track_caller]
    pub fn min<T: FromValue + Send, D: Db + ?Sized>(
        self,
        db: &D,
        of: impl Into<Expr<T>>,
    ) -> impl Future<Output = Result<Option<T>>> + Send {
        self.aggregate(db, of.into().min(), Location::caller())
    }

    /// Gives the greatest value of a column or an expression, `None` over no rows.
    ///
    /// # Errors
    ///
    /// As [`all`](Self::all).
    #[track_caller]
    pub fn max<T: FromValue + Send, D: Db + ?Sized>(
        self,
        db: &D,
        of: impl Into<Expr<T>>,
    ) -> impl Future<Output = Result<Option<T>>> + Send {
        self.aggregate(db, of.into().max(), Location::caller())
    }

    fn aggregate<T: FromValue + Send, D: Db + ?Sized>(
        mut self,
        db: &D,
        value: Expr<T>,
        site: &'static Location<'static>,
    ) -> impl Future<Output = Result<T>> + Send {
        self.over_all_rows();
        self.select.distinct = false;
        let rows = self.select(value).all_at(db, site);
        async move {
            rows.await?.pop().ok_or_else(|| Error::new(ErrorKind::Internal, "an aggregate without groups gave no row"))
        }
    }
}
