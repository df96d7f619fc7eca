//! `--secret` and `--ssh`: what a build is given and must not keep.

use std::collections::BTreeMap;
use std::os::unix::fs::FileTypeExt as _;
use std::path::PathBuf;

use anyhow::Context as _;
use wharf_engine::{BuildSecrets, SECRET_LIMIT_BYTES, SecretSource};

/// Reads both options; `variable` looks into the environment.
pub(super) fn secrets(
    secrets: &[String],
    agents: &[String],
    variable: &dyn Fn(&str) -> Option<String>,
) -> anyhow::Result<BuildSecrets> {
    let mut given = BuildSecrets::default();
    for text in secrets {
        let (id, source) = secret(text, variable)?;
        given.secrets.insert(id, source);
    }
    given.agents = sockets(agents, variable)?;
    Ok(given)
}

/// `id=NAME[,src=FILE|,env=VARIABLE][,type=file|env]`. With neither, the variable of that name, or else the file.
fn secret(
    text: &str,
    variable: &dyn Fn(&str) -> Option<String>,
) -> anyhow::Result<(String, SecretSource)> {
    let (mut id, mut file, mut name, mut kind) = (String::new(), None, None, None);
    for field in text.split(',') {
        let (key, value) = field
            .split_once('=')
            .with_context(|| format!("invalid field '{field}' must be a key=value pair"))?;
        let key = key.to_lowercase();
        match key.as_str() {
            "type" if matches!(value, "file" | "env") => kind = Some(value),
            "type" => anyhow::bail!("unsupported secret type {value:?}"),
            "id" => value.clone_into(&mut id),
            "source" | "src" => file = Some(value.to_owned()),
            "env" => name = Some(value.to_owned()),
            _ => anyhow::bail!("unexpected key '{key}' in '{field}'"),
        }
    }
    if kind == Some("env") && name.is_none() {
        name = file.take();
    }
    anyhow::ensure!(!id.is_empty(), "secret missing ID");
    if name.is_none() && file.is_none() {
        match variable(&id) {
            Some(_) => name = Some(id.clone()),
            None => file = Some(id.clone()),
        }
    }
    if let Some(path) = file {
        let metadata =
            std::fs::metadata(&path).with_context(|| format!("failed to stat {path}"))?;
        anyhow::ensure!(
            metadata.len() <= SECRET_LIMIT_BYTES,
            "secret {id} too big. max size {SECRET_LIMIT_BYTES}B"
        );
        return Ok((id, SecretSource::File(PathBuf::from(path))));
    }
    let value = name.and_then(|name| variable(&name)).unwrap_or_default();
    Ok((id, SecretSource::Value(value)))
}

/// `NAME[=SOCKET]`: without a socket that of `SSH_AUTH_SOCK`.
fn sockets(
    given: &[String],
    variable: &dyn Fn(&str) -> Option<String>,
) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let mut agents = BTreeMap::new();
    for text in given {
        let (id, path) = text.split_once('=').unwrap_or((text, ""));
        let id = if id.is_empty() { "default" } else { id };
        anyhow::ensure!(!path.contains(','), "only single socket allowed");
        let path = match path {
            "" => variable("SSH_AUTH_SOCK").filter(|path| !path.is_empty()),
            path => Some(path.to_owned()),
        };
        let path =
            path.context("invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set")?;
        let metadata = std::fs::metadata(&path).with_context(|| {
            format!("failed to convert agent config for ID: {id:?}: stat {path}")
        })?;
        anyhow::ensure!(
            metadata.file_type().is_socket(),
            "--ssh {text}: {path} is no socket of an agent. Keys are not read by wharf: start an agent \
             (`eval $(ssh-agent)`), give it the key (`ssh-add {path}`), and build with --ssh {id}"
        );
        let known = agents.insert(id.to_owned(), PathBuf::from(path));
        anyhow::ensure!(known.is_none(), "duplicate agent ID {id:?}");
    }
    Ok(agents)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(name: &str) -> Option<String> {
        (name == "TOKEN").then(|| "value".to_owned())
    }

    #[test]
    fn secrets_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        testkit::write(&path, "x");
        let path = path.display().to_string();
        let shown = |text: String| match secret(&text, &known) {
            Ok((id, SecretSource::File(path))) => format!("{id} file {}", path.display()),
            Ok((id, SecretSource::Value(value))) => format!("{id} value {value}"),
            Err(error) => error.to_string(),
        };
        for (text, expected) in [
            (format!("id=a,src={path}"), format!("a file {path}")),
            (format!("ID=a,SOURCE={path}"), format!("a file {path}")),
            (format!("id={path}"), format!("{path} file {path}")),
            ("id=a,env=TOKEN".to_owned(), "a value value".to_owned()),
            (
                "id=a,type=env,src=TOKEN".to_owned(),
                "a value value".to_owned(),
            ),
            ("id=TOKEN".to_owned(), "TOKEN value value".to_owned()),
            ("id=a,env=UNSET".to_owned(), "a value ".to_owned()),
            ("src=a".to_owned(), "secret missing ID".to_owned()),
            (
                "id=a,src=/nowhere".to_owned(),
                "failed to stat /nowhere".to_owned(),
            ),
            (
                "a".to_owned(),
                "invalid field 'a' must be a key=value pair".to_owned(),
            ),
            (
                "id=a,kind=b".to_owned(),
                "unexpected key 'kind' in 'kind=b'".to_owned(),
            ),
            (
                "id=a,type=b".to_owned(),
                "unsupported secret type \"b\"".to_owned(),
            ),
        ] {
            assert_eq!(shown(text.clone()), expected, "{text}");
        }
    }

    #[test]
    fn sockets_of_agents_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("agent").display().to_string();
        let _agent = std::os::unix::net::UnixListener::bind(&place).unwrap();
        let here = place.clone();
        let set = move |name: &str| (name == "SSH_AUTH_SOCK").then(|| here.clone());
        let shown = |given: &[&str], variable: &dyn Fn(&str) -> Option<String>| {
            let given: Vec<String> = given.iter().map(|&text| text.to_owned()).collect();
            match sockets(&given, variable) {
                Ok(agents) => agents.keys().cloned().collect::<Vec<_>>().join(" "),
                Err(error) => error.to_string(),
            }
        };
        let none = |_: &str| None;
        assert_eq!(shown(&["default"], &set), "default");
        assert_eq!(shown(&["", &format!("a={place}")], &set), "a default");
        for (given, expected) in [
            (
                vec!["default"],
                "invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set",
            ),
            (
                vec!["a=/nowhere"],
                "failed to convert agent config for ID: \"a\": stat /nowhere",
            ),
            (vec!["a=b,c"], "only single socket allowed"),
        ] {
            assert_eq!(shown(&given, &none), expected);
        }
        assert_eq!(shown(&["a", "a"], &set), "duplicate agent ID \"a\"");
        assert!(shown(&["a=/etc/passwd"], &none).contains("ssh-add /etc/passwd"));
    }
}
