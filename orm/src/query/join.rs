//! Joins through relations.

use super::{Join, JoinKind, Query, Source};
use crate::expr::{Binary, ColumnOp, Op, Unary};
use crate::model::{Model, Role, TableInfo};
use crate::relation::{ManyRelation, Relation, Slot};

/// A relation that tables can be joined through.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no relation",
    label = "expected a relation of a model, as `User::POSTS`"
)]
pub trait JoinThrough {
    /// Gives the joins, in their order.
    fn joins(self, kind: JoinKind, alias: Option<&'static str>) -> Vec<Join>;
}

#[diagnostic::do_not_recommend]
impl<P: Model, S: Slot> JoinThrough for Relation<P, S> {
    fn joins(self, kind: JoinKind, alias: Option<&'static str>) -> Vec<Join> {
        let (parent, child) = self.columns(self.key());
        let source = Source { table: S::Model::table(), alias };
        let from = Source { table: P::table(), alias: None };
        vec![Join { kind, source, on: matching(from, &parent, source, &child) }]
    }
}

#[diagnostic::do_not_recommend]
impl<P: Model, C: Model, J> JoinThrough for ManyRelation<P, C, J> {
    fn joins(self, kind: JoinKind, alias: Option<&'static str>) -> Vec<Join> {
        let (through, to_parent, to_child) = self.keys();
        let (parent, middle) = (Source { table: P::table(), alias: None }, Source { table: through, alias: None });
        let child = Source { table: C::table(), alias };
        vec![
            Join { kind, source: middle, on: matching(parent, &to_parent.referenced(), middle, to_parent.columns()) },
            Join { kind, source: child, on: matching(middle, to_child.columns(), child, &to_child.referenced()) },
        ]
    }
}

/// Makes the condition that columns of two tables are equal, and that the second one's row is not marked as deleted.
fn matching(left: Source, left_columns: &[usize], right: Source, right_columns: &[usize]) -> Vec<Op> {
    let column =
        |source: Source, column: usize| Op::Column(ColumnOp { table: source.table, alias: source.alias, column });
    let mut ops = Vec::new();
    for (index, (one, other)) in left_columns.iter().zip(right_columns).enumerate() {
        ops.extend([column(left, *one), column(right, *other), Op::Binary(Binary::Eq)]);
        if index > 0 {
            ops.push(Op::Binary(Binary::And));
        }
    }
    if let Some(deleted) = deleted(right.table) {
        ops.extend([column(right, deleted), Op::Unary(Unary::IsNull), Op::Binary(Binary::And)]);
    }
    ops
}

fn deleted(table: &TableInfo) -> Option<usize> {
    table.of_role(Role::DeletedAt)
}

impl<M: Model> Query<M> {
    /// Joins the rows of a relation: each row comes once for each related one, and not at all where there is none. The columns of
    /// the related model can be named from then on. Rows that are marked as deleted are not joined.
    pub fn join(self, relation: impl JoinThrough) -> Self {
        self.joined(relation.joins(JoinKind::Inner, None))
    }

    /// Joins as [`join`](Self::join) does, and keeps the rows that have none: the related columns are NULL then.
    pub fn left_join(self, relation: impl JoinThrough) -> Self {
        self.joined(relation.joins(JoinKind::Left, None))
    }

    /// Joins under another name, by which columns are told: `Employee::NAME.of("manager")`.
    pub fn join_as(self, relation: impl JoinThrough, alias: &'static str) -> Self {
        self.joined(relation.joins(JoinKind::Inner, Some(alias)))
    }

    /// Joins as [`left_join`](Self::left_join) does, under another name.
    pub fn left_join_as(self, relation: impl JoinThrough, alias: &'static str) -> Self {
        self.joined(relation.joins(JoinKind::Left, Some(alias)))
    }

    fn joined(mut self, joins: Vec<Join>) -> Self {
        if self.select.joins.is_empty() {
            self.select.joins = joins;
        } else {
            self.select.joins.extend(joins);
        }
        self
    }
}
