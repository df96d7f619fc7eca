//! The way from a container that somebody changed to an image, and from a Dockerfile to one; and what keeps both from being removed.

use testkit::{ProgramCommand, Sandbox, write};

use crate::fixture::Containers;
use crate::ordinary_user::{store_of_nobody, wharf};
use crate::subordinate_ids::Store;

const DOCKERFILE: &str = "\
FROM busybox AS build
RUN echo built > /result
FROM busybox
COPY --from=build /result /srv/
LABEL kind=site
CMD [\"cat\", \"/srv/result\"]
";

#[test]
fn privileged_from_containers_and_dockerfiles_to_images() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    walk(&containers.sandbox, |sandbox, words| sandbox.wharf(words));
}

#[test]
fn from_containers_and_dockerfiles_to_images_as_an_ordinary_user() {
    let Some(containers) = store_of_nobody() else {
        return;
    };
    walk(&containers.sandbox, |sandbox, words| wharf(sandbox, &words));
}

#[test]
fn privileged_from_containers_and_dockerfiles_to_images_with_subordinate_ids() {
    if let Some(store) = Store::new() {
        walk(&store.containers.sandbox, |_, words| store.wharf(&words));
    }
}

fn walk(sandbox: &Sandbox, wharf: impl Fn(&Sandbox, Vec<&str>) -> ProgramCommand) {
    let prints = |words: &str| {
        let words = words.split(' ').collect();
        wharf(sandbox, words).run().success().text()
    };
    // A container is changed, and what it has become is an image.
    let script = "echo changed > /data/seed";
    let run = ["run", "--name", "one", "--network", "none", "busybox"];
    let words = run.into_iter().chain(["sh", "-c", script]);
    wharf(sandbox, words.collect()).run().success();
    prints("commit --message harbour one mine");
    let shown = prints("run --name two --network none mine cat /data/seed");
    assert_eq!(shown, "changed\n");

    // What containers stand on stays.
    let refused = |words: &str| {
        let words = words.split(' ').collect();
        wharf(sandbox, words).run().exits_with(1).error_text()
    };
    let conflict = refused("rmi mine");
    assert!(
        conflict.contains("conflict: unable to remove repository reference \"mine\" (must force)")
            && conflict.contains("is using its referenced image"),
        "{conflict}"
    );
    prints("container prune --force");
    prints("rmi mine");

    // Two stages, with Docker's history.
    let context = sandbox.work().join("context");
    std::fs::create_dir(&context).expect("a file of the fixture");
    write(&context.join("Dockerfile"), DOCKERFILE);
    prints("build --quiet --tag site context");
    assert_eq!(prints("run --rm --network none site"), "built\n");
    let history = prints("history --no-trunc --format {{.CreatedBy}} site");
    let lines: Vec<&str> = history.lines().take(3).collect();
    assert_eq!(
        lines,
        [
            "CMD [\"cat\" \"/srv/result\"]",
            "LABEL kind=site",
            "COPY /result /srv/ # buildkit"
        ]
    );

    // An image that has lost its name goes with `prune`.
    let before = prints("images --quiet --no-trunc site");
    let other = DOCKERFILE.replace("kind=site", "kind=other");
    write(&context.join("Dockerfile"), &other);
    prints("build --quiet --tag site context");
    assert_eq!(
        prints("images --quiet --no-trunc --filter dangling=true"),
        before
    );
    let pruned = prints("image prune --force");
    assert!(pruned.contains(&format!("deleted: {before}")), "{pruned}");
    assert_eq!(prints("images --quiet --filter dangling=true"), "");
    assert_eq!(prints("run --rm --network none site"), "built\n");
}
