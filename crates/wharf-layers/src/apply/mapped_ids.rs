//! Which ids can own files here: in a user namespace not every number stands for somebody.

use rustix::io::Errno;

use super::options::Flavour;

/// The ids of this process's user namespace, which begin at 0 without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MappedIds {
    users: u32,
    groups: u32,
}

impl MappedIds {
    /// Those that trees of this flavour can have.
    pub(super) fn of(flavour: Flavour) -> Result<Self, Errno> {
        if flavour != Flavour::Subordinate {
            // Root has all of them, a user nobody's but their own.
            return Ok(Self {
                users: u32::MAX,
                groups: u32::MAX,
            });
        }
        Ok(Self {
            users: first_unmapped(&read("/proc/self/uid_map")?),
            groups: first_unmapped(&read("/proc/self/gid_map")?),
        })
    }

    /// Whether a file can belong to both.
    pub(super) fn have(self, user: u32, group: u32) -> bool {
        user < self.users && group < self.groups
    }
}

fn read(path: &str) -> Result<String, Errno> {
    std::fs::read_to_string(path).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
}

/// The first id that stands for nobody: lines are `<inside> <outside> <count>`.
fn first_unmapped(map: &str) -> u32 {
    let range = |line: &str| {
        let mut numbers = line.split_ascii_whitespace().map(str::parse::<u32>);
        let inside = numbers.next()?.ok()?;
        let count = numbers.nth(1)?.ok()?;
        Some((inside, count))
    };
    let mut ranges: Vec<(u32, u32)> = map.lines().filter_map(range).collect();
    ranges.sort_unstable();
    ranges.iter().fold(0, |end, &(inside, count)| {
        if inside == end {
            end.saturating_add(count)
        } else {
            end
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_count_up_to_the_first_gap() {
        for (map, first) in [
            ("         0          0 4294967295\n", u32::MAX),
            ("0 1000 1\n", 1),
            ("0 1000 1\n1 100000 65536\n", 65_537),
            ("1 100000 65536\n0 1000 1\n", 65_537),
            ("0 1000 1\n5 100000 65536\n", 1),
            ("5 1 1\n", 0),
            ("", 0),
            ("x y z\n0 1\n", 0),
        ] {
            assert_eq!(first_unmapped(map), first, "{map}");
        }
    }

    #[test]
    fn only_those_of_a_namespace_are_few() {
        let everybody = MappedIds::of(Flavour::Root).unwrap();
        assert!(everybody.have(0, 4_000_000_000) && MappedIds::of(Flavour::User) == Ok(everybody));
        let own = MappedIds::of(Flavour::Subordinate).unwrap();
        assert!(own.have(0, 0));
        let few = MappedIds {
            users: 10,
            groups: 5,
        };
        assert!(few.have(9, 4) && !few.have(10, 4) && !few.have(9, 5));
    }
}
