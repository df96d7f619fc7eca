//! The smallest Ceph that has an object gateway: a monitor, a store in memory, the gateway, all on loopback and in one
//! folder. Nobody proves who he is inside; whoever can reach loopback may read what a test stored.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::files::{read, write};
use crate::peers::{find_program, skip};
use crate::servers::port::ReservedPort;
use crate::servers::server::{Ending, Server};

/// The monitor, the store and the gateway, running.
#[derive(Debug)]
pub(super) struct Cluster {
    // In this order: the gateway stops before what it talks to, and all of it before the files go.
    gateway: Option<Server>,
    _store: Server,
    _monitor: Server,
    gateway_port: ReservedPort,
    _monitor_port: ReservedPort,
    programs: Programs,
    folder: TempDir,
}

impl Cluster {
    /// Starts it, with one user of the gateway.
    pub(super) fn start(
        programs: Programs,
        access_key: &str,
        secret_key: &str,
    ) -> Result<Self, String> {
        let folder = tempfile::Builder::new()
            .prefix("wharf-s3-")
            .tempdir()
            .expect("a temporary folder");
        let [monitor_port, gateway_port] = [ReservedPort::take(), ReservedPort::take()];
        let in_folder = InFolder {
            programs: &programs,
            folder: folder.path(),
        };
        in_folder.configure(monitor_port.number(), gateway_port.number());
        let monitor = in_folder.start_monitor(monitor_port.number())?;
        let store = in_folder.start_store()?;
        in_folder.make_user(access_key, secret_key);
        let mut cluster = Self {
            gateway: None,
            _store: store,
            _monitor: monitor,
            gateway_port,
            _monitor_port: monitor_port,
            programs,
            folder,
        };
        cluster.start_gateway()?;
        Ok(cluster)
    }

    pub(super) fn port(&self) -> u16 {
        self.gateway_port.number()
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn start_gateway(&mut self) -> Result<(), String> {
        let in_folder = InFolder {
            programs: &self.programs,
            folder: self.folder.path(),
        };
        // It says this after it has begun to listen.
        let ready = "service_daemon_register";
        self.gateway = Some(in_folder.serve(&self.programs.radosgw, &["-i", "gateway"], ready)?);
        Ok(())
    }

    pub(super) fn stop_gateway(&mut self, signal: &str) {
        if let Some(gateway) = self.gateway.take() {
            gateway.stop(signal);
        }
    }
}

/// Ceph's programs that are needed.
#[derive(Debug)]
pub(super) struct Programs {
    ceph: PathBuf,
    ceph_mon: PathBuf,
    ceph_osd: PathBuf,
    monmaptool: PathBuf,
    radosgw: PathBuf,
    radosgw_admin: PathBuf,
}

impl Programs {
    /// Says aloud what is missing.
    pub(super) fn installed() -> Option<Self> {
        let find = |name: &str, package: &str| {
            let found = find_program(name);
            if found.is_none() {
                skip(&format!(
                    "{name} is not installed (apt-get install {package})"
                ));
            }
            found
        };
        Some(Self {
            ceph: find("ceph", "ceph-common")?,
            ceph_mon: find("ceph-mon", "ceph-mon")?,
            ceph_osd: find("ceph-osd", "ceph-osd")?,
            monmaptool: find("monmaptool", "ceph-base")?,
            radosgw: find("radosgw", "radosgw")?,
            radosgw_admin: find("radosgw-admin", "ceph-common")?,
        })
    }
}

/// The programs at work in one folder.
#[derive(Clone, Copy)]
struct InFolder<'a> {
    programs: &'a Programs,
    folder: &'a Path,
}

