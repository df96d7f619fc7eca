//! How far a copy is, on a terminal (docker/cli, `cli/command/container/cp.go: copyProgress`).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use wharf_template::units::human_size_with_precision;

use crate::printer::Printer;

/// Which way the files go.
#[derive(Debug, Clone, Copy)]
pub(super) enum Direction {
    In,
    Out,
}

/// How often the number is drawn again.
const TURN: Duration = Duration::from_millis(75);
const SAVE: &str = "\x1b[s";
const RESTORE: &str = "\x1b[u";
const ERASE_LINE: &str = "\x1b[2K";
const ERASE_REST: &str = "\x1b[0K";

impl Direction {
    fn header(self) -> &'static str {
        match self {
            Self::In => "Copying to container - ",
            Self::Out => "Copying from container - ",
        }
    }
}

/// Does `work`, which counts bytes, and draws their number meanwhile where errors go to a terminal.
pub(super) fn drawn<T>(
    printer: &Printer,
    direction: Direction,
    work: impl FnOnce(&AtomicU64) -> T,
) -> std::io::Result<T> {
    let bytes = AtomicU64::new(0);
    if printer.error_size().is_none() {
        return Ok(work(&bytes));
    }
    let header = direction.header();
    let shown = |bytes: u64| human_size_with_precision(bytes, 3);
    printer.error(&format!("{SAVE}{header}{}", shown(0)));
    let done = std::thread::scope(|scope| {
        let (working, is_over) = mpsc::channel::<()>();
        let bytes = &bytes;
        let draw = move || {
            let mut last = 0;
            while is_over.recv_timeout(TURN) == Err(RecvTimeoutError::Timeout) {
                let now = bytes.load(Ordering::Relaxed);
                if now != last {
                    last = now;
                    let column = header.len() + 1;
                    printer.error(&format!("\x1b[{column}G{ERASE_REST}{}", shown(now)));
                }
            }
        };
        std::thread::Builder::new().spawn_scoped(scope, draw)?;
        let done = work(bytes);
        drop(working);
        Ok::<T, std::io::Error>(done)
    });
    printer.error(&format!("{RESTORE}{ERASE_LINE}"));
    done
}
