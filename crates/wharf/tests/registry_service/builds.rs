//! Builds and Wharf's own registry: attestations are referrers of their images, and caches lie there as artifacts.

use serde_json::Value;
use testkit::{HttpResponse, Sandbox, write};

use crate::fixture::{PASSWORD, config, serve};

fn json(response: &HttpResponse) -> Value {
    assert_eq!(response.status, 200);
    serde_json::from_slice(&response.body).unwrap()
}

#[test]
fn what_is_attested_is_listed_as_a_referrer() {
    let sandbox = Sandbox::new();
    let registry = serve(&sandbox, &config(&sandbox, ""));
    let login = ["login", "--username", "admin", "--password-stdin"];
    let login = sandbox.wharf(login).arg(&registry.address).input(PASSWORD);
    login.run().success();
    let context = sandbox.work().join("context");
    std::fs::create_dir(&context).unwrap();
    write(
        &context.join("Dockerfile"),
        "FROM scratch\nCOPY Dockerfile /\n",
    );
    let name = format!("{}/library/app:v1", registry.address);
    let cache = format!("{}/library/cache:v1", registry.address);
    let build = [
        "build",
        "--quiet",
        "--sbom=true",
        "--provenance=true",
        "--push",
    ];
    sandbox
        .wharf(build)
        .args(["--platform=linux/amd64,linux/arm64", "--tag", &name])
        .arg(format!("--cache-to=type=registry,ref={cache},mode=max"))
        .arg("context")
        .run()
        .success();
    let index = json(&registry.request("GET", "/v2/library/app/manifests/v1", b""));
    let entries = index["manifests"].as_array().unwrap();
    assert_eq!(entries.len(), 4);
    for (image, attestation) in entries.iter().take(2).zip(entries.iter().skip(2)) {
        let digest = image["digest"].as_str().unwrap();
        let path = format!("/v2/library/app/referrers/{digest}");
        let referrers = json(&registry.request("GET", &path, b""));
        let found = &referrers["manifests"];
        assert_eq!(found.as_array().unwrap().len(), 1, "{referrers:#}");
        assert_eq!(found[0]["digest"], attestation["digest"]);
        assert_eq!(
            found[0]["artifactType"],
            "application/vnd.docker.attestation.manifest.v1+json"
        );
    }
    // a machine that has built nothing finds the cache
    let other = Sandbox::new();
    let login = ["login", "--username", "admin", "--password-stdin"];
    let login = other.wharf(login).arg(&registry.address).input(PASSWORD);
    login.run().success();
    let from = format!("--cache-from={cache}");
    let context = context.display().to_string();
    let built = other.wharf(["build", "--progress=plain", &from, &context]);
    let text = built.run().success().error_text();
    assert!(text.contains("COPY Dockerfile /\n#4 CACHED"), "{text}");
    registry.stop();
}
