//! Binds, volumes, temporary file systems.

use testkit::write;

use crate::fixture::Containers;

#[test]
fn privileged_folders_of_the_machine_are_bound() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    let folder = containers.sandbox.work().join("shared");
    std::fs::create_dir(&folder).unwrap();
    write(&folder.join("file"), "outside\n");
    let path = folder.to_str().unwrap();
    let bind = format!("{path}:/in/deep");
    assert_eq!(
        containers.shell(
            &["-v", &bind],
            "cat /in/deep/file; echo inside > /in/deep/new"
        ),
        "outside"
    );
    assert_eq!(
        std::fs::read_to_string(folder.join("new")).unwrap(),
        "inside\n"
    );
    let read_only = format!("{path}:/in:ro");
    let words = [
        "run",
        "--rm",
        "--network",
        "none",
        "-v",
        &read_only,
        "busybox",
        "touch",
        "/in/x",
    ];
    containers.wharf(words).run().exits_with(1);
    let mount = format!("type=bind,source={path}/file,target=/etc/one-file,readonly");
    assert_eq!(
        containers.shell(&["--mount", &mount], "cat /etc/one-file"),
        "outside"
    );
    let mount = "type=bind,source=/nowhere/at/all,target=/x";
    let words = ["run", "--rm", "--mount", mount, "busybox", "true"];
    let refused = containers.wharf(words).run().exits_with(125).error_text();
    assert!(
        refused.contains("bind source path does not exist: /nowhere/at/all"),
        "{refused}"
    );
}

#[test]
fn privileged_links_in_an_image_lead_nowhere_else() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    // The container replaces a folder by a link that climbs out, and is started again with a mount below it.
    let outside = containers.sandbox.work().join("outside");
    let bound = containers.sandbox.work().join("bound");
    std::fs::create_dir(&outside).unwrap();
    std::fs::create_dir(&bound).unwrap();
    let bind = format!("{}:/data/place", bound.to_str().unwrap());
    let up = format!(
        "rm -r /data; ln -s /../../../..{} /data",
        outside.to_str().unwrap()
    );
    let words = [
        "create",
        "--name",
        "climber",
        "--network",
        "none",
        "-v",
        &bind,
        "busybox",
        "sh",
        "-c",
        "ls /data",
    ];
    let id = containers.prints(words);
    let other = containers.prints(["create", "--network", "none", "busybox", "sh", "-c", &up]);
    containers.prints(["start", &other]);
    containers.prints(["wait", &other]);
    let folder = |id: &str| {
        containers
            .sandbox
            .root()
            .join("containers")
            .join(id)
            .join("upper")
    };
    std::fs::rename(folder(&other).join("data"), folder(&id).join("data")).unwrap();
    let output = containers.wharf(["start", "--attach", "climber"]).run();
    assert!(!outside.join("place").exists(), "{}", output.error_text());
}

#[test]
fn privileged_volumes_outlive_containers() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    // A new volume begins with what the image has.
    assert_eq!(
        containers.shell(
            &["-v", "kept:/data"],
            "cat /data/seed; echo more > /data/own"
        ),
        "from the image"
    );
    assert_eq!(
        containers.shell(&["-v", "kept:/data"], "cat /data/own; rm /data/seed"),
        "more"
    );
    assert_eq!(
        containers.shell(&["-v", "kept:/elsewhere:ro"], "ls /elsewhere"),
        "own"
    );
    let folder = containers.sandbox.root().join("volumes/kept/_data");
    assert_eq!(
        std::fs::read_to_string(folder.join("own")).unwrap(),
        "more\n"
    );
    // One without a name goes with its container.
    containers.shell(&["-v", "/scratch"], "touch /scratch/x");
    let left = std::fs::read_dir(containers.sandbox.root().join("volumes")).unwrap();
    let names: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    let words = ["run", "--rm", "-v", "bad name:/x", "busybox", "true"];
    let refused = containers.wharf(words).run().exits_with(125).error_text();
    assert!(
        refused.contains("includes invalid characters for a local volume name"),
        "{refused}"
    );
}

#[test]
fn privileged_temporary_file_systems_and_read_only_roots() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    let text = containers.shell(
        &["--read-only", "--tmpfs", "/tmp:size=64k"],
        "touch /tmp/x && echo ok; touch /x 2>&1 || true",
    );
    assert_eq!(text.lines().next(), Some("ok"), "{text}");
    assert!(text.contains("Read-only file system"), "{text}");
    let mount = "type=tmpfs,target=/t,tmpfs-mode=0700";
    assert_eq!(
        containers.shell(&["--mount", mount], "stat -c %a /t"),
        "700"
    );
}
