//! Which ids an ordinary user's container has: subordinate ones where the machine has them for the user, otherwise the user's own alone.

use std::path::Path;

use crate::spec::{IdMapping, IdRange};

/// A range of ids that a user may give away (`subuid(5)`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubordinateRange {
    /// Its first id.
    pub first: u32,
    /// How many.
    pub count: u32,
}

/// Why there are no subordinate ids: for people, who may want more than one id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoSubordinateIds {
    /// The files name none.
    #[error(
        "{file} has no ids for {user}: `usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {user}` gives some"
    )]
    NoRange {
        /// `/etc/subuid` or `/etc/subgid`.
        file: &'static str,
        /// The user's name, or number.
        user: String,
    },
    /// The programs that may map them.
    #[error(
        "{program} is not installed with the right to map ids: the package is called uidmap or shadow-utils"
    )]
    NoProgram {
        /// Which.
        program: &'static str,
    },
}

/// As many ranges count: the kernel takes 340 of a map.
const RANGES_LIMIT: usize = 32;

const USERS_FILE: &str = "/etc/subuid";
const GROUPS_FILE: &str = "/etc/subgid";

/// The mapping for this user: root inside is the user itself, and 1, 2, 3... are the ranges of `/etc/subuid` and `/etc/subgid`, one after
/// the other. If there are none, or nobody may map them, [`IdMapping::single`] is left, and the reason is returned.
pub fn subordinate_mapping(
    name: &str,
    user: u32,
    group: u32,
) -> Result<IdMapping, NoSubordinateIds> {
    for program in ["newuidmap", "newgidmap"] {
        let folders = ["/usr/bin", "/bin", "/usr/local/bin"].iter();
        let mut paths = folders.map(|folder| Path::new(folder).join(program));
        if !paths.any(|path| may_map(&path)) {
            return Err(NoSubordinateIds::NoProgram { program });
        }
    }
    let ranges = |file: &'static str| {
        // One that is not there has no ranges.
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let ranges = subordinate_ranges(&text, name, user);
        if ranges.is_empty() {
            let user = name.to_owned();
            return Err(NoSubordinateIds::NoRange { file, user });
        }
        Ok(ranges)
    };
    let (users, groups) = (ranges(USERS_FILE)?, ranges(GROUPS_FILE)?);
    Ok(IdMapping {
        users: own_and_others(user, &users),
        groups: own_and_others(group, &groups),
        set_groups: true,
        with_helpers: true,
    })
}

impl IdMapping {
    /// The user's own ids alone, as root.
    pub fn single(user: u32, group: u32) -> Self {
        Self {
            users: own_and_others(user, &[]),
            groups: own_and_others(group, &[]),
            set_groups: false,
            with_helpers: false,
        }
    }
}

/// The ranges that a file like `/etc/subuid` has for a user, by name or number. Lines that make no sense are none.
pub fn subordinate_ranges(text: &str, name: &str, id: u32) -> Vec<SubordinateRange> {
    let id = id.to_string();
    let range = |line: &str| {
        let mut fields = line.trim().split(':');
        let whose = fields.next()?;
        let first: u32 = fields.next()?.parse().ok()?;
        let count: u32 = fields.next()?.parse().ok()?;
        let mine = !whose.is_empty() && (whose == name || whose == id);
        // The last number stands for no id.
        let whole = count > 0 && first.checked_add(count).is_some() && fields.next().is_none();
        (mine && whole).then_some(SubordinateRange { first, count })
    };
    text.lines().filter_map(range).take(RANGES_LIMIT).collect()
}

fn own_and_others(own: u32, others: &[SubordinateRange]) -> Vec<IdRange> {
    let mut ranges = vec![IdRange {
        inside: 0,
        outside: own,
        count: 1,
    }];
    let mut inside: u32 = 1;
    for range in others {
        let Some(next) = inside.checked_add(range.count) else {
            break;
        };
        ranges.push(IdRange {
            inside,
            outside: range.first,
            count: range.count,
        });
        inside = next;
    }
    ranges
}

/// Whether a program has root's rights or the capability: without either it maps nothing that the user could not.
fn may_map(path: &Path) -> bool {
    const SET_USER_ID: u32 = 0o4000;
    let Ok(stat) = rustix::fs::stat(path) else {
        return false;
    };
    let mut value = [0; 64];
    let capability = rustix::fs::getxattr(path, "security.capability", &mut value[..]);
    stat.st_mode & SET_USER_ID != 0 || capability.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_the_user() {
        let text = "# comment\nalice:100000:65536\nbob:165536:65536\n1000:300000:10\nalice:4294967290:10\nalice:1:0\nalice:x:1\n\
            alice:5:5:5\nalice\n:7:7\n";
        let range = |first, count| SubordinateRange { first, count };
        assert_eq!(
            subordinate_ranges(text, "alice", 1000),
            [range(100_000, 65_536), range(300_000, 10)]
        );
        assert_eq!(
            subordinate_ranges(text, "bob", 1001),
            [range(165_536, 65_536)]
        );
        assert_eq!(subordinate_ranges(text, "carol", 1002), []);
        assert_eq!(subordinate_ranges(text, "", 1002), []);
        let many = "a:1:1\n".repeat(1000);
        assert_eq!(subordinate_ranges(&many, "a", 1).len(), RANGES_LIMIT);
    }

    #[test]
    fn inside_they_follow_the_user() {
        let others = [
            SubordinateRange {
                first: 100_000,
                count: 65_536,
            },
            SubordinateRange {
                first: 300_000,
                count: 10,
            },
            SubordinateRange {
                first: 5,
                count: u32::MAX - 5,
            },
        ];
        let line = |range: &IdRange| (range.inside, range.outside, range.count);
        let mapped: Vec<_> = own_and_others(1000, &others).iter().map(line).collect();
        assert_eq!(
            mapped,
            [(0, 1000, 1), (1, 100_000, 65_536), (65_537, 300_000, 10)]
        );
        let single = IdMapping::single(1000, 1001);
        assert_eq!(
            single.groups.iter().map(line).collect::<Vec<_>>(),
            [(0, 1001, 1)]
        );
        assert!(!single.set_groups && !single.with_helpers);
    }

    #[test]
    fn why_there_are_none_is_said() {
        let error = subordinate_mapping("nobody-of-this-name", u32::MAX - 1, 1).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("/etc/subuid has no ids for nobody-of-this-name")
                || text.contains("newuidmap is not"),
            "{text}"
        );
        assert!(!may_map(Path::new("/nowhere")) && !may_map(Path::new("/bin/sh")));
    }
}
