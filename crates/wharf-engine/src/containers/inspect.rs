//! `container inspect` and `volume inspect`: all that is known, in the form of Docker's API 1.50.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};
use wharf_runtime::{HealthState, Status};

use super::host_document::host_document;
use super::networks::{ContainerNetwork, EndpointConfig};
use super::record::{Container, ContainerRecord};
use super::volumes::Volume;
use crate::engine::Engine;
use crate::error::{EngineError, classify};

/// The moment that Go prints where there is none.
const NEVER: &str = "0001-01-01T00:00:00Z";
/// What Docker's volumes without a name of a person's are labelled with.
const ANONYMOUS_LABEL: &str = "com.docker.volume.anonymous";

impl Engine {
    /// Describes a container as `docker container inspect` does, its fields in Docker's order. Sizes are added up only if wanted.
    pub fn inspect_container(
        &self,
        container: &Container,
        sizes: bool,
    ) -> Result<Value, EngineError> {
        let record = &container.record;
        let folder = self.container_folder(&record.id);
        let file = |name: &str| json!(folder.path().join(name).display().to_string());
        let mut arguments = record.arguments().into_iter();
        let log = self.container_log(container)?;
        let log = log.filter(|(path, _)| path.exists());
        let mut described = Map::new();
        let mut put = |key: &str, value: Value| drop(described.insert(key.to_owned(), value));
        put("Id", json!(record.id));
        put("Created", json!(record.created.to_string()));
        put("Path", json!(arguments.next().unwrap_or_default()));
        put("Args", json!(arguments.collect::<Vec<_>>()));
        put("State", state(container));
        put("Image", json!(record.image));
        put("ResolvConfPath", file("resolv.conf"));
        put("HostnamePath", file("hostname"));
        put("HostsPath", file("hosts"));
        let log = log.map(|(path, _)| path.display().to_string());
        put("LogPath", json!(log.unwrap_or_default()));
        put("Name", json!(format!("/{}", record.name)));
        put("RestartCount", json!(container.state.restarts));
        put("Driver", json!("overlayfs"));
        put("Platform", json!(self.settings().platform.os));
        put("MountLabel", json!(""));
        put("ProcessLabel", json!(""));
        put("AppArmorProfile", json!(""));
        put("ExecIDs", Value::Null);
        put("HostConfig", host_document(&record.host_config)?);
        put("GraphDriver", self.container_graph_driver(record)?);
        if sizes {
            let (written, whole) = self.container_sizes(container)?;
            put("SizeRw", json!(written));
            put("SizeRootFs", json!(whole));
        }
        put("Mounts", mounts(record)?);
        put("Config", document(&record.config)?);
        let places = if container.state.status.is_alive() {
            self.container_networks(&record.id)?
        } else {
            Vec::new()
        };
        put("NetworkSettings", network_settings(container, &places));
        Ok(Value::Object(described))
    }

    fn container_graph_driver(&self, record: &ContainerRecord) -> Result<Value, EngineError> {
        let trees = self
            .store_for_reading()?
            .layer_tree_places(record.image)
            .map_err(classify)?;
        let folder = self.container_folder(&record.id);
        let inner = |name: &str| folder.path().join(name).display().to_string();
        let lowers: Vec<String> = trees
            .iter()
            .map(|tree| tree.display().to_string())
            .collect();
        Ok(json!({
            "Data": {
                "ID": record.id,
                "LowerDir": lowers.join(":"),
                "MergedDir": inner("rootfs"),
                "UpperDir": inner("upper"),
                "WorkDir": inner("work"),
            },
            "Name": "overlayfs",
        }))
    }
}

/// Describes a volume as `docker volume inspect` does.
pub fn described_volume(volume: &Volume) -> Value {
    let mut labels = volume.labels.clone();
    if volume.anonymous {
        labels.insert(ANONYMOUS_LABEL.to_owned(), String::new());
    }
    let given = |pairs: &BTreeMap<String, String>| {
        if pairs.is_empty() {
            Value::Null
        } else {
            json!(pairs)
        }
    };
    let created = Timestamp::from_second(volume.created.as_second()).unwrap_or(volume.created);
    json!({
        "CreatedAt": created.to_string(),
        "Driver": "local",
        "Labels": given(&labels),
        "Mountpoint": volume.data.display().to_string(),
        "Name": volume.name,
        "Options": given(&volume.options),
        "Scope": "local",
    })
}

fn document(of: &impl Serialize) -> Result<Value, EngineError> {
    serde_json::to_value(of).map_err(|error| classify(std::io::Error::from(error)))
}

fn moment(at: Option<Timestamp>) -> String {
    at.map_or_else(|| NEVER.to_owned(), |at| at.to_string())
}

fn state(container: &Container) -> Value {
    let state = &container.state;
    let alive = state.status.is_alive();
    let mut described = json!({
        "Status": state.status.as_str(),
        // Docker says of a container that will be started again that it runs.
        "Running": alive || state.status == Status::Restarting,
        "Paused": state.status == Status::Paused,
        "Restarting": state.status == Status::Restarting,
        "OOMKilled": state.oom_killed,
        "Dead": false,
        "Pid": state.process.filter(|_| alive).unwrap_or_default(),
        "ExitCode": state.exit_code,
        "Error": state.error,
        "StartedAt": moment(state.started),
        "FinishedAt": moment(state.finished),
    });
    if let (Some(health), Some(fields)) = (&state.health, described.as_object_mut()) {
        fields.insert("Health".to_owned(), health_of(health));
    }
    described
}

