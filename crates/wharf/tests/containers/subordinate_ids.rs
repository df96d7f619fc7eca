//! Containers of an ordinary user with subordinate ids: inside there are as many users as root would have there.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use testkit::{OrdinaryUser, Output, ProgramCommand, TestRegistry};

use crate::fixture::Containers;
use crate::ordinary_user::sandbox_of;

/// A store that is kept with the ids from 400000 on, and its user.
pub(crate) struct Store {
    pub(crate) containers: Containers,
    user: OrdinaryUser,
}

impl Store {
    /// With the image `busybox`; `None`, said aloud, where that cannot be had.
    pub(crate) fn new() -> Option<Self> {
        let containers = sandbox_of(&OrdinaryUser::with_one_id())?;
        let user = OrdinaryUser::with_subordinate_ids(&containers.sandbox, 400_000)?;
        let store = Self { containers, user };
        store.import();
        Some(store)
    }

    fn import(&self) {
        let archive = self.containers.sandbox.work().join("busybox.tar");
        let import = ["import", "--change", "CMD [\"sh\"]"];
        let command = self.wharf(&import).arg(archive).arg("busybox");
        command.run().success();
    }

    pub(crate) fn wharf(&self, words: &[&str]) -> ProgramCommand {
        self.wharf_of(&self.user, words)
    }

    fn wharf_of(&self, user: &OrdinaryUser, words: &[&str]) -> ProgramCommand {
        let sandbox = &self.containers.sandbox;
        user.program(sandbox, sandbox.wharf_binary()).args(words)
    }

    fn prints(&self, words: &[&str]) -> String {
        self.wharf(words).run().success().text()
    }

    /// What a script prints in a container that goes then.
    fn shell(&self, options: &[&str], script: &str) -> String {
        let begin = ["run", "--rm", "--network", "none"];
        let end = ["busybox", "sh", "-c", script];
        self.prints(&[&begin[..], options, &end].concat())
    }

    fn root(&self) -> std::path::PathBuf {
        self.containers.sandbox.root()
    }
}

/// Owners and names in an archive.
fn owners(store: &Store, archive: Output) -> String {
    let tar = store.containers.sandbox.program("tar");
    let listed = tar.args(["--numeric-owner", "-tvf", "-"]);
    let text = listed.input(archive.success().stdout).run().success();
    let line = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        format!("{} {} {}\n", fields[0], fields[1], fields[5])
    };
    text.text().lines().map(line).collect()
}

#[test]
fn privileged_programs_run_as_several_users() {
    let Some(store) = Store::new() else {
        return;
    };
    let script = "id -u; touch /data/mine; chown 7:8 /data/mine; stat -c %u:%g /data/mine /bin";
    assert_eq!(store.shell(&[], script), "0\n7:8\n0:0\n");
    let script =
        "id -u; id -g; id -G; touch /data/new 2>&1; touch /tmp/new && stat -c %u:%g /tmp/new";
    let output = store.shell(&["--user", "33:44", "--group-add", "55"], script);
    assert_eq!(
        output,
        "33\n44\n44 55\ntouch: /data/new: Permission denied\n33:44\n"
    );
    // Somebody else's file stays closed, as everywhere.
    let script = "touch /data/closed; chmod 600 /data/closed; chown 5 /data/closed; \
        su -s /bin/sh -c 'cat /data/closed' ann 2>&1; cat /proc/self/uid_map | tr -s ' '";
    let text = store.shell(&[], script);
    assert!(text.contains("Permission denied"), "{text}");
    assert!(text.ends_with(" 0 0 1\n 1 1 65536\n"), "{text}");
}

