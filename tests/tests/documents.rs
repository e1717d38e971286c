//! The pages show code that is compiled: each Rust block of a page in `docs` stands in an example or a test.

fn shows_the_code_of(page: &str, sources: &[&str]) {
    let blocks: Vec<&str> =
        page.split("```rust,ignore\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() > 5, "the page has its blocks in another form");
    for block in blocks {
        assert!(sources.iter().any(|source| source.contains(block)), "no source has this any more:\n{block}");
    }
}

#[test]
fn the_page_on_drivers_shows_the_examples_code() {
    shows_the_code_of(
        include_str!("../../docs/writing-a-driver.md"),
        &[
            include_str!("../../examples/custom_driver/tiny.rs"),
            include_str!("../../examples/custom_driver/main.rs"),
            include_str!("custom_driver.rs"),
        ],
    );
}

#[test]
fn the_page_on_the_orm_shows_the_tests_code() {
    shows_the_code_of(include_str!("../../docs/orm.md"), &[include_str!("orm/guide.rs")]);
}

#[test]
fn the_page_on_testing_shows_the_tests_code() {
    shows_the_code_of(include_str!("../../docs/testing.md"), &[include_str!("testing/guide.rs")]);
}

#[test]
fn the_page_on_migrations_shows_the_tests_code() {
    shows_the_code_of(include_str!("../../docs/migrations.md"), &[include_str!("migrate/guide.rs")]);
}

#[test]
fn the_page_on_the_store_shows_the_tests_code() {
    shows_the_code_of(include_str!("../../docs/store.md"), &[include_str!("../../store/tests/guide.rs")]);
}
