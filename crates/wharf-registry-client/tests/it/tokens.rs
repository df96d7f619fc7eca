//! Registries behind a token server, and where credentials come from.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use wharf_oci::Digest;
use wharf_registry_client::{
    ClientConfig, CredentialSource as _, Credentials, DockerConfigFile, DockerCredentials,
    MountOutcome, RegistryClient, Secret, StoredIn,
};

use crate::docker_registry::{client, password, write};
use crate::hostile_server::{HostileServer, Reply, Request};
use crate::real::{content, descriptor, pull, tag};

// A registry and its token server in one. Tokens are numbered; `accepts` says which ones still count.
async fn registry_with_tokens(
    accepts: impl Fn(&str, &Request) -> bool + Send + Sync + 'static,
    serve: impl Fn(&Request) -> Reply + Send + Sync + 'static,
) -> HostileServer {
    let issued = AtomicUsize::new(0);
    HostileServer::start_with_port(|port| {
        move |request: &Request| {
            if request.target.starts_with("/token") {
                let number = issued.fetch_add(1, Ordering::Relaxed) + 1;
                let refresh = if request.target.contains("offline_token=true") {
                    r#","refresh_token":"refresh""#
                } else {
                    ""
                };
                let answer = format!(r#"{{"token":"t{number}","expires_in":300{refresh}}}"#);
                return Reply::new(200).json(&answer);
            }
            let token = request.header("authorization").unwrap_or_default();
            if token
                .strip_prefix("Bearer ")
                .is_some_and(|token| accepts(token, request))
            {
                return serve(request);
            }
            let challenge = format!(r#"Bearer realm="http://127.0.0.1:{port}/token",service="s""#);
            Reply::new(401)
                .header("www-authenticate", &challenge)
                .json(r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#)
        }
    })
    .await
}

fn token_requests(server: &HostileServer) -> Vec<Request> {
    let requests = server.requests().into_iter();
    requests
        .filter(|request| request.target.starts_with("/token"))
        .collect()
}

#[tokio::test]
async fn one_token_serves_all_requests_of_a_kind() {
    let blob = content(1000);
    let served = blob.clone();
    let server = registry_with_tokens(|_, _| true, move |_| Reply::new(200).body(&served)).await;
    let client = client(ClientConfig::default(), password("emon", "p w"));
    let repository = client.repository(&server.repository("x/y")).unwrap();
    let pulls = (0..4).map(|_| async { pull(&repository, &blob, 0).await == blob });
    assert!(
        futures_util::future::join_all(pulls)
            .await
            .into_iter()
            .all(|same| same)
    );
    let asked = token_requests(&server);
    assert_eq!(asked.len(), 1);
    assert_eq!(
        asked[0].line(),
        "GET /token?service=s&client_id=wharf&scope=repository%3Ax%2Fy%3Apull&account=emon"
    );
    assert_eq!(asked[0].header("authorization"), Some("Basic ZW1vbjpwIHc="));
    assert_eq!(
        repository.blob_exists(&Digest::of(&blob)).await.unwrap(),
        Some(1000)
    );
    assert!(token_requests(&server)[1].target.contains("%3Apull%2Cpush"));
}

#[tokio::test]
async fn a_token_that_ends_in_the_middle_is_renewed() {
    let blob = content(1_000_000);
    let served = blob.clone();
    // The first token is good for the first request only.
    let accepts =
        |token: &str, request: &Request| token != "t1" || request.header("range").is_none();
    let server = registry_with_tokens(accepts, move |request| match request.header("range") {
        None => Reply::new(200).body(&served).cut_at(500_000),
        Some(_) => Reply::new(206)
            .header("content-range", "bytes 500000-999999/1000000")
            .body(&served[500_000..]),
    })
    .await;
    let client = client(ClientConfig::default(), Credentials::Anonymous);
    let repository = client.repository(&server.repository("a")).unwrap();
    assert!(pull(&repository, &blob, 0).await == blob);
    assert_eq!(token_requests(&server).len(), 2);
    assert_eq!(token_requests(&server)[0].header("authorization"), None);
}

#[tokio::test]
async fn a_registry_that_takes_no_token_is_believed() {
    let server = registry_with_tokens(|_, _| false, |_| Reply::new(200)).await;
    let client = client(ClientConfig::default(), Credentials::Anonymous);
    let repository = client.repository(&server.repository("a")).unwrap();
    let error = repository.get_manifest(&tag("v1")).await.unwrap_err();
    assert_eq!(error.to_string(), "unauthorized: authentication required");
    assert_eq!(token_requests(&server).len(), 1);
}

#[tokio::test]
async fn an_identity_token_is_sent_as_a_form() {
    let server = registry_with_tokens(|_, _| true, |_| Reply::new(404)).await;
    let credentials = Credentials::IdentityToken(Secret::new("re/fresh"));
    let client = client(ClientConfig::default(), credentials);
    let repository = client.repository(&server.repository("a")).unwrap();
    assert_eq!(repository.head_manifest(&tag("v1")).await.unwrap(), None);
    let asked = &token_requests(&server)[0];
    assert_eq!(asked.line(), "POST /token");
    assert_eq!(
        String::from_utf8_lossy(&asked.body),
        "grant_type=refresh_token&refresh_token=re%2Ffresh&client_id=wharf&service=s&scope=repository%3Aa%3Apull"
    );
}

#[tokio::test]
async fn a_mount_asks_for_both_repositories() {
    let server = registry_with_tokens(|_, _| true, |_| Reply::new(201)).await;
    let client = client(ClientConfig::default(), Credentials::Anonymous);
    let repository = client.repository(&server.repository("to")).unwrap();
    let from = server.repository("from");
    let mounted = repository
        .mount_blob(&Digest::of(b"x"), &from)
        .await
        .unwrap();
    assert!(matches!(mounted, MountOutcome::Mounted));
    assert!(
        token_requests(&server)[0]
            .target
            .ends_with("&scope=repository%3Afrom%3Apull&scope=repository%3Ato%3Apull%2Cpush")
    );
}

#[tokio::test]
async fn login_gets_a_refresh_token() {
    let server = registry_with_tokens(|_, _| true, |_| Reply::new(200)).await;
    let client = client(ClientConfig::default(), Credentials::Anonymous);
    let outcome = client
        .login(&server.host(), &password("emon", "pw"))
        .await
        .unwrap();
    assert_eq!(outcome.identity_token, Some(Secret::new("refresh")));
    assert_eq!(
        token_requests(&server)[0].line(),
        "GET /token?service=s&offline_token=true&client_id=wharf&account=emon"
    );
}

#[tokio::test]
async fn a_token_server_that_refuses_is_quoted() {
    let challenge = |port: u16, realm: &str| {
        let realm = realm.replace("SELF", &format!("http://127.0.0.1:{port}"));
        Reply::new(401).header("www-authenticate", &format!(r#"Bearer realm="{realm}""#))
    };
    for (realm, reply, expected) in [
        (
            "SELF/token",
            Reply::new(401).json(r#"{"details":"incorrect username or password"}"#),
            "unauthorized: incorrect username or password",
        ),
        (
            "SELF/token",
            Reply::new(200).json("{}"),
            "authorization server did not include a token in the response",
        ),
        (
            "SELF/token",
            Reply::new(200).body("<html>"),
            "unable to decode token response of http://SELF/token",
        ),
        ("nonsense", Reply::new(200), "invalid realm \"nonsense\""),
    ] {
        let server = HostileServer::start_with_port(|port| {
            move |request: &Request| {
                if request.target.starts_with("/token") {
                    reply.clone()
                } else {
                    challenge(port, realm)
                }
            }
        })
        .await;
        let client = client(ClientConfig::default(), password("emon", "pw"));
        let error = client
            .login(&server.host(), &password("emon", "wrong"))
            .await;
        let error = error.unwrap_err().to_string();
        let expected = expected.replace("SELF", &server.host());
        let prefix = format!("Get \"http://{}/v2/\": ", server.host());
        assert!(
            error.starts_with(&prefix) && error.contains(&expected),
            "{error}"
        );
    }
}

// A helper that is a shell script.
fn install_helper(folder: &Path, name: &str, script: &str) {
    let program = folder.join(format!("docker-credential-{name}"));
    write(&program, &format!("#!/bin/sh\n{script}\n"));
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(program, executable).unwrap();
}

fn credentials(folder: &Path, config: &str) -> DockerCredentials {
    let path = folder.join("config.json");
    write(&path, config);
    let file = DockerConfigFile::load(&path).unwrap();
    let search_path = std::ffi::OsString::from(format!("{}:/usr/bin:/bin", folder.display()));
    DockerCredentials::new(file, Duration::from_secs(10)).with_search_path(search_path)
}

#[tokio::test]
async fn helpers_give_credentials() {
    let folder = tempfile::tempdir().unwrap();
    install_helper(
        folder.path(),
        "fake",
        r#"
        [ "$1" = get ] || exit 9
        case "$(cat)" in
            https://index.docker.io/v1/) echo '{"ServerURL":"x","Username":"emon","Secret":"pw"}' ;;
            token.example) echo '{"ServerURL":"x","Username":"<token>","Secret":"it"}' ;;
            broken.example) echo 'nonsense' ;;
            locked.example) echo 'the store is locked'; exit 1 ;;
            *) echo 'credentials not found in native keychain'; exit 1 ;;
        esac"#,
    );
    let source = credentials(
        folder.path(),
        r#"{"credsStore":"fake","credHelpers":{"gone.example":"gone","bad.example":"../x"}}"#,
    );
    for (registry, expected) in [
        ("docker.io", password("emon", "pw")),
        (
            "token.example",
            Credentials::IdentityToken(Secret::new("it")),
        ),
        ("other.example", Credentials::Anonymous),
    ] {
        assert_eq!(source.credentials(registry).await.unwrap(), expected);
    }
    for (registry, expected) in [
        (
            "broken.example",
            "docker-credential-fake gave an invalid answer",
        ),
        (
            "locked.example",
            "error getting credentials - err: docker-credential-fake: exit status: 1, out: `the store is locked`",
        ),
        (
            "gone.example",
            "error getting credentials - err: exec: \"docker-credential-gone\": executable file not found in $PATH, out: ``",
        ),
        ("bad.example", "invalid credential helper name \"../x\""),
    ] {
        let error = source.credentials(registry).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn a_helper_that_does_not_keep_what_it_is_given_fails() {
    let folder = tempfile::tempdir().unwrap();
    install_helper(
        folder.path(),
        "empty",
        "cat >/dev/null; echo 'credentials not found in native keychain'; exit 1",
    );
    let mut source = credentials(folder.path(), r#"{"credsStore":"empty"}"#);
    let error = source
        .store("x", "emon", &password("emon", "pw"))
        .await
        .unwrap_err();
    let expected = "error storing credentials - err: docker-credential-empty: exit status: 1, \
         out: `credentials not found in native keychain`";
    assert_eq!(error.to_string(), expected);
    source.erase("x").await.unwrap();
}

#[tokio::test]
async fn a_helper_that_hangs_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    install_helper(folder.path(), "slow", "exec sleep 60");
    let path = folder.path().join("config.json");
    write(&path, r#"{"credsStore":"slow"}"#);
    let file = DockerConfigFile::load(&path).unwrap();
    let search_path =
        std::ffi::OsString::from(format!("{}:/usr/bin:/bin", folder.path().display()));
    let source =
        DockerCredentials::new(file, Duration::from_millis(200)).with_search_path(search_path);
    let error = source.credentials("x").await.unwrap_err().to_string();
    assert!(
        error.contains("docker-credential-slow took longer than 0.2 seconds"),
        "{error}"
    );
}

#[tokio::test]
async fn logins_are_kept_and_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let script = format!(r#"echo "$1 $(cat)" >> {}"#, log.display());
    install_helper(folder.path(), "log", &script);
    let mut source = credentials(
        folder.path(),
        r#"{"auths":{"old":{"auth":"eDp5"}},"credHelpers":{"helped.example":"log"},"psFormat":"x"}"#,
    );
    let secret = password("emon", "pw");
    let kept = source.store("helped.example", "", &secret).await.unwrap();
    assert_eq!(kept, StoredIn::Helper("log".to_owned()));
    assert_eq!(
        source.store("plain.example", "", &secret).await.unwrap(),
        StoredIn::File
    );
    source.file.save().unwrap();
    let saved = DockerConfigFile::load(source.file.path()).unwrap();
    assert_eq!(saved.credentials("plain.example").unwrap(), secret);
    assert_eq!(
        saved.credentials("helped.example").unwrap(),
        Credentials::Anonymous
    );
    assert_eq!(
        saved.registries(),
        ["old", "helped.example", "plain.example"]
    );
    assert!(source.erase("helped.example").await.unwrap());
    assert!(source.erase("plain.example").await.unwrap());
    assert!(!source.erase("plain.example").await.unwrap());
    assert_eq!(
        std::fs::read_to_string(log).unwrap(),
        "store {\"ServerURL\":\"helped.example\",\"Username\":\"emon\",\"Secret\":\"pw\"}\n\
         erase helped.example\nerase http://helped.example\nerase https://helped.example\n"
    );
}

#[tokio::test]
async fn dockers_own_helper_is_used_where_nothing_is_configured() {
    let folder = tempfile::tempdir().unwrap();
    install_helper(
        folder.path(),
        "pass",
        "echo '{\"Username\":\"u\",\"Secret\":\"s\"}'",
    );
    let found = credentials(folder.path(), "{}").get("x").await.unwrap();
    assert_eq!(found, password("u", "s"));
    let configured = credentials(folder.path(), r#"{"auths":{"y":{}}}"#);
    assert_eq!(configured.get("x").await.unwrap(), Credentials::Anonymous);
    let overlay = r#"{"auths":{"x":{"auth":"ZW1vbjpwdw=="}}}"#;
    let overlay = DockerConfigFile::from_json("DOCKER_AUTH_CONFIG", overlay).unwrap();
    let overlaid = credentials(folder.path(), "{}").with_overlay(overlay);
    assert_eq!(overlaid.get("x").await.unwrap(), password("emon", "pw"));
    assert_eq!(overlaid.get("z").await.unwrap(), password("u", "s"));
}

#[tokio::test]
async fn a_registry_without_challenge_needs_no_credentials() {
    let folder = tempfile::tempdir().unwrap();
    let server = HostileServer::start(|_| Reply::new(200)).await;
    // The helper is missing, but nobody asks for it.
    let source = credentials(folder.path(), r#"{"credsStore":"gone"}"#);
    let client = RegistryClient::new(ClientConfig::default(), Arc::new(source)).unwrap();
    let repository = client.repository(&server.repository("a")).unwrap();
    let blob = repository.open_blob(&descriptor(b""), 0).await.unwrap();
    assert_eq!(blob.offset(), 0);
    assert_eq!(
        repository.blob_exists(&Digest::of(b"")).await.unwrap(),
        Some(0)
    );
}
