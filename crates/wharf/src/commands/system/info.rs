//! `wharf info`: what this Wharf is and has.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use serde_json::{Map, Value, json};
use wharf_engine::Container;
use wharf_images::ListFilter;
use wharf_oci::Platform;
use wharf_runtime::Status;
use wharf_template::units::bytes_size;

use crate::arguments::{Command, Flag, Matches, Run};
use crate::commands::format_option::FORMAT_USAGE;
use crate::daemon_words::FoundByDaemon as _;
use crate::formatting::document::Document;
use crate::formatting::system_types::info_type;
use crate::session::Session;

/// Docker Hub's address, as Docker names it everywhere.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";
/// What is insecure without being listed.
const LOOPBACK: [&str; 2] = ["::1/128", "127.0.0.0/8"];

/// What volumes, networks and logs can be.
const VOLUME_DRIVERS: [&str; 1] = ["local"];
const NETWORK_DRIVERS: [&str; 3] = ["bridge", "host", "null"];
const LOG_DRIVERS: [&str; 1] = [DEFAULT_LOG_DRIVER];
const DEFAULT_LOG_DRIVER: &str = "json-file";
/// Groups are folders that Wharf makes itself.
const CGROUP_DRIVER: &str = "cgroupfs";
/// What makes containers, and what `--init` starts first: this program.
const RUNTIME: &str = "wharf";

const FORMAT: Flag = Flag::text("format", FORMAT_USAGE).letter('f');

pub(crate) const COMMAND: Command = Command {
    name: "info",
    spellings: &["wharf system info", "wharf info"],
    synopsis: "[OPTIONS]",
    summary: "Display system-wide information",
    flags: &[FORMAT],
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let facts = Facts::gather(session)?;
    let Some(format) = matches.some_text(&FORMAT) else {
        session.printer().out(&facts.text())?;
        return Ok(ExitCode::SUCCESS);
    };
    let (output, result) = Document::typed(&info_type(), &facts.document())?.format("", format);
    session.printer().out_bytes(&output)?;
    result.map(|()| ExitCode::SUCCESS)
}

/// Containers by what they do.
#[derive(Default)]
struct Counts {
    all: usize,
    running: usize,
    paused: usize,
}

impl Counts {
    fn of(containers: &[Container]) -> Self {
        let count = |wanted: fn(Status) -> bool| {
            let states = containers.iter().map(|container| container.state.status);
            states.filter(|status| wanted(*status)).count()
        };
        Self {
            all: containers.len(),
            running: count(|status| matches!(status, Status::Running | Status::Restarting)),
            paused: count(|status| status == Status::Paused),
        }
    }

    fn stopped(&self) -> usize {
        self.all - self.running - self.paused
    }
}

/// What there is to tell.
struct Facts<'a> {
    session: &'a Session,
    containers: Counts,
    images: usize,
    platform: Platform,
    kernel: String,
    hostname: String,
    operating_system: String,
    processors: usize,
    memory_bytes: u64,
}

impl<'a> Facts<'a> {
    fn gather(session: &'a Session) -> anyhow::Result<Self> {
        let images = session.engine().images(&ListFilter {
            all: true,
            ..ListFilter::default()
        });
        let names = rustix::system::uname();
        let system = rustix::system::sysinfo();
        Ok(Self {
            session,
            containers: Counts::of(&session.engine().containers().found_by_daemon()?),
            images: images.found_by_daemon()?.len(),
            platform: Platform::host(),
            kernel: names.release().to_string_lossy().into_owned(),
            hostname: names.nodename().to_string_lossy().into_owned(),
            operating_system: operating_system(),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: system.totalram * u64::from(system.mem_unit),
        })
    }

    fn root(&self) -> String {
        self.session.configuration().root.display().to_string()
    }

