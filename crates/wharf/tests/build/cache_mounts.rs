//! What `RUN --mount=type=cache` keeps: shown, taken elsewhere, removed; and how much builds may remember.

use testkit::{read, write};

use crate::fixture::Project;
use crate::running::project;

const COUNT: &str = "RUN --mount=type=cache,id=counter,target=/cache echo x >> /cache/count && ln -f /cache/count /cache/hard; cp /cache/count /seen\n";

fn wharf(project: &Project, arguments: &[&str]) -> testkit::Output {
    project.sandbox.wharf(arguments).run()
}

/// The line of `system df` about the cache.
fn usage(project: &Project) -> String {
    let format = "--format={{.Type}} {{.TotalCount}} {{.Size}} {{.Reclaimable}}";
    let text = wharf(project, &["system", "df", format]).success().text();
    text.lines().last().unwrap().to_owned()
}

#[test]
fn privileged_caches_travel_and_go() {
    let Some(first) = project(COUNT) else {
        return;
    };
    first.build(&["--no-cache"]);
    first.build(&["--no-cache"]);
    let listed = wharf(&first, &["builder", "cache", "ls"]).success().text();
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines.len(), 2, "{listed}");
    assert!(lines[1].starts_with("counter   8B"), "{listed}");
    let export = ["builder", "cache", "export", "-o", "cache.tar", "counter"];
    wharf(&first, &export).success();
    let archive = read(&first.sandbox.work().join("cache.tar"));
    let second = project(COUNT).unwrap();
    let import = ["builder", "cache", "import", "counter"];
    let imported = second.sandbox.wharf(import).input(archive.clone()).run();
    imported.success();
    let seen = second
        .plain_files(&[])
        .into_iter()
        .find(|line| line.contains(" seen"));
    assert_eq!(seen.unwrap(), "-0644 0:0 seen: x\nx\nx");
    // what it had before goes
    write(&second.sandbox.work().join("cache.tar"), &archive);
    let import = ["builder", "cache", "import", "-i", "cache.tar", "counter"];
    wharf(&second, &import).success();
    let seen = second
        .plain_files(&["--no-cache"])
        .into_iter()
        .find(|line| line.contains(" seen"));
    assert_eq!(seen.unwrap(), "-0644 0:0 seen: x\nx\nx");
    assert_eq!(
        wharf(&second, &["builder", "cache", "ls", "-q"])
            .success()
            .text(),
        "counter\n"
    );
    // a prune of the other kind leaves it, its own removes it
    let prune = |filter: &str| {
        let all = ["builder", "prune", "--force", "--all", "--filter", filter];
        wharf(&second, &all).success().text()
    };
    assert!(usage(&second).starts_with("Build Cache "));
    prune("type=regular");
    assert_eq!(usage(&second), "Build Cache 1 12B 12B (100%)");
    assert!(prune("until=24h").ends_with("space: 0B\n"));
    assert!(prune("id=other").ends_with("space: 0B\n"));
    let text = prune("type=exec.cachemount");
    assert!(
        text.starts_with("Deleted build cache objects:\n") && text.ends_with("12B\n"),
        "{text}"
    );
    assert_eq!(usage(&second), "Build Cache 0 0B 0B");
    let left = std::fs::read_dir(second.sandbox.root().join("cache-mounts")).unwrap();
    let left: Vec<_> = left
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn bad_archives_and_names_are_refused() {
    let project = Project::new("FROM scratch\n");
    let import = |archive: Vec<u8>| {
        let import = ["builder", "cache", "import", "one"];
        project.sandbox.wharf(import).input(archive).run()
    };
    import(testkit::TarBuilder::new().file("kept", "K").finish()).success();
    for (archive, expected) in [
        (
            testkit::TarBuilder::new().file("../out", "x").finish(),
            "out",
        ),
        (
            b"no archive at all, but long enough".repeat(100),
            "cannot import the archive: the checksum",
        ),
    ] {
        let text = import(archive).exits_with(1).error_text();
        assert!(text.contains(expected), "{text}");
    }
    assert!(!project.sandbox.root().join("cache-mounts/out").exists());
    // the cache stays as it was
    let archive = wharf(&project, &["builder", "cache", "export", "one"])
        .success()
        .stdout;
    assert_eq!(crate::fixture::listed(&archive), ["-0644 0:0 kept: K"]);
    let text = wharf(&project, &["builder", "cache", "export", "two"])
        .exits_with(1)
        .error_text();
    assert!(text.contains("no such cache: two: there are one"), "{text}");
    let prune = ["builder", "prune", "--force", "--filter", "type=odd"];
    let text = wharf(&project, &prune).exits_with(1).error_text();
    assert!(text.contains("invalid filter 'type=odd'"), "{text}");
}

#[test]
fn what_builds_remember_has_a_limit() {
    let project = Project::new("FROM scratch\nCOPY a /\n");
    let config = project.sandbox.work().join("wharf.toml");
    write(&config, "[builds]\ncache-limit = \"100KB\"\n");
    let noise = |seed: u32| -> Vec<u8> {
        // nothing that compresses
        let mut state = seed;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state.to_le_bytes()
        };
        (0..10_000).flat_map(|_| next()).collect()
    };
    let build = |seed: u32, flags: &[&str]| {
        project.file("a", noise(seed));
        let all = [&["build", "--progress=plain"][..], flags, &["context"]].concat();
        let run = project
            .sandbox
            .wharf(all)
            .env("WHARF_CONFIG", &config)
            .run();
        run.success().error_text()
    };
    // what an image has does not count
    for seed in 1..=4 {
        build(seed, &["-t", &format!("kept:{seed}")]);
    }
    assert!(
        usage(&project).starts_with("Build Cache 4 "),
        "{}",
        usage(&project)
    );
    for seed in 11..=15 {
        build(seed, &["--output=type=cacheonly"]);
    }
    assert!(
        usage(&project).starts_with("Build Cache 6 "),
        "{}",
        usage(&project)
    );
    // the last ones are there, the first is not
    assert!(build(15, &["--output=type=cacheonly"]).contains("CACHED"));
    assert!(!build(11, &["--output=type=cacheonly"]).contains("CACHED"));
    write(&config, "[builds]\ncache-limit = \"much\"\n");
    let run = project
        .sandbox
        .wharf(["images"])
        .env("WHARF_CONFIG", &config)
        .run();
    assert!(!run.error_text().is_empty());
}
