//! What is told of containers and volumes.

use crate::fixture::Containers;

#[test]
fn privileged_everything_that_is_known_of_a_container() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    let id = containers.prints([
        "create",
        "--name",
        "one",
        "--label",
        "a=b",
        "--memory",
        "64m",
        "--network",
        "none",
        "-v",
        "data:/data",
        "--env",
        "X=1",
        "busybox",
        "echo",
        "hello",
    ]);
    let text = containers.prints(["container", "inspect", "--size", "one"]);
    let documents: serde_json::Value = serde_json::from_str(&text).unwrap();
    let one = &documents[0];
    assert_eq!(one["Id"], id.as_str());
    assert_eq!(one["Name"], "/one");
    assert_eq!(
        (&one["Path"], &one["Args"]),
        (&"echo".into(), &serde_json::json!(["hello"]))
    );
    assert_eq!(one["State"]["Status"], "created");
    assert_eq!(one["State"]["StartedAt"], "0001-01-01T00:00:00Z");
    assert_eq!(one["SizeRw"], 0);
    assert_eq!(one["Mounts"][0]["Name"], "data");
    assert!(!text.contains("\"Wharf"), "{text}");
    let fields: Vec<&String> = one.as_object().unwrap().keys().collect();
    assert_eq!(
        fields[..6],
        ["Id", "Created", "Path", "Args", "State", "Image"]
    );
    for (format, expected) in [
        ("{{.ID}}", id.as_str()),
        ("{{.Id}}", id.as_str()),
        (
            "{{.State.Running}} {{.State.Pid}} {{.State.Health}}",
            "false 0 <nil>",
        ),
        ("{{.HostConfig.Memory}}", "67108864"),
        ("{{.HostConfig.Runtime}}", "wharf"),
        (
            "{{json .HostConfig.Links}} {{.HostConfig.BlkioWeight}}",
            "null 0",
        ),
        ("{{index .Config.Labels \"a\"}}", "b"),
        ("{{json .Config.Cmd}}", "[\"echo\",\"hello\"]"),
        (
            "{{range .Mounts}}{{.Type}} {{.Destination}} {{.RW}}{{end}}",
            "volume /data true",
        ),
        (
            "{{range $k, $v := .NetworkSettings.Networks}}{{$k}}{{end}}",
            "none",
        ),
    ] {
        assert_eq!(
            containers.prints(["inspect", "--format", format, "one"]),
            expected,
            "{format}"
        );
    }
    containers.prints(["start", "--attach", "one"]);
    let format = "{{.State.Status}} {{.State.ExitCode}} {{.State.FinishedAt}}";
    let ended = containers.prints(["inspect", "-f", format, "--type", "container", "one"]);
    assert!(ended.starts_with("exited 0 2"), "{ended}");
}

#[test]
fn privileged_inspect_finds_containers_before_images() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    let image = containers.prints(["inspect", "-f", "{{.Id}}", "busybox"]);
    let id = containers.prints(["create", "--name", "busybox", "busybox"]);
    assert_eq!(
        containers.prints(["inspect", "-f", "{{.Id}}", "busybox"]),
        id
    );
    let words = ["inspect", "--type", "image", "-f", "{{.Id}}", "busybox"];
    assert_eq!(containers.prints(words), image);
    for (words, expected) in [
        (&["inspect", "gone"][..], "Error: No such object: gone\n"),
        (
            &["inspect", "--type", "container", "none"],
            "Error response from daemon: No such container: none\n",
        ),
        (
            &["inspect", "--type", "volume", "none"],
            "Error response from daemon: get none: no such volume\n",
        ),
        (
            &["container", "inspect", "none"],
            "Error response from daemon: No such container: none\n",
        ),
    ] {
        let refused = containers.wharf(words.iter().copied()).run().exits_with(1);
        assert_eq!(refused.error_text(), expected, "{words:?}");
        assert_eq!(refused.text(), "[]\n", "{words:?}");
    }
}

#[test]
fn privileged_info_counts_containers() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    let begin = ["run", "--detach", "--network", "none", "--name"];
    for name in ["runs", "held"] {
        containers.prints([&begin[..], &[name, "busybox", "sleep", "1000"]].concat());
    }
    containers.prints(["pause", "held"]);
    containers.prints(["create", "busybox", "true"]);
    let counts =
        "{{.Containers}} {{.ContainersRunning}} {{.ContainersPaused}} {{.ContainersStopped}}";
    assert_eq!(containers.prints(["info", "--format", counts]), "3 1 1 1");
    let told = containers.prints(["info"]);
    assert!(
        told.contains(" Containers: 3\n  Running: 1\n  Paused: 1\n  Stopped: 1\n"),
        "{told}"
    );
    let how = "{{.LoggingDriver}} {{.DefaultRuntime}} {{index .SecurityOptions 0}}";
    assert_eq!(
        containers.prints(["info", "--format", how]),
        "json-file wharf name=seccomp,profile=builtin"
    );
}
