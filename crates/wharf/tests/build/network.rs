//! RUN and networks: which one a step has, and what is left of it.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use testkit::{OrdinaryUser, Peer};

use crate::corpus::give_to;
use crate::fixture::Project;
use crate::running::project;
use crate::side_by_side::interrupted;

/// Says hello to whoever asks at this address; the port.
fn greets(address: Ipv4Addr) -> u16 {
    let listener = TcpListener::bind((address, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            // A client that breaks off has its reasons.
            let _asked = client.read(&mut [0; 4096]);
            let _answered = client.write_all(b"HTTP/1.0 200 OK\r\n\r\nhello");
        }
    });
    port
}

/// The lines that steps have written, without what `wharf` says before each.
fn said(text: &str, begin: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|line| line.split_once(begin));
    lines.map(|(_, rest)| rest.to_owned()).collect()
}

/// What is written down of networks.
fn written_down(project: &Project) -> String {
    let path = project.sandbox.root().join("networks/networks.json");
    std::fs::read_to_string(path).unwrap_or_default()
}

/// The devices of that kind that are written down.
fn devices(written: &str, kind: &str) -> Vec<String> {
    let begin = format!("\"{kind}\":\"");
    let found = written.split(&begin).skip(1);
    found
        .filter_map(|rest| rest.split_once('"'))
        .map(|(name, _)| name.to_owned())
        .collect()
}

fn is_there(device: &str) -> bool {
    Path::new("/sys/class/net").join(device).exists()
}

#[test]
fn privileged_a_step_has_a_network_of_its_own() {
    let (anywhere, loopback) = (greets(Ipv4Addr::UNSPECIFIED), greets(Ipv4Addr::LOCALHOST));
    let at_loopback = format!("wget -q -O - http://127.0.0.1:{loopback}");
    let Some(project) = project(&format!(
        "RUN set -e; gateway=$(ip route | awk '$1 == \"default\" {{ print $3 }}'); \
         echo \"sa\"\"id $(ip -o -4 addr show eth0 | awk '{{ print $4 }}') $gateway $(awk '/machine/ {{ print $1 }}' /etc/hosts)\"; \
         wget -q -O - \"http://$gateway:{anywhere}\"; echo; ! {at_loopback}; ! grep -q 'nameserver 127' /etc/resolv.conf\n\
         RUN echo \"sa\"\"id $(ip -o -4 addr show eth0 | awk '{{ print $4 }}')\"\n\
         RUN --network=none test \"$(ls /sys/class/net)\" = lo && ! grep machine /etc/hosts\n\
         RUN --network=host {at_loopback} && grep -q '^127.0.0.1.machine$' /etc/hosts && cat /etc/resolv.conf > /resolv\n"
    )) else {
        return;
    };
    let machine = "--add-host=machine:host-gateway";
    let output = project.run(&["--allow=network.host", machine]).success();
    let text = output.error_text();
    let lines = said(&text, " said ");
    let words: Vec<&str> = lines.iter().flat_map(|line| line.split(' ')).collect();
    // One step after the other has the same.
    let [subnet, gateway, machine_line, again] = words.as_slice() else {
        panic!("{text}");
    };
    assert_eq!((machine_line, again), (gateway, subnet));
    let (address, bits) = subnet.split_once('/').unwrap();
    let shift = 32 - bits.parse::<u32>().unwrap();
    let part = |text: &str| text.parse::<Ipv4Addr>().unwrap().to_bits() >> shift;
    assert_eq!(part(address), part(gateway), "{text}");
    assert_ne!(address, *gateway);
    assert!(text.contains(" hello\n"), "{text}");
    let resolver = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let files = project.files(&["--allow=network.host", machine]).join("\n");
    assert!(
        files.contains(&format!("resolv: {}", resolver.trim_end())),
        "{files}"
    );
    let written = written_down(&project);
    assert!(!written.contains("host_device"), "{written}");
    // The network is no part of what a step comes to.
    let own = project.build(&["--allow=network.host", machine]);
    project.file(
        "Dockerfile",
        "FROM scratch\nCOPY --chmod=755 busybox /bin/busybox\nRUN [\"/bin/busybox\", \"true\"]\n",
    );
    let usual = project.build(&["--no-cache"]);
    assert_ne!(usual, own);
    let all = project.build(&["--no-cache", "--network=host"]);
    assert_eq!(usual, all);
    let bridge = project.run(&["--network=bridge"]).success().error_text();
    assert!(bridge.contains("CACHED"), "{bridge}");
}

