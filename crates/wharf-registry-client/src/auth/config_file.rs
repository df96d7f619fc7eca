//! Docker's `config.json`: read with care, and changed without losing what else it holds (docker/cli
//! `cli/config/configfile/file.go`).
//!
//! ```text
//! {
//!     "auths": {
//!         "https://index.docker.io/v1/": {"auth": "<base64 of user:password>"},
//!         "registry.example:5000": {"auth": "<base64 of user:>", "identitytoken": "..."}
//!     },
//!     "credsStore": "pass",                      helper for every registry
//!     "credHelpers": {"ghcr.io": "github"},      helper for one
//!     ... whatever else: kept, in its order
//! }
//! ```

use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize as _;
use serde_json::ser::PrettyFormatter;
use serde_json::{Map, Value, json};

use super::credentials::{Credentials, Secret};
use super::server_address::{credential_key, hostname, registry_domain};

/// Longest file that is read.
const FILE_LIMIT_BYTES: u64 = 16 * 1024 * 1024;
/// How many links a path may go through.
const LINK_LIMIT: usize = 40;

/// `config.json`, as it was read or has been changed since.
#[derive(Debug, Clone)]
pub struct DockerConfigFile {
    path: PathBuf,
    fields: Map<String, Value>,
}

/// Why `config.json` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigFileError {
    /// It cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not JSON.
    #[error("parsing config file ({path}): {source}; mend the file, or remove it and log in again")]
    Json {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// It is JSON of another form.
    #[error("parsing config file ({path}): {field} must be {wanted}")]
    Form {
        /// The file.
        path: PathBuf,
        /// Which part of it.
        field: String,
        /// What that should be.
        wanted: &'static str,
    },
    /// The credentials of one registry cannot be read.
    #[error(
        "parsing config file ({path}): invalid auth configuration for {registry}; log in again"
    )]
    Auth {
        /// The file.
        path: PathBuf,
        /// The registry.
        registry: String,
    },
    /// It cannot be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl DockerConfigFile {
    /// Reads the file at `path`. One that does not exist is empty.
    pub fn load(path: &Path) -> Result<Self, ConfigFileError> {
        let failed = |source| ConfigFileError::Read {
            path: path.to_owned(),
            source,
        };
        let mut content = Vec::new();
        match File::open(path) {
            Ok(file) => {
                file.take(FILE_LIMIT_BYTES)
                    .read_to_end(&mut content)
                    .map_err(failed)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => content.extend(b"{}"),
            Err(error) => return Err(failed(error)),
        }
        Self::parse(path, &content)
    }

    /// Reads JSON of the same form that came from elsewhere, such as `DOCKER_AUTH_CONFIG`. `origin`
    /// stands for the path in errors.
    pub fn from_json(origin: &str, json: &str) -> Result<Self, ConfigFileError> {
        Self::parse(Path::new(origin), json.as_bytes())
    }

    fn parse(path: &Path, content: &[u8]) -> Result<Self, ConfigFileError> {
        let path = path.to_owned();
        // An empty file is what an interrupted `touch` or an empty mount leaves; Docker takes it too.
        if content.trim_ascii().is_empty() {
            let fields = Map::new();
            return Ok(Self { path, fields });
        }
        match serde_json::from_slice(content) {
            Ok(Value::Object(fields)) => Ok(Self { path, fields }),
            Ok(_) => Err(ConfigFileError::Form {
                path,
                field: "the file".to_owned(),
                wanted: "a JSON object",
            }),
            Err(source) => Err(ConfigFileError::Json { path, source }),
        }
    }

    /// Where it was read from and will be written to.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Everything in it.
    pub fn fields(&self) -> &Map<String, Value> {
        &self.fields
    }

    /// Whether it holds credentials or says who does.
    pub fn contains_auth(&self) -> bool {
        let filled = |name| match self.fields.get(name) {
            Some(Value::Object(object)) => !object.is_empty(),
            Some(Value::String(text)) => !text.is_empty(),
            _ => false,
        };
        ["auths", "credsStore", "credHelpers"]
            .into_iter()
            .any(filled)
    }

    /// The credential helper for the registry `domain`: its own, or the one for all.
    pub fn helper(&self, domain: &str) -> Option<&str> {
        let helpers = self.fields.get("credHelpers").and_then(Value::as_object);
        let own = helpers.and_then(|helpers| {
            let named = helpers.get(credential_key(domain));
            named.or_else(|| {
                let mut entries = helpers.iter();
                let same = entries.find(|(address, _)| registry_domain(address) == domain);
                same.map(|(_, helper)| helper)
            })
        });
        own.or_else(|| self.fields.get("credsStore"))
            .and_then(Value::as_str)
            .filter(|name| !name.is_empty())
    }

    /// The credentials that the file itself holds for the registry `domain`.
    pub fn credentials(&self, domain: &str) -> Result<Credentials, ConfigFileError> {
        let Some(auths) = self.fields.get("auths").and_then(Value::as_object) else {
            return Ok(Credentials::Anonymous);
        };
        let exact = auths.get(credential_key(domain));
        let entry = exact.or_else(|| {
            let mut entries = auths.iter();
            let same = entries.find(|(address, _)| registry_domain(address) == domain);
            same.map(|(_, entry)| entry)
        });
        let invalid = || ConfigFileError::Auth {
            path: self.path.clone(),
            registry: domain.to_owned(),
        };
        match entry {
            None | Some(Value::Null) => Ok(Credentials::Anonymous),
            Some(Value::Object(entry)) => read_entry(entry).ok_or_else(invalid),
            Some(_) => Err(invalid()),
        }
    }

    /// The registries that the file itself holds credentials for, as written.
    pub fn registries(&self) -> Vec<String> {
        let auths = self.fields.get("auths").and_then(Value::as_object);
        auths.map_or_else(Vec::new, |auths| auths.keys().cloned().collect())
    }

    /// Puts credentials in for the registry `domain`: in the file's own words, or, where a helper has
    /// them, only a note that there are some (`username` and `credentials` of `None`). Other fields of
    /// the entry stay. [`DockerConfigFile::save`] writes it.
    pub fn set_credentials(
        &mut self,
        domain: &str,
        credentials: Option<(&str, &Credentials)>,
    ) -> Result<(), ConfigFileError> {
        let wrong = ConfigFileError::Form {
            path: self.path.clone(),
            field: "auths".to_owned(),
            wanted: "a JSON object",
        };
        let auths = self.fields.entry("auths").or_insert_with(|| json!({}));
        let Some(auths) = auths.as_object_mut() else {
            return Err(wrong);
        };
        let key = credential_key(domain).to_owned();
        let entry = auths.entry(key).or_insert_with(|| json!({}));
        if !entry.is_object() {
            *entry = json!({});
        }
        if let Some(entry) = entry.as_object_mut() {
            write_entry(entry, credentials);
        }
        Ok(())
    }

    /// Takes the credentials of the registry `domain` out, under every name that Docker gave it.
    /// Whether there were any.
    pub fn erase(&mut self, domain: &str) -> bool {
        let auths = self.fields.get_mut("auths").and_then(Value::as_object_mut);
        let Some(auths) = auths else {
            return false;
        };
        let before = auths.len();
        auths
            .retain(|address, _| registry_domain(address) != domain && hostname(address) != domain);
        auths.len() < before
    }

    /// Writes the file: whole or not at all, readable by its owner alone if it is new, through symbolic
    /// links, with the owner and mode that it had.
    pub fn save(&self) -> Result<(), ConfigFileError> {
        self.try_save().map_err(|source| ConfigFileError::Write {
            path: self.path.clone(),
            source,
        })
    }

    fn try_save(&self) -> io::Result<()> {
        let target = follow_links(&self.path)?;
        let folder = target.parent().unwrap_or(Path::new("."));
        if !folder.as_os_str().is_empty() {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)?;
        }
        let random = RandomState::new().hash_one(std::process::id());
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{random:016x}"));
        let temporary = folder.join(name);
        let written = self.write_to(&temporary, &target);
        let renamed = written.and_then(|()| std::fs::rename(&temporary, &target));
        if renamed.is_err() {
            // The error counts; what is left behind is only a file too many.
            drop(std::fs::remove_file(&temporary));
        }
        renamed
    }

    fn write_to(&self, temporary: &Path, target: &Path) -> io::Result<()> {
        let mut content = Vec::new();
        let formatter = PrettyFormatter::with_indent(b"\t");
        let mut serializer = serde_json::Serializer::with_formatter(&mut content, formatter);
        self.fields.serialize(&mut serializer)?;
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(temporary)?;
        if let Ok(existing) = std::fs::metadata(target) {
            // Only root can give files away; everybody else's file is their own already.
            drop(fchown(&file, Some(existing.uid()), Some(existing.gid())));
            file.set_permissions(existing.permissions())?;
        }
        file.write_all(&content)?;
        file.sync_all()
    }
}

