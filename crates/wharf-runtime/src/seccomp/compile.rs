//! From a profile to decisions: for each architecture, which range of numbers gets what.

use std::collections::HashMap;

use super::SeccompProgram;
use super::action::{Action, Condition};
use super::assemble;
use super::numbers;
use super::profile::{KernelVersion, Rule, SeccompProfile};
use crate::CapabilitySet;

/// An architecture whose calls have numbers here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Architecture {
    /// 64-bit x86. Calls of the x32 ABI, which share its mark, are "not known" under every profile: distributions leave it out.
    X86_64,
    /// 32-bit x86, as 64-bit kernels run it.
    X86,
    /// 64-bit Arm.
    Aarch64,
    /// 32-bit Arm, as 64-bit kernels run it.
    Arm,
}

/// What a profile is translated for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    /// That of the kernel.
    pub architecture: Architecture,
    /// Its version.
    pub kernel: KernelVersion,
}

/// A profile that cannot be translated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// More than the kernel takes.
    #[error(
        "the seccomp profile needs {instructions} instructions, and the kernel takes {limit}: give it fewer rules with arguments"
    )]
    TooLong {
        /// How many it would be.
        instructions: usize,
        /// How many may be.
        limit: usize,
    },
    /// A machine whose system calls are not written down here.
    #[error(
        "there is no table of system calls for this machine ({machine}): use --security-opt seccomp=unconfined"
    )]
    NoTable {
        /// What it calls itself.
        machine: String,
    },
}

/// What happens to the numbers from `first` on, to where the next range begins.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Range<'a> {
    pub(super) first: u32,
    pub(super) verdict: Verdict<'a>,
}

/// What happens to a call: the first alternative whose conditions all hold, otherwise the last word.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Verdict<'a> {
    pub(super) alternatives: Vec<(&'a [Condition], Action)>,
    pub(super) otherwise: Action,
}

/// From here on x86-64's numbers are those of the x32 ABI.
const X32: u32 = 0x4000_0000;

/// Arm's private calls begin behind this.
const COMMON_NUMBERS: u32 = 0xffff;

impl Architecture {
    /// Its mark in what a filter sees (`AUDIT_ARCH_*` of linux/audit.h).
    pub(super) fn audit_value(self) -> u32 {
        match self {
            Self::X86_64 => 0xc000_003e,
            Self::X86 => 0x4000_0003,
            Self::Aarch64 => 0xc000_00b7,
            Self::Arm => 0x4000_0028,
        }
    }

    /// Go's name, by which profiles include and exclude.
    pub(super) fn go_name(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::X86 => "386",
            Self::Aarch64 => "arm64",
            Self::Arm => "arm",
        }
    }

    /// Whether a kernel of the architecture `native` runs its programs.
    pub(super) fn runs_on(self, native: Self) -> bool {
        let pair = (self, native);
        self == native || matches!(pair, (Self::X86, Self::X86_64) | (Self::Arm, Self::Aarch64))
    }

    /// That with this mark.
    fn of_audit_value(value: u32) -> Option<Self> {
        let all = [Self::X86_64, Self::X86, Self::Aarch64, Self::Arm];
        all.into_iter().find(|one| one.audit_value() == value)
    }

    fn numbers(self) -> &'static str {
        match self {
            Self::X86_64 => numbers::X86_64,
            Self::X86 => numbers::X86,
            Self::Aarch64 => numbers::AARCH64,
            Self::Arm => numbers::ARM,
        }
    }
}

impl Machine {
    /// The machine this runs on.
    pub fn this() -> Result<Self, CompileError> {
        let name = rustix::system::uname();
        let machine = name.machine().to_string_lossy();
        let architecture = match &*machine {
            "x86_64" => Architecture::X86_64,
            "aarch64" => Architecture::Aarch64,
            _ => {
                return Err(CompileError::NoTable {
                    machine: machine.into_owned(),
                });
            }
        };
        let release = name.release().to_string_lossy();
        // A kernel with another form of version is newer than what anybody asks for.
        let kernel = release.parse().unwrap_or(KernelVersion {
            major: u32::MAX,
            minor: 0,
        });
        Ok(Self {
            architecture,
            kernel,
        })
    }
}

