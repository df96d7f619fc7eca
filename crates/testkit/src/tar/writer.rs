//! Writes tar archives: POSIX ustar headers, PAX records for what they cannot hold, GNU long names where asked for.
//!
//! The same calls give the same bytes, today and on every machine, so that digests in tests stay what they are.

use super::entry::{Entry, EntryKind, LongNames};

const BLOCK: usize = 512;
const NAME_LENGTH: usize = 100;

/// Collects entries into an archive.
#[derive(Debug, Clone, Default)]
pub struct TarBuilder {
    bytes: Vec<u8>,
}

impl TarBuilder {
    /// An archive without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `entry`.
    #[must_use]
    pub fn entry(mut self, entry: &Entry) -> Self {
        self.append(entry);
        self
    }

    /// Adds a regular file, mode 0644.
    #[must_use]
    pub fn file(self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.entry(&Entry::file(path, content))
    }

    /// Adds a regular file that may be executed, mode 0755.
    #[must_use]
    pub fn program(self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.entry(&Entry::file(path, content).mode(0o755))
    }

    /// Adds a directory, mode 0755.
    #[must_use]
    pub fn directory(self, path: &str) -> Self {
        self.entry(&Entry::directory(path))
    }

    /// Adds a symbolic link.
    #[must_use]
    pub fn symlink(self, path: &str, target: &str) -> Self {
        self.entry(&Entry::symlink(path, target))
    }

    /// Adds a hard link to an earlier entry.
    #[must_use]
    pub fn hard_link(self, path: &str, target: &str) -> Self {
        self.entry(&Entry::hard_link(path, target))
    }

    /// Says that `path` of a lower layer is gone: an empty file `.wh.NAME` beside it.
    #[must_use]
    pub fn whiteout(self, path: &str) -> Self {
        let marker = match path.rsplit_once('/') {
            Some((parent, name)) => format!("{parent}/.wh.{name}"),
            None => format!(".wh.{path}"),
        };
        self.file(&marker, "")
    }

    /// Says that everything that lower layers have in `directory` is gone: an empty file `.wh..wh..opq` in it.
    #[must_use]
    pub fn opaque(self, directory: &str) -> Self {
        self.file(&format!("{directory}/.wh..wh..opq"), "")
    }

    /// Adds bytes as they are: headers that no writer would make.
    #[must_use]
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// Adds `entry` in place, for loops.
    pub fn append(&mut self, entry: &Entry) {
        let mut records = Vec::new();
        let name = self.short_name(&entry.path, "path", b'L', entry.long_names, &mut records);
        let link = self.short_name(
            &entry.link,
            "linkpath",
            b'K',
            entry.long_names,
            &mut records,
        );
        let size = entry.declared_size.unwrap_or(entry.content.len() as u64);
        let header_time = u64::try_from(entry.modified_seconds).unwrap_or(0);
        if entry.modified_nanoseconds > 0 || entry.modified_seconds < 0 {
            records.push(("mtime".to_owned(), pax_time(entry).into_bytes()));
        }
        for (key, id) in [("uid", entry.uid), ("gid", entry.gid)] {
            if id > 0o7_777_777 {
                records.push((key.to_owned(), id.to_string().into_bytes()));
            }
        }
        records.extend(entry.records.iter().cloned());
        if !records.is_empty() {
            let content = pax_content(&records);
            let header = header(&HeaderFields {
                name: b"PaxHeaders/entry",
                size: content.len() as u64,
                flag: b'x',
                ..HeaderFields::default()
            });
            self.bytes.extend_from_slice(&header);
            self.extend_padded(&content);
        }
        let fields = HeaderFields {
            name: &name,
            link: &link,
            mode: entry.mode,
            uid: entry.uid.min(0o7_777_777),
            gid: entry.gid.min(0o7_777_777),
            size: if entry.kind == EntryKind::File || entry.declared_size.is_some() {
                size
            } else {
                0
            },
            modified: header_time,
            flag: entry.kind.flag(),
            user: &entry.user,
            group: &entry.group,
            device: entry.device,
        };
        self.bytes.extend_from_slice(&header(&fields));
        self.extend_padded(&entry.content);
    }

    /// The archive, with the two empty blocks that end it.
    pub fn finish(mut self) -> Vec<u8> {
        self.bytes.extend_from_slice(&[0; 2 * BLOCK]);
        self.bytes
    }

    /// The archive without its end: what a connection that breaks leaves.
    pub fn finish_without_end(self) -> Vec<u8> {
        self.bytes
    }

    fn extend_padded(&mut self, content: &[u8]) {
        self.bytes.extend_from_slice(content);
        let padded = self.bytes.len().next_multiple_of(BLOCK);
        self.bytes.resize(padded, 0);
    }

