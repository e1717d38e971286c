//! The suite against drivers that are wrong: SQLite's, with one fault each, must fail the rule that is there for it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll};

use oarlock_conformance::{
    Bench, Place, Setup, Slow, Verdict, Way, capabilities, catalog, dropped, errors, leaks, outcomes, parameters,
    required, results, run, session, transactions, two_phase, values,
};
use oarlock_core::catalog::{CatalogQuery, CatalogReply};
use oarlock_core::connection::{BoxFuture, DriverInfo, Many, Query, no_two_phase, run as run_statement};
use oarlock_core::decorate::{Decorate, Decorated};
use oarlock_core::factory::{DriverFactory, Purpose};
use oarlock_core::params::Parameters;
use oarlock_core::{
    Capabilities, Column, Connection, Error, ErrorKind, Outcome, Result, RowBatch, TxOptions, TxState, Url, ValueRef,
    Xid,
};
use oarlock_sqlite::FACTORY;
use tempfile::TempDir;

/// What a driver does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    AbandonsAnOpenStatement,
    CloseDoesNothing,
    CommitNeverFails,
    CommitsOneByOne,
    CountsAreStale,
    DeclaresLess,
    DropsALateError,
    EmptyTextIsNull,
    ForgetsIndexes,
    ForgetsTheBatchIndex,
    ForgetsTheOrigin,
    IgnoresTheMaximum,
    IntegersWrap,
    KeepsTheKey,
    KindsAreCoarse,
    LosesRows,
    MissingParametersAreNull,
    NumbersAreRounded,
    OnePhaseForTwo,
    PastesNames,
    PingAlwaysSucceeds,
    RefusesNoOption,
    ResetDoesNothing,
    RollbackDoesNothing,
    SessionsLinger,
    RunsADroppedStatement,
    StateIsAlwaysAuto,
    TimesShift,
}

struct Faulty {
    inner: Option<Box<dyn Connection>>,
    info: DriverInfo,
    fault: Fault,
    columns: Arc<[Column]>,
    last: Outcome,
    open: bool,
    /// The statement whose start has not come to its end.
    started: Option<String>,
}

impl Faulty {
    fn new(inner: Box<dyn Connection>, fault: Fault) -> Self {
        let mut info = inner.info().clone();
        if fault == Fault::DeclaresLess {
            info.capabilities.savepoints = false;
        }
        info.capabilities.two_phase = fault == Fault::OnePhaseForTwo;
        Self {
            inner: Some(inner),
            info,
            fault,
            columns: Arc::default(),
            last: Outcome::default(),
            open: false,
            started: None,
        }
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn coarse(&self, error: Error) -> Error {
        match error.kind() {
            ErrorKind::Interface | ErrorKind::Parameters => error,
            _ if self.is(Fault::KindsAreCoarse) => Error::new(ErrorKind::Database, error.message()),
            _ => error,
        }
    }

    /// Does to a bound value what the fault says.
    fn bound<'v>(&self, value: ValueRef<'v>) -> ValueRef<'v> {
        match value {
            ValueRef::I64(number) if self.is(Fault::IntegersWrap) => ValueRef::I64(i64::from(wrapped(number))),
            ValueRef::Text("") if self.is(Fault::EmptyTextIsNull) => ValueRef::Null,
            ValueRef::F64(number) if self.is(Fault::NumbersAreRounded) => ValueRef::F64((number * 1e6).round() / 1e6),
            value => value,
        }
    }

    async fn send(&mut self, query: Query<'_>) -> Result<()> {
        if self.is(Fault::AbandonsAnOpenStatement) && self.open {
            self.inner_mut().abandon();
        }
        let mut values: Vec<ValueRef<'_>> = query.params.values.iter().map(|value| self.bound(*value)).collect();
        if self.is(Fault::MissingParametersAreNull) && query.params.names.is_none() {
            let wanted = query.sql.matches('?').count();
            values.resize(wanted.max(values.len()), ValueRef::Null);
        }
        let params = Parameters { names: query.params.names, values: &values };
        let before = self.started.replace(query.sql.to_owned()).filter(|_| self.is(Fault::RunsADroppedStatement));
        let query = Query::new(before.as_deref().unwrap_or(query.sql)).params(params).guarded(query.guarded);
        let started = self.inner_mut().start(query).await;
        self.started = None;
        if let Err(error) = started {
            return Err(self.coarse(error));
        }
        self.open = true;
        self.columns = Arc::clone(self.inner().columns());
        if self.is(Fault::ForgetsTheOrigin) {
            self.columns = self.columns.iter().map(|column| Column { origin: None, ..column.clone() }).collect();
        }
        Ok(())
    }
}

