//! The golden output against the docker CLI of this machine: what is recorded must still be what docker prints.

use std::path::Path;

use testkit::golden::{Program, Scenario, Transcript, run_scenario};
use testkit::{DockerDaemon, Peer, Sandbox, skip};

/// The client whose words are recorded.
const RECORDED_VERSION: &str = "28.2.2";

#[test]
fn privileged_docker_still_prints_what_is_recorded() {
    let Some(docker) = Peer::Docker.installed() else {
        return;
    };
    let version = Sandbox::new()
        .program(&docker)
        .arg("--version")
        .run()
        .success()
        .text();
    if !version.contains(RECORDED_VERSION) {
        skip(&format!(
            "the golden output is of docker {RECORDED_VERSION}; here is {}",
            version.trim()
        ));
        return;
    }
    let Some(daemon) = DockerDaemon::start() else {
        return;
    };
    let program = Program {
        path: docker.into(),
        daemon: Some((daemon.host(), daemon.data())),
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wharf/tests/golden/tag");
    let read = |name: &str| String::from_utf8(testkit::read(&folder.join(name))).unwrap();
    let scenario = Scenario::parse(&read("scenario.txt")).unwrap();
    let Some(transcript) = run_scenario(&scenario, &program) else {
        return;
    };
    assert_eq!(
        transcript,
        Transcript::parse(&read("recorded.txt")).unwrap()
    );
}
