//! One program in a container of its own, run to its end and forgotten: a build's RUN.
//!
//! A builder has many threads and cannot make containers itself, so it starts this program once more, which can ([`StepStarter`]), and
//! which forks a process for each step: to start a program anew takes several times as long. The order comes over a socket of the
//! step's own. When the builder closes its side of that, or dies, the step is ended, and nothing of it is left: no process, no group of
//! processes. Whoever kills the step's own process kills the container with it, and leaves the empty group.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use rustix::event::{PollFd, PollFlags};
use rustix::process::WaitOptions;
use serde::{Deserialize, Serialize};

use crate::capabilities::{Capability, CapabilitySet};
use crate::cgroups::{Cgroup, Hierarchies, Resources};
use crate::init::exit_code;
use crate::launch::{ChildIo, LaunchError, Launched, launch};
use crate::network::UserNetworkTool;
use crate::spec::ContainerSpec;
use crate::step_starter::StepStarter;
use crate::step_terminal;

/// An order may be this long.
const ORDER_LIMIT_BYTES: u64 = 64 << 20;

/// What to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepOrder {
    /// What runs, and where.
    pub spec: ContainerSpec,
    /// The name of its group of processes.
    pub cgroup: String,
    /// What it may use.
    pub resources: Resources,
    /// Who gives its own network a way out, if somebody does; an ordinary user's alone.
    pub user_network: Option<StepUserNetwork>,
}

/// Who gives a step's own network a way out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepUserNetwork {
    /// The program.
    pub tool: UserNetworkTool,
    /// Takes its sockets and numbers.
    pub folder: PathBuf,
}

/// How a step ended.
#[derive(Debug, Serialize, Deserialize)]
enum StepEnd {
    Exited(i32),
    Failed { text: String, exit_code: u8 },
}

/// A step that runs.
#[derive(Debug)]
pub struct StepProcess {
    socket: UnixStream,
}

impl StepProcess {
    /// Lets `starter` start a step. Nothing can be read by the step, unless it has a terminal: then `stdout` must be one that can be
    /// read, to which that is connected.
    ///
    /// # Errors
    /// If there is no socket, or `starter` has ended.
    pub fn start(
        starter: &StepStarter,
        order: &StepOrder,
        stdout: BorrowedFd<'_>,
        stderr: BorrowedFd<'_>,
    ) -> io::Result<Self> {
        let (mut socket, theirs) = UnixStream::pair()?;
        starter.send([theirs.as_fd(), stdout, stderr])?;
        drop(theirs);
        let mut bytes = serde_json::to_vec(order)?;
        bytes.push(b'\n');
        // Where nobody reads any more, there is an answer that says why.
        if let Err(error) = socket.write_all(&bytes)
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            return Err(error);
        }
        Ok(Self { socket })
    }

    /// Ends the step and everything in it, and waits for that.
    pub fn kill(&mut self) {
        // It may have ended by itself.
        let _ended = self.socket.shutdown(Shutdown::Write);
        let _its_end = io::copy(&mut self.socket, &mut io::sink());
    }

    /// What ends the step from another thread, while this one waits for it.
    pub fn ending(&self) -> io::Result<StepEnding> {
        let socket = self.socket.try_clone()?;
        Ok(StepEnding { socket })
    }

    /// Waits until it has ended: the program's exit code.
    pub fn wait(self) -> Result<i32, LaunchError> {
        let mut answer = Vec::new();
        let read = (&self.socket)
            .take(ORDER_LIMIT_BYTES)
            .read_to_end(&mut answer);
        read.map_err(failed("hear from the step"))?;
        match serde_json::from_slice(&answer) {
            Ok(StepEnd::Exited(code)) => Ok(code),
            Ok(StepEnd::Failed { text, exit_code }) => Err(LaunchError::Failed { text, exit_code }),
            Err(_nothing_said) => Err(LaunchError::Failed {
                text: "the step was killed".to_owned(),
                exit_code: 137,
            }),
        }
    }
}

/// Ends a step.
#[derive(Debug)]
pub struct StepEnding {
    socket: UnixStream,
}

impl StepEnding {
    /// Ends it and everything in it, and does not wait for that.
    pub fn end(&self) {
        // It may have ended by itself.
        let _ended = self.socket.shutdown(Shutdown::Write);
    }
}

