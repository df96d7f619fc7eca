//! pasta or slirp4netns: found, started for a namespace, ended.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{Mode, OFlags};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, PidfdFlags, Signal};
use serde::{Deserialize, Serialize};

use super::super::ports::PortProtocol;
use super::super::program;
use super::super::publish::TakenPort;
use super::slirp;

/// A program that gives an ordinary user's container a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum UserNetworkTool {
    /// pasta, of passt: the container has the host's addresses.
    Pasta(PathBuf),
    /// slirp4netns: the container has an address of its own.
    Slirp4netns(PathBuf),
}

/// A running one.
#[derive(Debug)]
pub struct UserNetwork {
    running: Running,
    /// The container's address, where it has one of its own.
    pub address: Option<Ipv4Addr>,
    /// The server that the container asks for names, which asks the host's.
    pub dns_server: Ipv4Addr,
}

#[derive(Debug)]
enum Running {
    /// Ends when the descriptor is closed.
    Child(
        Child,
        #[expect(dead_code, reason = "held so that it is closed with this")] OwnedFd,
    ),
    /// It went to the background; its first process ended when the network was there.
    Background(Pid, OwnedFd),
}

/// Why there is no such network: the caller takes the host's and says so.
#[derive(Debug, thiserror::Error)]
pub enum UserNetworkError {
    /// Neither program.
    #[error("neither pasta nor slirp4netns is installed")]
    NotInstalled,
    /// The device that both need.
    #[error("{tool} needs /dev/net/tun, which this user may not open: {source}")]
    NoTunnel {
        /// Which program there is.
        tool: &'static str,
        /// Why.
        source: io::Error,
    },
    /// It did not come up.
    #[error("{tool} did not start within {seconds} s, and was ended")]
    TooSlow {
        /// Which.
        tool: &'static str,
        /// How long it was waited.
        seconds: u64,
    },
    /// It said no.
    #[error("{tool} failed: {said}")]
    Failed {
        /// Which.
        tool: &'static str,
        /// What it said.
        said: String,
    },
    /// It could not be started or asked.
    #[error("cannot start {tool}: {source}")]
    Start {
        /// Which.
        tool: &'static str,
        /// Why.
        source: io::Error,
    },
}

/// How long it may take until the network is there, and until it is gone.
pub(super) const LIMIT: Duration = Duration::from_secs(5);

/// The address under which a container of pasta's asks the host's servers for names: one that nobody has.
const PASTA_DNS: Ipv4Addr = Ipv4Addr::new(169, 254, 1, 1);

