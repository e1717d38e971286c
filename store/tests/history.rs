//! History: versions of records, the store as it was, undo, packing, and definitions that change.

use oarlock::store::{Store, Version};
use oarlock::{ErrorKind, Model, Record, Result};

#[derive(Debug, Clone, PartialEq, Model)]
struct Page {
    #[model(primary_key, auto)]
    id: i64,
    #[model(unique)]
    title: String,
    text: String,
}

#[derive(Debug, Clone, PartialEq, Model)]
struct Remark {
    #[model(primary_key, auto)]
    id: i64,
    #[model(references = Page, on_delete = "cascade")]
    page_id: i64,
    text: String,
}

fn store() -> Result<Store> {
    let store = Store::in_memory()?;
    store.define([Page::definition(), Remark::definition()])?;
    Ok(store)
}

fn page(title: &str) -> Page {
    Page { id: 0, title: title.to_owned(), text: "first".to_owned() }
}

fn texts(versions: &[Version<Page>]) -> Vec<Option<&str>> {
    versions.iter().map(|version| version.record.as_ref().map(|page| page.text.as_str())).collect()
}

/// Makes a page, changes it twice, deletes it and makes it again; gives the transactions.
fn written(store: &Store) -> Result<Vec<u64>> {
    let mut transactions = Vec::new();
    let mut act = |note: &str, act: &dyn Fn(&oarlock::store::Transaction) -> Result<()>| -> Result<()> {
        let tx = store.begin();
        tx.note(note);
        act(&tx)?;
        transactions.extend(tx.commit()?.map(|commit| commit.transaction));
        Ok(())
    };
    act("make", &|tx| tx.table::<Page>().insert(page("home")).map(drop))?;
    act("change", &|tx| tx.table::<Page>().modify(1, |page| page.text = "second".into()).map(drop))?;
    act("change again", &|tx| {
        tx.table::<Page>().modify(1, |page| page.text = "not seen".into())?;
        tx.table::<Page>().modify(1, |page| page.text = "third".into()).map(drop)
    })?;
    act("delete", &|tx| tx.table::<Page>().delete(1).map(drop))?;
    act("make anew", &|tx| {
        tx.table::<Page>().insert(Page { id: 1, text: "fourth".to_owned(), ..page("home") }).map(drop)
    })?;
    Ok(transactions)
}

#[test]
fn versions_are_told_with_their_transaction_and_note() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pages.store");
    let store = Store::open(&path)?;
    store.define([Page::definition()])?;
    let transactions = written(&store)?;
    drop(store);
    let store = Store::open(&path)?;
    let pages = store.table::<Page>();
    let versions = pages.history(1)?;
    assert_eq!(texts(&versions), [Some("fourth"), None, Some("third"), Some("second"), Some("first")]);
    let told: Vec<_> = versions.iter().rev().map(|version| version.transaction).collect();
    assert_eq!(told, transactions);
    let notes: Vec<_> = versions.iter().rev().map(|version| version.note.as_deref().unwrap_or("-")).collect();
    assert_eq!(notes, ["make", "change", "change again", "delete", "make anew"]);
    assert!(versions.windows(2).all(|pair| pair[0].time >= pair[1].time));
    let at = |transaction| Ok::<_, oarlock::Error>(pages.get_as_of(1, transaction)?.map(|page| page.text));
    assert_eq!(at(transactions[0] - 1)?, None);
    assert_eq!(at(transactions[1])?.as_deref(), Some("second"));
    assert_eq!(at(transactions[3])?, None);
    assert_eq!(at(u64::MAX)?.as_deref(), Some("fourth"));
    assert_eq!(pages.history(77)?, []);
    let entries = store.transactions(transactions[1]..=transactions[2])?;
    assert_eq!(entries.iter().map(|entry| entry.operations).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(store.transaction_at(i64::MAX)?, Some(transactions[4]));
    assert_eq!(store.transaction_at(0)?, None);
    Ok(())
}

#[test]
fn the_whole_store_can_be_seen_as_it_was() -> Result<()> {
    let store = store()?;
    let pages = store.table::<Page>();
    pages.insert_all(&[page("home"), page("news")])?;
    let then = store.snapshot().transaction();
    pages.modify(1, |page| page.title = "start".into())?;
    pages.delete(2)?;
    store.table::<Remark>().insert(Remark { id: 0, page_id: 1, text: "new".to_owned() })?;
    let past = store.as_of(then)?;
    let titles: Vec<_> = past.table::<Page>().records()?.map(|page| Ok(page?.title)).collect::<Result<_>>()?;
    assert_eq!(titles, ["home", "news"]);
    assert!(past.table::<Page>().get_by(Page::TITLE, "home")?.is_some(), "its indexes are those of then");
    assert!(past.table::<Page>().get_by(Page::TITLE, "start")?.is_none());
    assert_eq!(past.table::<Remark>().count()?, 0);
    assert_eq!(past.transaction(), then);
    Ok(())
}

