//! The images that a build makes: several platforms, attestations, annotations, compression, one layer of several.

use serde_json::Value;
use testkit::{ImageBuilder, IndexBuilder, TarBuilder, read};

use crate::fixture::Project;

/// The layout that `--output=type=oci,tar=false` wrote: what its first entry leads to.
struct Layout {
    folder: std::path::PathBuf,
}

impl Layout {
    fn of(project: &Project, arguments: &[&str]) -> Self {
        let output = ["--output=type=oci,tar=false,dest=layout"];
        project.run(&[&output[..], arguments].concat()).success();
        Self {
            folder: project.sandbox.work().join("layout"),
        }
    }

    fn json(&self, descriptor: &Value) -> Value {
        let digest = descriptor["digest"].as_str().unwrap();
        let bytes = read(&self.folder.join("blobs").join(digest.replace(':', "/")));
        assert_eq!(bytes.len() as u64, descriptor["size"].as_u64().unwrap());
        serde_json::from_slice(&bytes).unwrap()
    }

    fn entry(&self) -> Value {
        let index: Value = serde_json::from_slice(&read(&self.folder.join("index.json"))).unwrap();
        index["manifests"]
            .as_array()
            .unwrap()
            .last()
            .unwrap()
            .clone()
    }

    fn root(&self) -> Value {
        self.json(&self.entry())
    }
}

#[test]
fn several_platforms_are_one_index() {
    let project = Project::new(
        "FROM --platform=$BUILDPLATFORM scratch AS tools\nARG BUILDPLATFORM\nCOPY <<t /\n$BUILDPLATFORM\nt\n\
         FROM scratch\nARG TARGETPLATFORM TARGETVARIANT\nCOPY <<p /\n$TARGETPLATFORM$TARGETVARIANT\np\nCOPY --from=tools /t /\n",
    );
    let flags = [
        "--platform=linux/amd64,linux/arm64",
        "--platform=linux/arm/v7",
    ];
    project
        .run(&[&flags[..], &["-t", "many"]].concat())
        .success();
    let files = project.plain_files(&flags);
    let host = "linux/amd64";
    assert_eq!(
        files,
        [
            "-0644 0:0 linux_amd64/p: linux/amd64".to_owned(),
            format!("-0644 0:0 linux_amd64/t: {host}"),
            "-0644 0:0 linux_arm64/p: linux/arm64".to_owned(),
            format!("-0644 0:0 linux_arm64/t: {host}"),
            "-0644 0:0 linux_arm_v7/p: linux/arm/v7v7".to_owned(),
            format!("-0644 0:0 linux_arm_v7/t: {host}"),
        ]
    );
    let layout = Layout::of(&project, &[&flags[..], &["-t", "many"]].concat());
    let root = layout.root();
    let platforms: Vec<_> = root["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let manifest = layout.json(entry);
            let config = layout.json(&manifest["config"]);
            assert_eq!(config["architecture"], entry["platform"]["architecture"]);
            format!("{}{}", config["architecture"], config["variant"])
        })
        .collect();
    assert_eq!(
        platforms,
        ["\"amd64\"null", "\"arm64\"null", "\"arm\"\"v7\""]
    );
    assert_eq!(
        layout.entry()["annotations"]["io.containerd.image.name"],
        "docker.io/library/many:latest"
    );
    // one image of the store, all of it kept
    let images = project
        .sandbox
        .wharf(["images", "--all", "--quiet"])
        .run()
        .success();
    assert_eq!(images.text().lines().count(), 1);
    project
        .sandbox
        .wharf(["image", "prune", "--force"])
        .run()
        .success();
    project
        .sandbox
        .wharf(["builder", "prune", "--force", "--all"])
        .run()
        .success();
    project.sandbox.wharf(["system", "check"]).run().success();
    // another platform of it is a base
    project.file("Dockerfile", "FROM many\nCOPY <<n /\nx\nn\n");
    assert!(
        project
            .plain_files(&["--platform=linux/arm64"])
            .contains(&"-0644 0:0 p: linux/arm64".to_owned())
    );
    let refused = project
        .run(&[&flags[..], &["--output=type=docker,dest=x.tar"]].concat())
        .exits_with(1);
    assert!(
        refused
            .error_text()
            .contains("does not currently support exporting manifest lists")
    );
}