impl UserNetworkTool {
    /// The better one of those that are installed and can work: both want /dev/net/tun, and where that is root's alone pasta does not
    /// even end, so that it is looked at first.
    pub fn find() -> Result<Self, UserNetworkError> {
        let tool = program::find("pasta").map(Self::Pasta);
        let tool = tool.or_else(|| program::find("slirp4netns").map(Self::Slirp4netns));
        let tool = tool.ok_or(UserNetworkError::NotInstalled)?;
        let flags = OFlags::RDWR | OFlags::CLOEXEC;
        match rustix::fs::open("/dev/net/tun", flags, Mode::empty()) {
            Ok(_) => Ok(tool),
            Err(error) => Err(UserNetworkError::NoTunnel {
                tool: tool.name(),
                source: error.into(),
            }),
        }
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pasta(_) => "pasta",
            Self::Slirp4netns(_) => "slirp4netns",
        }
    }

    /// The server that containers of it ask for names, which asks the host's.
    pub fn dns_server(&self) -> Ipv4Addr {
        match self {
            Self::Pasta(_) => PASTA_DNS,
            Self::Slirp4netns(_) => slirp::DNS,
        }
    }

    /// Starts it for the network namespace of the process `pid`, which has a user namespace of its own if `own_user_namespace`. The
    /// ports are bound by the program: nobody else may hold them any more. `folder` is for its sockets and numbers.
    pub fn start(
        &self,
        pid: u32,
        own_user_namespace: bool,
        ports: &[TakenPort],
        folder: &Path,
    ) -> Result<UserNetwork, UserNetworkError> {
        let network = format!("/proc/{pid}/ns/net");
        let user = own_user_namespace.then(|| format!("/proc/{pid}/ns/user"));
        match self {
            Self::Pasta(path) => self.start_pasta(path, &network, user.as_deref(), ports, folder),
            Self::Slirp4netns(path) => {
                self.start_slirp(path, &network, user.as_deref(), ports, folder)
            }
        }
    }

    /// Whether it can lead a port of this address to a container: slirp4netns listens at no address of IPv6.
    pub fn can_publish(&self, port: &TakenPort) -> bool {
        matches!(self, Self::Pasta(_)) || port.host_ip.is_ipv4()
    }

    fn start_pasta(
        &self,
        path: &Path,
        network: &str,
        user: Option<&str>,
        ports: &[TakenPort],
        folder: &Path,
    ) -> Result<UserNetwork, UserNetworkError> {
        let pid_file = folder.join("pasta.pid");
        let dns = PASTA_DNS.to_string();
        let mut command = Command::new(path);
        command.args([
            "--config-net",
            "--quiet",
            "--no-map-gw",
            "--dns-forward",
            &dns,
        ]);
        command.args(["-T", "none", "-U", "none", "--netns", network]);
        match user {
            Some(user) => command.args(["--userns", user]),
            None => command.arg("--netns-only"),
        };
        // As root it would become nobody, who may not enter.
        if rustix::process::geteuid().is_root() {
            command.args(["--runas", "0:0"]);
        }
        command.arg("--pid").arg(&pid_file);
        command.args(pasta_ports(ports));
        let mut child = self.spawn(&mut command, Stdio::null(), Stdio::null())?;
        let ended = program::ends_within(&mut child, LIMIT);
        if !ended.map_err(|source| self.failure(source))? {
            return Err(self.too_slow(&mut child));
        }
        let status = child.wait().map_err(|source| self.failure(source))?;
        if !status.success() {
            return Err(self.failed(&mut child));
        }
        let number = std::fs::read_to_string(&pid_file).map_err(|source| self.failure(source))?;
        let process = number.trim().parse().ok().and_then(Pid::from_raw);
        let process =
            process.ok_or_else(|| self.failure(io::Error::other("it left no process number")))?;
        let descriptor = rustix::process::pidfd_open(process, PidfdFlags::empty());
        let descriptor = descriptor.map_err(|error| self.failure(error.into()))?;
        Ok(UserNetwork {
            running: Running::Background(process, descriptor),
            address: None,
            dns_server: self.dns_server(),
        })
    }

    fn start_slirp(
        &self,
        path: &Path,
        network: &str,
        user: Option<&str>,
        ports: &[TakenPort],
        folder: &Path,
    ) -> Result<UserNetwork, UserNetworkError> {
        // Where a socket stands nobody else can listen.
        drop(std::fs::remove_file(folder.join(slirp::SOCKET)));
        let pipe = || pipe_with(PipeFlags::CLOEXEC).map_err(|error| self.failure(error.into()));
        let (ready, ready_theirs) = pipe()?;
        let (end_theirs, end) = pipe()?;
        let mut command = Command::new(path);
        command.args([
            "--configure",
            "--mtu=65520",
            "--disable-host-loopback",
            "--netns-type=path",
        ]);
        if let Some(user) = user {
            command.arg(format!("--userns-path={user}"));
        }
        // It writes to its input when it is ready, and ends when nobody holds the other end of its output any more: with this process,
        // however that ends.
        command
            .args(["--ready-fd=0", "--exit-fd=1", "--api-socket"])
            .arg(slirp::SOCKET)
            .args([network, "tap0"])
            .current_dir(folder);
        let mut child = self.spawn(&mut command, ready_theirs.into(), end_theirs.into())?;
        drop(command);
        if !becomes_readable(&ready).map_err(|source| self.failure(source))? {
            return Err(self.too_slow(&mut child));
        }
        // The end without a byte before it: it has given up, though it may not have ended yet.
        if rustix::io::read(&ready, &mut [0; 1]).map_err(|error| self.failure(error.into()))? == 0 {
            program::end(&mut child).map_err(|source| self.failure(source))?;
            return Err(self.failed(&mut child));
        }
        let mut network = UserNetwork {
            running: Running::Child(child, end),
            address: Some(slirp::ADDRESS),
            dns_server: self.dns_server(),
        };
        for port in ports {
            if let Err(said) = slirp::forward(folder, port) {
                network.end()?;
                return Err(UserNetworkError::Failed {
                    tool: self.name(),
                    said,
                });
            }
        }
        Ok(network)
    }

    fn spawn(
        &self,
        command: &mut Command,
        stdin: Stdio,
        stdout: Stdio,
    ) -> Result<Child, UserNetworkError> {
        // A group of its own: what it starts before it is ready ends with it.
        let command = command.stdin(stdin).stdout(stdout).stderr(Stdio::piped());
        let spawned = command.process_group(0).spawn();
        spawned.map_err(|source| self.failure(source))
    }

    fn too_slow(&self, child: &mut Child) -> UserNetworkError {
        if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
        // Killed, it ends at once.
        drop(child.wait());
        UserNetworkError::TooSlow {
            tool: self.name(),
            seconds: LIMIT.as_secs(),
        }
    }

    fn failed(&self, child: &mut Child) -> UserNetworkError {
        let said = child.stderr.take().map(program::read).unwrap_or_default();
        let last = said.lines().rev().find(|line| !line.trim().is_empty());
        UserNetworkError::Failed {
            tool: self.name(),
            said: last.unwrap_or("it does not say why").trim().to_owned(),
        }
    }

    fn failure(&self, source: io::Error) -> UserNetworkError {
        UserNetworkError::Start {
            tool: self.name(),
            source,
        }
    }
}

