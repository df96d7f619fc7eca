//! What operators see: figures and log lines.

use testkit::{HttpResponse, Sandbox, http_request};

use crate::fixture::{ADMIN, config, serve};

/// The figure on the line that begins with `name`.
fn figure(page: &HttpResponse, name: &str) -> Option<f64> {
    let text = String::from_utf8_lossy(&page.body);
    let line = text
        .lines()
        .find(|line| line.starts_with(&format!("{name} ")))?;
    line.rsplit_once(' ')?.1.parse().ok()
}

#[test]
fn figures_are_shown_to_administrators() {
    let sandbox = Sandbox::new();
    let registry = serve(&sandbox, &config(&sandbox, ""));
    let anonymous = http_request(&registry.address, "GET", "/metrics", &[], b"");
    assert_eq!(anonymous.status, 401);
    let content = vec![7; 300_000];
    let digest = registry.push_blob(&content);
    let page = registry.request("GET", "/metrics", b"");
    assert_eq!(page.status, 200);
    for (name, least) in [
        ("wharf_registry_blobs", 1.0),
        ("wharf_registry_blob_bytes", 300_000.0),
        ("wharf_registry_received_bytes_total", 300_000.0),
        ("wharf_registry_connections", 1.0),
        (
            "wharf_registry_requests_total{operation=\"beginUpload\",status=\"2xx\"}",
            1.0,
        ),
        (
            "wharf_registry_requests_total{operation=\"readMetrics\",status=\"4xx\"}",
            1.0,
        ),
        (
            "wharf_registry_request_seconds_count{operation=\"beginUpload\"}",
            1.0,
        ),
        ("wharf_registry_database_seconds_count{kind=\"write\"}", 1.0),
    ] {
        let found = figure(&page, name);
        assert!(
            found.is_some_and(|found| found >= least),
            "{name}: {found:?}"
        );
    }
    let sent = figure(&page, "wharf_registry_sent_bytes_total").unwrap();
    let got = registry.request("GET", &format!("/v2/library/app/blobs/{digest}"), b"");
    assert_eq!(got.body.len(), content.len());
    let page = registry.request("GET", "/metrics", b"");
    let more = figure(&page, "wharf_registry_sent_bytes_total").unwrap() - sent;
    assert!(more >= 300_000.0, "{more}");
}

#[test]
fn an_address_of_their_own_shows_figures_and_nothing_else() {
    let sandbox = Sandbox::new();
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap().to_string();
    drop(holder);
    let text = format!("[metrics]\nlisten = \"{address}\"\n");
    let _registry = serve(&sandbox, &config(&sandbox, &text));
    for (path, status) in [
        ("/metrics", 200),
        ("/livez", 200),
        ("/readyz", 200),
        ("/v2/", 404),
    ] {
        let answer = http_request(&address, "GET", path, &[ADMIN], b"");
        assert_eq!(answer.status, status, "{path}");
    }
}

#[test]
fn figures_can_be_turned_off_or_shown_to_everybody() {
    let sandbox = Sandbox::new();
    for (text, status) in [("enabled = false", 404), ("readers = \"everybody\"", 200)] {
        let registry = serve(&sandbox, &config(&sandbox, &format!("[metrics]\n{text}\n")));
        let answer = http_request(&registry.address, "GET", "/metrics", &[], b"");
        assert_eq!(answer.status, status, "{text}");
        registry.stop();
    }
}

#[test]
fn each_request_is_a_line_of_json_where_that_is_wanted() {
    let sandbox = Sandbox::new();
    let text = "[log]\nformat = \"json\"\nrequests = true\n";
    let registry = serve(&sandbox, &config(&sandbox, text));
    registry.request("GET", "/v2/library/app/tags/list", b"");
    let log = registry.stop();
    let line = log
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .find(|line| line["target"] == "access")
        .unwrap();
    assert_eq!(line["method"], "GET");
    assert_eq!(line["path"], "/v2/library/app/tags/list");
    assert_eq!(line["operation"], "listTags");
    assert_eq!(line["actor"], "admin");
    assert_eq!(line["status"], 404);
    assert!(line["microseconds"].is_number(), "{line}");
}

#[test]
fn each_change_is_a_line_of_json_where_that_is_wanted() {
    let sandbox = Sandbox::new();
    let text = "[log]\nformat = \"json\"\naudit = true\n";
    let registry = serve(&sandbox, &config(&sandbox, text));
    let project = br#"{"project_name":"team"}"#;
    for status in [201, 409] {
        let made = http_request(
            &registry.address,
            "POST",
            "/api/v2.0/projects",
            &[ADMIN, ("Content-Type", "application/json")],
            project,
        );
        assert_eq!(made.status, status);
    }
    let log = registry.stop();
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &serde_json::Value| line["resource"] == "team")
        .collect();
    // What was refused is no change.
    assert_eq!(lines.len(), 1, "{log}");
    assert_eq!(lines[0]["target"], "audit");
    assert_eq!(lines[0]["actor"], "admin");
    assert_eq!(lines[0]["operation"], "create");
    assert_eq!(lines[0]["resource_type"], "project");
}

#[test]
fn who_asks_too_much_is_told_to_go_more_slowly() {
    let sandbox = Sandbox::new();
    let registry = serve(
        &sandbox,
        &config(&sandbox, "[limits]\nrequests-per-second = 1\n"),
    );
    let statuses: Vec<u16> = (0..30)
        .map(|_| http_request(&registry.address, "GET", "/livez", &[], b"").status)
        .collect();
    assert_eq!(statuses[..10], [200; 10]);
    assert!(statuses.contains(&429), "{statuses:?}");
}