    /// As Docker's API has them.
    fn security_options(&self) -> Vec<&'static str> {
        let mut options = vec!["name=seccomp,profile=builtin"];
        if !self.session.is_machine_root() {
            options.push("name=rootless");
        }
        options.push("name=cgroupns");
        options
    }

    /// The same for people.
    fn security_text(&self) -> String {
        let mut text = " Security Options:\n".to_owned();
        for option in self.security_options() {
            let mut fields = option.split(',').filter_map(|field| field.split_once('='));
            if let Some((_, name)) = fields.next() {
                _ = writeln!(text, "  {name}");
            }
            for (_, profile) in fields {
                _ = writeln!(text, "   Profile: {profile}");
            }
        }
        text
    }

    fn document(&self) -> Value {
        let configuration = self.session.configuration();
        let proxies = &configuration.proxies;
        let insecure = |network: bool| {
            let listed = configuration
                .insecure
                .iter()
                .filter(move |entry| entry.contains('/') == network);
            listed.map(String::as_str)
        };
        let mut indexes = Map::new();
        let hub = json!({"Name": "docker.io", "Mirrors": configuration.mirrors, "Secure": true, "Official": true});
        indexes.insert("docker.io".to_owned(), hub);
        for name in insecure(false) {
            let index = json!({"Name": name, "Mirrors": [], "Secure": false, "Official": false});
            indexes.insert(name.to_owned(), index);
        }
        let networks: Vec<&str> = LOOPBACK.into_iter().chain(insecure(true)).collect();
        let mut document = json!({
            "ID": "",
            "Images": self.images,
            "Driver": "overlayfs",
            "DriverStatus": [],
            "Debug": false,
            "KernelVersion": self.kernel,
            "OperatingSystem": self.operating_system,
            "OSType": self.platform.os,
            "Architecture": machine(&self.platform),
            "IndexServerAddress": DOCKER_HUB,
            "RegistryConfig": {
                "InsecureRegistryCIDRs": networks,
                "IndexConfigs": indexes,
                "Mirrors": configuration.mirrors,
            },
            "NCPU": self.processors,
            "MemTotal": self.memory_bytes,
            "DockerRootDir": self.root(),
            "HttpProxy": proxies.http.as_deref().map(without_password).unwrap_or_default(),
            "HttpsProxy": proxies.https.as_deref().map(without_password).unwrap_or_default(),
            "NoProxy": proxies.no_proxy.clone().unwrap_or_default(),
            "Name": self.hostname,
            "Labels": [],
            "ExperimentalBuild": false,
            "ServerVersion": env!("CARGO_PKG_VERSION"),
            "Warnings": [],
            "ClientInfo": {
                "Debug": false,
                "Version": env!("CARGO_PKG_VERSION"),
                "Os": self.platform.os,
                "Arch": self.platform.architecture,
                "Context": "default",
                "Plugins": [],
                "Warnings": null,
            },
        });
        self.describe_containers(&mut document);
        document
    }

    /// How containers are made, and how many there are.
    fn describe_containers(&self, document: &mut Value) {
        let described = json!({
            "Containers": self.containers.all,
            "ContainersRunning": self.containers.running,
            "ContainersPaused": self.containers.paused,
            "ContainersStopped": self.containers.stopped(),
            "Plugins": {"Volume": VOLUME_DRIVERS, "Network": NETWORK_DRIVERS, "Authorization": null, "Log": LOG_DRIVERS},
            "LoggingDriver": DEFAULT_LOG_DRIVER,
            "CgroupDriver": CGROUP_DRIVER,
            "CgroupVersion": cgroup_version(),
            "Runtimes": {RUNTIME: {"path": RUNTIME}},
            "DefaultRuntime": RUNTIME,
            "LiveRestoreEnabled": false,
            "Isolation": "",
            "InitBinary": RUNTIME,
            "SecurityOptions": self.security_options(),
        });
        if let (Value::Object(document), Value::Object(described)) = (document, described) {
            document.extend(described);
        }
    }

    fn text(&self) -> String {
        let configuration = self.session.configuration();
        let version = env!("CARGO_PKG_VERSION");
        let mut text = format!(
            "Client: Wharf\n Version:    {version}\n Context:    default\n Debug Mode: false\n\nServer:\n Containers: {}\n  \
             Running: {}\n  Paused: {}\n  Stopped: {}\n Images: {}\n Server Version: {version}\n \
             Storage Driver: overlayfs\n Logging Driver: {DEFAULT_LOG_DRIVER}\n Cgroup Driver: {CGROUP_DRIVER}\n \
             Cgroup Version: {}\n Plugins:\n  Volume: {}\n  Network: {}\n  Log: {}\n Runtimes: {RUNTIME}\n \
             Default Runtime: {RUNTIME}\n Init Binary: {RUNTIME}\n{} Kernel Version: {}\n Operating System: {}\n OSType: {}\n Architecture: {}\n \
             CPUs: {}\n Total Memory: {}\n Name: {}\n Docker Root Dir: {}\n Debug Mode: false\n",
            self.containers.all,
            self.containers.running,
            self.containers.paused,
            self.containers.stopped(),
            self.images,
            cgroup_version(),
            VOLUME_DRIVERS.join(" "),
            NETWORK_DRIVERS.join(" "),
            LOG_DRIVERS.join(" "),
            self.security_text(),
            self.kernel,
            self.operating_system,
            self.platform.os,
            machine(&self.platform),
            self.processors,
            bytes_size(self.memory_bytes),
            self.hostname,
            self.root(),
        );
        let proxies = &configuration.proxies;
        for (title, proxy) in [
            ("HTTP Proxy", &proxies.http),
            ("HTTPS Proxy", &proxies.https),
            ("No Proxy", &proxies.no_proxy),
        ] {
            if let Some(proxy) = proxy {
                _ = writeln!(text, " {title}: {}", without_password(proxy));
            }
        }
        text.push_str(" Experimental: false\n Insecure Registries:\n");
        for entry in configuration
            .insecure
            .iter()
            .map(String::as_str)
            .chain(LOOPBACK)
        {
            _ = writeln!(text, "  {entry}");
        }
        if !configuration.mirrors.is_empty() {
            text.push_str(" Registry Mirrors:\n");
            for mirror in &configuration.mirrors {
                _ = writeln!(text, "  {}/", mirror.trim_end_matches('/'));
            }
        }
        text.push_str(" Live Restore Enabled: false\n");
        text
    }
}

