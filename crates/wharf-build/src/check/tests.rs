use std::collections::BTreeMap;

use wharf_oci::Platform;

use super::*;

fn checked(file: &str, build_arguments: &[(&str, &str)], target: Option<&str>) -> CheckReport {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let build_arguments: BTreeMap<_, _> = build_arguments.iter().map(owned).collect();
    let platform = Platform::new("linux", "amd64", "");
    check(CheckRequest {
        file: file.as_bytes(),
        build_arguments: &build_arguments,
        target,
        ignore: None,
        build_platform: &platform,
        target_platform: &platform,
    })
}

/// Each finding as `line Rule: detail`, and the problem.
fn found(file: &str) -> Vec<String> {
    lines(&checked(file, &[], None))
}

fn lines(report: &CheckReport) -> Vec<String> {
    let findings = report.findings.iter().map(|finding| {
        format!(
            "{} {}: {}",
            finding.lines.first,
            finding.rule.name(),
            finding.detail
        )
    });
    let problem = report
        .problem
        .iter()
        .map(|problem| format!("problem: {problem}"));
    findings.chain(problem).collect()
}

#[track_caller]
fn same(file: &str, expected: &[&str]) {
    assert_eq!(found(file), expected, "{file}");
}

#[test]
fn a_good_file_has_no_findings() {
    same(
        "FROM alpine AS base\nWORKDIR /app\nCOPY . .\nFROM base\nCMD [\"a\"]\n",
        &[],
    );
}

#[test]
fn stage_names() {
    same(
        "FROM a AS Base",
        &["1 StageNameCasing: Stage name 'Base' should be lowercase"],
    );
    same(
        "FROM a as b",
        &["1 FromAsCasing: 'as' and 'FROM' keywords' casing do not match"],
    );
    same(
        "FROM a AS context",
        &[
            "1 ReservedStageName: Stage name should not use the same name as reserved stage \"context\"",
        ],
    );
    same(
        "FROM a AS b\nFROM c AS b",
        &["2 DuplicateStageName: Duplicate stage name \"b\", stage names should be unique"],
    );
}

#[test]
fn casing_of_instructions() {
    same(
        "FROM a\nRUN b\nrun c\nRun d",
        &[
            "3 ConsistentInstructionCasing: Command 'run' should match the case of the command majority (uppercase)",
            "4 ConsistentInstructionCasing: Command 'Run' should match the case of the command majority (uppercase)",
        ],
    );
    same(
        "from a\nrun b\nRUN c",
        &[
            "3 ConsistentInstructionCasing: Command 'RUN' should match the case of the command majority (lowercase)",
        ],
    );
}

#[test]
fn forms_of_instructions() {
    let json =
        "JSON arguments recommended for CMD to prevent unintended behavior related to OS signals";
    same(
        "FROM a\nCMD b",
        &[&format!("2 JSONArgsRecommended: {json}")],
    );
    same("FROM a\nSHELL [\"x\"]\nCMD b", &[]);
    same(
        "FROM a\nCMD [\"b\"]\nCMD [\"c\"]",
        &[
            "2 MultipleInstructionsDisallowed: Multiple CMD instructions should not be used in the same stage because only the last one will be used",
        ],
    );
    same("FROM a AS b\nCMD [\"b\"]\nFROM b\nCMD [\"c\"]", &[]);
    same(
        "FROM a\nMAINTAINER me",
        &["2 MaintainerDeprecated: Maintainer instruction is deprecated in favor of using label"],
    );
    same(
        "FROM a\nENV b c",
        &[
            "2 LegacyKeyValueFormat: \"ENV key=value\" should be used instead of legacy \"ENV key value\" format",
        ],
    );
    same(
        "FROM a\nRUN b \\\n\n c",
        &["4 NoEmptyContinuation: Empty continuation line"],
    );
    same(
        "FROM a\nWORKDIR b\nWORKDIR c",
        &[
            "2 WorkdirRelativePath: Relative workdir \"b\" can have unexpected results if the base image changes",
        ],
    );
    same("FROM a AS b\nWORKDIR /c\nFROM b\nWORKDIR d", &[]);
}

#[test]
fn secrets() {
    for (line, expected) in [
        ("ARG GITHUB_TOKEN", true),
        ("ENV aws_secret_key=x", true),
        ("ENV PASSWORD=x", true),
        ("ENV TOKENIZER=x", false),
        ("ENV KEY_FILE=x", false),
        ("ENV public_key=x", false),
    ] {
        let found = found(&format!("FROM a\n{line}"));
        assert_eq!(
            found
                .iter()
                .any(|line| line.contains("SecretsUsedInArgOrEnv")),
            expected,
            "{line}"
        );
    }
}

