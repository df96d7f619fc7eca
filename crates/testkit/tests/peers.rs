//! The kit against the real peers: what it makes must be what they read.

use testkit::{
    BuiltImage, Dialect, DockerDaemon, Entry, ImageBuilder, IndexBuilder, LayerCompression,
    LongNames, Sandbox, TarBuilder, TestRegistry, compare_trees, docker_archive, http_request,
    list_tree, write, write_oci_layout,
};

#[test]
fn skopeo_reads_what_was_pushed() {
    let sandbox = Sandbox::new();
    let (Some(registry), Some(skopeo)) = (TestRegistry::start(), sandbox.skopeo()) else {
        return;
    };
    for (name, dialect) in [("docker", Dialect::Docker), ("oci", Dialect::Oci)] {
        let image = every_kind(dialect, LayerCompression::Gzip);
        registry.push(&image.artifact(), &format!("kit/{name}"), "1.0");
    }
    let source = format!("docker://{}/kit/oci:1.0", registry.address());
    let manifest = skopeo
        .args(["inspect", "--raw", "--tls-verify=false", &source])
        .run()
        .success();
    assert_eq!(
        manifest.stdout,
        every_kind(Dialect::Oci, LayerCompression::Gzip)
            .manifest
            .bytes
    );
}

#[test]
fn registries_ask_for_what_they_are_told_to_ask() {
    let sandbox = Sandbox::new();
    let Some(registry) = TestRegistry::builder().password().tls().start() else {
        return;
    };
    let Some(skopeo) = sandbox.skopeo() else {
        return;
    };
    registry.push(
        &every_kind(Dialect::Docker, LayerCompression::Gzip).artifact(),
        "kit/closed",
        "1.0",
    );
    let certificates = sandbox.work().join("certs");
    std::fs::create_dir(&certificates).unwrap();
    std::fs::copy(
        registry.authority_certificate(),
        certificates.join("ca.crt"),
    )
    .unwrap();
    let source = format!("docker://{}/kit/closed:1.0", registry.address());
    let credentials = format!("{}:{}", testkit::REGISTRY_USER, testkit::REGISTRY_PASSWORD);
    let inspect = skopeo
        .arg("inspect")
        .arg("--cert-dir")
        .arg(&certificates)
        .args(["--creds", &credentials, &source]);
    assert!(inspect.run().success().text().contains("\"1.0\""));
}

#[test]
fn a_registry_keeps_its_port_over_a_pause() {
    let Some(mut registry) = TestRegistry::start() else {
        return;
    };
    let address = registry.address();
    registry.pause();
    assert!(std::net::TcpStream::connect(&address).is_err());
    registry.resume();
    assert_eq!(http_request(&address, "GET", "/v2/", &[], b"").status, 200);
}

#[test]
fn privileged_umoci_unpacks_a_layout_and_the_list_shows_every_kind() {
    let sandbox = Sandbox::new();
    if !testkit::running_as_root() {
        return;
    }
    let Some(umoci) = sandbox.umoci() else { return };
    let layout = sandbox.work().join("layout");
    std::fs::create_dir(&layout).unwrap();
    let image = every_kind(Dialect::Oci, LayerCompression::Gzip);
    write_oci_layout(&layout, &[("1.0", &image.artifact())]);
    let top = sandbox.work().join("unpacked");
    let source = format!("{}:1.0", layout.display());
    umoci
        .args(["raw", "unpack", "--image", &source])
        .arg(&top)
        .run()
        .success();
    let tree = list_tree(&top);
    let lines: Vec<String> = tree.iter().map(ToString::to_string).collect();
    let expected = [
        "/bin/tool file 4755 7:8 4 bytes",
        "/bin/twin file 4755 7:8 4 bytes",
        "/dev/zero character device 0644 0:0 device 1:5",
        "/etc/motd file 0644 0:0 5 bytes 2cf24dba5fb0 user.kit=harbour modified 1577934245000000000",
        "/etc/link symlink 0777 0:0 -> motd",
    ];
    for start in expected {
        assert!(
            lines.iter().any(|line| line.starts_with(start)),
            "no `{start}` in\n{}",
            lines.join("\n")
        );
    }
    assert!(
        !lines.iter().any(|line| line.starts_with("/etc/gone")),
        "the whiteout hides nothing"
    );

    assert_eq!(compare_trees(&tree, &list_tree(&top)), Vec::<String>::new());
    std::fs::remove_file(top.join("etc/link")).unwrap();
    write(&top.join("bin/new"), "new");
    let differences = compare_trees(&tree, &list_tree(&top));
    for start in [
        "missing: /etc/link symlink",
        "too much: /bin/new file",
        "expected: /etc directory",
    ] {
        assert!(
            differences.iter().any(|line| line.starts_with(start)),
            "no `{start}` in {differences:#?}"
        );
    }
}

