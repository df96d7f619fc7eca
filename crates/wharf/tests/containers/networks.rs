//! Networks that somebody makes.

use std::path::Path;

use crate::fixture::Containers;

/// Subnets of tests, which no two of them share.
fn subnet(number: u8) -> String {
    format!("10.213.{number}.0/24")
}

fn made(containers: &Containers, name: &str, options: &[&str]) -> String {
    let words = [&["network", "create"], options, &[name]].concat();
    containers.prints(words)
}

/// A container that runs until it is removed.
fn run(containers: &Containers, name: &str, options: &[&str]) {
    let begin = ["run", "-d", "--name", name];
    let words = [&begin, options, &["busybox", "sleep", "1000"]].concat();
    containers.prints(words);
}

fn inside(containers: &Containers, name: &str, script: &str) -> String {
    containers.prints(["exec", name, "sh", "-c", script])
}

fn refused(containers: &Containers, words: &[&str], code: i32) -> String {
    let end = containers.wharf(words.iter().copied()).run();
    end.exits_with(code).error_text()
}

#[test]
fn privileged_networks_are_made_listed_inspected_and_removed() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    let format = "{{.Name}} {{.Driver}} {{.Scope}}";
    let list = || containers.prints(["network", "ls", "--format", format]);
    let predefined = "bridge bridge local\nhost host local\nnone null local";
    assert_eq!(list(), predefined);
    let id = made(
        &containers,
        "web",
        &[
            "--subnet",
            &subnet(1),
            "--ip-range",
            "10.213.1.128/25",
            "--gateway",
            "10.213.1.9",
            "--label",
            "team=a",
            "-o",
            "com.docker.network.bridge.name=wt-web1",
            "-o",
            "com.docker.network.driver.mtu=1400",
        ],
    );
    assert_eq!(id.len(), 64);
    assert_eq!(
        list(),
        predefined.replace("null local", "null local\nweb bridge local")
    );
    let device = Path::new("/sys/class/net/wt-web1");
    let mtu = std::fs::read_to_string(device.join("mtu")).unwrap();
    assert_eq!(mtu, "1400\n");
    let format = "{{.Id}} {{.Internal}} {{(index .IPAM.Config 0).Subnet}} {{(index .IPAM.Config 0).IPRange}} {{(index .IPAM.Config 0).Gateway}} {{.Labels.team}}";
    let expected = format!("{id} false 10.213.1.0/24 10.213.1.128/25 10.213.1.9 a");
    for words in [
        ["network", "inspect", "--format", format, "web"],
        [
            "inspect",
            "--type=network",
            "--format",
            format,
            id.get(..12).unwrap(),
        ],
    ] {
        assert_eq!(containers.prints(words), expected);
    }
    let filtered =
        |filter: &str| containers.prints(["network", "ls", "-q", "--no-trunc", "-f", filter]);
    for filter in [
        "label=team=a",
        "name=we",
        "type=custom",
        "dangling=true",
        &format!("id={}", id.get(..5).unwrap()),
    ] {
        assert_eq!(filtered(filter), id, "{filter}");
    }
    assert_eq!(filtered("label=team=b"), "");
    assert_eq!(containers.prints(["network", "rm", "web"]), "web");
    assert!(!device.exists());
    assert_eq!(list(), predefined);
    made(&containers, "one", &["--subnet", &subnet(2)]);
    made(
        &containers,
        "two",
        &["--subnet", &subnet(3), "--label", "kept"],
    );
    let pruned = containers.prints(["network", "prune", "-f", "--filter", "label!=kept"]);
    assert_eq!(pruned, "Deleted Networks:\none");
    let text = containers.prints(["system", "prune", "-f"]);
    assert!(text.contains("Deleted Networks:\ntwo\n"), "{text}");
}

#[test]
fn who_only_asks_makes_no_networks() {
    let sandbox = testkit::Sandbox::new();
    let refused = sandbox.wharf(["inspect", "gone"]).run().exits_with(1);
    assert_eq!(refused.error_text(), "Error: No such object: gone\n");
    let refused = sandbox.wharf(["network", "inspect", "gone"]).run();
    assert_eq!(
        refused.exits_with(1).error_text(),
        "Error response from daemon: network gone not found\n"
    );
    assert!(!sandbox.root().join("networks").exists());
}

