//! A profile: rules by name, which hold on some architectures, kernels and with some capabilities.

use std::borrow::Cow;
use std::str::FromStr;

use super::action::{Action, Condition};
use super::compile::{self, Architecture, CompileError, Machine};
use super::read::{self, ProfileError};
use super::{SeccompProgram, docker};
use crate::CapabilitySet;

/// Which system calls may be made: Docker's default, or what `--security-opt seccomp=FILE` names. `unconfined` is no profile at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeccompProfile {
    /// What happens to calls without a rule.
    pub(super) default: Action,
    /// Which architectures' calls are looked at beside the machine's own; all others kill. An entry with a first part is for
    /// machines of that architecture only.
    pub(super) architectures: Vec<(Option<Architecture>, Vec<Architecture>)>,
    /// Flags of seccomp(2).
    pub(super) flags: u32,
    pub(super) rules: Vec<Rule>,
}

/// What happens to some calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    /// The kernel's names; one that an architecture does not have means nothing there.
    pub(super) names: Vec<Cow<'static, str>>,
    pub(super) action: Action,
    /// All must hold; but if two look at the same argument, one of all is enough, as runc has it.
    pub(super) conditions: Vec<Condition>,
    /// The rule is there only if all of this is so.
    pub(super) includes: Filter,
    /// The rule is not there if any of this is so.
    pub(super) excludes: Filter,
}

/// On which machines and for which containers a rule is there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Filter {
    /// Go's names: `amd64`, `arm64`.
    pub(super) architectures: Vec<Cow<'static, str>>,
    /// The container's capabilities.
    pub(super) capabilities: CapabilitySet,
    /// Whether it names a capability that this version does not know, which nobody has.
    pub(super) unknown_capability: bool,
    pub(super) minimum_kernel: Option<KernelVersion>,
}

/// A version of the kernel, its first two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KernelVersion {
    /// 6 of 6.18.
    pub major: u32,
    /// 18 of 6.18.
    pub minor: u32,
}

/// A text that no kernel has for its version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("kernel version {text:?} is not of the form `major.minor`")]
pub struct KernelVersionError {
    /// As it was given.
    pub text: String,
}

impl SeccompProfile {
    /// Docker's default profile (moby, `profiles/seccomp/default.json`), as of moby/profiles in June 2026.
    pub fn docker_default() -> Self {
        docker::profile()
    }

    /// Allows everything, but asks for the calls `asked`, and answers 0 for the calls `done` without doing anything.
    pub(crate) fn asking(asked: &'static str, done: &'static str) -> Self {
        let rule = |names: &'static str, action| Rule {
            names: names.split_ascii_whitespace().map(Into::into).collect(),
            action,
            conditions: Vec::new(),
            includes: Filter::default(),
            excludes: Filter::default(),
        };
        Self {
            default: Action::Allow,
            architectures: docker::beside(),
            flags: 0,
            rules: vec![rule(asked, Action::Ask), rule(done, Action::Errno(0))],
        }
    }

    /// Reads a profile in Docker's form. It may have 1 MiB, 4,096 rules and 1,024 names a rule.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ProfileError> {
        read::profile(bytes)
    }

    /// Translates it for this machine and a container with those capabilities (its bounding set, as Docker does it).
    pub fn compile(&self, capabilities: CapabilitySet) -> Result<SeccompProgram, CompileError> {
        self.compile_for(capabilities, Machine::this()?)
    }

    /// Translates it for another machine.
    pub fn compile_for(
        &self,
        capabilities: CapabilitySet,
        machine: Machine,
    ) -> Result<SeccompProgram, CompileError> {
        compile::program(self, capabilities, machine)
    }

    /// The architectures whose calls are looked at on a machine of the architecture `native`, which is the first of them.
    pub(super) fn architectures_on(&self, native: Architecture) -> Vec<Architecture> {
        let mut all = vec![native];
        let held = self.architectures.iter();
        let held = held.filter(|(of, _)| of.is_none_or(|of| of == native));
        for architecture in held.flat_map(|(_, beside)| beside) {
            if !all.contains(architecture) && architecture.runs_on(native) {
                all.push(*architecture);
            }
        }
        all
    }
}

impl Rule {
    /// Whether the rule is there for a container with those capabilities on that machine (moby, `profiles/seccomp/seccomp_linux.go`).
    pub(super) fn is_for(&self, capabilities: CapabilitySet, machine: Machine) -> bool {
        let name = machine.architecture.go_name();
        let newer = |filter: &Filter| filter.minimum_kernel.map(|least| machine.kernel >= least);
        let names = |filter: &Filter| filter.architectures.iter().any(|one| one == name);
        let (includes, excludes) = (&self.includes, &self.excludes);
        let excluded = names(excludes)
            || excludes.capabilities.and(capabilities) != CapabilitySet::EMPTY
            || newer(excludes) == Some(true);
        let included = (includes.architectures.is_empty() || names(includes))
            && includes.capabilities.without(capabilities) == CapabilitySet::EMPTY
            && !includes.unknown_capability
            && newer(includes) != Some(false);
        included && !excluded
    }

    /// Its conditions as alternatives, each of which is a list that must hold as a whole.
    pub(super) fn alternatives(&self) -> Vec<&[Condition]> {
        let mut seen = [false; 256];
        let twice = self.conditions.iter().any(|condition| {
            let place = seen.get_mut(usize::from(condition.argument));
            place.is_some_and(|seen| std::mem::replace(seen, true))
        });
        if twice {
            self.conditions.chunks(1).collect()
        } else {
            vec![&self.conditions]
        }
    }
}

impl FromStr for KernelVersion {
    type Err = KernelVersionError;

    /// Takes what `uname -r` says, too: what follows the second number is left out.
    fn from_str(text: &str) -> Result<Self, KernelVersionError> {
        let parsed = || {
            let (major, rest) = text.split_once('.')?;
            let end = rest.find(|next: char| !next.is_ascii_digit());
            let minor = end.map_or(Some(rest), |end| rest.get(..end))?;
            Some(Self {
                major: major.parse().ok()?,
                minor: minor.parse().ok()?,
            })
        };
        parsed().ok_or_else(|| KernelVersionError {
            text: text.to_owned(),
        })
    }
}
