//! Writing: lines are put together, stamped, and put away by size.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{Line, OutputStream};
use crate::order::LogOrder;

/// A longer line becomes several entries, as in Docker.
const LINE_LIMIT_BYTES: usize = 16 << 10;

/// Writes what a container prints.
#[derive(Debug)]
pub(crate) struct LogWriter {
    file: Option<RotatedFile>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

#[derive(Debug)]
struct RotatedFile {
    path: PathBuf,
    file: File,
    bytes: u64,
    max_bytes: Option<u64>,
    max_files: u32,
}

impl LogWriter {
    /// Goes on behind what is there.
    pub(crate) fn open(order: &LogOrder) -> io::Result<Self> {
        let file = match order {
            LogOrder::None => None,
            LogOrder::JsonFile {
                path,
                max_bytes,
                max_files,
            } => Some(RotatedFile::open(path, *max_bytes, *max_files)?),
        };
        Ok(Self {
            file,
            stdout: Vec::new(),
            stderr: Vec::new(),
        })
    }

    /// Takes some bytes of output.
    pub(crate) fn write(&mut self, stream: OutputStream, bytes: &[u8]) -> io::Result<()> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        let pending = match stream {
            OutputStream::Stdout => &mut self.stdout,
            OutputStream::Stderr => &mut self.stderr,
        };
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = LINE_LIMIT_BYTES - pending.len();
            let line_end = rest.iter().take(room).position(|byte| *byte == b'\n');
            let taken = line_end.map_or(rest.len().min(room), |end| end + 1);
            let (now, later) = rest.split_at(taken);
            pending.extend_from_slice(now);
            rest = later;
            if line_end.is_some() || pending.len() == LINE_LIMIT_BYTES {
                file.append(stream, pending)?;
                pending.clear();
            }
        }
        file.flush()
    }

    /// Writes lines that never ended.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        for (stream, pending) in [
            (OutputStream::Stdout, &mut self.stdout),
            (OutputStream::Stderr, &mut self.stderr),
        ] {
            if !pending.is_empty() {
                file.append(stream, pending)?;
                pending.clear();
            }
        }
        file.flush()
    }
}

impl RotatedFile {
    fn open(path: &Path, max_bytes: Option<u64>, max_files: u32) -> io::Result<Self> {
        let file = open_file(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self {
            path: path.to_path_buf(),
            file,
            bytes,
            max_bytes,
            max_files,
        })
    }

    fn append(&mut self, stream: OutputStream, line: &[u8]) -> io::Result<()> {
        let line = Line {
            log: String::from_utf8_lossy(line),
            stream: stream.as_str().into(),
            time: format!("{:.9}", Timestamp::now()).into(),
        };
        let mut json = serde_json::to_vec(&line)?;
        json.push(b'\n');
        let length = json.len() as u64;
        if self
            .max_bytes
            .is_some_and(|max| self.bytes > 0 && self.bytes + length > max)
        {
            self.rotate()?;
        }
        self.file.write_all(&json)?;
        self.bytes += length;
        Ok(())
    }

    /// `log.json` becomes `log.json.1`, that one `log.json.2`, and the last one goes.
    fn rotate(&mut self) -> io::Result<()> {
        let numbered = |number: u32| {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        };
        let kept = self.max_files.max(1) - 1;
        for number in (1..kept).rev() {
            rename_if_there(&numbered(number), &numbered(number + 1))?;
        }
        if kept > 0 {
            rename_if_there(&self.path, &numbered(1))?;
        } else {
            self.file.set_len(0)?;
        }
        self.file = open_file(&self.path)?;
        self.bytes = 0;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn open_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o640)
        .open(path)
}

fn rename_if_there(from: &Path, to: &Path) -> io::Result<()> {
    match std::fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::{LogEntry, LogReader};

    fn entries(path: &Path, max_files: u32) -> Vec<LogEntry> {
        let mut reader = LogReader::open(path, max_files).unwrap();
        std::iter::from_fn(|| reader.next_entry().unwrap()).collect()
    }

    fn writer(path: &Path, max_bytes: Option<u64>, max_files: u32) -> LogWriter {
        LogWriter::open(&LogOrder::JsonFile {
            path: path.to_path_buf(),
            max_bytes,
            max_files,
        })
        .unwrap()
    }

    #[test]
    fn lines_are_put_together() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.json");
        let mut log = writer(&path, None, 1);
        log.write(OutputStream::Stdout, b"one\ntw").unwrap();
        log.write(OutputStream::Stderr, b"bad \xff\n").unwrap();
        log.write(OutputStream::Stdout, b"o\nthree").unwrap();
        log.finish().unwrap();
        let texts: Vec<_> = entries(&path, 1)
            .into_iter()
            .map(|entry| (entry.stream == OutputStream::Stderr, entry.text))
            .collect();
        let line = |error, text: &str| (error, text.to_owned());
        assert_eq!(
            texts,
            [
                line(false, "one\n"),
                line(true, "bad \u{fffd}\n"),
                line(false, "two\n"),
                line(false, "three")
            ]
        );
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.json");
        let mut log = writer(&path, None, 1);
        log.write(OutputStream::Stdout, &vec![b'x'; 40_000])
            .unwrap();
        log.finish().unwrap();
        let lengths: Vec<_> = entries(&path, 1)
            .iter()
            .map(|entry| entry.text.len())
            .collect();
        assert_eq!(lengths, [16_384, 16_384, 7_232]);
    }

    #[test]
    fn full_files_are_put_away_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.json");
        let mut log = writer(&path, Some(500), 3);
        for number in 0..40 {
            let line = format!("line {number}\n");
            log.write(OutputStream::Stdout, line.as_bytes()).unwrap();
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
        let texts: Vec<_> = entries(&path, 3)
            .into_iter()
            .map(|entry| entry.text)
            .collect();
        assert_eq!(texts.last().unwrap(), "line 39\n");
        assert!(texts.len() > 10 && texts.len() < 30, "{}", texts.len());
        let first: usize = texts[0]
            .trim_end()
            .strip_prefix("line ")
            .unwrap()
            .parse()
            .unwrap();
        let expected: Vec<_> = (first..40)
            .map(|number| format!("line {number}\n"))
            .collect();
        assert_eq!(texts, expected);
    }
}