#[test]
fn privileged_containers_find_each_other_by_names() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    made(&containers, "web", &["--subnet", &subnet(11)]);
    run(
        &containers,
        "one",
        &[
            "--network",
            "web",
            "--ip",
            "10.213.11.77",
            "--network-alias",
            "www",
        ],
    );
    run(
        &containers,
        "two",
        &[
            "--network",
            "name=web,alias=other,mac-address=02:00:00:00:00:07",
        ],
    );
    let short = containers.prints(["ps", "-q", "--filter", "name=one"]);
    for name in ["one", "www", "ONE", "one.web", &short] {
        let text = inside(
            &containers,
            "two",
            &format!("ping -c 1 -w 20 {name} | head -1"),
        );
        assert!(text.contains("(10.213.11.77)"), "{name}: {text}");
    }
    // The other way, though it came later; and by whoever asks no resolver of the C library.
    let text = inside(&containers, "one", "nslookup other 2>&1");
    assert!(
        text.contains("127.0.0.11") && text.contains("10.213.11.2"),
        "{text}"
    );
    let text = inside(&containers, "one", "nslookup 10.213.11.2 2>&1");
    assert!(text.contains("two.web"), "{text}");
    let resolver = inside(&containers, "one", "cat /etc/resolv.conf");
    assert!(
        resolver.contains("nameserver 127.0.0.11") && resolver.contains("ndots:0"),
        "{resolver}"
    );
    let text = inside(&containers, "two", "cat /sys/class/net/eth0/address");
    assert_eq!(text, "02:00:00:00:00:07");
    // A container may serve names itself: the port is its own.
    let text = inside(
        &containers,
        "one",
        "nc -l -p 53 -e cat & for i in $(seq 200); do said=$(echo yes | nc -w 2 10.213.11.77 53 2>&1); [ \"$said\" = yes ] && break; done; echo $said",
    );
    assert_eq!(text, "yes");
    containers.prints(["rm", "-f", "one", "two"]);
}

#[test]
fn privileged_inspect_and_ps_tell_of_networks() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    made(&containers, "web", &["--subnet", &subnet(12)]);
    let options = [
        "--network",
        "web",
        "--ip",
        "10.213.12.77",
        "--network-alias",
        "www",
    ];
    run(&containers, "one", &options);
    run(&containers, "two", &["--network", "web"]);
    let short = containers.prints(["ps", "-q", "--filter", "name=one"]);
    containers.prints(["rename", "one", "first"]);
    let text = inside(&containers, "two", "ping -c 1 -w 20 first | head -1");
    assert!(text.contains("(10.213.12.77)"), "{text}");
    let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{.Gateway}} {{.Aliases}} {{.DNSNames}}{{end}}";
    let told = containers.prints(["inspect", "-f", format, "first"]);
    assert_eq!(
        told,
        format!("10.213.12.77 10.213.12.1 [www] [first www {short}]")
    );
    let format = "{{range .Containers}}{{.Name}} {{.IPv4Address}};{{end}}";
    let mut told: Vec<String> = containers
        .prints(["network", "inspect", "-f", format, "web"])
        .split_terminator(';')
        .map(str::to_owned)
        .collect();
    told.sort();
    assert_eq!(told, ["first 10.213.12.77/24", "two 10.213.12.2/24"]);
    for filter in [
        "network=web",
        &format!(
            "network={}",
            &containers.prints(["network", "ls", "-qf", "name=web"])
        ),
    ] {
        let names = containers.prints([
            "ps",
            "--filter",
            filter,
            "--format",
            "{{.Names}} {{.Networks}}",
        ]);
        assert_eq!(names, "two web\nfirst web");
    }
    let text = refused(&containers, &["network", "rm", "web"], 1);
    assert!(
        text.starts_with("Error response from daemon: error while removing network: network web has active endpoints (name:\"") && text.contains("name:\"first\" id:\""),
        "{text}"
    );
    containers.prints(["rm", "-f", "first", "two"]);
    containers.prints(["network", "rm", "web"]);
}

