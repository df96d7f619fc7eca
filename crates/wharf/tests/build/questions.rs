//! What is asked of a Dockerfile, and how a build is shown.

use serde_json::Value;

use crate::fixture::Project;

const DOCKERFILE: &str = "# V which version\nARG V=1\n# base the base\nFROM scratch AS base\nARG V\n# K a key\nARG K=${V}k\n\
    FROM scratch AS other\nARG UNSEEN=1\nFROM base AS app\nRUN --mount=type=secret,id=token,required --mount=type=ssh --mount=type=cache,target=/c true\ncmd x\n";

#[test]
fn targets_and_outlines_are_told() {
    let project = Project::new(DOCKERFILE);
    let asked = |flag: &str| project.run(&[flag]).success().text();
    assert_eq!(
        asked("--call=targets"),
        "TARGET        DESCRIPTION\nbase          the base\nother         \napp (default) \n"
    );
    assert_eq!(
        asked("--call=outline"),
        "TARGET: app\n\nBUILD ARG   VALUE   DESCRIPTION\nV           1       which version\nK           1k      a key\n\n\
         SECRET   REQUIRED\ntoken    true\n\nSSH       REQUIRED\ndefault   \n\n"
    );
    let json = |flag: &str| serde_json::from_str::<Value>(&asked(flag)).unwrap();
    let outline = json("--call=outline,format=json");
    assert_eq!(outline["args"][1]["name"], "K");
    assert_eq!(outline["secrets"][0]["required"], true);
    assert_eq!(
        outline["secrets"][0]["location"]["ranges"][0]["start"]["line"],
        11
    );
    let targets = json("--print=targets,format=json");
    assert_eq!(targets["targets"][2]["default"], true);
    let check = project.run(&["--call=check,format=json"]).exits_with(1);
    let check: Value = serde_json::from_str(&check.text()).unwrap();
    let names: Vec<_> = check["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|warning| warning["ruleName"].as_str().unwrap().to_owned())
        .collect();
    assert!(
        names.contains(&"ConsistentInstructionCasing".to_owned()),
        "{names:?}"
    );
    let ignored = project.run(&["--call=check,ignorestatus=true"]).success();
    assert!(ignored.text().starts_with("Check complete, "));
    for (flag, expected) in [
        ("--call=dance", "invalid method \"dance\" for --call"),
        ("--call=check,format=xml", "is neither format=json|text"),
    ] {
        let text = project.run(&[flag]).exits_with(1).error_text();
        assert!(text.contains(expected), "{text}");
    }
    let text = project
        .run(&["--call=outline", "--target=ap"])
        .exits_with(1)
        .error_text();
    assert!(text.contains("ap"), "{text}");
    assert_eq!(
        project
            .run(&["--call=outline", "--target=other"])
            .success()
            .text()
            .lines()
            .count(),
        5
    );
}

#[test]
fn json_is_in_buildkit_s_shape() {
    let project = Project::new("FROM scratch\nCOPY Dockerfile /\n");
    let output = project
        .sandbox
        .wharf(["build", "context"])
        .env("BUILDKIT_PROGRESS", "rawjson")
        .run()
        .success();
    let lines: Vec<Value> = output
        .error_text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let copies: Vec<&Value> = lines
        .iter()
        .filter_map(|line| line["vertexes"].get(0))
        .filter(|vertex| {
            vertex["name"]
                .as_str()
                .is_some_and(|name| name.contains("COPY"))
        })
        .collect();
    assert_eq!(copies.len(), 2);
    assert_eq!(copies[0]["digest"], copies[1]["digest"]);
    assert!(copies[0]["completed"].is_null() && copies[1]["completed"].is_string());
    assert_eq!(copies[0]["started"], copies[1]["started"]);
    let text = project.run(&["--progress=tty"]).exits_with(1).error_text();
    assert!(text.contains("stderr is no terminal"), "{text}");
}

/// `script` gives the program a terminal.
#[test]
fn terminals_are_drawn_in_place() {
    let project = Project::new("FROM scratch\nCOPY Dockerfile /\nENV a=b\n");
    let wharf = project.sandbox.wharf(["version"]).run().success();
    assert!(!wharf.text().is_empty());
    let Some(output) = project.on_a_terminal(&["build", "context"]) else {
        return;
    };
    assert!(output.contains("\u{1b}[J[+] Building "), "{output:?}");
    assert!(output.contains("FINISHED"), "{output:?}");
    assert!(output.contains(" => [1/1] COPY Dockerfile /"), "{output:?}");
    // what is drawn last stays whole
    let last = output.rsplit("\u{1b}[J").next().unwrap();
    assert!(last.contains(" => exporting to image"), "{last:?}");
    let Some(output) = project.on_a_terminal(&["build", "--progress=plain", "context"]) else {
        return;
    };
    assert!(
        output.contains("CACHED") && !output.contains("\u{1b}[J"),
        "{output:?}"
    );
}

#[test]
fn privileged_a_shell_opens_where_a_step_failed() {
    let Some(project) = crate::running::project(
        "ENV SEEN=yes\nRUN --mount=type=tmpfs,target=/scratch echo left > /left && touch /scratch/t && exit 7\n",
    ) else {
        return;
    };
    let typed =
        "cat /left; echo seen=$SEEN; test -c /dev/tty && echo has-tty; echo > /after; exit 3\n";
    let flags = ["build", "--progress=plain", "--debug-on-fail", "context"];
    let Some(output) = project.typed_on_a_terminal(&flags, typed) else {
        return;
    };
    let text = output.exits_with(1).text();
    assert!(
        text.contains("has failed. /bin/sh opens upon what it has left"),
        "{text}"
    );
    for line in ["left\r\n", "seen=yes\r\n", "has-tty\r\n"] {
        assert!(text.contains(line), "{line:?}: {text}");
    }
    // the build fails as it would have, and nothing of the shell is kept
    assert!(
        text.contains("did not complete successfully: exit code: 7"),
        "{text}"
    );
    let left = std::fs::read_dir(project.sandbox.root().join("builds")).unwrap();
    assert_eq!(left.count(), 0);
    let output = project.run(&["--debug-on-fail"]).exits_with(1);
    assert!(
        output
            .error_text()
            .contains("--debug-on-fail needs a terminal")
    );
}

/// Dockerfiles, each behind a line with its name.
const QUESTIONS: &str = include_str!("questions.txt");
/// What docker's buildx 0.37.2 answered with a `buildkitd` 0.32.2, in the form of [`answers`].
const ANSWERS: &str = include_str!("questions.golden");

/// What is said to each question about a Dockerfile: exit code, output, errors.
fn answers(project: &Project) -> Vec<String> {
    let mut answers = Vec::new();
    for call in ["check", "outline", "targets"] {
        let output = project.run(&[&format!("--call={call}")]);
        answers.push(format!("--- {call}: {}", output.code));
        let text = output.text();
        let text = text.trim_end_matches('\n');
        answers.extend(text.lines().map(str::to_owned));
        let errors = output.error_text();
        let errors = errors.lines().filter(|line| line.starts_with("ERROR"));
        answers.extend(errors.map(str::to_owned));
        let output = project.run(&[&format!("--call={call},format=json")]);
        if let Ok(mut document) = serde_json::from_slice::<Value>(&output.stdout) {
            // the Dockerfile once more
            document.as_object_mut().unwrap().remove("sources");
            let code = output.code;
            answers.push(format!("--- {call},format=json: {code}"));
            answers.push(document.to_string());
        }
    }
    answers
}

#[test]
fn questions_are_answered_as_buildx_answers_them() {
    let recorded = ANSWERS.split("=== ").filter(|part| !part.is_empty());
    let mut recorded = recorded.map(|part| part.split_once('\n').unwrap());
    for part in QUESTIONS.split("=== ").filter(|part| !part.is_empty()) {
        let (name, dockerfile) = part.split_once('\n').unwrap();
        let project = Project::new(dockerfile);
        for file in ["a", "b", "ignored"] {
            project.file(file, "A");
        }
        project.file(".dockerignore", "ignored\n");
        let (recorded_name, expected) = recorded.next().unwrap();
        assert_eq!(name, recorded_name);
        let expected: Vec<Value> = expected.lines().map(parsed).collect();
        let answers: Vec<Value> = answers(&project).iter().map(|line| parsed(line)).collect();
        for (answer, expected) in answers.iter().zip(&expected) {
            assert_eq!(answer, expected, "{name}");
        }
        assert_eq!(answers.len(), expected.len(), "{name}");
    }
    assert!(recorded.next().is_none());
}

/// The order of members means nothing.
fn parsed(line: &str) -> Value {
    let document = serde_json::from_str(line).ok().filter(Value::is_object);
    document.unwrap_or_else(|| Value::String(line.to_owned()))
}