#[test]
fn privileged_programs_for_other_processors_need_an_emulator() {
    if !testkit::running_as_root() {
        testkit::skip("RUN with all namespaces needs root");
        return;
    }
    // the head of a program for a processor that no machine of ours has, and nobody emulates
    let mut program = vec![0; 4096];
    program[..20].copy_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xee\xee");
    let project = Project::new("FROM scratch\nCOPY --chmod=755 p /p\nRUN [\"/p\"]\n");
    project.file("p", program);
    let text = project.run(&[]).exits_with(1).error_text();
    assert!(text.contains("exec format error"), "{text}");
    assert!(
        text.contains("install an emulator (Debian: qemu-user-static"),
        "{text}"
    );
    assert!(text.contains("FROM --platform=$BUILDPLATFORM"), "{text}");
}

#[test]
fn bases_come_for_the_platform_that_is_wanted() {
    let project = Project::new("FROM multi\nCOPY Dockerfile /\n");
    let image = |platform: &str| {
        let tar = TarBuilder::new().file("is", platform).finish();
        ImageBuilder::new()
            .platform(platform)
            .layer(tar, "x")
            .build()
    };
    let (amd64, arm64) = (image("linux/amd64"), image("linux/arm64"));
    let index = IndexBuilder::new(testkit::Dialect::Oci)
        .image(&amd64)
        .image(&arm64)
        .build();
    let Some(registry) = testkit::TestRegistry::start() else {
        return;
    };
    registry.push(&index.artifact(), "multi", "latest");
    let name = format!("{}/multi:latest", registry.address());
    project.file("Dockerfile", format!("FROM {name}\nCOPY Dockerfile /\n"));
    let files = project.plain_files(&["--platform=linux/amd64,linux/arm64"]);
    assert!(
        files.contains(&"-0644 0:0 linux_arm64/is: linux/arm64".to_owned()),
        "{files:?}"
    );
    assert!(
        files.contains(&"-0644 0:0 linux_amd64/is: linux/amd64".to_owned()),
        "{files:?}"
    );
    // the name still stands for the machine's
    assert_eq!(project.inspect(&name)["Architecture"], "amd64");
}

#[test]
fn provenance_is_found_by_the_index_and_as_a_referrer() {
    let project = Project::new("FROM base\nARG SECRET\nCOPY Dockerfile /\n");
    project.base("base", &TarBuilder::new().file("b", "B").finish());
    let arguments = ["--build-arg=SECRET=hidden", "-t", "x"];
    for (flag, kind, predicate) in [
        (
            "--provenance=true",
            "https://slsa.dev/provenance/v1",
            "/buildDefinition/resolvedDependencies",
        ),
        (
            "--attest=type=provenance,mode=max,version=v0.2",
            "https://slsa.dev/provenance/v0.2",
            "/materials",
        ),
    ] {
        let layout = Layout::of(&project, &[&arguments[..], &[flag]].concat());
        let root = layout.root();
        let [image, attestation] = root["manifests"].as_array().unwrap().as_slice() else {
            panic!("{root:#}");
        };
        assert_eq!(
            attestation["annotations"]["vnd.docker.reference.digest"],
            image["digest"]
        );
        assert_eq!(
            attestation["annotations"]["vnd.docker.reference.type"],
            "attestation-manifest"
        );
        assert_eq!(attestation["platform"]["architecture"], "unknown");
        let manifest = layout.json(attestation);
        assert_eq!(manifest["subject"]["digest"], image["digest"]);
        assert_eq!(
            manifest["artifactType"],
            "application/vnd.docker.attestation.manifest.v1+json"
        );
        let layer = &manifest["layers"][0];
        assert_eq!(layer["mediaType"], "application/vnd.in-toto+json");
        assert_eq!(layer["annotations"]["in-toto.io/predicate-type"], kind);
        let statement = layout.json(layer);
        assert_eq!(statement["predicateType"], kind);
        let subject = &statement["subject"][0];
        assert_eq!(
            subject["name"],
            "pkg:docker/x@latest?platform=linux%2Famd64"
        );
        let digest = format!("sha256:{}", subject["digest"]["sha256"].as_str().unwrap());
        assert_eq!(image["digest"], digest);
        let materials = statement["predicate"].pointer(predicate).unwrap();
        let uri = materials[0]["uri"].as_str().unwrap();
        assert_eq!(uri, "pkg:docker/base@latest?platform=linux%2Famd64");
        assert_eq!(materials[0]["digest"]["sha256"].as_str().unwrap().len(), 64);
        let is_max = flag.contains("max");
        assert_eq!(statement.to_string().contains("hidden"), is_max, "{flag}");
        // the same build says the same
        let again = Layout::of(&project, &[&arguments[..], &[flag, "--no-cache"]].concat());
        assert_eq!(again.entry()["digest"], layout.entry()["digest"]);
    }
    for flag in [
        "--provenance=mode=some",
        "--attest=mode=max",
        "--attest=type=x",
        "--provenance=x",
    ] {
        project.run(&[flag]).exits_with(1);
    }
    let nothing = project
        .run(&["--provenance=true", "--output=type=cacheonly"])
        .success();
    assert!(
        nothing
            .error_text()
            .contains("WARNING: --provenance and --sbom have no effect")
    );
    let plain = Layout::of(&project, &["--provenance=false"]);
    assert!(plain.root()["layers"].is_array());
}

