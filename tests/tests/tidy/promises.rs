//! The rule for what the docs promise: each row of the tables in docs/delivery.md names tests that
//! prove it, and they are there.

use super::source::{Broken, Source};

/// What a table has to begin with.
const HEADER: &str = "| promise | where | proven by |";

/// Rows of the page without a test, and tests that are not in the tree.
pub(super) fn unproven(page: &str, sources: &[Source]) -> Vec<Broken> {
    let rust = || sources.iter().filter(|source| source.is_rust());
    let exists = |test: &str| {
        let declared = format!("fn {test}(");
        rust().any(|source| is_a_place_of_tests(source) && source.text.contains(&declared))
    };
    let mut broken = Vec::new();
    for (line, tests) in rows(page) {
        if tests.is_empty() {
            broken.push(Broken::new(
                line,
                "name a test that proves this in the last column",
            ));
        }
        let missing = tests.into_iter().filter(|test| !exists(test));
        let advice = |test| format!("there is no test `{test}`: it was renamed or is gone");
        broken.extend(missing.map(|test| Broken::new(line, advice(test))));
    }
    broken
}

/// How many promises the page makes.
pub(super) fn count(page: &str) -> usize {
    rows(page).count()
}

/// The rows of its tables: line, and the names in the last column.
fn rows(page: &str) -> impl Iterator<Item = (usize, Vec<&str>)> {
    let mut within = false;
    page.lines().zip(1..).filter_map(move |(line, number)| {
        if !line.starts_with('|') {
            within = false;
            return None;
        }
        if line == HEADER {
            within = true;
            return None;
        }
        if !within || line.starts_with("|---") {
            return None;
        }
        let last = line.trim_end_matches('|').rsplit('|').next()?;
        // Between the first and the second backtick, between the third and the fourth …
        Some((number, last.split('`').skip(1).step_by(2).collect()))
    })
}

/// Tests, and the suites that plugins are held against.
fn is_a_place_of_tests(source: &Source) -> bool {
    let has = |attribute| source.text.contains(attribute);
    has("#[test]") || has("#[tokio::test") || source.path.contains("/testkit/")
}

mod samples {
    //! A rule that finds nothing in a bad file is no rule.
    use super::*;

    #[test]
    fn a_promise_without_its_test_is_found() {
        let source = |path: &str, text: &str| Source {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        let sources = [
            source("a/src/lib.rs", "fn not_a_test() {}"),
            source("a/tests/a.rs", "#[test]\nfn it_holds() {}"),
            source("a/src/testkit/b.rs", "pub async fn a_case(store: &S) {}"),
            source("a/README.md", "#[test]\nfn only_words() {}"),
        ];
        let row = |tests: &str| format!("{HEADER}\n|---|---|---|\n| it holds | a | {tests} |\n");
        let broken = |tests: &str| unproven(&row(tests), &sources).len();
        assert_eq!(broken("`it_holds`"), 0);
        assert_eq!(broken("`it_holds`, `a_case` in each store"), 0);
        assert_eq!(broken("reason alone"), 1);
        assert_eq!(broken("`it_hold`"), 1);
        assert_eq!(broken("`not_a_test`, `only_words`"), 2);
        assert_eq!(count(&row("")), 1);
        assert_eq!(count("| a | b | c |\n|---|---|---|\n| 1 | 2 | 3 |\n"), 0);
    }
}
