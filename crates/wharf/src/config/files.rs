//! Finds the files, reads them, and says which of several values counts.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use wharf_engine::parse_size;

use crate::environment::{Environment, ProxyVariables};

use super::daemon_json::DaemonJson;
use super::wharf_toml::WharfToml;

const SYSTEM_FOLDER: &str = "/etc";
const WHARF_TOML: &str = "wharf/wharf.toml";
const DAEMON_JSON: &str = "docker/daemon.json";
const CERTIFICATES: &str = "docker/certs.d";
const SYSTEM_ROOT: &str = "/var/lib/wharf";
/// A configuration larger than this is none.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// Docker's defaults.
const MAX_CONCURRENT_DOWNLOADS: usize = 3;
const MAX_CONCURRENT_UPLOADS: usize = 5;
const MAX_DOWNLOAD_ATTEMPTS: u32 = 5;

/// What counts, after all files are read.
#[derive(Debug)]
pub(crate) struct Configuration {
    /// Folder of the store.
    pub(crate) root: PathBuf,
    /// Mirrors of Docker Hub, in order.
    pub(crate) mirrors: Vec<String>,
    /// Registries that may be insecure.
    pub(crate) insecure: Vec<String>,
    /// Folders of certificates per registry.
    pub(crate) certificates: Vec<PathBuf>,
    /// Layers that one pull downloads at once.
    pub(crate) max_concurrent_downloads: usize,
    /// Layers that one push uploads at once.
    pub(crate) max_concurrent_uploads: usize,
    /// How often one layer is tried.
    pub(crate) max_download_attempts: u32,
    /// What builds may remember, in bytes.
    pub(crate) build_cache_limit_bytes: Option<u64>,
    /// Proxies, of the environment or else of `daemon.json`.
    pub(crate) proxies: ProxyVariables,
    /// `log-level` of the files.
    pub(crate) log_level: Option<String>,
    /// `log-format` of the files.
    pub(crate) log_format: Option<String>,
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("cannot read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{} is larger than {MAX_FILE_BYTES} bytes: this is no configuration", path.display())]
    TooLarge { path: PathBuf },
    #[error(
        "invalid size {text:?} of the build cache: expected a number with a unit, as 512m or 10GB"
    )]
    Size { text: String },
    #[error("{} is no JSON that can be used: {source}", path.display())]
    Json {
        path: PathBuf,
        source: serde_json::Error,
    },
    #[error("{} cannot be used: {source}", path.display())]
    Toml {
        path: PathBuf,
        source: Box<toml::de::Error>,
    },
    #[error("there is no file {}: correct --config, or leave it out to run with defaults", path.display())]
    NoRegistryFile { path: PathBuf },
    #[error("{} is no text in UTF-8: this is no configuration", path.display())]
    NoText { path: PathBuf },
    #[error("WHARF_CONFIG names {}, which is not there", path.display())]
    Missing { path: PathBuf },
    #[error("{}: `{key}` must be at least 1", path.display())]
    Zero { path: PathBuf, key: &'static str },
    #[error("{}: `root` must be an absolute path, and \"{}\" is none", path.display(), root.display())]
    RelativeRoot { path: PathBuf, root: PathBuf },
    #[error(
        "there is no folder for the store: set --root or WHARF_ROOT, since neither HOME nor XDG_DATA_HOME is set"
    )]
    NoRoot,
}

impl Configuration {
    /// Reads what the environment and the files say.
    ///
    /// `root_option` is `--root`; `is_root` whether the process runs as the user root, whose store is the system's.
    pub(crate) fn load(
        environment: &Environment,
        root_option: Option<PathBuf>,
        is_root: bool,
    ) -> Result<Self, ConfigError> {
        Self::load_from(Path::new(SYSTEM_FOLDER), environment, root_option, is_root)
    }

