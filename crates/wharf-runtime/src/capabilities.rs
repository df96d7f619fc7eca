//! Linux capabilities: names, Docker's default set, `--cap-add` and `--cap-drop`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One capability, by its number in `linux/capability.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Capability(u8);

/// Names in the order of their numbers, without `CAP_`.
const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// What Docker gives a container that asks for nothing (moby, `oci/caps/defaults.go`).
const DEFAULTS: [&str; 14] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FSETID",
    "FOWNER",
    "MKNOD",
    "NET_RAW",
    "SETGID",
    "SETUID",
    "SETFCAP",
    "SETPCAP",
    "NET_BIND_SERVICE",
    "SYS_CHROOT",
    "KILL",
    "AUDIT_WRITE",
];

/// A name that is no capability.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid capability: {name:?}")]
pub struct UnknownCapability {
    /// As it was given.
    pub name: String,
}

impl Capability {
    /// Its number.
    pub fn number(self) -> u8 {
        self.0
    }

    /// Its name with `CAP_`.
    pub fn name(self) -> String {
        let name = NAMES.get(usize::from(self.0)).copied();
        format!("CAP_{}", name.unwrap_or_default())
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

impl FromStr for Capability {
    type Err = UnknownCapability;

    /// Takes names in any case, with and without `CAP_`.
    fn from_str(text: &str) -> Result<Self, UnknownCapability> {
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("CAP_").unwrap_or(&upper);
        let number = NAMES.iter().position(|known| *known == name);
        let number = number.and_then(|number| u8::try_from(number).ok());
        number.map(Self).ok_or_else(|| UnknownCapability {
            name: text.to_owned(),
        })
    }
}

/// A set of capabilities, one bit for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CapabilitySet(u64);

impl CapabilitySet {
    /// None.
    pub const EMPTY: Self = Self(0);
    /// Every one that has a name: what `--privileged` asks for.
    pub const ALL: Self = Self((1 << NAMES.len()) - 1);

    /// Docker's default set.
    pub fn docker_default() -> Self {
        let known = DEFAULTS.iter().filter_map(|name| name.parse().ok());
        known.collect()
    }

    /// From the kernel's bits, those without a name included.
    pub fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The kernel's bits.
    pub fn bits(self) -> u64 {
        self.0
    }

    /// Whether `capability` is in it.
    pub fn has(self, capability: Capability) -> bool {
        self.0 & (1 << capability.0) != 0
    }

    /// Those in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those of this set that are not in `other`.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Docker's rule for `--cap-add` and `--cap-drop` (moby, `oci/caps/utils.go`): `ALL` in what is added starts from all, `ALL` in what
    /// is dropped from none; then the one is taken away and the other given.
    pub fn adjusted<'a>(
        self,
        add: impl IntoIterator<Item = &'a str>,
        drop: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, UnknownCapability> {
        let (add, every_added) = named(add)?;
        let (drop, every_dropped) = named(drop)?;
        let base = match (every_added, every_dropped) {
            (true, _) => Self::ALL,
            (false, true) => return Ok(add),
            (false, false) => Self(self.0 | add.0),
        };
        Ok(base.without(drop))
    }

    /// The members, in the order of their numbers.
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        (0..64)
            .filter(move |number| self.0 & (1 << number) != 0)
            .map(Capability)
    }
}

impl FromIterator<Capability> for CapabilitySet {
    fn from_iter<I: IntoIterator<Item = Capability>>(capabilities: I) -> Self {
        let bits = capabilities.into_iter().map(|one| 1 << one.0);
        Self(bits.fold(0, |all, bit: u64| all | bit))
    }
}

/// The set of those names, and whether `ALL` is among them.
fn named<'a>(
    names: impl IntoIterator<Item = &'a str>,
) -> Result<(CapabilitySet, bool), UnknownCapability> {
    let (mut set, mut every) = (CapabilitySet::EMPTY, false);
    for name in names {
        if name.eq_ignore_ascii_case("ALL") || name.eq_ignore_ascii_case("CAP_ALL") {
            every = true;
        } else {
            set = CapabilitySet(set.0 | (1 << name.parse::<Capability>()?.0));
        }
    }
    Ok((set, every))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_set_is_dockers() {
        // As `docker run busybox grep CapEff /proc/self/status` shows it.
        assert_eq!(CapabilitySet::docker_default().bits(), 0xa804_25fb);
    }

    #[test]
    fn names_are_read_in_every_form() {
        for text in ["SYS_ADMIN", "cap_sys_admin", "CAP_SYS_ADMIN"] {
            assert_eq!(text.parse::<Capability>().unwrap().name(), "CAP_SYS_ADMIN");
        }
        let error = "CAP_NONSENSE".parse::<Capability>().unwrap_err();
        assert_eq!(error.to_string(), "invalid capability: \"CAP_NONSENSE\"");
    }

    #[test]
    fn added_and_dropped() {
        let default = CapabilitySet::docker_default();
        let set = |names: &[&str]| named(names.iter().copied()).unwrap().0;
        let cases: [(&[&str], &[&str], CapabilitySet); 7] = [
            (&[], &[], default),
            (
                &["SYS_ADMIN"],
                &[],
                CapabilitySet(default.0 | set(&["SYS_ADMIN"]).0),
            ),
            (&[], &["CHOWN"], default.without(set(&["CHOWN"]))),
            (&[], &["ALL"], CapabilitySet::EMPTY),
            (&["CHOWN"], &["all"], set(&["CHOWN"])),
            (
                &["ALL"],
                &["MKNOD"],
                CapabilitySet::ALL.without(set(&["MKNOD"])),
            ),
            (&["ALL"], &[], CapabilitySet::ALL),
        ];
        for (add, drop, expected) in cases {
            let adjusted = default.adjusted(add.iter().copied(), drop.iter().copied());
            assert_eq!(adjusted.unwrap(), expected, "+{add:?} -{drop:?}");
        }
        assert!(default.adjusted(["X"], []).is_err());
    }
}
