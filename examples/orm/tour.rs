//! The tour itself, which says what it finds.

#![allow(unreachable_pub, reason = "the tour is a module of a program, and of its test")]

use oarlock::orm::query::Place;
use oarlock::orm::{Draft, Expr, Hooks, Invalid, create_tables};
use oarlock::{BelongsTo, DbExt, ErrorKind, FromValue, HasMany, ManyToMany, Model, Pool, Result, ToValue, sql};

/// An enum is kept as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromValue, ToValue)]
enum Shelf {
    Novels,
    Science,
}

/// A struct of several columns.
#[derive(Model, Debug, Clone, PartialEq)]
#[model(embedded)]
struct Origin {
    country: String,
    town: Option<String>,
}

#[derive(Model, Debug, Clone)]
#[model(hooks)]
struct Author {
    #[model(primary_key, auto)]
    id: i64,
    #[model(unique, not_blank, max_length = 100)]
    name: String,
    #[model(embed)]
    origin: Origin,
    #[model(has_many)]
    books: HasMany<Book>,
}

impl Hooks for Author {
    fn before_save(draft: &mut Draft<'_, Self>) -> Result<()> {
        if let Some(name) = draft.get(Self::NAME)? {
            draft.set(Self::NAME, name.trim());
        }
        Ok(())
    }
}

#[derive(Model, Debug, Clone)]
struct Book {
    #[model(primary_key, auto)]
    id: i64,
    #[model(references = Author, on_delete = "cascade")]
    author_id: i64,
    title: String,
    shelf: Shelf,
    #[model(min = 1)]
    pages: i32,
    #[model(version)]
    version: i32,
    #[model(belongs_to = author_id)]
    author: BelongsTo<Author>,
    #[model(many_to_many = BookTag)]
    tags: ManyToMany<Tag>,
}

#[derive(Model, Debug, Clone)]
struct Tag {
    #[model(primary_key, auto)]
    id: i64,
    #[model(unique, max_length = 50)]
    name: String,
}

#[derive(Model, Debug, Clone)]
struct BookTag {
    #[model(primary_key, references = Book, on_delete = "cascade")]
    book_id: i64,
    #[model(primary_key, references = Tag)]
    tag_id: i64,
}

/// Goes through it all, on an empty database, and gives what it has to say.
pub async fn run(db: &Pool) -> Result<Vec<String>> {
    let mut said = Vec::new();
    create_tables(db, [Author::table(), Book::table(), Tag::table(), BookTag::table()]).await?;
    write_rows(db, &mut said).await?;
    read_rows(db, &mut said).await?;
    change_rows(db, &mut said).await?;
    speak_sql(db, &mut said).await?;
    Ok(said)
}

async fn write_rows(db: &Pool, said: &mut Vec<String>) -> Result<()> {
    // An author with books, and a book with tags: one transaction, and the keys filled in.
    let book = |title: &str, shelf, pages| Book::create().title(title).shelf(shelf).pages(pages);
    let ada = Author::create()
        .name(" Ada ")
        .origin(&Origin { country: "England".to_owned(), town: Some("London".to_owned()) })
        .with(
            Author::BOOKS,
            [
                book("Engines", Shelf::Science, 66).with(Book::TAGS, [Tag::create().name("machines")]),
                book("Numbers", Shelf::Science, 180),
            ],
        )
        .exec(db)
        .await?;
    said.push(format!("{} of {} wrote {} books", ada.name, ada.origin.country, ada.books.get()?.len()));

    // Rows that are there are found or made by any unique key.
    let origin = Origin { country: "Norway".to_owned(), town: None };
    let sigrid = Author::find_or_create(Author::NAME).name("Sigrid").origin(&origin).exec(db).await?;
    let again = Author::find_or_create(Author::NAME).name("Sigrid").origin(&origin).exec(db).await?;
    said.push(format!("{} was made once: {}", sigrid.name, sigrid.id == again.id));

    // Many rows travel together, and come back in their order.
    let titles = ["The Wreath", "The Wife", "The Cross"];
    let books =
        titles.iter().zip([300, 400, 500]).map(|(title, pages)| book(title, Shelf::Novels, pages).author_id(sigrid.id));
    let books = Book::create_many(db, books).await?;
    said.push(format!("{} has {} books more", sigrid.name, books.len()));

    // Joined, and parted.
    let old = Tag::create().name("old").exec(db).await?;
    Book::TAGS.link(db, &books[0], [&old]).await?;
    said.push(format!("tagged: {}", Book::query().filter(Book::TAGS.any(Tag::NAME.eq("old"))).count(db).await?));

    // What breaks rules is told field by field, before anything is sent.
    let refused = book("Nothing", Shelf::Novels, 0).author_id(sigrid.id).exec(db).await;
    let error = refused.err().filter(|error| error.kind() == ErrorKind::Invalid);
    if let Some(invalid) = error.as_ref().and_then(Invalid::of) {
        said.push(format!("refused: {invalid}"));
    }
    Ok(())
}

