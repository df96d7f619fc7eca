//! What the registry makes of bad input: it ends with 1 and says what, why, and what to do.

use std::error::Error as _;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use testkit::{PostgresServer, Sandbox, read, write};
use tokio::runtime::Builder;
use wharf_registry::Clock;
use wharf_registry::db::{Database, Durability};

use crate::fixture::{config, registry_command, serve};

/// Runs it for half a minute at most: it may start where it should not.
fn bounded(command: &Command) -> Output {
    let mut timeout = Command::new("timeout");
    timeout
        .arg("30")
        .arg(command.get_program())
        .args(command.get_args());
    timeout.env_clear();
    for (name, value) in command.get_envs() {
        timeout.envs(value.map(|value| (name, value)));
    }
    timeout.output().unwrap()
}

/// The registry does not start, and says each of `words`.
#[track_caller]
fn assert_refused(what: &str, command: &Command, words: &[&str]) {
    let output = bounded(command);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{what}: {text}");
    for word in words {
        assert!(text.contains(word), "{what}: no `{word}` in {text}");
    }
    assert!(
        !text.contains("panicked") && !text.contains("(os error"),
        "{what}: {text}"
    );
    assert!(
        !text.trim().is_empty() && text.len() < 2_000,
        "{what}: {text}"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let sandbox = Sandbox::new();
    let missing = sandbox.path().join("missing.toml");
    let serve = |path| registry_command(&sandbox, &["serve"], path);
    assert_refused(
        "no file",
        &serve(&missing),
        &["missing.toml", "correct --config"],
    );
    let folder = sandbox.path().to_path_buf();
    assert_refused("a folder", &serve(&folder), &["cannot read"]);
    let binary = sandbox.path().join("binary.toml");
    write(&binary, [0xff, 0xfe, 0]);
    assert_refused("no text", &serve(&binary), &["binary.toml", "UTF-8"]);
    let wrong = config(&sandbox, "lisen = 3\n[limits]\nconnections = \"many\"\n");
    assert_refused(
        "two mistakes",
        &serve(&wrong),
        &[
            "registry.toml:3:",
            "`lisen`",
            "registry.toml:5:",
            "limits.connections",
        ],
    );
}

#[test]
fn an_address_that_is_taken_is_named() {
    let sandbox = Sandbox::new();
    let path = config(&sandbox, "");
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap().to_string();
    let command = registry_command(&sandbox, &["serve", "--listen", &address], &path);
    assert_refused("taken", &command, &[&address, "in use", "--listen"]);
    let command = registry_command(&sandbox, &["serve", "--listen", "here"], &path);
    assert_refused(
        "no address",
        &command,
        &["--listen \"here\"", "127.0.0.1:5000"],
    );
}

#[test]
fn data_that_somebody_else_has_is_left_alone() {
    let sandbox = Sandbox::new();
    let path = config(&sandbox, "");
    let registry = serve(&sandbox, &path);
    let second = registry_command(&sandbox, &["serve"], &path);
    assert_refused(
        "in use",
        &second,
        &["another registry is running", "--data"],
    );
    registry.stop();
    serve(&sandbox, &path).stop();
}

#[test]
fn data_of_a_newer_wharf_is_left_alone() {
    let sandbox = Sandbox::new();
    let path = config(&sandbox, "");
    serve(&sandbox, &path).stop();
    let format = sandbox.path().join("data/storage/format");
    let before = read(&format);
    write(&format, "wharf-registry-storage 9\n");
    let command = registry_command(&sandbox, &["serve"], &path);
    assert_refused(
        "storage",
        &command,
        &["wharf-registry-storage 9", "newer Wharf"],
    );
    write(&format, before);
    for end in ["-wal", "-shm"] {
        let _may_be_gone = fs::remove_file(sandbox.path().join(format!("data/registry.db{end}")));
    }
    let database = sandbox.path().join("data/registry.db");
    write(&database, "this is no database\n".repeat(1000));
    let command = registry_command(&sandbox, &["serve"], &path);
    assert_refused("database", &command, &["registry.db", "not a database"]);
}

#[test]
fn a_database_of_a_newer_wharf_is_left_alone() {
    let Some(server) = PostgresServer::shared() else {
        return;
    };
    let sandbox = Sandbox::new();
    let url = server.database();
    let path = config(&sandbox, &format!("[database]\nurl = \"{url}\"\n"));
    serve(&sandbox, &path).stop();
    let newer = "INSERT INTO schema_steps (number, applied) VALUES (99, 0)";
    server.query(&url, newer);
    for word in ["serve", "fsck", "rebuild"] {
        let command = registry_command(&sandbox, &[word], &path);
        let words = ["PostgreSQL cannot be used", "step 99", "use a newer Wharf"];
        assert_refused(word, &command, &words);
    }
    let steps = server.query(&url, "SELECT MAX(number) FROM schema_steps");
    assert_eq!(steps.trim(), "99");
}

#[test]
fn a_database_file_of_a_newer_wharf_is_left_alone() {
    let sandbox = Sandbox::new();
    let path = config(&sandbox, "");
    serve(&sandbox, &path).stop();
    let file = sandbox.path().join("data/registry.db");
    make_newer(&file);
    let backup = sandbox.path().join("backup");
    let to = ["backup", "--to", backup.to_str().unwrap()];
    for words in [&["serve"][..], &["fsck"], &["rebuild"], &to] {
        let command = registry_command(&sandbox, words, &path);
        let said = ["registry.db cannot be used", "step 99", "use a newer Wharf"];
        assert_refused(words[0], &command, &said);
    }
    assert!(!backup.exists());
    let still = Database::open_sqlite(&file, &Clock::system()).unwrap_err();
    let causes = still.source().unwrap().to_string();
    assert!(causes.contains("step 99"), "{causes}");
}

#[test]
fn a_check_leaves_the_schema_to_the_wharf_that_serves() {
    let sandbox = Sandbox::new();
    let path = config(&sandbox, "");
    let check = registry_command(&sandbox, &["fsck"], &path);
    assert_refused("no database", &check, &["registry.db"]);
    serve(&sandbox, &path).stop();
    let file = sandbox.path().join("data/registry.db");
    change(&file, "DELETE FROM schema_steps WHERE number > 3");
    let said = ["step 3", "use the Wharf that serves it"];
    assert_refused("older", &check, &said);
}

/// Says in a database that a Wharf to come has changed its schema.
fn make_newer(file: &Path) {
    change(
        file,
        "INSERT INTO schema_steps (number, applied) VALUES (99, 0)",
    );
}

/// Changes one row of a database.
#[expect(
    clippy::disallowed_methods,
    reason = "tests run a runtime of their own"
)]
fn change(file: &Path, statement: &'static str) {
    let runtime = Builder::new_current_thread().build().unwrap();
    let database = Database::open_sqlite(file, &Clock::system()).unwrap();
    let changed = database.write(Durability::Full, move |sql| sql.execute(statement, &[]));
    assert_eq!(runtime.block_on(changed).unwrap(), 1);
}