#[test]
fn exposed_ports() {
    same(
        "FROM a\nEXPOSE 80/TCP 127.0.0.1:80:81",
        &[
            "2 ExposeInvalidFormat: EXPOSE instruction should not define an IP address or host-port mapping, found '127.0.0.1:80:81'",
            "2 ExposeProtoCasing: Defined protocol '80/TCP' in EXPOSE instruction should be lowercase",
        ],
    );
    same("FROM a\nARG P=80\nEXPOSE $P ${P}81", &[]);
    same(
        "FROM a\nEXPOSE x",
        &["problem: invalid port: \"x\": invalid containerPort: x"],
    );
}

#[test]
fn variables_in_from() {
    same(
        "ARG VERSION=1\nFROM a:$VERSIN",
        &[
            "2 InvalidDefaultArgInFrom: Default value for ARG a:$VERSIN results in empty or invalid base image name",
            "2 UndefinedArgInFrom: FROM argument 'VERSIN' is not declared (did you mean VERSION?)",
            "problem: failed to parse stage name \"a:\": invalid reference format",
        ],
    );
    same(
        "ARG BASE\nFROM $BASE",
        &[
            "2 InvalidDefaultArgInFrom: Default value for ARG $BASE results in empty or invalid base image name",
            "problem: base name ($BASE) should not be blank",
        ],
    );
    let report = checked("ARG BASE\nFROM $BASE", &[("BASE", "alpine")], None);
    assert_eq!(lines(&report).len(), 1);
    same("ARG A=1\nARG B=$A\nFROM x:$B\nRUN a", &[]);
}

#[test]
fn platforms_in_from() {
    same(
        "FROM --platform=linux/amd64 a",
        &[
            "1 FromPlatformFlagConstDisallowed: FROM --platform flag should not use constant value \"linux/amd64\"",
        ],
    );
    same("FROM --platform=linux/amd64 a AS build-amd64", &[]);
    same("FROM --platform=$BUILDPLATFORM a", &[]);
    same(
        "FROM --platform=${TARGETPLATFORM} a",
        &[
            "1 RedundantTargetPlatform: Setting platform to predefined ${TARGETPLATFORM} in FROM is redundant as this is the default behavior",
        ],
    );
    assert_eq!(
        found("FROM --platform=$BUILDPLATFROM a").last().unwrap(),
        "problem: empty platform value from expression $BUILDPLATFROM (did you mean BUILDPLATFORM?)"
    );
}

#[test]
fn variables_in_stages() {
    same(
        "FROM scratch\nENV name=a\nWORKDIR /$nme\nENV x=$PATH",
        &["3 UndefinedVar: Usage of undefined variable '$nme' (did you mean $name?)"],
    );
    same("FROM scratch\nARG a\nLABEL b=$a", &[]);
    same("FROM scratch AS b\nENV c=1\nFROM b\nLABEL d=$c", &[]);
    same(
        "FROM scratch\nCOPY <<EOF /a\n$b\nEOF",
        &["2 UndefinedVar: Usage of undefined variable '$b'"],
    );
    // an image may bring it
    same("FROM golang\nLABEL a=$GOPATH", &[]);
    // what is set before the instruction is what counts
    same(
        "FROM scratch\nENV a=1 b=$a",
        &["2 UndefinedVar: Usage of undefined variable '$a'"],
    );
    same(
        "FROM scratch\nWORKDIR ${a:?needed}",
        &["problem: failed to process \"${a:?needed}\": a: needed"],
    );
}

#[test]
fn sources_of_copy() {
    same(
        "FROM a AS b\nFROM c\nCOPY --from=b / /\nCOPY --from=0 / /\nCOPY --from=nginx / /",
        &[],
    );
    for (file, expected) in [
        (
            "FROM a\nCOPY --from=3 / /",
            "invalid stage index 3: the file has 1",
        ),
        (
            "FROM a AS b\nCOPY --from=b / /",
            "circular dependency detected on stage: b",
        ),
        (
            "FROM a AS b\nCOPY --from=d / /\nFROM c AS d",
            "cannot copy from stage \"d\", it needs to be defined before current stage \"b\"",
        ),
        (
            "FROM a AS b\nCOPY --from=d / /\nFROM c AS d\nCOPY --from=b / /",
            "circular dependency detected on stage: b",
        ),
        (
            "FROM a\nCOPY --from=$b / /",
            "variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround",
        ),
        (
            "FROM a\nRUN --mount=type=cach,target=/a b",
            "unsupported mount type \"cach\" (did you mean cache?)",
        ),
    ] {
        same(file, &[&format!("problem: {expected}")]);
    }
}

