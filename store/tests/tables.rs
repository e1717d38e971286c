//! Typed tables: records in and out, keys, constraints, links, queries, and a file that is opened again.

use oarlock::store::{Isolation, Store, SyncMode};
use oarlock::{BelongsTo, ErrorKind, HasMany, ManyToMany, Model, Record, Result};

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
    #[model(unique, max_length = 40)]
    email: String,
    #[model(references = Team, on_delete = "cascade")]
    team_id: Option<i64>,
    #[model(index)]
    score: i64,
    nickname: Option<String>,
    #[model(belongs_to = team_id)]
    team: BelongsTo<Team>,
    #[model(many_to_many = PlayerTag)]
    tags: ManyToMany<Tag>,
}

#[derive(Debug, Clone, PartialEq, Model)]
struct Tag {
    #[model(primary_key)]
    word: String,
}

#[derive(Debug, Clone, PartialEq, Model)]
struct PlayerTag {
    #[model(primary_key, references = Player, on_delete = "cascade")]
    player_id: i64,
    #[model(primary_key, references = Tag, on_delete = "restrict", on_update = "cascade")]
    tag: String,
}

fn store() -> Result<Store> {
    let store = Store::in_memory()?;
    define(&store)?;
    Ok(store)
}

fn define(store: &Store) -> Result<()> {
    store.define([Team::definition(), Player::definition(), Tag::definition(), PlayerTag::definition()])
}

fn team(name: &str) -> Team {
    Team { id: 0, name: name.to_owned(), players: HasMany::default() }
}

fn player(name: &str, team_id: Option<i64>, score: i64) -> Player {
    Player {
        id: 0,
        email: format!("{name}@example.org"),
        team_id,
        score,
        nickname: None,
        team: BelongsTo::default(),
        tags: ManyToMany::default(),
    }
}

fn names(players: &[Player]) -> Vec<&str> {
    players.iter().map(|player| player.email.trim_end_matches("@example.org")).collect()
}

#[test]
fn records_go_in_and_come_out() -> Result<()> {
    let store = store()?;
    let players = store.table::<Player>();
    let ada = players.insert(player("ada", None, 7))?;
    assert_eq!(ada.id, 1, "the key is drawn");
    let bob = players.insert(player("bob", None, 3))?;
    assert_eq!(players.get(ada.id)?, Some(ada.clone()));
    assert_eq!(players.get_by(Player::EMAIL, "bob@example.org")?, Some(bob.clone()));
    assert_eq!(players.get_by(Player::EMAIL, "eve@example.org")?, None);
    let changed = players.modify(ada.id, |ada| ada.nickname = Some("countess".to_owned()))?;
    assert_eq!(players.require(ada.id)?.nickname.as_deref(), Some("countess"));
    assert_eq!(players.update(Player { score: 8, ..changed })?.score, 8);
    assert!(players.delete(bob.id)?);
    assert!(!players.delete(bob.id)?, "it is gone");
    assert_eq!(players.get(bob.id)?, None);
    assert_eq!(players.get_by(Player::EMAIL, "bob@example.org")?, None, "the index has forgotten it");
    assert_eq!(players.insert(player("eve", None, 0))?.id, 3, "a number is never drawn twice");
    assert_eq!(players.count()?, 2);
    assert_eq!(players.require(77).unwrap_err().kind(), ErrorKind::RowNotFound);
    assert_eq!(players.update(Player { id: 77, ..player("x", None, 0) }).unwrap_err().kind(), ErrorKind::RowNotFound);
    let upserted = players.upsert(Player { id: 9, ..player("zoe", None, 1) })?;
    assert_eq!(players.upsert(Player { score: 2, ..upserted })?.score, 2);
    assert_eq!(players.insert(player("max", None, 0))?.id, 10, "numbers go on behind those that were given");
    Ok(())
}

#[test]
fn constraints_are_kept_and_named() -> Result<()> {
    let store = store()?;
    let players = store.table::<Player>();
    players.insert(player("ada", None, 7))?;
    let error = players.insert(player("ada", None, 1)).unwrap_err();
    assert_eq!((error.kind(), error.constraint()), (ErrorKind::UniqueViolation, Some("player_email_key")));
    let error = players.insert(Player { id: 1, ..player("bob", None, 1) }).unwrap_err();
    assert_eq!((error.kind(), error.constraint()), (ErrorKind::UniqueViolation, Some("player_pkey")));
    let error = players.insert(player("bob", None, -1)).unwrap_err();
    assert_eq!((error.kind(), error.constraint()), (ErrorKind::CheckViolation, Some("player_check")));
    let error = players.insert(player("bob", Some(5), 1)).unwrap_err();
    assert_eq!((error.kind(), error.constraint()), (ErrorKind::ForeignKeyViolation, Some("player_team_id_fkey")));
    let error = players.insert(player(&"b".repeat(40), None, 1)).unwrap_err();
    assert_eq!((error.kind(), error.column()), (ErrorKind::Invalid, Some("email")));
    assert_eq!(players.count()?, 1, "what fails leaves nothing");
    let error = store.table::<Player>().insert_all(&[player("eve", None, 1), player("ada", None, 1)]).unwrap_err();
    assert_eq!((error.kind(), error.batch_index()), (ErrorKind::UniqueViolation, Some(1)));
    assert_eq!(players.count()?, 1, "all or none");
    Ok(())
}

