//! The rules for single files. Words that are banned everywhere are put together from two parts here,
//! so that this file does not break its own rules.

use super::source::{Broken, Source, texts, words};

/// Aim at 400.
const LINES_AT_MOST: usize = 500;

const UNFINISHED: [&str; 3] = [
    concat!("to", "do!"),
    concat!("unimpl", "emented!"),
    concat!("db", "g!"),
];

/// As an attribute, behind a condition, and for an example in the docs.
const IGNORED: [&str; 3] = [
    concat!("#[", "ignore"),
    concat!(", ", "ignore)]"),
    concat!("```", "ignore"),
];

const PRINTS: [&str; 4] = ["println!", "eprintln!", "print!", "eprint!"];

/// Packages that are not libraries for others.
const MAY_PRINT: [&str; 4] = ["examples/", "benches/", "tests/", "tests-browser/"];

/// Homes of developers and tools.
const MACHINES: [&str; 3] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("../", "shared"),
];

/// Libraries of which one seed has to be one run.
const SIMULATED: [&str; 5] = [
    "widget-core/src/lib.rs",
    "widget-agent/src/lib.rs",
    "widget-server/src/lib.rs",
    "widget-transport-tcp/src/lib.rs",
    "widget-transport-http/src/lib.rs",
];

/// What forbids clocks, threads and the like there.
const REPEATABLE: [&str; 3] = [
    "clippy::disallowed_macros",
    "clippy::disallowed_methods",
    "clippy::disallowed_types",
];

/// The first line says what the file is responsible for.
pub(super) fn has_head(source: &Source) -> Vec<Broken> {
    let first = source.text.lines().next().unwrap_or_default();
    let head = first.strip_prefix("//!").map(str::trim);
    if !source.is_rust() || head.is_some_and(|head| !head.is_empty()) {
        return Vec::new();
    }
    vec![Broken::new(
        1,
        "start the file with `//!` and what it is responsible for",
    )]
}

pub(super) fn is_short(source: &Source) -> Vec<Broken> {
    let lines = source.text.lines().count();
    if !source.is_rust() || lines <= LINES_AT_MOST {
        return Vec::new();
    }
    let advice = format!("{lines} lines, {LINES_AT_MOST} at most: split it, one concept a file");
    vec![Broken::new(LINES_AT_MOST + 1, advice)]
}

pub(super) fn is_finished(source: &Source) -> Vec<Broken> {
    if !source.is_rust() {
        return Vec::new();
    }
    words(source, &UNFINISHED, |word| {
        format!("`{word}` is not finished code")
    })
}

pub(super) fn ignores_no_test(source: &Source) -> Vec<Broken> {
    if !source.is_rust() {
        return Vec::new();
    }
    texts(source, &IGNORED, |_| {
        "run this test or delete it (an example that is no Rust is `text`)".to_owned()
    })
}

pub(super) fn prints_nothing(source: &Source) -> Vec<Broken> {
    let is_binary = source.path.ends_with("/main.rs") || source.path.contains("/src/bin/");
    let may_print = MAY_PRINT.iter().any(|start| source.path.starts_with(start));
    if !source.is_rust() || !source.is_in_src() || is_binary || may_print {
        return Vec::new();
    }
    let code = source.without_comments();
    words(&code, &PRINTS, |word| {
        format!("a library does not use `{word}`: log an event with `tracing`")
    })
}

pub(super) fn denies_what_no_seed_repeats(source: &Source) -> Vec<Broken> {
    let has_to = SIMULATED.contains(&source.path.as_str());
    let (_, denied) = source.text.split_once("deny(").unwrap_or_default();
    let (denied, _) = denied.split_once(')').unwrap_or_default();
    let missing = REPEATABLE.iter().filter(|lint| !denied.contains(**lint));
    missing
        .filter(|_| has_to)
        .map(|lint| Broken::new(1, format!("it runs in simulations: deny `{lint}`")))
        .collect()
}

/// The one file of the server that adds routes to a router.
const ROUTES: &str = "widget-server/src/api/routes.rs";

/// A rule for all routes is held against a list, which has those alone that `Routes` has added.
pub(super) fn leaves_routes_to_their_list(source: &Source) -> Vec<Broken> {
    if !source.path.starts_with("widget-server/src/") || source.path == ROUTES {
        return Vec::new();
    }
    let banned = [".route(", ".route_service(", ".nest(", ".nest_service("];
    texts(&source.without_comments(), &banned, |word| {
        format!("`{word}` adds a route that no test walks: use `Routes`")
    })
}

