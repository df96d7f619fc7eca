//! Volumes, and what is removed all at once.

use crate::fixture::Containers;

#[test]
fn privileged_volumes_come_and_go() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    assert_eq!(
        containers.prints(["volume", "create", "--label", "a=b", "one"]),
        "one"
    );
    assert_eq!(containers.prints(["volume", "create", "one"]), "one");
    let anonymous = containers.prints(["volume", "create"]);
    assert_eq!(anonymous.len(), 64, "{anonymous}");
    let listed = containers.prints(["volume", "ls"]);
    assert!(
        listed.starts_with("DRIVER    VOLUME NAME\nlocal     "),
        "{listed}"
    );
    assert_eq!(
        containers.prints(["volume", "ls", "-q", "-f", "label=a=b"]),
        "one"
    );
    assert_eq!(
        containers.prints(["volume", "ls", "-q", "-f", "name=on", "-f", "driver=x"]),
        ""
    );
    let format = "{{.Name}} {{.Driver}} {{.Scope}} {{.Labels}}";
    assert_eq!(
        containers.prints(["volume", "inspect", "-f", format, "one"]),
        "one local local map[a:b]"
    );
    containers.prints([
        "create",
        "--name",
        "user",
        "-v",
        "one:/data",
        "busybox",
        "true",
    ]);
    assert_eq!(
        containers.prints(["volume", "ls", "-q", "-f", "dangling=true"]),
        anonymous
    );
    let refused = containers
        .wharf(["volume", "rm", "one"])
        .run()
        .exits_with(1)
        .error_text();
    assert!(
        refused.starts_with("Error response from daemon: remove one: volume is in use - ["),
        "{refused}"
    );
    assert_eq!(
        containers.prints(["volume", "prune", "--force"]),
        format!("Deleted Volumes:\n{anonymous}\n\nTotal reclaimed space: 0B")
    );
    containers.prints(["rm", "user"]);
    assert_eq!(
        containers.prints(["volume", "prune", "-f"]),
        "Total reclaimed space: 0B"
    );
    assert_eq!(containers.prints(["volume", "rm", "one"]), "one");
    let refused = containers
        .wharf(["volume", "rm", "one"])
        .run()
        .exits_with(1)
        .error_text();
    assert_eq!(
        refused,
        "Error response from daemon: get one: no such volume\n"
    );
    assert_eq!(containers.prints(["volume", "rm", "--force", "one"]), "one");
}

#[test]
fn privileged_pruning_leaves_what_runs() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    let none = ["--network", "none"];
    let sleep = ["run", "-d", "--name", "runs"].into_iter().chain(none);
    let runs = containers.prints(sleep.chain(["busybox", "sleep", "100"]));
    let write = ["run", "--name", "ended", "--label", "keep"]
        .into_iter()
        .chain(none);
    let script = "dd if=/dev/zero of=/x bs=1000 count=5 2>/dev/null";
    containers.prints(write.chain(["-v", "/anonymous", "busybox", "sh", "-c", script]));
    let format = "{{.Type}} {{.TotalCount}} {{.Active}} {{.Size}} {{.Reclaimable}}";
    let usage = containers.prints(["system", "df", "--format", format]);
    assert!(
        usage.contains("Containers 2 1 5kB 5kB (100%)\nLocal Volumes 1 1 0B 0B"),
        "{usage}"
    );
    let table = containers.prints(["system", "df", "-v"]);
    assert!(table.contains("VOLUME NAME"), "{table}");
    let question = containers
        .wharf(["container", "prune"])
        .run()
        .success()
        .text();
    assert_eq!(
        question,
        "WARNING! This will remove all stopped containers.\nAre you sure you want to continue? [y/N] "
    );
    let words = ["container", "prune", "-f", "--filter", "label!=keep"];
    assert_eq!(containers.prints(words), "Total reclaimed space: 0B");
    let words = ["container", "prune", "-f", "--filter", "until=1h"];
    assert_eq!(containers.prints(words), "Total reclaimed space: 0B");
    let pruned = containers.prints(["system", "prune", "-f", "--volumes"]);
    assert!(pruned.starts_with("Deleted Containers:\n"), "{pruned}");
    assert!(pruned.contains("\n\nDeleted Volumes:\n"), "{pruned}");
    assert!(pruned.contains("Total reclaimed space: 5kB"), "{pruned}");
    assert_eq!(containers.prints(["ps", "-aq", "--no-trunc"]), runs);
}
