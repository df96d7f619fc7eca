//! What the engine is told, out of the environment, the files and the machine.

use std::sync::Arc;

use wharf_engine::{EngineSettings, MonitorProgram};
use wharf_images::Clock;
use wharf_layers::Limits;
use wharf_oci::Platform;
use wharf_registry_client::{ClientConfig, ProxyConfig, RetryPolicy};

use crate::session::Session;

/// The settings of this call.
pub(crate) fn engine_settings(session: &Session) -> EngineSettings {
    let configuration = session.configuration();
    EngineSettings {
        root: configuration.root.clone(),
        platform: Platform::host(),
        max_concurrent_downloads: configuration.max_concurrent_downloads,
        max_concurrent_uploads: configuration.max_concurrent_uploads,
        limits: Limits::default(),
        client: client_config(session),
        credentials: Arc::new(session.credential_files()),
        clock: Clock::system(),
        caller: session.caller(),
        build_cache_limit_bytes: configuration.build_cache_limit_bytes,
        monitor: monitor_program(session),
    }
}

/// This very program, with what it needs to find the same store.
fn monitor_program(session: &Session) -> MonitorProgram {
    let root = session.configuration().root.to_string_lossy().into_owned();
    MonitorProgram {
        path: "/proc/self/exe".into(),
        arguments: vec!["--root".to_owned(), root],
        // It is root of a namespace, whoever called.
        environment: session
            .caller()
            .map(|caller| ("USER".to_owned(), caller.name))
            .into_iter()
            .collect(),
    }
}

fn client_config(session: &Session) -> ClientConfig {
    let configuration = session.configuration();
    let environment = session.environment();
    let proxies = configuration.proxies.clone();
    ClientConfig {
        mirrors: configuration.mirrors.clone(),
        insecure_registries: configuration.insecure.clone(),
        certs_dirs: configuration.certificates.clone(),
        ca_file: environment.ssl_cert_file.clone(),
        ca_dirs: environment.ssl_cert_dirs.clone(),
        proxies: ProxyConfig {
            http: proxies.http,
            https: proxies.https,
            no_proxy: proxies.no_proxy,
        },
        retry: RetryPolicy {
            max_attempts: configuration.max_download_attempts,
            ..RetryPolicy::default()
        },
        ..ClientConfig::default()
    }
}