/// The keys of a record that is refused are free again, whichever of its keys was taken.
#[test]
fn a_record_that_is_refused_leaves_none_of_its_keys() -> Result<()> {
    #[derive(Debug, Clone, PartialEq, Model)]
    struct Badge {
        #[model(primary_key)]
        number: i64,
        #[model(unique)]
        color: String,
        #[model(index)]
        size: i64,
        #[model(unique)]
        shape: String,
        #[model(references = Team)]
        team_id: Option<i64>,
    }
    let badge = |number, color: &str, shape: &str| Badge {
        number,
        color: color.to_owned(),
        size: 7,
        shape: shape.to_owned(),
        team_id: None,
    };
    let store = Store::in_memory()?;
    store.define([Team::definition(), Badge::definition()])?;
    store.table::<Team>().insert(team("one"))?;
    let (_, first) = (store.table::<Badge>().insert(badge(1, "red", "round"))?, store.stats());
    store.table::<Badge>().insert(badge(4, "black", "oval"))?;
    store.table::<Badge>().delete(4)?;
    store.transaction(|tx| {
        let badges = tx.table::<Badge>();
        for (refused, kind) in [
            (badge(1, "green", "square"), ErrorKind::UniqueViolation),
            (badge(2, "red", "square"), ErrorKind::UniqueViolation),
            (badge(2, "green", "round"), ErrorKind::UniqueViolation),
            (Badge { team_id: Some(9), ..badge(4, "green", "square") }, ErrorKind::ForeignKeyViolation),
        ] {
            assert_eq!(badges.insert(refused.clone()).unwrap_err().kind(), kind, "{refused:?}");
            assert_eq!(badges.records()?.collect::<Result<Vec<_>>>()?, [badge(1, "red", "round")]);
            assert_eq!(badges.get_by(Badge::COLOR, "green")?, None);
            assert_eq!(badges.get_by(Badge::SHAPE, "square")?, None);
            assert_eq!(badges.range(Badge::SIZE, ..)?.count(), 1);
        }
        badges.insert(badge(4, "green", "square")).map(drop)
    })?;
    assert_eq!(
        store.table::<Badge>().history(4)?.len(),
        3,
        "what was refused is no version, and the deleted one is remembered"
    );
    store.table::<Badge>().delete(4)?;
    assert_eq!(store.stats().memory, first.memory);
    Ok(())
}

#[test]
fn links_are_followed_both_ways_and_kept() -> Result<()> {
    let store = store()?;
    let (teams, players) = (store.table::<Team>(), store.table::<Player>());
    let red = teams.insert(team("red"))?;
    let blue = teams.insert(team("blue"))?;
    let ada = players.insert(player("ada", Some(red.id), 7))?;
    players.insert(player("bob", Some(red.id), 3))?;
    players.insert(player("eve", Some(blue.id), 5))?;
    assert_eq!(names(&teams.related(&red, Team::PLAYERS)?), ["ada", "bob"]);
    assert_eq!(players.related(&ada, Player::TEAM)?, std::slice::from_ref(&red));
    assert_eq!(players.related(&player("max", None, 0), Player::TEAM)?, []);

    let (tags, joins) = (store.table::<Tag>(), store.table::<PlayerTag>());
    for word in ["quick", "kind"] {
        tags.insert(Tag { word: word.to_owned() })?;
        joins.insert(PlayerTag { player_id: ada.id, tag: word.to_owned() })?;
    }
    let words = |found: Vec<Tag>| found.into_iter().map(|tag| tag.word).collect::<Vec<_>>();
    assert_eq!(words(players.related(&ada, Player::TAGS)?), ["kind", "quick"]);
    assert!(joins.get((ada.id, "kind".to_owned()))?.is_some(), "a key of two columns");

    let error = tags.delete("kind".to_owned()).unwrap_err();
    assert_eq!((error.kind(), error.constraint()), (ErrorKind::ForeignKeyViolation, Some("player_tag_tag_fkey")));
    assert!(teams.delete(red.id)?, "its players go with it, and what joins them");
    assert_eq!(names(&players.records()?.collect::<Result<Vec<_>>>()?), ["eve"]);
    assert_eq!(joins.count()?, 0);
    assert!(tags.delete("kind".to_owned())?);
    Ok(())
}