#[test]
fn privileged_files_keep_their_owners_on_every_way() {
    let Some(store) = Store::new() else {
        return;
    };
    let script = "mkdir -m 700 /data/closed; echo secret > /data/closed/file; \
        chown -R 33:44 /data/closed; ln -s file /data/closed/link; chown -h 5:6 /data/closed/link; \
        touch /volume/file; chown 9 /volume/file; rm /etc/group; sleep 1000";
    let run = ["run", "--detach", "--name", "one", "--network", "none"];
    let what = ["--volume", "kept:/volume", "busybox", "sh", "-c", script];
    store.prints(&[&run[..], &what].concat());
    // The last thing that the script does before it sleeps.
    let gone = "while test -e /etc/group; do sleep 0.1; done; id -u";
    assert_eq!(store.prints(&["exec", "one", "sh", "-c", gone]), "0\n");
    let read = ["exec", "--user", "33:44", "one", "cat", "/data/closed/file"];
    assert_eq!(store.prints(&read), "secret\n");
    let refused = ["exec", "--user", "34", "one", "cat", "/data/closed/file"];
    assert_eq!(store.wharf(&refused).run().code, 1);

    let copied =
        "drwx------ 33/44 closed/\n-rw-r--r-- 33/44 closed/file\nlrwxrwxrwx 5/6 closed/link\n";
    let copy = ["cp", "one:/data/closed", "-"];
    assert_eq!(owners(&store, store.wharf(&copy).run()), copied);
    let into = store.containers.sandbox.work().join("into");
    testkit::write(&into, "from outside");
    OrdinaryUser::with_one_id().own(&into);
    let copy_in = |place: &str| {
        let command = store.wharf(&["cp"]).arg(&into).arg(place);
        command.run().success();
    };
    copy_in("one:/data/closed/running");
    store.prints(&["stop", "--time", "0", "one"]);
    copy_in("one:/data/closed/resting");
    let copied = "drwx------ 33/44 closed/\n-rw-r--r-- 33/44 closed/file\nlrwxrwxrwx 5/6 closed/link\n\
        -rw-r--r-- 0/0 closed/resting\n-rw-r--r-- 0/0 closed/running\n";
    assert_eq!(owners(&store, store.wharf(&copy).run()), copied);
    assert_eq!(
        store.prints(&["diff", "one"]),
        "C /data\nA /data/closed\nA /data/closed/file\nA /data/closed/link\nA /data/closed/resting\n\
            A /data/closed/running\nC /etc\nD /etc/group\n"
    );
    let exported = owners(&store, store.wharf(&["export", "one"]).run());
    assert!(
        exported.contains("drwx------ 33/44 data/closed/\n"),
        "{exported}"
    );

    store.prints(&["commit", "one", "made"]);
    let list =
        "stat -c %u:%g /data/closed /data/closed/file /data/closed/link; ls /etc/group 2>&1; true";
    let run = ["run", "--rm", "--network", "none", "made", "sh", "-c", list];
    assert_eq!(
        store.prints(&run),
        "33:44\n33:44\n5:6\nls: /etc/group: No such file or directory\n"
    );
    // On disk they are the user's own ids.
    let kept = store.root().join("volumes/kept/_data/file");
    let metadata = kept.symlink_metadata().unwrap();
    assert_eq!((metadata.uid(), metadata.gid()), (400_008, 65_534));
    for words in [
        &["ps", "--all", "--size"][..],
        &["system", "df", "--verbose"],
        &["inspect", "--size", "one"],
        &["rm", "one"],
        &["volume", "rm", "kept"],
        &["rmi", "made"],
        &["system", "check"],
        &["system", "prune", "--all", "--force"],
    ] {
        store.prints(words);
    }
    assert!(!store.root().join("volumes/kept").exists());
    for folder in ["containers", "removing"] {
        let mut left = std::fs::read_dir(store.root().join(folder)).unwrap();
        assert!(left.next().is_none(), "{folder}");
    }
}

#[test]
fn privileged_top_tells_of_every_process() {
    let Some(store) = Store::new() else {
        return;
    };
    let script = "su -s /bin/sh ann -c 'sleep 1000' & sleep 2000";
    let run = ["run", "--detach", "--name", "one", "--network", "none"];
    store.prints(&[&run[..], &["busybox", "sh", "-c", script]].concat());
    let begun = "until ps | grep -q 'sleep 1000$'; do sleep 0.1; done";
    store.prints(&["exec", "one", "sh", "-c", begun]);
    let told = store.prints(&["top", "one", "-eo", "pid,args"]);
    for process in ["sleep 1000\n", "sleep 2000\n"] {
        assert!(told.contains(process), "{told}");
    }
    store.prints(&["rm", "--force", "one"]);
}

#[test]
fn privileged_who_dies_leaves_nothing_that_cannot_be_removed() {
    let Some(store) = Store::new() else {
        return;
    };
    let script = "mkdir -m 700 /data/closed; touch /data/closed/file; chown -R 33 /data/closed; echo made; sleep 1000";
    let run = [
        "run",
        "--detach",
        "--rm",
        "--name",
        "one",
        "--network",
        "none",
    ];
    let id = store.prints(&[&run[..], &["busybox", "sh", "-c", script]].concat());
    let follow = ["exec", "one", "sh", "-c"];
    let wait = "until test -O /data/closed/file -o -e /data/closed/file; do sleep 0.1; done";
    store.prints(&[&follow[..], &[wait]].concat());
    let killed = store.containers.sandbox.program("pkill");
    let monitor = format!("container-monitor {}", id.trim());
    killed.args(["-KILL", "-f", &monitor]).run().success();
    let mut listed = store.prints(&["ps", "--all"]);
    while listed.contains("Up ") {
        listed = store.prints(&["ps", "--all"]);
    }
    assert!(listed.contains("Exited (137)"), "{listed}");
    store.prints(&["container", "prune", "--force"]);
    let mut left = std::fs::read_dir(store.root().join("containers")).unwrap();
    assert!(left.next().is_none());
}

