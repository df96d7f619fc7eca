//! RUN: a step of a build in a container of its own.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::pipe::{PipeFlags, pipe_with};
use wharf_build::builder::{RunChanges, RunError, RunRequest, StepRunner};
use wharf_build::dockerfile::{Network, Security};
use wharf_images::{EnsureLayerError, ImageStore};
use wharf_layers::TreeKind;
use wharf_oci::DiffId;
use wharf_runtime::{LaunchError, MountSpec};

use super::run_settings::RunSettings;
use super::secrets::BuildSecrets;
use super::step_folder::{StepFolder, remove_group};
use super::step_mounts::{Held, StepMounts};
use super::step_networks::{StepNetworks, StepPlace};
use crate::containers::{BuildStarter, StepConnection, StepRequest, bind_mount, resources};
use crate::engine::Engine;

const READ_BYTES: usize = 32 << 10;
/// A line that is longer is told in pieces.
const LINE_LIMIT_BYTES: usize = 1 << 20;
/// What steps are called by themselves (`BuildKit`'s).
const HOSTNAME: &str = "buildkitsandbox";
/// What to do about a program that the kernel cannot run.
const FOREIGN: &str = ": the program is for another processor than this machine's, and nothing is registered to emulate it: \
     install an emulator (Debian: qemu-user-static and binfmt-support), or run this step in a stage FROM --platform=$BUILDPLATFORM";
/// Places of every container where something is mounted.
const MOUNT_POINTS: [&str; 10] = [
    "proc",
    "dev",
    "dev/pts",
    "dev/shm",
    "dev/mqueue",
    "sys",
    "sys/fs/cgroup",
    "etc/hosts",
    "etc/resolv.conf",
    "dev/pipes",
];

/// Runs steps.
#[derive(Debug)]
pub(super) struct Runner {
    pub(super) engine: Engine,
    /// What every step gets.
    pub(super) settings: RunSettings,
    /// `--secret` and `--ssh`.
    pub(super) secrets: BuildSecrets,
    /// Starts them.
    pub(super) starter: BuildStarter,
    /// The layers that are unpacked, each with whether it hides everything below it: the build's lease keeps them so.
    pub(super) unpacked: Mutex<HashMap<DiffId, bool>>,
    /// Networks of steps.
    pub(super) networks: Arc<StepNetworks>,
}

impl StepRunner for Runner {
    fn run(
        &self,
        request: RunRequest<'_>,
        output: &(dyn Fn(&[u8]) + Sync),
    ) -> Result<RunChanges, RunError> {
        let command = request.action.arguments.join(" ");
        let folder = StepFolder::new(&self.engine)?;
        let (step, held, network) = self.prepared(&request, &folder, &command)?;
        let own = step.mounts.iter().map(|mount| mount.target.as_os_str());
        let mut mount_points: Vec<Vec<u8>> = own
            .map(std::os::unix::ffi::OsStrExt::as_bytes)
            .map(|path| path.strip_prefix(b"/").unwrap_or(path).to_vec())
            .collect();
        mount_points.extend(MOUNT_POINTS.iter().map(|path| path.as_bytes().to_vec()));
        let (read, write) = pipe_with(PipeFlags::CLOEXEC).map_err(io::Error::from)?;
        let not_started = |reason: String| RunError::NotStarted {
            command: command.clone(),
            reason,
        };
        let again = self
            .settings
            .debug
            .as_ref()
            .map(|debug| (debug, step.clone()));
        let process = self
            .engine
            .start_step(&self.starter, step, write.as_fd(), write.as_fd())
            .map_err(|error| not_started(error.to_string()))?;
        // The end of what is read comes when the step's own descriptors are closed.
        drop(write);
        let end = process.ending()?;
        let ends_with_build = request.cancellation.when_canceled(move || end.end());
        pass_on(File::from(read), output)?;
        let outcome = process.wait();
        drop(ends_with_build);
        if outcome.is_err() {
            // Its own process, which removes it otherwise, may have been killed.
            remove_group(&self.settings.cgroup_parent, folder.id());
        }
        let failed = matches!(outcome, Ok(code) if code != 0);
        if let Some((debug, step)) = again
            && failed
            && !request.cancellation.is_canceled()
        {
            let from = (&self.engine, &self.starter);
            debug.open_shell(from, step, &command, request.cancellation);
        }
        drop((held, network));
        if request.cancellation.is_canceled() {
            return Err(RunError::Canceled);
        }
        match outcome {
            Ok(0) => (),
            Ok(code) => return Err(RunError::Failed { command, code }),
            Err(LaunchError::Failed { text, exit_code }) if exit_code > 125 => {
                let remedy = if text.contains("exec format error") {
                    FOREIGN
                } else {
                    ""
                };
                return Err(not_started(format!(
                    "{text}: exit code: {exit_code}{remedy}"
                )));
            }
            Err(error) => return Err(not_started(error.to_string())),
        }
        let store = self
            .engine
            .store()
            .map_err(|error| not_started(error.to_string()))?;
        Ok(RunChanges {
            folder: folder.path().join("upper"),
            kind: TreeKind::Changes(store.flavour()),
            mount_points,
            guard: Box::new(folder),
        })
    }
}