pub(super) fn names_no_machine(source: &Source) -> Vec<Broken> {
    texts(source, &MACHINES, |word| {
        format!("`{word}` is a path of one machine: say it without")
    })
}

mod samples {
    //! A rule that finds nothing in a bad file is no rule.
    use super::super::source::breaks;
    use super::*;

    #[test]
    fn a_missing_or_empty_head_is_found() {
        breaks(has_head, "a/src/lib.rs", "//! Frames.\n", &[]);
        breaks(has_head, "a/src/lib.rs", "\n//! Frames.\n", &[1]);
        breaks(has_head, "a/src/lib.rs", "//!\nfn f() {}\n", &[1]);
        breaks(has_head, "a/src/lib.rs", "", &[1]);
        breaks(has_head, "a/README.md", "# A\n", &[]);
    }

    #[test]
    fn a_file_of_501_lines_is_found() {
        breaks(is_short, "a/src/lib.rs", &"x\n".repeat(500), &[]);
        breaks(is_short, "a/src/lib.rs", &"x\n".repeat(501), &[501]);
        breaks(is_short, "Cargo.lock", &"x\n".repeat(501), &[]);
    }

    #[test]
    fn a_simulated_library_that_may_use_clocks_is_found() {
        let rule = denies_what_no_seed_repeats;
        let all = format!("//! A.\n#![deny(\n{}\n)]\n", REPEATABLE.join(",\n"));
        breaks(rule, SIMULATED[0], &all, &[]);
        let two = all.replace("clippy::disallowed_types", "");
        breaks(rule, SIMULATED[0], &two, &[1]);
        breaks(rule, SIMULATED[0], "//! A.\n", &[1, 1, 1]);
        breaks(rule, "a/src/lib.rs", "//! A.\n", &[]);
    }

    #[test]
    fn unfinished_code_is_found() {
        for word in UNFINISHED {
            breaks(
                is_finished,
                "a/src/lib.rs",
                &format!("fn f() {{\n    {word}()\n}}"),
                &[2],
            );
        }
        breaks(is_finished, "a/src/lib.rs", "not_what_to_do!()", &[]);
    }

    #[test]
    fn an_ignored_test_is_found() {
        for word in IGNORED {
            breaks(
                ignores_no_test,
                "a/tests/b.rs",
                &format!("//! B.\n{word}"),
                &[2],
            );
        }
        breaks(
            ignores_no_test,
            "a/tests/b.rs",
            "#[test]\nfn ignored() {}",
            &[],
        );
    }

    #[test]
    fn a_library_that_prints_is_found() {
        for word in PRINTS {
            let text = format!("fn f() {{\n    {word}(\"x\");\n}}");
            breaks(prints_nothing, "widget-core/src/a.rs", &text, &[2]);
            breaks(prints_nothing, "widget-agent/src/main.rs", &text, &[]);
            breaks(
                prints_nothing,
                "widget-server/src/bin/widgetctl/list.rs",
                &text,
                &[],
            );
            breaks(prints_nothing, "examples/src/lib.rs", &text, &[]);
        }
        breaks(
            prints_nothing,
            "widget-core/src/a.rs",
            "/// println!(\"{x}\");",
            &[],
        );
    }

    #[test]
    fn a_route_beside_the_list_is_found() {
        let rule = leaves_routes_to_their_list;
        let text = "fn f() {\n    router.route(\"/\", get(f))\n}";
        breaks(rule, "widget-server/src/page/mod.rs", text, &[2]);
        breaks(rule, ROUTES, text, &[]);
        breaks(rule, "examples/axum_app.rs", text, &[]);
        breaks(rule, "widget-server/src/page/mod.rs", "/// .route(", &[]);
    }

    #[test]
    fn a_path_of_one_machine_is_found() {
        for word in MACHINES {
            breaks(
                names_no_machine,
                "README.md",
                &format!("# A\nsee {word}x"),
                &[2],
            );
        }
        breaks(
            names_no_machine,
            "README.md",
            "POST /agent/v2/request-work",
            &[],
        );
    }
}
