//! The process that watches one container: it holds its streams, writes its log, reaps it, starts it again by its policy, and
//! answers whoever connects to its socket. One thread, one loop: [`Monitor::turn`].

use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, WaitOptions};

use super::client::Client;
use super::health::HealthWatch;
use super::running::Running;
use crate::cgroups::Cgroup;
use crate::frames::{FrameKind, Reply, Request, push_message};
use crate::init::exit_code;
use crate::launch::LaunchError;
use crate::logs::LogWriter;
use crate::network::ContainerAddresses;
use crate::order::{MonitorOrder, RestartPolicy};
use crate::state::{ContainerFolder, ContainerState, FolderError, HealthState, RunLock, Status};
use crate::sys;

/// The first wait before a container is started again; each further one is twice as long (Docker's rule).
const FIRST_DELAY: Duration = Duration::from_millis(100);
/// The longest wait.
const LONGEST_DELAY: Duration = Duration::from_mins(1);
/// A container that lived as long begins again with the first wait.
const GOOD_LIFE: Duration = Duration::from_secs(10);
/// How long a monitor may take for what it does after its container has ended.
const LAST_DEEDS: Duration = Duration::from_secs(30);
/// How often it is looked whether it is done.
const TURN: Duration = Duration::from_millis(2);
/// Clients at once, at most.
const CLIENTS_LIMIT: usize = 256;

/// Why whoever knows networks, cgroups and records could not do something.
pub type HostError = Box<dyn std::error::Error + Send + Sync>;

/// What a monitor leaves to whoever knows networks, cgroups and records.
pub trait MonitorHost {
    /// Makes what the container needs before it has a process, and changes the order where this machine cannot do what it says.
    /// What people should know of that, comes back.
    fn begin(&mut self, order: &mut MonitorOrder) -> Result<Vec<String>, HostError>;

    /// The container's first process is there, and waits: gives it what belongs around it. Its group of processes.
    fn prepare(&mut self, order: &MonitorOrder, process: Pid) -> Result<Option<Cgroup>, HostError>;

    /// The container has ended: takes that away again. Whether memory was short.
    fn clean_up(&mut self, order: &MonitorOrder) -> bool;

    /// Holds all its processes, or lets them go on.
    fn hold(&mut self, held: bool) -> Result<(), String>;

    /// Leads published ports to other addresses of the container.
    fn lead_ports(&mut self, addresses: ContainerAddresses) -> Result<(), String>;

    /// It runs now, or has ended.
    fn changed(&mut self, running: bool);

    /// It has ended and is not started again: the last call, before whoever waits is told.
    fn ended(&mut self);
}

/// Why a monitor could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum MonitorError {
    /// The container runs already.
    #[error("the container is running already")]
    Running,
    /// A file of the container failed.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The kernel refused.
    #[error("cannot watch the container: cannot {step}: {source}")]
    Io {
        /// What was tried.
        step: &'static str,
        /// The cause.
        source: io::Error,
    },
}

/// Watches the container of `folder` until it has ended for good. `first` is whoever started the monitor.
///
/// Only for a process with one thread, which does nothing else.
pub fn run_monitor(
    folder: &ContainerFolder,
    first: UnixStream,
    host: &mut dyn MonitorHost,
) -> Result<(), MonitorError> {
    let mut first = first;
    let lock = match lock_when_ended(folder, &first) {
        Ok(lock) => lock,
        Err(error) => {
            let mut bytes = Vec::new();
            let text = error.to_string();
            push_message(&mut bytes, FrameKind::Reply, &Reply::Refused { text });
            // Whoever is gone does not want to know.
            let _gone = first.write_all(&bytes);
            return Err(error);
        }
    };
    // Whoever copies files into the container that does not run yet is waited for.
    let _files = folder.share_files()?;
    let mut monitor = Monitor::new(folder, first, host, lock)?;
    while !monitor.is_done() {
        monitor.turn()?;
    }
    monitor.end();
    Ok(())
}