/// Cuts a number to 32 bits, as a careless cast does.
fn wrapped(number: i64) -> i32 {
    let bytes = number.to_le_bytes();
    i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

impl Drop for Faulty {
    fn drop(&mut self) {
        if self.is(Fault::SessionsLinger) {
            std::mem::forget(self.inner.take());
        }
    }
}

/// Rows of which the last is lost, or whose times are an hour off.
struct Spoiled {
    rows: Arc<dyn RowBatch>,
    fault: Fault,
}

impl RowBatch for Spoiled {
    fn len(&self) -> usize {
        let lost = usize::from(self.fault == Fault::LosesRows && self.rows.len() > 1);
        self.rows.len() - lost
    }

    fn get(&self, row: usize, column: usize) -> Result<ValueRef<'_>> {
        Ok(match self.rows.get(row, column)? {
            ValueRef::Instant(micros) if self.fault == Fault::TimesShift => ValueRef::Instant(micros + 3_600_000_000),
            value => value,
        })
    }
}

impl Decorate for Faulty {
    fn inner(&self) -> &dyn Connection {
        &**self.inner.as_ref().expect("it is there until the drop")
    }

    fn inner_mut(&mut self) -> &mut dyn Connection {
        &mut **self.inner.as_mut().expect("it is there until the drop")
    }

    fn info(&self) -> &DriverInfo {
        &self.info
    }

    fn tx_state(&self) -> TxState {
        if self.is(Fault::StateIsAlwaysAuto) { TxState::Auto } else { self.inner().tx_state() }
    }

    fn start<'a>(&'a mut self, query: Query<'a>) -> BoxFuture<'a, ()> {
        Box::pin(self.send(query))
    }

