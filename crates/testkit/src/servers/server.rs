//! One server process: started, waited for, and stopped even if the test process is killed.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How long a server may take until it is ready.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How much of the log is kept for messages, in lines.
const LOG_LINES: usize = 200;

/// The shell keeps the server company: it ends the server when its standard input is closed, which the kernel does when
/// the test process is gone, however it went. A line on standard input ends the server too, by the signal named there,
/// and then its folder stays.
const KEEPER: &str = r#"trap "" INT
signal=$1 folder=$2
shift 2
"$@" 2>&1 </dev/null &
server=$!
exec >/dev/null 2>&1
if read -r asked; then signal=$asked folder=; fi
kill -"$signal" $server
wait $server
[ -z "$folder" ] || for attempt in 1 2 3 4 5 6 7 8 9 10; do
    rm -rf "$folder" && break
    sleep 0.1
done"#;

/// How a server ends that nobody stops: because its handle is dropped, or because the test process is gone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ending<'a> {
    /// The signal, without its `SIG`.
    pub(crate) signal: &'a str,
    /// A folder that is of no use then. A server in a static variable is not dropped, and leaves nothing behind all the
    /// same.
    pub(crate) sweep: Option<&'a Path>,
}

impl Default for Ending<'_> {
    fn default() -> Self {
        Self {
            signal: "TERM",
            sweep: None,
        }
    }
}

/// A running server. Dropping it stops it and waits for its end.
#[derive(Debug)]
pub(crate) struct Server {
    keeper: Child,
    log: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts `program` in `folder` and waits until a line of its log makes `ready` give a value.
    pub(crate) fn start<T: Send + 'static>(
        program: &Path,
        arguments: &[&OsStr],
        folder: &Path,
        ready: impl Fn(&str) -> Option<T> + Send + 'static,
    ) -> Result<(Self, T), String> {
        Self::start_until(Ending::default(), program, arguments, folder, ready)
    }

    /// As [`Server::start`], with an ending of its own.
    pub(crate) fn start_until<T: Send + 'static>(
        ending: Ending<'_>,
        program: &Path,
        arguments: &[&OsStr],
        folder: &Path,
        ready: impl Fn(&str) -> Option<T> + Send + 'static,
    ) -> Result<(Self, T), String> {
        let mut keeper = Command::new("/bin/sh")
            .args(["-c", KEEPER, "keeper", ending.signal])
            .arg(ending.sweep.unwrap_or(Path::new("")))
            .arg(program)
            .args(arguments)
            .current_dir(folder)
            .env("HOME", folder)
            .env("TMPDIR", folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", program.display()))?;
        let output = keeper.stdout.take().expect("a piped standard output");
        let log = Arc::new(Mutex::new(Vec::new()));
        let (sender, receiver) = mpsc::channel();
        let shared = Arc::clone(&log);
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Some(value) = ready(&line) {
                    // Only the first one is waited for.
                    drop(sender.send(value));
                }
                let mut log = shared.lock().expect("no thread panics with the log");
                if log.len() < LOG_LINES {
                    log.push(line);
                }
            }
        });
        let started = Instant::now();
        let mut server = Self { keeper, log };
        if let Ok(value) = receiver.recv_timeout(START_LIMIT) {
            return Ok((server, value));
        }
        server.end();
        let waited = started.elapsed();
        let log = server.log();
        Err(format!(
            "{} was not ready after {waited:?}; its log:\n{log}",
            program.display()
        ))
    }

    /// The beginning of what it has written.
    pub(crate) fn log(&self) -> String {
        let log = self.log.lock().expect("no thread panics with the log");
        log.join("\n")
    }

    /// Ends the server by `signal` and waits for its end. Its files stay.
    pub(crate) fn stop(mut self, signal: &str) {
        if let Some(stdin) = &mut self.keeper.stdin {
            // A keeper that is gone has ended its server already.
            drop(writeln!(stdin, "{signal}"));
        }
    }

    fn end(&mut self) {
        drop(self.keeper.stdin.take());
        // The keeper ends after its server; there is nobody to tell about a failure.
        drop(self.keeper.wait());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}