/// The right to run the container. Whoever still has it and runs nothing is on the way out, or about to start it: that is waited
/// for as long as the client is there.
fn lock_when_ended(folder: &ContainerFolder, client: &UnixStream) -> Result<RunLock, MonitorError> {
    let begun = Instant::now();
    loop {
        if let Some(lock) = folder.try_lock()? {
            return Ok(lock);
        }
        let state = folder.state_of_holder()?;
        let lives = state.status.is_alive() || state.status == Status::Restarting;
        let turn = Timespec::try_from(TURN).unwrap_or_default();
        let mut client = [PollFd::new(client, PollFlags::empty())];
        // Only that it hangs up is told.
        let is_gone = poll(&mut client, Some(&turn)).is_ok_and(|count| count > 0);
        if lives || is_gone || begun.elapsed() > LAST_DEEDS {
            return Err(MonitorError::Running);
        }
    }
}

struct Monitor<'a> {
    folder: &'a ContainerFolder,
    host: &'a mut dyn MonitorHost,
    order: MonitorOrder,
    state: ContainerState,
    log: LogWriter,
    listener: UnixListener,
    socket: PathBuf,
    signals: OwnedFd,
    clients: Vec<Client>,
    running: Option<Running>,
    /// Whether anybody asked for a start yet.
    begun: bool,
    next_start: Option<Instant>,
    delay: Duration,
    /// When whoever is asked to stop is killed.
    kill_at: Option<Instant>,
    stopping: bool,
    health: Option<HealthWatch>,
    _lock: RunLock,
}

impl<'a> Monitor<'a> {
    fn new(
        folder: &'a ContainerFolder,
        first: UnixStream,
        host: &'a mut dyn MonitorHost,
        lock: RunLock,
    ) -> Result<Self, MonitorError> {
        let failed = |step| move |source| MonitorError::Io { step, source };
        let order = folder.order()?;
        let state = folder.state_of_holder()?;
        let log = LogWriter::open(&order.log).map_err(failed("open the log"))?;
        let blocked = sys::block_signals().map_err(failed("take signals"))?;
        let signals = sys::signal_descriptor(&blocked).map_err(failed("take signals"))?;
        let socket = folder.socket();
        let listener = listen(&socket).map_err(failed("listen"))?;
        let client = Client::new(first).map_err(failed("answer"))?;
        let health = order.health.clone().map(HealthWatch::new);
        Ok(Self {
            folder,
            host,
            order,
            state,
            log,
            listener,
            socket,
            signals,
            clients: vec![client],
            running: None,
            begun: false,
            next_start: None,
            delay: FIRST_DELAY,
            kill_at: None,
            stopping: false,
            health,
            _lock: lock,
        })
    }

    /// Whether there is nothing left to do but to tell those who still listen.
    fn is_done(&self) -> bool {
        let nobody_came = !self.begun && self.clients.is_empty();
        let ended = self.begun && self.running.is_none() && self.next_start.is_none();
        nobody_came || (ended && self.clients.iter().all(Client::has_been_told))
    }

    /// Waits for whatever happens first, and deals with it.
    fn turn(&mut self) -> Result<(), MonitorError> {
        let ready = self.wait()?;
        if ready.signals {
            self.take_signals();
        }
        if ready.listener {
            self.accept();
        }
        for client in &mut self.clients {
            client.receive();
        }
        self.answer_requests();
        self.pass_input();
        self.pass_output();
        self.reap();
        self.keep_time();
        for client in &mut self.clients {
            client.flush();
        }
        self.clients.retain(|client| !client.is_gone());
        Ok(())
    }

