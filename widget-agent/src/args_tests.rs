//! Tests of what flags and variables come to.

use super::*;

fn parsed(args: &[&str], variables: &[(&str, &str)]) -> Result<Args, String> {
    parse(args.iter().map(OsString::from), |name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| OsString::from(value))
    })
}

fn options(args: &[&str], variables: &[(&str, &str)]) -> Options {
    match parsed(args, variables) {
        Ok(Args::Run(options)) => options,
        other => panic!("{other:?}"),
    }
}

#[test]
fn without_flags_everything_has_a_default() {
    let expected = Options {
        servers: vec![LOCAL_SERVER.to_owned()],
        joining: Said::new(None, false, |_| Ok(None)).unwrap(),
        policy: policing::Said::new(Default::default(), |_| None),
        state: "/home/me/.local/state/widget-agent".into(),
        spool: Some(16 * 1024 * 1024),
        interval: Duration::from_secs(1),
        labels: Vec::new(),
        runtime: 0,
        verbose: false,
    };
    assert_eq!(options(&[], &[("HOME", "/home/me")]), expected);
}

#[test]
fn flags_say_everything() {
    let args = [
        "--server=tcp://a:1,tcp://b:2",
        "--state",
        "here",
        "--spool-limit=2",
        "--interval",
        "250ms",
        "--label",
        "site=berlin",
        "--label",
        "rack=7=b",
        "-v",
    ];
    let expected = Options {
        servers: vec!["tcp://a:1".to_owned(), "tcp://b:2".to_owned()],
        joining: Said::new(None, true, |_| Ok(None)).unwrap(),
        policy: policing::Said::new(Default::default(), |_| None),
        state: "here".into(),
        spool: Some(2 * 1024 * 1024),
        interval: Duration::from_millis(250),
        labels: vec![
            ("site".to_owned(), "berlin".to_owned()),
            ("rack".to_owned(), "7=b".to_owned()),
        ],
        runtime: 0,
        verbose: true,
    };
    assert_eq!(options(&args, &[]), expected);
}

#[test]
fn each_flag_is_also_a_variable_and_goes_before_it() {
    let variables = [
        ("WIDGET_SERVER", "tcp://a:1, http://b"),
        ("WIDGET_VERBOSE", "1"),
        ("WIDGET_STATE", "there"),
        ("WIDGET_SPOOL", "memory"),
        ("WIDGET_SPOOL_LIMIT", "64"),
        ("WIDGET_INTERVAL", "1m"),
        ("WIDGET_LABEL", "a=1,b=2"),
    ];
    let found = options(&[], &variables);
    assert_eq!(found.servers, ["tcp://a:1", "http://b"]);
    assert!(found.verbose);
    assert_eq!(found.state, PathBuf::from("there"));
    assert_eq!(found.interval, Duration::from_secs(60));
    assert_eq!((found.labels.len(), found.spool), (2, None));

    let args = ["--interval", "2h", "--label", "c=3", "--spool", "disk"];
    let found = options(&args, &variables);
    assert_eq!(found.spool, Some(64 * 1024 * 1024));
    assert_eq!(found.interval, Duration::from_secs(7_200));
    assert_eq!(found.labels, [("c".to_owned(), "3".to_owned())]);
}

#[test]
fn servers_are_a_list_with_commas_or_with_more_flags() {
    let home = [("HOME", "/h"), ("WIDGET_VERBOSE", "0")];
    let args = ["--server", "tcp://a:1,tcp://b:2", "--server=tcp://c:3"];
    let found = options(&args, &home);
    assert_eq!(found.servers, ["tcp://a:1", "tcp://b:2", "tcp://c:3"]);
    assert!(!found.verbose);
}

#[test]
fn a_join_string_is_a_flag_where_a_program_can_join() {
    assert_eq!(help().contains("--join"), joining::KNOWN);
    let found = parsed(&["--join", "x"], &[("HOME", "/h")]);
    assert_eq!(found.is_ok(), joining::KNOWN);
}