#[test]
fn privileged_networks_do_not_meet() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    made(&containers, "red", &["--subnet", &subnet(21)]);
    made(
        &containers,
        "blue",
        &["--subnet", &subnet(22), "--internal"],
    );
    run(
        &containers,
        "one",
        &["--network", "red", "--ip", "10.213.21.2"],
    );
    run(
        &containers,
        "two",
        &["--network", "blue", "--ip", "10.213.22.2"],
    );
    let reaches = |from: &str, to: &str| {
        let script = format!("ping -c 1 -w 3 {to} > /dev/null 2>&1; echo $?");
        inside(&containers, from, &script) == "0"
    };
    assert!(!reaches("one", "10.213.22.2") && !reaches("two", "10.213.21.2"));
    assert!(!reaches("one", "two"));
    // In a network that leads nowhere there is no way, and nobody outside is asked.
    let routes = inside(&containers, "two", "ip route");
    assert!(!routes.contains("default"), "{routes}");
    let text = inside(&containers, "two", "nslookup example.invalid 2>&1; true");
    assert!(
        text.contains("NXDOMAIN") || text.contains("can't find"),
        "{text}"
    );
    // Connected while both run: they find each other, and the way out stays.
    containers.prints(["network", "connect", "--alias", "friend", "blue", "one"]);
    assert!(reaches("one", "two") && reaches("two", "friend"));
    let routes = inside(&containers, "one", "ip route");
    assert!(
        routes.contains("default via 10.213.21.1 dev eth0"),
        "{routes}"
    );
    let text = refused(&containers, &["network", "connect", "blue", "one"], 1);
    assert_eq!(
        text,
        "Error response from daemon: endpoint with name one already exists in network blue\n"
    );
    containers.prints(["network", "disconnect", "red", "one"]);
    assert!(reaches("one", "two"));
    let format = "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}";
    assert_eq!(containers.prints(["inspect", "-f", format, "one"]), "blue ");
    // And after a new start.
    containers.prints(["restart", "--timeout", "0", "one"]);
    assert!(reaches("one", "two"));
    containers.prints(["rm", "-f", "one", "two"]);
}

#[test]
fn privileged_a_container_of_the_default_network_comes_into_another() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    made(&containers, "web", &["--subnet", &subnet(31)]);
    run(&containers, "one", &["--network", "web"]);
    run(&containers, "two", &[]);
    let resolver = inside(&containers, "two", "cat /etc/resolv.conf");
    assert!(!resolver.contains("127.0.0.11"), "{resolver}");
    containers.prints(["network", "connect", "web", "two"]);
    for (from, to) in [("two", "one"), ("one", "two")] {
        let text = inside(
            &containers,
            from,
            &format!("ping -c 1 -w 20 {to} | head -1"),
        );
        assert!(text.contains("(10.213.31."), "{text}");
    }
    let hosts = inside(&containers, "two", "cat /etc/hosts");
    assert!(hosts.contains("10.213.31.3\t"), "{hosts}");
    containers.prints(["network", "disconnect", "bridge", "two"]);
    let routes = inside(&containers, "two", "ip route");
    assert!(
        routes.contains("default via 10.213.31.1 dev eth1"),
        "{routes}"
    );
    // One that does not run remembers.
    containers.prints(["create", "--name", "three", "busybox", "sleep", "1000"]);
    containers.prints(["network", "connect", "--ip", "10.213.31.50", "web", "three"]);
    containers.prints(["network", "disconnect", "bridge", "three"]);
    containers.prints(["start", "three"]);
    let text = inside(&containers, "one", "ping -c 1 -w 20 three | head -1");
    assert!(text.contains("(10.213.31.50)"), "{text}");
    containers.prints(["rm", "-f", "one", "two", "three"]);
}