fn health_of(health: &HealthState) -> Value {
    let log: Vec<Value> = health
        .log
        .iter()
        .map(|check| {
            json!({
                "Start": check.start.to_string(),
                "End": check.end.to_string(),
                "ExitCode": check.exit_code,
                "Output": check.output,
            })
        })
        .collect();
    json!({ "Status": health.status, "FailingStreak": health.failing_streak, "Log": log })
}

/// The mounts without the fields that are Wharf's own. Docker does not list temporary file systems of `--tmpfs`.
fn mounts(record: &ContainerRecord) -> Result<Value, EngineError> {
    let asked: Vec<&str> = record
        .host_config
        .tmpfs
        .keys()
        .map(|target| target.trim_end_matches('/'))
        .collect();
    let shown = record
        .mounts
        .iter()
        .filter(|mount| mount.kind != "tmpfs" || !asked.contains(&mount.destination.as_str()));
    let documents = shown.map(|mount| {
        let mut mount = document(mount)?;
        if let Some(fields) = mount.as_object_mut() {
            fields.retain(|key, _| !key.starts_with("Wharf"));
        }
        Ok(mount)
    });
    documents
        .collect::<Result<Vec<_>, EngineError>>()
        .map(Value::Array)
}

fn network_settings(container: &Container, places: &[ContainerNetwork]) -> Value {
    let mut ports = Map::new();
    if container.state.status.is_alive() {
        for port in container.record.config.exposed_ports.keys() {
            let taken = places.iter().flat_map(|place| &place.ports);
            let places: Vec<Value> = taken
                .filter(|taken| format!("{}/{}", taken.container_port, taken.protocol) == *port)
                .map(|taken| {
                    let (address, number) = (taken.host_ip, taken.host_port);
                    json!({ "HostIp": address.to_string(), "HostPort": number.to_string() })
                })
                .collect();
            let shown = if places.is_empty() {
                Value::Null
            } else {
                Value::Array(places)
            };
            ports.insert(port.clone(), shown);
        }
    }
    let mut networks = Map::new();
    for (name, config) in container.record.endpoints() {
        let place = places.iter().find(|place| place.name == name);
        networks.insert(name, endpoint(&config, place));
    }
    // What stands beside the networks is the default one's (Docker's legacy).
    let default = places.iter().find(|place| place.name == "bridge");
    let (address, length, gateway, hardware) = shown(default);
    let ipv6 = shown_ipv6(default);
    let id = default.map(|place| place.endpoint_id.as_str());
    json!({
        "Bridge": "",
        "SandboxID": "",
        "SandboxKey": "",
        "Ports": ports,
        "HairpinMode": false,
        "LinkLocalIPv6Address": "",
        "LinkLocalIPv6PrefixLen": 0,
        "SecondaryIPAddresses": null,
        "SecondaryIPv6Addresses": null,
        "EndpointID": id.unwrap_or_default(),
        "Gateway": gateway,
        "GlobalIPv6Address": ipv6.0,
        "GlobalIPv6PrefixLen": ipv6.1,
        "IPAddress": address,
        "IPPrefixLen": length,
        "IPv6Gateway": ipv6.2,
        "MacAddress": hardware,
        "Networks": networks,
    })
}

/// Address, its length, gateway and hardware address: empty, as Docker has it of a container that does not run.
fn shown(place: Option<&ContainerNetwork>) -> (String, u8, String, String) {
    // With pasta it has the machine's addresses, and none of its own.
    let own = place.filter(|place| !place.address.is_unspecified());
    own.map_or_else(Default::default, |place| {
        (
            place.address.to_string(),
            place.prefix_length,
            place
                .gateway
                .map(|gateway| gateway.to_string())
                .unwrap_or_default(),
            place.hardware_address.clone(),
        )
    })
}

/// IPv6 address, its length, and gateway: empty where there is none.
fn shown_ipv6(place: Option<&ContainerNetwork>) -> (String, u8, String) {
    let Some((place, (address, length))) = place.and_then(|place| Some((place, place.ipv6?)))
    else {
        return Default::default();
    };
    let gateway = place.ipv6_gateway.map(|gateway| gateway.to_string());
    (address.to_string(), length, gateway.unwrap_or_default())
}

/// A container's place in a network.
fn endpoint(config: &EndpointConfig, place: Option<&ContainerNetwork>) -> Value {
    let (address, length, gateway, hardware) = shown(place);
    let ipv6 = shown_ipv6(place);
    let mut asked = Map::new();
    for (name, address) in [
        ("IPv4Address", &config.ipv4_address),
        ("IPv6Address", &config.ipv6_address),
    ] {
        if !address.is_empty() {
            asked.insert(name.to_owned(), json!(address));
        }
    }
    let asked = if asked.is_empty() {
        Value::Null
    } else {
        asked.into()
    };
    let some = |list: &[String]| {
        if list.is_empty() {
            Value::Null
        } else {
            json!(list)
        }
    };
    let text = |of: fn(&ContainerNetwork) -> &String| place.map(of).cloned().unwrap_or_default();
    json!({
        "IPAMConfig": asked,
        "Links": null,
        "Aliases": some(&config.aliases),
        "MacAddress": hardware,
        "DriverOpts": null,
        "GwPriority": config.gw_priority,
        "NetworkID": text(|place| &place.network_id),
        "EndpointID": text(|place| &place.endpoint_id),
        "Gateway": gateway,
        "IPAddress": address,
        "IPPrefixLen": length,
        "IPv6Gateway": ipv6.2,
        "GlobalIPv6Address": ipv6.0,
        "GlobalIPv6PrefixLen": ipv6.1,
        "DNSNames": place.map_or(Value::Null, |place| some(&place.names)),
    })
}