impl Runner {
    /// Sees to it that the layer is unpacked; whether it hides everything below it.
    fn unpack(&self, store: &ImageStore, diff_id: DiffId) -> Result<bool, EnsureLayerError> {
        let lock = || self.unpacked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(is_opaque) = lock().get(&diff_id) {
            return Ok(*is_opaque);
        }
        let record = store.ensure_layer(diff_id)?;
        lock().insert(diff_id, record.root_is_opaque);
        Ok(record.root_is_opaque)
    }

    /// What is to be run, what it holds, and its network, which is connected while the rest is prepared.
    fn prepared(
        &self,
        request: &RunRequest<'_>,
        folder: &StepFolder,
        command: &str,
    ) -> Result<(StepRequest, Held, StepPlace<'_>), RunError> {
        let run = &request.action.run;
        let insecure = run.security == Security::Insecure;
        self.check_allowed(request)?;
        let take = || self.networks.take(run.network, insecure);
        let (step, network) = if self.networks.connects_for(run.network) {
            std::thread::scope(|scope| {
                let connecting = scope.spawn(take);
                let step = self.step(request, folder);
                let panicked = |_panic| Err("connecting it has panicked".to_owned());
                (step, connecting.join().unwrap_or_else(panicked))
            })
        } else {
            (self.step(request, folder), take())
        };
        let not_connected = |reason: String| RunError::NotStarted {
            command: command.to_owned(),
            reason,
        };
        let ((mut step, held), network) = (step?, network.map_err(not_connected)?);
        step.network = network.connection.clone();
        let resolver = network
            .resolver(&self.settings.host)
            .map_err(|error| not_connected(error.to_string()))?;
        let more = self
            .settings
            .host_lines(|| network.gateway())
            .map_err(|error| not_connected(error.to_string()))?;
        let mut mounts = files(request, folder.path(), &more, &resolver)?;
        mounts.append(&mut step.mounts);
        step.mounts = mounts;
        Ok((step, held, network))
    }

    fn check_allowed(&self, request: &RunRequest<'_>) -> Result<(), RunError> {
        let action = request.action;
        if !action.run.devices.is_empty() {
            let text = "RUN --device is not supported: Wharf knows no CDI devices";
            return Err(RunError::NotThere(text.to_owned()));
        }
        let insecure = action.run.security == Security::Insecure;
        if insecure && !self.settings.allows_insecure {
            let text = "security.insecure is not allowed: build with --allow security.insecure";
            return Err(RunError::NotThere(text.to_owned()));
        }
        if action.run.network == Network::Host && !self.settings.allows_host_network {
            let text = "network.host is not allowed: build with --allow network.host";
            return Err(RunError::NotThere(text.to_owned()));
        }
        Ok(())
    }