#[test]
fn a_policy_is_a_file_by_flag_or_variable_where_a_program_can_have_one() {
    assert_eq!(help().contains("--policy"), policing::KNOWN);
    let variables = [("WIDGET_POLICY", "there"), ("HOME", "/h")];
    if !policing::KNOWN {
        assert!(parsed(&["--policy", "here"], &variables).is_err());
        return;
    }
    let file = |name: &str| policing::Said::new(OsString::from(name).into(), |_| None);
    assert_eq!(options(&[], &variables).policy, file("there"));
    let found = options(&["--policy", "here"], &variables);
    assert_eq!(found.policy, file("here"));
}

#[test]
fn a_runtime_can_be_chosen_where_there_is_a_choice() {
    let home = [("HOME", "/h")];
    assert_eq!(help().contains("--runtime"), CHOICE);
    if !CHOICE {
        assert!(parsed(&["--runtime", "smol"], &home).is_err());
        return;
    }
    for (place, (name, _)) in RUNTIMES.iter().enumerate() {
        assert_eq!(options(&["--runtime", name], &home).runtime, place);
        let variables = [("HOME", "/h"), ("WIDGET_RUNTIME", name)];
        assert_eq!(options(&[], &variables).runtime, place);
    }
    let error = parsed(&["--runtime", "async-std"], &home).unwrap_err();
    assert!(error.ends_with("this build knows smol, tokio"), "{error}");
}

#[test]
fn the_state_directory_follows_xdg() {
    let variables = [("XDG_STATE_HOME", "/x"), ("HOME", "/h")];
    assert_eq!(
        options(&[], &variables).state,
        PathBuf::from("/x/widget-agent")
    );
    let variables = [("XDG_STATE_HOME", "x"), ("HOME", "/h")];
    let state = options(&[], &variables).state;
    assert_eq!(state, PathBuf::from("/h/.local/state/widget-agent"));
    assert!(parsed(&[], &[]).unwrap_err().contains("--state"));
}

#[test]
fn what_makes_no_sense_is_refused_in_one_line() {
    let long = format!("--label=k={}", "x".repeat(257));
    for args in [
        &["--interval", "99ms"][..],
        &["--interval", "2d"],
        &["--interval", "1"],
        &["--interval", "-1s"],
        &["--interval", "99999999999999999999s"],
        &["--interval"],
        &["--label", "novalue"],
        &["--label", "sp ace=1"],
        &["--label", "a=1", "--label", "a=2"],
        &[long.as_str()],
        &["--spool", "tape"],
        &["--spool-limit", "1"],
        &["--spool-limit", "1025"],
        &["--spool-limit", "-2"],
        &["--spool-limit", "99999999999999999999"],
        &["--nonsense"],
        &["nonsense"],
    ] {
        let error = parsed(args, &[("HOME", "/h")]).unwrap_err();
        assert!(
            !error.is_empty() && !error.contains('\n'),
            "{args:?} {error}"
        );
    }
    let many: Vec<String> = (0..33).map(|n| format!("--label=l{n}=x")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert!(parsed(&many, &[("HOME", "/h")]).is_err());
}

#[test]
fn the_status_is_that_of_a_state_directory() {
    match parsed(&["--status", "--state", "x"], &[]) {
        Ok(Args::Status(found)) => assert_eq!(found.state, PathBuf::from("x")),
        other => assert!(!KNOWN && other.is_err(), "{other:?}"),
    }
    assert_eq!(help().contains("--status"), KNOWN);
}

#[test]
fn help_and_version_need_nothing_else() {
    assert_eq!(parsed(&["--help"], &[]), Ok(Args::Help));
    assert_eq!(parsed(&["-h"], &[]), Ok(Args::Help));
    assert_eq!(parsed(&["--version"], &[]), Ok(Args::Version));
}
