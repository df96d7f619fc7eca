//! The servers that the registry keeps things in: they start, do their work, come back, and leave nothing behind.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use testkit::{Fault, FaultyS3, HttpResponse, PostgresServer, S3Server, http_request};

#[test]
fn postgres_keeps_databases_apart_and_comes_back_on_its_port() {
    let Some(mut server) = PostgresServer::start() else {
        return;
    };
    let [first, second] = [server.database(), server.database()];
    server.query(&first, "CREATE TABLE ships (name text)");
    server.query(&first, "INSERT INTO ships VALUES ('emma'), ('maersk')");
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(server.query(&second, tables), "0");

    server.restart();
    let names = "SELECT name FROM ships ORDER BY name";
    assert_eq!(server.query(&first, names), "emma\nmaersk");
    server.stop();
    assert!(TcpStream::connect(server.address()).is_err());
    server.resume();
    server.query(&first, "INSERT INTO ships VALUES ('titanic')");
    server.crash();
    server.resume();
    assert_eq!(server.query(&first, names), "emma\nmaersk\ntitanic");
}

#[test]
fn a_durable_postgres_syncs() {
    let Some(server) = PostgresServer::start_durable() else {
        return;
    };
    assert_eq!(server.query(&server.database(), "SHOW fsync"), "on");
}

#[test]
fn s3_checks_signatures_and_keeps_what_it_is_given() {
    let Some(server) = S3Server::shared() else {
        return;
    };
    let [bucket, other] = [server.bucket(), server.bucket()];
    let target = format!("/{bucket}/blobs/a%2Bb");
    expect(200, &server.request("PUT", &target, b"harbour"));
    let got = server.request("GET", &target, b"");
    expect(200, &got);
    assert_eq!(got.body, b"harbour");
    expect(
        403,
        &http_request(&server.address(), "GET", &target, &[], b""),
    );
    expect(
        404,
        &server.request("GET", &format!("/{other}/blobs/a%2Bb"), b""),
    );
}

#[test]
fn s3_keeps_content_and_port_when_its_gateway_dies() {
    let Some(mut server) = S3Server::start() else {
        return;
    };
    let target = format!("/{}/blob", server.bucket());
    expect(200, &server.request("PUT", &target, b"harbour"));
    server.kill();
    assert!(TcpStream::connect(server.address()).is_err());
    server.resume();
    assert_eq!(server.request("GET", &target, b"").body, b"harbour");
    server.stop();
    assert!(TcpStream::connect(server.address()).is_err());
    server.resume();
    assert_eq!(server.request("GET", &target, b"").body, b"harbour");
}

#[test]
fn a_faulty_proxy_fails_as_it_is_told() {
    let Some(server) = S3Server::shared() else {
        return;
    };
    let proxy = FaultyS3::start(&server.address());
    let through = |method: &str, target: &str, body: &[u8]| {
        // The signature names the host that the client asks: the proxy.
        server.request_at(&proxy.address(), method, target, body)
    };
    let bucket = server.bucket();
    let [ship, lost] = ["ship", "lost"].map(|name| format!("/{bucket}/{name}"));

    proxy.fail_next(2, "PUT", "ship", Fault::SlowDown);
    for status in [503, 503, 200] {
        let response = through("PUT", &ship, b"harbour").unwrap();
        expect(status, &response);
    }
    assert_eq!(through("GET", &ship, b"").unwrap().body, b"harbour");

    proxy.fail_next(1, "GET", "ship", Fault::CutResponse(3));
    let cut = through("GET", &ship, b"").unwrap_err();
    assert_eq!(cut.kind(), std::io::ErrorKind::UnexpectedEof);

    proxy.fail_next(1, "PUT", "lost", Fault::CutRequest(3));
    assert!(through("PUT", &lost, b"harbour").is_err());
    expect(404, &through("GET", &lost, b"").unwrap());

    proxy.fail_next(1, "PUT", "lost", Fault::LoseResponse);
    assert!(through("PUT", &lost, b"harbour").is_err());
    expect(200, &through("GET", &lost, b"").unwrap());

    let time = Duration::from_millis(300);
    proxy.fail_next(1, "", "", Fault::Delay(time));
    let begun = Instant::now();
    expect(200, &through("HEAD", &lost, b"").unwrap());
    assert!(begun.elapsed() >= time);
    let faults: Vec<Option<Fault>> = proxy.requests().iter().map(|it| it.fault).collect();
    assert_eq!(faults.iter().flatten().count(), 6, "{faults:?}");
}

/// Tells a child of this test where to say which folders its servers have.
const CHILD: &str = "WHARF_TEST_CHILD_FOLDER";

/// A server in a static variable is not dropped; one of a killed process is not either.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the child's parent tells it where to write"
)]
fn servers_leave_nothing_when_their_process_is_killed() {
    if let Some(folder) = std::env::var_os(CHILD) {
        start_servers_and_stay(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "servers_leave_nothing_when_their_process_is_killed",
        ])
        .env(CHILD, folder.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let listed = folder.path().join("servers");
    wait_until("the child to have servers", || {
        listed.exists() || child.try_wait().unwrap().is_some()
    });
    let servers = std::fs::read_to_string(&listed).unwrap();
    for server in servers.lines() {
        assert!(Path::new(server).exists() && is_in_use(server), "{server}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    for server in servers.lines() {
        wait_until(server, || !Path::new(server).exists() && !is_in_use(server));
    }
}

fn start_servers_and_stay(folder: &Path) -> ! {
    let mut servers = Vec::new();
    servers.extend(PostgresServer::shared().map(PostgresServer::folder));
    servers.extend(S3Server::shared().map(S3Server::folder));
    let lines = servers
        .iter()
        .map(|server| format!("{}\n", server.display()));
    testkit::write(&folder.join("new"), lines.collect::<String>());
    std::fs::rename(folder.join("new"), folder.join("servers")).expect("one folder");
    loop {
        std::thread::park();
    }
}

/// Whether a process names the folder in its command line, as all of these servers do.
fn is_in_use(folder: &str) -> bool {
    let processes = std::fs::read_dir("/proc")
        .expect("the list of processes")
        .map_while(Result::ok);
    processes.into_iter().any(|process| {
        std::fs::read(process.path().join("cmdline"))
            .is_ok_and(|line| String::from_utf8_lossy(&line).contains(folder))
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "other processes tell nobody that they have ended"
)]
fn wait_until(what: &str, condition: impl FnMut() -> bool) {
    let mut condition = condition;
    let end = Instant::now() + Duration::from_mins(1);
    while !condition() {
        assert!(Instant::now() < end, "waiting for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[track_caller]
fn expect(status: u16, response: &HttpResponse) {
    assert!(
        response.status == status,
        "{} {}",
        response.status,
        String::from_utf8_lossy(&response.body)
    );
}