#[test]
fn what_a_registry_gets_is_whole() {
    let Some(registry) = testkit::TestRegistry::start() else {
        return;
    };
    let project = Project::new("FROM scratch\nCOPY Dockerfile /\n");
    let name = format!("{}/built:v1", registry.address());
    let flags = [
        "--provenance=mode=max",
        "--platform=linux/amd64,linux/arm64",
        "--metadata-file=m.json",
    ];
    let output = format!("--output=type=registry,name={name},store=false");
    project.run(&[&flags[..], &[&output]].concat()).success();
    let images = project.sandbox.wharf(["images", "--quiet"]).run().success();
    assert_eq!(images.text(), "");
    let metadata: Value =
        serde_json::from_slice(&read(&project.sandbox.work().join("m.json"))).unwrap();
    assert_eq!(metadata["image.name"], name);
    assert!(metadata["buildx.build.provenance/linux/arm64"]["buildDefinition"].is_object());
    let shown = project
        .sandbox
        .wharf([
            "buildx",
            "imagetools",
            "inspect",
            &name,
            "--format={{json .Provenance}}",
        ])
        .run()
        .success();
    let shown: Value = serde_json::from_str(&shown.text()).unwrap();
    assert!(
        shown["linux/arm64"]["SLSA"]["buildDefinition"].is_object(),
        "{shown:#}"
    );
    // by its digest alone
    let digested = format!(
        "type=image,push=true,push-by-digest=true,name={}/other",
        registry.address()
    );
    project.run(&["--output", &digested]).success();
    let tag = format!("{}/other:latest", registry.address());
    project.sandbox.wharf(["rmi", &tag]).run().success();
    project.sandbox.wharf(["pull", &tag]).run().exits_with(1);
}

