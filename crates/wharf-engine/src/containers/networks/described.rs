//! `network inspect`: all that is known, in the form of Docker's API 1.50.

use std::net::IpAddr;

use serde_json::{Map, Value, json};
use wharf_runtime::network::hardware_address_text;

use super::file::Network;

impl Network {
    /// Describes it as `docker network inspect` does, its fields in Docker's order.
    pub fn described(&self) -> Value {
        let mut containers = Map::new();
        let ipv6 = self.bridge.as_ref().and_then(|bridge| bridge.ipv6.as_ref());
        for (id, place) in &self.places {
            let prefix = self
                .bridge
                .as_ref()
                .map(|bridge| bridge.subnet.prefix_len());
            let described = json!({
                "Name": place.container,
                "EndpointID": place.id,
                "MacAddress": hardware_address_text(place.endpoint.hardware()),
                "IPv4Address": format!("{}/{}", place.endpoint.address, prefix.unwrap_or(32)),
                "IPv6Address": place.endpoint.ipv6_address.map(|address| {
                    format!("{address}/{}", ipv6.map_or(128, |side| side.subnet.prefix_len()))
                }).unwrap_or_default(),
            });
            containers.insert(id.clone(), described);
        }
        let predefined = self.is_predefined();
        json!({
            "Name": self.name,
            "Id": self.id,
            "Created": self.created.to_string(),
            "Scope": "local",
            "Driver": self.driver,
            "EnableIPv4": true,
            "EnableIPv6": ipv6.is_some(),
            "IPAM": {
                "Driver": "default",
                "Options": if predefined { Value::Null } else { json!({}) },
                "Config": self.addresses(),
            },
            "Internal": self.internal,
            "Attachable": self.attachable,
            "Ingress": false,
            "ConfigFrom": { "Network": "" },
            "ConfigOnly": false,
            "Containers": containers,
            "Options": self.driver_options(),
            "Labels": self.labels,
        })
    }

    fn addresses(&self) -> Value {
        let Some(bridge) = &self.bridge else {
            return Value::Null;
        };
        let mut config = Map::new();
        config.insert("Subnet".to_owned(), json!(bridge.subnet.to_string()));
        if let Some(range) = &self.ip_range {
            config.insert("IPRange".to_owned(), json!(range.to_string()));
        }
        config.insert("Gateway".to_owned(), json!(bridge.gateway.to_string()));
        let auxiliary = |is_meant: fn(&IpAddr) -> bool| {
            let all = self.auxiliary.iter();
            all.filter(|(_, address)| is_meant(address))
                .map(|(name, address)| (name.clone(), json!(address)))
                .collect::<Map<_, _>>()
        };
        let put = |config: &mut Map<String, Value>, auxiliary: Map<String, Value>| {
            if !auxiliary.is_empty() {
                config.insert("AuxiliaryAddresses".to_owned(), auxiliary.into());
            }
        };
        put(&mut config, auxiliary(IpAddr::is_ipv4));
        let Some(side) = &bridge.ipv6 else {
            return json!([config]);
        };
        let mut long = Map::new();
        long.insert("Subnet".to_owned(), json!(side.subnet.to_string()));
        if let Some(range) = &side.range {
            long.insert("IPRange".to_owned(), json!(range.to_string()));
        }
        long.insert("Gateway".to_owned(), json!(side.gateway.to_string()));
        put(&mut long, auxiliary(IpAddr::is_ipv6));
        json!([config, long])
    }

    /// What was asked for; of the default network what it is.
    fn driver_options(&self) -> Value {
        let (Some(bridge), true) = (&self.bridge, self.is_predefined()) else {
            return json!(self.options);
        };
        json!({
            "com.docker.network.bridge.default_bridge": "true",
            "com.docker.network.bridge.enable_icc": "true",
            "com.docker.network.bridge.enable_ip_masquerade": "true",
            "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0",
            "com.docker.network.bridge.name": bridge.device,
            "com.docker.network.driver.mtu": bridge.mtu.to_string(),
        })
    }
}
