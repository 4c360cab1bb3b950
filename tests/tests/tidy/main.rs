//! The house rules that a machine can check: one test per promise, over every file that git knows or
//! would add. The modules have the rules, each with a sample that breaks it.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot read the tree has to fail"
)]

mod bugs;
mod fuzz;
mod manifests;
mod promises;
mod rules;
mod siblings;
mod source;
mod wire;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use source::{Broken, Source};
use widget_server::Reason;

static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(|| {
    let root = root();
    let sources: Vec<Source> = listed(&root)
        .into_iter()
        // What is not UTF-8 is not text; what is not there was deleted and not yet committed.
        .filter_map(|path| {
            let text = fs::read_to_string(root.join(&path)).ok()?;
            Some(Source { path, text })
        })
        .collect();
    assert!(
        sources.iter().any(|source| source.path == "Cargo.toml"),
        "the list of files is wrong: it has no Cargo.toml"
    );
    sources
});

#[test]
fn every_rust_file_starts_with_what_it_is_responsible_for() {
    each(rules::has_head);
}

#[test]
fn no_rust_file_is_too_long() {
    each(rules::is_short);
}

#[test]
fn no_code_is_unfinished() {
    each(rules::is_finished);
}

#[test]
fn no_test_is_ignored() {
    each(rules::ignores_no_test);
}

#[test]
fn no_library_prints() {
    each(rules::prints_nothing);
}

#[test]
fn what_runs_in_simulations_denies_what_no_seed_repeats() {
    each(rules::denies_what_no_seed_repeats);
}

#[test]
fn every_route_is_in_the_list_that_tests_walk() {
    each(rules::leaves_routes_to_their_list);
}

#[test]
fn types_of_the_wire_have_plain_derives() {
    each(wire::has_plain_serde);
}

#[test]
fn every_exception_for_serde_is_still_needed() {
    report(wire::stale_serde_exceptions(&SOURCES));
}

#[test]
fn one_file_names_bincode() {
    each(wire::leaves_bincode_to_its_codec);
}

#[test]
fn no_file_names_a_path_of_one_machine() {
    each(rules::names_no_machine);
}

#[test]
fn sibling_crates_use_the_same_file_names() {
    let paths: Vec<&str> = SOURCES.iter().map(|source| source.path.as_str()).collect();
    report(siblings::missing_sibling_files(&paths));
}

#[test]
fn every_dependency_has_its_line_in_the_docs() {
    let page = "docs/dependencies.md";
    let broken = manifests::undocumented(text_of("Cargo.toml"), text_of(page));
    report(at("Cargo.toml", broken));
    let broken = manifests::documented_in_vain(text_of("Cargo.toml"), text_of(page));
    report(at(page, broken));
}

#[test]
fn members_take_dependencies_from_the_workspace() {
    let is_member = |source: &&Source| {
        source.path.ends_with("/Cargo.toml") && !source.path.starts_with("fuzz/")
    };
    let broken = SOURCES.iter().filter(is_member).flat_map(|source| {
        let broken = manifests::not_inherited(&source.text);
        at(&source.path, broken)
    });
    report(broken.collect());
}

#[test]
fn every_promise_of_delivery_names_tests_that_are_there() {
    let page = "docs/delivery.md";
    let text = text_of(page);
    assert!(
        promises::count(text) >= 20,
        "the tables of {page} are not read"
    );
    report(at(page, promises::unproven(text, &SOURCES)));
}

#[test]
fn every_word_of_explain_is_in_the_docs_and_no_other() {
    let text = text_of("docs/delivery.md");
    let (_, rest) = text
        .split_once("## The words of explain")
        .expect("a chapter");
    let (chapter, _) = rest.split_once("\n## ").expect("a chapter after it");
    let rows = chapter.lines().filter(|line| line.starts_with("| "));
    let said: BTreeSet<&str> = rows
        .flat_map(|row| row.split('`').skip(1).step_by(2))
        .collect();
    let known = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    assert_eq!(said, known);
}

#[test]
fn every_planted_bug_still_applies_and_says_what_it_breaks() {
    let planted: Vec<&Source> = SOURCES.iter().filter(|s| bugs::is_planted(s)).collect();
    assert!(planted.len() >= 14, "there are only {}", planted.len());
    let root = root();
    let broken = planted.into_iter().flat_map(|source| {
        let mut broken = bugs::says_what_it_breaks(source);
        broken.extend(bugs::applies(&root, source));
        at(&source.path, broken)
    });
    report(broken.collect());
}

#[test]
fn every_target_of_fuzzing_has_a_corpus_and_a_test() {
    let files = listed(&root());
    let paths: Vec<&str> = files.iter().map(String::as_str).collect();
    let count = fuzz::targets(&paths).len();
    assert!(count >= 11, "there are only {count}");
    let manifest = "fuzz/Cargo.toml";
    let broken = fuzz::lacking(&paths, text_of(manifest), &SOURCES);
    report(at(manifest, broken));
}

/// Holds every file against a rule.
fn each(rule: fn(&Source) -> Vec<Broken>) {
    let broken = SOURCES
        .iter()
        .flat_map(|source| at(&source.path, rule(source)));
    report(broken.collect());
}

fn at(path: &str, broken: Vec<Broken>) -> Vec<String> {
    let place = |broken: Broken| format!("{path}:{}: {}", broken.line, broken.advice);
    broken.into_iter().map(place).collect()
}

fn report(broken: Vec<String>) {
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

fn text_of(path: &str) -> &'static str {
    let source = SOURCES.iter().find(|source| source.path == path);
    &source.unwrap_or_else(|| panic!("{path} is missing")).text
}

fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package
        .parent()
        .expect("the package is below the root")
        .to_owned()
}

/// The files below the root that belong to the project.
fn listed(root: &Path) -> Vec<String> {
    if !root.join(".git").exists() {
        // Sources without their history, as from an archive, hold nothing that is to be ignored
        // but what was built there.
        let mut paths = Vec::new();
        walk(root, root, &mut paths);
        return paths;
    }
    let output = Command::new("git")
        // The clone may belong to somebody else, as it often does in a container.
        .args([
            "-c",
            "safe.directory=*",
            "ls-files",
            "-z",
            "-co",
            "--exclude-standard",
        ])
        .current_dir(root)
        .output()
        .expect("git can be started");
    assert!(
        output.status.success(),
        "git ls-files failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let paths = String::from_utf8(output.stdout).expect("paths are UTF-8");
    paths.split_terminator('\0').map(str::to_owned).collect()
}

fn walk(root: &Path, directory: &Path, paths: &mut Vec<String>) {
    for entry in fs::read_dir(directory).expect("a directory can be listed") {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() {
            if !path.ends_with("target") {
                walk(root, &path, paths);
            }
        } else {
            let relative = path.strip_prefix(root).expect("the path is below the root");
            paths.push(
                relative
                    .to_str()
                    .expect("paths are UTF-8")
                    .replace('\\', "/"),
            );
        }
    }
}

#[test]
fn sources_without_git_are_found_by_walking() {
    let root = root();
    let mut walked = Vec::new();
    walk(&root.join("tests"), &root.join("tests"), &mut walked);
    assert!(
        walked.iter().any(|path| path == "tests/tidy/main.rs"),
        "{walked:?}"
    );
}
