//! The pages show code that is compiled: each Rust block of docs/writing-a-driver.md stands in the example or in its test.

const PAGE: &str = include_str!("../../docs/writing-a-driver.md");
const SOURCES: [&str; 3] = [
    include_str!("../../examples/custom_driver/tiny.rs"),
    include_str!("../../examples/custom_driver/main.rs"),
    include_str!("custom_driver.rs"),
];

#[test]
fn the_page_on_drivers_shows_the_examples_code() {
    let blocks: Vec<&str> =
        PAGE.split("```rust,ignore\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() > 5, "the page has its blocks in another form");
    for block in blocks {
        assert!(SOURCES.iter().any(|source| source.contains(block)), "no source has this any more:\n{block}");
    }
}