#[test]
fn queries_use_what_there_is() -> Result<()> {
    let store = store()?;
    let red = store.table::<Team>().insert(team("red"))?;
    let players = store.table::<Player>();
    for (name, team, score) in
        [("ada", Some(red.id), 7), ("bob", None, 3), ("eve", Some(red.id), 5), ("max", None, 5), ("zoe", None, 9)]
    {
        players.insert(Player { nickname: (score == 5).then(|| name.to_uppercase()), ..player(name, team, score) })?;
    }
    let found =
        |query: oarlock::store::Query<'_, Player, Store>| -> Result<String> { Ok(names(&query.all()?).join(" ")) };
    assert_eq!(found(players.filter(Player::SCORE.ge(5)))?, "eve max ada zoe", "in the order of the index");
    assert_eq!(found(players.filter(Player::SCORE.gt(5).and(Player::SCORE.lt(9))))?, "ada");
    assert_eq!(found(players.filter(Player::SCORE.eq(5)).filter(Player::TEAM_ID.is_null()))?, "max");
    assert_eq!(
        found(players.query().order_by(Player::SCORE.desc()).order_by(Player::EMAIL.asc()))?,
        "zoe ada eve max bob"
    );
    assert_eq!(found(players.query().order_by(Player::SCORE.desc()).limit(2))?, "zoe ada");
    assert_eq!(found(players.query().order_by(Player::EMAIL.desc()).offset(1).limit(2))?, "max eve");
    assert_eq!(found(players.query().order_by(Player::NICKNAME.asc().nulls_last()).limit(3))?, "eve max ada");
    assert_eq!(found(players.filter(Player::EMAIL.starts_with("e").or(Player::SCORE.one_of([3, 9]))))?, "bob eve zoe");
    assert_eq!(found(players.filter(!Player::EMAIL.like("%a%@%")))?, "bob eve zoe");
    assert_eq!(found(players.filter((Player::SCORE * 2).eq(10)))?, "eve max");
    assert_eq!(players.filter(Player::SCORE.eq(5)).count()?, 2);
    assert!(players.filter(Player::EMAIL.eq("zoe@example.org")).exists()?);
    let range = |low, high| players.range(Player::SCORE, low..high).and_then(Iterator::collect::<Result<Vec<_>>>);
    assert_eq!(names(&range(3, 7)?), ["bob", "eve", "max"]);
    let last = players.range(Player::SCORE, ..=7)?.next_back().transpose()?.unwrap();
    assert_eq!(names(&[last]), ["ada"]);
    assert_eq!(players.range(Player::NICKNAME, "a".to_owned()..).unwrap_err().kind(), ErrorKind::Interface);
    assert_eq!(players.filter(Player::SCORE.lt(6)).delete()?, 3);
    assert_eq!(found(players.query())?, "ada zoe");
    Ok(())
}

#[test]
fn a_transaction_sees_its_own_writes_and_others_see_them_later() -> Result<()> {
    let store = store()?;
    let before = store.snapshot();
    let tx = store.begin();
    let players = tx.table::<Player>();
    players.insert(player("ada", None, 7))?;
    let savepoint = tx.savepoint()?;
    players.insert(player("bob", None, 3))?;
    players.modify(1, |ada| ada.score = 100)?;
    tx.rollback_to(savepoint)?;
    assert_eq!((players.count()?, players.require(1)?.score), (1, 7));
    players.insert(player("eve", None, 1))?;
    assert_eq!(store.table::<Player>().count()?, 0);
    let commit = tx.commit()?.expect("there were changes");
    assert_eq!(store.table::<Player>().count()?, 2);
    assert_eq!(before.table::<Player>().count()?, 0, "a snapshot stays as it is");
    assert_eq!(store.snapshot().transaction(), commit.transaction);
    let tx = store.begin();
    tx.table::<Player>().delete(1)?;
    drop(tx);
    assert_eq!(store.table::<Player>().count()?, 2, "dropped is undone");
    Ok(())
}

#[test]
fn of_two_that_change_one_record_the_first_wins() -> Result<()> {
    let store = store()?;
    let players = store.table::<Player>();
    players.insert_all(&[player("ada", None, 1), player("bob", None, 1)])?;
    let (one, other) = (store.begin(), store.begin());
    one.table::<Player>().modify(1, |ada| ada.score = 2)?;
    other.table::<Player>().modify(1, |ada| ada.score = 3)?;
    other.table::<Player>().insert(player("eve", None, 1))?;
    one.commit()?;
    let error = other.commit().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SerializationFailure);
    assert!(error.is_retryable());
    assert_eq!((players.require(1)?.score, players.count()?), (2, 2), "nothing of the loser is there");

    // Different records do not meet.
    let (one, other) = (store.begin(), store.begin());
    one.table::<Player>().modify(1, |ada| ada.score = 5)?;
    other.table::<Player>().modify(2, |bob| bob.score = 6)?;
    one.commit()?;
    other.commit()?;
    assert_eq!((players.require(1)?.score, players.require(2)?.score), (5, 6));
    Ok(())
}

