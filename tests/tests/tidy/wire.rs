//! The rules for what goes over the wire: plain derives, and one file that names the codec's crate.

use super::source::{Broken, Source, has_word, is_part_of_word};

/// bincode is not self-describing: a type whose serde depends on what it holds cannot be read back.
const NOT_ON_THE_WIRE: [&str; 5] = [
    "tag",
    "content",
    "untagged",
    "flatten",
    "skip_serializing_if",
];

/// Where an attribute may stand, and why nothing of it goes over the wire.
type Exception<'a> = (&'a str, &'a str, &'a str);

const EXCEPTIONS: &[Exception<'_>] = &[];

const BINCODE: &str = "bincode";
const CODEC_OF_BINCODE: &str = "widget-core/src/codec/bincode.rs";

/// Types of the wire have plain derives, and newtypes with their own serde.
pub(super) fn has_plain_serde(source: &Source) -> Vec<Broken> {
    has_plain_serde_but_for(source, EXCEPTIONS)
}

fn has_plain_serde_but_for(source: &Source, exceptions: &[Exception<'_>]) -> Vec<Broken> {
    let is_excepted = |attribute: &str| {
        let mut exceptions = exceptions.iter();
        exceptions.any(|(path, excepted, _)| *path == source.path && *excepted == attribute)
    };
    let advice = |attribute: &str| {
        format!("serde's `{attribute}` cannot be read back from bincode: use a plain derive")
    };
    let mut banned = banned_serde(source);
    banned.retain(|(_, attribute)| !is_excepted(attribute));
    let broken = banned.into_iter();
    broken
        .map(|(line, attribute)| Broken::new(line, advice(attribute)))
        .collect()
}

/// Exceptions that no file makes use of.
pub(super) fn stale_serde_exceptions(sources: &[Source]) -> Vec<String> {
    stale(EXCEPTIONS, sources)
}

fn stale(exceptions: &[Exception<'_>], sources: &[Source]) -> Vec<String> {
    let is_used = |path: &str, attribute: &str| {
        let mut here = sources.iter().filter(|source| source.path == path);
        here.any(|source| {
            banned_serde(source)
                .iter()
                .any(|(_, found)| *found == attribute)
        })
    };
    let stale = exceptions
        .iter()
        .filter(|(path, attribute, _)| !is_used(path, attribute));
    stale
        .map(|(path, attribute, _)| format!("{path}: delete the exception for `{attribute}`"))
        .collect()
}

fn banned_serde(source: &Source) -> Vec<(usize, &'static str)> {
    if !source.is_rust() || !source.path.starts_with("widget-core/src/") {
        return Vec::new();
    }
    let code = source.without_comments();
    let mut banned = Vec::new();
    for (start, _) in code.text.match_indices("serde(") {
        let rest = &code.text[start..];
        let attribute = &rest[..rest.find(")]").unwrap_or(rest.len())];
        // What stands between quotes is a name or a path, not an attribute.
        let unquoted: String = attribute.split('"').step_by(2).collect();
        let line = code.text[..start].matches('\n').count() + 1;
        let found = NOT_ON_THE_WIRE
            .iter()
            .filter(|word| has_word(&unquoted, word));
        banned.extend(found.map(|word| (line, *word)));
    }
    banned
}

/// The name of the crate, at the start of a path or of an import; a module of that name is fine.
pub(super) fn leaves_bincode_to_its_codec(source: &Source) -> Vec<Broken> {
    if !source.is_rust() || !source.is_in_src() || source.path == CODEC_OF_BINCODE {
        return Vec::new();
    }
    let names_crate = |line: &str| {
        line.match_indices(BINCODE).any(|(start, _)| {
            let (before, after) = (&line[..start], &line[start + BINCODE.len()..]);
            let is_import = ["use ", "use ::", "extern crate "]
                .iter()
                .any(|end| before.ends_with(end));
            let is_root = !before.ends_with(|c: char| is_part_of_word(c) || c == ':')
                || before.ends_with(" ::");
            is_root && (after.starts_with("::") || is_import)
        })
    };
    let code = source.without_comments();
    let lines = code
        .text
        .lines()
        .zip(1..)
        .filter(|(line, _)| names_crate(line));
    let advice = format!("name bincode in {CODEC_OF_BINCODE} only, go through `Codec` here");
    lines
        .map(|(_, number)| Broken::new(number, advice.clone()))
        .collect()
}

mod samples {
    //! A rule that finds nothing in a bad file is no rule.
    use super::super::source::breaks;
    use super::*;

    const TASK: &str = "widget-core/src/task.rs";

    #[test]
    fn a_banned_attribute_is_found() {
        let core = |text, lines: &[usize]| breaks(has_plain_serde, TASK, text, lines);
        core("#[serde(tag = \"kind\")]\nenum A {}", &[1]);
        core("\n#[serde(rename = \"x\", untagged)]", &[2]);
        core("#[cfg_attr(feature = \"json\", serde(flatten))]", &[1]);
        core(
            "#[serde(\n    tag = \"t\",\n    content = \"c\"\n)]",
            &[1, 1],
        );
        core("#[serde(skip_serializing_if = \"Option::is_none\")]", &[1]);
        core(
            "#[serde(rename = \"content\")]\nstruct Tag { tag: u8 }",
            &[],
        );
        core("// #[serde(untagged)] would not come back.", &[]);
        breaks(
            has_plain_serde,
            "widget-server/src/api.rs",
            "#[serde(untagged)]",
            &[],
        );
    }

    #[test]
    fn an_exception_is_for_one_attribute_of_one_file_and_found_when_stale() {
        let task = || Source {
            path: TASK.to_owned(),
            text: "#[serde(tag = \"a\")]\n#[serde(untagged)]".to_owned(),
        };
        let tag = (TASK, "tag", "a row, not the wire");
        let elsewhere = ("widget-core/src/report.rs", "untagged", "likewise");
        let broken = has_plain_serde_but_for(&task(), &[tag, elsewhere]);
        assert_eq!(broken.len(), 1);
        assert_eq!(broken[0].line, 2);
        assert_eq!(stale(&[tag], &[task()]), [""; 0]);
        assert_eq!(stale(&[tag, elsewhere], &[task()]).len(), 1);
    }

    #[test]
    fn bincode_outside_its_codec_is_found() {
        let frame = "widget-core/src/frame.rs";
        let core = |text, lines: &[usize]| breaks(leaves_bincode_to_its_codec, frame, text, lines);
        core("let x = bincode::config::standard();", &[1]);
        core("use bincode as b;", &[1]);
        core("\nuse ::bincode::serde::encode_to_vec;", &[2]);
        core("mod bincode;\npub use self::bincode::Bincode;", &[]);
        core("use crate::codec::bincode::Bincode;", &[]);
        core("/// As bincode::config::legacy() does.", &[]);
        breaks(
            leaves_bincode_to_its_codec,
            CODEC_OF_BINCODE,
            "use bincode::config;",
            &[],
        );
        breaks(
            leaves_bincode_to_its_codec,
            "widget-server/src/a.rs",
            "use bincode::config;",
            &[1],
        );
    }
}
