//! Images as an ordinary user has them: pulled without being root, mounted inside `wharf unshare`.

use testkit::{
    Dialect, ImageBuilder, LayerCompression, OrdinaryUser, ProgramCommand, Sandbox, TarBuilder,
    TestRegistry, skip,
};

use crate::fixture::{rich_image, sparse_layer};

/// A sandbox whose owner is an ordinary user, and the binary in it, since the folder of a build may be closed to others.
fn ordinary_sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    let binary = sandbox.path().join("wharf");
    std::fs::copy(sandbox.wharf_binary(), &binary).unwrap();
    let sandbox = sandbox.with_binary(&binary);
    OrdinaryUser::with_one_id().own(sandbox.path());
    sandbox
}

/// `wharf` as an ordinary user: as `nobody` where the tests run as root.
fn wharf(sandbox: &Sandbox, arguments: &[&str]) -> ProgramCommand {
    let user = OrdinaryUser::with_one_id();
    user.program(sandbox, sandbox.wharf_binary())
        .args(arguments)
}

/// Whether an ordinary user may make the namespaces. Says so aloud when not.
fn may_unshare(sandbox: &Sandbox) -> bool {
    let output = wharf(sandbox, &["unshare", "true"]).run();
    let may = output.code == 0;
    if !may {
        assert!(
            output
                .error_text()
                .contains("lets ordinary users make no user namespace"),
            "{}",
            output.error_text()
        );
        skip("the kernel forbids user namespaces to ordinary users");
    }
    may
}

#[test]
fn an_image_is_mounted_within_unshare() {
    let sandbox = ordinary_sandbox();
    let Some(registry) = TestRegistry::start() else {
        return;
    };
    let lower = TarBuilder::new()
        .directory("etc")
        .file("etc/motd", "hello")
        .file("etc/gone", "x")
        .directory("opaque")
        .file("opaque/below", "x")
        .finish();
    let upper = TarBuilder::new()
        .directory("etc")
        .whiteout("etc/gone")
        .directory("opaque")
        .opaque("opaque")
        .file("opaque/above", "x")
        .finish();
    let image = ImageBuilder::new()
        .layer(lower, "lower")
        .layer(upper, "upper")
        .build();
    registry.push(&image.artifact(), "user", "1");
    let name = format!("{}/user:1", registry.address());
    wharf(&sandbox, &["pull", "--quiet", &name]).run().success();
    if !may_unshare(&sandbox) {
        return;
    }
    // What is mounted is seen inside, all of it; and nothing of it outside, also after a command that left it there.
    let script = format!(
        "set -e; mkdir mounted; '{0}' image mount {name} mounted; cd mounted; find . | sort; cat etc/motd; id -u",
        sandbox.wharf_binary().display()
    );
    let output = wharf(&sandbox, &["unshare", "sh", "-c", &script])
        .run()
        .success();
    assert_eq!(
        output.text(),
        ".\n./etc\n./etc/motd\n./opaque\n./opaque/above\nhello0\n"
    );
    assert_eq!(
        std::fs::read_dir(sandbox.work().join("mounted"))
            .unwrap()
            .count(),
        0
    );

    let script = format!(
        "set -e; '{0}' image mount --changes changed {name} mounted; echo bye > mounted/etc/motd; rm mounted/opaque/above; \
         '{0}' image unmount mounted; cat changed/upper/etc/motd; ls mounted",
        sandbox.wharf_binary().display()
    );
    let output = wharf(&sandbox, &["unshare", "sh", "-c", &script])
        .run()
        .success();
    assert_eq!(output.text(), "bye\n");
}

#[test]
fn what_a_user_cannot_have_passes_through_unchanged() {
    let sandbox = ordinary_sandbox();
    let Some(registry) = TestRegistry::start() else {
        return;
    };
    // Devices, owners and capabilities are no user's to make: they are remembered, and pushed as they came.
    let sparse = sparse_layer(&Sandbox::new());
    let image = rich_image(Dialect::Docker, LayerCompression::Gzip, sparse).build();
    registry.push(&image.artifact(), "rich", "1");
    let [name, pushed] = ["rich", "pushed"].map(|path| format!("{}/{path}:1", registry.address()));
    wharf(&sandbox, &["pull", "--quiet", &name]).run().success();
    wharf(&sandbox, &["tag", &name, &pushed]).run().success();
    wharf(&sandbox, &["push", "--quiet", &pushed])
        .run()
        .success();
    let (manifest, _) = crate::fixture::served(&registry, "pushed", "1");
    assert_eq!(manifest, image.manifest.bytes);
    let check = wharf(&sandbox, &["system", "check"]).run().success();
    assert!(check.text().ends_with("no problems\n"), "{}", check.text());
    wharf(&sandbox, &["rmi", &name, &pushed]).run().success();
    let list = wharf(&sandbox, &["images", "--all", "--quiet"])
        .run()
        .success();
    assert_eq!(list.text(), "");
    let leftover = std::fs::read_dir(sandbox.root().join("layers")).unwrap();
    let leftover: Vec<_> = leftover.map(|entry| entry.unwrap().file_name()).collect();
    assert!(leftover.iter().all(|name| name == "empty"), "{leftover:?}");
}
