//! Ports of a container, as `ps` shows them: `0.0.0.0:8080->80/tcp, [::]:8080->80/tcp, 443/tcp`.

use wharf_engine::Container;
use wharf_runtime::network::{TakenPort, bracketed};

/// Published ports while the container runs, and those that are only exposed.
pub(crate) fn shown(container: &Container, published: &[TakenPort]) -> String {
    if !container.state.status.is_alive() {
        return String::new();
    }
    let mut texts = Vec::new();
    for port in container.record.config.exposed_ports.keys() {
        let places = published
            .iter()
            .filter(|taken| format!("{}/{}", taken.container_port, taken.protocol) == *port)
            .map(|taken| format!("{}:{}->{port}", bracketed(taken.host_ip), taken.host_port));
        let places: Vec<String> = places.collect();
        if places.is_empty() {
            texts.push(port.clone());
        }
        texts.extend(places);
    }
    texts.join(", ")
}