impl Drop for StepProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs the step that comes over `socket`, with this process's own output. Only for a process with one thread, which ends after it.
pub(crate) fn run_step(mut socket: UnixStream, hierarchies: &Hierarchies) -> io::Result<()> {
    let mut line = Vec::new();
    BufReader::new((&socket).take(ORDER_LIMIT_BYTES)).read_until(b'\n', &mut line)?;
    let order: StepOrder = serde_json::from_slice(&line)?;
    let end = match run(order, &socket, hierarchies) {
        Ok(code) => StepEnd::Exited(code),
        Err(LaunchError::Failed { text, exit_code }) => StepEnd::Failed { text, exit_code },
        Err(error) => StepEnd::Failed {
            text: error.to_string(),
            exit_code: 125,
        },
    };
    socket.write_all(&serde_json::to_vec(&end)?)
}

/// Tells the builder that there will be no step.
pub(crate) fn refuse_step(mut socket: UnixStream, error: &io::Error) -> io::Result<()> {
    let end = StepEnd::Failed {
        text: format!("cannot start the step: {error}"),
        exit_code: 125,
    };
    socket.write_all(&serde_json::to_vec(&end)?)
}

fn run(
    mut order: StepOrder,
    builder: &UnixStream,
    hierarchies: &Hierarchies,
) -> Result<i32, LaunchError> {
    let prepare = |error: Box<dyn std::error::Error + Send + Sync>| LaunchError::Prepare(error);
    let created = Cgroup::create(hierarchies, &order.cgroup, &order.resources)
        .map_err(|error| prepare(error.into()))?;
    if order.resources.devices.is_some() && !created.devices_limited {
        let mknod = "MKNOD".parse::<Capability>();
        let mknod: CapabilitySet = mknod.into_iter().collect();
        let process = &mut order.spec.process;
        process.capabilities = process.capabilities.without(mknod);
    }
    let cgroup = created.cgroup;
    let outcome = launch_and_wait(&order, &cgroup, builder);
    // Its first process took all others with it: what is left is the group, where there is one.
    if !cgroup.is_empty() {
        cgroup.remove().map_err(|error| prepare(error.into()))?;
    }
    outcome
}

fn launch_and_wait(
    order: &StepOrder,
    cgroup: &Cgroup,
    builder: &UnixStream,
) -> Result<i32, LaunchError> {
    let io = ChildIo {
        stdin: None,
        ..ChildIo::ours(false).map_err(failed("connect the standard streams"))?
    };
    let mut network = None;
    let launched = launch(&order.spec, io, |process| {
        let number = process.as_raw_nonzero().get().unsigned_abs();
        cgroup.add(number)?;
        if let Some(user) = &order.user_network {
            network = Some(user.tool.start(number, true, &[], &user.folder)?);
        }
        Ok(())
    });
    let outcome = launched.and_then(|launched| wait(&launched, builder));
    let ended = network.map_or(Ok(()), |mut network| network.end());
    let code = outcome?;
    ended.map_err(|error| LaunchError::Prepare(error.into()))?;
    Ok(code)
}

fn wait(launched: &Launched, builder: &UnixStream) -> Result<i32, LaunchError> {
    match &launched.terminal {
        Some(terminal) => step_terminal::connect(&launched.descriptor, builder, terminal),
        None => end_with_builder(&launched.descriptor, builder),
    }
    .map_err(failed("wait for the step"))?;
    let status = rustix::io::retry_on_intr(|| {
        rustix::process::waitpid(Some(launched.process), WaitOptions::empty())
    })
    .map_err(failed("wait for the step"))?;
    Ok(status.map_or(255, |(_, status)| exit_code(status)))
}

/// Comes back when the process has ended; ends it when the builder wants that, or is gone.
fn end_with_builder(process: &OwnedFd, builder: &UnixStream) -> io::Result<()> {
    let (mut ended, mut wanted) = (false, true);
    while !ended {
        let mut both = [
            PollFd::new(process, PollFlags::IN),
            PollFd::new(builder, PollFlags::IN),
        ];
        let count = if wanted { 2 } else { 1 };
        let polled = both.get_mut(..count).unwrap_or_default();
        rustix::io::retry_on_intr(|| rustix::event::poll(polled, None))?;
        let [of_process, of_builder] = &both;
        ended = !of_process.revents().is_empty();
        if wanted && !of_builder.revents().is_empty() {
            wanted = false;
            rustix::process::pidfd_send_signal(process, rustix::process::Signal::KILL)?;
        }
    }
    Ok(())
}

fn failed<E: Into<io::Error>>(step: &str) -> impl FnOnce(E) -> LaunchError {
    let step = step.to_owned();
    move |source| LaunchError::Io {
        step,
        source: source.into(),
    }
}
