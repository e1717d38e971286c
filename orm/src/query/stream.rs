//! Rows as they arrive.

use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use oarlock_core::{Cursor, Result};

use super::places;
use crate::model::Model;

/// A query's rows as they arrive. It holds a connection until it is dropped.
pub struct ModelStream<M> {
    cursor: Cursor,
    model: PhantomData<fn() -> M>,
}

impl<M: Model> ModelStream<M> {
    pub(super) fn new(cursor: Cursor) -> Self {
        Self { cursor, model: PhantomData }
    }

    /// Reads the next row, or `None` at the end.
    ///
    /// # Errors
    ///
    /// The row's own that cannot be read, and the statement's late failure.
    pub async fn next(&mut self) -> Result<Option<M>> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await.transpose()
    }
}

impl<M: Model> Stream for ModelStream<M> {
    type Item = Result<M>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let row = ready!(Pin::new(&mut self.cursor).poll_next(cx));
        Poll::Ready(row.map(|row| row.and_then(|row| M::read(places::<M>(0), row.as_ref()))))
    }
}