    /// What fits into the header's field; the whole name goes before it in the form that was asked for.
    fn short_name(
        &mut self,
        name: &[u8],
        key: &str,
        gnu_flag: u8,
        form: LongNames,
        records: &mut Vec<(String, Vec<u8>)>,
    ) -> Vec<u8> {
        if name.len() <= NAME_LENGTH && name.is_ascii() {
            return name.to_vec();
        }
        match form {
            LongNames::Pax => records.push((key.to_owned(), name.to_vec())),
            LongNames::Gnu => {
                let mut content = name.to_vec();
                content.push(0);
                let fields = HeaderFields {
                    name: b"././@LongLink",
                    size: content.len() as u64,
                    flag: gnu_flag,
                    ..HeaderFields::default()
                };
                self.bytes.extend_from_slice(&header(&fields));
                self.extend_padded(&content);
            }
        }
        name.iter().copied().take(NAME_LENGTH).collect()
    }
}

#[derive(Default)]
struct HeaderFields<'a> {
    name: &'a [u8],
    link: &'a [u8],
    mode: u32,
    uid: u64,
    gid: u64,
    size: u64,
    modified: u64,
    flag: u8,
    user: &'a str,
    group: &'a str,
    device: (u32, u32),
}

fn header(fields: &HeaderFields<'_>) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    put(&mut block, 0, fields.name);
    put(&mut block, 100, format!("{:07o}", fields.mode).as_bytes());
    put(&mut block, 108, format!("{:07o}", fields.uid).as_bytes());
    put(&mut block, 116, format!("{:07o}", fields.gid).as_bytes());
    put(&mut block, 124, format!("{:011o}", fields.size).as_bytes());
    put(
        &mut block,
        136,
        format!("{:011o}", fields.modified).as_bytes(),
    );
    put(&mut block, 148, b"        ");
    put(&mut block, 156, &[fields.flag]);
    put(&mut block, 157, fields.link);
    put(&mut block, 257, b"ustar\x0000");
    put(&mut block, 265, fields.user.as_bytes());
    put(&mut block, 297, fields.group.as_bytes());
    put(
        &mut block,
        329,
        format!("{:07o}", fields.device.0).as_bytes(),
    );
    put(
        &mut block,
        337,
        format!("{:07o}", fields.device.1).as_bytes(),
    );
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    put(&mut block, 148, format!("{sum:06o}\0 ").as_bytes());
    block
}

fn put(block: &mut [u8; BLOCK], offset: usize, field: &[u8]) {
    for (to, from) in block.iter_mut().skip(offset).zip(field) {
        *to = *from;
    }
}

/// PAX writes times as decimal seconds. -1.5 s is `-1.5`, while the pair counts nanoseconds upwards from -2 s.
fn pax_time(entry: &Entry) -> String {
    let (seconds, nanoseconds) = (entry.modified_seconds, entry.modified_nanoseconds);
    if seconds >= 0 || nanoseconds == 0 {
        return format!("{seconds}.{nanoseconds:09}");
    }
    format!("-{}.{:09}", -(seconds + 1), 1_000_000_000 - nanoseconds)
}

/// Each record is `LENGTH KEY=VALUE\n`, where LENGTH counts itself.
fn pax_content(records: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut content = Vec::new();
    for (key, value) in records {
        let rest = key.len() + value.len() + 3;
        let mut length = rest;
        while length != rest + length.to_string().len() {
            length = rest + length.to_string().len();
        }
        content.extend_from_slice(format!("{length} {key}=").as_bytes());
        content.extend_from_slice(value);
        content.push(b'\n');
    }
    content
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pax_lengths_count_themselves() {
        for size in 0..2000 {
            let content = pax_content(&[("key".to_owned(), vec![b'x'; size])]);
            let length = content.split(|byte| *byte == b' ').next().unwrap();
            assert_eq!(
                std::str::from_utf8(length)
                    .unwrap()
                    .parse::<usize>()
                    .unwrap(),
                content.len(),
                "value of {size} bytes"
            );
        }
    }

    #[test]
    fn times_before_1970_keep_their_fraction() {
        let entry = Entry::file("x", "").modified(-2, 500_000_000);
        assert_eq!(pax_time(&entry), "-1.500000000");
    }

    #[test]
    fn archives_are_whole_blocks_and_end_with_two_empty_ones() {
        let archive = TarBuilder::new()
            .directory("etc")
            .file("etc/motd", "hello")
            .finish();
        assert_eq!(archive.len(), 3 * BLOCK + 2 * BLOCK);
        assert!(archive.iter().rev().take(2 * BLOCK).all(|byte| *byte == 0));
    }
}
