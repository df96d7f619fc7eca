//! Which ids a user namespace has: what is written into its maps, and what this process finds in its own (`user_namespaces(7)`).

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::process::Command;

use crate::spec::{IdMapping, IdRange};

/// Why a namespace did not get its ids.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    /// The kernel refused a map.
    #[error("cannot map ids in {path}: {source}")]
    File {
        /// The file in `/proc`.
        path: String,
        /// The cause.
        source: io::Error,
    },
    /// `newuidmap` or `newgidmap` could not be started.
    #[error("cannot run {program}: {source}")]
    Program {
        /// Which.
        program: &'static str,
        /// The cause.
        source: io::Error,
    },
    /// It refused.
    #[error("{program} refused to map ids: {said}")]
    Refused {
        /// Which.
        program: &'static str,
        /// What it said.
        said: String,
    },
}

/// Says which ids the namespace of `process` has; `self` is a process, too, but not for the programs that map subordinate ids.
pub(crate) fn write_maps(process: &str, ids: &IdMapping) -> Result<(), MapError> {
    if ids.with_helpers {
        run_helper("newuidmap", process, &ids.users)?;
        return run_helper("newgidmap", process, &ids.groups);
    }
    let write = |file: &str, text: &str| {
        let path = format!("/proc/{process}/{file}");
        let opened = OpenOptions::new().write(true).open(&path);
        opened
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(|source| MapError::File { path, source })
    };
    if !ids.set_groups {
        // Without this the kernel takes no group map from an ordinary user.
        write("setgroups", "deny")?;
    }
    write("uid_map", &lines(&ids.users))?;
    write("gid_map", &lines(&ids.groups))
}

fn lines(ranges: &[IdRange]) -> String {
    let line = |range: &IdRange| format!("{} {} {}\n", range.inside, range.outside, range.count);
    ranges.iter().map(line).collect()
}

fn run_helper(program: &'static str, process: &str, ranges: &[IdRange]) -> Result<(), MapError> {
    let numbers = ranges
        .iter()
        .flat_map(|range| [range.inside, range.outside, range.count]);
    let output = Command::new(program)
        .arg(process)
        .args(numbers.map(|number| number.to_string()))
        .output()
        .map_err(|source| MapError::Program { program, source })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr)
        .trim_end()
        .to_owned();
    Err(MapError::Refused { program, said })
}

/// The ids of the user namespace that this process is in.
pub fn own_ids() -> io::Result<IdMapping> {
    let (users, groups) = (own_map("uid_map")?, own_map("gid_map")?);
    let many = |ranges: &[IdRange]| {
        ranges
            .iter()
            .any(|range| range.inside != 0 || range.count > 1)
    };
    Ok(IdMapping {
        set_groups: many(&users) && many(&groups),
        users,
        groups,
        with_helpers: false,
    })
}

fn own_map(file: &str) -> io::Result<Vec<IdRange>> {
    let text = std::fs::read_to_string(format!("/proc/self/{file}"))?;
    Ok(ranges_in(&text))
}

fn ranges_in(map: &str) -> Vec<IdRange> {
    let range = |line: &str| {
        let mut numbers = line.split_ascii_whitespace().map(str::parse);
        let mut next = || numbers.next()?.ok();
        Some(IdRange {
            inside: next()?,
            outside: next()?,
            count: next()?,
        })
    };
    map.lines().filter_map(range).collect()
}

impl IdMapping {
    /// For a namespace within one that has these ids: the same ids once more.
    #[must_use]
    pub fn nested(&self) -> Self {
        let same = |ranges: &[IdRange]| {
            let same = |range: &IdRange| IdRange {
                outside: range.inside,
                ..*range
            };
            ranges.iter().map(same).collect()
        };
        Self {
            users: same(&self.users),
            groups: same(&self.groups),
            set_groups: self.set_groups,
            with_helpers: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_read_as_they_are_written() {
        let map = "         0       1000          1\n         1     100000      65536\n";
        let ranges = ranges_in(map);
        assert_eq!(lines(&ranges), "0 1000 1\n1 100000 65536\n");
        assert_eq!(ranges_in("x\n1 2\n\n"), []);
        let own = own_ids().unwrap();
        assert!(!own.users.is_empty() && !own.with_helpers);
    }

    #[test]
    fn within_a_namespace_its_own_ids_are_mapped() {
        let ids = IdMapping {
            users: ranges_in("0 1000 1\n1 100000 65536\n"),
            groups: ranges_in("0 1000 1\n"),
            set_groups: true,
            with_helpers: true,
        };
        let nested = ids.nested();
        assert_eq!(lines(&nested.users), "0 0 1\n1 1 65536\n");
        assert_eq!(lines(&nested.groups), "0 0 1\n");
        assert!(nested.set_groups && !nested.with_helpers);
    }
}