// The file that `path` means, also where a link points to what is not there yet.
fn follow_links(path: &Path) -> io::Result<PathBuf> {
    let mut target = path.to_owned();
    for _link in 0..LINK_LIMIT {
        match std::fs::read_link(&target) {
            Ok(next) => {
                let folder = target.parent().unwrap_or(Path::new(""));
                target = folder.join(next);
            }
            Err(_not_a_link) => return Ok(target),
        }
    }
    Err(io::Error::other("too many levels of symbolic links"))
}

// `None`: it is there, but cannot be understood.
fn read_entry(entry: &Map<String, Value>) -> Option<Credentials> {
    let text = |name| entry.get(name).and_then(Value::as_str).unwrap_or_default();
    let token = text("identitytoken");
    if !token.is_empty() {
        return Some(Credentials::IdentityToken(Secret::new(token)));
    }
    let token = text("registrytoken");
    if !token.is_empty() {
        return Some(Credentials::RegistryToken(Secret::new(token)));
    }
    let auth = text("auth");
    let (username, password) = if auth.is_empty() {
        (text("username").to_owned(), text("password").to_owned())
    } else {
        decode_auth(auth)?
    };
    if username.is_empty() && password.is_empty() {
        return Some(Credentials::Anonymous);
    }
    Some(Credentials::Password {
        username,
        password: Secret::new(password),
    })
}