    /// The same with another `/etc`, for tests.
    fn load_from(
        system: &Path,
        environment: &Environment,
        root_option: Option<PathBuf>,
        is_root: bool,
    ) -> Result<Self, ConfigError> {
        let places = Places::of(system, environment, is_root);
        let own = places
            .wharf_tomls
            .iter()
            .map(|path| read_toml(path))
            .collect::<Result<Vec<_>, _>>()?;
        if let (Some(path), [None]) = (&environment.wharf_config, own.as_slice()) {
            let path = path.clone();
            return Err(ConfigError::Missing { path });
        }
        let own: Vec<WharfToml> = own.into_iter().flatten().collect();
        let docker = places
            .daemon_jsons
            .iter()
            .map(|path| read_json(path))
            .collect::<Result<Vec<_>, _>>()?;
        let docker: Vec<DaemonJson> = docker.into_iter().flatten().collect();

        let own_first = |from: fn(&WharfToml) -> Option<usize>,
                         or: fn(&DaemonJson) -> Option<usize>| {
            // dockerd takes 0 as its default
            own.iter()
                .find_map(from)
                .or_else(|| docker.iter().find_map(or).filter(|value| *value > 0))
        };
        let downloads = own_first(
            |file| file.transfer.max_concurrent_downloads,
            |file| file.max_concurrent_downloads,
        );
        let uploads = own_first(
            |file| file.transfer.max_concurrent_uploads,
            |file| file.max_concurrent_uploads,
        );
        let attempts = own
            .iter()
            .find_map(|file| file.transfer.max_download_attempts)
            .or_else(|| {
                docker
                    .iter()
                    .find_map(|file| file.max_download_attempts)
                    .filter(|value| *value > 0)
            });
        let root = match root_option.or_else(|| environment.wharf_root.clone()) {
            Some(root) => absolute(root)?,
            None => match own.iter().find_map(|file| file.root.clone()) {
                Some(root) => root,
                None => places.default_root(environment, &docker)?,
            },
        };
        let mirrors = own.iter().find_map(|file| file.registries.mirrors.clone());
        let insecure = own.iter().find_map(|file| file.registries.insecure.clone());
        Ok(Self {
            root,
            mirrors: mirrors
                .or_else(|| docker.iter().find_map(|file| file.registry_mirrors.clone()))
                .unwrap_or_default(),
            insecure: insecure
                .or_else(|| {
                    docker
                        .iter()
                        .find_map(|file| file.insecure_registries.clone())
                })
                .unwrap_or_default(),
            certificates: own
                .iter()
                .find_map(|file| file.registries.certificates.clone())
                .unwrap_or(places.certificates),
            max_concurrent_downloads: downloads.unwrap_or(MAX_CONCURRENT_DOWNLOADS),
            max_concurrent_uploads: uploads.unwrap_or(MAX_CONCURRENT_UPLOADS),
            max_download_attempts: attempts.unwrap_or(MAX_DOWNLOAD_ATTEMPTS),
            build_cache_limit_bytes: build_cache_limit(&own, &docker)?,
            proxies: proxies(environment, docker.first()),
            log_level: own.iter().find_map(|file| file.log_level.clone()),
            log_format: own.iter().find_map(|file| file.log_format.clone()),
        })
    }
}

/// `[builds] cache-limit`, or else `builder.gc.defaultKeepStorage` of `daemon.json`.
fn build_cache_limit(own: &[WharfToml], docker: &[DaemonJson]) -> Result<Option<u64>, ConfigError> {
    let own = own.iter().find_map(|file| file.builds.cache_limit.as_ref());
    let docker = docker.iter().find_map(|file| {
        let collection = file.builder.as_ref()?.gc.as_ref()?;
        collection.default_keep_storage.as_ref()
    });
    match own {
        Some(text) => parse_size(text)
            .map(Some)
            .ok_or_else(|| ConfigError::Size { text: text.clone() }),
        // dockerd judges its own file
        None => Ok(docker.and_then(|text| parse_size(text))),
    }
}

fn absolute(path: PathBuf) -> Result<PathBuf, ConfigError> {
    std::path::absolute(&path).map_err(|source| ConfigError::Unreadable { path, source })
}

/// Where the files are, the ones that count first.
struct Places {
    wharf_tomls: Vec<PathBuf>,
    daemon_jsons: Vec<PathBuf>,
    certificates: Vec<PathBuf>,
    is_root: bool,
}

