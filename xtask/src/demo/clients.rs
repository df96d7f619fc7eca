//! Docker and podman at the same registry: each pulls what Wharf pushed and pushes it under a name of its own.

use anyhow::{Context as _, Result};

use super::stage::Stage;
use crate::packages::{find, is_root};
use crate::process::say;

/// What only one of them needs; `docker` is the client, `dockerd` its daemon.
const DOCKER: [&str; 3] = ["dockerd", "containerd", "docker"];
/// The daemon of a docker client, with everything of its own in the stage's folder. It ends with this script.
const BY_DOCKER: &str = r#"
mkdir -p "$STAGE/docker"; cd "$STAGE/docker"
printf "version = 2\nroot = '%s/root'\nstate = '%s/state'\ndisabled_plugins = ['io.containerd.grpc.v1.cri']\n[grpc]\naddress = '%s/containerd.sock'\n" \
  "$PWD" "$PWD" "$PWD" > containerd.toml
echo '{}' > daemon.json
containerd --config containerd.toml > containerd.log 2>&1 & containerd=$!
trap 'kill $dockerd; wait $dockerd || true; kill $containerd; wait $containerd || true' EXIT
dockerd --config-file "$PWD/daemon.json" --data-root "$PWD/data" --exec-root "$PWD/exec" --pidfile "$PWD/docker.pid" --containerd "$PWD/containerd.sock" \
  --host "unix://$PWD/docker.sock" --iptables=false --ip6tables=false --bridge=none --storage-driver vfs > dockerd.log 2>&1 & dockerd=$!
export DOCKER_HOST="unix://$PWD/docker.sock"
for second in $(seq 60); do docker version > /dev/null 2>&1 && break; sleep 1; done
"#;
const PODMAN: &str = "podman --root $STAGE/podman --runroot $STAGE/run/podman --tmpdir $STAGE/run/podman-tmp --storage-driver vfs \
                      --events-backend none --cgroup-manager cgroupfs";

/// Lets the clients that are here push; gives the repositories that they pushed to.
pub(crate) fn push_with_clients(stage: &Stage, address: &str) -> Result<Vec<&'static str>> {
    Stage::chapter("Docker and podman pull what wharf pushed, and push it again");
    let mut pushed = Vec::new();
    let image = format!("{address}/pier/site:2.0");
    let variables = format!("STAGE={}\n", stage.folder().display());
    if !is_root() || DOCKER.iter().any(|program| find(program).is_none()) {
        say("left out: docker, which is not installed here, or you are not root");
    } else {
        let copy = format!("{address}/pier/by-docker:1.0");
        say(&format!(
            "\n$ docker pull {image}; docker tag {image} {copy}; docker push {copy}"
        ));
        let commands = format!(
            "docker pull --quiet {image}; docker tag {image} {copy}; docker push --quiet {copy}"
        );
        stage
            .run_quietly(&format!("{variables}{BY_DOCKER}{commands}"))
            .context("pulling and pushing with docker")?;
        pushed.push("pier/by-docker");
    }
    if !is_root() || find("podman").is_none() {
        say("left out: podman, which is not installed here, or you are not root");
    } else {
        let copy = format!("{address}/pier/by-podman:1.0");
        say(&format!(
            "\n$ podman pull {image}; podman push {image} {copy}"
        ));
        stage
            .run_quietly(&format!(
                "{variables}{PODMAN} pull --quiet --tls-verify=false {image}\n\
                 {PODMAN} push --quiet --tls-verify=false {image} {copy}\n\
                 {PODMAN} rmi --all --force > /dev/null"
            ))
            .context("pulling and pushing with podman")?;
        pushed.push("pier/by-podman");
    }
    for repository in &pushed {
        compare(stage, &image, &format!("{address}/{repository}:1.0"))?;
    }
    Ok(pushed)
}

/// Sees that wharf pulls the same image by both names.
fn compare(stage: &Stage, one: &str, other: &str) -> Result<()> {
    let id = |name: &str| format!("$(wharf image inspect --format '{{{{.Id}}}}' {name})");
    stage.run(&format!(
        "wharf pull --quiet {one}; wharf pull --quiet {other}; test \"{}\" = \"{}\" && echo 'it is the same image'",
        id(one),
        id(other)
    ))?;
    stage.run_quietly(&format!("wharf rmi {one} {other} > /dev/null"))
}