/// The name of a call, by what a filter sees of it.
pub(crate) fn call_name(audit_value: u32, number: u32) -> Option<(Architecture, &'static str)> {
    let architecture = Architecture::of_audit_value(audit_value)?;
    let mut all = numbers::numbered(architecture.numbers());
    let found = all.find(|(known, _)| *known == number);
    found.map(|(_, name)| (architecture, name))
}

/// The whole translation.
pub(super) fn program(
    profile: &SeccompProfile,
    capabilities: CapabilitySet,
    machine: Machine,
) -> Result<SeccompProgram, CompileError> {
    let rules = profile.rules.iter();
    let rules: Vec<&Rule> = rules
        .filter(|rule| rule.is_for(capabilities, machine))
        .collect();
    let verdicts = by_name(&rules, profile.default);
    let architectures = profile.architectures_on(machine.architecture);
    let sections: Vec<_> = architectures
        .into_iter()
        .map(|architecture| {
            (
                architecture,
                ranges(architecture, &verdicts, profile.default),
            )
        })
        .collect();
    assemble::program(&sections, profile.flags)
}

/// What happens to each name that has a rule. As libseccomp has it, a rule without conditions hides those with, and among several
/// the first counts; as runc has it, a rule that says what happens anyway is as good as none.
fn by_name<'a>(rules: &[&'a Rule], default: Action) -> HashMap<&'a str, Verdict<'a>> {
    let names = rules.iter().map(|rule| rule.names.len()).sum();
    let mut verdicts: HashMap<&str, (Verdict<'a>, bool)> = HashMap::with_capacity(names);
    for rule in rules {
        for name in &rule.names {
            let fresh = || {
                let verdict = Verdict {
                    alternatives: Vec::new(),
                    otherwise: default,
                };
                (verdict, false)
            };
            let (verdict, settled) = verdicts.entry(name).or_insert_with(fresh);
            if rule.action == default || *settled {
                continue;
            }
            if rule.conditions.is_empty() {
                verdict.alternatives.clear();
                verdict.otherwise = rule.action;
                *settled = true;
            } else {
                let alternatives = rule.alternatives().into_iter();
                verdict
                    .alternatives
                    .extend(alternatives.map(|conditions| (conditions, rule.action)));
            }
        }
    }
    let verdicts = verdicts.into_iter();
    verdicts
        .map(|(name, (verdict, _))| (name, verdict))
        .collect()
}

/// The ranges of an architecture, from 0 on. Numbers behind the last that the profile names are of kernels that are newer than the
/// profile: they are "not known", so that programs fall back, unless the profile lets pass what it does not name.
fn ranges<'a>(
    architecture: Architecture,
    verdicts: &HashMap<&str, Verdict<'a>>,
    default: Action,
) -> Vec<Range<'a>> {
    let mut ranges = Vec::new();
    let unknown = if default.lets_through() {
        default
    } else {
        Action::NOT_KNOWN
    };
    let mut next = 0;
    for (number, name) in numbers::numbered(architecture.numbers()) {
        let Some(verdict) = verdicts.get(name) else {
            continue;
        };
        if number > next {
            let private = number > COMMON_NUMBERS;
            let between = if private { unknown } else { default };
            push(&mut ranges, next, plain(between));
        }
        push(&mut ranges, number, verdict.clone());
        next = number + 1;
    }
    // A profile that names nothing says nothing of kernels either.
    let behind = if next == 0 { default } else { unknown };
    push(&mut ranges, next, plain(behind));
    if architecture == Architecture::X86_64 {
        push(&mut ranges, X32, plain(Action::NOT_KNOWN));
    }
    ranges
}

fn plain(action: Action) -> Verdict<'static> {
    Verdict {
        alternatives: Vec::new(),
        otherwise: action,
    }
}

/// Adds a range, or lets the one before go on if the same happens there.
fn push<'a>(ranges: &mut Vec<Range<'a>>, first: u32, verdict: Verdict<'a>) {
    if ranges.last().is_none_or(|last| last.verdict != verdict) {
        ranges.push(Range { first, verdict });
    }
}