    fn step(
        &self,
        request: &RunRequest<'_>,
        folder: &StepFolder,
    ) -> Result<(StepRequest, Held), RunError> {
        let action = request.action;
        let root = &self.engine.settings().root;
        let extra = StepMounts::new(request, folder.path(), root, &self.secrets)?;
        let other =
            |error: &dyn std::error::Error| RunError::Io(io::Error::other(error.to_string()));
        let store = self.engine.store().map_err(|error| other(&error))?;
        let mut lowers: Vec<PathBuf> = Vec::new();
        for diff_id in request.layers.iter().rev() {
            let is_opaque = self
                .unpack(store, *diff_id)
                .map_err(|error| other(&error))?;
            let tree = store.layer_tree(*diff_id);
            if !lowers.contains(&tree) {
                lowers.push(tree);
            }
            if is_opaque {
                break;
            }
        }
        let environment = action.environment.iter();
        let environment = environment.map(|(name, value)| format!("{name}={value}"));
        let step = StepRequest {
            id: folder.id().to_owned(),
            lowers,
            empty: store.root().join("layers/empty/fs"),
            upper: folder.path().join("upper"),
            work: folder.path().join("work"),
            mount_point: folder.path().join("rootfs"),
            arguments: action.arguments.clone(),
            environment: environment.chain(extra.variables).collect(),
            folder: PathBuf::from(&action.folder),
            user: action.user.clone(),
            hostname: HOSTNAME.to_owned(),
            network: StepConnection::default(),
            insecure: action.run.security == Security::Insecure,
            mounts: extra.mounts,
            shm_size: self.settings.host.shm_size,
            ulimits: self.settings.host.ulimits.clone(),
            cgroup_parent: self.settings.cgroup_parent.clone(),
            terminal: false,
            resources: resources(&self.settings.host).map_err(|error| other(&error))?,
        };
        Ok((step, extra.held))
    }
}

/// `/etc/hosts`, `/etc/resolv.conf`, and the script that a heredoc is.
fn files(
    request: &RunRequest<'_>,
    folder: &Path,
    more_hosts: &str,
    resolver: &str,
) -> io::Result<Vec<MountSpec>> {
    let hosts = format!(
        "127.0.0.1\tlocalhost {HOSTNAME}\n::1\tlocalhost ip6-localhost ip6-loopback\n{more_hosts}"
    );
    let mut mounts = Vec::new();
    let mut add = |name: &str, content: &str, mode: u32, target: &str| -> io::Result<()> {
        let path = folder.join(name);
        wharf_blobs::write_file_unsynced(&path, content.as_bytes(), mode)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode))?;
        mounts.push(bind_mount(&path, target, name != "script"));
        Ok(())
    };
    add("hosts", &hosts, 0o644, "/etc/hosts")?;
    add("resolv.conf", resolver, 0o644, "/etc/resolv.conf")?;
    if let Some(script) = &request.action.script {
        add("script", &script.content, 0o755, &script.name)?;
    }
    Ok(mounts)
}

/// Each line as it comes; a very long one in pieces.
fn pass_on(mut from: File, output: &(dyn Fn(&[u8]) + Sync)) -> io::Result<()> {
    let mut buffer = vec![0; READ_BYTES];
    let mut pending: Vec<u8> = Vec::new();
    loop {
        let length = from.read(&mut buffer)?;
        pending.extend_from_slice(buffer.get(..length).unwrap_or_default());
        while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = pending.drain(..=end).collect();
            output(line.strip_suffix(b"\n").unwrap_or(&line));
        }
        if !pending.is_empty() && (length == 0 || pending.len() > LINE_LIMIT_BYTES) {
            output(&pending);
            pending.clear();
        }
        if length == 0 {
            return Ok(());
        }
    }
}
