//! The store itself, with two tables, constraints between them, and statements that fail.

use std::marker::PhantomData;
use std::sync::Arc;

use oarlock::{Model, Record};
use oarlock_core::{ErrorKind, Result};

use super::{Progress, State, Subject, path};
use crate::storage::simulated::{Disk, Random};
use crate::{Field, Store, SyncMode, Transaction};

#[derive(Debug, Clone, PartialEq, Model)]
struct Team {
    #[model(primary_key)]
    id: i64,
    #[model(unique)]
    name: String,
}

#[derive(Debug, Clone, PartialEq, Model)]
#[model(check = "score >= 0")]
struct Player {
    #[model(primary_key, auto)]
    id: i64,
    #[model(unique)]
    email: String,
    #[model(references = Team, on_delete = "cascade")]
    team_id: Option<i64>,
    #[model(index)]
    score: i64,
    about: Option<String>,
}

/// A column by its place. The derive's constants are columns of the library, and not of its build for tests.
struct At<R, T>(usize, PhantomData<fn() -> (R, T)>);

impl<R, T> Clone for At<R, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R, T> Copy for At<R, T> {}

impl<R, T> Field<R> for At<R, T> {
    type Type = T;

    fn column(self) -> usize {
        self.0
    }
}

const TEAM_NAME: At<Team, String> = At(1, PhantomData);
const EMAIL: At<Player, String> = At(1, PhantomData);
const SCORE: At<Player, i64> = At(3, PhantomData);

/// How many teams there may be, and about how many players.
const TEAMS: usize = 4;
const PLAYERS: usize = 24;

/// The store with its tables.
pub(super) struct Tables(Store);

impl Subject for Tables {
    fn open(disk: &Disk, mode: SyncMode) -> Result<Self> {
        Store::options().sync(mode).open_on(Arc::new(disk.clone()), path()).map(Self)
    }

    fn state(&self) -> (u64, State) {
        let snapshot = self.0.snapshot();
        let mut state = State::new();
        if !self.0.tables().is_empty() {
            let (teams, players) = (snapshot.table::<Team>(), snapshot.table::<Player>());
            for team in teams.records().unwrap().map(Result::unwrap) {
                assert_eq!(teams.get_by(TEAM_NAME, &*team.name).unwrap().as_ref(), Some(&team), "the index fits");
                put(&mut state, format!("team {}", team.id), &team);
            }
            let mut by_score = Vec::new();
            for player in players.records().unwrap().map(Result::unwrap) {
                let found = players.get_by(EMAIL, &*player.email).unwrap();
                assert_eq!(found.as_ref(), Some(&player), "the index fits");
                let team = player.team_id.map(|team| teams.get(team).unwrap());
                assert!(team.is_none_or(|team| team.is_some()), "the team of {player:?} is there");
                by_score.push((player.score, player.id));
                put(&mut state, format!("player {}", player.id), &player);
            }
            by_score.sort_unstable();
            let indexed = players.range(SCORE, ..).unwrap().map(Result::unwrap);
            assert!(indexed.map(|player| (player.score, player.id)).eq(by_score), "the index fits");
        }
        (snapshot.transaction(), state)
    }

    fn step(&mut self, random: &mut Random, progress: &Progress) -> Result<()> {
        let number = self.0.snapshot().transaction() + 1;
        if self.0.tables().is_empty() {
            progress.expect(number, State::new());
            self.0.define([Team::definition(), Player::definition()])?;
            progress.acknowledge(number);
            return Ok(());
        }
        let transaction = self.0.begin();
        if random.one_in(3) {
            transaction.note(format!("number {number}"));
        }
        // So that none is empty, and each makes another state.
        transaction.table::<Team>().upsert(Team { id: 0, name: format!("transaction {number}") })?;
        for _ in 0..random.below(6) {
            let savepoint = transaction.savepoint()?;
            statement(&transaction, random)?;
            if random.one_in(6) {
                transaction.rollback_to(savepoint)?;
            }
        }
        if random.one_in(10) {
            transaction.rollback();
            return Ok(());
        }
        progress.expect(number, seen_by(&transaction)?);
        let commit = transaction.commit()?.expect("something was changed");
        assert_eq!(commit.transaction, number);
        progress.acknowledge(number);
        Ok(())
    }

    fn pack(&mut self, random: &mut Random) -> Result<()> {
        let last = self.0.snapshot().transaction();
        let before = self.state();
        self.0.pack(random.below(usize::try_from(last).unwrap() + 1) as u64)?;
        assert!(self.state() == before, "packing changes no record");
        Ok(())
    }

    fn close(self) -> Result<()> {
        self.0.close()
    }
}

/// Runs a statement, which may break a constraint and then has no effect.
fn statement(transaction: &Transaction, random: &mut Random) -> Result<()> {
    let (teams, players) = (transaction.table::<Team>(), transaction.table::<Player>());
    let team = number(random, TEAMS) + 1;
    let id = number(random, PLAYERS) + 1;
    let result = match random.below(8) {
        0 => teams.upsert(Team { id: team, name: format!("team {team}, {}", random.below(3)) }).map(drop),
        1 => teams.delete(team).map(drop),
        2 => players.delete(id).map(drop),
        3 => players.modify(id, |player| player.score = number(random, 20) - 1).map(drop),
        4 => {
            let email = format!("player{}@example.org", random.below(PLAYERS));
            players.modify(id, |player| player.email.clone_from(&email)).map(drop)
        }
        _ => {
            let about = random.one_in(3).then(|| "x".repeat(random.below(1_500)));
            let email = format!("player{}@example.org", random.below(PLAYERS));
            let team_id = random.one_in(2).then_some(team);
            players.insert(Player { id: 0, email, team_id, score: number(random, 20) - 1, about }).map(drop)
        }
    };
    match result {
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::UniqueViolation
                    | ErrorKind::ForeignKeyViolation
                    | ErrorKind::CheckViolation
                    | ErrorKind::RowNotFound
            ) =>
        {
            Ok(())
        }
        other => other,
    }
}

fn seen_by(transaction: &Transaction) -> Result<State> {
    let mut state = State::new();
    for team in transaction.table::<Team>().records()? {
        let team = team?;
        put(&mut state, format!("team {}", team.id), &team);
    }
    for player in transaction.table::<Player>().records()? {
        let player = player?;
        put(&mut state, format!("player {}", player.id), &player);
    }
    Ok(state)
}

fn put(state: &mut State, name: String, record: &impl std::fmt::Debug) {
    state.insert(name.into_bytes(), format!("{record:?}").into_bytes());
}

fn number(random: &mut Random, below: usize) -> i64 {
    i64::try_from(random.below(below)).unwrap()
}