    fn columns(&self) -> &Arc<[Column]> {
        &self.columns
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>, max: usize) -> Poll<Result<Option<Arc<dyn RowBatch>>>> {
        let max = if self.is(Fault::IgnoresTheMaximum) { 1000 } else { max };
        let fault = self.fault;
        let late = fault == Fault::DropsALateError;
        self.inner_mut().poll_fill(cx, max).map(|filled| match filled {
            Err(_) if late => Ok(None),
            filled => Ok(filled?.map(|rows| Arc::new(Spoiled { rows, fault }) as Arc<dyn RowBatch>)),
        })
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<Outcome>> {
        self.open = false;
        let finished = match self.inner_mut().poll_finish(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(finished) => finished,
        };
        Poll::Ready(match finished {
            Ok(mut outcome) => {
                if self.is(Fault::CountsAreStale) {
                    outcome.rows_affected = outcome.rows_affected.or(self.last.rows_affected);
                }
                if self.is(Fault::KeepsTheKey) {
                    outcome.last_insert_id = outcome.last_insert_id.or(self.last.last_insert_id);
                }
                self.last = outcome;
                Ok(outcome)
            }
            Err(_) if self.is(Fault::DropsALateError) => Ok(Outcome::default()),
            Err(error) => Err(self.coarse(error)),
        })
    }

    fn abandon(&mut self) {
        self.open = false;
        self.inner_mut().abandon();
    }

    fn execute_many<'a>(&'a mut self, many: Many<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            if self.is(Fault::CommitsOneByOne) {
                for row in 0..many.rows {
                    let one = Many { rows: 1, values: many.row(row).values, ..many };
                    let done = self.inner_mut().execute_many(one).await;
                    done.map_err(|error| error.with_batch_index(row))?;
                }
                return Ok(Outcome::rows(u64::try_from(many.rows).ok()));
            }
            match self.inner_mut().execute_many(many).await {
                Err(error) if self.is(Fault::ForgetsTheBatchIndex) => Err(Error::new(error.kind(), error.message())),
                done => done,
            }
        })
    }

    fn begin<'a>(&'a mut self, options: &'a TxOptions) -> BoxFuture<'a, ()> {
        if self.is(Fault::RefusesNoOption) {
            return Box::pin(async move { self.inner_mut().begin(&TxOptions::new()).await });
        }
        self.inner_mut().begin(options)
    }

    fn commit(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            match self.inner_mut().commit().await {
                Err(_) if self.is(Fault::CommitNeverFails) => self.inner_mut().rollback().await,
                result => result,
            }
        })
    }

    fn rollback(&mut self) -> BoxFuture<'_, ()> {
        if self.is(Fault::RollbackDoesNothing) {
            return Box::pin(async { Ok(()) });
        }
        self.inner_mut().rollback()
    }

    fn savepoint<'a>(&'a mut self, name: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            if self.is(Fault::PastesNames) {
                return run_statement(self.inner_mut(), &format!("SAVEPOINT {name}")).await.map(drop);
            }
            self.inner_mut().savepoint(name).await
        })
    }

    fn tpc_begin<'a>(&'a mut self, _: &'a Xid) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            if self.is(Fault::OnePhaseForTwo) {
                return self.inner_mut().begin(&TxOptions::new()).await;
            }
            Err(no_two_phase(self.info()))
        })
    }

    fn tpc_prepare(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move { if self.is(Fault::OnePhaseForTwo) { Ok(()) } else { Err(no_two_phase(self.info())) } })
    }

    fn tpc_recover(&mut self) -> BoxFuture<'_, Vec<Xid>> {
        Box::pin(
            async move { if self.is(Fault::OnePhaseForTwo) { Ok(Vec::new()) } else { Err(no_two_phase(self.info())) } },
        )
    }

    fn reset(&mut self) -> BoxFuture<'_, ()> {
        if self.is(Fault::ResetDoesNothing) {
            return Box::pin(async { Ok(()) });
        }
        self.inner_mut().reset()
    }

    fn ping(&mut self) -> BoxFuture<'_, ()> {
        if self.is(Fault::PingAlwaysSucceeds) {
            return Box::pin(async { Ok(()) });
        }
        self.inner_mut().ping()
    }

    fn catalog<'a>(&'a mut self, query: CatalogQuery<'a>) -> BoxFuture<'a, CatalogReply> {
        Box::pin(async move {
            let reply = self.inner_mut().catalog(query).await?;
            Ok(match reply {
                CatalogReply::Tables(mut tables) if self.is(Fault::ForgetsIndexes) => {
                    for table in &mut tables {
                        table.indexes.clear();
                    }
                    CatalogReply::Tables(tables)
                }
                reply => reply,
            })
        })
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        if self.is(Fault::CloseDoesNothing) {
            return Box::pin(async move { run_statement(self.inner_mut(), "SELECT 1").await.map(drop) });
        }
        self.inner_mut().close()
    }
}

struct FaultySetup(Fault);

impl Setup for FaultySetup {
    fn factory(&self) -> &'static dyn DriverFactory {
        &FACTORY
    }

    fn connect<'a>(&'a self, url: &'a Url) -> BoxFuture<'a, Box<dyn Connection>> {
        Box::pin(async move {
            let inner = FACTORY.connector(url, Purpose::Single)?.connect().await?;
            Ok(Box::new(Decorated(Faulty::new(inner, self.0))) as Box<dyn Connection>)
        })
    }

    fn open<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Option<Place>> {
        Box::pin(async move {
            let directory = TempDir::new().map_err(|error| Error::new(ErrorKind::Io, error.to_string()))?;
            let url = Url::parse("sqlite:")?.with_path(directory.path().join("db").display().to_string());
            Ok(Some(Place::new(name, url).keep(directory)))
        })
    }

    fn close<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, Vec<String>> {
        Box::pin(async move {
            let log = format!("{}-wal", place.url.path());
            let gone = oarlock_conformance::until(async || Ok(!std::path::Path::new(&log).exists())).await?;
            Ok(if gone { Vec::new() } else { vec!["a session".to_owned()] })
        })
    }

    fn slow<'a>(&'a self, url: &'a Url) -> BoxFuture<'a, Slow> {
        Box::pin(async { Ok(Slow::new(url.clone().with_option("inline", "off"))) })
    }

    fn required(&self, _: &DriverInfo) -> Capabilities {
        required::SQLITE
    }
}

/// Runs a rule on a driver without a fault and on one with it: it must pass, and then fail.
fn catches<F>(fault: Fault, name: &str, rule: fn(Bench) -> F)
where
    F: Future<Output = Verdict> + Send + 'static,
{
    run(FaultySetup(Fault::None), Way::Direct, name, rule);
    let caught = catch_unwind(AssertUnwindSafe(|| run(FaultySetup(fault), Way::Direct, name, rule)));
    assert!(caught.is_err(), "{fault:?} passes");
}