    fn wait(&self) -> Result<Ready, MonitorError> {
        let read = PollFlags::IN;
        let mut descriptors = vec![
            PollFd::new(&self.signals, read),
            PollFd::new(&self.listener, read),
        ];
        for client in &self.clients {
            descriptors.push(PollFd::from_borrowed_fd(client.as_fd(), client.interest()));
        }
        let output_may_come = self.clients.iter().all(Client::can_take_more);
        if let Some(running) = &self.running {
            running.interest(output_may_come, &mut descriptors);
        }
        if let Some(health) = &self.health {
            health.interest(&mut descriptors);
        }
        let timeout = self.next_deadline().map(|at| {
            let left = at.saturating_duration_since(Instant::now());
            Timespec::try_from(left + Duration::from_millis(1)).unwrap_or_default()
        });
        match poll(&mut descriptors, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => (),
            Err(source) => {
                return Err(MonitorError::Io {
                    step: "wait",
                    source: source.into(),
                });
            }
        }
        let is_ready = |position: usize| {
            let descriptor = descriptors.get(position);
            descriptor.is_some_and(|descriptor| !descriptor.revents().is_empty())
        };
        Ok(Ready {
            signals: is_ready(0),
            listener: is_ready(1),
        })
    }

    fn next_deadline(&self) -> Option<Instant> {
        let health = self.health.as_ref().and_then(HealthWatch::deadline);
        let drained = self.running.as_ref().and_then(Running::deadline);
        [self.next_start, self.kill_at, health, drained]
            .into_iter()
            .flatten()
            .min()
    }

    /// Signals to the monitor itself: a machine that goes down ends it, and with it the container, in good order.
    fn take_signals(&mut self) {
        for signal in sys::pending_signals(&self.signals) {
            if matches!(signal, sys::TERMINATE | sys::HANG_UP) {
                self.begin_stop(None, None);
                // Nobody asked for this container in particular.
                self.state.stopped_by_user = false;
            }
        }
    }

    fn accept(&mut self) {
        while let Ok((stream, _)) = self.listener.accept() {
            // Whoever is one too many sees the connection close.
            if self.clients.len() < CLIENTS_LIMIT
                && let Ok(client) = Client::new(stream)
            {
                self.clients.push(client);
            }
        }
    }

    fn pass_input(&mut self) {
        let Some(running) = &mut self.running else {
            return;
        };
        for client in &mut self.clients {
            while running.takes_input()
                && let Some(bytes) = client.take_input()
            {
                running.push_input(bytes, self.order.stdin_once);
            }
        }
        running.pass_input();
    }

    fn pass_output(&mut self) {
        let Some(running) = &mut self.running else {
            return;
        };
        if !self.clients.iter().all(Client::can_take_more) {
            return;
        }
        let (clients, log) = (&mut self.clients, &mut self.log);
        running.read_output(|stream, bytes| {
            // A log that cannot be written must not hold the container up; the disk's owner sees it elsewhere.
            let _lost = log.write(stream, bytes);
            for client in clients.iter_mut() {
                client.push_output(stream, bytes);
            }
        });
    }

    fn answer_requests(&mut self) {
        for position in 0..self.clients.len() {
            while let Some(request) = self
                .clients
                .get_mut(position)
                .and_then(Client::next_request)
            {
                let reply = self.answer(position, request);
                if let (Some(reply), Some(client)) = (reply, self.clients.get_mut(position)) {
                    client.push_reply(&reply);
                }
            }
        }
    }

    /// Does what a client asks. `None` where the answer comes later, or is not wanted.
    fn answer(&mut self, position: usize, request: Request) -> Option<Reply> {
        match request {
            Request::Start { terminal_size } => {
                self.order.spec.process.terminal_size = terminal_size;
                self.answer_start(position);
                None
            }
            Request::Attach {
                stdin,
                stdout,
                stderr,
            } => {
                self.clients.get_mut(position)?.attach(
                    stdin && self.order.open_stdin,
                    stdout,
                    stderr,
                );
                Some(Reply::Done)
            }
            Request::Wait => {
                self.clients.get_mut(position)?.wait_for_end();
                None
            }
            Request::Resize { rows, columns } => {
                if let Some(running) = &self.running {
                    running.resize(rows, columns);
                }
                None
            }
            Request::Signal { signal } => Some(self.answer_signal(signal)),
            Request::Stop {
                signal,
                timeout_seconds,
            } => {
                self.clients.get_mut(position)?.wait_for_stop();
                self.begin_stop(signal, timeout_seconds);
                None
            }
            Request::Pause => Some(self.answer_hold(true)),
            Request::Unpause => Some(self.answer_hold(false)),
            Request::LeadPorts { addresses } => Some(match self.host.lead_ports(addresses) {
                Ok(()) => Reply::Done,
                Err(text) => Reply::Refused { text },
            }),
            Request::SetRestart { policy } => {
                self.order.restart = policy;
                Some(Reply::Done)
            }
        }
    }

