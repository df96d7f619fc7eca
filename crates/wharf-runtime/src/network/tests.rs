//! Networks of this machine, with containers that are processes with a network namespace and nothing else.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use super::netlink::Netlink;
use super::{
    BridgeNetwork, Endpoint, Firewall, Ipv6Side, NetworkNamespace, PortProtocol, PublishedPort,
    routed_networks,
};

const PATIENCE: Duration = Duration::from_secs(5);

/// Long enough for a packet on this machine, short enough to wait for one that is dropped.
const DROPPED: Duration = Duration::from_millis(300);

/// A process in a network namespace of its own.
struct Container {
    process: Child,
    namespace: NetworkNamespace,
    address: Ipv4Addr,
}

impl Container {
    fn new(address: Ipv4Addr) -> Self {
        let mut process = Command::new("unshare")
            .args(["--net", "sh", "-c", "echo ready; exec sleep 1000"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = [0; 6];
        process
            .stdout
            .take()
            .unwrap()
            .read_exact(&mut ready)
            .unwrap();
        let namespace = NetworkNamespace::of_process(process.id()).unwrap();
        Self {
            process,
            namespace,
            address,
        }
    }

    /// Answers each client with the address that it sees the client have.
    fn serve(&self, port: u16) {
        self.serve_at(self.address.into(), port);
    }

    fn serve_at(&self, address: IpAddr, port: u16) {
        let listener = self.namespace.inside(|| TcpListener::bind((address, port)));
        let listener = listener.unwrap();
        std::thread::spawn(move || {
            while let Ok((mut stream, peer)) = listener.accept() {
                drop(stream.write_all(peer.ip().to_string().as_bytes()));
            }
        });
    }

    fn ask(
        &self,
        address: impl Into<IpAddr> + Send,
        port: u16,
        patience: Duration,
    ) -> io::Result<String> {
        self.namespace.inside(|| ask(address, port, patience))
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn ask(address: impl Into<IpAddr>, port: u16, patience: Duration) -> io::Result<String> {
    let address = SocketAddr::from((address.into(), port));
    let mut stream = TcpStream::connect_timeout(&address, patience)?;
    stream.set_read_timeout(Some(patience))?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// The networks of one test, removed with it.
struct Networks {
    firewall: Firewall,
    networks: Vec<BridgeNetwork>,
    /// One without rules: a stranger's.
    outside: BridgeNetwork,
    /// Ports of the host that no other test uses.
    port: u16,
}

impl Networks {
    /// Nothing where it cannot be tried, which is said.
    fn new(test: &str, iptables: bool) -> Option<Self> {
        static COUNT: AtomicU8 = AtomicU8::new(0);
        if !rustix::process::geteuid().is_root() {
            println!("SKIPPED {test}: networks belong to root");
            return None;
        }
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("wt{}x{count}", std::process::id());
        let mut firewall = Firewall::named(&name);
        if iptables {
            firewall = firewall.without_nftables();
        }
        if !firewall.publishes() {
            println!("SKIPPED {test}: neither nft nor iptables");
            return None;
        }
        // Two tests have no subnet in common, nor two runs at once.
        let third = u8::try_from(std::process::id() % 250).unwrap();
        let network = |letter: &str, place: u8, internal: bool| BridgeNetwork {
            device: format!("{name}{letter}"),
            subnet: format!("10.{}.{third}.0/24", 100 + count * 8 + place)
                .parse()
                .unwrap(),
            gateway: Ipv4Addr::new(10, 100 + count * 8 + place, third, 1),
            mtu: 1400,
            internal,
            ipv6: None,
        };
        let made = Self {
            firewall,
            networks: vec![
                network("a", 0, false),
                network("b", 1, false),
                network("i", 2, true),
            ],
            outside: network("o", 3, false),
            port: 41_000 + u16::from(count) * 10,
        };
        let mut netlink = Netlink::open().unwrap();
        let outside = &made.outside;
        netlink
            .add_bridge(&outside.device, 1400, [2, 0, 0, 0, 0, 1])
            .unwrap();
        let bridge = netlink.link(&outside.device).unwrap().unwrap();
        netlink
            .add_address(bridge, outside.gateway, outside.subnet)
            .unwrap();
        netlink.set_up(bridge).unwrap();
        for network in &made.networks {
            assert_eq!(
                network.ensure(&made.firewall).unwrap(),
                Vec::<String>::new()
            );
            network.ensure(&made.firewall).unwrap();
        }
        Some(made)
    }
}

/// A container with the address that ends so.
fn connect(network: &BridgeNetwork, last: u8) -> Container {
    let [a, b, c, _] = network.gateway.octets();
    let container = Container::new(Ipv4Addr::new(a, b, c, last));
    let endpoint = endpoint(network, container.address);
    network.connect(&endpoint, &container.namespace).unwrap();
    container
}

fn endpoint(network: &BridgeNetwork, address: Ipv4Addr) -> Endpoint {
    Endpoint {
        host_device: format!("{}{}", network.device, address.octets()[3]),
        device: "eth0".to_owned(),
        address,
        ipv6_address: None,
        default_route: true,
        hardware_address: None,
    }
}

impl Drop for Networks {
    fn drop(&mut self) {
        for network in &self.networks {
            if let Err(error) = network.remove(&self.firewall) {
                println!("{error}");
            }
        }
        if let Err(error) = self.firewall.remove_all() {
            println!("{error}");
        }
        let mut netlink = Netlink::open().unwrap();
        if let Ok(Some(link)) = netlink.link(&self.outside.device) {
            drop(netlink.remove_link(link));
        }
    }
}

/// The same network with IPv6 addresses that no other has.
fn with_ipv6(network: &BridgeNetwork) -> BridgeNetwork {
    let [_, b, c, _] = network.gateway.octets();
    let subnet = format!("fd00:{b}:{c}::/64").parse().unwrap();
    BridgeNetwork {
        ipv6: Some(Ipv6Side::new(subnet, None, None)),
        ..network.clone()
    }
}

/// A container with the addresses that end so.
fn connect_ipv6(network: &BridgeNetwork, last: u8) -> (Container, Ipv6Addr) {
    let side = network.ipv6.as_ref().unwrap();
    let address = Ipv6Addr::from(u128::from(side.subnet.network()) + u128::from(last));
    let [a, b, c, _] = network.gateway.octets();
    let container = Container::new(Ipv4Addr::new(a, b, c, last));
    let endpoint = Endpoint {
        ipv6_address: Some(address),
        ..endpoint(network, container.address)
    };
    network.connect(&endpoint, &container.namespace).unwrap();
    (container, address)
}

#[test]
fn privileged_ipv6_packets_go_where_they_may() {
    let test = "privileged_ipv6_packets_go_where_they_may";
    if !std::path::Path::new("/proc/sys/net/ipv6/conf/all/forwarding").exists() {
        println!("SKIPPED {test}: this kernel has no IPv6");
        return;
    }
    let Some(networks) = Networks::new(test, false) else {
        return;
    };
    let (a, b) = (
        with_ipv6(&networks.networks[0]),
        with_ipv6(&networks.networks[1]),
    );
    let outside = with_ipv6(&networks.outside);
    for network in [&a, &b] {
        // Once more as it would be made: with its own rules.
        network.remove(&networks.firewall).unwrap();
        network.ensure(&networks.firewall).unwrap();
        network.ensure(&networks.firewall).unwrap();
    }
    let side = outside.ipv6.clone().unwrap();
    let mut netlink = Netlink::open().unwrap();
    let bridge = netlink.link(&outside.device).unwrap().unwrap();
    netlink
        .add_ipv6_address(bridge, side.gateway, side.subnet)
        .unwrap();
    let (one, one_at) = connect_ipv6(&a, 2);
    let (two, _) = connect_ipv6(&a, 3);
    let (other, _) = connect_ipv6(&b, 2);
    let (world, world_at) = connect_ipv6(&outside, 2);
    one.serve_at(one_at.into(), 80);
    world.serve_at(world_at.into(), 80);
    // Nobody in it says where the way is.
    for device in [&a.device, &b.device] {
        let file = format!("/proc/sys/net/ipv6/conf/{device}/accept_ra");
        assert_eq!(std::fs::read_to_string(file).unwrap(), "0\n");
    }
    // In the network, as who one is.
    assert!(two.ask(one_at, 80, PATIENCE).unwrap().ends_with("::3"));
    // Out, as the host.
    let seen = two.ask(world_at, 80, PATIENCE).unwrap();
    assert_eq!(seen, side.gateway.to_string());
    // Not from another network, and not from outside past the published ports.
    other.ask(one_at, 80, DROPPED).unwrap_err();
    world.ask(one_at, 80, DROPPED).unwrap_err();
    let publish = |host_ip: Ipv6Addr, host_port| PublishedPort {
        host_ip: host_ip.into(),
        host_port,
        container: (one_at, 80).into(),
        protocol: PortProtocol::Tcp,
    };
    let ports = [
        publish(Ipv6Addr::UNSPECIFIED, networks.port),
        publish(side.gateway, networks.port + 1),
    ];
    networks.firewall.publish(&a, &ports).unwrap();
    for port in [networks.port, networks.port + 1] {
        let seen = world.ask(side.gateway, port, PATIENCE).unwrap();
        assert_eq!(seen, world_at.to_string(), "{port}");
        ask(side.gateway, port, PATIENCE).unwrap();
        two.ask(side.gateway, port, PATIENCE).unwrap();
        other.ask(side.gateway, port, PATIENCE).unwrap();
    }
    networks.firewall.unpublish(&a, &ports).unwrap();
    world.ask(side.gateway, networks.port, DROPPED).unwrap_err();
    for network in [&a, &b] {
        network.remove(&networks.firewall).unwrap();
    }
}

fn packets_go_where_they_may(test: &str, iptables: bool) {
    let Some(networks) = Networks::new(test, iptables) else {
        return;
    };
    let [a, b, internal] = networks.networks.as_slice() else {
        panic!("three networks");
    };
    let (one, two, other) = (connect(a, 2), connect(a, 3), connect(b, 2));
    let (hidden, hidden_too) = (connect(internal, 2), connect(internal, 3));
    let world = connect(&networks.outside, 2);
    for container in [&one, &two, &other, &hidden, &world] {
        container.serve(80);
    }
    // With each other, and with the host.
    assert_eq!(
        two.ask(one.address, 80, PATIENCE).unwrap(),
        two.address.to_string()
    );
    assert_eq!(
        ask(one.address, 80, PATIENCE).unwrap(),
        a.gateway.to_string()
    );
    assert_eq!(
        hidden_too.ask(hidden.address, 80, PATIENCE).unwrap(),
        hidden_too.address.to_string()
    );
    // Out, as the host; not from an internal network.
    let seen = one.ask(world.address, 80, PATIENCE).unwrap();
    assert_eq!(seen, networks.outside.gateway.to_string());
    hidden.ask(world.address, 80, DROPPED).unwrap_err();
    // Not from network to network, and not from outside past the published ports.
    other.ask(one.address, 80, DROPPED).unwrap_err();
    one.ask(other.address, 80, DROPPED).unwrap_err();
    world.ask(one.address, 80, DROPPED).unwrap_err();
    one.ask(hidden.address, 80, DROPPED).unwrap_err();
    // Published: on all addresses, and on one.
    let publish = |host_ip: Ipv4Addr, host_port| PublishedPort {
        host_ip: host_ip.into(),
        host_port,
        container: (one.address, 80).into(),
        protocol: PortProtocol::Tcp,
    };
    let ports = [
        publish(Ipv4Addr::UNSPECIFIED, networks.port),
        publish(networks.outside.gateway, networks.port + 1),
    ];
    networks.firewall.publish(a, &ports).unwrap();
    let host = networks.outside.gateway;
    for port in [networks.port, networks.port + 1] {
        assert_eq!(
            world.ask(host, port, PATIENCE).unwrap(),
            world.address.to_string(),
            "{port}"
        );
        assert_eq!(
            ask(host, port, PATIENCE).unwrap(),
            host.to_string(),
            "{port}"
        );
        // From the network itself, by way of the host, even from the container that serves it.
        for client in [&one, &two] {
            assert_eq!(
                client.ask(host, port, PATIENCE).unwrap(),
                a.gateway.to_string(),
                "{port}"
            );
        }
        other.ask(host, port, PATIENCE).unwrap();
    }
    other.ask(b.gateway, networks.port, PATIENCE).unwrap();
    other
        .ask(b.gateway, networks.port + 1, DROPPED)
        .unwrap_err();
    networks.firewall.unpublish(a, &ports).unwrap();
    networks.firewall.unpublish(a, &ports).unwrap();
    world.ask(host, networks.port, DROPPED).unwrap_err();
}

#[test]
fn privileged_packets_go_where_they_may_by_nft() {
    packets_go_where_they_may("privileged_packets_go_where_they_may_by_nft", false);
}

#[test]
fn privileged_packets_go_where_they_may_by_iptables() {
    packets_go_where_they_may("privileged_packets_go_where_they_may_by_iptables", true);
}

#[test]
fn privileged_a_container_is_set_up_and_taken_out() {
    let Some(networks) = Networks::new("privileged_a_container_is_set_up_and_taken_out", false)
    else {
        return;
    };
    let network = &networks.networks[0];
    assert!(routed_networks().unwrap().contains(&network.subnet));
    let container = connect(network, 9);
    let inside = |arguments: &[&str]| {
        let pid = container.process.id().to_string();
        let output = Command::new("nsenter")
            .args(["-t", &pid, "-n", "ip"])
            .args(arguments)
            .output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    let shown = inside(&["addr"]);
    let [a, b, c, _] = network.gateway.octets();
    for part in [
        "lo: <LOOPBACK,UP,LOWER_UP>".to_owned(),
        "eth0@".to_owned(),
        "mtu 1400".to_owned(),
        format!("link/ether 02:42:{a:02x}:{b:02x}:{c:02x}:09"),
        format!(
            "inet {}/24 brd {a}.{b}.{c}.255 scope global eth0",
            container.address
        ),
    ] {
        assert!(shown.contains(&part), "{part} is not in\n{shown}");
    }
    assert!(!shown.contains("inet6 fe80"), "{shown}");
    assert_eq!(
        inside(&["route", "show", "default"]),
        format!("default via {} dev eth0 \n", network.gateway)
    );
    // Again over what was left, out, and out once more.
    let endpoint = endpoint(network, container.address);
    network.connect(&endpoint, &container.namespace).unwrap();
    network.disconnect(&endpoint).unwrap();
    assert!(!inside(&["addr"]).contains("eth0"));
    network.disconnect(&endpoint).unwrap();
    // A network that is gone is said to be.
    network.remove(&networks.firewall).unwrap();
    network.remove(&networks.firewall).unwrap();
    let error = network
        .connect(&endpoint, &container.namespace)
        .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("cannot connect a container to the bridge wt"),
        "{error}"
    );
}

// Rules that somebody flushed come back with the next port.
#[test]
fn privileged_ports_survive_a_flush() {
    let Some(networks) = Networks::new("privileged_ports_survive_a_flush", false) else {
        return;
    };
    let network = &networks.networks[0];
    let container = connect(network, 2);
    container.serve(80);
    networks.firewall.remove_all().unwrap();
    let port = PublishedPort {
        host_ip: Ipv4Addr::UNSPECIFIED.into(),
        host_port: networks.port,
        container: (container.address, 80).into(),
        protocol: PortProtocol::Tcp,
    };
    networks.firewall.publish(network, &[port]).unwrap();
    ask(networks.outside.gateway, networks.port, PATIENCE).unwrap();
}

// What a container left that was killed, perhaps of another store, is in nobody's way.
#[test]
fn privileged_a_port_that_a_dead_container_left_is_taken_over() {
    let test = "privileged_a_port_that_a_dead_container_left_is_taken_over";
    let Some(networks) = Networks::new(test, false) else {
        return;
    };
    let network = &networks.networks[0];
    let (dead, alive) = (connect(network, 2), connect(network, 3));
    alive.serve(80);
    let port = |container: &Container, number| PublishedPort {
        host_ip: networks.outside.gateway.into(),
        host_port: number,
        container: (container.address, 80).into(),
        protocol: PortProtocol::Tcp,
    };
    let (first, second) = (networks.port, networks.port + 1);
    let left = [port(&dead, first), port(&dead, second)];
    networks.firewall.publish(network, &left).unwrap();
    let taken = port(&alive, first);
    networks.firewall.publish(network, &[taken]).unwrap();
    ask(networks.outside.gateway, first, PATIENCE).unwrap();
    // Whoever clears away after the dead one takes nothing from who lives.
    networks.firewall.unpublish(network, &left).unwrap();
    ask(networks.outside.gateway, first, PATIENCE).unwrap();
    networks
        .firewall
        .publish(network, &[port(&alive, second)])
        .unwrap();
    ask(networks.outside.gateway, second, PATIENCE).unwrap();
}

// A client of a UDP port that says one thing more after the port has gone to another container.
#[test]
fn privileged_udp_goes_to_who_has_the_port_now() {
    let Some(networks) = Networks::new("privileged_udp_goes_to_who_has_the_port_now", false) else {
        return;
    };
    let network = &networks.networks[0];
    let (one, two) = (connect(network, 2), connect(network, 3));
    for container in [&one, &two] {
        let socket = container
            .namespace
            .inside(|| UdpSocket::bind((container.address, 53)));
        let (socket, last) = (socket.unwrap(), container.address.octets()[3]);
        std::thread::spawn(move || {
            let mut bytes = [0; 8];
            while let Ok((_, from)) = socket.recv_from(&mut bytes) {
                drop(socket.send_to(&[last], from));
            }
        });
    }
    let world = connect(&networks.outside, 2);
    let client = world
        .namespace
        .inside(|| UdpSocket::bind((world.address, 0)))
        .unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    for container in [&one, &two, &one] {
        let port = PublishedPort {
            host_ip: Ipv4Addr::UNSPECIFIED.into(),
            host_port: networks.port,
            container: (container.address, 53).into(),
            protocol: PortProtocol::Udp,
        };
        networks.firewall.publish(network, &[port]).unwrap();
        let mut answer = [0; 8];
        client
            .send_to(b"?", (networks.outside.gateway, networks.port))
            .unwrap();
        client.recv(&mut answer).unwrap();
        assert_eq!(answer[0], container.address.octets()[3]);
        networks.firewall.unpublish(network, &[port]).unwrap();
    }
}

// A host like one with Docker on it: iptables drops what is forwarded, and nobody has allowed forwarding. It is a namespace, in which
// this program runs the test of packets once more.
#[test]
fn privileged_packets_pass_where_iptables_drops() {
    let test = "privileged_packets_pass_where_iptables_drops";
    if !rustix::process::geteuid().is_root() || super::program::find("iptables").is_none() {
        println!("SKIPPED {test}: networks belong to root, and it needs iptables");
        return;
    }
    let script = "ip link set lo up && echo 0 > /proc/sys/net/ipv4/ip_forward && iptables -P FORWARD DROP || exit 9
        \"$0\" --exact network::tests::privileged_packets_go_where_they_may_by_nft || exit 8
        iptables -S FORWARD";
    let output = Command::new("unshare")
        .args(["--net", "sh", "-c", script])
        .arg(std::env::current_exe().unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{output:?}"
    );
    assert!(
        said.ends_with("-P FORWARD DROP\n"),
        "rules of ours are left: {said}"
    );
}
