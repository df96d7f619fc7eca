//! The image of Wharf itself: made by `wharf build` from the repository's Dockerfile, and run as a registry.

use std::path::{Path, PathBuf};
use std::process::Command;

use testkit::write;

use crate::fixture::Containers;

const PASSWORD: &str = "Harbour-12345";

#[test]
fn privileged_wharf_serves_a_registry_from_its_own_image() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    let build = containers.sandbox.work().join("build");
    collect(Path::new(env!("CARGO_BIN_EXE_wharf")), &build.join("out"));
    let stage = format!("build={}", build.display());
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let built = containers
        .wharf(["build", "--tag", "wharf", "--build-context", &stage])
        .arg(repository);
    built.run().success();
    assert!(
        containers
            .prints(["history", "wharf"])
            .contains("COPY /out/ /")
    );

    let password = format!("WHARF_REGISTRY_ADMIN_PASSWORD={PASSWORD}");
    let words = ["run", "-d", "-p", "127.0.0.1::5000", "--restart", "always"];
    let words = words.into_iter().chain(["--env", &password]);
    let words = words.chain(["--volume", "registry:/data", "--name", "registry", "wharf"]);
    containers.prints(words);
    let address = containers.prints(["port", "registry", "5000"]);
    ready(&address);
    let login = ["login", "--username", "admin", "--password", PASSWORD];
    containers.prints(login.into_iter().chain([address.as_str()]));
    let name = format!("{address}/library/busybox:1");
    containers.prints(["tag", "busybox", &name]);
    containers.prints(["push", &name]);
    containers.prints(["rmi", &name]);

    containers.prints(["restart", "registry"]);
    let address_now = containers.prints(["port", "registry", "5000"]);
    ready(&address_now);
    let name = format!("{address_now}/library/busybox:1");
    containers.prints(login.into_iter().chain([address_now.as_str()]));
    containers.prints(["pull", &name]);
    assert_eq!(
        containers.prints(["inspect", "--format", "{{.Id}}", &name]),
        containers.prints(["inspect", "--format", "{{.Id}}", "busybox"]),
        "what was pushed before the restart is there after it"
    );
}

/// Waits until the registry behind the address says that it is ready.
fn ready(address: &str) {
    let url = format!("https://{address}/readyz");
    let patience = ["--retry", "120", "--retry-delay", "1", "--retry-all-errors"];
    let asked = Command::new("curl")
        .args(["--insecure", "--silent", "--show-error", "--fail"])
        .args(patience)
        .arg(&url)
        .output()
        .expect("a part of the fixture");
    assert!(asked.status.success(), "{url}: {asked:?}");
}

/// The root of the image: the program of this test, which is not static as a released one is, with what it loads.
fn collect(program: &Path, root: &Path) {
    let place = |source: &Path, target: &str| {
        let target = root.join(target.trim_start_matches('/'));
        std::fs::create_dir_all(target.parent().expect("a folder")).expect("a part of the fixture");
        std::fs::copy(source, target).expect("a part of the fixture");
    };
    place(program, "wharf");
    let loaded = Command::new("ldd")
        .arg(program)
        .output()
        .expect("a part of the fixture");
    for line in String::from_utf8(loaded.stdout)
        .expect("a part of the fixture")
        .lines()
    {
        let path = line.split_whitespace().find(|word| word.starts_with('/'));
        if let Some(path) = path {
            place(&PathBuf::from(path), path);
        }
    }
    std::fs::create_dir_all(root.join("data")).expect("a part of the fixture");
    std::fs::create_dir_all(root.join("etc/ssl/certs")).expect("a part of the fixture");
    write(&root.join("etc/ssl/certs/ca-certificates.crt"), "");
}