async fn read_rows(db: &Pool, said: &mut Vec<String>) -> Result<()> {
    // Conditions are typed. Relations are loaded by one statement for each level, and filtered, ordered and limited for each parent.
    let authors = Author::query()
        .filter(Author::BOOKS.any(Book::PAGES.gt(100)))
        .with(Author::BOOKS.query().order_by(Book::PAGES.desc()).limit(2).with(Book::TAGS))
        .order_by(Author::NAME.asc())
        .all(db)
        .await?;
    for author in &authors {
        let books = author.books.get()?.iter();
        let titles: Vec<String> =
            books.map(|book| Ok(format!("{} ({} tags)", book.title, book.tags.get()?.len()))).collect::<Result<_>>()?;
        said.push(format!("{}: {}", author.name, titles.join(", ")));
    }

    // Groups, and single values.
    let shelves = Book::query()
        .select((Book::SHELF, Expr::count_rows(), Book::PAGES.sum()))
        .group_by(Book::SHELF)
        .order_by(Book::SHELF.asc())
        .all(db)
        .await?;
    for (shelf, count, pages) in shelves {
        said.push(format!("{shelf:?}: {count} books, {} pages", pages.unwrap_or_default()));
    }
    let thickest = Book::query().max(db, Book::PAGES).await?;
    said.push(format!("the thickest has {} pages", thickest.unwrap_or_default()));

    // Slices by key cost the same wherever they are.
    let mut place = None;
    loop {
        let from = place.as_deref().map_or(Place::Start, Place::After);
        let slice = Book::query().order_by(Book::TITLE.asc()).slice(db, from, 3).await?;
        let titles: Vec<&str> = slice.items.iter().map(|book| book.title.as_str()).collect();
        said.push(format!("slice: {}", titles.join(", ")));
        place = slice.next;
        if place.is_none() {
            return Ok(());
        }
    }
}

async fn change_rows(db: &Pool, said: &mut Vec<String>) -> Result<()> {
    let book = Book::query().filter(Book::TITLE.eq("Engines")).with(Book::AUTHOR).require(db).await?;
    said.push(format!("{} is by {}", book.title, book.author.require()?.name));

    // Only what is set is sent; an update of a row that was changed meanwhile is refused.
    let thicker = book.update().pages(Book::PAGES + 1).exec(db).await?;
    let stale = book.update().pages(1).exec(db).await;
    let stale = stale.is_err_and(|error| error.kind() == ErrorKind::StaleRow);
    said.push(format!("{} pages, version {}; stale: {stale}", thicker.pages, thicker.version));

    // All or nothing.
    let undone: Result<()> = db
        .transaction(|tx| async move {
            Book::query().delete(&tx).await?;
            Err(oarlock::Error::interface("second thoughts"))
        })
        .await;
    said.push(format!("undone: {}, {} books are left", undone.is_err(), Book::query().count(db).await?));

    let changed = Book::query().filter(Book::SHELF.eq(Shelf::Novels)).update().set(Book::PAGES, Book::PAGES * 2);
    said.push(format!("{} novels are twice as thick", changed.exec(db).await?));
    Ok(())
}

async fn speak_sql(db: &Pool, said: &mut Vec<String>) -> Result<()> {
    let titles = ["The Wife", "Numbers"];
    let rows: Vec<(String, i32)> =
        sql!(db, "SELECT title, pages FROM book WHERE title IN ({titles..}) ORDER BY title").all().await?;
    for (title, pages) in rows {
        said.push(format!("{title}: {pages} pages"));
    }
    Ok(())
}