#[test]
fn a_database_is_not_rebuilt_while_it_is_served() {
    let sandbox = Sandbox::new();
    let path = config(&sandbox, "");
    let registry = serve(&sandbox, &path);
    let rebuild = registry_command(&sandbox, &["rebuild"], &path);
    assert_refused(
        "rebuild",
        &rebuild,
        &["another registry is running", "stop it"],
    );
    registry.stop();
    // It had a database, which is in nobody's way now, but not empty.
    let rebuild = registry_command(&sandbox, &["rebuild"], &path);
    assert_refused("rebuild", &rebuild, &["empty"]);
}

/// A certificate and its key, made by OpenSSL's command.
pub(crate) fn certificate(folder: &Path, name: &str) {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
        ])
        .args(["-nodes", "-days", "1", "-subj", "/CN=localhost"])
        .args([
            "-keyout",
            &format!("{name}.key"),
            "-out",
            &format!("{name}.crt"),
        ])
        .current_dir(folder)
        .output();
    assert!(made.unwrap().status.success());
}

#[test]
fn certificates_that_cannot_be_used_are_named() {
    let sandbox = Sandbox::new();
    for name in ["one", "two"] {
        certificate(sandbox.path(), name);
    }
    let file = |name: &str| sandbox.path().join(name);
    let with = |certificate: &str, key: &str| {
        let text = format!(
            "[tls]\ncertificate = {:?}\nkey = {:?}\n",
            file(certificate),
            file(key)
        );
        config(&sandbox, &text)
    };
    let mismatch = with("one.crt", "two.key");
    let command = registry_command(&sandbox, &["serve"], &mismatch);
    assert_refused(
        "mismatch",
        &command,
        &[
            "registry.toml:5: tls.key",
            "two.key does not fit the certificate",
        ],
    );
    write(&file("empty.crt"), "");
    let empty = with("empty.crt", "one.key");
    let command = registry_command(&sandbox, &["serve"], &empty);
    assert_refused(
        "empty",
        &command,
        &["tls.certificate", "there is no certificate in"],
    );
    let missing = with("one.crt", "missing.key");
    let command = registry_command(&sandbox, &["serve"], &missing);
    assert_refused(
        "missing",
        &command,
        &["tls.key", "missing.key cannot be read"],
    );
    let alone = config(
        &sandbox,
        &format!("[tls]\ncertificate = {:?}\n", file("one.crt")),
    );
    let command = registry_command(&sandbox, &["serve"], &alone);
    assert_refused("alone", &command, &["tls.key", "one is not set"]);

    let good = with("one.crt", "one.key");
    let open = fs::Permissions::from_mode(0o644);
    fs::set_permissions(file("one.key"), open).unwrap();
    let output = registry_command(&sandbox, &["config", "check"], &good)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(
        text.contains("warning:") && text.contains("every user of this machine"),
        "{text}"
    );
    let log = serve(&sandbox, &good).stop();
    assert!(log.contains("every user of this machine"), "{log}");
}