#[test]
fn privileged_ports_follow_the_way_out() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    made(&containers, "red", &["--subnet", &subnet(41)]);
    made(&containers, "blue", &["--subnet", &subnet(42)]);
    let run = ["run", "-d", "--name", "one", "--network", "red"];
    let ports = ["-p", "127.0.0.1::80", "-p", "81", "busybox", "sh", "-c"];
    let serve = "echo it > /index.html; httpd -p 80 -h /; httpd -p 81 -h /; exec sleep 1000";
    containers.prints([&run[..], &ports, &[serve]].concat());
    containers.prints(["network", "connect", "blue", "one"]);
    let port = |number: &str| containers.prints(["port", "one", number]);
    let loopback = port("80");
    let anywhere = port("81");
    let anywhere = anywhere.lines().next().unwrap_or_default();
    let number = anywhere.rsplit(':').next().unwrap_or_default();
    // From the machine by the proxy, from elsewhere by the rules: another container asks a gateway.
    let asks = |address: &str| {
        let script = format!("wget -q -O - http://{address}/index.html || echo nothing");
        containers.shell(&["--network", "host"], &script)
    };
    let asks_from_outside = || {
        let address = format!("10.213.43.1:{number}");
        let script = format!("wget -q -O - http://{address}/index.html || echo nothing");
        containers.shell(&["--network", "green"], &script)
    };
    made(&containers, "green", &["--subnet", &subnet(43)]);
    let is_served = || {
        let answered = is_soon(|| asks(&loopback) == "it");
        assert!(answered, "{loopback}");
        assert!(is_soon(|| asks_from_outside() == "it"), "{number}");
        assert_eq!(port("80"), loopback);
    };
    is_served();
    containers.prints(["network", "disconnect", "red", "one"]);
    is_served();
    // Without a way out nobody comes in; the ports stay the container's.
    containers.prints(["network", "disconnect", "blue", "one"]);
    assert_eq!(asks(&loopback), "nothing");
    containers.prints(["network", "connect", "red", "one"]);
    is_served();
    containers.prints(["rm", "-f", "one"]);
    let path = containers.sandbox.root().join("networks/networks.json");
    let state = std::fs::read_to_string(path).unwrap();
    assert!(!state.contains("parked_ports"), "{state}");
}

/// Whether that becomes true before a test has waited for too long.
fn is_soon(is_true: impl Fn() -> bool) -> bool {
    for _ in 0..100 {
        if is_true() {
            return true;
        }
        crate::life::pause();
    }
    false
}

#[test]
fn privileged_a_network_has_ipv6_addresses() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    if !Path::new("/proc/sys/net/ipv6").exists() {
        testkit::skip("this kernel has no IPv6");
        return;
    }
    let both = ["--subnet", "fd00:213:51::/64", "--subnet", &subnet(51)];
    made(&containers, "six", &[&["--ipv6"], &both[..]].concat());
    let format = "{{.EnableIPv6}} {{json .IPAM.Config}}";
    assert_eq!(
        containers.prints(["network", "inspect", "-f", format, "six"]),
        r#"true [{"Subnet":"10.213.51.0/24","Gateway":"10.213.51.1"},{"Subnet":"fd00:213:51::/64","Gateway":"fd00:213:51::1"}]"#
    );
    let list = ["network", "ls", "--filter", "name=six", "--format"];
    let list = [&list[..], &["{{.IPv4}} {{.IPv6}}"]].concat();
    assert_eq!(containers.prints(list), "true true");
    let serve = "echo it > /index.html; httpd -p [::]:80 -h /; exec sleep 1000";
    let words = ["run", "-d", "--name", "one", "--network", "six", "-p", "80"];
    containers.prints([&words[..], &["busybox", "sh", "-c", serve]].concat());
    let chosen = ["--network", "six", "--ip6", "fd00:213:51::99"];
    run(&containers, "two", &chosen);
    let format = "{{with .NetworkSettings.Networks.six}}{{.GlobalIPv6Address}}/{{.GlobalIPv6PrefixLen}} {{.IPv6Gateway}} {{json .IPAMConfig}}{{end}}";
    assert_eq!(
        containers.prints(["inspect", "-f", format, "one"]),
        "fd00:213:51::2/64 fd00:213:51::1 null"
    );
    assert_eq!(
        containers.prints(["inspect", "-f", format, "two"]),
        r#"fd00:213:51::99/64 fd00:213:51::1 {"IPv6Address":"fd00:213:51::99"}"#
    );
    // By name, both kinds, and back.
    let text = inside(&containers, "two", "nslookup one; nslookup fd00:213:51::2");
    for expected in ["10.213.51.2", "fd00:213:51::2", "one.six"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let hosts = inside(&containers, "two", "cat /etc/hosts");
    assert!(hosts.contains("\nfd00:213:51::99\t"), "{hosts}");
    // From the machine: by the rules, and by the proxy at its loopback.
    let port = containers.prints(["port", "one", "80"]);
    let number = port.rsplit(':').next().unwrap_or_default();
    for host in ["[fd00:213:51::1]", "[::1]", "127.0.0.1"] {
        let fetch = format!("wget -q -O - http://{host}:{number}/index.html || echo nothing");
        let is_there = || containers.shell(&["--network", "host"], &fetch) == "it";
        assert!(is_soon(is_there), "{host}");
    }
    // A network of its own choice, and one without.
    made(&containers, "chosen", &["--ipv6"]);
    made(&containers, "four", &[]);
    for name in ["chosen", "four"] {
        containers.prints(["network", "connect", name, "two"]);
    }
    let shown = inside(
        &containers,
        "two",
        "ip -6 addr show eth1; ip -6 addr show eth2",
    );
    assert_eq!(shown.matches("inet6 fd").count(), 1, "{shown}");
    let mistake = |words: &[&str], expected: &str| {
        let text = refused(&containers, words, 1);
        assert_eq!(text, format!("Error response from daemon: {expected}\n"));
    };
    mistake(
        &["create", "--network", "six", "--ip6", "fd00::1", "busybox"],
        "invalid endpoint settings:\nno configured subnet or ip-range contain the IP address fd00::1",
    );
    mistake(
        &["create", "--network", "six", "--ip6", "x", "busybox"],
        "invalid endpoint settings:\ninvalid IPv6 address: x",
    );
    mistake(
        &[
            "network",
            "create",
            "--ipv6",
            "--subnet",
            "fd00:213:51::/96",
            "x",
        ],
        "Pool overlaps with other one on this address space",
    );
    containers.prints(["rm", "-f", "one", "two"]);
}

