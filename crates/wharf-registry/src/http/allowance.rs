//! How much one client may ask: so many requests a second in the long run, with ten seconds' worth saved up.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many seconds' worth can be saved up.
const SAVED_SECONDS: u32 = 10;
/// Most clients that are remembered. Beyond it those are forgotten that asked for little lately.
const CLIENT_LIMIT: usize = 100_000;
/// The part of an IPv6 address that names a network: within it, one client has as many addresses as it wants.
const NETWORK_BITS: u128 = !0 << 64;

/// Allowances of all clients.
#[derive(Debug)]
pub(super) struct Allowances {
    /// How long one request uses up the allowance.
    cost: Duration,
    /// Until when each client's allowance is used up, were it not for what it may save up.
    used_until: Mutex<HashMap<IpAddr, Instant>>,
}

impl Allowances {
    /// For so many requests a second.
    pub(super) fn new(requests_per_second: u32) -> Self {
        Self {
            cost: Duration::from_secs(1) / requests_per_second.max(1),
            used_until: Mutex::new(HashMap::new()),
        }
    }

    /// Takes one request from the client's allowance. `false` if it is used up.
    pub(super) fn take(&self, client: IpAddr, now: Instant) -> bool {
        let savings = Duration::from_secs(1) * SAVED_SECONDS;
        let mut used_until = self
            .used_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if used_until.len() >= CLIENT_LIMIT {
            used_until.retain(|_, until| *until > now);
        }
        let until = used_until.entry(network(client)).or_insert(now);
        let next = (*until).max(now) + self.cost;
        if next > now + savings {
            return false;
        }
        *until = next;
        true
    }
}

fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & NETWORK_BITS)),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn what_was_saved_up_is_used_first_and_then_so_many_a_second() {
        let allowances = Allowances::new(5);
        let (client, start) = (address("192.0.2.1"), Instant::now());
        let taken = |now| {
            (0..1000)
                .take_while(|_| allowances.take(client, now))
                .count()
        };
        assert_eq!(taken(start), 50);
        assert_eq!(taken(start), 0);
        assert_eq!(taken(start + Duration::from_secs(1)), 5);
        assert_eq!(taken(start + Duration::from_hours(1)), 50);
    }

    #[test]
    fn each_network_has_its_own() {
        let allowances = Allowances::new(1);
        let now = Instant::now();
        let use_up = |client| while allowances.take(client, now) {};
        use_up(address("2001:db8::1"));
        assert!(!allowances.take(address("2001:db8::2"), now));
        assert!(allowances.take(address("2001:db8:0:1::1"), now));
        use_up(address("192.0.2.1"));
        assert!(!allowances.take(address("::ffff:192.0.2.1"), now));
        assert!(allowances.take(address("192.0.2.2"), now));
    }
}
