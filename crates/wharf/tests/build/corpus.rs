//! Dockerfiles of ours, and what `BuildKit` makes of them: the files of the image, its config, its history.
//!
//! `corpus.txt` and `runs.txt` hold the Dockerfiles, `corpus.golden` and `runs.golden` what `BuildKit` 0.32.2 came to. They were recorded
//! by these very tests, with a `buildkitd` that listens at its usual place and `buildctl` in the PATH:
//!
//! ```text
//! WHARF_RECORD_BUILDKIT=1 cargo test --package wharf --test build corpus
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;

use serde_json::{Value, json};
use testkit::{
    Entry, OrdinaryUser, Output, Peer, TarBuilder, environment_number, running_as_root, skip, write,
};

use crate::fixture::{Project, listed};

/// Dockerfiles, and what `BuildKit` made of them.
#[derive(Debug, Clone, Copy)]
struct Corpus {
    files: &'static str,
    golden: &'static str,
    /// What stands before each.
    begin: &'static str,
    options: &'static [&'static str],
    /// What of the files is not compared.
    left_out: &'static [&'static str],
}

/// Those that run nothing.
const CORPUS: Corpus = Corpus {
    files: include_str!("corpus.txt"),
    golden: "tests/build/corpus.golden",
    begin: "",
    options: &[],
    left_out: &[],
};

/// Those that run programs of a busybox, which is not the same everywhere.
const RUNS: Corpus = Corpus {
    files: include_str!("runs.txt"),
    golden: "tests/build/runs.golden",
    begin: "FROM scratch AS base\nCOPY --chmod=755 busybox /bin/busybox\nRUN [\"/bin/busybox\", \"--install\", \"-s\", \"/bin\"]\n",
    options: &["--secret=id=given,src=secret"],
    // the last three are places of mounts, which runc makes and BuildKit keeps
    left_out: &[" bin/", " dev/", " proc/", " sys/"],
};

/// Every Dockerfile with its name.
fn dockerfiles(corpus: Corpus) -> Vec<(&'static str, &'static str)> {
    corpus
        .files
        .split("=== ")
        .filter(|part| !part.is_empty())
        .map(|part| part.split_once('\n').unwrap())
        .collect()
}

/// The context of all of them.
fn project() -> Project {
    let project = Project::new("");
    project
        .file("a", "A")
        .file("d/b", "B")
        .file("d/e/c", "C")
        .file("f/g.md", "G");
    project
        .file("f/b", "FB")
        .file("README.md", "R")
        .file("w/with space", "S")
        .file("w/st*r", "*");
    project
        .file("w/star", "not me")
        .file("etc/passwd", "root:x:0:0::/:\napp:x:7:8::/:\n");
    project.file("etc/group", "root:x:0:\nstaff:x:50:\n");
    project
        .file("links/target", "T")
        .link("links/up", "../a")
        .link("links/gone", "nowhere");
    project.link("l", "a").link("ld", "d").link("labs", "/d/b");
    project
        .mode("a", 0o640)
        .mode("d/e", 0o711)
        .mode("f/b", 0o4755)
        .mode("f", 0o700);
    project.file(".dockerignore", "Dockerfile\n.dockerignore\n");
    project.file("hl/one", "1");
    let linked = std::fs::hard_link(
        project.context().join("hl/one"),
        project.context().join("hl/two"),
    );
    linked.unwrap();
    let tree = TarBuilder::new()
        .entry(&Entry::directory("t/").mode(0o750).owner(9, 9))
        .entry(&Entry::file("t/f", "F").owner(1, 2).mode(0o600))
        .symlink("t/l", "f")
        .entry(&Entry::file("t/deep/er/x", "X"))
        .finish();
    project.file("t.tar", &tree);
    let compressed = project
        .sandbox
        .program("gzip")
        .arg("-nc")
        .input(tree)
        .run()
        .success();
    project.file("t.tar.gz", compressed.stdout);
    let root = TarBuilder::new()
        .entry(&Entry::directory("./").mode(0o700).owner(77, 77))
        .entry(&Entry::file("./in", "I"));
    project.file("root.tar", root.finish());
    let over = TarBuilder::new()
        .file("ld/through", "T")
        .entry(&Entry::file("f", "a file now"))
        .directory("a/")
        .file("a/in", "I")
        .symlink("d", "elsewhere");
    project.file("over.tar", over.finish());
    let hard = TarBuilder::new()
        .file("one", "1")
        .hard_link("two", "one")
        .hard_link("sub/three", "one");
    project.file("hard.tar", hard.finish());
    let climb = TarBuilder::new()
        .symlink("up", "../../..")
        .file("up/out", "O")
        .file("../above", "A");
    project.file("climb.tar", climb.finish());
    project
}