/// What dockerd would find.
const MISTAKES: [(&[&str], &str); 19] = [
    (
        &["network", "create", "web"],
        "network with name web already exists",
    ),
    (
        &["network", "create", "bridge"],
        "operation is not permitted on predefined bridge network ",
    ),
    (
        &["network", "create", "-d", "overlaid", "x"],
        "could not find plugin overlaid in v1 plugin registry: plugin \"overlaid\" not found",
    ),
    (
        &["network", "create", "--subnet", "10.213.41.0/24", "x"],
        "Pool overlaps with other one on this address space",
    ),
    (
        &["network", "create", "--subnet", "10.0.0.1/24", "x"],
        "invalid network config:\ninvalid subnet 10.0.0.1/24: it should be 10.0.0.0/24",
    ),
    (
        &["network", "create", "--subnet", "x", "x"],
        "invalid network config:\ninvalid subnet x: invalid CIDR block notation",
    ),
    (
        &[
            "network",
            "create",
            "--subnet",
            "10.0.0.0/24",
            "--gateway",
            "10.0.1.1",
            "x",
        ],
        "invalid network config:\ninvalid gateway 10.0.1.1: parent subnet 10.0.0.0/24 doesn't contain this address",
    ),
    (
        &["network", "rm", "host"],
        "host is a pre-defined network and cannot be removed",
    ),
    (&["network", "rm", "gone"], "network gone not found"),
    (&["network", "inspect", "gone"], "network gone not found"),
    (
        &["network", "connect", "web", "gone"],
        "No such container: gone",
    ),
    (
        &["network", "connect", "gone", "one"],
        "network gone not found",
    ),
    (
        &["network", "connect", "web", "one"],
        "container cannot be connected to multiple networks with one of the networks in private (none) mode",
    ),
    (
        &["network", "connect", "host", "one"],
        "cannot connect container to host network - container must be created in host network mode",
    ),
    (
        &["create", "--network", "any", "--ip", "10.0.0.1", "busybox"],
        "invalid endpoint settings:\nuser specified IP address is supported only when connecting to networks with user configured subnets",
    ),
    (
        &["create", "--network", "web", "--ip", "10.0.0.1", "busybox"],
        "invalid endpoint settings:\nno configured subnet or ip-range contain the IP address 10.0.0.1",
    ),
    (
        &["create", "--ip", "10.0.0.1", "busybox"],
        "invalid endpoint settings:\nuser specified IP address is supported on user defined networks only",
    ),
    (
        &["create", "--network", "gone", "busybox"],
        "network gone not found",
    ),
    (
        &["network", "ls", "-f", "type=x"],
        "invalid filter: 'type'='x'",
    ),
];

