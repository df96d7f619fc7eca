//! Networks of root's containers.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, TcpStream};

use crate::fixture::Containers;
use crate::life::pause;

/// The port of the machine that leads to `port` of the container.
fn published(containers: &Containers, name: &str, port: &str) -> u16 {
    let ports = containers.prints([
        "ps",
        "--filter",
        &format!("name={name}"),
        "--format",
        "{{.Ports}}",
    ]);
    let place = ports
        .split(", ")
        .find(|place| place.ends_with(&format!("->{port}")));
    let place = place.unwrap_or_else(|| panic!("{port} is not published: {ports}"));
    let (address, _) = place.split_once("->").expect("an arrow");
    address
        .rsplit(':')
        .next()
        .and_then(|port| port.parse().ok())
        .expect("a port")
}

/// What is answered at the port.
fn answer(address: IpAddr, port: u16) -> Option<String> {
    let mut stream = TcpStream::connect((address, port)).ok()?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    text.rsplit("\r\n\r\n").next().map(str::to_owned)
}

#[test]
fn privileged_containers_reach_each_other_and_ports_lead_to_them() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    let script = "mkdir /w; echo served > /w/index.html; exec httpd -f -p 80 -h /w";
    let words = [
        "run",
        "-d",
        "--name",
        "web",
        "-p",
        // One that nobody is given by chance: it has to be free afterwards.
        "28461:80",
        "-p",
        "127.0.0.1::80",
        "busybox",
        "sh",
        "-c",
        script,
    ];
    containers.prints(words);
    let port = published(&containers, "web", "80/tcp");
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let answered = (0..100).find_map(|_| {
        pause();
        answer(loopback, port)
    });
    assert_eq!(answered.as_deref(), Some("served\n"));
    let script = "ip -4 addr show eth0 | grep inet";
    let line = containers.prints(["exec", "web", "sh", "-c", script]);
    let address = line
        .split_whitespace()
        .nth(1)
        .and_then(|text| text.split('/').next())
        .unwrap()
        .to_owned();
    let format = "{{.NetworkSettings.IPAddress}} {{.NetworkSettings.Networks.bridge.MacAddress}}";
    let told = containers.prints(["inspect", "--format", format, "web"]);
    assert!(told.starts_with(&format!("{address} 02:42:")), "{told}");
    let url = format!("http://{address}/");
    assert_eq!(
        containers.prints(["run", "--rm", "busybox", "wget", "-q", "-O", "-", &url]),
        "served"
    );
    let names = containers.prints(["exec", "web", "cat", "/etc/hosts"]);
    assert!(names.contains(&format!("{address}\t")), "{names}");
    // The port is taken, and free again when the container is gone.
    let wish = format!("127.0.0.1:{port}:80");
    let again = [
        "run", "--rm", "--name", "late", "-p", &wish, "busybox", "true",
    ];
    let refused = containers.wharf(again).run().exits_with(125).error_text();
    assert!(refused.contains("port is already allocated"), "{refused}");
    containers.prints(["rm", "-f", "web"]);
    containers.wharf(again).run().success();
    assert_eq!(answer(loopback, port), None);
    let state =
        std::fs::read_to_string(containers.sandbox.root().join("networks/networks.json")).unwrap();
    assert!(
        !state.contains("\"device\""),
        "the bridge goes with its last container: {state}"
    );
}

#[test]
fn privileged_networks_that_are_not_there() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    let words = ["run", "--rm", "--network", "nowhere", "busybox", "true"];
    let refused = containers.wharf(words).run().exits_with(125).error_text();
    assert!(refused.contains("network nowhere not found"), "{refused}");
    assert_eq!(containers.prints(["ps", "-aq"]), "");
}
