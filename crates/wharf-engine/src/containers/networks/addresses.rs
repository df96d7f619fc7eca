//! What addresses were asked of a network, with Docker's checks and words (moby, `api/types/network/ipam.go`).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use wharf_transfer::ErrorKind;

use super::create::NetworkRequest;
use crate::error::{EngineError, failure};

/// What was asked for, as addresses.
pub(super) struct Addresses {
    pub(super) subnet: Option<Ipv4Net>,
    pub(super) range: Option<Ipv4Net>,
    pub(super) gateway: Option<Ipv4Addr>,
    pub(super) ipv6_subnet: Option<Ipv6Net>,
    pub(super) ipv6_range: Option<Ipv6Net>,
    pub(super) ipv6_gateway: Option<Ipv6Addr>,
    /// Of both kinds, by the names that people gave them.
    pub(super) auxiliary: BTreeMap<String, IpAddr>,
}

impl Addresses {
    pub(super) fn parse(request: &NetworkRequest) -> Result<Self, EngineError> {
        let mut wrong = Vec::new();
        let of = |kind: fn(&str) -> bool, list: &[String]| {
            let mut meant = list.iter().filter(|text| kind(text));
            meant.next().cloned()
        };
        let (long, short) = (
            |text: &str| text.contains(':'),
            |text: &str| !text.contains(':'),
        );
        let mut auxiliary = BTreeMap::new();
        let mut side = |kind: fn(&str) -> bool| {
            let asked = Asked {
                subnet: of(kind, &request.subnets),
                range: of(kind, &request.ip_ranges),
                gateway: of(kind, &request.gateways),
                auxiliary: request
                    .auxiliary
                    .iter()
                    .filter(|(_, text)| kind(text))
                    .collect(),
            };
            asked.parse(&mut auxiliary, &mut wrong)
        };
        let (ipv4, ipv6) = (side(short), side(long));
        if !wrong.is_empty() {
            let text = format!("invalid network config:\n{}", wrong.join("\n"));
            return Err(failure(ErrorKind::Invalid, text));
        }
        Ok(Self {
            subnet: ipv4.subnet.and_then(short_net),
            range: ipv4.range.and_then(short_net),
            gateway: ipv4.gateway.and_then(|gateway| match gateway {
                IpAddr::V4(gateway) => Some(gateway),
                IpAddr::V6(_) => None,
            }),
            ipv6_subnet: ipv6.subnet.and_then(long_net),
            ipv6_range: ipv6.range.and_then(long_net),
            ipv6_gateway: ipv6.gateway.and_then(|gateway| match gateway {
                IpAddr::V6(gateway) => Some(gateway),
                IpAddr::V4(_) => None,
            }),
            auxiliary,
        })
    }
}

fn short_net(net: IpNet) -> Option<Ipv4Net> {
    match net {
        IpNet::V4(net) => Some(net),
        IpNet::V6(_) => None,
    }
}

fn long_net(net: IpNet) -> Option<Ipv6Net> {
    match net {
        IpNet::V6(net) => Some(net),
        IpNet::V4(_) => None,
    }
}

/// What was asked of addresses of one kind.
struct Asked<'a> {
    subnet: Option<String>,
    range: Option<String>,
    gateway: Option<String>,
    auxiliary: Vec<(&'a String, &'a String)>,
}

/// The same, read.
#[derive(Default)]
struct Side {
    subnet: Option<IpNet>,
    range: Option<IpNet>,
    gateway: Option<IpAddr>,
}

impl Asked<'_> {
    fn parse(self, auxiliary: &mut BTreeMap<String, IpAddr>, wrong: &mut Vec<String>) -> Side {
        let mut side = Side::default();
        let Some(text) = &self.subnet else {
            return side;
        };
        match text.parse::<IpNet>() {
            Ok(subnet) if subnet == subnet.trunc() => side.subnet = Some(subnet),
            Ok(subnet) => {
                let clean = subnet.trunc();
                wrong.push(format!("invalid subnet {text}: it should be {clean}"));
            }
            Err(_) => wrong.push(format!(
                "invalid subnet {text}: invalid CIDR block notation"
            )),
        }
        let Some(subnet) = side.subnet else {
            return side;
        };
        if let Some(text) = &self.range {
            match text.parse::<IpNet>() {
                Err(_) => wrong.push(format!(
                    "invalid ip-range {text}: invalid CIDR block notation"
                )),
                Ok(range) if range.prefix_len() < subnet.prefix_len() => wrong.push(format!(
                    "invalid ip-range {text}: CIDR block is bigger than its parent subnet {subnet}"
                )),
                Ok(range) if range != range.trunc() => {
                    let clean = range.trunc();
                    wrong.push(format!("invalid ip-range {text}: it should be {clean}"));
                }
                Ok(range) if !subnet.contains(&range) => wrong.push(format!(
                    "invalid ip-range {text}: parent subnet {subnet} doesn't contain ip-range"
                )),
                Ok(range) => side.range = Some(range),
            }
        }
        let within = |text: &str| match text.parse::<IpAddr>() {
            Err(_) => Err("invalid address".to_owned()),
            Ok(address) if !subnet.contains(&address) => Err(format!(
                "parent subnet {subnet} doesn't contain this address"
            )),
            Ok(address) => Ok(address),
        };
        if let Some(text) = &self.gateway {
            match within(text) {
                Ok(address) => side.gateway = Some(address),
                Err(why) => wrong.push(format!("invalid gateway {text}: {why}")),
            }
        }
        for (name, text) in self.auxiliary {
            match within(text) {
                Ok(address) => drop(auxiliary.insert(name.clone(), address)),
                Err(why) => wrong.push(format!("invalid auxiliary address {name}: {why}")),
            }
        }
        side
    }
}
