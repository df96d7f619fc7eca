//! The words of a tar archive: headers, GNU long names and PAX records, as far as layers use them.

use rustix::fs::{Dev, Gid, Uid};

use crate::Failure;

pub(crate) const BLOCK: usize = 512;

/// What PAX records and GNU long names say about the next entry.
#[derive(Default)]
pub(crate) struct Extended {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    mtime: Option<(i64, u32)>,
    uid: Option<u32>,
    gid: Option<u32>,
    xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// One file, directory, link or device of the archive.
pub(crate) struct Entry {
    pub(crate) kind: u8,
    pub(crate) path: Vec<u8>,
    pub(crate) link: Vec<u8>,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) size: u64,
    pub(crate) seconds: i64,
    pub(crate) nanoseconds: u32,
    pub(crate) device: Dev,
    pub(crate) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Entry {
    pub(crate) fn read(header: &[u8], extended: Extended) -> Result<Self, Failure> {
        let path = extended.path.unwrap_or_else(|| {
            let name = until_nul(&header[..100]);
            let prefix = if &header[257..262] == b"ustar" && header[262] == 0 {
                until_nul(&header[345..500])
            } else {
                b""
            };
            if prefix.is_empty() {
                name.to_vec()
            } else {
                [prefix, b"/", name].concat()
            }
        });
        let kind = header[156];
        let size = match extended.size {
            Some(size) => size,
            None => number(&header[124..136])?,
        };
        let (seconds, nanoseconds) = match extended.mtime {
            Some(time) => time,
            None => (i64::try_from(number(&header[136..148])?)?, 0),
        };
        let device = if matches!(kind, b'3' | b'4') {
            let major = u32::try_from(number(&header[329..337])?)?;
            let minor = u32::try_from(number(&header[337..345])?)?;
            rustix::fs::makedev(major, minor)
        } else {
            0
        };
        Ok(Self {
            kind,
            path: clean(&path),
            link: extended
                .link
                .unwrap_or_else(|| until_nul(&header[157..257]).to_vec()),
            mode: u32::try_from(number(&header[100..108])? & 0o7777)?,
            uid: match extended.uid {
                Some(uid) => uid,
                None => u32::try_from(number(&header[108..116])?)?,
            },
            gid: match extended.gid {
                Some(gid) => gid,
                None => u32::try_from(number(&header[116..124])?)?,
            },
            size,
            seconds,
            nanoseconds,
            device,
            xattrs: extended.xattrs,
        })
        .map(|mut entry| {
            if entry.kind == b'1' {
                entry.link = clean(&entry.link);
            }
            entry
        })
    }

    pub(crate) fn has_owner(&self) -> bool {
        self.uid != 0 || self.gid != 0
    }

    pub(crate) fn owner(&self) -> (Uid, Gid) {
        (Uid::from_raw(self.uid), Gid::from_raw(self.gid))
    }
}

impl Extended {
    pub(crate) fn learn(&mut self, kind: u8, text: &[u8]) -> Result<(), Failure> {
        match kind {
            b'L' => self.path = Some(until_nul(text).to_vec()),
            b'K' => self.link = Some(until_nul(text).to_vec()),
            b'x' => self.learn_records(text)?,
            _ => {}
        }
        Ok(())
    }

    /// PAX records: `LENGTH KEY=VALUE\n`, where the length counts the whole record.
    fn learn_records(&mut self, mut text: &[u8]) -> Result<(), Failure> {
        while !text.is_empty() {
            let bad = || Failure::from("a broken PAX record");
            let space = text.iter().position(|byte| *byte == b' ').ok_or_else(bad)?;
            let length: usize = std::str::from_utf8(&text[..space])?.parse()?;
            let record = text.get(space + 1..length - 1).ok_or_else(bad)?;
            let equals = record
                .iter()
                .position(|byte| *byte == b'=')
                .ok_or_else(bad)?;
            let (key, value) = (&record[..equals], &record[equals + 1..]);
            match key {
                b"path" => self.path = Some(value.to_vec()),
                b"linkpath" => self.link = Some(value.to_vec()),
                b"size" => self.size = Some(std::str::from_utf8(value)?.parse()?),
                b"uid" => self.uid = Some(std::str::from_utf8(value)?.parse()?),
                b"gid" => self.gid = Some(std::str::from_utf8(value)?.parse()?),
                b"mtime" => self.mtime = Some(time(std::str::from_utf8(value)?)?),
                _ => {
                    if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
                        self.xattrs.push((name.to_vec(), value.to_vec()));
                    }
                }
            }
            text = &text[length..];
        }
        Ok(())
    }
}

pub(crate) fn padding(size: u64) -> u64 {
    size.next_multiple_of(BLOCK as u64) - size
}

fn until_nul(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|byte| *byte == 0);
    &field[..end.unwrap_or(field.len())]
}

/// `./a/b/` becomes `a/b`.
fn clean(path: &[u8]) -> Vec<u8> {
    let mut path = path;
    while let Some(rest) = path.strip_prefix(b"./").or_else(|| path.strip_prefix(b"/")) {
        path = rest;
    }
    while let Some(rest) = path.strip_suffix(b"/") {
        path = rest;
    }
    if path == b"." {
        Vec::new()
    } else {
        path.to_vec()
    }
}

/// A number field: octal text, or GNU's base 256 with the top bit set.
pub(crate) fn number(field: &[u8]) -> Result<u64, Failure> {
    if field[0] & 0x80 != 0 {
        return Ok(field[1..]
            .iter()
            .fold(u64::from(field[0] & 0x7f), |sum, byte| {
                (sum << 8) | u64::from(*byte)
            }));
    }
    let mut sum = 0;
    for byte in field {
        match byte {
            b'0'..=b'7' => sum = sum * 8 + u64::from(byte - b'0'),
            b' ' | 0 => {}
            _ => return Err("a tar header with a broken number".into()),
        }
    }
    Ok(sum)
}

/// `SECONDS[.FRACTION]` of a PAX record.
fn time(text: &str) -> Result<(i64, u32), Failure> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let nanoseconds = format!("{fraction:0<9.9}").parse()?;
    Ok((seconds.parse()?, nanoseconds))
}
