//! Help and usage errors of every command, against what the real docker CLI 28.2.2 prints (`golden/record.sh`).
//! Every difference is in a list here, with its reason; a difference that no case needs is an error too.

use std::fmt::Write as _;
use std::process::{Command, Stdio};

use testkit::Sandbox;

/// What differs on purpose: docker's words, ours, and why.
const DIFFERENCES: &[(&str, &str, &str)] = &[
    ("SRun '", "Run '", "a typing mistake in docker"),
    (
        "Return low-level information on Docker objects",
        "Return low-level information on Wharf objects",
        "our name",
    ),
    (
        "Show the Docker version information",
        "Show the Wharf version information",
        "our name",
    ),
    (
        "the default is defined by the daemon",
        "the default is Docker Hub",
        "there is no daemon",
    ),
];

/// Manifest commands are no experiment here.
const EXPERIMENTAL_BEGIN: &str = "\nEXPERIMENTAL:\n";
const EXPERIMENTAL_END: &str = "https://docs.docker.com/go/experimental/\n";

struct Case {
    words: Vec<String>,
    exit_code: i32,
    stdout: String,
    stderr: String,
}

fn cases(recorded: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    for block in format!("\n{}", recorded.trim_end_matches('\n'))
        .split("\n===")
        .skip(1)
    {
        let (words, rest) = block.split_once('\n').expect("words of a case");
        let (exit_code, rest) = rest.split_once('\n').expect("an exit code");
        let rest = format!("{rest}\n"); // the split took the last line break
        let (stdout, stderr) = rest.split_once("--- stderr\n").expect("stderr of a case");
        let stdout = stdout
            .strip_prefix("--- stdout\n")
            .expect("stdout of a case");
        cases.push(Case {
            words: words.split('\t').skip(1).map(str::to_owned).collect(),
            exit_code: exit_code
                .strip_prefix("exit ")
                .and_then(|code| code.parse().ok())
                .expect("a number"),
            stdout: stdout.to_owned(),
            stderr: stderr.to_owned(),
        });
    }
    cases
}

/// Docker's text as we say it.
fn ours(text: &str, used: &mut [bool]) -> String {
    let mut text = text
        .replace("docker ", "wharf ")
        .replace("docker: ", "wharf: ")
        .replace("Manage Docker", "Manage Wharf");
    for (difference, used) in DIFFERENCES.iter().zip(used) {
        if text.contains(difference.0) {
            *used = true;
            text = text.replace(difference.0, difference.1);
        }
    }
    if let (Some(begin), Some(end)) = (text.find(EXPERIMENTAL_BEGIN), text.find(EXPERIMENTAL_END)) {
        text.replace_range(begin..end + EXPERIMENTAL_END.len(), "");
    }
    text.replace("Manage Wharf image manifests", "Manage image manifests")
        .replace("docker manifest lists", "manifest lists")
        .replace("using wharf manifest lists", "using manifest lists")
}

fn compare(recorded: &str) -> Vec<bool> {
    let mut used = vec![false; DIFFERENCES.len()];
    let sandbox = Sandbox::new();
    let mut failures = String::new();
    for case in cases(recorded) {
        let output = Command::new(env!("CARGO_BIN_EXE_wharf"))
            .args(&case.words)
            .env_clear()
            .envs(sandbox.environment())
            .stdin(Stdio::null())
            .output()
            .expect("the built binary");
        let got = (
            output.status.code().unwrap_or(-1),
            String::from_utf8_lossy(&output.stdout).into_owned(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        );
        let expected = (
            case.exit_code,
            ours(&case.stdout, &mut used),
            ours(&case.stderr, &mut used),
        );
        if got != expected {
            _ = write!(
                failures,
                "\n=== {:?}\nexpected {}\n{}{}\ngot {}\n{}{}",
                case.words, expected.0, expected.1, expected.2, got.0, got.1, got.2
            );
        }
    }
    assert!(failures.is_empty(), "{failures}");
    used
}

#[test]
fn help_and_usage_errors_are_those_of_docker() {
    let help = compare(include_str!("golden/help.txt"));
    let errors = compare(include_str!("golden/usage-errors.txt"));
    for (index, (theirs, _, reason)) in DIFFERENCES.iter().enumerate() {
        assert!(
            help[index] || errors[index],
            "no case shows the difference {theirs:?} ({reason})"
        );
    }
}

/// Groups list other commands than docker's, so only what surrounds the list is compared.
#[test]
fn groups_alone_print_their_help_to_stderr() {
    for group in ["image", "system", "manifest", "buildx", "completion"] {
        let alone = Command::new(env!("CARGO_BIN_EXE_wharf"))
            .arg(group)
            .output()
            .unwrap();
        let asked = Command::new(env!("CARGO_BIN_EXE_wharf"))
            .args([group, "--help"])
            .output()
            .unwrap();
        assert!(alone.status.success() && asked.status.success(), "{group}");
        assert!(
            alone.stdout.is_empty() && asked.stderr.is_empty(),
            "{group}"
        );
        assert_eq!(alone.stderr, asked.stdout, "{group}");
        assert!(
            String::from_utf8(asked.stdout)
                .unwrap()
                .starts_with(&format!("Usage:  wharf {group} COMMAND\n"))
        );
    }
}
