//! The tour of the ORM finds the same on every engine.

use oarlock::{Pool, Result};

#[path = "../../examples/orm/tour.rs"]
mod tour;

const FOUND: &str = "\
Ada of England wrote 2 books
Sigrid was made once: true
Sigrid has 3 books more
tagged: 1
refused: Book.pages must be 1 or more
Ada: Numbers (0 tags), Engines (1 tags)
Sigrid: The Cross (0 tags), The Wife (0 tags)
Novels: 3 books, 1200 pages
Science: 2 books, 246 pages
the thickest has 500 pages
slice: Engines, Numbers, The Cross
slice: The Wife, The Wreath
Engines is by Ada
67 pages, version 2; stale: true
undone: true, 5 books are left
3 novels are twice as thick
Numbers: 180 pages
The Wife: 800 pages
";

#[oarlock::test(engines = [sqlite, postgres, mysql])]
async fn the_tour_finds_what_it_says(db: Pool) -> Result<()> {
    assert_eq!(tour::run(&db).await?.join("\n"), FOUND.trim_end());
    Ok(())
}
