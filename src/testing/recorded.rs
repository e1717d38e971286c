//! A connection that notes what runs on it.

use std::any::Any;
use std::sync::Arc;
use std::task::{Context, Poll};

use oarlock_core::cancel::Cancel;
use oarlock_core::catalog::{CatalogQuery, CatalogReply};
use oarlock_core::connection::{BoxFuture, Connection, DriverInfo, Health, Many, Query, TxState};
use oarlock_core::result::{Column, Description, Notice, Outcome, Reply, RowBatch};
use oarlock_core::tpc::{Branch, Xid};
use oarlock_core::{Result, TxOptions};

use super::query_log::QueryLog;

/// A connection with a log. It passes everything on.
pub(super) struct Recorded {
    connection: Box<dyn Connection>,
    log: QueryLog,
}

impl Recorded {
    pub(super) fn new(connection: Box<dyn Connection>, log: QueryLog) -> Self {
        Self { connection, log }
    }
}

#[deny(clippy::missing_trait_methods, reason = "a default would stand for the driver's own")]
impl Connection for Recorded {
    fn info(&self) -> &DriverInfo {
        self.connection.info()
    }

    fn health(&self) -> Health {
        self.connection.health()
    }

    fn tx_state(&self) -> TxState {
        self.connection.tx_state()
    }

    fn start<'a>(&'a mut self, query: Query<'a>) -> BoxFuture<'a, ()> {
        self.log.add(query.sql);
        self.connection.start(query)
    }

    fn columns(&self) -> &Arc<[Column]> {
        self.connection.columns()
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>, max: usize) -> Poll<Result<Option<Arc<dyn RowBatch>>>> {
        self.connection.poll_fill(cx, max)
    }

    fn more_sets(&self) -> bool {
        self.connection.more_sets()
    }

    fn poll_next_set(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool>> {
        self.connection.poll_next_set(cx)
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<Outcome>> {
        self.connection.poll_finish(cx)
    }

    fn abandon(&mut self) {
        self.connection.abandon();
    }

    fn canceller(&self) -> Option<Arc<dyn Cancel>> {
        self.connection.canceller()
    }

    fn describe<'a>(&'a mut self, sql: &'a str) -> BoxFuture<'a, Description> {
        self.connection.describe(sql)
    }

    fn execute_many<'a>(&'a mut self, many: Many<'a>) -> BoxFuture<'a, Outcome> {
        self.log.add(many.sql);
        self.connection.execute_many(many)
    }

    fn pipeline<'a>(&'a mut self, options: &'a TxOptions, queries: &'a [Query<'a>]) -> BoxFuture<'a, Vec<Reply>> {
        for query in queries {
            self.log.add(query.sql);
        }
        self.connection.pipeline(options, queries)
    }

    fn script<'a>(&'a mut self, text: &'a str) -> BoxFuture<'a, ()> {
        self.log.add(text);
        self.connection.script(text)
    }

    fn begin<'a>(&'a mut self, options: &'a TxOptions) -> BoxFuture<'a, ()> {
        self.connection.begin(options)
    }

    fn commit(&mut self) -> BoxFuture<'_, ()> {
        self.connection.commit()
    }

    fn rollback(&mut self) -> BoxFuture<'_, ()> {
        self.connection.rollback()
    }

    fn savepoint<'a>(&'a mut self, name: &'a str) -> BoxFuture<'a, ()> {
        self.connection.savepoint(name)
    }

    fn release_savepoint<'a>(&'a mut self, name: &'a str) -> BoxFuture<'a, ()> {
        self.connection.release_savepoint(name)
    }

    fn rollback_to_savepoint<'a>(&'a mut self, name: &'a str) -> BoxFuture<'a, ()> {
        self.connection.rollback_to_savepoint(name)
    }

    fn tpc_branch(&self) -> &Branch {
        self.connection.tpc_branch()
    }

    fn tpc_begin<'a>(&'a mut self, xid: &'a Xid) -> BoxFuture<'a, ()> {
        self.connection.tpc_begin(xid)
    }

    fn tpc_prepare(&mut self) -> BoxFuture<'_, ()> {
        self.connection.tpc_prepare()
    }

    fn tpc_commit<'a>(&'a mut self, recovered: Option<&'a Xid>) -> BoxFuture<'a, ()> {
        self.connection.tpc_commit(recovered)
    }

    fn tpc_rollback<'a>(&'a mut self, recovered: Option<&'a Xid>) -> BoxFuture<'a, ()> {
        self.connection.tpc_rollback(recovered)
    }

    fn tpc_recover(&mut self) -> BoxFuture<'_, Vec<Xid>> {
        self.connection.tpc_recover()
    }

    fn reset(&mut self) -> BoxFuture<'_, ()> {
        self.connection.reset()
    }

    fn is_clean(&self) -> bool {
        self.connection.is_clean()
    }

    fn set_baseline(&mut self) {
        self.connection.set_baseline();
    }

    fn ping(&mut self) -> BoxFuture<'_, ()> {
        self.connection.ping()
    }

    fn warnings(&mut self) -> BoxFuture<'_, Vec<Notice>> {
        self.connection.warnings()
    }

    fn catalog<'a>(&'a mut self, query: CatalogQuery<'a>) -> BoxFuture<'a, CatalogReply> {
        self.connection.catalog(query)
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        self.connection.close()
    }

    fn native(&mut self) -> &mut dyn Any {
        self.connection.native()
    }

    fn driver(&mut self) -> Option<&mut dyn Any> {
        self.connection.driver()
    }
}