    fn answer_start(&mut self, position: usize) {
        let reply = if self.begun {
            Reply::Refused {
                text: MonitorError::Running.to_string(),
            }
        } else {
            self.begun = true;
            self.state.restarts = 0;
            self.state.stopped_by_user = false;
            self.start()
                .map_or_else(|failure| failure, |warnings| Reply::Started { warnings })
        };
        if let Some(client) = self.clients.get_mut(position) {
            client.push_reply(&reply);
        }
        if self.running.is_none() {
            self.tell_end();
        }
    }

    fn answer_signal(&mut self, signal: i32) -> Reply {
        let Some(running) = &self.running else {
            return Reply::Refused {
                text: "the container is not running".to_owned(),
            };
        };
        match running.signal(signal) {
            Ok(()) => Reply::Done,
            Err(error) => Reply::Refused {
                text: error.to_string(),
            },
        }
    }

    fn answer_hold(&mut self, held: bool) -> Reply {
        let (from, to) = if held {
            (Status::Running, Status::Paused)
        } else {
            (Status::Paused, Status::Running)
        };
        if self.state.status != from {
            let is = if self.state.status == Status::Paused {
                "already paused"
            } else if held {
                "not running"
            } else {
                "not paused"
            };
            return Reply::Refused {
                text: format!("the container is {is}"),
            };
        }
        match self.host.hold(held) {
            Ok(()) => {
                self.state.status = to;
                self.record();
                Reply::Done
            }
            Err(text) => Reply::Refused { text },
        }
    }

    /// Starts the container's first process.
    fn start(&mut self) -> Result<Vec<String>, Reply> {
        let started = Running::start(&self.order, &mut *self.host);
        match started {
            Ok((running, cgroup, warnings)) => {
                self.state.status = Status::Running;
                self.state.process = Some(running.process().as_raw_nonzero().get());
                self.state.started = Some(Timestamp::now());
                self.state.error = String::new();
                self.state.cgroup = cgroup;
                self.state.health = self.health.as_mut().map(|health| {
                    health.begin(Instant::now());
                    HealthState {
                        status: "starting".to_owned(),
                        ..HealthState::default()
                    }
                });
                self.running = Some(running);
                self.record();
                self.host.changed(true);
                Ok(warnings)
            }
            Err(error) => {
                let exit_code = match &error {
                    LaunchError::Failed { exit_code, .. } => *exit_code,
                    _ => 125,
                };
                let text = error.to_string();
                self.host.clean_up(&self.order);
                self.state.status = if self.state.started.is_some() {
                    Status::Exited
                } else {
                    Status::Created
                };
                self.state.process = None;
                self.state.exit_code = i32::from(exit_code);
                self.state.error.clone_from(&text);
                self.record();
                self.host.changed(false);
                Err(Reply::Failed { text, exit_code })
            }
        }
    }

    fn begin_stop(&mut self, signal: Option<i32>, timeout_seconds: Option<i64>) {
        self.stopping = true;
        self.state.stopped_by_user = true;
        self.next_start = None;
        let Some(running) = &self.running else {
            // Between two lives.
            self.begun = true;
            self.state.status = Status::Exited;
            self.record();
            self.host.ended();
            self.tell_end();
            return;
        };
        // What is held cannot react.
        if self.state.status == Status::Paused && self.host.hold(false).is_ok() {
            self.state.status = Status::Running;
        }
        // It may have ended at this moment.
        let _ended = running.signal(signal.unwrap_or(self.order.stop_signal));
        let seconds = timeout_seconds.unwrap_or(self.order.stop_timeout_seconds);
        self.kill_at = u64::try_from(seconds)
            .ok()
            .and_then(|seconds| Instant::now().checked_add(Duration::from_secs(seconds)));
    }

