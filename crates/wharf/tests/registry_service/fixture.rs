//! A running registry, and what tests ask of it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use testkit::{HttpResponse, Sandbox, http_request, write};
use wharf_oci::Digest;

/// The first administrator's password.
pub(crate) const PASSWORD: &str = "Harbour-12345";
/// `admin` with that password.
pub(crate) const ADMIN: (&str, &str) = ("Authorization", "Basic YWRtaW46SGFyYm91ci0xMjM0NQ==");
/// How long a registry may take to start or to end.
const LIMIT: Duration = Duration::from_mins(1);

/// A registry that does not outlive its test.
pub(crate) struct RunningRegistry {
    child: Child,
    /// `127.0.0.1:PORT`.
    pub(crate) address: String,
    /// What it said up to where it said that it serves.
    pub(crate) welcome: String,
    log: mpsc::Receiver<String>,
}

/// A file of configuration in the sandbox, with the data in the sandbox as well.
pub(crate) fn config(sandbox: &Sandbox, text: &str) -> PathBuf {
    let path = sandbox.path().join("registry.toml");
    let data = sandbox.path().join("data");
    write(
        &path,
        format!(
            "data = \"{}\"\nlisten = \"127.0.0.1:0\"\n{text}",
            data.display()
        ),
    );
    path
}

/// `wharf registry` with these words and the file of configuration.
pub(crate) fn registry_command(sandbox: &Sandbox, words: &[&str], config: &PathBuf) -> Command {
    let mut command = Command::new(sandbox.wharf_binary());
    command
        .env_clear()
        .envs(sandbox.environment())
        .env("WHARF_REGISTRY_ADMIN_PASSWORD", PASSWORD)
        .current_dir(sandbox.work())
        .arg("registry")
        .args(words)
        .arg("--config")
        .arg(config);
    command
}

/// Starts a registry and waits until it serves.
pub(crate) fn serve(sandbox: &Sandbox, config: &PathBuf) -> RunningRegistry {
    RunningRegistry::start(registry_command(sandbox, &["serve"], config))
}

impl RunningRegistry {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (lines, log) = mpsc::channel();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut errors = child.stderr.take().unwrap();
        thread::spawn(move || {
            let mut text = String::new();
            drop(errors.read_to_string(&mut text));
            drop(lines.send(text));
        });
        let (mut welcome, mut address) = (String::new(), None);
        loop {
            let mut line = String::new();
            if output.read_line(&mut line).unwrap() == 0 {
                break;
            }
            welcome.push_str(&line);
            if let Some((_, found)) = line
                .split_once("Serving on ")
                .and_then(|(_, url)| url.split_once("://"))
            {
                address = Some(found.trim().to_owned());
            }
            if line.starts_with("Sign in") {
                break;
            }
        }
        let Some(address) = address else {
            let said = log.recv_timeout(LIMIT).unwrap_or_default();
            panic!("the registry does not serve: {welcome}{said}");
        };
        thread::spawn(move || drop(std::io::copy(&mut output, &mut std::io::sink())));
        Self {
            child,
            address,
            welcome,
            log,
        }
    }

    /// A request as the administrator.
    pub(crate) fn request(&self, method: &str, path: &str, body: &[u8]) -> HttpResponse {
        let headers = [ADMIN, ("Content-Type", "application/octet-stream")];
        http_request(&self.address, method, path, &headers, body)
    }

    /// Pushes a blob to `library/app`.
    pub(crate) fn push_blob(&self, content: &[u8]) -> Digest {
        let digest = Digest::of(content);
        let path = format!("/v2/library/app/blobs/uploads/?digest={digest}");
        let pushed = self.request("POST", &path, content);
        assert_eq!(
            pushed.status,
            201,
            "{:?}",
            String::from_utf8_lossy(&pushed.body)
        );
        digest
    }

    /// Asks it to end, without waiting.
    pub(crate) fn terminate(&self) {
        let id = self.child.id().to_string();
        let killed = Command::new("/bin/kill").args(["-TERM", &id]).status();
        assert!(killed.unwrap().success());
    }

    /// Waits for its end, and gives what it logged.
    pub(crate) fn ended(mut self) -> String {
        let deadline = Instant::now() + LIMIT;
        let log = self.log.recv_timeout(LIMIT).unwrap();
        while self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "it does not end: {log}");
            thread::yield_now();
        }
        assert!(self.child.wait().unwrap().success(), "{log}");
        log
    }

    /// Ends it in order.
    pub(crate) fn stop(self) -> String {
        self.terminate();
        self.ended()
    }
}

impl Drop for RunningRegistry {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended_before = self.child.kill();
        let _nobody_asks = self.child.wait();
    }
}

/// Bytes that do not compress, the same each time.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    })
    .take(length)
    .collect()
}