#[test]
fn privileged_all_steps_can_have_the_machines_network() {
    let loopback = greets(Ipv4Addr::LOCALHOST);
    let Some(project) = project(&format!("RUN wget -q -O - http://127.0.0.1:{loopback}\n")) else {
        return;
    };
    project.run(&[]).exits_with(1);
    project.run(&["--network=host"]).success();
    project.run(&["--network=none"]).exits_with(1);
}

#[test]
fn privileged_stages_side_by_side_have_networks_beside_each_other() {
    let stage = "echo \"sa\"\"id $(ip -o -4 addr show eth0 | awk '{ print $4 }')\"";
    let Some(project) = project(&format!(
        "FROM base AS one\nRUN --mount=type=cache,target=/m : > /m/one; until [ -e /m/two ]; do sleep 0.01; done; {stage}\n\
         FROM base AS two\nRUN --mount=type=cache,target=/m : > /m/two; until [ -e /m/one ]; do sleep 0.01; done; {stage}\n\
         FROM one\nCOPY --from=two /bin/busybox /busybox\nRUN --security=insecure ip link set eth0 down\nRUN ip -o link show eth0 up | grep -q eth0\n"
    )) else {
        return;
    };
    let output = project.run(&["--allow=security.insecure"]).success();
    let text = output.error_text();
    let mut addresses = said(&text, " said ");
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), 2, "{text}");
    let written = written_down(&project);
    assert!(!written.contains("host_device"), "{written}");
}

#[test]
fn privileged_a_build_in_a_network_of_somebodys_finds_names() {
    let Some(project) = project(
        "FROM base AS named\nRUN ping -c 1 -w 20 server && grep 'nameserver 127.0.0.11' /etc/resolv.conf\nRUN nslookup server.wharf-build\n",
    ) else {
        return;
    };
    let begin = std::fs::read_to_string(project.context().join("Dockerfile")).unwrap();
    let (begin, _) = begin.split_once("FROM base").unwrap();
    let begin = format!("{begin}FROM base\n");
    let wharf = |words: &[&str]| project.sandbox.wharf(words.iter().copied()).run();
    project.run(&["--target=base", "--tag=base"]).success();
    let name = "wharf-build";
    wharf(&["network", "create", "--subnet=10.214.1.0/24", name]).success();
    wharf(&[
        "run",
        "-d",
        "--network",
        name,
        "--name=server",
        "base",
        "sleep",
        "1000",
    ])
    .success();
    let text = project.run(&["--network", name]).success().error_text();
    assert!(text.contains("10.214.1.2"), "{text}");
    let inside = wharf(&["network", "inspect", name]).success().text();
    assert!(
        inside.contains("server") && !inside.contains("10.214.1.3"),
        "{inside}"
    );
    // The container's own network, with its servers.
    let shares = format!("{begin}RUN ip -o -4 addr show eth0 && nslookup server\n");
    project.file("Dockerfile", shares);
    let shared = ["--network=container:server", "--add-host=up:host-gateway"];
    let text = project.run(&shared).success().error_text();
    assert!(text.contains("inet 10.214.1.2/24"), "{text}");
    wharf(&["rm", "-f", "server"]).success();
    let text = project.run(&shared).exits_with(1).error_text();
    assert!(text.contains("No such container: server"), "{text}");
    wharf(&["network", "rm", name]).success();
    let text = project.run(&["--network", name]).exits_with(1).error_text();
    assert!(text.contains("network wharf-build not found"), "{text}");
}

