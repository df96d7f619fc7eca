//! `--chown`: numbers, or names of the stage.

use std::io::Read as _;

use crate::tree::{FileTree, NodeKind, TreeError, resolve};

/// How much of `/etc/passwd` and `/etc/group` is read, as `BuildKit` has it.
const MAXIMUM_TABLE_BYTES: u64 = 10 << 20;

/// Owner and group by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Owner {
    /// Owner.
    pub user: u32,
    /// Group.
    pub group: u32,
}

/// The owner that `text` means in a stage: `user`, `user:group`, names or numbers. The second value are names that the stage does
/// not have: `BuildKit` takes root for them, and so do we, but say it.
///
/// # Errors
/// If the stage cannot be read.
pub fn resolve_owner(text: &str, stage: &dyn FileTree) -> Result<(Owner, Vec<String>), TreeError> {
    let mut owner = Owner::default();
    let mut unknown = Vec::new();
    let (user, group) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (text, None),
    };
    if let Some(number) = number(user) {
        owner = Owner {
            user: number,
            group: number,
        };
    } else if !user.is_empty() {
        match row(stage, b"etc/passwd", user)?.as_deref() {
            Some([uid, gid, ..]) => {
                owner.user = number_or_zero(uid);
                owner.group = number_or_zero(gid);
            }
            _ => unknown.push(user.to_owned()),
        }
    }
    if let Some(group) = group.filter(|group| !group.is_empty()) {
        if let Some(number) = number(group) {
            owner.group = number;
        } else {
            match row(stage, b"etc/group", group)?.as_deref() {
                Some([gid, ..]) => owner.group = number_or_zero(gid),
                _ => unknown.push(group.to_owned()),
            }
        }
    }
    Ok((owner, unknown))
}

fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

fn number_or_zero(text: &str) -> u32 {
    number(text).unwrap_or_default()
}

/// The fields behind the password of the first row that begins with the name.
fn row(stage: &dyn FileTree, path: &[u8], name: &str) -> Result<Option<Vec<String>>, TreeError> {
    let path = resolve(stage, path, true)?;
    let node = stage.node(&path)?;
    if node.is_none_or(|node| node.kind != NodeKind::File) {
        return Ok(None);
    }
    let mut table = Vec::new();
    stage
        .open(&path)?
        .content
        .take(MAXIMUM_TABLE_BYTES)
        .read_to_end(&mut table)
        .map_err(|source| TreeError::Io {
            path: String::from_utf8_lossy(&path).into_owned().into(),
            source,
        })?;
    let table = String::from_utf8_lossy(&table);
    let found = table
        .lines()
        .map(|line| line.trim().split(':').collect::<Vec<_>>())
        .find(|fields| fields.first() == Some(&name));
    Ok(found.map(|fields| {
        fields
            .iter()
            .skip(2)
            .map(|field| (*field).to_owned())
            .collect()
    }))
}
