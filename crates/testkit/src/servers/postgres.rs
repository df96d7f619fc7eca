//! PostgreSQL on a port of loopback, with its data in a temporary folder.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

use super::port::ReservedPort;
use super::server::{Ending, Server};
use crate::files::write;
use crate::peers::{find_program, skip};

/// The one user, who may do everything.
const USER: &str = "wharf";
const PASSWORD: &str = "harbour-5";
/// Debian keeps the programs of each version in a folder below this one.
const VERSIONS: &str = "/usr/lib/postgresql";
/// PostgreSQL refuses to run as root; Debian's package makes this user for it.
const SYSTEM_USER: &str = "postgres";

/// A running PostgreSQL. Dropping it stops it and removes its data.
#[derive(Debug)]
pub struct PostgresServer {
    // Before the folder: the server stops before its files go.
    server: Option<Server>,
    port: ReservedPort,
    programs: Programs,
    durable: bool,
    databases: AtomicU32,
    folder: TempDir,
}

impl PostgresServer {
    /// Starts a server for one test. It syncs nothing, so that it is quick. `None`, said aloud, where it is not installed.
    pub fn start() -> Option<Self> {
        Some(Self::start_as(Programs::installed()?, false))
    }

    /// As [`PostgresServer::start`]; what it has committed is on the disk, as a test of crashes wants it.
    pub fn start_durable() -> Option<Self> {
        Some(Self::start_as(Programs::installed()?, true))
    }

    /// The server that the tests of this process share, each with databases of its own. It ends with the process.
    /// `None`, said aloud by each caller, where it is not installed.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<PostgresServer> = OnceLock::new();
        let programs = Programs::installed()?;
        Some(SHARED.get_or_init(|| Self::start_as(programs, false)))
    }

    fn start_as(programs: Programs, durable: bool) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("wharf-postgres-")
            .tempdir()
            .expect("a temporary folder");
        programs.make_cluster(folder.path());
        let mut server = Self {
            server: None,
            port: ReservedPort::take(),
            programs,
            durable,
            databases: AtomicU32::new(0),
            folder,
        };
        server.resume();
        server
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port.number())
    }

    /// The folder of all of its files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Makes an empty database and gives its URL, `postgres://USER:PASSWORD@127.0.0.1:PORT/DATABASE`.
    pub fn database(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{number}");
        self.query(
            &self.url("postgres"),
            &format!("CREATE DATABASE {name} TEMPLATE template0"),
        );
        self.url(&name)
    }

    /// What `psql` prints for `sql` in the database at `url`: a row a line, columns parted by `|`, no heads.
    ///
    /// Panics when the server refuses it.
    pub fn query(&self, url: &str, sql: &str) -> String {
        let mut psql = Command::new(self.programs.folder.join("psql"));
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
            .args(["--set", "ON_ERROR_STOP=1", "--command", sql, url])
            .env("HOME", self.folder.path());
        run(&mut psql)
    }

    /// Stops the server in good order: clients are cut off, data is written. It keeps its port for
    /// [`PostgresServer::resume`].
    pub fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop("INT");
        }
    }

    /// Stops the server at once, as a crash would: the next start recovers from its log.
    pub fn crash(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop("QUIT");
        }
    }

    /// Starts a stopped server again, on the port it had.
    pub fn resume(&mut self) {
        let started = self
            .programs
            .start(self.folder.path(), self.port.number(), self.durable);
        self.server = Some(started.expect("PostgreSQL"));
    }

    /// Stops the server in good order and starts it again, on the same port.
    pub fn restart(&mut self) {
        self.stop();
        self.resume();
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://{USER}:{PASSWORD}@{}/{database}", self.address())
    }
}

/// Where PostgreSQL's programs are, and as whom they run.
#[derive(Debug)]
struct Programs {
    folder: PathBuf,
    /// The numbers of user and group, where it is not ourselves.
    user: Option<(u32, u32)>,
}

