//! What bad input and bad luck get: an error that says what to do, and nothing half-built that has a name.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;

use testkit::{Peer, running_as_root, skip};

use crate::fixture::Project;

/// The error of a build that fails; no image is left.
fn refused(project: &Project, arguments: &[&str]) -> String {
    let text = project.run(arguments).exits_with(1).error_text();
    let images = project.sandbox.wharf(["images", "--quiet", "--all"]);
    assert_eq!(images.run().success().text(), "", "{text}");
    text
}

#[test]
fn links_do_not_lead_out_of_a_context() {
    let project = Project::new("");
    std::fs::create_dir(project.context().join("inner")).unwrap();
    testkit::write(&project.sandbox.work().join("outside"), "secret");
    project
        .link("up", "..")
        .link("inner/up", "../../..")
        .link("root", "/")
        .link("absolute", "/etc/passwd")
        .link(
            "far",
            &format!("{}/outside", project.sandbox.work().display()),
        );
    for source in [
        "up/outside",
        "inner/up/outside",
        "root/etc/passwd",
        "absolute",
        "far",
        "../outside",
        "/../../outside",
    ] {
        project.file("Dockerfile", format!("FROM scratch\nCOPY {source} /x\n"));
        let text = refused(&project, &[]);
        assert!(text.contains("not found"), "{source}: {text}");
    }
    // A link back into the context is followed within it.
    project.file("outside", "inside");
    project.file("Dockerfile", "FROM scratch\nCOPY up/outside /x\n");
    assert_eq!(project.files(&[]), ["-0644 0:0 x: inside"]);
}

#[test]
fn pipes_are_not_read_and_huge_files_only_if_they_are_copied() {
    let project = Project::new("FROM scratch\nCOPY small pipe /\n");
    project.file("small", "S");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        project.context().join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o644),
        0,
    )
    .unwrap();
    let huge = std::fs::File::create(project.context().join("huge")).unwrap();
    huge.set_len(5 << 30).unwrap();
    // A pipe without a writer would keep whoever reads it for ever.
    project.build(&["--tag=made"]);
    let size = project
        .sandbox
        .wharf(["image", "ls", "--format={{.Size}}"])
        .run()
        .success();
    assert_eq!(size.text(), "1B\n");
}

/// Answers every request with these bytes, and closes the connection.
fn server(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut stream = stream;
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut line = String::new();
            while reader.read_line(&mut line).unwrap_or_default() > 2 {
                line.clear();
            }
            let _client_may_be_gone = stream.write_all(answer.as_bytes());
        }
    });
    address.to_string()
}

#[test]
fn servers_that_fail_are_named() {
    let project = Project::new("");
    for (answer, expected) in [
        ("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", "404"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\nconnection: close\r\n\r\nshort",
            "http://",
        ),
        ("nonsense\r\n\r\n", "http://"),
    ] {
        let address = server(answer);
        project.file(
            "Dockerfile",
            format!("FROM scratch\nADD http://{address}/file /x\n"),
        );
        let text = refused(&project, &[]);
        assert!(
            text.contains(expected) && text.contains(&address) && text.contains("Dockerfile:2"),
            "{answer}: {text}"
        );
    }
}

#[test]
fn base_images_that_are_missing_are_named() {
    let project = Project::new("FROM 127.0.0.1:1/nowhere/image:tag\nCOPY a /\n");
    project.file("a", "A");
    let text = refused(&project, &[]);
    assert!(
        text.contains("127.0.0.1:1/nowhere/image:tag: failed to resolve source metadata")
            && text.contains(">>> FROM 127.0.0.1:1"),
        "{text}"
    );
    project.file("Dockerfile", "FROM scratch\nCOPY --from=nothing a /\n");
    let text = project.run(&[]).exits_with(1).error_text();
    assert!(text.contains("nothing"), "{text}");
}

#[test]
fn privileged_a_full_disk_leaves_a_whole_store() {
    if !running_as_root() {
        skip("a small disk needs root");
        return;
    }
    let project = Project::new("FROM scratch\nCOPY large /\n");
    // What gzip cannot make smaller.
    let mut state = 88_172_645_463_325_252_u64;
    let noise: Vec<u8> = (0..1 << 20)
        .flat_map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        })
        .collect();
    project.file("large", noise).file("small", "S");
    let root = project.sandbox.root().display().to_string();
    std::fs::create_dir_all(&root).unwrap();
    let script = "mount -t tmpfs -o size=4m tmpfs \"$1\" || exit 99\n\
        \"$2\" build -t made context 2> full && exit 98\n\
        printf 'FROM scratch\\nCOPY small /\\n' > context/Dockerfile\n\
        test -z \"$(\"$2\" images -q)\" && \"$2\" build -q -t made context && \"$2\" system check";
    let binary = project.sandbox.wharf_binary().display().to_string();
    let words = ["--mount", "sh", "-c", script, "sh", &root, &binary];
    project
        .sandbox
        .program("unshare")
        .args(words)
        .run()
        .success();
    let said = std::fs::read_to_string(project.sandbox.work().join("full")).unwrap();
    assert!(said.contains("No space left on device"), "{said}");
}

#[test]
fn repositories_that_cannot_be_reached_are_named() {
    if Peer::Git.installed().is_none() {
        return;
    }
    let project = Project::new("FROM scratch\nADD https://127.0.0.1:1/nowhere.git#main /x\n");
    let text = refused(&project, &[]);
    assert!(text.contains("git fetch failed"), "{text}");
}
