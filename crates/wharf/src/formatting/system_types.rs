//! What `info` and `version` tell, as Docker's types have it: the fields of each object in Docker's order.

use wharf_template::{StructType, Type};

/// `system.Info` of API 1.50 with what the client adds, as far as it means something without a daemon.
pub(crate) fn info_type() -> Type {
    let strings = || Type::list(Type::String);
    let registry = StructType::new("registry.IndexInfo")
        .field("Name", "Name", Type::String)
        .field("Mirrors", "Mirrors", strings())
        .field("Secure", "Secure", Type::Bool)
        .field("Official", "Official", Type::Bool);
    let registries = StructType::new("registry.ServiceConfig")
        .field("InsecureRegistryCIDRs", "InsecureRegistryCIDRs", strings())
        .field(
            "IndexConfigs",
            "IndexConfigs",
            Type::map(Type::pointer(registry.build())),
        )
        .field("Mirrors", "Mirrors", strings());
    let client = StructType::new("system.clientInfo")
        .field("Debug", "Debug", Type::Bool)
        .optional_field("Version", "Version", Type::String)
        .optional_field("Os", "Os", Type::String)
        .optional_field("Arch", "Arch", Type::String)
        .field("Context", "Context", Type::String)
        .field("Plugins", "Plugins", strings())
        .field("Warnings", "Warnings", strings());
    let plugins = StructType::new("system.PluginsInfo")
        .field("Volume", "Volume", strings())
        .field("Network", "Network", strings())
        .field("Authorization", "Authorization", strings())
        .field("Log", "Log", strings());
    let runtime =
        StructType::new("system.RuntimeWithStatus").optional_field("Path", "path", Type::String);
    StructType::new("system.dockerInfo")
        .field("ID", "ID", Type::String)
        .field("Containers", "Containers", Type::Int)
        .field("ContainersRunning", "ContainersRunning", Type::Int)
        .field("ContainersPaused", "ContainersPaused", Type::Int)
        .field("ContainersStopped", "ContainersStopped", Type::Int)
        .field("Images", "Images", Type::Int)
        .field("Driver", "Driver", Type::String)
        .field("DriverStatus", "DriverStatus", Type::list(strings()))
        .field("Plugins", "Plugins", plugins.build())
        .field("Debug", "Debug", Type::Bool)
        .field("LoggingDriver", "LoggingDriver", Type::String)
        .field("CgroupDriver", "CgroupDriver", Type::String)
        .optional_field("CgroupVersion", "CgroupVersion", Type::String)
        .field("KernelVersion", "KernelVersion", Type::String)
        .field("OperatingSystem", "OperatingSystem", Type::String)
        .field("OSType", "OSType", Type::String)
        .field("Architecture", "Architecture", Type::String)
        .field("IndexServerAddress", "IndexServerAddress", Type::String)
        .field(
            "RegistryConfig",
            "RegistryConfig",
            Type::pointer(registries.build()),
        )
        .field("NCPU", "NCPU", Type::Int)
        .field("MemTotal", "MemTotal", Type::int64())
        .field("DockerRootDir", "DockerRootDir", Type::String)
        .field("HttpProxy", "HttpProxy", Type::String)
        .field("HttpsProxy", "HttpsProxy", Type::String)
        .field("NoProxy", "NoProxy", Type::String)
        .field("Name", "Name", Type::String)
        .field("Labels", "Labels", strings())
        .field("ExperimentalBuild", "ExperimentalBuild", Type::Bool)
        .field("ServerVersion", "ServerVersion", Type::String)
        .field("Runtimes", "Runtimes", Type::map(runtime.build()))
        .field("DefaultRuntime", "DefaultRuntime", Type::String)
        .field("LiveRestoreEnabled", "LiveRestoreEnabled", Type::Bool)
        .field("Isolation", "Isolation", Type::String)
        .field("InitBinary", "InitBinary", Type::String)
        .field("SecurityOptions", "SecurityOptions", strings())
        .field("Warnings", "Warnings", strings())
        .field("ClientInfo", "ClientInfo", Type::pointer(client.build()))
        .build()
}

/// `system.versionInfo` of Docker's client.
pub(crate) fn version_type() -> Type {
    let client = StructType::new("system.clientVersion")
        .field("Version", "Version", Type::String)
        .field("APIVersion", "ApiVersion", Type::String)
        .field("DefaultAPIVersion", "DefaultAPIVersion", Type::String)
        .field("Os", "Os", Type::String)
        .field("Arch", "Arch", Type::String)
        .field("Context", "Context", Type::String);
    let platform = StructType::new("struct { Name string }").field("Name", "Name", Type::String);
    let server = StructType::new("types.Version")
        .field("Platform", "Platform", platform.build())
        .field("Version", "Version", Type::String)
        .field("APIVersion", "ApiVersion", Type::String)
        .field("MinAPIVersion", "MinAPIVersion", Type::String)
        .field("Os", "Os", Type::String)
        .field("Arch", "Arch", Type::String);
    StructType::new("system.versionInfo")
        .field("Client", "Client", client.build())
        .field("Server", "Server", Type::pointer(server.build()))
        .build()
}
