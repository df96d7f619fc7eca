//! Instructions that change the config, what history says, and what comes of variables.

use serde_json::json;
use testkit::{ImageBuilder, TarBuilder, docker_archive, write};

use crate::fixture::Project;

#[test]
fn the_config_and_history_are_buildkit_s() {
    let project = Project::new(
        "# escape=\\\nFROM scratch\nARG V=1 W\nENV a=$V b=\"x y\"\nENV a=bye c=$a\nLABEL one=1 \"two three\"=\"4 5\"\n\
         MAINTAINER me <me@example.com>\nEXPOSE 80 90-91/udp 127.0.0.1:1:2\nVOLUME /v [\"x\"]\nVOLUME [\"/w x\"]\n\
         USER 5:6\nWORKDIR /w\nWORKDIR x\nCOPY --chown=1 Dockerfile /\nSHELL [\"/bin/bash\", \"-c\"]\nCMD echo \"hi\"\nENTRYPOINT [\"/e\"]\n\
         STOPSIGNAL SIGUSR1\nHEALTHCHECK --interval=90s --retries=2 CMD [\"/h\"]\nONBUILD COPY . /\n",
    );
    project.build(&["-t", "x", "--label", "three=3", "--build-arg", "W=2"]);
    let image = project.inspect("x");
    let config = &image["Config"];
    for (key, expected) in [
        (
            "Env",
            json!([
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "a=bye",
                "b=x y",
                "c=1"
            ]),
        ),
        (
            "Labels",
            json!({"one": "1", "two three": "4 5", "three": "3"}),
        ),
        (
            "ExposedPorts",
            json!({"2/tcp": {}, "80/tcp": {}, "90/udp": {}, "91/udp": {}}),
        ),
        ("Volumes", json!({"/v": {}, "[x]": {}, "/w x": {}})),
        ("User", json!("5:6")),
        ("WorkingDir", json!("/w/x")),
        ("Shell", json!(["/bin/bash", "-c"])),
        ("Cmd", json!(["/bin/bash", "-c", "echo \"hi\""])),
        ("Entrypoint", json!(["/e"])),
        ("StopSignal", json!("SIGUSR1")),
        (
            "Healthcheck",
            json!({"Test": ["CMD", "/h"], "Interval": 90_000_000_000_i64, "Retries": 2}),
        ),
        ("OnBuild", json!(["COPY . /"])),
    ] {
        assert_eq!(config[key], expected, "{key}");
    }
    assert_eq!(image["Author"], "me <me@example.com>");
    let mut history = project.history("x");
    history.reverse();
    let expected = [
        "ARG V=1 W=2",
        "ENV a=1 b=x y",
        "ENV a=bye c=1",
        "LABEL one=1 two three=4 5",
        "MAINTAINER me <me@example.com>",
        "EXPOSE [2/tcp 80/tcp 90/udp 91/udp]",
        "VOLUME [/v [x]]",
        "VOLUME [/w x]",
        "USER 5:6",
        "WORKDIR /w",
        "WORKDIR /w/x",
        "COPY --chown=1 Dockerfile / # buildkit",
        "SHELL [/bin/bash -c]",
        "CMD [\"/bin/bash\" \"-c\" \"echo \\\"hi\\\"\"]",
        "ENTRYPOINT [\"/e\"]",
        "STOPSIGNAL SIGUSR1",
        "HEALTHCHECK {Test:[CMD /h] Interval:1m30s Timeout:0s StartPeriod:0s StartInterval:0s Retries:2}",
    ]
    .map(|text| format!("{text}|buildkit.dockerfile.v0"));
    assert_eq!(history, expected);
}

#[test]
fn a_base_is_inherited_and_its_triggers_run() {
    let project = Project::new(
        "FROM base AS one\nENV LATER=1\nENTRYPOINT [\"/own\"]\nONBUILD ENV FROM_STAGE=1\nFROM one\nLABEL c=3\n",
    );
    let base = ImageBuilder::new()
        .layer(TarBuilder::new().file("base", "b").finish(), "made by hand")
        .created("2020-02-03T04:05:06Z")
        .container("Env", json!(["EARLY=0", "LATER=0"]))
        .container("Cmd", json!(["/cmd"]))
        .container(
            "OnBuild",
            json!(["ENV TRIGGERED=1", "COPY Dockerfile /seen"]),
        )
        .label("a", "1")
        .build();
    let archive = project.sandbox.work().join("base.tar");
    write(&archive, docker_archive(&[(&base, &["base:latest"])]));
    let archive = archive.display().to_string();
    project
        .sandbox
        .wharf(["load", "-i", archive.as_str()])
        .run()
        .success();
    project.build(&["-t", "x"]);
    let image = project.inspect("x");
    assert_eq!(
        image["Config"]["Env"],
        json!([
            "EARLY=0",
            "LATER=1",
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "TRIGGERED=1",
            "FROM_STAGE=1"
        ])
    );
    // ENTRYPOINT takes a command of the base away, and triggers are not inherited further
    assert_eq!(image["Config"]["Cmd"], json!(null));
    assert_eq!(image["Config"]["OnBuild"], json!(null));
    assert_eq!(image["Config"]["Labels"], json!({"a": "1", "c": "3"}));
    assert_eq!(image["Created"], "2020-02-03T04:05:06Z");
    assert_eq!(project.plain_files(&[]).len(), 2);
    assert_eq!(project.history("x").last().unwrap(), "made by hand|");
}

#[test]
fn variables_have_their_scopes() {
    let project = Project::new(
        "ARG G=global\nARG H=$G-h\nFROM scratch AS one\nCOPY <<a /\n[$G][$H][$P]\na\nARG G\nARG H=own\nARG P\nARG TARGETARCH\nARG TARGETSTAGE\nENV P=env\n\
         COPY <<b /\n[$G][$H][$P][$TARGETSTAGE]\nb\nARG P=arg\nCOPY <<c /\n[$P]\nc\nFROM one\nCOPY <<d /\n[$G][$P]\nd\n",
    );
    assert_eq!(
        project.plain_files(&["--build-arg=H=given"]),
        [
            "-0644 0:0 a: [][][]",
            "-0644 0:0 b: [global][given][env][default]",
            "-0644 0:0 c: [arg]",
            "-0644 0:0 d: [global][arg]",
        ]
    );
    project.file(
        "Dockerfile",
        "ARG BASE=missing\nFROM $BASE AS Named\nCOPY <<a /\nx\na\n",
    );
    assert_eq!(
        project.plain_files(&["--build-arg=BASE=scratch", "--target=NAMED"]),
        ["-0644 0:0 a: x"]
    );
}
