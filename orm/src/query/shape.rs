//! The shape of a query that reads.

use std::hash::{Hash, Hasher};

use crate::expr::{Op, OrderTerm};
use crate::model::TableInfo;

/// What a query reads, without its values. Two queries that are equal here have the same SQL on one database.
///
/// The values of all its programs stand in one list, in the order of the fields here; the values of `limit` and `offset` are
/// the last ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Select {
    /// The table that rows are read from.
    pub from: Source,
    /// What each row gives.
    pub projection: Projection,
    /// Whether equal rows count once.
    pub distinct: bool,
    /// The tables that take part.
    pub joins: Vec<Join>,
    /// What must be true of a row; nothing where it is empty.
    pub filter: Vec<Op>,
    /// What rows are grouped by.
    pub group: Vec<Vec<Op>>,
    /// What must be true of a group.
    pub having: Vec<Op>,
    /// The order of the rows.
    pub order: Vec<OrderTerm>,
    /// Where it is not empty, rows are numbered in their order for each value of these columns, and one more value says how many
    /// of each are read.
    pub limit_per: Vec<Op>,
    /// Whether there is a limit.
    pub limit: bool,
    /// Whether rows are left out at the beginning.
    pub offset: bool,
    /// Whether the rows are locked.
    pub lock: Option<Lock>,
}

impl Select {
    /// Makes the query that reads all rows of a table.
    #[must_use]
    pub fn from(table: &'static TableInfo) -> Self {
        Self {
            from: Source { table, alias: None },
            projection: Projection::Model,
            distinct: false,
            joins: Vec::new(),
            filter: Vec::new(),
            group: Vec::new(),
            having: Vec::new(),
            order: Vec::new(),
            limit_per: Vec::new(),
            limit: false,
            offset: false,
            lock: None,
        }
    }
}

/// Each query is looked up by its hash, and most queries have nothing in most fields: how much there is in each goes in as one number.
impl Hash for Select {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { from, projection, distinct, joins, filter, group, having, order, limit_per, limit, offset, lock } =
            self;
        let counts = [joins.len(), filter.len(), group.len(), having.len(), order.len(), limit_per.len()];
        let flags = usize::from(*distinct) | usize::from(*limit) << 1 | usize::from(*offset) << 2;
        state.write_usize(counts.into_iter().fold(flags, |sum, count| sum.wrapping_shl(8).wrapping_add(count)));
        from.hash(state);
        projection.hash(state);
        lock.hash(state);
        for join in joins {
            join.hash(state);
        }
        for term in order {
            term.hash(state);
        }
        for op in group.iter().flatten().chain(filter).chain(having).chain(limit_per) {
            op.hash(state);
        }
    }
}

impl Select {
    /// Tells whether there is a query inside, whose table may be one of this one's.
    pub(crate) fn has_subquery(&self) -> bool {
        self.programs().flatten().any(|op| matches!(op, Op::Subquery(..)))
    }

    /// Gives the programs of everything but the joins.
    pub(crate) fn programs(&self) -> impl Iterator<Item = &Vec<Op>> {
        std::iter::once(&self.filter)
            .chain(std::iter::once(&self.having))
            .chain(&self.group)
            .chain(self.order.iter().map(|term| &term.ops))
            .chain(
                match &self.projection {
                    Projection::Values(outputs) => outputs.as_slice(),
                    _ => &[],
                }
                .iter()
                .map(|output| &output.ops),
            )
    }
}

/// A table that takes part in a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Source {
    /// The table.
    pub table: &'static TableInfo,
    /// The name under which it takes part, where that is not its own.
    pub alias: Option<&'static str>,
}

/// What each row of a query gives.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Projection {
    /// The columns of the table that rows are read from, in their order.
    Model,
    /// The columns of tables, one table after the other.
    Tables(Vec<Source>),
    /// The values of expressions.
    Values(Vec<Output>),
    /// That there is a row.
    One,
    /// How many rows there are.
    Count,
}

/// One of the values that each row of a query gives.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Output {
    /// The expression.
    pub ops: Vec<Op>,
    /// The name that it gets, where it is not its column's.
    pub name: Option<&'static str>,
}

/// A table that is joined.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Join {
    /// Which rows are kept.
    pub kind: JoinKind,
    /// The table.
    pub source: Source,
    /// What must be true of a pair.
    pub on: Vec<Op>,
}

/// Which rows a join keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JoinKind {
    /// Those with a partner.
    Inner,
    /// All of the left side.
    Left,
}

/// How rows that are read are locked until the transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lock {
    /// Whether others may still read them with a lock of their own.
    pub shared: bool,
    /// What happens where another has locked one.
    pub wait: LockWait,
}

/// What happens where another transaction has locked a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LockWait {
    /// It is waited for.
    Wait,
    /// It is left out.
    SkipLocked,
    /// It is an error.
    NoWait,
}
