//! Reading: the files from the oldest to the newest, and then what is still being written.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{Line, OutputStream};

/// A line of the file may be this long; a longer one is none of ours.
const LINE_LIMIT_BYTES: u64 = 1 << 20;

/// One piece of output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// What was printed, with its line end unless the line was cut.
    pub text: String,
    /// Where.
    pub stream: OutputStream,
    /// When, and as the file says it.
    pub time: Timestamp,
    /// The time as it is written.
    pub time_text: String,
}

/// Reads a log from its first entry on. At the end it can be asked again: more may have come.
#[derive(Debug)]
pub struct LogReader {
    path: PathBuf,
    older: VecDeque<PathBuf>,
    file: Option<BufReader<File>>,
    line: Vec<u8>,
}

impl LogReader {
    /// Opens the log whose newest file is `path`. A log that is not there is empty.
    pub fn open(path: &Path, max_files: u32) -> io::Result<Self> {
        let mut older = VecDeque::new();
        for number in (1..max_files.clamp(1, 1000)).rev() {
            let mut name = path.as_os_str().to_owned();
            name.push(format!(".{number}"));
            older.push_back(PathBuf::from(name));
        }
        Ok(Self {
            path: path.to_path_buf(),
            older,
            file: None,
            line: Vec::new(),
        })
    }

    /// The next entry; `None` at the end, for now. Lines that are none are passed over.
    pub fn next_entry(&mut self) -> io::Result<Option<LogEntry>> {
        loop {
            if self.file.is_none() && !self.open_next()? {
                return Ok(None);
            }
            let Some(file) = &mut self.file else {
                return Ok(None);
            };
            let limit = LINE_LIMIT_BYTES.saturating_sub(self.line.len() as u64);
            file.take(limit).read_until(b'\n', &mut self.line)?;
            if self.line.last() == Some(&b'\n') || self.line.len() as u64 >= LINE_LIMIT_BYTES {
                let entry = parsed(&self.line);
                self.line.clear();
                if entry.is_some() {
                    return Ok(entry);
                }
                continue;
            }
            // A line that is not complete belongs to a writer who is at work, or to one who died.
            if !self.moved_on()? {
                return Ok(None);
            }
            self.line.clear();
            self.file = None;
        }
    }

    /// Opens the oldest file that was not read yet. Whether there is one.
    fn open_next(&mut self) -> io::Result<bool> {
        loop {
            let path = self.older.pop_front();
            let is_last = path.is_none();
            match File::open(path.as_ref().unwrap_or(&self.path)) {
                Ok(file) => {
                    self.file = Some(BufReader::new(file));
                    return Ok(true);
                }
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Err(_not_there) if is_last => return Ok(false),
                Err(_not_there) => (),
            }
        }
    }

    /// Whether the file that was read to its end is not the newest one.
    fn moved_on(&self) -> io::Result<bool> {
        if !self.older.is_empty() {
            return Ok(true);
        }
        let Some(file) = &self.file else {
            return Ok(false);
        };
        let read = file.get_ref().metadata()?;
        match std::fs::metadata(&self.path) {
            Ok(newest) => Ok(newest.ino() != read.ino()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn parsed(line: &[u8]) -> Option<LogEntry> {
    let line: Line<'_> = serde_json::from_slice(line).ok()?;
    let stream = match &*line.stream {
        "stdout" => OutputStream::Stdout,
        "stderr" => OutputStream::Stderr,
        _ => return None,
    };
    Some(LogEntry {
        time: line.time.parse().ok()?,
        time_text: line.time.into_owned(),
        text: line.log.into_owned(),
        stream,
    })
}
