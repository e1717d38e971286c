//! Queries that read.

use oarlock_core::dialect::Flavor;
use oarlock_core::{Error, Result};
use sea_query::{
    Alias, ColumnName, ColumnRef, Expr, ExprTrait, LockBehavior, LockType, NullOrdering, Order as SeaOrder,
    OverStatement, Query, SelectExpr, SelectStatement, TableName, TableRef, WindowStatement,
};

use super::stand_in::Param;
use super::{Named, Renderer, Scope, iden, table_name};
use crate::expr::{ColumnOp, Direction, Nulls, Op, OrderTerm};
use crate::query::{JoinKind, Lock, LockWait, Projection, Select, Source};

/// The number of a row among those of its parent.
const ROW_NUMBER: &str = "row_number_";

impl Renderer {
    /// Writes a query. Its values are taken in the order in which [`Select`] has them, whatever the order in the text.
    pub(super) fn select(&mut self, select: &Select) -> Result<SelectStatement> {
        self.enter(select);
        let statement = self.select_inside(select);
        self.scopes.pop();
        statement
    }

    fn enter(&mut self, select: &Select) {
        let depth = self.scopes.len();
        let sources = std::iter::once(&select.from).chain(select.joins.iter().map(|join| &join.source));
        let tables: Vec<Named> = sources
            .map(|source| {
                let name = match source.alias {
                    Some(alias) => alias.to_owned(),
                    // A table may be both in a query and in the one around it.
                    None if depth > 0 => format!("{}_{depth}", source.table.name()),
                    None => source.table.name().to_owned(),
                };
                Named { table: source.table, alias: source.alias, name }
            })
            .collect();
        let qualified = depth > 0 || tables.len() > 1 || select.has_subquery();
        self.scopes.push(Scope { tables, qualified });
    }

    fn select_inside(&mut self, select: &Select) -> Result<SelectStatement> {
        let mut statement = Query::select();
        let projection = self.projection(select)?;
        statement.from(self.table_ref(0));
        for (index, join) in select.joins.iter().enumerate() {
            let kind = match join.kind {
                JoinKind::Inner => sea_query::JoinType::InnerJoin,
                JoinKind::Left => sea_query::JoinType::LeftJoin,
            };
            let on = self.expr(&join.on)?;
            statement.join(kind, self.table_ref(index + 1), on);
        }
        if !select.filter.is_empty() {
            statement.and_where(self.expr(&select.filter)?);
        }
        for group in &select.group {
            statement.add_group_by([self.comparable(group)?]);
        }
        if !select.having.is_empty() {
            statement.and_having(self.expr(&select.having)?);
        }
        let order = select.order.iter().map(|term| self.order(term)).collect::<Result<Vec<_>>>()?;
        if select.distinct {
            statement.distinct();
        }
        if !select.limit_per.is_empty() {
            return self.limited_per(select, statement, projection, &order);
        }
        if select.distinct && select.projection == Projection::Count {
            // How many different rows there are, not how many different counts.
            statement.exprs(self.columns_of(select.from)?);
            return Ok(Query::select().exprs(projection).from_subquery(statement, "counted").take());
        }
        statement.exprs(projection);
        for term in order {
            term.apply(&mut statement);
        }
        self.limit(select, &mut statement);
        if let Some(lock) = select.lock {
            self.lock(lock, &mut statement)?;
        }
        Ok(statement)
    }

    fn projection(&mut self, select: &Select) -> Result<Vec<SelectExpr>> {
        match &select.projection {
            Projection::Model => self.columns_of(select.from),
            Projection::Tables(sources) => {
                let mut all = Vec::new();
                for source in sources {
                    all.extend(self.columns_of(*source)?);
                }
                Ok(all)
            }
            Projection::Values(outputs) => outputs
                .iter()
                .map(|output| {
                    let alias = output.name.map(iden);
                    if !select.distinct || !self.is(Flavor::Sqlite) {
                        return Ok(SelectExpr { expr: self.expr(&output.ops)?, alias, window: None });
                    }
                    // What makes a column comparable takes its name.
                    let alias = alias.or_else(|| match output.ops.as_slice() {
                        [Op::Column(op)] if op.is_decimal() => Some(iden(&op.table.column(op.column).name)),
                        _ => None,
                    });
                    Ok(SelectExpr { expr: self.comparable(&output.ops)?, alias, window: None })
                })
                .collect(),
            Projection::One => Ok(vec![Expr::cust("1").into()]),
            Projection::Count => Ok(vec![Expr::cust("COUNT(*)").into()]),
        }
    }

