//! TLS of the real binary, with Wharf's own client on the other side.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use testkit::{Sandbox, http_request, read, write};

use crate::fixture::{PASSWORD, config, serve};
use crate::mistakes::certificate;

/// Signs in with the client of the sandbox.
fn login(sandbox: &Sandbox, address: &str) -> testkit::Output {
    sandbox
        .wharf(["login", "--username", "admin", "--password-stdin", address])
        .input(PASSWORD)
        .run()
}

/// Has the client of the sandbox trust the authority for the registry.
fn trust(sandbox: &Sandbox, address: &str) {
    let folder = sandbox.path().join("certs.d");
    let of_registry = folder.join(address);
    fs::create_dir_all(&of_registry).unwrap();
    fs::copy(
        sandbox.path().join("data/tls/ca.crt"),
        of_registry.join("ca.crt"),
    )
    .unwrap();
    let settings = sandbox.home().join(".config/wharf");
    fs::create_dir_all(&settings).unwrap();
    write(
        &settings.join("wharf.toml"),
        format!("[registries]\ncertificates = [\"{}\"]\n", folder.display()),
    );
}

#[test]
fn clients_that_are_given_the_authority_trust_the_registry() {
    let sandbox = Sandbox::new();
    let config = config(&sandbox, "[tls]\nmode = \"own-authority\"\n");
    let registry = serve(&sandbox, &config);
    let address = registry.address.clone();
    assert!(
        registry
            .welcome
            .contains("data/tls/ca.crt as /etc/docker/certs.d/"),
        "{}",
        registry.welcome
    );
    trust(&sandbox, &address);
    login(&sandbox, &address).success();
    // The authority stays over restarts.
    let before = fs::read(sandbox.path().join("data/tls/ca.crt")).unwrap();
    registry.stop();
    let registry = serve(&sandbox, &config);
    assert_eq!(
        fs::read(sandbox.path().join("data/tls/ca.crt")).unwrap(),
        before
    );
    trust(&sandbox, &registry.address);
    login(&sandbox, &registry.address).success();
}

/// The certificate that a registry shows.
fn shown(address: &str) -> String {
    let asked = Command::new("openssl")
        .args(["s_client", "-connect", address])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&asked.stdout).into_owned();
    let (_, certificate) = said.split_once("-----BEGIN").expect(&said);
    certificate.split_once("-----END").unwrap().0.to_owned()
}

#[test]
fn a_renewed_certificate_is_shown_without_a_restart() {
    let sandbox = Sandbox::new();
    for name in ["one", "two"] {
        certificate(sandbox.path(), name);
    }
    let file = |name: &str| sandbox.path().join(name);
    fs::copy(file("one.crt"), file("server.crt")).unwrap();
    fs::copy(file("one.key"), file("server.key")).unwrap();
    let text = format!(
        "[tls]\ncertificate = {:?}\nkey = {:?}\n",
        file("server.crt"),
        file("server.key")
    );
    let registry = serve(&sandbox, &config(&sandbox, &text));
    let first = shown(&registry.address);
    assert!(read_text(&file("one.crt")).contains(&first));
    fs::rename(file("two.crt"), file("server.crt")).unwrap();
    fs::rename(file("two.key"), file("server.key")).unwrap();
    let deadline = Instant::now() + Duration::from_secs(40);
    while shown(&registry.address) == first {
        assert!(Instant::now() < deadline, "the old certificate is shown");
    }
    assert!(read_text(&file("server.crt")).contains(&shown(&registry.address)));
    registry.stop();
}

fn read_text(path: &Path) -> String {
    String::from_utf8(read(path)).unwrap()
}

#[test]
fn who_speaks_plain_http_to_it_is_told_so() {
    let sandbox = Sandbox::new();
    let config = config(&sandbox, "[tls]\nmode = \"own-authority\"\n");
    let registry = serve(&sandbox, &config);
    let answer = http_request(&registry.address, "GET", "/v2/", &[], b"");
    assert_eq!(answer.status, 400);
    assert!(String::from_utf8_lossy(&answer.body).contains("speaks HTTPS"));
}

#[test]
fn reachable_addresses_get_tls_by_themselves() {
    let sandbox = Sandbox::new();
    let path = config(&sandbox, "");
    let mut command =
        crate::fixture::registry_command(&sandbox, &["serve", "--listen", "0.0.0.0:0"], &path);
    command.env("WHARF_LOG", "warn");
    let registry = crate::fixture::RunningRegistry::start(command);
    assert!(
        registry.welcome.contains("Serving on https://0.0.0.0:"),
        "{}",
        registry.welcome
    );
}