impl UserNetwork {
    /// The program's process, for whoever ends it after this process has gone.
    pub fn process(&self) -> u32 {
        match &self.running {
            Running::Child(child, _) => child.id(),
            Running::Background(pid, _) => u32::try_from(pid.as_raw_nonzero().get()).unwrap_or(0),
        }
    }

    /// Ends it.
    pub fn end(&mut self) -> Result<(), UserNetworkError> {
        let ended = match &mut self.running {
            Running::Child(child, _) => program::end(child),
            Running::Background(_, descriptor) => {
                match rustix::process::pidfd_send_signal(&*descriptor, Signal::TERM) {
                    Ok(()) => becomes_readable(&*descriptor).map(drop),
                    Err(rustix::io::Errno::SRCH) => Ok(()),
                    Err(error) => Err(error.into()),
                }
            }
        };
        ended.map_err(|source| UserNetworkError::Start {
            tool: "the network's program",
            source,
        })
    }
}

/// Arguments for ports: `-t 127.0.0.1/8080:80`.
fn pasta_ports(ports: &[TakenPort]) -> Vec<String> {
    let mut arguments = Vec::new();
    for (flag, protocol) in [("-t", PortProtocol::Tcp), ("-u", PortProtocol::Udp)] {
        let before = arguments.len();
        for port in ports.iter().filter(|port| port.protocol == protocol) {
            let ports = format!("{}:{}", port.host_port, port.container_port);
            let argument = match port.host_ip {
                // It takes both kinds at once.
                address if address.is_unspecified() && address.is_ipv4() => ports,
                IpAddr::V6(address) if address.is_unspecified() => continue,
                address => format!("{address}/{ports}"),
            };
            arguments.extend([flag.to_owned(), argument]);
        }
        if arguments.len() == before {
            arguments.extend([flag.to_owned(), "none".to_owned()]);
        }
    }
    arguments
}

