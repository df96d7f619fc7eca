//! What is done again, what is not, and what is said about it.

use crate::fixture::Project;

/// The steps that were cached, and those that were done.
fn outcomes(project: &Project, arguments: &[&str]) -> Vec<String> {
    let text = project.run(arguments).success().error_text();
    let mut names = std::collections::HashMap::new();
    let mut outcomes = Vec::new();
    for line in text.lines() {
        let Some((number, rest)) = line.split_once(' ') else {
            continue;
        };
        if rest.starts_with('[') {
            names.insert(number.to_owned(), rest.to_owned());
        }
        let Some(name) = names.get(number).filter(|name| !name.contains("internal")) else {
            continue;
        };
        if rest == "CACHED" || rest.starts_with("DONE") {
            let outcome = rest.split(' ').next().unwrap();
            let name = name.split_once("] ").unwrap().1;
            outcomes.push(format!("{outcome} {name}"));
        }
    }
    outcomes
}

#[test]
fn only_what_changed_is_done_again() {
    let project = Project::new("FROM scratch\nCOPY a /\nCOPY d /d/\nWORKDIR /w\n");
    project.file("a", "A").file("d/b", "B");
    let all = |outcome: &str| -> Vec<String> {
        ["COPY a /", "COPY d /d/", "WORKDIR /w"]
            .map(|step| format!("{outcome} {step}"))
            .to_vec()
    };
    assert_eq!(outcomes(&project, &[]), all("DONE"));
    assert_eq!(outcomes(&project, &[]), all("CACHED"));
    // times and other files do not count
    project.file("other", "x").file("a", "A");
    let past = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
    let file = std::fs::File::options()
        .write(true)
        .open(project.context().join("d/b"));
    file.unwrap().set_modified(past).unwrap();
    assert_eq!(outcomes(&project, &[]), all("CACHED"));
    // content and modes do
    project.file("d/b", "C");
    assert_eq!(
        outcomes(&project, &[]),
        ["CACHED COPY a /", "DONE COPY d /d/", "DONE WORKDIR /w"]
    );
    project.mode("d/b", 0o600);
    assert_eq!(
        outcomes(&project, &[]),
        ["CACHED COPY a /", "DONE COPY d /d/", "DONE WORKDIR /w"]
    );
    // and what was known comes back
    project.mode("d/b", 0o644).file("d/b", "B");
    assert_eq!(outcomes(&project, &[]), all("CACHED"));
    assert_eq!(outcomes(&project, &["--no-cache"]), all("DONE"));
    assert_eq!(outcomes(&project, &["--no-cache-filter=0"]), all("DONE"));
}

#[test]
fn a_file_of_the_same_size_and_time_is_seen() {
    let project = Project::new("FROM scratch\nCOPY a /\n");
    project.file("a", "one");
    let path = project.context().join("a");
    let modified = path.metadata().unwrap().modified().unwrap();
    assert_eq!(project.plain_files(&[]), ["-0644 0:0 a: one"]);
    testkit::write(&path, "two");
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(modified).unwrap();
    assert_eq!(project.plain_files(&[]), ["-0644 0:0 a: two"]);
}

#[test]
fn stages_that_nobody_needs_are_not_built() {
    let project = Project::new(
        "FROM not-there AS unused\nCOPY missing /\nFROM scratch AS used\nCOPY a /\nFROM scratch\nCOPY --from=used /a /b\n",
    );
    project.file("a", "A");
    assert_eq!(
        outcomes(&project, &[]),
        ["DONE COPY a /", "DONE COPY --from=used /a /b"]
    );
    assert_eq!(outcomes(&project, &["--target=used"]), ["CACHED COPY a /"]);
}

#[test]
fn what_is_explained() {
    let project = Project::new("FROM scratch\nCOPY d /\n");
    project.file("d/a", "A").file("d/b", "B");
    let explained = || -> String {
        let text = project.run(&["--explain"]).success().error_text();
        let found = text
            .lines()
            .find(|line| line.contains("miss:") || line.contains("hit:"));
        found.unwrap_or(&text).to_owned()
    };
    assert_eq!(explained(), "#3 miss: this step was not done before");
    assert!(explained().starts_with("#3 hit: made "));
    project.file("d/a", "C").file("d/n", "N");
    assert_eq!(explained(), "#3 miss: file a changed, file n is new");
    for number in 0..20_000 {
        project.file(&format!("d/many-files/{number}"), "");
    }
    explained();
    project.file("d/many-files/9999", "changed");
    assert_eq!(explained(), "#3 miss: file many-files/9999 changed");
}

