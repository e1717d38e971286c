//! The code of docs/store.md.

use std::time::Duration;

use chrono::{DateTime, Utc};
use oarlock::store::{Isolation, Store, SyncMode};
use oarlock::{BelongsTo, ErrorKind, HasMany, Model, Record, Result};

#[derive(Debug, Clone, PartialEq, Model)]
struct Team {
    #[model(primary_key, auto)]
    id: i64,
    #[model(unique)]
    name: String,
    #[model(has_many)]
    players: HasMany<Player>,
}

#[derive(Debug, Clone, PartialEq, Model)]
#[model(check = "score >= 0")]
struct Player {
    #[model(primary_key, auto)]
    id: i64,
    #[model(unique, email)]
    email: String,
    #[model(references = Team, on_delete = "cascade")]
    team_id: i64,
    #[model(index)]
    score: i64,
    #[model(version)]
    version: i32,
    #[model(updated_at)]
    updated_at: DateTime<Utc>,
    #[model(belongs_to = team_id)]
    team: BelongsTo<Team>,
}

impl Player {
    fn new(email: &str, team: &Team, score: i64) -> Self {
        Self {
            id: 0,
            email: email.to_owned(),
            team_id: team.id,
            score,
            version: 0,
            updated_at: DateTime::UNIX_EPOCH,
            team: BelongsTo::default(),
        }
    }
}

fn filled() -> Result<Store> {
    let store = Store::in_memory()?;
    store.define([Team::definition(), Player::definition()])?;
    let red = store.table::<Team>().insert(Team { id: 0, name: "red".to_owned(), players: HasMany::default() })?;
    for (name, score) in [("ada", 7), ("bob", 3), ("eve", 5)] {
        store.table::<Player>().insert(Player::new(&format!("{name}@example.org"), &red, score))?;
    }
    Ok(store)
}

#[test]
fn first_steps() -> Result<()> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("game.store");
    let store = Store::open(&path)?;
    store.define([Team::definition(), Player::definition()])?;

    let teams = store.table::<Team>();
    let red = teams.insert(Team { id: 0, name: "red".to_owned(), players: HasMany::default() })?;
    let players = store.table::<Player>();
    let ada = players.insert(Player::new("ada@example.org", &red, 7))?;
    assert_eq!((ada.id, ada.version), (1, 1)); // drawn and filled in

    assert_eq!(players.get(ada.id)?, Some(ada.clone()));
    assert_eq!(players.get_by(Player::EMAIL, "ada@example.org")?, Some(ada.clone()));
    let ada = players.modify(ada.id, |ada| ada.score += 1)?;
    assert_eq!((ada.score, ada.version), (8, 2));
    assert!(players.delete(ada.id)?);
    store.close()
}

#[test]
fn queries_and_links() -> Result<()> {
    let store = filled()?;
    let players = store.table::<Player>();
    let best = players.filter(Player::SCORE.ge(4)).order_by(Player::SCORE.desc()).limit(10).all()?;
    let emails: Vec<&str> = best.iter().map(|player| player.email.as_str()).collect();
    assert_eq!(emails, ["ada@example.org", "eve@example.org"]);
    assert_eq!(players.filter(Player::EMAIL.ends_with(".org").and(Player::SCORE.lt(5))).count()?, 1);

    let mut middle = players.range(Player::SCORE, 3..7)?; // by the index, from either end
    assert_eq!(middle.next_back().transpose()?.map(|player| player.score), Some(5));

    let red = store.table::<Team>().get_by(Team::NAME, "red")?.expect("it was made");
    assert_eq!(store.table::<Team>().related(&red, Team::PLAYERS)?.len(), 3);
    assert_eq!(players.related(&best[0], Player::TEAM)?, [red]);
    Ok(())
}

#[test]
fn transactions() -> Result<()> {
    let store = filled()?;
    let moved = store.transaction(|tx| {
        tx.note("ada gives bob a point"); // the history tells it
        let players = tx.table::<Player>();
        players.modify(1, |ada| ada.score -= 1)?;
        players.modify(2, |bob| bob.score += 1)
    })?;
    assert_eq!(moved.score, 4);

    let tx = store.begin_with(Isolation::Serializable);
    let before = tx.savepoint()?;
    tx.table::<Player>().delete(1)?;
    tx.rollback_to(before)?;
    let commit = tx.commit()?;
    assert_eq!(commit, None, "nothing was changed");

    let stale = store.table::<Player>().require(3)?;
    store.table::<Player>().modify(3, |eve| eve.score = 9)?;
    let error = store.table::<Player>().update(stale).expect_err("it was changed since");
    assert_eq!(error.kind(), ErrorKind::StaleRow);
    Ok(())
}

#[test]
fn history() -> Result<()> {
    let store = filled()?;
    let players = store.table::<Player>();
    let then = store.snapshot().transaction();
    players.modify(1, |ada| ada.score = 100)?;
    players.delete(2)?;
    let mistake = store.snapshot().transaction();

    let scores: Vec<i64> =
        players.history(1)?.into_iter().filter_map(|version| version.record).map(|ada| ada.score).collect();
    assert_eq!(scores, [100, 7]); // the newest first
    assert_eq!(players.get_as_of(1, then)?.map(|ada| ada.score), Some(7));
    let past = store.as_of(then)?; // the whole store, with its indexes
    assert_eq!(past.table::<Player>().filter(Player::SCORE.lt(5)).count()?, 1);

    store.undo(mistake)?; // bob is back
    assert_eq!(players.count()?, 3);
    store.pack(mistake)?; // what is older is gone for good
    assert_eq!(players.history(1)?.len(), 1);
    Ok(())
}

#[test]
fn operations() -> Result<()> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("site.store");
    let store = Store::options()
        .sync(SyncMode::Normal) // a power failure may take the last second
        .memory_limit(256 << 20)
        .open(&path)?;
    let mut full = Vec::new();
    let backup = store.backup(&mut full)?;
    store.define([Team::definition()])?;
    let mut increment = Vec::new();
    store.backup_since(backup.transaction, &mut increment)?;

    assert!(Store::check(&path)?.problems.is_empty());
    assert_eq!(store.stats().tables[0].name, "team");
    Ok(())
}

#[test]
fn retention() -> Result<()> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("site.store");
    let month = Duration::from_hours(30 * 24);
    let store = Store::options()
        .keep_for(month) // the store as it was at any time of it
        .keep_transactions(1_000) // and these, however old they are
        .open(&path)?;
    store.pack_retained()?;
    Ok(())
}
