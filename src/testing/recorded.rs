//! A connection that notes what runs on it.

use oarlock_core::TxOptions;
use oarlock_core::connection::{BoxFuture, Connection, Many, Query};
use oarlock_core::decorate::{Decorate, Decorated};
use oarlock_core::result::{Outcome, Reply};

use super::query_log::QueryLog;

/// A connection with a log. It passes everything on.
pub(super) struct Recorded {
    connection: Box<dyn Connection>,
    log: QueryLog,
}

impl Recorded {
    pub(super) fn connection(connection: Box<dyn Connection>, log: QueryLog) -> Box<dyn Connection> {
        Box::new(Decorated(Self { connection, log }))
    }
}

impl Decorate for Recorded {
    fn inner(&self) -> &dyn Connection {
        &*self.connection
    }

    fn inner_mut(&mut self) -> &mut dyn Connection {
        &mut *self.connection
    }

    fn start<'a>(&'a mut self, query: Query<'a>) -> BoxFuture<'a, ()> {
        self.log.add(query.sql);
        self.connection.start(query)
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
}