fn write_entry(entry: &mut Map<String, Value>, credentials: Option<(&str, &Credentials)>) {
    for name in [
        "auth",
        "username",
        "password",
        "identitytoken",
        "registrytoken",
    ] {
        // Keeps the order of what else is there.
        entry.shift_remove(name);
    }
    let Some((username, credentials)) = credentials else {
        return;
    };
    let mut put = |name: &str, value: &str| {
        entry.insert(name.to_owned(), Value::String(value.to_owned()));
    };
    match credentials {
        Credentials::Anonymous => {}
        Credentials::Password { username, password } => {
            put("auth", &encode_auth(username, password.expose()));
        }
        Credentials::IdentityToken(token) => {
            if !username.is_empty() {
                put("auth", &encode_auth(username, ""));
            }
            put("identitytoken", token.expose());
        }
        Credentials::RegistryToken(token) => put("registrytoken", token.expose()),
    }
}

fn encode_auth(username: &str, password: &str) -> String {
    STANDARD.encode(format!("{username}:{password}"))
}

fn decode_auth(auth: &str) -> Option<(String, String)> {
    let decoded = String::from_utf8(STANDARD.decode(auth.trim()).ok()?).ok()?;
    let (username, password) = decoded.split_once(':')?;
    Some((username.to_owned(), password.trim_matches('\0').to_owned()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn file(json: &str) -> DockerConfigFile {
        DockerConfigFile::from_json("config.json", json).unwrap()
    }

    fn password(username: &str, password: &str) -> Credentials {
        Credentials::Password {
            username: username.to_owned(),
            password: Secret::new(password),
        }
    }

    #[test]
    fn credentials_are_found_under_every_name() {
        // base64 of emon:pw
        let entry = r#"{"auth":"ZW1vbjpwdw=="}"#;
        let found = password("emon", "pw");
        for (address, domain, expected) in [
            ("https://index.docker.io/v1/", "docker.io", &found),
            ("docker.io", "docker.io", &found),
            ("localhost:5000", "localhost:5000", &found),
            ("http://localhost:5000", "localhost:5000", &found),
            ("https://r.example/v1/", "r.example", &found),
            ("https://r.example/v1/", "example", &Credentials::Anonymous),
            ("r.example:5000", "r.example", &Credentials::Anonymous),
        ] {
            let config = file(&format!(r#"{{"auths":{{"{address}":{entry}}}}}"#));
            assert_eq!(config.credentials(domain).unwrap(), *expected, "{address}");
        }
    }

    #[test]
    fn entries_have_several_forms() {
        let token = |token: &str| Secret::new(token);
        for (entry, expected) in [
            ("{}", Some(Credentials::Anonymous)),
            ("null", Some(Credentials::Anonymous)),
            (
                r#"{"username":"emon","password":"p:w"}"#,
                Some(password("emon", "p:w")),
            ),
            (r#"{"auth":"ZW1vbjpwOnc="}"#, Some(password("emon", "p:w"))),
            (
                r#"{"auth":"ZW1vbjo=","identitytoken":"t"}"#,
                Some(Credentials::IdentityToken(token("t"))),
            ),
            (
                r#"{"registrytoken":"t"}"#,
                Some(Credentials::RegistryToken(token("t"))),
            ),
            (r#"{"auth":"!"}"#, None),
            (r#"{"auth":"ZW1vbg=="}"#, None),
            ("5", None),
        ] {
            let config = file(&format!(r#"{{"auths":{{"h":{entry}}}}}"#));
            assert_eq!(config.credentials("h").ok(), expected, "{entry}");
        }
    }

    #[test]
    fn a_helper_for_one_registry_goes_before_the_one_for_all() {
        let config = file(
            r#"{"credsStore":"pass","credHelpers":{"ghcr.io":"gh","https://index.docker.io/v1/":"hub","x":""}}"#,
        );
        for (domain, expected) in [
            ("ghcr.io", Some("gh")),
            ("docker.io", Some("hub")),
            ("quay.io", Some("pass")),
            ("x", None),
        ] {
            assert_eq!(config.helper(domain), expected, "{domain}");
        }
        assert_eq!(file("{}").helper("ghcr.io"), None);
        assert!(config.contains_auth());
        assert!(!file(r#"{"auths":{}, "credsStore":""}"#).contains_auth());
    }

    #[test]
    fn saving_changes_only_what_was_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/config.json");
        let mut config = DockerConfigFile::load(&path).unwrap();
        config
            .set_credentials("docker.io", Some(("", &password("emon", "pw"))))
            .unwrap();
        config.save().unwrap();
        let read = |path: &Path| std::fs::read_to_string(path).unwrap();
        assert_eq!(
            read(&path),
            "{\n\t\"auths\": {\n\t\t\"https://index.docker.io/v1/\": {\n\t\t\t\"auth\": \"ZW1vbjpwdw==\"\n\t\t}\n\t}\n}"
        );
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);

        let mut file = File::create(&path).unwrap();
        file.write_all(
            br#"{"z":[1,2],"auths":{"h":{"email":"e","auth":"eDp5"},"other":{}},"a":{"b":1.50}}"#,
        )
        .unwrap();
        file.set_permissions(std::fs::Permissions::from_mode(0o640))
            .unwrap();
        let link = folder.path().join("link.json");
        symlink("new/config.json", &link).unwrap();
        let mut config = DockerConfigFile::load(&link).unwrap();
        let token = Credentials::IdentityToken(Secret::new("t"));
        config.set_credentials("h", Some(("emon", &token))).unwrap();
        assert!(config.erase("other"));
        assert!(!config.erase("other"));
        config.save().unwrap();
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(mode(&path), 0o640);
        let flat: String = read(&path).split_whitespace().collect();
        assert_eq!(
            flat,
            r#"{"z":[1,2],"auths":{"h":{"email":"e","auth":"ZW1vbjo=","identitytoken":"t"}},"a":{"b":1.5}}"#
        );
        let left: Vec<_> = std::fs::read_dir(path.parent().unwrap()).unwrap().collect();
        assert_eq!(left.len(), 1);
    }

    #[test]
    fn a_broken_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        for (content, expected) in [
            ("{", "parsing config file"),
            ("[]", "the file must be a JSON object"),
        ] {
            File::create(&path)
                .unwrap()
                .write_all(content.as_bytes())
                .unwrap();
            let error = DockerConfigFile::load(&path).unwrap_err().to_string();
            assert!(
                error.contains(expected) && error.contains("config.json"),
                "{error}"
            );
        }
        File::create(&path).unwrap();
        assert!(DockerConfigFile::load(&path).unwrap().fields().is_empty());
        assert!(matches!(
            DockerConfigFile::load(folder.path()),
            Err(ConfigFileError::Read { .. })
        ));
        let mut config = file(r#"{"auths":5}"#);
        assert!(config.set_credentials("h", None).is_err());
    }
}