impl Places {
    fn of(system: &Path, environment: &Environment, is_root: bool) -> Self {
        let user = environment.user_config_folder();
        let both = |folder: Option<&PathBuf>, path: &str| {
            folder
                .into_iter()
                .map(|folder| folder.join(path))
                .chain([system.join(path)])
                .collect()
        };
        // Docker's user files are those of rootless Docker.
        let rootless = user.as_ref().filter(|_| !is_root);
        Self {
            wharf_tomls: match &environment.wharf_config {
                Some(path) => vec![path.clone()],
                None => both(user.as_ref(), WHARF_TOML),
            },
            daemon_jsons: both(rootless, DAEMON_JSON),
            certificates: both(rootless, CERTIFICATES),
            is_root,
        }
    }

    fn default_root(
        &self,
        environment: &Environment,
        docker: &[DaemonJson],
    ) -> Result<PathBuf, ConfigError> {
        if self.is_root {
            let data_root = docker.iter().find_map(|file| file.data_root.as_ref());
            return Ok(
                data_root.map_or_else(|| SYSTEM_ROOT.into(), |data_root| data_root.join("wharf"))
            );
        }
        Ok(environment
            .user_data_folder()
            .ok_or(ConfigError::NoRoot)?
            .join("wharf"))
    }
}

fn proxies(environment: &Environment, docker: Option<&DaemonJson>) -> ProxyVariables {
    let ours = environment.proxies.clone();
    let Some(theirs) = docker.and_then(|file| file.proxies.as_ref()) else {
        return ours;
    };
    ProxyVariables {
        http: ours.http.or_else(|| theirs.http_proxy.clone()),
        https: ours.https.or_else(|| theirs.https_proxy.clone()),
        no_proxy: ours.no_proxy.or_else(|| theirs.no_proxy.clone()),
    }
}

fn read_toml(path: &Path) -> Result<Option<WharfToml>, ConfigError> {
    let Some(bytes) = read_limited(path)? else {
        return Ok(None);
    };
    let file: WharfToml = toml::from_slice(&bytes).map_err(|source| ConfigError::Toml {
        path: path.to_owned(),
        source: Box::new(source),
    })?;
    let path = path.to_owned();
    if let Some(root) = file.root.as_ref().filter(|root| root.is_relative()) {
        return Err(ConfigError::RelativeRoot {
            path,
            root: root.clone(),
        });
    }
    let transfer = &file.transfer;
    for (key, zero) in [
        (
            "max-concurrent-downloads",
            transfer.max_concurrent_downloads == Some(0),
        ),
        (
            "max-concurrent-uploads",
            transfer.max_concurrent_uploads == Some(0),
        ),
        (
            "max-download-attempts",
            transfer.max_download_attempts == Some(0),
        ),
    ] {
        if zero {
            return Err(ConfigError::Zero { path, key });
        }
    }
    Ok(Some(file))
}

/// Reads a JSON file; `None` if there is none. An empty file is as good as none, as for Docker.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, ConfigError> {
    let Some(bytes) = read_limited(path)?.filter(|bytes| !bytes.trim_ascii().is_empty()) else {
        return Ok(None);
    };
    let read = serde_json::from_slice(&bytes);
    read.map(Some).map_err(|source| ConfigError::Json {
        path: path.to_owned(),
        source,
    })
}

