//! What an ordinary user cannot set on a file, remembered beside it.
//!
//! The extended attribute `user.wharf.meta` on regular files and directories holds, in version 1:
//!
//! ```text
//! 1 <user> <group> <mode> <major> <minor>\n
//! <name length> <value length> <name><value>    for each extended attribute that is not set
//! ```
//!
//! All numbers are decimal, but for the mode, which is octal and has the file's type in it, as
//! `st_mode` has. A file without the attribute is owned by 0:0 and is what it looks like. Symbolic
//! links and named pipes cannot carry `user.*` attributes; for them the same is listed in
//! [`super::AppliedLayer::remembered`].

use std::io::Write as _;

use crate::tar::{Device, Xattr};

/// The name of the attribute.
pub const REMEMBERED_XATTR: &str = "user.wharf.meta";

/// What a file would have if root had unpacked it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RememberedMetadata {
    /// Owner.
    pub user_id: u32,
    /// Group.
    pub group_id: u32,
    /// Type and permissions, as in `st_mode`.
    pub mode: u32,
    /// Number of a device node, else zero.
    pub device: Device,
    /// Extended attributes that could not be set.
    pub xattrs: Vec<Xattr>,
}

/// What is remembered about a symbolic link or a named pipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RememberedEntry {
    /// Its path within the layer, without a slash in front.
    pub path: Vec<u8>,
    /// What it would have.
    pub metadata: RememberedMetadata,
}

impl RememberedMetadata {
    /// The attribute's value.
    pub fn to_bytes(&self) -> Vec<u8> {
        let Device { major, minor } = self.device;
        let Self {
            user_id,
            group_id,
            mode,
            ..
        } = self;
        let mut bytes = format!("1 {user_id} {group_id} {mode:o} {major} {minor}\n").into_bytes();
        for Xattr { name, value } in &self.xattrs {
            // Writing to a Vec cannot fail.
            let _written = write!(bytes, "{} {} ", name.len(), value.len());
            bytes.extend_from_slice(name);
            bytes.extend_from_slice(value);
        }
        bytes
    }

    /// Reads an attribute's value; `None` if it is malformed or of a later version.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let line = std::str::from_utf8(bytes.get(..end)?).ok()?;
        let fields: Vec<&str> = line.split(' ').collect();
        let ["1", user_id, group_id, mode, major, minor] = fields[..] else {
            return None;
        };
        let mut rest = bytes.get(end + 1..)?;
        let mut xattrs = Vec::new();
        while !rest.is_empty() {
            let name_bytes = take_length(&mut rest)?;
            let value_bytes = take_length(&mut rest)?;
            let (name, tail) = rest.split_at_checked(name_bytes)?;
            let (value, tail) = tail.split_at_checked(value_bytes)?;
            rest = tail;
            xattrs.push(Xattr {
                name: name.to_vec(),
                value: value.to_vec(),
            });
        }
        Some(Self {
            user_id: user_id.parse().ok()?,
            group_id: group_id.parse().ok()?,
            mode: u32::from_str_radix(mode, 8).ok()?,
            device: Device {
                major: major.parse().ok()?,
                minor: minor.parse().ok()?,
            },
            xattrs,
        })
    }
}

fn take_length(rest: &mut &[u8]) -> Option<usize> {
    let space = rest.iter().position(|byte| *byte == b' ')?;
    let length = std::str::from_utf8(rest.get(..space)?).ok()?.parse().ok()?;
    *rest = rest.get(space + 1..)?;
    Some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_wrote_and_refuses_the_rest() {
        let metadata = RememberedMetadata {
            user_id: 33,
            group_id: u32::MAX - 1,
            mode: 0o20_4755,
            device: Device { major: 8, minor: 1 },
            xattrs: vec![
                Xattr {
                    name: b"security.capability".to_vec(),
                    value: vec![0, b'\n', 255, b' '],
                },
                Xattr {
                    name: b"user.empty".to_vec(),
                    value: Vec::new(),
                },
            ],
        };
        let bytes = metadata.to_bytes();
        assert_eq!(RememberedMetadata::from_bytes(&bytes), Some(metadata));
        let line_end = bytes.iter().position(|byte| *byte == b'\n').unwrap();
        for end in (0..bytes.len()).filter(|end| *end != line_end + 1) {
            let cut = RememberedMetadata::from_bytes(&bytes[..end]);
            assert!(cut.is_none_or(|cut| cut.xattrs.len() < 2), "{end}");
        }
        for bad in [
            &b""[..],
            b"2 0 0 0 0 0\n",
            b"1 0 0 9 0 0\n",
            b"1 0 0 0 0 0\n9999 9 x",
        ] {
            assert_eq!(RememberedMetadata::from_bytes(bad), None);
        }
    }
}
