//! Secrets, agents and caches of RUN: there while it runs, and nowhere else.

use std::os::unix::net::UnixListener;
use std::path::Path;

use testkit::{Sandbox, write};

use crate::running::{changed, project};

/// What no file of a store may hold.
const TOKEN: &str = "token-that-nobody-may-see";

/// Every file below that holds the token.
fn holding(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let metadata = path.symlink_metadata().unwrap();
        if metadata.is_dir() {
            holding(&path, found);
        } else if metadata.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let mut windows = bytes.windows(TOKEN.len());
            if windows.any(|window| window == TOKEN.as_bytes()) {
                found.push(path.display().to_string());
            }
        }
    }
}

#[test]
fn privileged_secrets_are_there_and_stay_nowhere() {
    let Some(project) = project(
        "RUN --mount=type=secret,id=one cat /run/secrets/one | wc -c > /size; stat -c '%a %u:%g' /run/secrets/one > /file; \\\n\
         \x20   echo x >> /run/secrets/one 2>/dev/null || echo read-only >> /file\n\
         RUN --mount=type=secret,id=one,target=/s/two,mode=440,uid=5,gid=6,env=ONE --mount=type=secret,id=three,env=THREE \\\n\
         \x20   test \"$ONE\" = \"$(cat /s/two)\" && stat -c '%a %u:%g' /s/two >> /file && echo \"[$THREE]\" >> /file\n\
         RUN --mount=type=secret,id=absent test ! -e /run/secrets && test ! -e /s && ! grep -r token /size /file /etc 2>/dev/null\n",
    ) else {
        return;
    };
    let sandbox = &project.sandbox;
    let place = sandbox.work().join("token");
    write(&place, TOKEN);
    let given = [
        "--secret=id=one,src=token",
        "--secret=id=three,env=SECRET_OF_TEST",
    ];
    let all = [
        &["build", "--quiet", "--tag=made"][..],
        &given,
        &["context"],
    ]
    .concat();
    sandbox
        .wharf(all)
        .env("SECRET_OF_TEST", "three")
        .run()
        .success();
    assert_eq!(
        changed(project.files(&given)),
        [
            "-0644 0:0 file: 400 0:0\nread-only\n440 5:6\n[three]",
            "-0644 0:0 size: 25",
        ]
    );
    let mut found = Vec::new();
    holding(&sandbox.root(), &mut found);
    assert_eq!(found, Vec::<String>::new(), "the secret is on the disk");
    // Another value of a secret is no reason to do a step again.
    write(&place, "another");
    let again = project.run(&given).success().error_text();
    assert_eq!(again.matches(" CACHED").count(), 5, "{again}");
}

#[test]
fn privileged_what_is_missing_is_told_as_buildkit_does() {
    for (mount, given, expected) in [
        (
            "type=secret,id=x,required",
            None,
            "failed to solve: secret x: not found",
        ),
        (
            "type=ssh,required",
            None,
            "failed to solve: no SSH key \"\" forwarded from the client",
        ),
        (
            "type=ssh,id=y,required",
            Some("--ssh=z=agent"),
            "failed to solve: unset ssh forward key y",
        ),
        (
            "type=cache,source=/a,target=/c",
            None,
            "did not complete successfully: open /a: no such file or directory",
        ),
    ] {
        let Some(project) = project(&format!("RUN --mount={mount} true\n")) else {
            return;
        };
        let _agent = UnixListener::bind(project.sandbox.work().join("agent")).unwrap();
        let arguments: Vec<&str> = given.into_iter().collect();
        let text = project.run(&arguments).exits_with(1).error_text();
        assert!(text.contains(expected), "{mount}: {text}");
    }
}

#[test]
fn what_is_given_wrongly_is_told() {
    let sandbox = Sandbox::new();
    for (option, expected) in [
        ("--secret=src=a", "ERROR: secret missing ID"),
        ("--secret=id=a,src=/nowhere", "failed to stat /nowhere"),
        ("--ssh=a=/nowhere", "stat /nowhere"),
        (
            "--ssh=default",
            "invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set",
        ),
    ] {
        let output = sandbox
            .wharf(["build", option, "."])
            .run()
            .exits_with(1)
            .error_text();
        assert!(output.contains(expected), "{output}");
    }
}

#[test]
fn privileged_agents_are_forwarded() {
    let Some(project) = project(
        "RUN --mount=type=ssh echo $SSH_AUTH_SOCK > /seen; stat -c '%F %a %u:%g' $SSH_AUTH_SOCK >> /seen\n\
         RUN --mount=type=ssh,id=other,target=/agent,mode=666,uid=3,gid=4 --mount=type=ssh,id=absent,target=/no \\\n\
         \x20   echo $SSH_AUTH_SOCK >> /seen; stat -c '%F %a %u:%g' /agent >> /seen; test ! -e /no\n",
    ) else {
        return;
    };
    let sandbox = &project.sandbox;
    let place = sandbox.work().join("agent");
    let _agent = UnixListener::bind(&place).unwrap();
    let given = ["--ssh=default=agent", "--ssh=other=agent"];
    assert_eq!(
        changed(project.files(&given)),
        ["-0644 0:0 seen: /run/buildkit/ssh_agent.0\nsocket 600 0:0\n/agent\nsocket 666 3:4"]
    );
}

#[test]
fn privileged_caches_begin_with_files_and_have_owners() {
    let Some(project) = project(
        "FROM base AS seed\nRUN mkdir -p /made/d && echo first > /made/d/file\nFROM base\n\
         RUN --mount=type=cache,from=seed,source=/made,target=/c cat /c/d/file > /seen; echo more >> /c/d/file\n\
         RUN --mount=type=cache,from=seed,source=/made,target=/c cat /c/d/file >> /seen\n\
         RUN --mount=type=cache,id=own,target=/o,mode=0700,uid=7,gid=8,sharing=locked stat -c '%a %u:%g' /o >> /seen\n\
         RUN --mount=type=cache,id=p,target=/p,sharing=private --mount=type=cache,id=p,target=/q,sharing=private echo x > /p/x; cat /q/x >> /seen\n",
    ) else {
        return;
    };
    assert_eq!(
        changed(project.files(&[])),
        ["-0644 0:0 seen: first\nfirst\nmore\n700 7:8\nx"]
    );
}
