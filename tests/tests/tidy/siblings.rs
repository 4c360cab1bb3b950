//! The rule for sibling crates: whoever knows one finds the same files in the next.

/// Sibling crates by the start of their names, and the files that each of them has in `src`.
const SIBLINGS: [(&str, &[&str]); 2] = [
    (
        "widget-transport-",
        &["lib.rs", "client.rs", "listener.rs", "connection.rs"],
    ),
    ("widget-store-", &["lib.rs"]),
];

/// One crate is no pair: a rule begins with the second of its kind.
pub(super) fn missing_sibling_files(paths: &[&str]) -> Vec<String> {
    let mut missing = Vec::new();
    for (start, files) in SIBLINGS {
        let mut siblings: Vec<&str> = paths
            .iter()
            .filter(|path| path.starts_with(start))
            .filter_map(|path| path.strip_suffix("/Cargo.toml"))
            .collect();
        siblings.sort_unstable();
        if siblings.len() < 2 {
            continue;
        }
        for sibling in siblings {
            let wanted = files.iter().map(|file| format!("{sibling}/src/{file}"));
            let absent = wanted.filter(|path| !paths.contains(&path.as_str()));
            missing
                .extend(absent.map(|path| format!("{path}:1: is missing, its siblings have it")));
        }
    }
    missing
}

mod samples {
    //! A rule that finds nothing in a bad file is no rule.
    use super::*;

    #[test]
    fn a_sibling_with_other_file_names_is_found() {
        let mut paths = vec![
            "widget-transport-a/Cargo.toml",
            "widget-transport-a/src/lib.rs",
        ];
        assert_eq!(missing_sibling_files(&paths), [""; 0]);
        paths.extend([
            "widget-transport-b/Cargo.toml",
            "widget-transport-b/src/lib.rs",
        ]);
        let missing = missing_sibling_files(&paths);
        assert_eq!(missing.len(), 6, "{missing:?}");
        assert!(
            missing[0].starts_with("widget-transport-a/src/client.rs:1:"),
            "{missing:?}"
        );
    }
}
