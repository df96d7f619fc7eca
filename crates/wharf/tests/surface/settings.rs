//! Settings: each does what docs/configuration.md says, and each mistake in one is told.

use std::fs;

use testkit::{Sandbox, TestRegistry, running_as_root, write};

/// What `wharf WORDS` says on standard error when `wharf.toml` is `text`.
fn said(text: &str, words: &[&str]) -> String {
    let sandbox = Sandbox::new();
    let file = sandbox.work().join("wharf.toml");
    write(&file, text);
    let command = sandbox.wharf(words).env("WHARF_CONFIG", &file);
    command.run().exits_with(1).error_text()
}

#[test]
fn wrong_settings_are_told() {
    for (text, expected) in [
        (
            "log-format = \"xml\"",
            "unknown log format \"xml\": it is text or json\n",
        ),
        (
            "log-level = \"loud\"",
            "Unable to parse logging level: loud\n",
        ),
    ] {
        assert_eq!(said(text, &["images"]), expected, "{text}");
    }
    for (text, expected) in [
        (
            "registries.insecure = [\"reg.example/team\"]",
            "Error response from daemon: insecure registry \"reg.example/team\" is not valid: write HOST, HOST:PORT, \
             or a network as 10.0.0.0/8\n",
        ),
        (
            "registries.mirrors = [\"https://anna:secret@mirror.example\"]",
            "Error response from daemon: invalid mirror: \"https://anna:***@mirror.example/\": username/password not \
             allowed in URI\n",
        ),
    ] {
        assert_eq!(said(text, &["pull", "127.0.0.1:1/a"]), expected, "{text}");
    }
}

#[test]
fn a_file_that_is_named_must_be_there() {
    let sandbox = Sandbox::new();
    let command = sandbox
        .wharf(["images"])
        .env("WHARF_CONFIG", "/nonexistent/w.toml");
    assert_eq!(
        command.run().exits_with(1).error_text(),
        "WHARF_CONFIG names /nonexistent/w.toml, which is not there\n"
    );
}

#[test]
fn logs_look_as_the_file_says_unless_an_option_says_else() {
    let Some(registry) = TestRegistry::start() else {
        return;
    };
    let name = format!("{}/nothing", registry.address());
    let sandbox = Sandbox::new();
    let folder = sandbox.home().join(".config/wharf");
    fs::create_dir_all(&folder).unwrap();
    write(
        &folder.join("wharf.toml"),
        "log-level = \"debug\"\nlog-format = \"json\"\n",
    );
    let pull = |words: &[&str]| {
        let output = sandbox.wharf(words).args(["pull", &name]).run();
        output.exits_with(1).error_text()
    };
    // Every request can be seen.
    let log = pull(&[]);
    let line = log.lines().find(|line| line.contains("\"answered\""));
    let line: serde_json::Value = serde_json::from_str(line.expect(&log)).unwrap();
    assert_eq!(line["status"], 404, "{log}");
    let log = pull(&["--log-format", "text"]);
    assert!(log.contains("DEBUG") && !log.contains("{\""), "{log}");
    assert!(!pull(&["--log-level", "off"]).contains("DEBUG"));
}

#[test]
fn without_a_home_no_folder_is_made_up() {
    if !running_as_root() {
        return;
    }
    // A user without an account has no home: nothing is found, and nothing is made in a place that nobody named.
    let sandbox = Sandbox::new();
    let root = sandbox.path().join("store");
    let command = sandbox
        .program("setpriv")
        .args(["--reuid=54321", "--regid=54321", "--clear-groups"])
        .arg(sandbox.wharf_binary())
        .args(["login", "-u", "a", "--password-stdin", "127.0.0.1:1"])
        .without_env("HOME")
        .without_env("DOCKER_CONFIG")
        .without_env("XDG_CONFIG_HOME")
        .env("WHARF_ROOT", &root)
        .input("secret");
    let text = command.run().exits_with(1).error_text();
    assert!(!text.contains("nonexistent"), "{text}");
}

#[test]
fn a_config_json_that_cannot_be_read_is_a_warning_where_it_only_holds_a_format() {
    let sandbox = Sandbox::new();
    let file = sandbox.docker_config().join("config.json");
    fs::create_dir(&file).unwrap();
    let output = sandbox.wharf(["images"]).run().success();
    assert_eq!(
        output.error_text(),
        format!("WARNING: cannot read {}: Is a directory\n", file.display())
    );
    assert!(output.text().starts_with("REPOSITORY"));
}

#[test]
fn looking_into_a_store_that_is_not_there_makes_none() {
    let sandbox = Sandbox::new();
    let root = sandbox.work().join("not/there");
    for words in [
        &["images", "-q"][..],
        &["images", "--tree"],
        &["system", "df"],
        &["info", "--format", "{{.Images}}"],
    ] {
        let command = sandbox.wharf(words).env("WHARF_ROOT", &root);
        command.run().success();
        assert!(!sandbox.work().join("not").exists(), "{words:?}");
    }
    let command = sandbox.wharf(["images", "--filter", "before=app"]);
    let text = command.env("WHARF_ROOT", &root).run().exits_with(1);
    assert!(text.error_text().contains("No such image: app:latest"));
}

#[test]
fn times_are_shown_in_the_zone_of_the_person() {
    if !std::path::Path::new("/usr/share/zoneinfo/Europe/Berlin").exists() {
        return testkit::skip("the zones are not installed (apt install tzdata)");
    }
    let sandbox = Sandbox::new();
    let layer = testkit::TarBuilder::new().file("a", "a\n").finish();
    let image = testkit::ImageBuilder::new().created("2026-01-02T03:04:05Z");
    let image = image.layer(layer, "COPY a /").build();
    let archive = testkit::docker_archive(&[(&image, &["app:1"])]);
    sandbox.wharf(["load"]).input(archive).run().success();
    let words = ["images", "--format", "{{.CreatedAt}}"];
    let command = sandbox.wharf(words).env("TZ", "Europe/Berlin");
    assert_eq!(
        command.run().success().text(),
        "2026-01-02 04:04:05 +0100 CET\n"
    );
}
