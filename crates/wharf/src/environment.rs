//! The one place that reads the environment. Everything else is told.

use std::ffi::{OsStr, OsString};
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// The machine's accounts, which tell where a user's home is if `HOME` does not.
const ACCOUNTS: &str = "/etc/passwd";
/// No machine has more local accounts than this much text holds.
const MAX_ACCOUNTS_BYTES: u64 = 4 << 20;

/// A variable that Wharf knows, for `docs/cli/environment.md`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Variable {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it does, in one line.
    pub(crate) meaning: &'static str,
}

/// Every variable that has an effect or that people may expect to have one.
pub(crate) const VARIABLES: &[Variable] = &[
    Variable {
        name: "WHARF_ROOT",
        meaning: "Folder of the store; `--root` wins",
    },
    Variable {
        name: "WHARF_CONFIG",
        meaning: "The one `wharf.toml` to read, instead of the system's and the user's",
    },
    Variable {
        name: "WHARF_LOG",
        meaning: "What is logged to stderr, as `--log-level` or as `tracing` filters; `--log-level` wins",
    },
    Variable {
        name: "WHARF_REGISTRY_ADMIN_PASSWORD",
        meaning: "Password of the first administrator that `wharf registry serve` makes at its first start",
    },
    Variable {
        name: "NOTIFY_SOCKET",
        meaning: "Where `wharf registry serve` tells systemd that it serves, and that it stops; set by systemd",
    },
    Variable {
        name: "LISTEN_PID, LISTEN_FDS",
        meaning: "A socket that systemd holds for `wharf registry serve`; set by systemd",
    },
    Variable {
        name: "DOCKER_CONFIG",
        meaning: "Folder of Docker's `config.json` (default `~/.docker`); `--config` wins",
    },
    Variable {
        name: "DOCKER_AUTH_CONFIG",
        meaning: "Credentials as JSON, like `config.json`; tried before that file, never written",
    },
    Variable {
        name: "DOCKER_DEFAULT_PLATFORM",
        meaning: "Platform of `pull` and `import` if `--platform` is not given",
    },
    Variable {
        name: "DOCKER_CONTENT_TRUST",
        meaning: "Refused if on: signatures of Notary version 1 are not verified by Wharf",
    },
    Variable {
        name: "DOCKER_HOST",
        meaning: "No effect: there is no daemon to connect to",
    },
    Variable {
        name: "DOCKER_CONTEXT",
        meaning: "No effect, like `DOCKER_HOST`",
    },
    Variable {
        name: "HTTP_PROXY, http_proxy",
        meaning: "Proxy for registries on plain HTTP",
    },
    Variable {
        name: "HTTPS_PROXY, https_proxy",
        meaning: "Proxy for registries on HTTPS",
    },
    Variable {
        name: "NO_PROXY, no_proxy",
        meaning: "Hosts, domains and networks that are reached without a proxy",
    },
    Variable {
        name: "SSL_CERT_FILE",
        meaning: "Certificates of trusted authorities, instead of the system's",
    },
    Variable {
        name: "SSL_CERT_DIR",
        meaning: "Folders of such certificates, separated by colons",
    },
    Variable {
        name: "NO_COLOR",
        meaning: "If set and not empty: no colours, not even on a terminal",
    },
    Variable {
        name: "BUILDKIT_PROGRESS",
        meaning: "How `wharf build` shows what it does; `--progress` wins",
    },
    Variable {
        name: "BUILDX_METADATA_PROVENANCE, BUILDX_METADATA_WARNINGS",
        meaning: "Whether `wharf build --metadata-file` writes provenance (default yes; `disabled`) and warnings (default no; `1`)",
    },
    Variable {
        name: "NO_COLOR",
        meaning: "Not empty: `wharf build` draws without colours",
    },
    Variable {
        name: "COLUMNS",
        meaning: "Width of the terminal, where the terminal does not tell",
    },
    Variable {
        name: "TZ",
        meaning: "Time zone of the times shown by `history --human=false` and `images --format '{{.CreatedAt}}'`",
    },
    Variable {
        name: "HOME",
        meaning: "Where `~/.docker` and the defaults of the `XDG_` folders are (default: as `/etc/passwd` says)",
    },
    Variable {
        name: "USER",
        meaning: "Whose lines count in `/etc/subuid` and `/etc/subgid`, where `/etc/passwd` does not know the user",
    },
    Variable {
        name: "XDG_DATA_HOME",
        meaning: "Holds `wharf/`, the store of an ordinary user (default `~/.local/share`)",
    },
    Variable {
        name: "XDG_CONFIG_HOME",
        meaning: "Holds `wharf/wharf.toml` and rootless Docker's `docker/` (default `~/.config`)",
    },
    Variable {
        name: "PATH",
        meaning: "Where credential helpers (`docker-credential-NAME`) are found",
    },
    Variable {
        name: "SHELL",
        meaning: "What `wharf unshare` runs without a command (default `/bin/sh`)",
    },
];

