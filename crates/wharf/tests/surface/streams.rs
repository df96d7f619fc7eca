//! Output that goes nowhere, and input that comes from nowhere.

use std::process::{Command, Stdio};

use testkit::{ImageBuilder, Sandbox, TarBuilder, docker_archive, running_as_root};

#[test]
fn an_archive_that_cannot_be_written_is_named() {
    let sandbox = Sandbox::new();
    let layer = TarBuilder::new().file("a", "a\n").finish();
    let image = ImageBuilder::new().layer(layer, "COPY a /").build();
    let archive = docker_archive(&[(&image, &["app:1"])]);
    sandbox.wharf(["load"]).input(archive).run().success();
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = Command::new(sandbox.wharf_binary())
        .args(["save", "app:1"])
        .env_clear()
        .envs(sandbox.environment())
        .stdout(Stdio::from(full))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "Error response from daemon: cannot write the archive: No space left on device\n"
    );
}

#[test]
fn what_is_imported_from_nowhere_is_named() {
    let sandbox = Sandbox::new();
    let output = sandbox
        .wharf(["import", "http://127.0.0.1:1/root.tar"])
        .run();
    let text = output.exits_with(1).error_text();
    assert!(text.contains("http://127.0.0.1:1/root.tar"), "{text}");
}

#[test]
fn privileged_a_disk_that_fills_up_under_a_pipe_is_named() {
    if !running_as_root() {
        return;
    }
    let sandbox = Sandbox::new();
    let mount = sandbox.program("mount");
    let mount = mount.args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]);
    mount.arg(sandbox.root()).run().success();
    let input = vec![b'x'; 2 << 20];
    let outputs = [&["load"][..], &["import", "-"]].map(|words| {
        let command = sandbox.wharf(words).input(input.clone());
        (words, command.run())
    });
    let unmount = sandbox.program("umount").arg(sandbox.root());
    unmount.run().success();
    for (words, output) in outputs {
        let text = output.exits_with(1).error_text();
        let path = sandbox.root().join("ingest/spool-").display().to_string();
        assert!(
            text.contains(&format!("cannot write {path}")),
            "{words:?}: {text}"
        );
        assert!(text.ends_with(": No space left on device\n"), "{text}");
    }
}

#[test]
fn a_connection_that_ends_is_told_in_go_s_words_only() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = std::thread::spawn(move || {
        // Whatever is asked, over TLS or not, the connection ends.
        while let Ok((mut connection, _)) = listener.accept() {
            let mut request = [0; 1024];
            let length = std::io::Read::read(&mut connection, &mut request).unwrap_or(0);
            if request.starts_with(b"stop") {
                return;
            }
            if length > 0 && !request.starts_with(b"GET") {
                let answer = b"HTTP/1.0 400 Bad Request\r\n\r\n";
                std::io::Write::write_all(&mut connection, answer).unwrap_or_default();
            }
        }
    });
    let sandbox = Sandbox::new();
    let file = sandbox.work().join("wharf.toml");
    testkit::write(&file, "transfer.max-download-attempts = 1");
    let pull = sandbox.wharf(["pull", "-q", &format!("{address}/app")]);
    let text = pull.env("WHARF_CONFIG", &file).run().exits_with(1);
    let expected = format!(
        "Error response from daemon: Get \"http://{address}/v2/app/manifests/latest\": unexpected EOF\n"
    );
    assert_eq!(text.error_text(), expected);
    let mut stop = std::net::TcpStream::connect(&address).unwrap();
    std::io::Write::write_all(&mut stop, b"stop").unwrap();
    drop(stop);
    server.join().unwrap();
}