/// Whether there is something to read, or an end, in time.
fn becomes_readable(descriptor: impl AsFd) -> io::Result<bool> {
    let deadline = Instant::now() + LIMIT;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut waiting = [PollFd::new(&descriptor, PollFlags::IN)];
        match rustix::event::poll(&mut waiting, Timespec::try_from(left).ok().as_ref()) {
            Ok(0) if left.is_zero() => return Ok(false),
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) => return Ok(true),
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Ipv6Addr, TcpListener, TcpStream};

    use super::super::super::NetworkNamespace;
    use super::super::super::ports::parse_publish;
    use super::super::super::publish::take_ports;
    use super::*;

    #[test]
    fn ports_as_pasta_takes_them() {
        let port = |host_ip: IpAddr, host_port, container_port, protocol| TakenPort {
            host_ip,
            host_port,
            container_port,
            protocol,
        };
        let ports = [
            port(Ipv4Addr::UNSPECIFIED.into(), 8080, 80, PortProtocol::Tcp),
            port(Ipv6Addr::UNSPECIFIED.into(), 8080, 80, PortProtocol::Tcp),
            port(Ipv4Addr::LOCALHOST.into(), 8081, 81, PortProtocol::Tcp),
        ];
        let expected = ["-t", "8080:80", "-t", "127.0.0.1/8081:81", "-u", "none"];
        assert_eq!(pasta_ports(&ports), expected);
    }

    /// A process in a namespace of its own, a tool for it, and a question through a published port.
    fn serves(tool: &UserNetworkTool) {
        let mut process = Command::new("unshare")
            .args(["--user", "--map-root-user", "--net"])
            .args(["sh", "-c", "echo ready; exec sleep 1000"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        process
            .stdout
            .take()
            .unwrap()
            .read_exact(&mut [0; 6])
            .unwrap();
        let namespace = NetworkNamespace::of_process(process.id()).unwrap();
        // Longer than the path of a socket may be.
        let folder = tempfile::Builder::new()
            .prefix(&"x".repeat(110))
            .tempdir()
            .unwrap();
        let bindings = parse_publish("127.0.0.1::80").unwrap();
        let held = take_ports(&bindings, Ipv4Addr::LOCALHOST, &|_, _, _| false).unwrap();
        let port = held[0].port;
        drop(held);
        let started = tool.start(process.id(), true, &[port], folder.path());
        let asked = started.map(|mut network| {
            let listener = namespace
                .inside(|| TcpListener::bind("0.0.0.0:80"))
                .unwrap();
            let server = std::thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                stream.write_all(b"hello").unwrap();
            });
            let mut stream = TcpStream::connect(("127.0.0.1", port.host_port)).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            server.join().unwrap();
            let pid = network.process();
            network.end().unwrap();
            let left = Path::new(&format!("/proc/{pid}/exe")).exists();
            (answer, left)
        });
        // A port that somebody has is refused, with the program's own words.
        let busy = TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = TakenPort {
            host_port: busy.local_addr().unwrap().port(),
            ..port
        };
        let refused = tool.start(process.id(), true, &[taken], folder.path());
        process.kill().unwrap();
        process.wait().unwrap();
        assert_eq!(asked.unwrap(), ("hello".to_owned(), false));
        assert!(
            matches!(refused, Err(UserNetworkError::Failed { .. })),
            "{refused:?}"
        );
    }

    #[test]
    fn privileged_a_tool_leads_ports_to_a_namespace() {
        let test = "privileged_a_tool_leads_ports_to_a_namespace";
        if !rustix::process::geteuid().is_root() {
            println!("SKIPPED {test}: the namespace of this test is root's");
            return;
        }
        if let Err(error) = UserNetworkTool::find() {
            println!("SKIPPED {test}: {error}");
            return;
        }
        let tools = [
            program::find("pasta").map(UserNetworkTool::Pasta),
            program::find("slirp4netns").map(UserNetworkTool::Slirp4netns),
        ];
        for tool in tools.into_iter().flatten() {
            serves(&tool);
        }
    }

    // A program that neither comes up nor ends, with a child that would stay.
    fn hangs(tool: fn(PathBuf) -> UserNetworkTool) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hangs");
        let child = folder.path().join("child");
        let mut file = std::fs::File::create(&path).unwrap();
        let script = format!("sleep 1000 &\necho $! > {}\nsleep 1000", child.display());
        writeln!(file, "#!/bin/sh\n{script}").unwrap();
        rustix::fs::fchmod(&file, Mode::from_raw_mode(0o755)).unwrap();
        drop(file);
        let tool = tool(path);
        let started = tool.start(std::process::id(), false, &[], folder.path());
        let text = started.unwrap_err().to_string();
        assert_eq!(
            text,
            format!("{} did not start within 5 s, and was ended", tool.name())
        );
        let child = std::fs::read_to_string(child).unwrap();
        let stat = format!("/proc/{}/stat", child.trim());
        // Killed, it needs a moment to be gone.
        let deadline = Instant::now() + LIMIT;
        loop {
            let state = std::fs::read_to_string(&stat).unwrap_or_default();
            if state.is_empty() || state.contains(") Z ") {
                break;
            }
            assert!(Instant::now() < deadline, "{state}");
            std::thread::yield_now();
        }
    }

    #[test]
    fn pasta_that_hangs_is_ended() {
        hangs(UserNetworkTool::Pasta);
    }

    #[test]
    fn slirp4netns_that_hangs_is_ended() {
        hangs(UserNetworkTool::Slirp4netns);
    }
}