#[test]
fn targets() {
    let file = "FROM a AS one\nCMD b\nFROM c AS two\nCMD d\nFROM one AS three";
    let lines_of = |target: &str| -> Vec<usize> {
        let report = checked(file, &[], Some(target));
        report
            .findings
            .iter()
            .map(|finding| finding.lines.first)
            .collect()
    };
    assert_eq!(lines_of("two"), [4]);
    assert_eq!(lines_of("three"), [2]);
    assert_eq!(lines_of("1"), [4]);
    let report = checked(file, &[], Some("thre"));
    assert_eq!(
        lines(&report),
        ["problem: target stage \"thre\" could not be found (did you mean three?)"]
    );
}

#[test]
fn checks_can_be_skipped_and_asked_for() {
    same("# check=skip=all\nFROM a as b\nCMD c", &[]);
    same(
        "# check=skip=FromAsCasing, JSONArgsRecommended\nFROM a as b",
        &[],
    );
    same("FROM a\n# check=skip=JSONArgsRecommended\nCMD b", &[]);
    let described = "# something\nFROM a AS b";
    same(described, &[]);
    let report = checked(
        described,
        &[("BUILDKIT_DOCKERFILE_CHECK", "experimental=all")],
        None,
    );
    assert_eq!(
        lines(&report),
        [
            "2 InvalidDefinitionDescription: Comment for FROM should follow the format: `# b <description>`"
        ]
    );
    same(
        "# check=skp=all\nFROM a",
        &[
            "problem: dockerfile parse error on line 1: failed to parse check options: invalid check option \"skp=all\"",
        ],
    );
}

#[test]
fn the_report_is_docker_s() {
    let file = "FROM alpine\nRUN a\nCMD b\n";
    let report = checked(file, &[], None);
    assert_eq!(
        report.text("Dockerfile", file),
        "Check complete, 1 warning has been found!\n\
         \nWARNING: JSONArgsRecommended - https://docs.docker.com/go/dockerfile/rule/json-args-recommended/\n\
         JSON arguments recommended for CMD to prevent unintended behavior related to OS signals\n\
         Dockerfile:3\n--------------------\n\
         \u{20}  1 |     FROM alpine\n   2 |     RUN a\n   3 | >>> CMD b\n   4 |     \n--------------------\n"
    );
    let good = checked("FROM a", &[], None);
    assert_eq!(
        good.text("Dockerfile", "FROM a"),
        "Check complete, no warnings found.\n"
    );
    let file = "FROM a\nFORM b \\\n c\n\n";
    let report = checked(file, &[], None);
    assert_eq!(report.text("x", file), "");
    assert_eq!(
        report.problem_text("x", file).unwrap(),
        "dockerfile parse error on line 2: unknown instruction: FORM (did you mean FROM?)\n\
         x:2\n--------------------\n   1 |     FROM a\n   2 | >>> FORM b \\\n   3 | >>>  c\n   4 |     \n--------------------\n"
    );
}

#[test]
fn ignored_sources() {
    let file = "FROM a\nCOPY b/ c* /\nADD . /\nCOPY --from=d b /";
    let found = |patterns: &[&str]| {
        let matcher = crate::ignore::PatternMatcher::new(patterns).unwrap();
        let platform = Platform::new("linux", "amd64", "");
        let report = check(CheckRequest {
            file: file.as_bytes(),
            build_arguments: &BTreeMap::new(),
            target: None,
            ignore: Some(&matcher),
            build_platform: &platform,
            target_platform: &platform,
        });
        lines(&report)
    };
    let copies = |name: &str| {
        format!(
            "2 CopyIgnoredFile: Attempting to Copy file {name:?} that is excluded by .dockerignore"
        )
    };
    assert_eq!(found(&["b"]), [copies("b")]);
    assert_eq!(
        found(&["*"]),
        [
            copies("b"),
            copies("c*"),
            "3 CopyIgnoredFile: Attempting to Add file \".\" that is excluded by .dockerignore"
                .to_owned()
        ]
    );
    assert!(found(&["*", "!b"]).is_empty());
    assert!(found(&["d"]).is_empty());
}

#[test]
fn stop_signals() {
    same("FROM a\nSTOPSIGNAL SIGTERM", &[]);
    same("FROM a\nSTOPSIGNAL $FROM_BASE", &[]);
    same(
        "FROM a\nSTOPSIGNAL SIGTERMS",
        &["problem: invalid signal: SIGTERMS"],
    );
    same(
        "FROM scratch\nARG S=0\nSTOPSIGNAL $S",
        &["problem: invalid signal: 0"],
    );
}
