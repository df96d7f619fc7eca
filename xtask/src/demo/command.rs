//! The play itself: which commands are run, in which order.

use anyhow::Result;

use super::clients::push_with_clients;
use super::images::push_images;
use super::registry::{PASSWORD, Registry};
use super::stage::Stage;
use crate::packages::{CLIENTS, REQUIRED, UMOCI, is_root, provide};
use crate::process::{cargo, run as run_command, say, show, target_folder};

/// What `cargo xtask demo` understands.
#[derive(Debug, clap::Args)]
pub(crate) struct DemoArguments {
    /// Name what is missing on this machine instead of installing it
    #[arg(long)]
    no_install: bool,
}

/// Builds the release binary and runs the main job with it: images of other tools, pulled, looked at, mounted, run, saved,
/// loaded, pushed, removed.
pub(crate) fn run(arguments: &DemoArguments) -> Result<()> {
    let required = [REQUIRED, &[UMOCI]].concat();
    provide(&required, CLIENTS, !arguments.no_install)?;
    let mut build = cargo();
    build.args(["build", "--release", "--package", "wharf"]);
    say(&format!("$ {}", show(&build)));
    run_command(&mut build)?;
    let stage = Stage::new(&target_folder()?.join("release"))?;
    let registry = Registry::start(&stage)?;
    prepare_registry(&stage, registry.address())?;
    push_images(&stage, registry.address())?;
    play(&stage, registry.address())?;
    let mut repositories = vec!["harbour/busybox", "harbour/site", "pier/site"];
    repositories.extend(push_with_clients(&stage, registry.address())?);
    end_with_registry(&stage, registry.address(), &repositories)?;
    say(
        "\nThe demo is over: everything above was done by real programs, and its folder is removed.",
    );
    Ok(())
}

/// Signs in and makes two projects, as people would. What `wharf login` writes, docker, skopeo, podman and buildah read.
fn prepare_registry(stage: &Stage, address: &str) -> Result<()> {
    Stage::chapter(&format!(
        "Wharf's own registry listens on {address}; sign in and make projects"
    ));
    stage.run(&format!(
        "echo {PASSWORD} | wharf login --username admin --password-stdin {address}"
    ))?;
    for project in ["harbour", "pier"] {
        stage.run(&format!(
            "curl --silent --show-error --fail --user admin:{PASSWORD} --json \
             '{{\"project_name\":\"{project}\",\"public\":false}}' http://{address}/api/v2.0/projects"
        ))?;
    }
    Stage::chapter("Other tools fill it");
    Ok(())
}

/// The same images through the API and the portal; then they are deleted, and their room is free again.
fn end_with_registry(stage: &Stage, address: &str, repositories: &[&str]) -> Result<()> {
    let api = format!("http://{address}/api/v2.0");
    let ask = format!("curl --silent --show-error --fail --user admin:{PASSWORD}");
    Stage::chapter("The registry's own view: API, portal, tags, search");
    stage.run(&format!("{ask} '{api}/projects/pier/repositories'; echo"))?;
    stage.run(&format!(
        "{ask} '{api}/projects/pier/repositories/site/artifacts?with_tag=true' | head -c 400; echo"
    ))?;
    stage.run(&format!(
        "{ask} http://{address}/v2/_catalog; echo; {ask} http://{address}/v2/pier/site/tags/list; echo"
    ))?;
    stage.run(&format!(
        "curl --silent --fail --header 'Accept: text/html' http://{address}/ | grep -o '<title>.*</title>'"
    ))?;
    Stage::chapter("Delete in the registry: room is free again");
    let stored = "find ../registry/storage/blobs -type f | wc -l";
    stage.run(&format!("echo \"$({stored}) blobs are stored\""))?;
    for repository in repositories {
        let (project, name) = repository.split_once('/').unwrap_or_default();
        stage.run(&format!(
            "{ask} --request DELETE '{api}/projects/{project}/repositories/{name}'"
        ))?;
    }
    stage.run(&format!(
        "for second in $(seq 60); do [ \"$({stored})\" = 0 ] && break; sleep 1; done; \
         echo \"$({stored}) blobs are stored\"; [ \"$({stored})\" = 0 ]"
    ))
}

fn play(stage: &Stage, address: &str) -> Result<()> {
    let busybox = &format!("{address}/harbour/busybox:1.0");
    let site = &format!("{address}/harbour/site:1.0");
    Stage::chapter("Pull: new, again, and with layers that are here already");
    stage.run(&format!("wharf pull {busybox}"))?;
    stage.run(&format!("wharf pull {busybox}"))?;
    stage.run(&format!("wharf pull {site}"))?;
    Stage::chapter("Look at them");
    stage.run("wharf images --digests")?;
    stage.run(&format!("wharf image inspect --format '{{{{.Id}}}} {{{{.Os}}}}/{{{{.Architecture}}}} {{{{json .Config.Cmd}}}}' {site}"))?;
    stage.run(&format!("wharf history {busybox}"))?;
    stage.run(&format!("wharf tag {busybox} boat:1.0"))?;
    stage.run("wharf images --filter reference=boat --format '{{.Repository}}:{{.Tag}} is {{.ID}}, {{.Size}}'")?;
    Stage::chapter("Mount one and run a program in it");
    mount(stage)?;
    Stage::chapter("Save, remove, load");
    stage.run("wharf save -o boat.tar boat:1.0 && tar -tf boat.tar")?;
    stage.run("skopeo --insecure-policy inspect --format '{{.Digest}} {{.Layers}}' docker-archive:boat.tar")?;
    stage.run(&format!("wharf rmi boat:1.0 {busybox}"))?;
    stage.run("wharf load -i boat.tar")?;
    Stage::chapter("Push; another tool sees the same image");
    stage.run(&format!("wharf tag {site} {address}/pier/site:2.0"))?;
    stage.run(&format!("wharf push {address}/pier/site:2.0"))?;
    let digest = |name: &str| {
        format!("skopeo inspect --tls-verify=false --format '{{{{.Digest}}}}' docker://{name}")
    };
    stage.run(&format!(
        "test \"$({})\" = \"$({})\" && echo 'the digests are equal'",
        digest(site),
        digest(&format!("{address}/pier/site:2.0"))
    ))?;
    Stage::chapter("Tidy up");
    stage.run("wharf system df")?;
    stage.run(&format!("wharf rmi {site}"))?;
    stage.run(&format!(
        "wharf tag boat:1.0 {address}/pier/site:2.0 && wharf images"
    ))?;
    stage.run("wharf image prune --force")?;
    stage.run("wharf system check")?;
    stage.run("wharf rmi --force $(wharf images --quiet | sort --unique)")?;
    stage.run("wharf system df")
}

/// An ordinary user may mount only in a namespace of their own, which `wharf unshare` makes.
fn mount(stage: &Stage) -> Result<()> {
    let look = "sh -c 'cat /etc/motd; ls -l /bin; uname -s'";
    stage.run_quietly("mkdir mounted")?;
    if is_root() {
        stage.run("wharf image mount boat:1.0 mounted")?;
        stage.run(&format!("chroot mounted {look}"))?;
        return stage.run("wharf image unmount mounted");
    }
    stage.run(&format!(
        "wharf unshare sh -euc 'wharf image mount boat:1.0 mounted; chroot mounted {}'",
        look.replace('\'', "\"")
    ))
}