/// What an image comes to, as text.
fn described(files: &[String], config: &Value) -> String {
    let mut text = String::new();
    let mut files = files.to_vec();
    // hard links: which name is the first is the writer's choice
    files.sort_by(|one, other| one.split(' ').nth(2).cmp(&other.split(' ').nth(2)));
    for file in files {
        writeln!(text, "  {file}").unwrap();
    }
    let section: BTreeMap<String, Value> =
        serde_json::from_value(config["config"].clone()).unwrap_or_default();
    for (key, value) in section {
        writeln!(text, "  {key} = {value}").unwrap();
    }
    if let Some(author) = config["author"].as_str() {
        writeln!(text, "  author = {author}").unwrap();
    }
    for step in config["history"].as_array().into_iter().flatten() {
        let empty = if step["empty_layer"] == json!(true) {
            " (empty)"
        } else {
            ""
        };
        writeln!(
            text,
            "  {} [{}]{empty}",
            step["created_by"].as_str().unwrap(),
            step["comment"].as_str().unwrap()
        )
        .unwrap();
    }
    text
}

/// The config in an OCI archive.
fn config_in(archive: &[u8]) -> Value {
    let mut files = BTreeMap::new();
    let mut archive = tar::Archive::new(archive);
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        files.insert(path, content);
    }
    let read = |path: &str| -> Value { serde_json::from_slice(&files[path]).unwrap() };
    let blob = |digest: &Value| format!("blobs/{}", digest.as_str().unwrap().replace(':', "/"));
    let manifest = read(&blob(&read("index.json")["manifests"][0]["digest"]));
    read(&blob(&manifest["config"]["digest"]))
}

fn ours(project: &Project, corpus: Corpus, user: Option<&OrdinaryUser>) -> String {
    let sandbox = &project.sandbox;
    let build = |output: &str| {
        let words = [&["build", output][..], corpus.options, &["context"]].concat();
        match user {
            Some(user) => {
                let binary = sandbox.path().join("wharf");
                user.program(sandbox, binary).args(words).run()
            }
            None => sandbox.wharf(words).run(),
        }
    };
    outcome(
        corpus,
        &build("--output=-"),
        &build("--output=type=oci,dest=-"),
    )
}

fn buildkit_s(project: &Project, corpus: Corpus) -> String {
    let build = |output: &str| {
        project
            .sandbox
            .program("buildctl")
            .args([
                "build",
                "--frontend=dockerfile.v0",
                "--local=context=context",
            ])
            .args(["--local=dockerfile=context", "--progress=plain", output])
            .args(corpus.options)
            .run()
    };
    outcome(
        corpus,
        &build("--output=type=tar,dest=-"),
        &build("--output=type=oci,dest=-"),
    )
}

fn outcome(corpus: Corpus, files: &Output, image: &Output) -> String {
    if files.code != 0 {
        return "  fails\n".to_owned();
    }
    let mut listed = listed(&files.stdout);
    listed.retain(|line| !corpus.left_out.iter().any(|text| line.contains(text)));
    described(&listed, &config_in(&image.stdout))
}

#[test]
fn what_buildkit_makes_of_them() {
    compare(&project(), CORPUS, None);
}