#[test]
fn privileged_mistakes_with_networks_are_told_in_dockers_words() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    made(&containers, "web", &["--subnet", &subnet(41)]);
    made(&containers, "any", &[]);
    run(&containers, "one", &["--network", "none"]);
    for (words, expected) in MISTAKES {
        let end = containers.wharf(words.iter().copied()).run();
        assert_ne!(end.code, 0, "{words:?}");
        let text = end.error_text();
        let text = text.strip_prefix("wharf: ").unwrap_or(&text);
        assert!(
            text.starts_with(&format!("Error response from daemon: {expected}\n")),
            "{words:?}: {text}"
        );
    }
    for (words, expected) in [
        (
            &["network", "create", "--gateway", "10.0.0.1", "x"][..],
            "every ip-range or gateway must have a corresponding subnet\n",
        ),
        (
            &["create", "--network", "web", "--network", "host", "busybox"],
            "conflicting options: cannot attach both user-defined and non-user-defined network-modes",
        ),
        (
            &["create", "--network-alias", "x", "busybox"],
            "network-scoped aliases are only supported for user-defined networks",
        ),
        (
            &["create", "--network", "web", "--network", "web", "busybox"],
            "network \"web\" is specified multiple times",
        ),
    ] {
        let end = containers.wharf(words.iter().copied()).run();
        let text = end.error_text();
        assert!(
            end.code != 0 && text.contains(expected),
            "{words:?}: {text}"
        );
    }
    let id = refused(&containers, &["network", "disconnect", "web", "one"], 1);
    assert!(id.contains("is not connected to network web"), "{id}");
    containers.prints(["rm", "-f", "one"]);
}

#[test]
fn privileged_what_a_killed_monitor_left_goes_when_somebody_looks() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    made(&containers, "web", &["--subnet", &subnet(51)]);
    run(
        &containers,
        "one",
        &["--network", "web", "-p", "127.0.0.1::80", "-p", "81"],
    );
    let format = "{{range $_, $places := .NetworkSettings.Ports}}{{(index $places 0).HostPort}} {{end}}{{.State.Pid}}";
    let told = containers.prints(["inspect", "-f", format, "one"]);
    let (ports, process) = told.rsplit_once(' ').unwrap();
    let ports: Vec<&str> = ports.split(' ').collect();
    let rules = || {
        let nft = containers
            .sandbox
            .program("nft")
            .args(["list", "table", "ip", "wharf"]);
        nft.run().text()
    };
    let nft = rules();
    if !nft.is_empty() {
        assert!(
            ports
                .iter()
                .all(|port| nft.contains(&format!(". {port} :"))),
            "{nft}"
        );
    }
    let state = containers.sandbox.root().join("networks/networks.json");
    let state = || std::fs::read_to_string(&state).unwrap();
    let device = state();
    let (_, device) = device.split_once("\"host_device\":\"").unwrap();
    let device = format!("/sys/class/net/{}", device.split('"').next().unwrap());
    assert!(Path::new(&device).exists());
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let monitor = status.lines().find_map(|line| line.strip_prefix("PPid:"));
    let monitor: i32 = monitor.unwrap().trim().parse().unwrap();
    let monitor = rustix::process::Pid::from_raw(monitor).unwrap();
    rustix::process::kill_process(monitor, rustix::process::Signal::KILL).unwrap();
    // A lock is free once the kernel has taken the process away.
    let ended = || containers.prints(["ps", "-a", "--format", "{{.State}}"]) == "exited";
    while !ended() {
        crate::life::pause();
    }
    assert!(!state().contains("host_device"), "{}", state());
    let nft = rules();
    assert!(
        !ports
            .iter()
            .any(|port| nft.contains(&format!(". {port} :"))),
        "{nft}"
    );
    while Path::new(&device).exists() {
        crate::life::pause();
    }
    containers.prints(["network", "rm", "web"]);
    containers.prints(["rm", "one"]);
}