#[test]
fn privileged_dockerd_pulls_and_loads() {
    let sandbox = Sandbox::new();
    let (Some(registry), Some(daemon)) = (TestRegistry::start(), DockerDaemon::start()) else {
        return;
    };
    let arm = ImageBuilder::new()
        .platform("linux/arm64/v8")
        .layer(small_layer(), "arm")
        .build();
    let image = every_kind(Dialect::Docker, LayerCompression::Gzip);
    let index = IndexBuilder::new(Dialect::Docker)
        .image(&arm)
        .image(&image)
        .build();
    registry.push(&index.artifact(), "kit/many", "1.0");
    let name = format!("{}/kit/many:1.0", registry.address());
    daemon.docker(&sandbox, ["pull", &name]).run().success();
    let id = daemon
        .docker(&sandbox, ["image", "inspect", "-f", "{{.Id}}", &name])
        .run()
        .success();
    assert_eq!(id.text().trim(), image.id.to_string());
    let archive = sandbox.work().join("image.tar");
    write(&archive, docker_archive(&[(&arm, &["kit/arm:1.0"])]));
    let load = daemon
        .docker(&sandbox, ["load", "-i"])
        .arg(&archive)
        .run()
        .success();
    assert_eq!(load.text(), "Loaded image: kit/arm:1.0\n");
}

fn small_layer() -> Vec<u8> {
    TarBuilder::new()
        .directory("etc")
        .file("etc/motd", "hello")
        .finish()
}

/// An image with every kind of entry that a layer may have.
fn every_kind(dialect: Dialect, compression: LayerCompression) -> BuiltImage {
    let long = format!("usr/{}/{}", "long".repeat(30), "name".repeat(30));
    let lower = TarBuilder::new()
        .directory("bin")
        .entry(
            &Entry::file("bin/tool", "tool")
                .mode(0o4755)
                .owner(7, 8)
                .modified(1_600_000_000, 123_456_789),
        )
        .hard_link("bin/twin", "bin/tool")
        .directory("etc")
        .entry(&Entry::file("etc/motd", "hello").xattr("user.kit", "harbour"))
        .symlink("etc/link", "motd")
        .entry(&Entry::character_device("dev/zero", 1, 5))
        .entry(&Entry::fifo("run/pipe").mode(0o600))
        .entry(&Entry::file(long.clone() + "-pax", "pax"))
        .entry(&Entry::file(long + "-gnu", "gnu").long_names(LongNames::Gnu))
        .file("etc/gone", "gone")
        .finish();
    let upper = TarBuilder::new().whiteout("etc/gone").finish();
    ImageBuilder::new()
        .dialect(dialect)
        .compressed_layer(lower, compression, "ADD lower / # buildkit")
        .compressed_layer(upper, compression, "RUN rm /etc/gone # buildkit")
        .step("CMD [\"/bin/tool\"]")
        .container("Cmd", serde_json::json!(["/bin/tool"]))
        .label("maintainer", "harbour")
        .build()
}
