//! A connection around another: every call passes through, but for those that the wrapper takes itself.
//!
//! It is for what stands between a driver and its users: a log of the statements, or a driver with a fault that a test must
//! find. The contract's calls are listed here once, so that a new one needs no line in any wrapper.

use std::any::Any;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::cancel::Cancel;
use crate::catalog::{CatalogQuery, CatalogReply};
use crate::connection::{BoxFuture, Connection, DriverInfo, Health, Many, Query, TxState};
use crate::result::{Column, Description, Notice, Outcome, Reply, RowBatch, RowSink};
use crate::tpc::{Branch, Xid};
use crate::{Result, TxOptions};

/// Makes [`Decorate`] and the [`Connection`] that it is turned into of the list of calls.
macro_rules! calls {
    (
        $(&self: fn $look:ident(&$this:ident) $(-> $seen:ty)?;)+
        $(&mut self: fn $call:ident $(<$life:lifetime>)? (&$($own:lifetime)? mut $self:ident $(, $arg:ident: $ty:ty)*)
            $(-> $given:ty)?;)+
    ) => {
        /// What a connection around another does itself: every call that is not written goes to the inner one.
        ///
        /// See [`Connection`] for what each call does.
        #[allow(missing_docs, reason = "the calls are the contract's")]
        pub trait Decorate: Send {
            /// Gives the connection inside.
            fn inner(&self) -> &dyn Connection;

            /// Gives the connection inside.
            fn inner_mut(&mut self) -> &mut dyn Connection;

            $(fn $look(&$this) $(-> $seen)? {
                $this.inner().$look()
            })+

            $(#[allow(clippy::missing_errors_doc, reason = "the calls are the contract's")]
            fn $call $(<$life>)? (&$($own)? mut $self $(, $arg: $ty)*) $(-> $given)? {
                $self.inner_mut().$call($($arg),*)
            })+
        }

        #[deny(clippy::missing_trait_methods, reason = "a default would stand for the driver's own")]
        impl<D: Decorate> Connection for Decorated<D> {
            $(fn $look(&$this) $(-> $seen)? {
                $this.0.$look()
            })+

            $(fn $call $(<$life>)? (&$($own)? mut $self $(, $arg: $ty)*) $(-> $given)? {
                $self.0.$call($($arg),*)
            })+

            /// Is not done: a wrapper sees every statement in `start`.
            fn run_now(&mut self, _: &Query<'_>, _: &mut dyn RowSink) -> Result<Option<Outcome>> {
                Ok(None)
            }
        }
    };
}

/// The connection that a [`Decorate`] makes.
#[derive(Debug)]
pub struct Decorated<D>(pub D);

calls! {
    &self: fn info(&self) -> &DriverInfo;
    &self: fn health(&self) -> Health;
    &self: fn tx_state(&self) -> TxState;
    &self: fn columns(&self) -> &Arc<[Column]>;
    &self: fn more_sets(&self) -> bool;
    &self: fn canceller(&self) -> Option<Arc<dyn Cancel>>;
    &self: fn tpc_branch(&self) -> &Branch;
    &self: fn is_clean(&self) -> bool;
    &mut self: fn start<'a>(&'a mut self, query: Query<'a>) -> BoxFuture<'a, ()>;
    &mut self: fn poll_fill(&mut self, cx: &mut Context<'_>, max: usize) -> Poll<Result<Option<Arc<dyn RowBatch>>>>;
    &mut self: fn poll_next_set(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool>>;
    &mut self: fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<Outcome>>;
    &mut self: fn abandon(&mut self);
    &mut self: fn describe<'a>(&'a mut self, sql: &'a str) -> BoxFuture<'a, Description>;
    &mut self: fn execute_many<'a>(&'a mut self, many: Many<'a>) -> BoxFuture<'a, Outcome>;
    &mut self: fn pipeline<'a>(&'a mut self, options: &'a TxOptions, queries: &'a [Query<'a>]) -> BoxFuture<'a, Vec<Reply>>;
    &mut self: fn script<'a>(&'a mut self, text: &'a str) -> BoxFuture<'a, ()>;
    &mut self: fn begin<'a>(&'a mut self, options: &'a TxOptions) -> BoxFuture<'a, ()>;
    &mut self: fn commit(&mut self) -> BoxFuture<'_, ()>;
    &mut self: fn rollback(&mut self) -> BoxFuture<'_, ()>;
    &mut self: fn savepoint<'a>(&'a mut self, name: &'a str) -> BoxFuture<'a, ()>;
    &mut self: fn release_savepoint<'a>(&'a mut self, name: &'a str) -> BoxFuture<'a, ()>;
    &mut self: fn rollback_to_savepoint<'a>(&'a mut self, name: &'a str) -> BoxFuture<'a, ()>;
    &mut self: fn tpc_begin<'a>(&'a mut self, xid: &'a Xid) -> BoxFuture<'a, ()>;
    &mut self: fn tpc_prepare(&mut self) -> BoxFuture<'_, ()>;
    &mut self: fn tpc_commit<'a>(&'a mut self, recovered: Option<&'a Xid>) -> BoxFuture<'a, ()>;
    &mut self: fn tpc_rollback<'a>(&'a mut self, recovered: Option<&'a Xid>) -> BoxFuture<'a, ()>;
    &mut self: fn tpc_recover(&mut self) -> BoxFuture<'_, Vec<Xid>>;
    &mut self: fn reset(&mut self) -> BoxFuture<'_, ()>;
    &mut self: fn set_baseline(&mut self);
    &mut self: fn ping(&mut self) -> BoxFuture<'_, ()>;
    &mut self: fn warnings(&mut self) -> BoxFuture<'_, Vec<Notice>>;
    &mut self: fn catalog<'a>(&'a mut self, query: CatalogQuery<'a>) -> BoxFuture<'a, CatalogReply>;
    &mut self: fn close(&mut self) -> BoxFuture<'_, ()>;
    &mut self: fn driver(&mut self) -> Option<&mut dyn Any>;
    &mut self: fn native(&mut self) -> &mut dyn Any;
}
