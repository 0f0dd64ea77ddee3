//! What every verb owes its user: help with examples and exit codes, and an answer without a deployment.
#![allow(clippy::unwrap_used)]

use std::process::{Command, Output};

fn crossdock(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crossdock"));
    for name in ["CROSSDOCK_STACK", "CROSSDOCK_OPERATOR", "USER", "LOGNAME", "AWS_PROFILE", "AWS_ENDPOINT_URL"] {
        command.env_remove(name);
    }
    let command = command.env("AWS_REGION", "us-east-1").env("AWS_ACCESS_KEY_ID", "test");
    command.env("AWS_SECRET_ACCESS_KEY", "test").args(arguments).output().unwrap()
}

/// The verbs below each noun, as the help lists them.
fn verbs() -> Vec<Vec<String>> {
    let listed = |arguments: &[&str]| {
        let help = String::from_utf8(crossdock(&[arguments, &["--help"]].concat()).stdout).unwrap();
        let commands = help.split("Commands:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).unwrap_or_default();
        let name =
            |line: &str| line.strip_prefix("  ")?.split(' ').next().filter(|name| !name.is_empty()).map(str::to_owned);
        commands.lines().filter_map(name).filter(|name| name != "help").collect::<Vec<String>>()
    };
    let nouns = listed(&[]);
    let below = |noun: String| {
        let verbs = listed(&[&noun]);
        if verbs.is_empty() {
            vec![vec![noun]]
        } else {
            verbs.into_iter().map(|verb| vec![noun.clone(), verb]).collect()
        }
    };
    nouns.into_iter().flat_map(below).collect()
}

#[test]
fn every_verb_has_examples_and_exit_codes_in_its_help() {
    let verbs = verbs();
    assert!(verbs.len() >= 22, "found only {verbs:?}");
    for verb in verbs {
        let arguments: Vec<&str> = verb.iter().map(String::as_str).chain(["--help"]).collect();
        let help = String::from_utf8(crossdock(&arguments).stdout).unwrap();
        assert!(help.contains(&format!("crossdock {}", verb.join(" "))), "{verb:?} has no example:\n{help}");
        assert!(help.contains("Exit codes:"), "{verb:?} does not say its exit codes:\n{help}");
        assert!(!help.contains('\u{1b}'), "{verb:?}: no color outside a terminal");
    }
}

#[test]
fn a_verb_without_a_deployment_says_what_to_give() {
    let answer = crossdock(&["dlq", "ls"]);
    assert_eq!(answer.status.code(), Some(2));
    let said = String::from_utf8(answer.stderr).unwrap();
    assert!(said.contains("--stack NAME") && said.contains("CROSSDOCK_STACK"), "{said}");
    assert!(answer.stdout.is_empty());
}

#[test]
fn a_plan_that_is_none_is_refused_before_anything_else() {
    let file = std::env::temp_dir().join(format!("crossdock-no-plan-{}", std::process::id()));
    std::fs::write(&file, "{}\n").unwrap();
    let answer = crossdock(&["dlq", "apply", file.to_str().unwrap(), "--why", "T-17", "--execute"]);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(answer.status.code(), Some(2));
    assert!(String::from_utf8(answer.stderr).unwrap().contains("line 1 is no plan's header"));
}

#[test]
fn a_shells_completion_knows_the_verbs() {
    for shell in ["bash", "zsh", "fish"] {
        let script = String::from_utf8(crossdock(&["completion", shell]).stdout).unwrap();
        assert!(["partner", "token", "revoke", "rollback"].iter().all(|word| script.contains(word)), "{shell}");
    }
}