impl Programs {
    /// Says aloud what is missing.
    fn installed() -> Option<Self> {
        let Some(folder) = newest_version() else {
            skip("postgres is not installed (apt-get install postgresql)");
            return None;
        };
        if !rustix::process::geteuid().is_root() {
            return Some(Self { folder, user: None });
        }
        let user = system_user();
        if user.is_none() || find_program("setpriv").is_none() {
            skip("postgres does not run as root, and here is no user `postgres` or no setpriv");
            return None;
        }
        Some(Self { folder, user })
    }

    /// Makes the data folder with its one user.
    fn make_cluster(&self, folder: &Path) {
        let [data, password] = ["data", "password"].map(|name| folder.join(name));
        fs::create_dir(&data).expect("a folder for data");
        write(&password, PASSWORD);
        if let Some((user, group)) = self.user {
            for path in [folder, &data, &password] {
                chown(path, Some(user), Some(group)).expect("giving a folder to postgres");
            }
        }
        let mut arguments = self.run_as("initdb");
        arguments.extend(words(&["--auth=scram-sha-256", "--no-sync", "--locale=C"]));
        arguments.extend(words(&["--encoding=UTF8", "--username", USER, "--pwfile"]));
        arguments.extend([password.into(), "--pgdata".into(), data.into()]);
        let mut initdb = Command::new(arguments.remove(0));
        run(initdb.args(arguments).current_dir(folder));
    }

    fn start(&self, folder: &Path, port: u16, durable: bool) -> Result<Server, String> {
        let mut arguments = self.run_as("postgres");
        arguments.extend(["-D".into(), folder.join("data").into()]);
        let fsync = if durable { "fsync=on" } else { "fsync=off" };
        let port = format!("port={port}");
        for setting in [
            "listen_addresses=127.0.0.1",
            &port,
            fsync,
            // Nothing outside of the folder: no socket in /run, no segments in /dev/shm.
            "unix_socket_directories=",
            "dynamic_shared_memory_type=mmap",
            // Small, since a test process may have several.
            "shared_buffers=16MB",
            "max_connections=100",
            "log_timezone=UTC",
            "timezone=UTC",
        ] {
            arguments.extend(["-c".into(), setting.into()]);
        }
        let program = PathBuf::from(arguments.remove(0));
        let arguments: Vec<&OsStr> = arguments.iter().map(OsString::as_os_str).collect();
        let ending = Ending {
            // At once: nobody wants the data.
            signal: "QUIT",
            sweep: Some(folder),
        };
        let ready = |line: &str| line.contains("ready to accept connections").then_some(());
        let (server, ()) = Server::start_until(ending, &program, &arguments, folder, ready)?;
        Ok(server)
    }

    /// The words of a command that runs `program` as the right user. `setpriv` becomes it, so that signals reach it.
    fn run_as(&self, program: &str) -> Vec<OsString> {
        let program = self.folder.join(program).into_os_string();
        let Some((user, group)) = self.user else {
            return vec![program];
        };
        let setpriv = find_program("setpriv").expect("found before");
        let [user, group] = [format!("--reuid={user}"), format!("--regid={group}")];
        let mut command = vec![setpriv.into_os_string(), user.into(), group.into()];
        command.extend(words(&["--clear-groups", "--inh-caps=-all"]));
        command.push(program);
        command
    }
}

fn words(words: &[&str]) -> impl Iterator<Item = OsString> {
    words.iter().map(OsString::from)
}

fn newest_version() -> Option<PathBuf> {
    let versions = fs::read_dir(VERSIONS).ok()?.map_while(Result::ok);
    let complete = versions.filter(|version| version.path().join("bin/initdb").is_file());
    let newest = complete.max_by_key(|version| {
        let name = version.file_name();
        name.to_str().and_then(|name| name.parse::<u32>().ok())
    })?;
    Some(newest.path().join("bin"))
}

/// The user that Debian's package made: its number and its group's.
fn system_user() -> Option<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let user = users
        .lines()
        .find(|line| line.split(':').next() == Some(SYSTEM_USER))?;
    let mut fields = user.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// Runs a program to its end and gives its standard output. Panics when it fails.
fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned()
}