#[test]
fn undo_puts_back_what_was_there_unless_later_work_stands_on_it() -> Result<()> {
    let store = store()?;
    let (pages, remarks) = (store.table::<Page>(), store.table::<Remark>());
    pages.insert_all(&[page("home"), page("news")])?;
    remarks.insert_all(&[Remark { id: 0, page_id: 1, text: "good".to_owned() }])?;
    let before: Vec<_> = pages.records()?.collect::<Result<_>>()?;
    let tx = store.begin();
    tx.table::<Page>().delete(1)?;
    tx.table::<Page>().modify(2, |page| page.title = "home".into())?;
    tx.table::<Page>().insert(page("other"))?;
    let commit = tx.commit()?.expect("there were changes").transaction;
    assert_eq!((pages.count()?, remarks.count()?), (2, 0));
    assert_eq!(store.changes(commit)?.len(), 4, "two pages changed, one is new, and the remark went with its page");

    let undo = store.undo(commit)?.expect("there is something to undo");
    assert_eq!(pages.records()?.collect::<Result<Vec<_>>>()?, before);
    assert_eq!(remarks.count()?, 1, "what went with it is back");
    assert_eq!(pages.history(2)?[0].note.as_deref(), Some(format!("undo of transaction {commit}").as_str()));
    store.undo(undo.transaction)?;
    assert_eq!((pages.count()?, remarks.count()?), (2, 0), "an undo can be undone");

    pages.modify(2, |page| page.text = "later".into())?;
    let error = store.undo(commit).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StaleRow);
    assert!(error.message().contains("page (I64(2))"), "{error}");
    assert_eq!(store.undo(9999).unwrap_err().kind(), ErrorKind::ObjectNotFound);

    let made = pages.insert(page("more"))?;
    let transaction = store.snapshot().transaction();
    remarks.insert(Remark { id: 0, page_id: made.id, text: "on it".to_owned() })?;
    assert_eq!(store.undo(transaction).unwrap_err().kind(), ErrorKind::ForeignKeyViolation);
    assert_eq!(pages.get(made.id)?, Some(made), "nothing is half undone");
    Ok(())
}

#[test]
fn packing_leaves_out_what_is_older_and_keeps_the_rest() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pages.store");
    let store = Store::open(&path)?;
    store.define([Page::definition()])?;
    let transactions = written(&store)?;
    let pages = store.table::<Page>();
    let reading = store.snapshot();
    let open = store.begin();
    open.table::<Page>().insert(page("late"))?;
    let packed = store.pack(transactions[2])?;
    assert_eq!((packed.base, packed.transactions), (transactions[1], 3));
    assert_eq!(open.commit().unwrap_err().kind(), ErrorKind::SerializationFailure, "its places were of the old file");
    assert_eq!(texts(&reading.table::<Page>().history(1)?).len(), 5, "who reads the old file goes on doing so");
    for _ in 0..2 {
        let store = store.clone();
        let pages = store.table::<Page>();
        let versions = pages.history(1)?;
        assert_eq!(texts(&versions), [Some("fourth"), None, Some("third"), Some("second")]);
        assert_eq!(versions[3].transaction, transactions[1]);
        assert_eq!(pages.get_as_of(1, transactions[2])?.map(|page| page.text).as_deref(), Some("third"));
        assert_eq!(store.as_of(transactions[0]).unwrap_err().kind(), ErrorKind::ObjectNotFound);
        assert_eq!(store.as_of(transactions[2])?.table::<Page>().count()?, 1);
    }
    assert_eq!(pages.insert(page("after"))?.id, 3, "two numbers were drawn before");
    drop((reading, store));
    let store = Store::open(&path)?;
    let pages = store.table::<Page>();
    assert_eq!(texts(&pages.history(1)?), [Some("fourth"), None, Some("third"), Some("second")]);
    assert_eq!(pages.count()?, 2);
    let length = |path: &std::path::Path| std::fs::metadata(path).unwrap().len();
    for round in 0..200 {
        pages.modify(1, |page| page.text = round.to_string().repeat(50))?;
    }
    let before = length(&path);
    store.compact()?;
    assert!(length(&path) < before / 2, "{} of {before}", length(&path));
    assert_eq!(pages.history(1)?.len(), 1);
    assert_eq!(pages.insert(page("next"))?.id, 4);
    Ok(())
}

