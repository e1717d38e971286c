//! A [`Db`] whose calls have a limit of time.

use std::panic::Location;
use std::time::Duration;

use crate::connection::BoxFuture;
use crate::db::Db;
use crate::lease::Lease;
use crate::transaction::TxOptions;
use crate::tx::Tx;

/// A pool, connection or transaction whose calls have a limit of time: see
/// [`DbExt::with_timeout`](crate::DbExt::with_timeout).
#[derive(Debug)]
pub struct WithTimeout<'d, D: ?Sized> {
    db: &'d D,
    limit: Option<Duration>,
}

impl<'d, D: Db + ?Sized> WithTimeout<'d, D> {
    pub(crate) fn new(db: &'d D, limit: Option<Duration>) -> Self {
        Self { db, limit }
    }

    fn limited(&self, mut lease: Lease) -> Lease {
        lease.set_timeout(self.limit);
        lease
    }
}

impl<D: Db + ?Sized> Db for WithTimeout<'_, D> {
    fn lease(&self) -> BoxFuture<'_, Lease> {
        Box::pin(async move { self.db.lease().await.map(|lease| self.limited(lease)) })
    }

    fn begin_with(&self, options: TxOptions) -> BoxFuture<'_, Tx> {
        Box::pin(async move {
            let mut tx = self.db.begin_with(options).await?;
            tx.set_timeout(self.limit);
            Ok(tx)
        })
    }

    fn lease_now(&self, site: &'static Location<'static>) -> Option<Lease> {
        self.db.lease_now(site).map(|lease| self.limited(lease))
    }

    fn lease_at(&self, site: &'static Location<'static>) -> BoxFuture<'_, Lease> {
        Box::pin(async move { self.db.lease_at(site).await.map(|lease| self.limited(lease)) })
    }

    fn begin_at(&self, options: TxOptions, site: &'static Location<'static>) -> BoxFuture<'_, Tx> {
        Box::pin(async move {
            let mut tx = self.db.begin_at(options, site).await?;
            tx.set_timeout(self.limit);
            Ok(tx)
        })
    }

    fn is_transaction(&self) -> bool {
        self.db.is_transaction()
    }
}
