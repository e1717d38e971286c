//! A file that an earlier version wrote is read by every later one: records of all types, history, and what a clean close leaves.
//!
//! `samples/tables.store` is of the first version. A later one that changes what payloads say adds a sample, by
//! `cargo test -p oarlock-store --test samples -- --ignored`, and keeps this one.

use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDate, Utc};
use oarlock::store::Store;
use oarlock::{Model, Record, Result};

#[derive(Debug, Clone, PartialEq, Model)]
struct Author {
    #[model(primary_key, auto)]
    id: i64,
    #[model(unique)]
    name: String,
    born: Option<NaiveDate>,
}

#[derive(Debug, Clone, PartialEq, Model)]
#[model(check = "pages > 0")]
struct Book {
    #[model(primary_key)]
    isbn: String,
    #[model(references = Author, on_delete = "cascade")]
    author_id: i64,
    pages: i32,
    #[model(index)]
    price: f64,
    in_print: bool,
    cover: Vec<u8>,
    printed: DateTime<Utc>,
}

fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/tables.store")
}

fn authors() -> [Author; 3] {
    let born = NaiveDate::from_ymd_opt(1797, 8, 30);
    [
        Author { id: 1, name: "Mary Shelley".to_owned(), born },
        Author { id: 2, name: "Οδυσσέας Ελύτης".to_owned(), born: None },
        Author { id: 4, name: "Anonymous".to_owned(), born: None },
    ]
}

fn book(number: u8) -> Book {
    Book {
        isbn: format!("978-{number:04}"),
        author_id: 1 + i64::from(number % 2),
        pages: 100 + i32::from(number),
        price: f64::from(number) / 4.0 - 1.0,
        in_print: number.is_multiple_of(3),
        cover: (0..number).collect(),
        printed: DateTime::from_timestamp(1_000_000_000 + i64::from(number), 123_456_000).expect("a time in 2001"),
    }
}

/// What `book(3)` was changed to.
fn changed() -> Book {
    Book { pages: 1, price: f64::MAX, cover: Vec::new(), ..book(3) }
}

fn written(store: &Store) -> Result<()> {
    store.define([Author::definition(), Book::definition()])?;
    let (table, books) = (store.table::<Author>(), store.table::<Book>());
    let [mary, odysseas, anonymous] = authors();
    table.insert(mary)?;
    table.insert(odysseas)?;
    let gone = table.insert(Author { id: 0, name: "Nobody".to_owned(), born: None })?;
    table.insert(anonymous)?;
    table.delete(gone.id)?;
    let tx = store.begin();
    tx.note("twenty books");
    tx.table::<Book>().insert_all(&(0..20).map(book).collect::<Vec<_>>())?;
    tx.commit()?;
    books.update(changed())?;
    books.delete(book(4).isbn)?;
    Ok(())
}

#[test]
#[ignore = "writes the sample of a new version of the format"]
fn make_sample() -> Result<()> {
    let store = Store::open(sample())?;
    written(&store)?;
    store.close()
}

fn check(store: &Store) -> Result<()> {
    store.define([Author::definition(), Book::definition()])?;
    let (table, books) = (store.table::<Author>(), store.table::<Book>());
    assert_eq!(table.records()?.collect::<Result<Vec<_>>>()?, authors());
    let expected: Vec<_> = (0..20)
        .filter(|number| *number != 4)
        .map(|number| if number == 3 { changed() } else { book(number) })
        .collect();
    assert_eq!(books.records()?.collect::<Result<Vec<_>>>()?, expected);
    assert_eq!(table.get_by(Author::NAME, "Anonymous")?.map(|author| author.id), Some(4));
    let prices = books.range(Book::PRICE, ..=0.0)?.map(|book| Ok(book?.price)).collect::<Result<Vec<_>>>()?;
    assert_eq!(prices, [-1.0, -0.75, -0.5]);
    let history = books.history(book(3).isbn)?;
    let mut records: Vec<_> = history.iter().map(|version| version.record.clone()).collect();
    records.sort_by_key(|record| record.as_ref().map(|book| book.pages));
    assert_eq!(records, [Some(changed()), Some(book(3))]);
    assert!(history.iter().any(|version| version.note.as_deref() == Some("twenty books")));
    Ok(())
}

#[test]
fn a_file_of_the_first_version_is_read() -> Result<()> {
    // With what its clean close has left, and without.
    for index in [true, false] {
        let directory = tempfile::tempdir().unwrap();
        let copy = directory.path().join("tables.store");
        std::fs::copy(sample(), &copy).unwrap();
        if index {
            std::fs::copy(sample().with_extension("store-index"), copy.with_extension("store-index")).unwrap();
        }
        let store = Store::open(&copy)?;
        assert!(!store.opening().from_snapshot, "an image of the first version is passed over");
        check(&store)?;
        let added = store.table::<Author>().insert(Author { id: 0, name: "A new one".to_owned(), born: None })?;
        assert_eq!(added.id, 5, "numbers go on behind those that were drawn");
    }
    Ok(())
}