mod later {
    use oarlock::Model;

    #[derive(Debug, Clone, PartialEq, Model)]
    #[model(table = "page")]
    pub(super) struct Page {
        #[model(primary_key, auto)]
        pub(super) id: i64,
        #[model(unique, renamed_from = "title")]
        pub(super) name: String,
        #[model(default = 5)]
        pub(super) rank: i64,
        pub(super) remark: Option<String>,
    }

    #[derive(Debug, Clone, PartialEq, Model)]
    #[model(table = "page")]
    pub(super) struct Strict {
        #[model(primary_key, auto)]
        pub(super) id: i64,
        pub(super) name: i64,
    }
}

#[test]
fn fields_are_added_dropped_renamed_and_retyped_without_a_new_file() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pages.store");
    let store = Store::open(&path)?;
    store.define([Page::definition()])?;
    store.table::<Page>().insert_all(&[page("7"), page("8")])?;
    let definitions = store.snapshot().transaction();
    store.define([Page::definition()])?;
    assert_eq!(store.snapshot().transaction(), definitions, "where nothing changes nothing is written");
    store.define([later::Page::definition()])?;
    let expected = later::Page { id: 1, name: "7".to_owned(), rank: 5, remark: None };
    assert_eq!(store.table::<later::Page>().get(1)?, Some(expected.clone()));
    assert_eq!(store.table::<Page>().get(1).unwrap_err().kind(), ErrorKind::Interface, "that struct is of the past");
    let changed = store.table::<later::Page>().modify(2, |page| page.rank = 6)?;
    drop(store);

    let store = Store::open(&path)?;
    let pages = store.table::<later::Page>();
    assert_eq!(pages.records()?.collect::<Result<Vec<_>>>()?, [expected, changed]);
    assert_eq!(pages.get_by(later::Page::NAME, "7")?.map(|page| page.id), Some(1));
    let ranks: Vec<_> = pages.history(2)?.into_iter().map(|version| version.record.map(|page| page.rank)).collect();
    assert_eq!(ranks, [Some(6), Some(5)], "an old version is seen through the new definition");
    store.define([later::Strict::definition()])?;
    assert_eq!(store.table::<later::Strict>().get(1)?.map(|page| page.name), Some(7), "a text that is a number");
    let strict = store.table::<later::Strict>().insert(later::Strict { id: 0, name: 9 })?;
    assert_eq!(strict.id, 3);

    store.define([Page::definition()]).expect_err("text has no default, and records are there");
    assert_eq!(store.table::<later::Strict>().count()?, 3, "nothing has changed");
    Ok(())
}

#[test]
fn a_clean_close_leaves_an_image_that_the_next_opening_takes() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pages.store");
    let store = Store::open(&path)?;
    store.define([Page::definition(), Remark::definition()])?;
    written(&store)?;
    store.table::<Page>().insert(page("gone"))?;
    store.table::<Page>().delete(2)?;
    let expected: Vec<_> = store.table::<Page>().records()?.collect::<Result<_>>()?;
    store.close()?;
    let store = Store::open(&path)?;
    assert!(store.opening().from_snapshot);
    let pages = store.table::<Page>();
    assert_eq!(pages.records()?.collect::<Result<Vec<_>>>()?, expected);
    assert_eq!(pages.get_by(Page::TITLE, "home")?, expected.first().cloned());
    assert_eq!((pages.history(1)?.len(), pages.history(2)?.len()), (5, 2), "history is found from the image, too");
    assert_eq!(pages.insert(page("next"))?.id, 3);
    let stats = store.stats();
    assert_eq!((stats.tables[0].records, stats.tables[0].deleted, stats.tables[1].indexes), (2, 1, 1));
    drop(store);
    let store = Store::open(&path)?;
    assert_eq!(store.table::<Page>().count()?, 2, "what came after the image is replayed");
    Ok(())
}

mod words {
    use oarlock::Model;

    #[derive(Debug, Clone, PartialEq, Model)]
    pub(super) struct Word {
        #[model(primary_key)]
        pub(super) word: String,
        pub(super) length: i64,
    }

    #[derive(Debug, Clone, PartialEq, Model)]
    #[model(table = "word")]
    pub(super) struct Longer {
        #[model(primary_key)]
        pub(super) word: String,
        #[model(index)]
        pub(super) length: i64,
        pub(super) meaning: Option<String>,
    }
}