    fn columns_of(&self, source: Source) -> Result<Vec<SelectExpr>> {
        (0..source.table.columns().len())
            .map(|column| {
                let column = ColumnOp { table: source.table, alias: source.alias, column };
                self.column(column, self.scopes.len()).map(|column| Expr::Column(column).into())
            })
            .collect()
    }

    /// Gives a table of the innermost query, under its name there.
    fn table_ref(&self, index: usize) -> TableRef {
        let named = &self.scopes[self.scopes.len() - 1].tables[index];
        let alias = (named.name != named.table.name()).then(|| iden(&named.name));
        TableRef::Table(table_name(named.table), alias)
    }

    fn order(&mut self, term: &OrderTerm) -> Result<Ordered> {
        let column = term.column().map(|op| op.table.column(op.column));
        let nullable = column.is_none_or(|column| column.nullable);
        let nulls = match (term.nulls, term.direction) {
            _ if !nullable => None,
            // NULL is the least on SQLite and MySQL, and the greatest on PostgreSQL.
            (Nulls::Least, _) if !self.is(Flavor::Postgres) => None,
            (Nulls::First, _) | (Nulls::Least, Direction::Ascending) => Some(NullOrdering::First),
            (Nulls::Last, _) | (Nulls::Least, Direction::Descending) => Some(NullOrdering::Last),
        };
        let direction = match term.direction {
            Direction::Ascending => SeaOrder::Asc,
            Direction::Descending => SeaOrder::Desc,
        };
        Ok(Ordered { expr: self.comparable(&term.ops)?, direction, nulls })
    }

    fn limit(&mut self, select: &Select, statement: &mut SelectStatement) {
        if select.limit {
            statement.limit(Param::limit(self.take()));
        } else if select.offset && !self.is(Flavor::Postgres) {
            // Neither has OFFSET without LIMIT.
            statement.limit(i64::MAX.unsigned_abs());
        }
        if select.offset {
            statement.offset(Param::limit(self.take()));
        }
    }

    /// Numbers the rows of each parent, and reads the first ones of each.
    fn limited_per(
        &mut self,
        select: &Select,
        mut numbered: SelectStatement,
        columns: Vec<SelectExpr>,
        order: &[Ordered],
    ) -> Result<SelectStatement> {
        let mut window = WindowStatement::new();
        for column in &select.limit_per {
            window.add_partition_by(self.comparable(std::slice::from_ref(column))?);
        }
        for term in order {
            match term.nulls {
                Some(nulls) => window.order_by_expr_with_nulls(term.expr.clone(), term.direction.clone(), nulls),
                None => window.order_by_expr(term.expr.clone(), term.direction.clone()),
            };
        }
        // The columns get names that do not meet where two tables are read.
        let names: Vec<String> = (0..columns.len()).map(|index| format!("c{index}")).collect();
        for (column, name) in columns.into_iter().zip(&names) {
            numbered.expr_as(column.expr, Alias::new(name));
        }
        numbered.expr_window_as(Expr::cust("ROW_NUMBER()"), window, ROW_NUMBER);
        let inner = "numbered";
        let column = |name: &str| ColumnRef::Column(ColumnName(Some(TableName(None, iden(inner))), iden(name)));
        let mut statement = Query::select();
        statement.columns(names.iter().map(|name| column(name)));
        statement.from_subquery(numbered, inner);
        let most = Param::Value(self.take()).stand_in();
        statement.and_where(Expr::Column(column(ROW_NUMBER)).lte(most));
        statement.order_by(column(ROW_NUMBER), SeaOrder::Asc);
        Ok(statement)
    }

    fn lock(&self, lock: Lock, statement: &mut SelectStatement) -> Result<()> {
        if self.is(Flavor::Sqlite) {
            // A transaction that writes has the whole file to itself.
            return match lock.wait {
                LockWait::Wait => Ok(()),
                _ => Err(Error::not_supported("SQLite locks no rows: none can be skipped or refused")
                    .with_hint("begin the transaction for writing, which waits for the others")),
            };
        }
        let kind = if lock.shared { LockType::Share } else { LockType::Update };
        match lock.wait {
            LockWait::Wait => statement.lock(kind),
            LockWait::SkipLocked => statement.lock_with_behavior(kind, LockBehavior::SkipLocked),
            LockWait::NoWait => statement.lock_with_behavior(kind, LockBehavior::Nowait),
        };
        Ok(())
    }
}

/// One thing that rows are ordered by, written.
struct Ordered {
    expr: Expr,
    direction: SeaOrder,
    nulls: Option<NullOrdering>,
}

impl Ordered {
    fn apply(self, statement: &mut SelectStatement) {
        match self.nulls {
            Some(nulls) => statement.order_by_expr_with_nulls(self.expr, self.direction, nulls),
            None => statement.order_by_expr(self.expr, self.direction),
        };
    }
}
