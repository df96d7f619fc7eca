//! ADD of an address, again: the server is asked whether it has another file by now.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard};

use testkit::write;

use crate::fixture::Project;

/// What a server has, and what it was asked.
#[derive(Default)]
struct Site {
    content: String,
    /// A header that tells the content from another.
    validator: (&'static str, String),
    /// Whether it says that nothing has changed, whatever is so.
    lies: bool,
    /// Where `/moved` leads to.
    target: String,
    /// Questions, those that were answered with a file, and those with "unchanged".
    asked: usize,
    bodies: usize,
    unchanged: usize,
}

#[derive(Clone)]
struct Server {
    site: Arc<Mutex<Site>>,
    address: String,
}

impl Server {
    fn new(content: &str, validator: (&'static str, &str)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            site: Arc::default(),
            address: listener.local_addr().unwrap().to_string(),
        };
        server.has(content, validator);
        let other = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut stream = stream;
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let head: Vec<String> = lines
                    .by_ref()
                    .map_while(Result::ok)
                    .take_while(|line| !line.is_empty())
                    .collect();
                let _client_may_be_gone = stream.write_all(&other.answer(&head));
            }
        });
        server
    }

    fn site(&self) -> MutexGuard<'_, Site> {
        self.site.lock().unwrap()
    }

    fn has(&self, content: &str, (name, value): (&'static str, &str)) {
        let mut site = self.site();
        content.clone_into(&mut site.content);
        site.validator = (name, value.to_owned());
    }

    fn answer(&self, head: &[String]) -> Vec<u8> {
        let mut site = self.site();
        site.asked += 1;
        let path = head[0].split(' ').nth(1).unwrap();
        if path == "/moved" {
            let target = &site.target;
            let text = format!(
                "HTTP/1.1 302 Found\r\nlocation: {target}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            );
            return text.into_bytes();
        }
        let conditions = ["if-none-match: ", "if-modified-since: "];
        let condition = head.iter().find_map(|line| {
            let line = line.to_ascii_lowercase();
            conditions
                .iter()
                .find_map(|name| line.strip_prefix(name).map(str::to_owned))
        });
        let (name, value) = site.validator.clone();
        let validator = if name.is_empty() {
            String::new()
        } else {
            format!("{name}: {value}\r\n")
        };
        let always =
            format!("date: Sun, 06 Nov 2022 12:00:00 GMT\r\n{validator}connection: close\r\n");
        if let Some(condition) = condition
            && (site.lies || condition == value.to_ascii_lowercase())
        {
            site.unchanged += 1;
            return format!("HTTP/1.1 304 Not Modified\r\n{always}\r\n").into_bytes();
        }
        site.bodies += 1;
        let (length, content) = (site.content.len(), &site.content);
        format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n{always}\r\n{content}").into_bytes()
    }

    /// How many files it has sent, and how often it said that nothing has changed, since it was asked for this last.
    fn counts(&self) -> (usize, usize) {
        let mut site = self.site();
        (
            std::mem::take(&mut site.bodies),
            std::mem::take(&mut site.unchanged),
        )
    }
}

/// What the file holds that a build adds, as one that no layer is remembered for.
fn added(project: &Project, instruction: &str) -> String {
    static NUMBER: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    project.file(
        "Dockerfile",
        format!("FROM scratch\nADD {instruction} /x{number}\n"),
    );
    let files = project.plain_files(&[]);
    let (_, content) = files[0].split_once(": ").unwrap();
    content.to_owned()
}

#[test]
fn what_has_not_changed_is_not_sent_again() {
    let last_month = "Thu, 06 Oct 2022 12:00:00 GMT";
    for (first, second) in [
        (("ETag", "\"one\""), ("ETag", "\"two\"")),
        (("ETag", "W/\"one\""), ("ETag", "W/\"two\"")),
        (
            ("Last-Modified", last_month),
            ("Last-Modified", "Fri, 07 Oct 2022 12:00:00 GMT"),
        ),
    ] {
        let server = Server::new("old", first);
        let project = Project::new("");
        let add = format!("http://{}/file", server.address);
        assert_eq!(added(&project, &add), "old");
        assert_eq!(server.counts(), (1, 0));
        assert_eq!(added(&project, &add), "old");
        assert_eq!(server.counts(), (0, 1), "{first:?}");
        // The same step is the same layer, and the server is asked all the same.
        project.build(&[]);
        project.build(&[]);
        assert_eq!(server.counts(), (0, 2));
        server.has("changed", second);
        assert_eq!(added(&project, &add), "changed");
        assert_eq!(server.counts(), (1, 0));
        assert_eq!(added(&project, &add), "changed");
        assert_eq!(server.counts(), (0, 1));
        // Another address is another file.
        assert_eq!(added(&project, &format!("{add}?other")), "changed");
        assert_eq!(server.counts(), (1, 0));
        project.build(&["--no-cache"]);
        assert_eq!(server.counts(), (1, 0));
    }
}

#[test]
fn what_cannot_be_told_from_another_file_is_fetched() {
    for validator in [
        ("", ""),
        ("ETag", ""),
        // It may have been changed once more within that second.
        ("Last-Modified", "Sun, 06 Nov 2022 12:00:00 GMT"),
        ("Cache-Control: no-store\r\nETag", "\"one\""),
    ] {
        let server = Server::new("content", validator);
        let project = Project::new("");
        let add = format!("http://{}/file", server.address);
        for _ in 0..2 {
            assert_eq!(added(&project, &add), "content");
            assert_eq!(server.counts(), (1, 0), "{validator:?}");
        }
        assert!(!project.sandbox.root().join("fetched").exists());
    }
}

#[test]
fn what_must_have_a_digest_has_it() {
    let server = Server::new("content", ("ETag", "\"one\""));
    let project = Project::new("");
    let url = format!("http://{}/file", server.address);
    let pinned = |digest: &str| format!("--checksum=sha256:{digest} {url}");
    let content = "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73";
    let other = "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa";
    assert_eq!(added(&project, &pinned(content)), "content");
    assert_eq!(server.counts(), (1, 0));
    // Nobody has to be asked what is known by its digest.
    let asked = server.site().asked;
    assert_eq!(added(&project, &pinned(content)), "content");
    assert_eq!(server.site().asked, asked);
    // A server that says that nothing has changed is not believed where another digest is wanted.
    server.has("other", ("ETag", "\"one\""));
    server.site().lies = true;
    assert_eq!(added(&project, &url), "content");
    assert_eq!(server.counts(), (0, 1));
    assert_eq!(added(&project, &pinned(other)), "other");
    assert_eq!(server.counts(), (1, 0));
    let text = project.run(&["--no-cache"]).success().error_text();
    assert!(!text.contains("mismatch"), "{text}");
    server.has("neither", ("ETag", "\"one\""));
    project.file(
        "Dockerfile",
        format!("FROM scratch\nADD {} /x\n", pinned(content)),
    );
    let text = project.run(&[]).exits_with(1).error_text();
    assert!(text.contains("digest mismatch"), "{text}");
}

#[test]
fn what_is_elsewhere_by_now_is_fetched() {
    let server = Server::new("first", ("ETag", "\"1\""));
    let project = Project::new("");
    let add = format!("http://{}/moved", server.address);
    server.site().target = "/v1".to_owned();
    assert_eq!(added(&project, &add), "first");
    assert_eq!(added(&project, &add), "first");
    assert_eq!(server.counts(), (1, 1));
    // Another place that calls its file the same.
    server.has("second", ("ETag", "\"1\""));
    server.site().target = "/v2".to_owned();
    assert_eq!(added(&project, &add), "second");
    assert_eq!(server.counts(), (1, 1));
}

#[test]
fn what_is_kept_is_counted_removed_and_verified() {
    let server = Server::new("content", ("ETag", "\"one\""));
    let project = Project::new("");
    let add = format!("http://{}/file", server.address);
    let wharf = |words: &[&str]| {
        let run = project.sandbox.wharf(words.iter().copied()).run();
        run.success().text()
    };
    let entries = || {
        let all = wharf(&[
            "system",
            "df",
            "--format={{.Type}}: {{.TotalCount}} {{.Size}}",
        ]);
        let cache = all
            .lines()
            .find_map(|line| line.strip_prefix("Build Cache: "));
        cache.unwrap().to_owned()
    };
    assert_eq!(added(&project, &add), "content");
    let before = entries();
    assert!(before.starts_with("2 "), "{before}");
    let files = || {
        let folder = std::fs::read_dir(project.sandbox.root().join("fetched")).unwrap();
        folder
            .map(|entry| entry.unwrap().path())
            .collect::<Vec<_>>()
    };
    let [kept] = files().try_into().unwrap();
    server.counts();
    // Damaged in the file, and in what is known of it.
    for (from, to) in [
        ("content", "tnetnoc"),
        ("\"size\":7", "\"size\":8"),
        ("}", ""),
    ] {
        let damaged = String::from_utf8_lossy(&std::fs::read(&kept).unwrap()).replacen(from, to, 1);
        write(&kept, damaged);
        assert_eq!(added(&project, &add), "content");
        assert_eq!(server.counts().0, 1, "{from}");
    }
    wharf(&["builder", "prune", "--force", "--filter=until=1h"]);
    assert_eq!(files().len(), 1);
    wharf(&["builder", "prune", "--force", "--keep-storage=1g"]);
    assert_eq!(files().len(), 1);
    write(&kept, "nothing that could be read");
    let pruned = wharf(&["builder", "prune", "--force"]);
    assert!(pruned.contains("Deleted build cache objects"), "{pruned}");
    assert_eq!((files().len(), entries().as_str()), (0, "0 0B"));
    assert_eq!(added(&project, &add), "content");
    assert_eq!(server.counts(), (1, 0));
    let pruned = wharf(&["builder", "prune", "--force", "--filter=id=sha256:ed7002"]);
    assert!(pruned.contains("ed7002b439e9"), "{pruned}");
    assert_eq!(files().len(), 0);
}