/// What the environment says, read once at the start.
#[derive(Debug, Clone, Default)]
pub(crate) struct Environment {
    pub(crate) wharf_root: Option<PathBuf>,
    pub(crate) wharf_config: Option<PathBuf>,
    pub(crate) wharf_log: Option<String>,
    pub(crate) registry_admin_password: Option<String>,
    pub(crate) notify_socket: Option<OsString>,
    /// For which process sockets were opened, and how many.
    pub(crate) listen_pid: Option<u32>,
    pub(crate) listen_fds: Option<u32>,
    pub(crate) docker_config: Option<PathBuf>,
    pub(crate) docker_auth_config: Option<String>,
    pub(crate) docker_default_platform: Option<String>,
    /// The word, not yet judged: `1`, `true`, `0`, ...
    pub(crate) docker_content_trust: Option<String>,
    pub(crate) proxies: ProxyVariables,
    pub(crate) ssl_cert_file: Option<PathBuf>,
    pub(crate) ssl_cert_dirs: Vec<PathBuf>,
    pub(crate) columns: Option<usize>,
    pub(crate) home: Option<PathBuf>,
    pub(crate) user: Option<String>,
    pub(crate) xdg_data_home: Option<PathBuf>,
    pub(crate) xdg_config_home: Option<PathBuf>,
    pub(crate) path: Option<OsString>,
    pub(crate) shell: Option<OsString>,
}

/// Proxies as the environment names them.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProxyVariables {
    pub(crate) http: Option<String>,
    pub(crate) https: Option<String>,
    pub(crate) no_proxy: Option<String>,
}

impl Environment {
    /// Reads the environment of the process.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the place that reads the environment"
    )]
    pub(crate) fn read() -> Self {
        let mut environment = Self::from_lookup(|name| std::env::var_os(name));
        if environment.home.is_none() {
            environment.home = account(Path::new(ACCOUNTS)).and_then(|account| account.home);
        }
        environment
    }

    /// A variable that a configuration names as the place of a secret.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the place that reads the environment"
    )]
    pub(crate) fn secret(name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }

    /// A variable by whatever name, for `--env NAME` of a container: the value that it has here.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the place that reads the environment"
    )]
    pub(crate) fn passed_on(name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    /// A variable that `--build-arg NAME` names without a value; an empty one is a value.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the place that reads the environment"
    )]
    pub(crate) fn build_argument(name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    /// Reads through a function, which tests give. An empty variable is one that is not set.
    pub(crate) fn from_lookup(lookup: impl Fn(&str) -> Option<OsString>) -> Self {
        let raw = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let text = |name: &str| raw(name).map(|value| lossless_text(&value));
        let path = |name: &str| raw(name).map(PathBuf::from);
        let absolute = |name: &str| path(name).filter(|path| path.is_absolute()); // as the XDG specification asks
        Self {
            wharf_root: path("WHARF_ROOT"),
            wharf_config: path("WHARF_CONFIG"),
            wharf_log: text("WHARF_LOG"),
            registry_admin_password: text("WHARF_REGISTRY_ADMIN_PASSWORD"),
            notify_socket: raw("NOTIFY_SOCKET"),
            listen_pid: text("LISTEN_PID").and_then(|number| number.parse().ok()),
            listen_fds: text("LISTEN_FDS").and_then(|number| number.parse().ok()),
            docker_config: path("DOCKER_CONFIG"),
            docker_auth_config: text("DOCKER_AUTH_CONFIG"),
            docker_default_platform: text("DOCKER_DEFAULT_PLATFORM"),
            docker_content_trust: text("DOCKER_CONTENT_TRUST"),
            proxies: ProxyVariables {
                http: text("HTTP_PROXY").or_else(|| text("http_proxy")),
                https: text("HTTPS_PROXY").or_else(|| text("https_proxy")),
                no_proxy: text("NO_PROXY").or_else(|| text("no_proxy")),
            },
            ssl_cert_file: path("SSL_CERT_FILE"),
            ssl_cert_dirs: raw("SSL_CERT_DIR")
                .map(|folders| std::env::split_paths(&folders).collect())
                .unwrap_or_default(),
            columns: text("COLUMNS")
                .and_then(|columns| columns.parse().ok())
                .filter(|columns| *columns > 0),
            home: path("HOME"),
            user: text("USER"),
            xdg_data_home: absolute("XDG_DATA_HOME"),
            xdg_config_home: absolute("XDG_CONFIG_HOME"),
            path: raw("PATH"),
            shell: raw("SHELL"),
        }
    }

    /// What the machine's list of accounts calls this user, or else `USER`; empty if nobody knows.
    pub(crate) fn account_name(&self) -> String {
        let listed = || account(Path::new(ACCOUNTS)).map(|account| account.name);
        // Root of a namespace was somebody before.
        let name = if rustix::process::geteuid().is_root() {
            self.user.clone().or_else(listed)
        } else {
            listed().or_else(|| self.user.clone())
        };
        name.unwrap_or_default()
    }

    /// `$XDG_CONFIG_HOME`, or `~/.config`.
    pub(crate) fn user_config_folder(&self) -> Option<PathBuf> {
        self.xdg_config_home
            .clone()
            .or_else(|| Some(self.home.as_ref()?.join(".config")))
    }

    /// `$XDG_DATA_HOME`, or `~/.local/share`.
    pub(crate) fn user_data_folder(&self) -> Option<PathBuf> {
        self.xdg_data_home
            .clone()
            .or_else(|| Some(self.home.as_ref()?.join(".local/share")))
    }

    /// The folder of Docker's `config.json`.
    pub(crate) fn docker_config_folder(&self) -> Option<PathBuf> {
        self.docker_config
            .clone()
            .or_else(|| Some(self.home.as_ref()?.join(".docker")))
    }
}