/// The hierarchy that has the controllers; both at once count as the first version, as in Docker.
fn cgroup_version() -> &'static str {
    if Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
        "2"
    } else {
        "1"
    }
}

/// A proxy's address may hold a name and a password, which are nobody's business.
fn without_password(proxy: &str) -> String {
    let (scheme, rest) = proxy
        .split_once("://")
        .map_or(("", proxy), |(scheme, rest)| (scheme, rest));
    match rest.rsplit_once('@') {
        Some((_secret, host)) if scheme.is_empty() => format!("xxxxx:xxxxx@{host}"),
        Some((_secret, host)) => format!("{scheme}://xxxxx:xxxxx@{host}"),
        None => proxy.to_owned(),
    }
}

/// The machine as the kernel names it, which is what Docker prints here.
fn machine(platform: &Platform) -> String {
    match platform.architecture.as_str() {
        "amd64" => "x86_64".to_owned(),
        "arm64" => "aarch64".to_owned(),
        other => other.to_owned(),
    }
}

/// `PRETTY_NAME` of the system's release file.
fn operating_system() -> String {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = release
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.map_or_else(
        || "Linux".to_owned(),
        |name| name.trim_matches('"').to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::without_password;

    #[test]
    fn passwords_of_proxies_are_not_shown() {
        for (proxy, shown) in [
            ("http://proxy:3128", "http://proxy:3128"),
            (
                "http://anna:secret@proxy:3128",
                "http://xxxxx:xxxxx@proxy:3128",
            ),
            ("anna:se@cret@proxy", "xxxxx:xxxxx@proxy"),
        ] {
            assert_eq!(without_password(proxy), shown);
        }
    }
}
