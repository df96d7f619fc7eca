use super::*;

fn parse(text: &str) -> Dockerfile {
    Dockerfile::parse(text.as_bytes()).unwrap()
}

/// The instruction behind `FROM scratch`.
fn one(text: &str) -> InstructionKind {
    let dockerfile = parse(&format!("FROM scratch\n{text}\n"));
    dockerfile.stages[0].instructions[0].kind.clone()
}

fn error(text: &str) -> String {
    Dockerfile::parse(text.as_bytes()).unwrap_err().to_string()
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

fn shell(line: &str) -> CommandLine {
    CommandLine::Shell {
        line: line.to_owned(),
        heredocs: Vec::new(),
    }
}

fn pair(name: &str, value: &str, is_legacy: bool) -> Pair {
    Pair {
        name: name.to_owned(),
        value: value.to_owned(),
        is_legacy,
    }
}

#[test]
fn stages_and_places() {
    let dockerfile = parse(
        "# syntax=docker/dockerfile:1\n\nARG V=1\n# base the base\nFROM --platform=$BUILDPLATFORM a:$V AS Base\nRUN a && \\\n  # why\n  b\n\nfrom base\ncmd [\"x\"]\n",
    );
    assert_eq!(
        dockerfile.directives.syntax.unwrap().value,
        "docker/dockerfile:1"
    );
    assert_eq!(dockerfile.global_arguments[0].lines, Lines::one(3));
    let [first, second] = dockerfile.stages.as_slice() else {
        panic!("two stages");
    };
    assert_eq!(
        (first.base.as_str(), first.name.as_deref()),
        ("a:$V", Some("base"))
    );
    assert_eq!(
        first.written_name,
        Some(("AS".to_owned(), "Base".to_owned()))
    );
    assert_eq!(first.platform.as_deref(), Some("$BUILDPLATFORM"));
    assert_eq!(first.comments, ["base the base"]);
    assert_eq!(first.lines, Lines::one(5));
    assert_eq!(first.instructions[0].lines, Lines { first: 6, last: 8 });
    let InstructionKind::Run(run) = &first.instructions[0].kind else {
        panic!("a RUN");
    };
    assert_eq!(run.command, shell("a &&   b"));
    assert_eq!(
        (second.keyword.as_str(), second.name.as_deref()),
        ("from", None)
    );
    assert_eq!(second.instructions[0].keyword, "cmd");
}

#[test]
fn directives_stand_at_the_top() {
    for (text, escape, check) in [
        ("# escape=`\nFROM a", '`', None),
        (
            "#escape = `  \n# check=skip=all\nFROM a",
            '`',
            Some("skip=all"),
        ),
        ("# ESCAPE=\\\nFROM a", '\\', None),
        ("# a comment\n# escape=`\nFROM a", '\\', None),
        ("# unknown=1\n# escape=`\nFROM a", '\\', None),
        ("\n# escape=`\nFROM a", '\\', None),
        ("FROM a\n# escape=`", '\\', None),
        ("\u{feff}# escape=`\nFROM a", '`', None),
        (
            "#!/usr/bin/env x\n# check=error=true\nFROM a",
            '\\',
            Some("error=true"),
        ),
    ] {
        let dockerfile = parse(text);
        assert_eq!(dockerfile.escape, escape, "{text}");
        let found = dockerfile.directives.check.map(|directive| directive.value);
        assert_eq!(found.as_deref(), check, "{text}");
    }
}

#[test]
fn lines_are_continued() {
    for (text, expected) in [
        ("RUN a \\\n b", "a  b"),
        ("RUN a \\  \t\n b", "a  b"),
        ("RUN a\\\\\n", "a\\\\"),
        ("RUN a \\\n# c\n b", "a  b"),
        ("RUN a \\\n\n\n b", "a  b"),
        ("RUN a \\\n", "a"),
        ("RUN a \\\n\\\n b", "a  b"),
        ("RUN a \\\r\n b\r\n", "a  b"),
        ("RUN \\\n a", "a"),
        ("RUN a # b", "a # b"),
    ] {
        let InstructionKind::Run(run) = one(text) else {
            panic!("a RUN");
        };
        assert_eq!(run.command, shell(expected), "{text:?}");
    }
    let dockerfile = parse("# escape=`\nFROM a\nRUN b `\n  C:\\\nRUN d");
    assert_eq!(dockerfile.stages[0].instructions.len(), 2);
    assert_eq!(parse("FROM a\nRUN b \\\n\n c\n").empty_continuations, [4]);
}

#[test]
fn every_instruction_is_read() {
    let exec = |text: &str| CommandLine::Exec(words(text));
    for (text, expected) in [
        ("CMD a b", InstructionKind::Cmd(shell("a b"))),
        ("CMD [\"a\", \"b\"]", InstructionKind::Cmd(exec("a b"))),
        ("CMD", InstructionKind::Cmd(shell(""))),
        (
            "CMD []",
            InstructionKind::Cmd(CommandLine::Exec(Vec::new())),
        ),
        ("CMD ['a']", InstructionKind::Cmd(shell("['a']"))),
        ("ENTRYPOINT [\"a\"]", InstructionKind::Entrypoint(exec("a"))),
        (
            "ENV a b  c",
            InstructionKind::Env(vec![pair("a", "b  c", true)]),
        ),
        (
            "ENV a=b c=\"d e\"",
            InstructionKind::Env(vec![pair("a", "b", false), pair("c", "\"d e\"", false)]),
        ),
        ("ENV a=", InstructionKind::Env(vec![pair("a", "", false)])),
        (
            "ENV a=b=c",
            InstructionKind::Env(vec![pair("a", "b=c", false)]),
        ),
        (
            "LABEL a b",
            InstructionKind::Label(vec![pair("a", "b", true)]),
        ),
        (
            "EXPOSE 80 443/tcp",
            InstructionKind::Expose(words("80 443/tcp")),
        ),
        (
            "MAINTAINER a b",
            InstructionKind::Maintainer("a b".to_owned()),
        ),
        (
            "ONBUILD run  a",
            InstructionKind::Onbuild("run  a".to_owned()),
        ),
        (
            "SHELL [\"a\", \"-c\"]",
            InstructionKind::Shell(words("a -c")),
        ),
        ("STOPSIGNAL 9", InstructionKind::StopSignal("9".to_owned())),
        ("USER a:b", InstructionKind::User("a:b".to_owned())),
        ("VOLUME /a /b", InstructionKind::Volume(words("/a /b"))),
        (
            "VOLUME [\"/a\", \" /b \"]",
            InstructionKind::Volume(words("/a /b")),
        ),
        ("WORKDIR /a b", InstructionKind::Workdir("/a b".to_owned())),
        (
            "HEALTHCHECK NONE",
            InstructionKind::Healthcheck(Healthcheck::None),
        ),
    ] {
        assert_eq!(one(text), expected, "{text}");
    }
    let InstructionKind::Arg(arguments) = one("ARG a b=\"c d\" e=") else {
        panic!("an ARG");
    };
    let found: Vec<_> = arguments
        .iter()
        .map(|argument| (argument.name.as_str(), argument.default.as_deref()))
        .collect();
    assert_eq!(
        found,
        [("a", None), ("b", Some("\"c d\"")), ("e", Some(""))]
    );
}

#[test]
fn copy_and_add_have_flags() {
    let InstructionKind::Copy(copy) = one(
        "COPY --from=base --chown=1:2 --chmod=u=rw --link --parents --exclude=a --exclude=b x y /z/",
    ) else {
        panic!("a COPY");
    };
    assert_eq!(copy.from.as_deref(), Some("base"));
    assert_eq!(copy.flags.owner.as_deref(), Some("1:2"));
    assert_eq!(copy.flags.mode.as_deref(), Some("u=rw"));
    assert!(copy.flags.link && copy.parents);
    assert_eq!(copy.flags.excludes, ["a", "b"]);
    assert_eq!(
        (copy.paths.sources, copy.paths.destination.as_str()),
        (words("x y"), "/z/")
    );
    let InstructionKind::Add(add) =
        one("ADD --checksum=sha256:a --keep-git-dir=false --unpack [\"a b\", \"/c\"]")
    else {
        panic!("an ADD");
    };
    assert_eq!((add.keep_git_dir, add.unpack), (Some(false), Some(true)));
    assert_eq!(add.checksum.as_deref(), Some("sha256:a"));
    assert_eq!(add.paths.sources, ["a b"]);
    assert!(!add.flags.link);
}

#[test]
fn run_has_flags() {
    let InstructionKind::Run(run) = one(
        "RUN --mount=type=cache,target=/a --mount=from=b,target=/c --network=none --security=insecure --device=d a",
    ) else {
        panic!("a RUN");
    };
    assert_eq!(run.mounts.len(), 2);
    assert_eq!(
        (run.network, run.security),
        (Network::None, Security::Insecure)
    );
    assert_eq!(run.devices, ["d"]);
    let mounts = run.mounts(&mut |value| Ok(value.to_owned())).unwrap();
    assert_eq!(mounts[1].from.as_deref(), Some("b"));
}

#[test]
fn healthchecks_have_times() {
    let text = "HEALTHCHECK --interval=1m --timeout=3s --start-period=500ms --start-interval=1s --retries=4 CMD a b";
    let expected = Healthcheck::Command {
        command: shell("a b"),
        interval_ns: 60_000_000_000,
        timeout_ns: 3_000_000_000,
        start_period_ns: 500_000_000,
        start_interval_ns: 1_000_000_000,
        retries: 4,
    };
    assert_eq!(one(text), InstructionKind::Healthcheck(expected));
    let InstructionKind::Healthcheck(Healthcheck::Command { command, .. }) =
        one("HEALTHCHECK cmd [\"a\"]")
    else {
        panic!("a command");
    };
    assert_eq!(command, CommandLine::Exec(words("a")));
}

#[test]
fn heredocs_are_read() {
    for (text, name, expands, body, content) in [
        ("RUN <<EOF\na\nb\nEOF", "EOF", true, "a\nb\n", "a\nb\n"),
        ("RUN <<'EOF'\n$a\nEOF", "EOF", false, "$a\n", "$a\n"),
        ("RUN <<\"E\"OF\n$a\nEOF", "EOF", false, "$a\n", "$a\n"),
        ("RUN <<-EOF\n\t\ta\n\tEOF", "EOF", true, "\t\ta\n", "a\n"),
        (
            "RUN 3<<EOF cat\n# no comment\n\nEOF",
            "EOF",
            true,
            "# no comment\n\n",
            "# no comment\n\n",
        ),
        ("RUN <<EOF\na \\\nEOF", "EOF", true, "a \\\n", "a \\\n"),
        ("RUN << EOF\nEOF", "EOF", true, "", ""),
    ] {
        let InstructionKind::Run(run) = one(text) else {
            panic!("a RUN");
        };
        let CommandLine::Shell { heredocs, .. } = run.command else {
            panic!("a shell's line");
        };
        let [heredoc] = heredocs.as_slice() else {
            panic!("one heredoc: {text}");
        };
        assert_eq!(
            (
                heredoc.name.as_str(),
                heredoc.expands,
                heredoc.body.as_str()
            ),
            (name, expands, body),
            "{text}"
        );
        assert_eq!(heredoc.content(), content, "{text}");
    }
    let InstructionKind::Copy(copy) = one("COPY <<a x <<-b /c/\n1\na\n\t2\n\tb") else {
        panic!("a COPY");
    };
    assert_eq!(copy.paths.sources, ["x"]);
    let bodies: Vec<String> = copy.paths.heredocs.iter().map(Heredoc::content).collect();
    assert_eq!(bodies, ["1\n", "2\n"]);
    assert_eq!(
        one("ONBUILD RUN <<EOF\na\nEOF"),
        InstructionKind::Onbuild("RUN <<EOF\na\nEOF".to_owned())
    );
}

#[test]
fn what_is_no_heredoc() {
    for text in [
        "CMD cat <<EOF",
        "RUN [\"cat\", \"<<EOF\"]",
        "RUN cat '<<EOF'",
        "RUN echo $((1<<2<<3))",
        "RUN cat <<<EOF",
        "ENV a=<<EOF",
    ] {
        parse(&format!("FROM a\n{text}\nRUN b"));
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn errors_name_the_line_and_what_is_meant() {
    let at = |line: usize, reason: &str| format!("dockerfile parse error on line {line}: {reason}");
    for (text, line, reason) in [
        (
            "FORM a",
            1,
            "unknown instruction: FORM (did you mean FROM?)",
        ),
        (
            "FROM a\n\ncpy a b",
            3,
            "unknown instruction: cpy (did you mean copy?)",
        ),
        ("FROM a\nBREAD", 2, "unknown instruction: BREAD"),
        (
            "# escape=x\nFROM a",
            1,
            "invalid escape token 'x' does not match ` or \\",
        ),
        (
            "# check=a\n# check=b\nFROM a",
            2,
            "only one check parser directive can be used",
        ),
        ("FROM", 1, "FROM requires either one or three arguments"),
        ("FROM a b", 1, "FROM requires either one or three arguments"),
        (
            "FROM a AS 1b",
            1,
            "invalid name for build stage: \"1b\", name can't start with a number or contain symbols",
        ),
        (
            "FROM --platfrom=x a",
            1,
            "unknown flag: --platfrom (did you mean platform?)",
        ),
        (
            "FROM a\nCOPY --chow=1 a b",
            2,
            "unknown flag: --chow (did you mean chown?)",
        ),
        (
            "FROM a\nCOPY --from=a --from=b a b",
            2,
            "duplicate flag specified: --from",
        ),
        (
            "FROM a\nCOPY --from a b",
            2,
            "missing a value on flag: --from",
        ),
        (
            "FROM a\nCOPY --link= a b",
            2,
            "missing a value on flag: --link",
        ),
        (
            "FROM a\nCOPY --link=maybe a b",
            2,
            "expecting boolean value for flag --link, not: maybe",
        ),
        ("FROM a\nENV --x a=b", 2, "unknown flag: --x"),
        (
            "FROM a\nCOPY a",
            2,
            "COPY requires at least two arguments, but only one was provided. Destination could not be determined",
        ),
        (
            "FROM a\nCOPY a <<EOF\nEOF",
            2,
            "COPY cannot accept a heredoc as a destination",
        ),
        (
            "FROM a\nRUN <<EOF\na",
            2,
            "unterminated heredoc: no line is \"EOF\"",
        ),
        (
            "FROM a\nCMD [1]",
            2,
            "when using JSON array syntax, arrays must be comprised of strings only",
        ),
        (
            "FROM a\nSHELL a",
            2,
            "SHELL requires the arguments to be in JSON form",
        ),
        (
            "FROM a\nSHELL []",
            2,
            "SHELL requires at least one argument",
        ),
        ("FROM a\nENV", 2, "ENV requires at least one argument"),
        ("FROM a\nENV a", 2, "ENV must have two arguments"),
        (
            "FROM a\nENV a=b c",
            2,
            "Syntax error - can't find = in \"c\". Must be of the form: name=value",
        ),
        ("FROM a\nENV =b", 2, "ENV names can not be blank"),
        ("FROM a\nARG", 2, "ARG requires at least one argument"),
        ("FROM a\nARG =b", 2, "ARG names can not be blank"),
        ("FROM a\nEXPOSE", 2, "EXPOSE requires at least one argument"),
        (
            "FROM a\nWORKDIR",
            2,
            "WORKDIR requires exactly one argument",
        ),
        ("FROM a\nUSER", 2, "USER requires exactly one argument"),
        (
            "FROM a\nSTOPSIGNAL",
            2,
            "STOPSIGNAL requires exactly one argument",
        ),
        (
            "FROM a\nMAINTAINER",
            2,
            "MAINTAINER requires exactly one argument",
        ),
        ("FROM a\nVOLUME", 2, "VOLUME requires at least one argument"),
        (
            "FROM a\nVOLUME [\" \"]",
            2,
            "VOLUME specified can not be an empty string",
        ),
        (
            "FROM a\nONBUILD",
            2,
            "ONBUILD requires at least one argument",
        ),
        (
            "FROM a\nONBUILD ONBUILD RUN a",
            2,
            "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed",
        ),
        (
            "FROM a\nONBUILD from b",
            2,
            "FROM isn't allowed as an ONBUILD trigger",
        ),
        ("FROM a\nONBUILD ENV a", 2, "ENV must have two arguments"),
        (
            "FROM a\nHEALTHCHECK",
            2,
            "HEALTHCHECK requires at least one argument",
        ),
        (
            "FROM a\nHEALTHCHECK NONE a",
            2,
            "HEALTHCHECK NONE takes no arguments",
        ),
        (
            "FROM a\nHEALTHCHECK CMD",
            2,
            "Missing command after HEALTHCHECK CMD",
        ),
        (
            "FROM a\nHEALTHCHECK foo a",
            2,
            "Unknown type \"FOO\" in HEALTHCHECK (try CMD)",
        ),
        (
            "FROM a\nHEALTHCHECK --interval=5 CMD a",
            2,
            "invalid duration \"5\" for --interval: expected a number with a unit, as 30s, 1m30s or 500ms",
        ),
        (
            "FROM a\nHEALTHCHECK --timeout=1us CMD a",
            2,
            "Interval \"timeout\" cannot be less than 1ms",
        ),
        (
            "FROM a\nHEALTHCHECK --retries=-1 CMD a",
            2,
            "invalid value \"-1\" for --retries: expected a whole number from 0 to 2147483647",
        ),
        (
            "FROM a\nRUN --network=hots a",
            2,
            "invalid network mode \"hots\": expected default, none or host (did you mean host?)",
        ),
        (
            "FROM a\nRUN --security=x a",
            2,
            "security \"x\" is not valid: expected sandbox or insecure",
        ),
        (
            "FROM a\nRUN --mount=from=$x,target=/a b",
            2,
            "'from' doesn't support variable expansion, define alias stage instead",
        ),
    ] {
        assert_eq!(error(text), at(line, reason), "{text}");
    }
    assert_eq!(error(""), "file with no instructions");
    assert_eq!(error("# only this"), "file with no instructions");
    assert_eq!(error("RUN a\nFROM b"), "no build stage in current context");
    assert_eq!(error("ARG a"), "dockerfile contains no stages to build");
}

#[test]
fn limits_hold() {
    let long = format!("FROM a\nRUN {}", "x".repeat(limits::MAXIMUM_LINE_BYTES));
    assert!(
        error(&long).ends_with("line 2: dockerfile line greater than max allowed size of 65535")
    );
    let large = "#\n".repeat(limits::MAXIMUM_FILE_BYTES / 2 + 1);
    assert_eq!(
        error(&large),
        "dockerfile greater than max allowed size of 1048576"
    );
    let many = format!("FROM a\n{}", "RUN b\n".repeat(limits::MAXIMUM_INSTRUCTIONS));
    assert!(
        error(&many).ends_with("number of instructions greater than max allowed size of 10000")
    );
    let heredocs = format!(
        "FROM a\n{}",
        "COPY <<a /b\na\n".repeat(limits::MAXIMUM_HEREDOCS + 1)
    );
    assert!(error(&heredocs).ends_with("number of heredocs greater than max allowed size of 1000"));
}

#[test]
fn bytes_that_are_no_utf8_may_stand_in_comments() {
    let found = Dockerfile::parse(b"# caf\xe9\nFROM a\n").unwrap();
    assert_eq!(found.stages.len(), 1);
    let error = Dockerfile::parse(b"FROM a\nENV a=caf\xe9\n").unwrap_err();
    assert_eq!(
        (error.lines, error.reason),
        (Some(Lines::one(2)), Reason::NotUtf8)
    );
}