/// What the machine's list of accounts says of a user.
#[derive(Debug, PartialEq, Eq)]
struct ListedAccount {
    name: String,
    /// As Go's `os/user` finds it for Docker.
    home: Option<PathBuf>,
}

/// This user in the machine's list of accounts.
fn account(accounts: &Path) -> Option<ListedAccount> {
    let file = std::fs::File::open(accounts).ok()?;
    let mut text = Vec::new();
    file.take(MAX_ACCOUNTS_BYTES).read_to_end(&mut text).ok()?;
    let user = rustix::process::geteuid().as_raw().to_string();
    account_in(&text, &user)
}

/// The line whose third field is `user`: the first field is the name, the sixth the home folder.
fn account_in(accounts: &[u8], user: &str) -> Option<ListedAccount> {
    let mut lines = accounts.split(|byte| *byte == b'\n');
    lines.find_map(|line| {
        let fields: Vec<&[u8]> = line.split(|byte| *byte == b':').collect();
        if fields.get(2).copied() != Some(user.as_bytes()) {
            return None;
        }
        let home = fields.get(5).map(|home| Path::new(OsStr::from_bytes(home)));
        Some(ListedAccount {
            name: String::from_utf8_lossy(fields.first()?).into_owned(),
            home: home
                .filter(|home| home.is_absolute())
                .map(Path::to_path_buf),
        })
    })
}

fn lossless_text(value: &OsStr) -> String {
    value.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        Environment::from_lookup(|name| {
            variables
                .iter()
                .find(|(variable, _)| *variable == name)
                .map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn folders_follow_home_unless_told() {
        let home = environment(&[("HOME", "/home/anna")]);
        assert_eq!(home.user_config_folder(), Some("/home/anna/.config".into()));
        assert_eq!(
            home.user_data_folder(),
            Some("/home/anna/.local/share".into())
        );
        assert_eq!(
            home.docker_config_folder(),
            Some("/home/anna/.docker".into())
        );
        let told = environment(&[
            ("HOME", "/h"),
            ("XDG_DATA_HOME", "/data"),
            ("DOCKER_CONFIG", "/d"),
        ]);
        assert_eq!(told.user_data_folder(), Some("/data".into()));
        assert_eq!(told.docker_config_folder(), Some("/d".into()));
        let relative = environment(&[("HOME", "/h"), ("XDG_DATA_HOME", "data")]);
        assert_eq!(relative.user_data_folder(), Some("/h/.local/share".into()));
        assert_eq!(environment(&[]).user_data_folder(), None);
    }

    #[test]
    fn homes_are_found_in_the_list_of_accounts() {
        let accounts = b"root:x:0:0:root:/root:/bin/sh\nbroken\nanna:x:1000:1000::/home/anna:/bin/sh\nghost:x:7:7::rel:\n";
        for (user, home) in [
            ("0", Some("/root")),
            ("1000", Some("/home/anna")),
            ("7", None),
            ("100", None),
        ] {
            let found = account_in(accounts, user).and_then(|account| account.home);
            assert_eq!(found, home.map(PathBuf::from), "{user}");
        }
        let anna = account_in(accounts, "1000").map(|account| account.name);
        assert_eq!(anna.as_deref(), Some("anna"));
    }

    #[test]
    fn upper_case_proxies_win_and_empty_ones_do_not_count() {
        let both = environment(&[
            ("HTTP_PROXY", "http://up"),
            ("http_proxy", "http://low"),
            ("NO_PROXY", ""),
        ]);
        assert_eq!(both.proxies.http.as_deref(), Some("http://up"));
        assert_eq!(both.proxies.no_proxy, None);
        assert_eq!(
            environment(&[("https_proxy", "x")])
                .proxies
                .https
                .as_deref(),
            Some("x")
        );
    }

    #[test]
    fn every_variable_is_in_the_list() {
        let asked = std::cell::RefCell::new(Vec::new());
        Environment::from_lookup(|name| {
            asked.borrow_mut().push(name.to_owned());
            None
        });
        let listed: Vec<&str> = VARIABLES
            .iter()
            .flat_map(|variable| variable.name.split(", "))
            .collect();
        for name in asked.borrow().iter() {
            assert!(
                listed.contains(&name.as_str()),
                "{name} is read but not documented"
            );
        }
    }
}