impl InFolder<'_> {
    fn configure(&self, monitor_port: u16, gateway_port: u16) {
        for name in ["monitor", "store", "gateway", "crash"] {
            fs::create_dir(self.folder.join(name)).expect("a folder of the cluster");
        }
        let folder = self.folder.display();
        let cluster = random_uuid();
        let text = format!(
            "[global]
fsid = {cluster}
mon host = [v2:127.0.0.1:{monitor_port}]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
# without keys there is no encryption, which the gateway wants unless told otherwise
ms mon client mode = crc

run dir = {folder}
admin socket =
crash dir = {folder}/crash
mon data = {folder}/monitor
osd data = {folder}/store
rgw data = {folder}/gateway
log file =
log to stderr = true
err to stderr = true
mon cluster log to file = false
debug rocksdb = 0
debug rgw = 0

# one store, in memory, whatever the disk says
osd objectstore = memstore
memstore device bytes = 8589934592
osd crush chooseleaf type = 0
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
mon allow pool size one = true
# a disk that is nearly full is none of its business
mon data avail warn = -1
mon data avail crit = -1

# the monitor would wait for other changes to join in: half a second for each pool and more
paxos propose interval = 0.01
paxos min wait = 0.01
mon tick interval = 1

rgw frontends = beast endpoint=127.0.0.1:{gateway_port}
rgw dynamic resharding = false
"
        );
        write(&self.configuration(), text);
        write(&self.folder.join("cluster"), cluster);
    }

    fn start_monitor(&self, port: u16) -> Result<Server, String> {
        let map = self.folder.join("monmap");
        let cluster = read(&self.folder.join("cluster"));
        let address = format!("[v2:127.0.0.1:{port}]");
        run(Command::new(&self.programs.monmaptool)
            .args(["--create", "--fsid", &String::from_utf8_lossy(&cluster)])
            .args(["--addv", "a", &address])
            .arg(&map));
        run(self
            .command(&self.programs.ceph_mon)
            .args(["--mkfs", "-i", "a", "--monmap"])
            .arg(&map));
        self.serve(&self.programs.ceph_mon, &["-i", "a"], "mons a in quorum")
    }

    fn start_store(&self) -> Result<Server, String> {
        let id = random_uuid();
        run(self
            .command(&self.programs.ceph)
            .args(["--connect-timeout", "20", "osd", "new", &id]));
        run(self
            .command(&self.programs.ceph_osd)
            .args(["-i", "0", "--mkfs", "--osd-uuid", &id]));
        self.serve(
            &self.programs.ceph_osd,
            &["-i", "0"],
            "state: booting -> active",
        )
    }

    fn make_user(&self, access_key: &str, secret_key: &str) {
        run(self
            .command(&self.programs.radosgw_admin)
            .args(["user", "create", "--uid=wharf", "--display-name=Wharf"])
            .args(["--access-key", access_key, "--secret-key", secret_key]));
    }

    /// Starts a server and waits until its log has a line with `ready`.
    fn serve(&self, program: &Path, arguments: &[&str], ready: &str) -> Result<Server, String> {
        let configuration = self.configuration();
        let mut words: Vec<&OsStr> = vec!["-f".as_ref(), "-c".as_ref(), configuration.as_os_str()];
        words.extend(arguments.iter().map(OsStr::new));
        let ending = Ending {
            // The store would write its memory to the disk, and the gateway wait for the others: nobody wants either.
            signal: "KILL",
            sweep: Some(self.folder),
        };
        let ready = ready.to_owned();
        let is_ready = move |line: &str| line.contains(&ready).then_some(());
        let (server, ()) = Server::start_until(ending, program, &words, self.folder, is_ready)?;
        Ok(server)
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.arg("-c").arg(self.configuration());
        command
    }

    fn configuration(&self) -> PathBuf {
        self.folder.join("ceph.conf")
    }
}

fn random_uuid() -> String {
    let uuid = read(Path::new("/proc/sys/kernel/random/uuid"));
    String::from_utf8_lossy(&uuid).trim().to_owned()
}

/// Runs a program to its end. Panics when it fails.
fn run(command: &mut Command) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}
