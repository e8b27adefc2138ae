//! What `arguments` promises, tried out.

use clap::error::ErrorKind;
use clap::{Arg, CommandFactory as _};

use super::*;
use crate::command::serve::CLIENT_VARIABLES;

fn parsed(line: &str) -> Jackdaw {
    Jackdaw::try_parse_from(line.split(' ')).unwrap()
}

fn error(line: &str) -> clap::Error {
    Jackdaw::try_parse_from(line.split(' ')).unwrap_err()
}

#[test]
fn the_arguments_hold_together() {
    Jackdaw::command().debug_assert();
}

/// What `debug_assert` does not see, or not in a release build: two arguments of one id.
#[test]
fn no_command_has_two_arguments_of_one_id() {
    fn check(command: &clap::Command) {
        let mut ids: Vec<_> = command.get_arguments().map(Arg::get_id).collect();
        let all = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), all, "{}", command.get_name());
        command.get_subcommands().for_each(check);
    }
    check(&Jackdaw::command());
}

/// Every command that the README shows, typed as it stands there.
#[test]
fn the_commands_of_the_readme_can_be_typed() {
    let readme = include_str!("../../../README.md").replace("\\\n", " ");
    let mut commands = 0;
    for line in readme.lines() {
        let line = match line.split_once(" -- ") {
            Some((cargo, rest)) if cargo.starts_with("cargo run") => format!("jackdaw {rest}"),
            _ if line.starts_with("jackdaw ") => line.to_owned(),
            _ => continue,
        };
        let parsed = Jackdaw::try_parse_from(line.split_whitespace());
        assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
        commands += 1;
    }
    assert!(commands >= 10, "{commands}");
}

/// What the unit of systemd runs.
#[test]
fn the_command_of_the_unit_can_be_typed() {
    let unit = include_str!("../../../deploy/jackdaw@.service");
    let command = unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/"));
    for role in ["sender", "receiver"] {
        let line = command.unwrap().replace("%i", role);
        let parsed = Jackdaw::try_parse_from(line.split_whitespace());
        assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
    }
}

#[test]
fn every_command_and_argument_has_help() {
    fn check(command: &clap::Command, path: &str) {
        let path = format!("{path} {}", command.get_name());
        assert!(command.get_about().is_some(), "{path}");
        for argument in command.get_arguments() {
            assert!(argument.get_help().is_some(), "{path}: {}", argument.get_id());
        }
        command.get_subcommands().for_each(|command| check(command, &path));
    }
    check(&Jackdaw::command(), "");
}

/// `serve` refuses variables of ours that it does not know: it must know those of the others.
#[test]
fn the_variables_of_clients_are_known_to_serve() {
    fn variables(command: &clap::Command, found: &mut Vec<String>) {
        let named = command.get_arguments().filter_map(Arg::get_env);
        found.extend(named.map(|name| name.to_string_lossy().into_owned()));
        command.get_subcommands().for_each(|command| variables(command, found));
    }
    let mut found = Vec::new();
    variables(&Jackdaw::command(), &mut found);
    found.sort();
    found.dedup();
    assert_eq!(found, CLIENT_VARIABLES);
}

#[test]
fn mistakes_of_usage_end_with_2_and_are_told_what_was_meant() {
    let misspelt = error("jackdaw databse list");
    assert_eq!(misspelt.exit_code(), 2);
    assert!(misspelt.to_string().contains("'database'"), "{misspelt}");
    let flag = error("jackdaw document list --databse demo");
    assert!(flag.to_string().contains("'--database'"), "{flag}");
    assert_eq!(error("jackdaw serve").kind(), ErrorKind::MissingRequiredArgument);
    assert_eq!(error("jackdaw quickstart --documents 5 --import x").exit_code(), 2);
    let url = error("jackdaw database list --url http://127.0.0.1:7443");
    assert!(url.to_string().contains("https only"), "{url}");
    assert_eq!(error("jackdaw --help").exit_code(), 0);
}

#[test]
fn connection_options_stand_anywhere() {
    for line in [
        "jackdaw database --url https://a:1 list",
        "jackdaw database list --url https://a:1 --output json",
        "jackdaw --output json task get --database d 1 --timeout 5s --folder f",
        "jackdaw import --database d - --only documents",
        "jackdaw serve --role sender --role receiver --certificate c --key k --authority a",
    ] {
        assert!(Jackdaw::try_parse_from(line.split(' ')).is_ok(), "{line}");
    }
}

#[test]
fn negative_numbers_are_no_options() {
    let counter = format!("{:?}", parsed("jackdaw counter increment --database d a likes -3"));
    assert!(counter.contains("delta: -3"), "{counter}");
    let one = format!("{:?}", parsed("jackdaw counter increment --database d a likes"));
    assert!(one.contains("delta: 1"), "{one}");
    let append =
        "jackdaw time-series append --database d a heart 2000-01-01T00:00:00Z -1.5 2 --tag t";
    let append = format!("{:?}", parsed(append));
    assert!(append.contains("values: [-1.5, 2.0], tag: Some(\"t\"), file: None"), "{append}");
}

#[test]
fn an_entry_comes_from_the_line_or_from_a_file() {
    let append = "jackdaw time-series append --database d a heart";
    assert_eq!(error(append).kind(), ErrorKind::MissingRequiredArgument);
    let time = "2000-01-01T00:00:00Z";
    assert_eq!(error(&format!("{append} {time}")).kind(), ErrorKind::MissingRequiredArgument);
    assert_eq!(error(&format!("{append} noon 1")).kind(), ErrorKind::ValueValidation);
    let both = error(&format!("{append} {time} 1 --file x"));
    assert_eq!(both.kind(), ErrorKind::ArgumentConflict);
    parsed(&format!("{append} --file -"));
}