#[test]
fn what_a_transaction_stands_on_cannot_be_taken_away() -> Result<()> {
    let store = store()?;
    let red = store.table::<Team>().insert(team("red"))?;
    let (one, other) = (store.begin(), store.begin());
    one.table::<Team>().delete(red.id)?;
    other.table::<Player>().insert(player("ada", Some(red.id), 1))?;
    one.commit()?;
    assert_eq!(other.commit().unwrap_err().kind(), ErrorKind::SerializationFailure, "the team is gone");

    let blue = store.table::<Team>().insert(team("blue"))?;
    let (one, other) = (store.begin(), store.begin());
    one.table::<Player>().insert(player("ada", Some(blue.id), 1))?;
    other.table::<Team>().delete(blue.id)?;
    one.commit()?;
    assert_eq!(other.commit().unwrap_err().kind(), ErrorKind::SerializationFailure, "the team has a player now");

    let (one, other) = (store.begin(), store.begin());
    one.table::<Player>().insert(player("bob", None, 1))?;
    other.table::<Player>().insert(player("bob", None, 2))?;
    one.commit()?;
    assert_eq!(other.commit().unwrap_err().kind(), ErrorKind::SerializationFailure, "the address is taken");
    Ok(())
}

#[test]
fn write_skew_is_found_when_serializable_is_asked_for() -> Result<()> {
    for (isolation, both) in [(Isolation::Snapshot, true), (Isolation::Serializable, false)] {
        let store = store()?;
        let players = store.table::<Player>();
        players.insert_all(&[player("ada", None, 1), player("bob", None, 1)])?;
        let (one, other) = (store.begin_with(isolation), store.begin_with(isolation));
        // Each sees that somebody else is left, and leaves.
        for (tx, id) in [(&one, 1), (&other, 2)] {
            if tx.table::<Player>().filter(Player::SCORE.gt(0)).count()? > 1 {
                tx.table::<Player>().modify(id, |player| player.score = 0)?;
            }
        }
        one.commit()?;
        assert_eq!(other.commit().is_ok(), both, "{isolation:?}");
        assert_eq!(players.filter(Player::SCORE.gt(0)).count()?, usize::from(!both));
    }
    Ok(())
}

#[test]
fn a_file_is_opened_again_as_it_was() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.store");
    for round in 0..3 {
        let store = Store::options().sync(SyncMode::Full).open(&path)?;
        define(&store)?;
        let players = store.table::<Player>();
        assert_eq!(players.count()?, round);
        let name = format!("p{round}");
        players.insert(player(&name, None, i64::try_from(round).unwrap()))?;
        assert_eq!(
            players.get_by(Player::EMAIL, format!("p{round}@example.org").as_str())?.unwrap().score,
            i64::try_from(round).unwrap()
        );
        if round == 1 {
            store.close()?;
        }
    }
    let store = Store::open(&path)?;
    let players = store.table::<Player>();
    players.delete(2)?;
    assert_eq!(players.insert(player("new", None, 0))?.id, 4, "the numbers go on");
    drop(store);
    let store = Store::open(&path)?;
    let found = store.table::<Player>().records()?.collect::<Result<Vec<_>>>()?;
    assert_eq!(names(&found), ["p0", "p2", "new"]);
    let error = Store::open(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LockTimeout, "one holder at a time");
    Ok(())
}

#[test]
fn past_the_limit_of_memory_nothing_is_taken() -> Result<()> {
    let store = Store::options().memory_limit(200_000).in_memory()?;
    define(&store)?;
    let players = store.table::<Player>();
    let many: Vec<_> = (0..2000).map(|number| player(&format!("p{number}"), None, number)).collect();
    let error = players.insert_all(&many).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourcesExhausted);
    assert_eq!(players.count()?, 0);
    assert_eq!(players.insert_all(&many[..100])?, 100);
    Ok(())
}

#[test]
fn a_function_that_modifies_may_use_its_transaction() -> Result<()> {
    let store = store()?;
    store.table::<Player>().insert_all(&[player("ada", None, 1), player("bob", None, 2)])?;
    let tx = store.begin();
    let changed = tx.table::<Player>().modify(1, |ada| {
        ada.score = tx.table::<Player>().get(2).ok().flatten().map_or(0, |bob| bob.score * 10);
    })?;
    assert_eq!(changed.score, 20);
    Ok(())
}