macro_rules! faults {
    ($($name:ident: $fault:ident by $chapter:ident :: $rule:ident;)+) => {
        $(
            #[test]
            fn $name() {
                catches(Fault::$fault, stringify!($rule), $chapter::$rule);
            }
        )+
    };
}

faults! {
    a_driver_that_abandons_an_open_statement: AbandonsAnOpenStatement by session::r16_a_second_open_cursor_is_refused;
    a_driver_whose_close_does_nothing: CloseDoesNothing by session::r02_calls_after_close_are_errors;
    a_driver_whose_commit_never_fails: CommitNeverFails by transactions::r09_late_errors_surface;
    a_driver_that_commits_one_by_one: CommitsOneByOne by outcomes::r30_execute_many_is_all_or_nothing;
    a_driver_whose_counts_are_stale: CountsAreStale by outcomes::r28_row_count_of_ddl_is_none;
    a_driver_that_declares_less: DeclaresLess by capabilities::r59_the_driver_declares_what_is_required;
    a_driver_that_does_what_it_does_not_declare: DeclaresLess
        by transactions::r07_a_dropped_inner_transaction_undoes_its_savepoint_only;
    a_driver_that_drops_a_late_error: DropsALateError by transactions::r09_late_errors_surface;
    a_driver_that_takes_empty_text_for_null: EmptyTextIsNull by values::r40_null_and_empty_stay_distinct;
    a_driver_that_forgets_indexes: ForgetsIndexes by catalog::r58_the_catalog_round_trips_a_rich_schema;
    a_driver_that_forgets_the_batch_index: ForgetsTheBatchIndex by outcomes::r30_execute_many_is_all_or_nothing;
    a_driver_that_forgets_the_origin: ForgetsTheOrigin by results::r21_an_alias_is_the_name;
    a_driver_that_ignores_the_maximum: IgnoresTheMaximum by results::r23_fetch_many_never_exceeds_n;
    a_driver_whose_integers_wrap: IntegersWrap by values::r41_integers_are_exact;
    a_driver_that_keeps_the_key: KeepsTheKey by outcomes::r32_last_insert_id_is_none_unless_this_statement_inserted;
    a_driver_whose_kinds_are_coarse: KindsAreCoarse by errors::r50_unique_violation;
    a_driver_that_prepares_nothing: OnePhaseForTwo by two_phase::r57_another_connection_ends_what_is_pending;
    a_driver_that_loses_rows: LosesRows by results::r24_mixed_fetches_keep_order;
    a_driver_that_fills_in_parameters: MissingParametersAreNull
        by parameters::r33_wrong_arity_is_an_error_before_anything_runs;
    a_driver_that_rounds: NumbersAreRounded by values::r42_doubles_are_exact;
    a_driver_that_pastes_names: PastesNames by transactions::r07_a_savepoints_name_is_taken_as_it_stands;
    a_driver_whose_ping_always_succeeds: PingAlwaysSucceeds by session::r04_ping_tells_whether_the_session_lives;
    a_driver_that_refuses_no_option: RefusesNoOption by transactions::r13_read_only_holds_for_that_transaction_only;
    a_driver_whose_reset_does_nothing: ResetDoesNothing by session::r05_reset_makes_the_session_new;
    a_driver_whose_rollback_does_nothing: RollbackDoesNothing by transactions::r06_a_dropped_transaction_is_rolled_back;
    a_driver_that_runs_a_dropped_statement: RunsADroppedStatement by dropped::r53_queries_can_be_dropped_anywhere;
    a_driver_that_keeps_half_of_a_dropped_batch: CommitsOneByOne by dropped::r53_writes_can_be_dropped_anywhere;
    a_driver_that_keeps_a_dropped_transaction: RollbackDoesNothing
        by dropped::r53_transactions_can_be_dropped_anywhere;
    a_driver_whose_sessions_linger: SessionsLinger by leaks::r60_a_dropped_connection_frees_its_locks;
    a_driver_whose_state_is_always_auto: StateIsAlwaysAuto
        by transactions::r10_the_state_is_the_servers_after_every_error;
    a_driver_whose_times_shift: TimesShift by values::r47_instants_round_trip;
}