    /// Takes the end of the first process, and of others that became ours.
    fn reap(&mut self) {
        while let Ok(Some((process, status))) = rustix::process::wait(WaitOptions::NOHANG) {
            let code = exit_code(status);
            if let Some(running) = &mut self.running
                && running.process() == process
            {
                running.ended(code);
            } else if let Some(health) = &mut self.health {
                health.ended(process, code);
            }
        }
        // Its last words are waited for, though not for ever: another process may hold its streams.
        if self.running.as_ref().is_some_and(Running::is_over)
            && let Some(running) = self.running.take()
        {
            self.finish(&running);
        }
    }

    fn finish(&mut self, running: &Running) {
        let _lost = self.log.finish();
        self.state.oom_killed = self.host.clean_up(&self.order);
        self.state.exit_code = running.code();
        self.state.process = None;
        self.state.cgroup = None;
        self.state.finished = Some(Timestamp::now());
        self.kill_at = None;
        if let Some(health) = &mut self.health {
            health.stop();
        }
        if running.lived() >= GOOD_LIFE {
            self.delay = FIRST_DELAY;
        }
        let again = !self.stopping && self.is_wanted_again();
        if again {
            self.state.status = Status::Restarting;
            self.state.restarts += 1;
            self.next_start = Instant::now().checked_add(self.delay);
            self.delay = (self.delay * 2).min(LONGEST_DELAY);
        } else {
            self.state.status = Status::Exited;
        }
        self.record();
        self.host.changed(again);
        if !again {
            self.host.ended();
        }
        self.tell_end();
    }

    fn is_wanted_again(&self) -> bool {
        match self.order.restart {
            RestartPolicy::No => false,
            RestartPolicy::Always | RestartPolicy::UnlessStopped => true,
            RestartPolicy::OnFailure { max_retries } => {
                let fresh = max_retries == 0 || self.state.restarts < max_retries;
                self.state.exit_code != 0 && fresh
            }
        }
    }

    fn keep_time(&mut self) {
        let now = Instant::now();
        if self.kill_at.is_some_and(|at| at <= now) {
            self.kill_at = None;
            if let Some(running) = &self.running {
                let _ended = running.signal(sys::KILL);
            }
        }
        if self.next_start.is_some_and(|at| at <= now) {
            self.next_start = None;
            if self.start().is_err() {
                self.tell_end();
            }
        }
        let (Some(running), Some(health)) = (&self.running, &mut self.health) else {
            return;
        };
        if let Some(found) = health.keep_time(
            now,
            &self.order.spec,
            running.process(),
            self.state.cgroup.as_ref(),
        ) {
            self.state.health = Some(found);
            self.record();
        }
    }

    fn tell_end(&mut self) {
        for client in &mut self.clients {
            client.tell_end(self.state.exit_code);
        }
    }

    /// Writes the state down. A disk that is full must not end the container.
    fn record(&self) {
        let passes = self.state.status.is_alive() && self.order.restart == RestartPolicy::No;
        let _lost = if passes {
            self.folder.write_passing_state(&self.state)
        } else {
            self.folder.write_state(&self.state)
        };
    }

    fn end(&mut self) {
        // Those who connect now find nobody, and look at the state.
        let _gone = std::fs::remove_file(&self.socket);
        for client in &mut self.clients {
            client.flush_for_the_last_time();
        }
    }
}

struct Ready {
    signals: bool,
    listener: bool,
}

/// Listens at `socket`, whose name a dead monitor may have left.
fn listen(socket: &std::path::Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => (),
    }
    // A path of a socket has room for 108 bytes; one relative to an open folder is always short enough.
    let folder = socket.parent().unwrap_or(std::path::Path::new("/"));
    let listener = crate::client::in_folder(folder, |short| {
        UnixListener::bind(short.join(socket.file_name().unwrap_or_default()))
    })?;
    listener.set_nonblocking(true)?;
    let _open = listener.as_fd();
    Ok(listener)
}