#[test]
fn privileged_a_build_that_is_killed_leaves_no_network() {
    let Some(project) = project("FROM base\nRUN echo be''gun; sleep 10000\n") else {
        return;
    };
    let (mut child, text) = interrupted(&project, " begun", Signal::KILL);
    assert_eq!(child.wait().unwrap().code(), None, "{text}");
    let written = written_down(&project);
    let (cables, bridges) = (
        devices(&written, "host_device"),
        devices(&written, "device"),
    );
    let (Some(cable), Some(bridge)) = (
        cables.first(),
        bridges.iter().find(|name| name.starts_with("wb-")),
    ) else {
        panic!("{written}");
    };
    // The cable hangs on the namespace, and that on processes that end.
    let deadline = Instant::now() + Duration::from_mins(1);
    while is_there(cable) {
        assert!(Instant::now() < deadline, "{cable} is left");
        std::thread::yield_now();
    }
    // Whoever builds next takes back what was written down, and a folder that was half removed.
    let builds = project.sandbox.root().join("builds");
    std::fs::create_dir_all(builds.join("0123").join("upper")).unwrap();
    project.run(&["--network=none", "--target=base"]).success();
    project
        .run(&["--network=none", "--target=base", "--no-cache"])
        .success();
    let written = written_down(&project);
    assert_eq!(devices(&written, "host_device"), Vec::<String>::new());
    assert!(!is_there(bridge), "{bridge} is left");
    assert_eq!(std::fs::read_dir(builds).unwrap().count(), 0);
}

#[test]
fn privileged_an_ordinary_users_steps_have_what_can_be_had() {
    let of_steps =
        "cat /proc/net/dev | tail -n +3 | sed 's/^ */de''vice /'; grep nameserver /etc/resolv.conf";
    let rest = format!("RUN {of_steps}\nRUN {of_steps}\nRUN --network=none {of_steps}\n");
    let Some(project) = project(&rest) else {
        return;
    };
    let dockerfile = std::fs::read(project.context().join("Dockerfile")).unwrap();
    let sandbox = &project.sandbox;
    let one = OrdinaryUser::with_one_id();
    give_to(&one, &project);
    project.file("Dockerfile", dockerfile);
    let build = |user: &OrdinaryUser| {
        let program = user.program(sandbox, sandbox.path().join("wharf"));
        let words = ["build", "--progress=plain", "--no-cache", "context"];
        program.args(words).run().success().error_text()
    };
    let devices = |text: &str| {
        let all = said(text, " device ").into_iter();
        let names = all.map(|line| line.split(':').next().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    // Where nobody may have a tunnel, which is as usual as that everybody may.
    let tunnel = std::fs::metadata("/dev/net/tun").map(|found| found.permissions().mode());
    if tunnel.is_ok_and(|mode| mode & 0o006 == 0) {
        let text = build(&one);
        let warning = "steps have the machine's network: ";
        assert_eq!(text.matches(warning).count(), 1, "{text}");
        let machines = std::fs::read_dir("/sys/class/net").unwrap().count();
        assert!(devices(&text).len() > 2 * machines.min(2), "{text}");
    }
    // pasta, where it is installed, is taken instead.
    if Peer::Slirp4netns.installed().is_none() {
        return;
    }
    let Some(user) = one.with_tunnel(sandbox) else {
        return;
    };
    let text = build(&user);
    assert!(!text.contains("the machine's network"), "{text}");
    // Each has one beside its loopback, but the last.
    let devices = devices(&text);
    assert_eq!(devices.len(), 5, "{text}");
    let loopbacks = devices.iter().filter(|device| *device == "lo").count();
    assert_eq!(loopbacks, 3, "{text}");
}
