//! What a mistake in a derive looks like: the first line names the field or the type, and some line the way out.

#[test]
fn mistakes_are_named_with_the_way_out() {
    trybuild::TestCases::new().compile_fail("tests/fail/*.rs");
}
