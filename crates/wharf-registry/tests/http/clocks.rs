//! Clocks that jump.

use wharf_registry::garbage::GarbageWish;

use crate::server::{TestClock, TestServer, Wishes, administrator, digest};

const YEAR: i64 = 366 * 24 * 3600;

fn jumping() -> (TestServer, TestClock) {
    let clock = TestClock::default();
    let server = TestServer::with(Wishes {
        clock: clock.clone(),
        ..Wishes::default()
    });
    (server, clock)
}

fn collect(server: &TestServer) {
    server
        .run(server.registry.collect_garbage(GarbageWish::default()))
        .unwrap();
}

#[test]
fn tokens_are_made_whatever_the_clock_says() {
    let (server, clock) = jumping();
    for jump in [YEAR, -2 * YEAR, 3 * YEAR, 20 * YEAR] {
        clock.put_forward(jump);
        let path = "/service/token?scope=repository:library/r:pull";
        let issued = server
            .ask_as_nobody("GET", path, &[&administrator()], b"")
            .expect(200);
        let bearer = format!(
            "Authorization: Bearer {}",
            issued.json()["token"].as_str().unwrap()
        );
        server
            .ask_as_nobody("GET", "/v2/", &[&bearer], b"")
            .expect(200);
    }
}

#[test]
fn what_is_referred_to_outlives_every_jump() {
    let (server, clock) = jumping();
    let layer = server.push_blob("library/r", b"layer");
    let manifest = format!(
        r#"{{"schemaVersion":2,"config":{{"mediaType":"a/b","digest":"{layer}","size":5}},"layers":[]}}"#
    );
    server
        .push_manifest("library/r", "kept", &manifest)
        .expect(201);
    for jump in [YEAR, -3 * YEAR, 5 * YEAR] {
        clock.put_forward(jump);
        for _ in 0..4 {
            collect(&server);
            clock.put_forward(3600 * 24 * 30);
        }
        let kept = server
            .ask("GET", "/v2/library/r/manifests/kept", &[], b"")
            .expect(200);
        assert_eq!(kept.body, manifest.as_bytes());
        let path = format!("/v2/library/r/blobs/{layer}");
        assert_eq!(
            server.ask("GET", &path, &[], b"").expect(200).body,
            b"layer"
        );
    }
}

#[test]
fn an_upload_is_gone_on_with_after_a_jump() {
    let (server, clock) = jumping();
    let upload = server.begin("library/r");
    for (jump, bytes) in [(-YEAR, b"ab"), (YEAR / 500, b"cd"), (3600, b"ef")] {
        clock.put_forward(jump);
        server.ask("PATCH", &upload, &[], bytes).expect(202);
    }
    let finish = format!("{upload}?digest={}", digest(b"abcdef"));
    server.ask("PUT", &finish, &[], b"").expect(201);
}