pub(super) fn read_limited(path: &Path) -> Result<Option<Vec<u8>>, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        // A path through something that is no folder (`/dev/null/config.json`) holds no file either.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(unreadable(error)),
    };
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(ConfigError::TooLarge {
            path: path.to_owned(),
        });
    }
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    struct Machine(tempfile::TempDir);

    impl Machine {
        fn new(files: &[(&str, &str)]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            for (path, text) in files {
                let path = folder.path().join(path);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                testkit::write(&path, text);
            }
            Self(folder)
        }

        fn load(
            &self,
            is_root: bool,
            variables: &[(&str, &str)],
        ) -> Result<Configuration, ConfigError> {
            let home = self.0.path().join("home");
            let environment = Environment::from_lookup(|name| match name {
                "HOME" => Some(home.clone().into()),
                _ => variables
                    .iter()
                    .find(|(known, _)| *known == name)
                    .map(|(_, value)| OsString::from(value)),
            });
            Configuration::load_from(&self.0.path().join("etc"), &environment, None, is_root)
        }
    }

    #[test]
    fn without_files_there_are_docker_defaults() {
        let machine = Machine::new(&[]);
        let root = machine.load(true, &[]).unwrap();
        assert_eq!(root.root, Path::new("/var/lib/wharf"));
        assert_eq!(
            (
                root.max_concurrent_downloads,
                root.max_concurrent_uploads,
                root.max_download_attempts
            ),
            (3, 5, 5)
        );
        let user = machine.load(false, &[]).unwrap();
        assert_eq!(user.root, machine.0.path().join("home/.local/share/wharf"));
        assert_eq!(user.certificates.len(), 2);
    }

    #[test]
    fn what_is_nearer_wins_key_by_key() {
        let machine = Machine::new(&[
            (
                "etc/docker/daemon.json",
                r#"{"data-root": "/big/docker", "registry-mirrors": ["https://m"], "max-concurrent-downloads": 9, "builder": {"gc": {"enabled": true, "defaultKeepStorage": "3GB"}}, "insecure-registries": ["a:5000"], "debug": true}"#,
            ),
            (
                "etc/wharf/wharf.toml",
                "[registries]\ninsecure = [\"b:5000\"]\n[transfer]\nmax-concurrent-uploads = 2\n",
            ),
            (
                "home/.config/wharf/wharf.toml",
                "log-level = \"debug\"\n[transfer]\nmax-concurrent-uploads = 1\n",
            ),
        ]);
        let read = machine.load(true, &[]).unwrap();
        assert_eq!(
            read.root,
            Path::new("/big/docker/wharf"),
            "never dockerd's own folder"
        );
        assert_eq!(read.mirrors, ["https://m"]);
        assert_eq!(read.insecure, ["b:5000"]);
        assert_eq!(read.build_cache_limit_bytes, Some(3 << 30));
        assert_eq!(
            (read.max_concurrent_downloads, read.max_concurrent_uploads),
            (9, 1)
        );
        assert_eq!(read.log_level.as_deref(), Some("debug"));
        let told = machine.load(true, &[("WHARF_ROOT", "/other")]).unwrap();
        assert_eq!(told.root, Path::new("/other"));
        let user = machine.load(false, &[]).unwrap();
        assert_eq!(
            user.root,
            machine.0.path().join("home/.local/share/wharf"),
            "data-root is the administrator's"
        );
    }

    #[test]
    fn one_named_file_stands_for_both() {
        let machine = Machine::new(&[
            ("etc/wharf/wharf.toml", "log-level = \"debug\"\n"),
            ("mine.toml", "root = \"/mine\"\n"),
        ]);
        let path = machine.0.path().join("mine.toml");
        let read = machine
            .load(true, &[("WHARF_CONFIG", path.to_str().unwrap())])
            .unwrap();
        assert_eq!((read.root.to_str(), read.log_level), (Some("/mine"), None));
    }

    #[test]
    fn mistakes_name_the_file_and_the_key() {
        for (path, text, expected) in [
            (
                "etc/wharf/wharf.toml",
                "rot = \"/x\"\n",
                "unknown field `rot`",
            ),
            (
                "etc/wharf/wharf.toml",
                "root = \"x\"\n",
                "`root` must be an absolute path, and \"x\" is none",
            ),
            (
                "etc/wharf/wharf.toml",
                "[transfer]\nmax-download-attempts = 0\n",
                "`max-download-attempts` must be at least 1",
            ),
            (
                "etc/docker/daemon.json",
                "{",
                "is no JSON that can be used: EOF",
            ),
            (
                "etc/docker/daemon.json",
                r#"{"registry-mirrors": "x"}"#,
                "invalid type: string \"x\", expected a sequence",
            ),
        ] {
            let error = Machine::new(&[(path, text)])
                .load(true, &[])
                .unwrap_err()
                .to_string();
            assert!(error.contains(expected) && error.contains(path), "{error}");
        }
    }
}