#[test]
fn annotations_and_compression_are_written() {
    let project = Project::new("FROM base\nCOPY Dockerfile /\n");
    project.base("base", &TarBuilder::new().file("b", "B").finish());
    let layout = Layout::of(
        &project,
        &[
            "--annotation=org.opencontainers.image.title=one",
            "--annotation=index,manifest-descriptor:k=v",
            "--annotation=index-descriptor:d=e",
        ],
    );
    assert_eq!(layout.entry()["annotations"]["d"], "e");
    let root = layout.root();
    assert_eq!(root["annotations"]["k"], "v");
    assert_eq!(root["manifests"][0]["annotations"]["k"], "v");
    let manifest = layout.json(&root["manifests"][0]);
    assert_eq!(
        manifest["annotations"]["org.opencontainers.image.title"],
        "one"
    );
    assert_eq!(
        manifest["mediaType"],
        "application/vnd.oci.image.manifest.v1+json"
    );
    for (attributes, expected) in [
        ("compression=zstd", ["tar", "tar+zstd"]),
        (
            "compression=uncompressed,force-compression=true",
            ["tar", "tar"],
        ),
        ("compression=gzip,compression-level=9", ["tar", "tar+gzip"]),
    ] {
        let output = format!("type=oci,dest=image.tar,{attributes}");
        project
            .run(&["-t", "packed", "--output", &output])
            .success();
        project
            .sandbox
            .wharf(["load", "-i", "image.tar"])
            .run()
            .success();
        let digest = project
            .sandbox
            .wharf(["save", "packed"])
            .run()
            .success()
            .stdout;
        let mut archive = tar::Archive::new(digest.as_slice());
        let manifests: Vec<Value> = archive
            .entries()
            .unwrap()
            .filter_map(|entry| serde_json::from_reader(entry.unwrap()).ok())
            .filter(|document: &Value| document["layers"].is_array())
            .collect();
        let types: Vec<_> = manifests[0]["layers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|layer| {
                layer["mediaType"]
                    .as_str()
                    .unwrap()
                    .rsplit("layer.v1.")
                    .next()
                    .unwrap()
                    .to_owned()
            })
            .collect();
        assert_eq!(types, expected, "{attributes}");
    }
}

#[test]
fn layers_become_one() {
    let tar = TarBuilder::new()
        .directory("d")
        .file("d/kept", "K")
        .file("d/A", "old")
        .finish();
    let project = Project::new(
        "FROM scratch AS other\nCOPY <<only /\no\nonly\nFROM base\nCOPY <<A <<B /d/\na\nA\nb\nB\nCOPY --from=other /only /d/\nLABEL x=y\n",
    );
    project.base("base", &tar);
    let plain = project.files(&[]);
    let layers = |flags: &[&str]| {
        project.build(&[flags, &["-t", "x"]].concat());
        let image = project.inspect("x");
        assert_eq!(image["Config"]["Labels"]["x"], "y");
        image["RootFS"]["Layers"].as_array().unwrap().len()
    };
    for (flag, expected) in [
        ("--layers=true", 3),
        ("--squash", 2),
        ("--layers=false", 2),
        ("--squash-all", 1),
    ] {
        assert_eq!(layers(&[flag]), expected, "{flag}");
        assert_eq!(project.files(&[flag]), plain, "{flag}");
        assert_eq!(project.build(&[flag]), project.build(&[flag]), "{flag}");
    }
    let history = project.history("x");
    assert!(history[0].contains("merge of 3 layers"), "{history:?}");
    assert!(
        history
            .iter()
            .any(|step| step.contains("/only /d/ # buildkit"))
    );
}

#[test]
fn privileged_what_is_removed_again_is_not_in_the_one_layer() {
    let Some(project) = crate::running::project(
        "RUN mkdir -p /d/e && echo large > /d/e/tmp && echo kept > /d/kept\nFROM base\nCOPY --from=0 /bin/busybox /d/base\n",
    ) else {
        return;
    };
    project.build(&["--target=base", "-t", "below"]);
    project.file(
        "Dockerfile",
        "FROM below\nRUN mkdir -p /d/e && echo large > /d/e/tmp && echo one > /d/f\nRUN rm -r /d/e /bin/ls && ln /d/f /d/g\n",
    );
    let output = "--output=type=docker,dest=image.tar,compression=uncompressed";
    project.run(&["--squash", output]).success();
    let work = project.sandbox.work();
    let image = listed_layers(&read(&work.join("image.tar")));
    let last = image.last().unwrap();
    assert!(last.contains(&"bin/.wh.ls".to_owned()), "{last:?}");
    assert!(
        last.contains(&"d/f".to_owned()) && last.contains(&"d/g".to_owned()),
        "{last:?}"
    );
    assert!(
        !last
            .iter()
            .any(|path| path.contains("d/e") || path.contains("busybox")),
        "{last:?}"
    );
}