#[test]
fn privileged_a_store_is_kept_with_the_same_ids_for_good() {
    let Some(store) = Store::new() else {
        return;
    };
    let refused = |user: &OrdinaryUser, expected: &str| {
        let run = ["run", "--rm", "--network", "none", "busybox", "true"];
        let output = store.wharf_of(user, &run).run();
        let said = output.error_text();
        assert!(output.code == 1 && said.contains(expected), "{said}");
        // What needs none of the files works.
        let images = store.wharf_of(user, &["images", "--quiet"]).run();
        assert!(!images.success().text().is_empty());
    };
    refused(
        &OrdinaryUser::with_one_id(),
        "belong to subordinate ids, which cannot be had any more: /etc/subuid has no ids for nobody",
    );
    let others = OrdinaryUser::with_subordinate_ids(&store.containers.sandbox, 500_000).unwrap();
    refused(
        &others,
        "belong to the users 65534, 400000-465535 and groups 65534, 400000-465535, but now there are the users 65534, 500000-565535",
    );
    assert_eq!(store.shell(&[], "echo works"), "works\n");
}

#[test]
fn privileged_a_store_of_one_id_stays_one() {
    let Some(containers) = sandbox_of(&OrdinaryUser::with_one_id()) else {
        return;
    };
    let user = OrdinaryUser::with_one_id();
    let mut store = Store { containers, user };
    store.import();
    let sandbox = &store.containers.sandbox;
    let Some(user) = OrdinaryUser::with_subordinate_ids(sandbox, 400_000) else {
        return;
    };
    store.user = user;
    let run = ["run", "--rm", "--network", "none", "--user", "33"];
    let output = store.wharf(&[&run[..], &["busybox", "id", "-u"]].concat());
    let output = output.run().success();
    assert_eq!(output.text(), "0\n");
    let said = output.error_text();
    assert!(said.contains("was made without subordinate ids"), "{said}");
}

// In the namespace they would be root, whose home and keys are not the user's.
#[test]
fn privileged_programs_that_need_the_users_keys_are_the_user() {
    if let Some(store) = Store::new() {
        programs_are_the_user(&store);
    }
    let user = OrdinaryUser::with_one_id();
    if let Some(containers) = sandbox_of(&user) {
        programs_are_the_user(&Store { containers, user });
    }
}

fn programs_are_the_user(store: &Store) {
    let sandbox = &store.containers.sandbox;
    let programs = sandbox.work().join("programs");
    std::fs::create_dir(&programs).expect("the sandbox can be written");
    for (name, end) in [
        ("ssh", "exit 1"),
        (
            "docker-credential-keys",
            "echo credentials not found in native keychain; exit 1",
        ),
    ] {
        let program = programs.join(name);
        let script = format!(
            "#!/bin/sh\necho $(id -u) $(id -g) >{}.says\n{end}\n",
            program.display()
        );
        testkit::write(&program, script);
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&program, executable).expect("the sandbox can be written");
    }
    std::fs::create_dir_all(sandbox.docker_config()).expect("the sandbox can be written");
    testkit::write(
        &sandbox.docker_config().join("config.json"),
        r#"{"credsStore":"keys"}"#,
    );
    store.user.own(sandbox.path());
    let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", programs.display());
    let fails = |words: &[&str]| {
        let command = store.wharf(words).env("PATH", &path);
        command.run().exits_with(1).error_text()
    };
    let said = fails(&["build", "git@localhost:team/app.git"]);
    assert!(said.contains("git"), "{said}");
    let Some(registry) = TestRegistry::builder().password().start() else {
        return;
    };
    fails(&["pull", &format!("{}/team/app", registry.address())]);
    for name in ["ssh", "docker-credential-keys"] {
        let says = programs.join(format!("{name}.says"));
        let text = std::fs::read_to_string(&says);
        assert_eq!(text.unwrap_or_default(), "65534 65534\n", "{name}");
    }
}
