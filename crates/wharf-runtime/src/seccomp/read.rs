//! Profiles of users, in Docker's JSON.

use std::borrow::Cow;

use serde::Deserialize;

use super::action::{Action, Comparison, Condition};
use super::compile::Architecture;
use super::docker::DEFAULT_FLAGS;
use super::profile::{Filter, KernelVersionError, Rule, SeccompProfile};
use crate::{Capability, CapabilitySet};

/// A profile that cannot be used. Each names the place in it.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// A document that nobody wrote by hand.
    #[error("the seccomp profile has {bytes} bytes, more than {limit}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// No JSON, or something of another type than it should be.
    #[error("the seccomp profile is no profile in Docker's form: {source}")]
    Json {
        /// Where and why.
        #[from]
        source: serde_json::Error,
    },
    /// A field with a value that means nothing.
    #[error("the seccomp profile's {field}: {problem}")]
    Field {
        /// Its path: `syscalls[3].args[0].op`.
        field: String,
        /// What is wrong, and what could stand there.
        problem: String,
    },
}

const BYTES_LIMIT: usize = 1 << 20;
const RULES_LIMIT: usize = 4096;
const NAMES_LIMIT: usize = 1024;
const ARGUMENTS_LIMIT: usize = 64;
/// The highest number that the kernel hands on to a program (`MAX_ERRNO`).
const ERRNO_LIMIT: u64 = 4095;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    default_action: Option<String>,
    default_errno_ret: Option<u64>,
    architectures: Option<Vec<String>>,
    arch_map: Option<Vec<Mapped>>,
    flags: Option<Vec<String>>,
    listener_path: Option<String>,
    syscalls: Option<Vec<Call>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mapped {
    architecture: String,
    sub_architectures: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Call {
    name: Option<String>,
    names: Option<Vec<String>>,
    action: Option<String>,
    errno_ret: Option<u64>,
    args: Option<Vec<Argument>>,
    includes: Option<Limits>,
    excludes: Option<Limits>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Argument {
    index: u64,
    value: u64,
    #[serde(default)]
    value_two: u64,
    op: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Limits {
    caps: Option<Vec<String>>,
    arches: Option<Vec<String>>,
    min_kernel: Option<String>,
}

/// Reads a whole profile.
pub(super) fn profile(bytes: &[u8]) -> Result<SeccompProfile, ProfileError> {
    if bytes.len() > BYTES_LIMIT {
        return Err(ProfileError::TooLarge {
            bytes: bytes.len(),
            limit: BYTES_LIMIT,
        });
    }
    let document: Document = serde_json::from_slice(bytes)?;
    if document.listener_path.is_some_and(|path| !path.is_empty()) {
        return Err(wrong(
            "listenerPath",
            "calls cannot be answered by another program",
        ));
    }
    let default = document.default_action.as_deref();
    let default = action("defaultAction", default, document.default_errno_ret)?;
    let calls = document.syscalls.unwrap_or_default();
    limit("syscalls", calls.len(), RULES_LIMIT)?;
    let rules = calls.into_iter().enumerate();
    let rules: Result<_, _> = rules
        .map(|(place, call)| rule(&format!("syscalls[{place}]"), call))
        .collect();
    Ok(SeccompProfile {
        default,
        architectures: architectures(document.architectures, document.arch_map)?,
        flags: flags(document.flags)?,
        rules: rules?,
    })
}

fn rule(field: &str, call: Call) -> Result<Rule, ProfileError> {
    let names = match (call.name.filter(|name| !name.is_empty()), call.names) {
        (Some(_), Some(names)) if !names.is_empty() => {
            let problem = "both `name` and `names` are given, use either";
            return Err(wrong(field, problem));
        }
        (Some(name), _) => vec![name],
        (None, names) => names.unwrap_or_default(),
    };
    limit(&format!("{field}.names"), names.len(), NAMES_LIMIT)?;
    let arguments = call.args.unwrap_or_default();
    limit(&format!("{field}.args"), arguments.len(), ARGUMENTS_LIMIT)?;
    let conditions = arguments.iter().enumerate();
    let conditions: Result<_, _> = conditions
        .map(|(place, argument)| condition(&format!("{field}.args[{place}]"), argument))
        .collect();
    let action_field = format!("{field}.action");
    Ok(Rule {
        names: names.into_iter().map(Cow::Owned).collect(),
        action: action(&action_field, call.action.as_deref(), call.errno_ret)?,
        conditions: conditions?,
        includes: filter(&format!("{field}.includes"), call.includes)?,
        excludes: filter(&format!("{field}.excludes"), call.excludes)?,
    })
}

fn action(field: &str, name: Option<&str>, number: Option<u64>) -> Result<Action, ProfileError> {
    let number = number.unwrap_or(1);
    let number = match u16::try_from(number) {
        Ok(small) if number <= ERRNO_LIMIT => small,
        _ => {
            let problem = format!("error number {number} is greater than {ERRNO_LIMIT}");
            return Err(wrong(field, problem));
        }
    };
    match name {
        Some("SCMP_ACT_KILL" | "SCMP_ACT_KILL_THREAD") => Ok(Action::KillThread),
        Some("SCMP_ACT_KILL_PROCESS") => Ok(Action::KillProcess),
        Some("SCMP_ACT_TRAP") => Ok(Action::Trap),
        Some("SCMP_ACT_ERRNO") => Ok(Action::Errno(number)),
        Some("SCMP_ACT_TRACE") => Ok(Action::Trace(number)),
        Some("SCMP_ACT_ALLOW") => Ok(Action::Allow),
        Some("SCMP_ACT_LOG") => Ok(Action::Log),
        Some("SCMP_ACT_NOTIFY") => Err(wrong(
            field,
            "SCMP_ACT_NOTIFY: calls cannot be answered by another program",
        )),
        Some(other) => Err(wrong(
            field,
            format!(
                "unknown action {other:?}: it can be SCMP_ACT_ALLOW, ERRNO, KILL, KILL_PROCESS, KILL_THREAD, LOG, TRACE, TRAP"
            ),
        )),
        None => Err(wrong(field, "missing")),
    }
}

fn condition(field: &str, argument: &Argument) -> Result<Condition, ProfileError> {
    let index = match u8::try_from(argument.index) {
        Ok(index) if index < 6 => index,
        _ => {
            let problem = format!("{} is no argument: they are 0 to 5", argument.index);
            return Err(wrong(&format!("{field}.index"), problem));
        }
    };
    let value = argument.value;
    let comparison = match argument.op.as_str() {
        "SCMP_CMP_NE" => Comparison::Ne(value),
        "SCMP_CMP_LT" => Comparison::Lt(value),
        "SCMP_CMP_LE" => Comparison::Le(value),
        "SCMP_CMP_EQ" => Comparison::Eq(value),
        "SCMP_CMP_GE" => Comparison::Ge(value),
        "SCMP_CMP_GT" => Comparison::Gt(value),
        "SCMP_CMP_MASKED_EQ" => Comparison::MaskedEq {
            mask: value,
            value: argument.value_two,
        },
        other => {
            let problem = format!(
                "unknown comparison {other:?}: it can be SCMP_CMP_NE, LT, LE, EQ, GE, GT, MASKED_EQ"
            );
            return Err(wrong(&format!("{field}.op"), problem));
        }
    };
    Ok(Condition {
        argument: index,
        comparison,
    })
}

fn filter(field: &str, limits: Option<Limits>) -> Result<Filter, ProfileError> {
    let Some(limits) = limits else {
        return Ok(Filter::default());
    };
    let caps = limits.caps.unwrap_or_default();
    let known: Vec<Option<Capability>> = caps.iter().map(|name| name.parse().ok()).collect();
    let minimum_kernel = match limits.min_kernel.filter(|text| !text.is_empty()) {
        None => None,
        Some(text) => {
            let version = text.parse();
            let field = format!("{field}.minKernel");
            Some(
                version
                    .map_err(|problem: KernelVersionError| wrong(&field, problem.to_string()))?,
            )
        }
    };
    let architectures = limits.arches.unwrap_or_default();
    Ok(Filter {
        architectures: architectures.into_iter().map(Cow::Owned).collect(),
        capabilities: known.iter().flatten().copied().collect::<CapabilitySet>(),
        unknown_capability: known.contains(&None),
        minimum_kernel,
    })
}

type Architectures = Vec<(Option<Architecture>, Vec<Architecture>)>;

fn architectures(
    listed: Option<Vec<String>>,
    mapped: Option<Vec<Mapped>>,
) -> Result<Architectures, ProfileError> {
    let (listed, mapped) = (listed.unwrap_or_default(), mapped.unwrap_or_default());
    if !listed.is_empty() && !mapped.is_empty() {
        return Err(wrong(
            "architectures",
            "`archMap` is given as well, use either",
        ));
    }
    let mut all = vec![(None, each("architectures", &listed)?)];
    for (place, mapped) in mapped.iter().enumerate() {
        let field = format!("archMap[{place}]");
        let Some(of) = architecture(&format!("{field}.architecture"), &mapped.architecture)? else {
            continue;
        };
        let beside = mapped.sub_architectures.as_deref().unwrap_or_default();
        all.push((
            Some(of),
            each(&format!("{field}.subArchitectures"), beside)?,
        ));
    }
    Ok(all)
}

fn each(field: &str, names: &[String]) -> Result<Vec<Architecture>, ProfileError> {
    let mut all = Vec::new();
    for (place, name) in names.iter().enumerate() {
        all.extend(architecture(&format!("{field}[{place}]"), name)?);
    }
    Ok(all)
}

/// Nothing for one that this machine cannot be.
fn architecture(field: &str, name: &str) -> Result<Option<Architecture>, ProfileError> {
    const OTHERS: &str = "X32 MIPS MIPS64 MIPS64N32 MIPSEL MIPSEL64 MIPSEL64N32 PPC PPC64 PPC64LE S390 S390X PARISC PARISC64 RISCV64 LOONGARCH64 M68K SH SHEB";
    match name.strip_prefix("SCMP_ARCH_") {
        Some("X86_64") => Ok(Some(Architecture::X86_64)),
        Some("X86") => Ok(Some(Architecture::X86)),
        Some("AARCH64") => Ok(Some(Architecture::Aarch64)),
        Some("ARM") => Ok(Some(Architecture::Arm)),
        Some(other) if OTHERS.split(' ').any(|known| known == other) => Ok(None),
        _ => Err(wrong(
            field,
            format!("unknown architecture {name:?}: it should be like SCMP_ARCH_X86_64"),
        )),
    }
}

fn flags(names: Option<Vec<String>>) -> Result<u32, ProfileError> {
    let Some(names) = names else {
        return Ok(DEFAULT_FLAGS);
    };
    let mut flags = 0;
    for (place, name) in names.iter().enumerate() {
        // linux/seccomp.h
        flags |= match name.as_str() {
            "SECCOMP_FILTER_FLAG_TSYNC" => 1 << 0,
            "SECCOMP_FILTER_FLAG_LOG" => 1 << 1,
            "SECCOMP_FILTER_FLAG_SPEC_ALLOW" => 1 << 2,
            other => {
                let problem = format!("unknown flag {other:?}");
                return Err(wrong(&format!("flags[{place}]"), problem));
            }
        };
    }
    Ok(flags)
}

fn limit(field: &str, length: usize, limit: usize) -> Result<(), ProfileError> {
    if length > limit {
        let problem = format!("{length} entries, more than {limit}");
        return Err(wrong(field, problem));
    }
    Ok(())
}

fn wrong(field: &str, problem: impl Into<String>) -> ProfileError {
    ProfileError::Field {
        field: field.to_owned(),
        problem: problem.into(),
    }
}