#[test]
fn an_image_tells_where_records_stand_and_holds_none() -> Result<()> {
    use words::{Longer, Word};
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("words.store");
    let index = directory.path().join("words.store-index");
    let store = Store::open(&path)?;
    store.define([Word::definition()])?;
    // In another order than that of the keys, some changed and some gone, of two layouts.
    let words: Vec<Word> =
        (0..500).rev().map(|n| Word { word: format!("{n:04} {}", "x".repeat(90)), length: n }).collect();
    store.table::<Word>().insert_all(&words)?;
    for n in (0..500).step_by(7) {
        store.table::<Word>().modify(words[n].word.clone(), |word| word.length += 1000)?;
        store.table::<Word>().delete(words[n + 1].word.clone())?;
    }
    store.define([Longer::definition()])?;
    let last = Longer { word: "last".to_owned(), length: 0, meaning: Some("the end".to_owned()) };
    store.table::<Longer>().insert(last.clone())?;
    let expected: Vec<Longer> = store.table::<Longer>().records()?.collect::<Result<_>>()?;
    store.close()?;
    let size = std::fs::metadata(&index).unwrap().len();
    assert!(size < 3000, "an image of {size} bytes for {} records", expected.len());

    let store = Store::open(&path)?;
    assert!(store.opening().from_snapshot);
    let longer = store.table::<Longer>();
    assert_eq!(longer.records()?.collect::<Result<Vec<_>>>()?, expected);
    assert_eq!(longer.range(Longer::LENGTH, 1000..)?.count(), 72);
    assert_eq!(longer.history(words[0].word.clone())?.len(), 2);
    assert_eq!(longer.history(words[1].word.clone())?[0].record, None);
    store.close()?;

    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 4;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let error = Store::open(&path).expect_err("a record that an image leads to is checked as all are");
    assert_eq!(error.sqlstate(), Some("XX001"), "{error}");
    Ok(())
}

#[test]
fn backups_are_restored_to_any_transaction_and_checked() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let store = Store::open(path("pages.store"))?;
    store.define([Page::definition()])?;
    let transactions = written(&store)?;
    let mut full = Vec::new();
    let backup = store.backup(&mut full)?;
    store.table::<Page>().insert(page("later"))?;
    let mut increment = Vec::new();
    store.backup_since(backup.transaction, &mut increment)?;
    assert!(Store::check(path("pages.store"))?.problems.is_empty());
    for (until, count, text) in [
        (oarlock::store::Until::Newest, 2, "fourth"),
        (oarlock::store::Until::Transaction(transactions[1]), 1, "second"),
    ] {
        let to = path(&format!("{text}.store"));
        let mut increments =
            std::iter::once(Ok(Box::new(std::io::Cursor::new(increment.clone())) as Box<dyn std::io::Read>));
        Store::restore(&to, &mut full.as_slice(), &mut increments, until)?;
        let restored = Store::open(&to)?;
        assert_eq!(restored.table::<Page>().count()?, count);
        assert_eq!(restored.table::<Page>().require(1)?.text, text);
    }
    Ok(())
}

#[test]
fn a_store_that_was_packed_while_it_was_empty_goes_on() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("empty.store");
    let store = Store::open(&path)?;
    store.define([Page::definition()])?;
    store.drop_table("page")?;
    store.compact()?;
    drop(store);
    let store = Store::open(&path)?;
    assert_eq!((store.stats().base, store.snapshot().transaction()), (2, 2));
    store.define([Page::definition()])?;
    store.table::<Page>().insert(page("home"))?;
    assert_eq!(store.as_of(2)?.transaction(), 2);
    assert_eq!(store.snapshot().transaction(), 4);
    store.close()?;
    assert_eq!(Store::open(&path)?.table::<Page>().count()?, 1);
    Ok(())
}

#[test]
fn what_is_not_asked_for_is_not_read() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pages.store");
    let store = Store::open(&path)?;
    store.define([Page::definition()])?;
    let pages = store.table::<Page>();
    for title in ["first", "damaged afterwards", "third", "fourth"] {
        pages.insert(page(title))?;
    }
    let mut bytes = std::fs::read(&path).unwrap();
    let damage = bytes.windows(7).position(|bytes| bytes == b"damaged").expect("it is there");
    bytes[damage] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(store.as_of(2)?.table::<Page>().count()?, 1, "what comes later is not looked at");
    assert_eq!(store.as_of(4).unwrap_err().sqlstate(), Some("XX001"), "what is replayed is checked");
    assert_eq!(store.changes(3).unwrap_err().sqlstate(), Some("XX001"));
    assert_eq!(store.changes(5)?.len(), 1, "of what is passed over the headers are enough");
    assert_eq!(store.transactions(4..)?.len(), 2);
    assert_eq!(store.transaction_at(i64::MAX)?, Some(5));
    Ok(())
}
