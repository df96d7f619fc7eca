//! `login` and `logout` with passwords from pipes and helpers that do not keep them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use testkit::{REGISTRY_PASSWORD, REGISTRY_USER, Sandbox, TestRegistry, write};

#[test]
fn line_breaks_around_a_password_from_a_pipe_do_not_count() {
    let Some(registry) = TestRegistry::builder().password().start() else {
        return;
    };
    let address = registry.address();
    for end in ["", "\n", "\r\n", "\n\n"] {
        let sandbox = Sandbox::new();
        let words = ["login", "-u", REGISTRY_USER, "--password-stdin", &address];
        let password = format!("{REGISTRY_PASSWORD}{end}");
        let output = sandbox.wharf(words).input(password).run().success();
        assert_eq!(output.text(), "Login Succeeded\n", "{end:?}");
        let file = sandbox.docker_config().join("config.json");
        let mode = fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_helper_that_keeps_nothing_is_no_login() {
    let Some(registry) = TestRegistry::builder().password().start() else {
        return;
    };
    let address = registry.address();
    let sandbox = Sandbox::new();
    let config = sandbox.docker_config().join("config.json");
    write(&config, r#"{"credsStore":"vault"}"#);
    let login = || {
        let words = ["login", "-u", REGISTRY_USER, "--password-stdin", &address];
        let path = format!("{}:/usr/bin:/bin", sandbox.work().display());
        let login = sandbox.wharf(words).input(REGISTRY_PASSWORD);
        login.env("PATH", path).run().exits_with(1).error_text()
    };
    assert_eq!(
        login(),
        "Error saving credentials: error storing credentials - err: exec: \"docker-credential-vault\": executable file \
         not found in $PATH, out: ``\n"
    );
    let program = sandbox.work().join("docker-credential-vault");
    write(
        &program,
        "#!/bin/sh\ncat >/dev/null\necho 'credentials not found in native keychain'\nexit 1\n",
    );
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(
        login(),
        "Error saving credentials: error storing credentials - err: docker-credential-vault: exit status: 1, out: \
         `credentials not found in native keychain`\n"
    );
    assert_eq!(
        fs::read_to_string(&config).unwrap(),
        r#"{"credsStore":"vault"}"#
    );
    // There is nothing to forget, which is no failure; a helper that is not there is one.
    let logout = sandbox.wharf(["logout", &address]).run().success();
    assert_eq!(
        logout.error_text(),
        format!(
            "WARNING: could not erase credentials:\n{address}: error erasing credentials - err: exec: \
             \"docker-credential-vault\": executable file not found in $PATH, out: ``\n"
        )
    );
}
