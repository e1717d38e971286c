//! What a mistake looks like: the first line names the field or the type, and some line the way out.

use std::fs;
use std::path::Path;

#[test]
fn mistakes_are_named_with_the_way_out() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/fail/*.rs");
    cases.compile_fail("tests/fail_model/*.rs");
}

/// How many lines the message of a mistake in a model may have.
const LINES: usize = 15;

/// Those that are longer, where the compiler adds what it knows of other types, and says the same of a future and of the call that makes it.
const LONGER: [(&str, usize, usize); 4] = [
    ("key_of_another_type", 2, 43),
    ("rule_of_another_type", 1, 16),
    ("upsert_by_a_column_of_another_model", 1, 21),
    ("with_of_a_relation_of_another_model", 1, 20),
];

#[test]
fn one_mistake_in_a_model_is_one_short_message() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fail_model");
    let mut wrong = Vec::new();
    let mut cases = 0;
    for entry in fs::read_dir(folder).expect("the cases are there") {
        let path = entry.expect("the cases are there").path();
        if path.extension().is_none_or(|extension| extension != "stderr") {
            continue;
        }
        cases += 1;
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let text = fs::read_to_string(&path).expect("a message is text");
        let errors = text.lines().filter(|line| line.starts_with("error")).count();
        let lines = text.lines().count();
        let most = LONGER.iter().find(|longer| longer.0 == name).map_or((1, LINES), |longer| (longer.1, longer.2));
        if errors != most.0 || lines > most.1 {
            wrong.push(format!("{name}: {errors} errors in {lines} lines"));
        }
    }
    assert!(cases >= 30, "only {cases} cases were found");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
