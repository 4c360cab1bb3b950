//! The rule for targets of fuzzing: each has a program, a corpus and a test that runs both without a fuzzer.

use super::source::{Broken, Source};

/// How many inputs a corpus has at least.
const LEAST: usize = 5;

/// The names of the targets, as their programs' files have them.
pub(super) fn targets<'a>(paths: &'a [&str]) -> Vec<&'a str> {
    let name = |path: &'a &str| path.strip_prefix("fuzz/fuzz_targets/")?.strip_suffix(".rs");
    paths.iter().filter_map(name).collect()
}

/// What the targets among these files lack. The tests that name them end in `/tests/fuzz.rs`.
pub(super) fn lacking(paths: &[&str], manifest: &str, sources: &[Source]) -> Vec<Broken> {
    let targets = targets(paths);
    let mut broken = Vec::new();
    let tests = || {
        sources
            .iter()
            .filter(|s| s.path.ends_with("/tests/fuzz.rs"))
    };
    for name in &targets {
        let corpus = format!("fuzz/corpus/{name}/");
        let inputs = paths.iter().filter(|path| path.starts_with(&corpus));
        let mut lacks = |what: &str| broken.push(Broken::new(1, format!("{name} lacks {what}")));
        if inputs.count() < LEAST {
            lacks("a corpus of 5 inputs");
        }
        if !manifest.contains(&format!("\nname = \"{name}\"\n")) {
            lacks("a program in fuzz/Cargo.toml");
        }
        let quoted = format!("\"{name}\"");
        if !tests().any(|test| test.text.contains(&quoted)) {
            lacks("a test in tests/fuzz.rs of its crate");
        }
    }
    for path in paths {
        let corpus = path.strip_prefix("fuzz/corpus/");
        let corpus = corpus.and_then(|path| path.split('/').next());
        if corpus.is_some_and(|name| !targets.contains(&name)) {
            broken.push(Broken::new(1, format!("{path} belongs to no target")));
        }
    }
    broken
}

mod samples {
    //! A rule that finds nothing in a bad file is no rule.
    use super::*;

    const MANIFEST: &str = "[[bin]]\nname = \"a\"\n";

    fn test(text: &str) -> [Source; 1] {
        [Source {
            path: "x/tests/fuzz.rs".to_owned(),
            text: text.to_owned(),
        }]
    }

    fn paths(inputs: usize) -> Vec<&'static str> {
        let mut paths = vec!["fuzz/fuzz_targets/a.rs"];
        paths.resize(inputs + 1, "fuzz/corpus/a/x");
        paths
    }

    #[test]
    fn what_a_target_lacks_is_found() {
        let tests = test("stands(\"a\")");
        assert_eq!(lacking(&paths(5), MANIFEST, &tests).len(), 0);
        assert_eq!(lacking(&paths(4), MANIFEST, &tests).len(), 1);
        assert_eq!(lacking(&paths(5), "", &tests).len(), 1);
        assert_eq!(lacking(&paths(5), MANIFEST, &test("")).len(), 1);
    }

    #[test]
    fn a_corpus_of_no_target_is_found() {
        let paths = ["fuzz/corpus/b/x"];
        assert_eq!(lacking(&paths, MANIFEST, &[]).len(), 1);
    }
}