/// The paths in each layer of a `docker save` archive.
fn listed_layers(archive: &[u8]) -> Vec<Vec<String>> {
    use std::io::Read as _;
    let mut blobs = std::collections::BTreeMap::new();
    for entry in tar::Archive::new(archive).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        blobs.insert(path, bytes);
    }
    let listing: Value = serde_json::from_slice(&blobs["manifest.json"]).unwrap();
    let layers = listing[0]["Layers"].as_array().unwrap();
    layers
        .iter()
        .map(|path| {
            let bytes = &blobs[path.as_str().unwrap()];
            // only the last one is a plain archive
            if bytes.get(257..262) != Some(b"ustar") {
                return Vec::new();
            }
            let mut tar = tar::Archive::new(bytes.as_slice());
            let entries = tar.entries().unwrap();
            entries
                .map(|entry| entry.unwrap().path().unwrap().display().to_string())
                .collect()
        })
        .collect()
}

#[test]
fn what_is_in_an_image_is_said() {
    let project = Project::new(
        "FROM base\nCOPY status /var/lib/dpkg/status\nCOPY Packages.db /usr/lib/sysimage/rpm/\n",
    );
    let tar = TarBuilder::new()
        .file("usr/lib/os-release", "ID=debian\nVERSION_ID=12\n")
        .symlink("etc/os-release", "../usr/lib/os-release")
        .file("lib/apk/db/installed", "P:musl\nV:1.2\n\n")
        .finish();
    project.base("base", &tar);
    let status =
        "Package: bash\nStatus: install ok installed\nVersion: 5.2-1\nArchitecture: amd64\n";
    project.file("status", status).file("Packages.db", "RpmP");
    let layout = Layout::of(&project, &["--sbom=true", "--provenance=true", "-t", "x"]);
    let root = layout.root();
    let attestation = layout.json(&root["manifests"][1]);
    let statements: Vec<Value> = attestation["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|layer| layout.json(layer))
        .collect();
    assert_eq!(statements.len(), 2);
    let contents = &statements[1];
    assert_eq!(contents["predicateType"], "https://spdx.dev/Document");
    assert_eq!(contents["subject"], statements[0]["subject"]);
    let document = &contents["predicate"];
    let urls: Vec<&str> = document["packages"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|package| package["externalRefs"][0]["referenceLocator"].as_str())
        .collect();
    assert_eq!(
        urls,
        [
            "pkg:apk/debian/musl@1.2?distro=debian-12",
            "pkg:deb/debian/bash@5.2-1?arch=amd64&distro=debian-12"
        ]
    );
    let comment = document["comment"].as_str().unwrap();
    assert!(
        comment.contains("Packages.db: the database is damaged"),
        "{comment}"
    );
    let again = Layout::of(
        &project,
        &[
            "--no-cache",
            "--attest=type=sbom",
            "--provenance=true",
            "-t",
            "x",
        ],
    );
    assert_eq!(again.entry()["digest"], layout.entry()["digest"]);
    let text = project
        .run(&["--sbom=generator=x/y"])
        .exits_with(1)
        .error_text();
    assert!(text.contains("generator=x/y is not supported"), "{text}");
}

#[test]
fn layouts_are_bases_and_sources() {
    let project = Project::new("FROM scratch\nARG TARGETARCH\nCOPY <<a /\n$TARGETARCH\na\n");
    let flags = ["--platform=linux/amd64,linux/arm64", "-t", "x:v1"];
    let layout = Layout::of(&project, &flags);
    let user = Project::new("FROM layout\nCOPY --from=layout /a /b\n");
    for (suffix, platform, expected) in [
        ("", "linux/amd64", "amd64"),
        (":v1", "linux/arm64", "arm64"),
        (
            &*format!("@{}", layout.entry()["digest"].as_str().unwrap()),
            "linux/arm64",
            "arm64",
        ),
    ] {
        let context = format!(
            "--build-context=layout=oci-layout://{}{suffix}",
            layout.folder.display()
        );
        let files = user.plain_files(&[&context, "--platform", platform]);
        let expected = ["a", "b"].map(|name| format!("-0644 0:0 {name}: {expected}"));
        assert_eq!(files, expected, "{suffix}");
    }
    // neither names nor records come of it
    let images = user
        .sandbox
        .wharf(["images", "--all", "--quiet"])
        .run()
        .success();
    assert_eq!(images.text(), "");
    for (context, expected) in [
        (
            format!("{}:v2", layout.folder.display()),
            "has no image called \"v2\"",
        ),
        ("/nowhere".to_owned(), "no image found"),
        (
            format!("{}@sha256:x", layout.folder.display()),
            "invalid digest",
        ),
    ] {
        let flag = format!("--build-context=layout=oci-layout://{context}");
        let text = user.run(&[&flag]).exits_with(1).error_text();
        assert!(text.contains(expected), "{text}");
    }
}

/// What a statement is about: names and digests.
fn subjects(statement: &Value) -> Vec<(String, String)> {
    let all = statement["subject"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    all.map(|one| (text(&one["name"]), text(&one["digest"]["sha256"])))
        .collect()
}

#[test]
fn attestations_lie_beside_exported_files() {
    let project = Project::new("FROM scratch\nARG TARGETARCH\nCOPY a d/b /x/$TARGETARCH/\n");
    project.file("a", "A").file("d/b", "B");
    let out = project.sandbox.work().join("out");
    let read = |name: &str| -> Value {
        let bytes = std::fs::read(out.join(name)).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    };
    let hex = |content: &str| wharf_oci::Digest::of(content.as_bytes()).hex();
    let of = |architecture: &str| {
        [("a", "A"), ("b", "B")]
            .map(|(name, content)| (format!("x/{architecture}/{name}"), hex(content)))
            .to_vec()
    };
    let both = ["--sbom=true", "--provenance=true"];
    let one = ["--platform=linux/amd64", "--output=out"];
    project.run(&[&both[..], &one].concat()).success();
    let provenance = read("provenance.json");
    assert_eq!(provenance["_type"], "https://in-toto.io/Statement/v0.1");
    assert_eq!(
        provenance["predicateType"],
        "https://slsa.dev/provenance/v1"
    );
    assert_eq!(subjects(&provenance), of("amd64"));
    let contents = read("sbom.spdx.json");
    assert_eq!(contents["predicateType"], "https://spdx.dev/Document");
    assert_eq!(subjects(&contents), of("amd64"));
    assert!(contents["predicate"]["packages"].is_array());
    // the same files as an archive, and nothing where nothing was asked for
    let files = [&both[..], &one[..1]].concat();
    let listed = project.plain_files(&files);
    for name in [
        "-0600 0:0 provenance.json: ",
        "-0600 0:0 sbom.spdx.json: ",
        "-0644 0:0 x/amd64/a: A",
    ] {
        assert!(
            listed.iter().any(|line| line.starts_with(name)),
            "{name}: {listed:?}"
        );
    }
    assert_eq!(project.plain_files(&one[..1]).len(), 2);
    let inline = "--provenance=inline-only=true";
    assert_eq!(project.plain_files(&[inline, one[0]]).len(), 2);
    // several platforms have a folder each
    std::fs::remove_dir_all(&out).unwrap();
    let two = ["--platform=linux/amd64,linux/arm64", "--provenance=true"];
    let prefixed = "--output=type=local,dest=out,attestation-prefix=my.";
    project.run(&[&two[..], &[prefixed]].concat()).success();
    for architecture in ["amd64", "arm64"] {
        let said = read(&format!("linux_{architecture}/my.provenance.json"));
        assert_eq!(subjects(&said), of(architecture));
    }
    // or their names tell them apart
    let whole = "--output=type=local,dest=out,platform-split=false,mode=delete";
    project.run(&[&two[..], &[whole]].concat()).success();
    for architecture in ["amd64", "arm64"] {
        let said = read(&format!("provenance.linux_{architecture}.json"));
        assert_eq!(subjects(&said), of(architecture));
    }
    let mut left: Vec<_> = std::fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(
        left,
        [
            "provenance.linux_amd64.json",
            "provenance.linux_arm64.json",
            "x"
        ]
    );
    project.file("Dockerfile", "FROM scratch\nCOPY a /\n");
    let text = project.run(&[&two[..], &[whole]].concat()).exits_with(1);
    assert!(text.error_text().contains(
        "cannot overwrite a from linux/amd64 with linux/arm64 when split option is disabled"
    ));
}
