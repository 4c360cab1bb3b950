//! The rule for planted bugs: each patch below `proof/bugs` says which promise it breaks, changes
//! production code alone, and still applies to it. That each is caught, `scripts/proof bugs` says.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use super::source::{Broken, Source};

/// What the first line of a patch begins with.
const HEAD: &str = "# Breaks: ";

pub(super) fn is_planted(source: &Source) -> bool {
    source.path.starts_with("proof/bugs/") && source.path.ends_with(".patch")
}

/// The patch says what it breaks, and changes code that runs outside of tests.
pub(super) fn says_what_it_breaks(source: &Source) -> Vec<Broken> {
    let mut broken = Vec::new();
    let first = source.text.lines().next().unwrap_or_default();
    if first.strip_prefix(HEAD).is_none_or(|said| said.len() < 20) {
        let advice = "begin with `# Breaks: ` and the promise that does not hold with it";
        broken.push(Broken::new(1, advice));
    }
    for (line, number) in source.text.lines().zip(1..) {
        if line
            .strip_prefix("+++ b/")
            .is_some_and(|path| !is_production(path))
        {
            let advice = "plant bugs in what users run, not in what tests it";
            broken.push(Broken::new(number, advice));
        }
    }
    broken
}

fn is_production(path: &str) -> bool {
    let ours = path.starts_with("widget-") && !path.starts_with("widget-sim/");
    ours && path.contains("/src/") && !path.contains("/testkit/")
}

/// The patch fits the tree at `root`.
pub(super) fn applies(root: &Path, source: &Source) -> Vec<Broken> {
    let mut git = Command::new("git");
    // The clone may belong to somebody else, as it often does in a container. What lies above the root
    // is none of its business: below another repository, git would apply nothing and say so to nobody.
    git.args(["-c", "safe.directory=*", "apply", "--check", "-"])
        .env("GIT_CEILING_DIRECTORIES", root.parent().unwrap_or(root))
        .current_dir(root)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped());
    let mut checking = git.spawn().expect("git can be started");
    let mut stdin = checking.stdin.take().expect("a pipe");
    stdin
        .write_all(source.text.as_bytes())
        .expect("git reads the patch");
    drop(stdin);
    let checked = checking.wait_with_output().expect("git ends");
    if checked.status.success() {
        return Vec::new();
    }
    let said = String::from_utf8_lossy(&checked.stderr);
    let advice = format!(
        "make this bug anew from the code as it is now: {}",
        said.trim()
    );
    vec![Broken::new(1, advice)]
}

mod samples {
    //! A rule that finds nothing in a bad file is no rule.
    use super::super::source::breaks;
    use super::*;

    const PATCH: &str = "\
# Breaks: a planted bug says which promise it breaks.
--- a/widget-core/src/lib.rs
+++ b/widget-core/src/lib.rs
@@ -1 +1 @@
-old
+new
";

    fn planted(text: &str) -> Source {
        Source {
            path: "proof/bugs/a.patch".to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_bug_that_says_nothing_or_is_no_code_of_users_is_found() {
        let path = "proof/bugs/a.patch";
        breaks(says_what_it_breaks, path, PATCH, &[]);
        breaks(
            says_what_it_breaks,
            path,
            &PATCH.replacen('#', "-", 1),
            &[1],
        );
        for other in [
            "widget-sim/src/lib.rs",
            "tests/src/lib.rs",
            "widget-core/tests/a.rs",
        ] {
            let elsewhere = PATCH.replace("widget-core/src/lib.rs", other);
            breaks(says_what_it_breaks, path, &elsewhere, &[3]);
        }
    }

    #[test]
    fn a_bug_in_code_that_has_changed_is_found() {
        let place = tempfile::tempdir().expect("a directory");
        let src = place.path().join("widget-core/src");
        std::fs::create_dir_all(&src).expect("a directory");
        std::fs::write(src.join("lib.rs"), "old\n").expect("a file");
        assert!(applies(place.path(), &planted(PATCH)).is_empty());
        std::fs::write(src.join("lib.rs"), "newer\n").expect("a file");
        assert_eq!(applies(place.path(), &planted(PATCH)).len(), 1);
    }
}
