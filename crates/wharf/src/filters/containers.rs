//! `ps --filter` (moby, `daemon/list.go`).

use wharf_engine::Container;
use wharf_runtime::Status;

use super::terms::FilterError;

const KEYS: [&str; 14] = [
    "ancestor", "before", "exited", "expose", "health", "id", "is-task", "label", "name",
    "network", "publish", "since", "status", "volume",
];
const STATES: [&str; 7] = [
    "created",
    "restarting",
    "running",
    "removing",
    "paused",
    "exited",
    "dead",
];

/// The terms of one call, checked.
#[derive(Debug)]
pub(crate) struct ContainerFilter {
    terms: Vec<(String, String)>,
}

impl ContainerFilter {
    /// Takes `key=value` texts.
    pub(crate) fn new(texts: &[String]) -> Result<Self, FilterError> {
        let mut terms = Vec::new();
        for text in texts {
            let (key, value) = text.split_once('=').unwrap_or((text, ""));
            if !KEYS.contains(&key) {
                return Err(FilterError::UnknownKey(key.to_owned()));
            }
            let bad = || FilterError::BadText {
                key: "status",
                value: value.to_owned(),
            };
            match key {
                "status" if !STATES.contains(&value) => return Err(bad()),
                "exited" if value.parse::<i32>().is_err() => {
                    return Err(FilterError::BadValue {
                        key: key.to_owned(),
                        values: vec![value.to_owned()],
                    });
                }
                _ => terms.push((key.to_owned(), value.to_owned())),
            }
        }
        Ok(Self { terms })
    }

    /// Whether containers that do not run are meant too.
    pub(crate) fn names_states(&self) -> bool {
        let mut keys = self.terms.iter().map(|(key, _)| key.as_str());
        keys.any(|key| matches!(key, "status" | "exited"))
    }

    /// Those that are meant; in their order, which is the newest first.
    pub(crate) fn apply(&self, all: Vec<Container>) -> Result<Vec<Container>, FilterError> {
        let place = |key: &str| -> Result<Option<usize>, FilterError> {
            let Some((_, text)) = self.terms.iter().find(|(known, _)| known == key) else {
                return Ok(None);
            };
            let found = all.iter().position(|container| is_called(container, text));
            found
                .map(Some)
                .ok_or_else(|| FilterError::NoContainer(text.clone()))
        };
        let (before, since) = (place("before")?, place("since")?);
        let meant = all.into_iter().enumerate().filter(|(position, container)| {
            before.is_none_or(|before| *position > before)
                && since.is_none_or(|since| *position < since)
                && self.has(container)
        });
        Ok(meant.map(|(_, container)| container).collect())
    }

    /// The same, with names instead of IDs of networks.
    pub(crate) fn with_network_names(mut self, name_of: impl Fn(&str) -> Option<String>) -> Self {
        for (key, value) in &mut self.terms {
            if key == "network"
                && let Some(name) = name_of(value)
            {
                *value = name;
            }
        }
        self
    }

    /// Values of one key are alternatives, labels are not.
    fn has(&self, container: &Container) -> bool {
        KEYS.iter().all(|key| {
            let values = self.terms.iter().filter(|(known, _)| known == key);
            let mut values = values.map(|(_, value)| value.as_str()).peekable();
            if values.peek().is_none() {
                return true;
            }
            match *key {
                "before" | "since" => true,
                "label" => values.all(|value| fits(container, key, value)),
                _ => values.any(|value| fits(container, key, value)),
            }
        })
    }
}

fn is_called(container: &Container, text: &str) -> bool {
    let record = &container.record;
    record.name == text.trim_start_matches('/') || record.id.starts_with(text)
}

fn fits(container: &Container, key: &str, value: &str) -> bool {
    let (record, state) = (&container.record, &container.state);
    match key {
        "id" => record.id.starts_with(value),
        "name" => name_fits(&record.name, value),
        "status" => state.status.as_str() == value,
        "exited" => state.status == Status::Exited && value.parse() == Ok(state.exit_code),
        "label" => match value.split_once('=') {
            Some((key, wanted)) => record
                .config
                .labels
                .get(key)
                .is_some_and(|found| found == wanted),
            None => record.config.labels.contains_key(value),
        },
        "ancestor" => {
            let image = &record.config.image;
            image == value
                || image.strip_suffix(":latest") == Some(value)
                || format!("{image}:latest") == value
                || record.image.to_string().starts_with(value)
                || record
                    .image
                    .to_string()
                    .starts_with(&format!("sha256:{value}"))
        }
        "volume" => {
            let mut mounts = record.mounts.iter();
            mounts.any(|mount| {
                mount.name == value || mount.destination == value || mount.source == value
            })
        }
        "network" => record.endpoints().contains_key(value),
        "publish" => has_port(record.host_config.port_bindings.keys(), value),
        "expose" => has_port(record.config.exposed_ports.keys(), value),
        "health" => {
            let health = state
                .health
                .as_ref()
                .map_or("none", |health| health.status.as_str());
            health == value
        }
        "is-task" => value == "false",
        _ => true,
    }
}

/// Docker takes a regular expression; what people give is a part of the name, or an anchored one.
pub(crate) fn name_fits(name: &str, wanted: &str) -> bool {
    let wanted = wanted.trim_start_matches('/');
    let (begins, rest) = match wanted.strip_prefix('^') {
        Some(rest) => (true, rest.trim_start_matches('/')),
        None => (false, wanted),
    };
    match (begins, rest.strip_suffix('$')) {
        (true, Some(whole)) => name == whole,
        (true, None) => name.starts_with(rest),
        (false, Some(end)) => name.ends_with(end),
        (false, None) => name.contains(rest),
    }
}

fn has_port<'a>(mut ports: impl Iterator<Item = &'a String>, wanted: &str) -> bool {
    let (range, protocol) = wanted.split_once('/').unwrap_or((wanted, "tcp"));
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let (Ok(first), Ok(last)) = (first.parse::<u16>(), last.parse::<u16>()) else {
        return false;
    };
    ports.any(|port| {
        let (number, kind) = port.split_once('/').unwrap_or((port, "tcp"));
        kind == protocol
            && number
                .parse()
                .is_ok_and(|number: u16| (first..=last).contains(&number))
    })
}
