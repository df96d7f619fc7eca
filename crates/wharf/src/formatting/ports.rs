//! Ports of a container, as `ps` shows them: `0.0.0.0:8080->80/tcp, 443/tcp`.

use wharf_engine::Container;

/// Published ports while the container runs, and those that are only exposed.
pub(crate) fn shown(container: &Container) -> String {
    let record = &container.record;
    if !container.state.status.is_alive() {
        return String::new();
    }
    let mut texts = Vec::new();
    for port in record.config.exposed_ports.keys() {
        let places = record.host_config.port_bindings.get(port);
        match places {
            Some(places) => texts.extend(places.iter().map(|place| {
                let address = match place.host_ip.as_str() {
                    "" => "0.0.0.0".to_owned(),
                    ip if ip.contains(':') => format!("[{ip}]"),
                    ip => ip.to_owned(),
                };
                format!("{address}:{}->{port}", place.host_port)
            })),
            None => texts.push(port.clone()),
        }
    }
    texts.join(", ")
}
