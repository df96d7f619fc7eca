//! Containers and volumes as Docker's types have them (API 1.50): what templates of `inspect` see.

use wharf_template::{StructType, Type};

/// A field whose name in Go is that in JSON.
type Field = (&'static str, fn() -> Type);

fn structure(name: &str, fields: &[Field]) -> StructType {
    let start = StructType::new(name);
    fields
        .iter()
        .fold(start, |made, (field, of)| made.field(field, field, of()))
}

fn text() -> Type {
    Type::String
}

fn flag() -> Type {
    Type::Bool
}

fn number() -> Type {
    Type::Int
}

fn long() -> Type {
    Type::int64()
}

fn texts() -> Type {
    Type::list(Type::String)
}

fn pairs() -> Type {
    Type::map(Type::String)
}

fn anything() -> Type {
    Type::Any
}

fn optional_flag() -> Type {
    Type::pointer(Type::Bool)
}

fn optional_long() -> Type {
    Type::pointer(Type::int64())
}

fn set() -> Type {
    Type::map(StructType::new("struct {}").build())
}

/// `container.InspectResponse`.
pub(crate) fn container_type() -> Type {
    let base = StructType::new("container.ContainerJSONBase").field("ID", "Id", Type::String);
    let base = base
        .field("Created", "Created", Type::String)
        .field("Path", "Path", Type::String)
        .field("Args", "Args", texts())
        .field("State", "State", Type::pointer(state_type()))
        .field("Image", "Image", Type::String);
    let names = [
        "ResolvConfPath",
        "HostnamePath",
        "HostsPath",
        "LogPath",
        "Name",
    ];
    let base = names
        .iter()
        .fold(base, |made, name| made.field(name, name, Type::String))
        .field("RestartCount", "RestartCount", Type::Int);
    let labels = [
        "Driver",
        "Platform",
        "MountLabel",
        "ProcessLabel",
        "AppArmorProfile",
    ];
    let base = labels
        .iter()
        .fold(base, |made, name| made.field(name, name, Type::String))
        .field("ExecIDs", "ExecIDs", texts())
        .field(
            "HostConfig",
            "HostConfig",
            Type::pointer(host_config_type()),
        )
        .field("GraphDriver", "GraphDriver", graph_driver_type())
        .optional_field("SizeRw", "SizeRw", optional_long())
        .optional_field("SizeRootFs", "SizeRootFs", optional_long());
    StructType::new("container.InspectResponse")
        .embedded("ContainerJSONBase", Type::pointer(base.build()))
        .field("Mounts", "Mounts", Type::list(mount_type()))
        .field("Config", "Config", Type::pointer(config_type()))
        .field(
            "NetworkSettings",
            "NetworkSettings",
            Type::pointer(network_settings_type()),
        )
        .build()
}

/// `volume.Volume`.
pub(crate) fn volume_type() -> Type {
    const FIELDS: [Field; 7] = [
        ("CreatedAt", text),
        ("Driver", text),
        ("Labels", pairs),
        ("Mountpoint", text),
        ("Name", text),
        ("Options", pairs),
        ("Scope", text),
    ];
    structure("volume.Volume", &FIELDS).build()
}

/// `network.Inspect`.
pub(crate) fn network_type() -> Type {
    const FIELDS: [Field; 11] = [
        ("Created", text),
        ("Scope", text),
        ("Driver", text),
        ("EnableIPv4", flag),
        ("EnableIPv6", flag),
        ("Internal", flag),
        ("Attachable", flag),
        ("Ingress", flag),
        ("ConfigOnly", flag),
        ("Options", pairs),
        ("Labels", pairs),
    ];
    let place = structure(
        "network.EndpointResource",
        &[
            ("Name", text),
            ("EndpointID", text),
            ("MacAddress", text),
            ("IPv4Address", text),
            ("IPv6Address", text),
        ],
    );
    let config = StructType::new("network.IPAMConfig")
        .field("Subnet", "Subnet", Type::String)
        .optional_field("IPRange", "IPRange", Type::String)
        .optional_field("Gateway", "Gateway", Type::String)
        .optional_field("AuxAddress", "AuxiliaryAddresses", pairs());
    let addresses = structure("network.IPAM", &[("Driver", text), ("Options", pairs)]).field(
        "Config",
        "Config",
        Type::list(config.build()),
    );
    structure("network.Inspect", &FIELDS)
        .field("Name", "Name", Type::String)
        .field("ID", "Id", Type::String)
        .field("IPAM", "IPAM", addresses.build())
        .field(
            "ConfigFrom",
            "ConfigFrom",
            structure("network.ConfigReference", &[("Network", text)]).build(),
        )
        .field("Containers", "Containers", Type::map(place.build()))
        .build()
}

fn graph_driver_type() -> Type {
    structure("storage.DriverData", &[("Data", pairs), ("Name", text)]).build()
}

fn state_type() -> Type {
    const FIELDS: [Field; 11] = [
        ("Status", text),
        ("Running", flag),
        ("Paused", flag),
        ("Restarting", flag),
        ("OOMKilled", flag),
        ("Dead", flag),
        ("Pid", number),
        ("ExitCode", number),
        ("Error", text),
        ("StartedAt", text),
        ("FinishedAt", text),
    ];
    structure("container.State", &FIELDS)
        .optional_field("Health", "Health", Type::pointer(health_type()))
        .build()
}

fn health_type() -> Type {
    let check = StructType::new("container.HealthcheckResult")
        .field("Start", "Start", Type::Time)
        .field("End", "End", Type::Time)
        .field("ExitCode", "ExitCode", Type::Int)
        .field("Output", "Output", Type::String);
    StructType::new("container.Health")
        .field("Status", "Status", Type::String)
        .field("FailingStreak", "FailingStreak", Type::Int)
        .field("Log", "Log", Type::list(Type::pointer(check.build())))
        .build()
}

fn mount_type() -> Type {
    structure("container.MountPoint", &[])
        .optional_field("Type", "Type", Type::named("mount.Type", Type::String))
        .optional_field("Name", "Name", Type::String)
        .field("Source", "Source", Type::String)
        .field("Destination", "Destination", Type::String)
        .optional_field("Driver", "Driver", Type::String)
        .field("Mode", "Mode", Type::String)
        .field("RW", "RW", Type::Bool)
        .field(
            "Propagation",
            "Propagation",
            Type::named("mount.Propagation", Type::String),
        )
        .build()
}

fn config_type() -> Type {
    const FIRST: [Field; 6] = [
        ("Hostname", text),
        ("Domainname", text),
        ("User", text),
        ("AttachStdin", flag),
        ("AttachStdout", flag),
        ("AttachStderr", flag),
    ];
    const SECOND: [Field; 5] = [
        ("Tty", flag),
        ("OpenStdin", flag),
        ("StdinOnce", flag),
        ("Env", texts),
        ("Cmd", texts),
    ];
    const THIRD: [Field; 6] = [
        ("Image", text),
        ("Volumes", set),
        ("WorkingDir", text),
        ("Entrypoint", texts),
        ("OnBuild", texts),
        ("Labels", pairs),
    ];
    let put = |made: StructType, fields: &[Field]| {
        fields
            .iter()
            .fold(made, |made, (name, of)| made.field(name, name, of()))
    };
    let ports = Type::map_by(
        Type::named("nat.Port", Type::String),
        StructType::new("struct {}").build(),
    );
    let made =
        structure("container.Config", &FIRST).optional_field("ExposedPorts", "ExposedPorts", ports);
    let made = put(made, &SECOND).optional_field("Healthcheck", "Healthcheck", anything());
    put(made, &THIRD)
        .optional_field("StopSignal", "StopSignal", Type::String)
        .optional_field("StopTimeout", "StopTimeout", Type::pointer(Type::Int))
        .build()
}

/// Where a port is published: `nat.PortMap`.
fn ports_type() -> Type {
    let place = StructType::new("nat.PortBinding")
        .field("HostIP", "HostIp", Type::String)
        .field("HostPort", "HostPort", Type::String);
    Type::map_by(
        Type::named("nat.Port", Type::String),
        Type::list(place.build()),
    )
}

fn log_config_type() -> Type {
    structure("container.LogConfig", &[("Type", text), ("Config", pairs)]).build()
}

fn restart_type() -> Type {
    StructType::new("container.RestartPolicy")
        .field(
            "Name",
            "Name",
            Type::named("container.RestartPolicyMode", Type::String),
        )
        .field("MaximumRetryCount", "MaximumRetryCount", Type::Int)
        .build()
}

fn host_config_type() -> Type {
    const FIELDS: [Field; 57] = [
        ("Binds", texts),
        ("ContainerIDFile", text),
        ("LogConfig", log_config_type),
        ("NetworkMode", text),
        ("PortBindings", ports_type),
        ("RestartPolicy", restart_type),
        ("AutoRemove", flag),
        ("VolumeDriver", text),
        ("VolumesFrom", texts),
        ("CapAdd", texts),
        ("CapDrop", texts),
        ("CgroupnsMode", text),
        ("Dns", texts),
        ("DnsOptions", texts),
        ("DnsSearch", texts),
        ("ExtraHosts", texts),
        ("GroupAdd", texts),
        ("IpcMode", text),
        ("Cgroup", text),
        ("Links", texts),
        ("OomScoreAdj", number),
        ("PidMode", text),
        ("Privileged", flag),
        ("PublishAllPorts", flag),
        ("ReadonlyRootfs", flag),
        ("SecurityOpt", texts),
        ("StorageOpt", pairs),
        ("Tmpfs", pairs),
        ("UTSMode", text),
        ("UsernsMode", text),
        ("ShmSize", long),
        ("Sysctls", pairs),
        ("Runtime", text),
        ("Isolation", text),
        ("CpuShares", long),
        ("Memory", long),
        ("NanoCpus", long),
        ("CgroupParent", text),
        ("BlkioWeight", number),
        ("CpuPeriod", long),
        ("CpuQuota", long),
        ("CpuRealtimePeriod", long),
        ("CpuRealtimeRuntime", long),
        ("CpusetCpus", text),
        ("CpusetMems", text),
        ("Devices", anything),
        ("DeviceCgroupRules", texts),
        ("DeviceRequests", anything),
        ("MemoryReservation", long),
        ("MemorySwap", long),
        ("MemorySwappiness", optional_long),
        ("OomKillDisable", optional_flag),
        ("Init", optional_flag),
        ("PidsLimit", optional_long),
        ("Ulimits", anything),
        ("MaskedPaths", texts),
        ("ReadonlyPaths", texts),
    ];
    structure("container.HostConfig", &FIELDS)
        .optional_field("Mounts", "Mounts", Type::Any)
        .build()
}

fn network_settings_type() -> Type {
    const FIELDS: [Field; 12] = [
        ("Bridge", text),
        ("SandboxID", text),
        ("SandboxKey", text),
        ("Ports", ports_type),
        ("HairpinMode", flag),
        ("EndpointID", text),
        ("Gateway", text),
        ("GlobalIPv6Address", text),
        ("GlobalIPv6PrefixLen", number),
        ("IPAddress", text),
        ("IPPrefixLen", number),
        ("IPv6Gateway", text),
    ];
    structure("container.NetworkSettings", &FIELDS)
        .field("MacAddress", "MacAddress", Type::String)
        .field(
            "Networks",
            "Networks",
            Type::map(Type::pointer(endpoint_type())),
        )
        .build()
}

fn endpoint_type() -> Type {
    const FIELDS: [Field; 15] = [
        ("IPAMConfig", anything),
        ("Links", texts),
        ("Aliases", texts),
        ("MacAddress", text),
        ("DriverOpts", pairs),
        ("GwPriority", number),
        ("NetworkID", text),
        ("EndpointID", text),
        ("Gateway", text),
        ("IPAddress", text),
        ("IPPrefixLen", number),
        ("IPv6Gateway", text),
        ("GlobalIPv6Address", text),
        ("GlobalIPv6PrefixLen", number),
        ("DNSNames", texts),
    ];
    structure("network.EndpointSettings", &FIELDS).build()
}