#[test]
fn the_cache_is_shown_and_pruned() {
    let project = Project::new("FROM scratch\nCOPY a /\n");
    project.file("a", "A");
    let image = project.build(&["-t", "x"]);
    let usage = || {
        let format = "--format={{.Type}} {{.TotalCount}} {{.Reclaimable}}";
        let output = project
            .sandbox
            .wharf(["system", "df", format])
            .run()
            .success();
        output.text().lines().last().unwrap().to_owned()
    };
    assert_eq!(usage(), "Build Cache 1 0B (0%)");
    // what an image has stays unless all is asked for
    let prune = |arguments: &[&str]| {
        let all = [&["builder", "prune", "--force"][..], arguments].concat();
        project.sandbox.wharf(all).run().success().text()
    };
    assert_eq!(prune(&[]), "Total reclaimed space: 0B\n");
    assert_eq!(
        prune(&["--all", "--filter", "until=1h"]),
        "Total reclaimed space: 0B\n"
    );
    assert!(prune(&["--all"]).starts_with("Deleted build cache objects:\n"));
    assert_eq!(usage(), "Build Cache 0 0B");
    // the image is whole, and a build is done again
    project.sandbox.wharf(["system", "check"]).run().success();
    assert_eq!(outcomes(&project, &[]), ["DONE COPY a /"]);
    // without its image the cache alone keeps a layer
    project
        .sandbox
        .wharf(["rmi", "--force", &image])
        .run()
        .success();
    assert_eq!(outcomes(&project, &[]), ["CACHED COPY a /"]);
    assert_eq!(project.build(&["-t", "x"]), image);
    project.sandbox.wharf(["rmi", &image]).run().success();
    let text = prune(&[]);
    assert!(
        text.contains("Deleted build cache objects:") && !text.contains("space: 0B"),
        "{text}"
    );
}

#[test]
fn two_builds_at_once_come_to_the_same() {
    let project = Project::new("FROM scratch\nCOPY . /\nWORKDIR /w\nCOPY d /d\n");
    for number in 0..200 {
        project.file(&format!("d/{number}"), format!("{number}").repeat(50));
    }
    let start = |tag: &str| {
        project
            .sandbox
            .wharf(["build", "-q", "-t", tag, "context"])
            .spawn()
    };
    let children: Vec<_> = ["a", "b", "c"].map(start).into();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let ids = ["a", "b", "c"].map(|tag| project.inspect(tag)["Id"].clone());
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    project.sandbox.wharf(["system", "check"]).run().success();
}

#[test]
fn a_killed_build_leaves_a_whole_store() {
    let project = Project::new("FROM scratch\nCOPY . /\nCOPY d /e\nCOPY d /f\nCOPY d /g\n");
    for number in 0..300 {
        project.file(&format!("d/{number}"), format!("{number}").repeat(100));
    }
    for delay in [5, 20, 40, 80, 120] {
        let mut child = project
            .sandbox
            .wharf(["build", "-q", "-t", "x", "context"])
            .spawn();
        let began = std::time::Instant::now();
        while began.elapsed().as_millis() < delay && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        project.file("d/0", format!("{delay}"));
    }
    let id = project.build(&["-t", "x"]);
    project
        .sandbox
        .wharf(["system", "prune", "--force"])
        .run()
        .success();
    project.sandbox.wharf(["system", "check"]).run().success();
    assert_eq!(project.build(&["--no-cache"]), id);
    // nothing of the dead is left
    let ingest = std::fs::read_dir(project.sandbox.root().join("ingest")).unwrap();
    assert_eq!(ingest.count(), 0);
}

#[test]
fn what_is_compressed_again_is_the_same_as_what_is_compressed_anew() {
    let lines: String = (0..400_000_u32)
        .map(|number| (number.wrapping_mul(2_654_435_761) >> 8).to_string() + "\n")
        .collect();
    let project = |changed: &str| {
        let project = Project::new("FROM scratch\nCOPY d /d\n");
        project
            .file("d/large", &lines)
            .file("d/small", changed)
            .file("d/z", "last");
        project
    };
    let (one, other) = (project("one"), project("other"));
    let first = one.manifest(&[]);
    let blocks = one.sandbox.root().join("deflated");
    assert_eq!(std::fs::read_dir(&blocks).unwrap().count(), 1);
    one.file("d/small", "other");
    let changed = one.manifest(&[]);
    assert_eq!(std::fs::read_dir(&blocks).unwrap().count(), 2);
    assert_ne!(changed, first);
    assert_eq!(changed, other.manifest(&[]));
    // What is remembered of archives goes with them.
    for words in [
        &["image", "prune", "--all", "--force"][..],
        &["builder", "prune", "--all", "--force"],
    ] {
        one.sandbox.wharf(words).run().success();
    }
    assert_eq!(std::fs::read_dir(&blocks).unwrap().count(), 0);
}

/// The folders of unpacked layers.
fn unpacked(project: &Project) -> usize {
    let layers = project.sandbox.root().join("layers");
    std::fs::read_dir(layers).map_or(0, |all| {
        all.filter(|entry| {
            let name = entry.as_ref().unwrap().file_name();
            name.to_string_lossy().starts_with("sha256-")
        })
        .count()
    })
}

#[test]
fn copies_upon_copies_unpack_nothing() {
    let project = Project::new(
        "FROM scratch\nCOPY first /\nWORKDIR /link/made\nCOPY second /link/\nCOPY --chown=7 second /real/sub\n",
    );
    project
        .file("first/real/a", "A")
        .link("first/link", "real")
        .file("second/b", "B");
    let expected = [
        "-0644 0:0 real/a: A",
        "-0644 0:0 real/b: B",
        "-0644 7:7 real/sub/b: B",
        "l0777 0:0 link -> real",
    ];
    let done = project.build(&[]);
    assert_eq!(unpacked(&project), 0);
    // from what is remembered, where the first step is cached and the others are not
    project.file("second/b", "C");
    let changed = project.build(&[]);
    assert_ne!(changed, done);
    project.file("second/b", "B");
    assert_eq!(project.build(&["--no-cache-filter=0"]), done);
    assert_eq!(unpacked(&project), 0);
    let mut files = project.plain_files(&[]);
    files.sort_unstable();
    assert_eq!(files, expected);
}