/// With what the Dockerfiles need that run something; `None`, said aloud, where that cannot be.
fn running_project() -> Option<Project> {
    if !running_as_root() {
        skip("RUN with all namespaces needs root");
        return None;
    }
    let busybox = Peer::Busybox.installed()?;
    let project = project();
    project.file("busybox", std::fs::read(busybox).unwrap());
    write(&project.sandbox.work().join("secret"), "what is secret\n");
    Some(project)
}

/// Gives the project to the user, with a binary that the user may start.
pub(crate) fn give_to(user: &OrdinaryUser, project: &Project) {
    project.file("Dockerfile", "");
    let binary = project.sandbox.path().join("wharf");
    std::fs::copy(project.sandbox.wharf_binary(), &binary).unwrap();
    user.own(project.sandbox.path());
}

#[test]
fn privileged_what_buildkit_runs() {
    if let Some(project) = running_project() {
        compare(&project, RUNS, None);
    }
}

#[test]
fn privileged_an_ordinary_user_builds_the_same() {
    if !running_as_root() {
        return;
    }
    let (project, user) = (project(), OrdinaryUser::with_one_id());
    give_to(&user, &project);
    compare(&project, CORPUS, Some(&user));
}

#[test]
fn privileged_with_subordinate_ids_the_same_is_built() {
    let Some(running) = running_project() else {
        return;
    };
    for (corpus, project) in [(CORPUS, project()), (RUNS, running)] {
        let user = OrdinaryUser::with_subordinate_ids(&project.sandbox, 300_000);
        let Some(user) = user else {
            return;
        };
        give_to(&user, &project);
        compare(&project, corpus, Some(&user));
    }
}

fn compare(project: &Project, corpus: Corpus, user: Option<&OrdinaryUser>) {
    let write_file = |file: &str| {
        project.file("Dockerfile", format!("{}{file}", corpus.begin));
    };
    if environment_number("WHARF_RECORD_BUILDKIT").is_some() {
        let mut golden = String::new();
        for (name, file) in dockerfiles(corpus) {
            write_file(file);
            write!(golden, "=== {name}\n{}", buildkit_s(project, corpus)).unwrap();
        }
        write(Path::new(corpus.golden), golden);
        return;
    }
    let golden = String::from_utf8(testkit::read(Path::new(corpus.golden))).unwrap();
    let expected: BTreeMap<&str, &str> = golden
        .split("=== ")
        .filter(|part| !part.is_empty())
        .map(|part| part.split_once('\n').unwrap())
        .collect();
    let mut differing = String::new();
    for (name, file) in dockerfiles(corpus) {
        write_file(file);
        let found = ours(project, corpus, user);
        let expected = expected[name];
        if found != expected {
            write!(
                differing,
                "=== {name}\n{file}BuildKit:\n{expected}Wharf:\n{found}"
            )
            .unwrap();
        }
    }
    assert!(differing.is_empty(), "{differing}");
}

/// Of everything in the folder another time, as another checkout has it.
fn touch(folder: &Path, seconds: u64) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let metadata = path.symlink_metadata().unwrap();
        if metadata.is_dir() {
            touch(&path, seconds);
        } else if metadata.is_file() {
            let file = std::fs::File::open(&path).unwrap();
            let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            file.set_modified(time).unwrap();
        }
    }
}

#[test]
fn two_checkouts_of_the_corpus_give_the_same_digests() {
    let (one, two) = (project(), project());
    touch(&two.context(), 1_000_000_000);
    let mut count = 0;
    for (name, file) in dockerfiles(CORPUS) {
        let built = |project: &Project| {
            project.file("Dockerfile", file);
            let words = ["build", "--quiet", "context"];
            let output = project.sandbox.wharf(words).run();
            (output.code == 0).then(|| output.text())
        };
        let first = built(&one);
        if first.is_none() {
            continue;
        }
        assert_eq!(first, built(&two), "{name}");
        count += 1;
    }
    assert!(count >= 50, "only {count} were compared");
}
