//! What the filters answer, by the interpreter.

use proptest::prelude::*;

use super::action::{Action, Comparison, Condition};
use super::compile::{Architecture, Machine};
use super::interpreter::{Call, run};
use super::numbers;
use super::profile::{Filter, KernelVersion, Rule, SeccompProfile};
use crate::CapabilitySet;

const ALLOW: u32 = 0x7fff_0000;
const EPERM: u32 = 0x0005_0001;
const ENOSYS: u32 = 0x0005_0026;
const KILL: u32 = 0;

fn machine(architecture: Architecture) -> Machine {
    Machine {
        architecture,
        kernel: KernelVersion {
            major: 6,
            minor: 18,
        },
    }
}

fn caps(names: &str) -> CapabilitySet {
    let names = names.split_whitespace();
    names.map(|name| name.parse().unwrap()).collect()
}

fn number(architecture: Architecture, name: &str) -> u32 {
    let table = match architecture {
        Architecture::X86_64 => numbers::X86_64,
        Architecture::X86 => numbers::X86,
        Architecture::Aarch64 => numbers::AARCH64,
        Architecture::Arm => numbers::ARM,
    };
    let mut all = numbers::numbered(table);
    let found = all.find(|(_, known)| *known == name);
    found.unwrap_or_else(|| panic!("no {name}")).0
}

// What a 64-bit process of x86 gets under the default profile: name, first argument, capabilities, answer.
#[test]
fn the_default_profile_on_x86_64() {
    let default = "CHOWN SYS_CHROOT MKNOD";
    let cases: [(&str, u64, &str, u32); 46] = [
        ("read", 0, default, ALLOW),
        ("openat", 0, "", ALLOW),
        ("execve", 0, "", ALLOW),
        ("seccomp", 0, "", ALLOW),
        ("mknod", 0, "", ALLOW),
        ("ptrace", 0, "", ALLOW),
        ("arch_prctl", 0, "", ALLOW),
        ("modify_ldt", 0, "", ALLOW),
        ("mseal", 0, "", ALLOW),
        ("fchmodat2", 0, "", ALLOW),
        ("statmount", 0, "", ALLOW),
        ("removexattrat", 0, "", ALLOW),
        // newer than the profile
        ("open_tree_attr", 0, "", ENOSYS),
        ("file_setattr", 0, "SYS_ADMIN", ENOSYS),
        ("mount", 0, default, EPERM),
        ("mount", 0, "SYS_ADMIN", ALLOW),
        ("umount2", 0, default, EPERM),
        ("unshare", 0, default, EPERM),
        ("setns", 0, default, EPERM),
        ("pivot_root", 0, "SYS_ADMIN", EPERM),
        ("keyctl", 0, "SYS_ADMIN", EPERM),
        ("add_key", 0, default, EPERM),
        ("io_uring_setup", 0, default, EPERM),
        ("kexec_load", 0, "SYS_BOOT", EPERM),
        ("userfaultfd", 0, default, EPERM),
        ("swapon", 0, "SYS_ADMIN", EPERM),
        ("reboot", 0, default, EPERM),
        ("reboot", 0, "SYS_BOOT", ALLOW),
        ("chroot", 0, default, ALLOW),
        ("chroot", 0, "", EPERM),
        ("bpf", 0, "BPF", ALLOW),
        ("bpf", 0, default, EPERM),
        ("syslog", 0, "SYSLOG", ALLOW),
        ("clone", 0x11, default, ALLOW),
        ("clone", 0x1000_0011, default, EPERM),
        ("clone", 0x0002_0000, default, EPERM),
        ("clone", 0x1000_0011, "SYS_ADMIN", ALLOW),
        ("clone3", 0, default, ENOSYS),
        ("clone3", 0, "SYS_ADMIN", ALLOW),
        ("socket", 2, default, ALLOW),
        ("socket", 38, default, EPERM),
        ("socket", 39, default, ALLOW),
        ("socket", 40, default, EPERM),
        ("socket", 41, default, ALLOW),
        ("personality", 0xffff_ffff, default, ALLOW),
        ("personality", 0x4_0000, default, EPERM),
    ];
    for (name, first, capabilities, expected) in cases {
        let program = SeccompProfile::docker_default()
            .compile_for(caps(capabilities), machine(Architecture::X86_64))
            .unwrap();
        let call = Call {
            architecture: 0xc000_003e,
            number: number(Architecture::X86_64, name),
            arguments: [first, 0, 0, 0, 0, 0],
        };
        let answer = run(program.instructions(), &call);
        assert_eq!(
            answer, expected,
            "{name}({first:#x}) with {capabilities:?}: {answer:#x}"
        );
    }
}

// The same machine's other kinds of calls, and another machine.
#[test]
fn the_default_profile_elsewhere() {
    let (x86_64, arm64) = (Architecture::X86_64, Architecture::Aarch64);
    let cases = [
        // i386: write, mount, socketcall, clock_gettime64, newest, private
        (x86_64, 0x4000_0003, 4, ALLOW),
        (x86_64, 0x4000_0003, 21, EPERM),
        (x86_64, 0x4000_0003, 102, ALLOW),
        (x86_64, 0x4000_0003, 403, ALLOW),
        (x86_64, 0x4000_0003, 467, ENOSYS),
        // x32, and an architecture that the machine is not
        (x86_64, 0xc000_003e, 0x4000_0001, ENOSYS),
        (x86_64, 0xc000_00b7, 64, KILL),
        (x86_64, 0x4000_0028, 4, KILL),
        // no such number: 340 is before the last, u32::MAX behind
        (x86_64, 0xc000_003e, 340, EPERM),
        (x86_64, 0xc000_003e, u32::MAX, ENOSYS),
        // arm64: write, newfstatat, mount; arm: write, breakpoint, cacheflush, usr26, set_tls, wide gap
        (arm64, 0xc000_00b7, 64, ALLOW),
        (arm64, 0xc000_00b7, 79, ALLOW),
        (arm64, 0xc000_00b7, 40, EPERM),
        (arm64, 0xc000_003e, 1, KILL),
        (arm64, 0x4000_0028, 4, ALLOW),
        (arm64, 0x4000_0028, 0x000f_0001, ALLOW),
        (arm64, 0x4000_0028, 0x000f_0002, ALLOW),
        (arm64, 0x4000_0028, 0x000f_0003, ENOSYS),
        (arm64, 0x4000_0028, 0x000f_0005, ALLOW),
        (arm64, 0x4000_0028, 0x000e_ffff, ENOSYS),
        (arm64, 0x4000_0028, 0x000f_0007, ENOSYS),
    ];
    for (native, architecture, number, expected) in cases {
        let program = SeccompProfile::docker_default()
            .compile_for(CapabilitySet::EMPTY, machine(native))
            .unwrap();
        let call = Call {
            architecture,
            number,
            arguments: [0; 6],
        };
        let answer = run(program.instructions(), &call);
        assert_eq!(
            answer, expected,
            "{native:?} {architecture:#x} {number}: {answer:#x}"
        );
    }
}

#[test]
fn a_name_stands_in_a_table_once() {
    for table in [
        numbers::X86_64,
        numbers::X86,
        numbers::AARCH64,
        numbers::ARM,
    ] {
        let all: Vec<_> = numbers::numbered(table).collect();
        assert!(all.windows(2).all(|pair| pair[0].0 < pair[1].0));
        let names: std::collections::HashSet<_> = all.iter().map(|(_, name)| name).collect();
        assert_eq!(names.len(), all.len());
    }
}

// Every name of the default profile is a call of some architecture: a typing error would be silence.
#[test]
fn the_default_profile_names_what_exists() {
    let tables = [
        numbers::X86_64,
        numbers::X86,
        numbers::AARCH64,
        numbers::ARM,
    ];
    let known: std::collections::HashSet<_> = tables
        .into_iter()
        .flat_map(numbers::numbered)
        .map(|(_, name)| name)
        .collect();
    for rule in SeccompProfile::docker_default().rules {
        for name in rule.names {
            // arm's other name of arm_sync_file_range
            assert!(
                known.contains(&*name) || name == "sync_file_range2",
                "{name}"
            );
        }
    }
}

fn answer(json: &str, capabilities: &str, name: &str, arguments: [u64; 6]) -> u32 {
    let profile = SeccompProfile::from_json(json.as_bytes()).unwrap();
    let program = profile
        .compile_for(caps(capabilities), machine(Architecture::X86_64))
        .unwrap();
    let call = Call {
        architecture: 0xc000_003e,
        number: number(Architecture::X86_64, name),
        arguments,
    };
    run(program.instructions(), &call)
}

#[test]
fn profiles_of_users() {
    // All but one: what comes later passes as well.
    let all_but = r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"name": "chmod", "action": "SCMP_ACT_ERRNO", "errnoRet": 13},
        {"names": ["mkdir"], "action": "SCMP_ACT_KILL_PROCESS"},
        {"names": ["rmdir", "a_call_of_the_future"], "action": "SCMP_ACT_TRAP"}]}"#;
    assert_eq!(answer(all_but, "", "read", [0; 6]), ALLOW);
    assert_eq!(answer(all_but, "", "chmod", [0; 6]), 0x0005_000d);
    assert_eq!(answer(all_but, "", "mkdir", [0; 6]), 0x8000_0000);
    assert_eq!(answer(all_but, "", "rmdir", [0; 6]), 0x0003_0000);
    assert_eq!(answer(all_but, "", "file_setattr", [0; 6]), ALLOW);
    // Conditions on different arguments hold together, on the same one by one.
    let conditions = r#"{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 2, "syscalls": [
        {"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [
            {"index": 0, "value": 3, "op": "SCMP_CMP_EQ"}, {"index": 2, "value": 8589934592, "op": "SCMP_CMP_GE"}]},
        {"names": ["write"], "action": "SCMP_ACT_LOG", "args": [
            {"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}, {"index": 0, "value": 2, "op": "SCMP_CMP_EQ"}]}]}"#;
    let big = 1 << 33;
    assert_eq!(answer(conditions, "", "read", [3, 0, big, 0, 0, 0]), ALLOW);
    assert_eq!(
        answer(conditions, "", "read", [3, 0, big - 1, 0, 0, 0]),
        0x0005_0002
    );
    assert_eq!(
        answer(conditions, "", "read", [4, 0, big, 0, 0, 0]),
        0x0005_0002
    );
    assert_eq!(
        answer(conditions, "", "write", [2, 0, 0, 0, 0, 0]),
        0x7ffc_0000
    );
    assert_eq!(
        answer(conditions, "", "write", [3, 0, 0, 0, 0, 0]),
        0x0005_0002
    );
    assert_eq!(answer(conditions, "", "open", [0; 6]), ENOSYS);
    // Filters of rules.
    let filters = r#"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
        {"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN", "CAP_CHOWN"]}},
        {"names": ["umount2"], "action": "SCMP_ACT_ALLOW", "excludes": {"caps": ["CAP_KILL"], "arches": ["arm64"]}},
        {"names": ["chroot"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["arm64"]}},
        {"names": ["bpf"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_OF_THE_FUTURE"]}},
        {"names": ["acct"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "6.18"}},
        {"names": ["sync"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "7.0"}},
        {"names": ["file_setattr"], "action": "SCMP_ACT_ALLOW"}]}"#;
    for (name, capabilities, expected) in [
        ("mount", "SYS_ADMIN CHOWN", ALLOW),
        ("mount", "SYS_ADMIN", EPERM),
        ("umount2", "CHOWN", ALLOW),
        ("umount2", "KILL", EPERM),
        ("chroot", "", EPERM),
        ("bpf", "BPF", EPERM),
        ("acct", "", ALLOW),
        ("sync", "", EPERM),
    ] {
        assert_eq!(
            answer(filters, capabilities, name, [0; 6]),
            expected,
            "{name}"
        );
    }
}

#[test]
fn a_profile_that_cannot_be_used_says_where() {
    let rule =
        |rule: &str| format!(r#"{{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{rule}]}}"#);
    let cases = [
        (
            "{}".to_owned(),
            "the seccomp profile's defaultAction: missing",
        ),
        (
            r#"{"defaultAction": "ALLOW"}"#.to_owned(),
            "defaultAction: unknown action \"ALLOW\"",
        ),
        (
            r#"{"defaultAction": "SCMP_ACT_NOTIFY"}"#.to_owned(),
            "defaultAction: SCMP_ACT_NOTIFY: calls cannot be answered",
        ),
        (
            rule(r#"{"names": ["read"]}"#),
            "syscalls[0].action: missing",
        ),
        (
            rule(r#"{"name": "read", "names": ["read"], "action": "SCMP_ACT_KILL"}"#),
            "syscalls[0]: both `name` and `names`",
        ),
        (
            rule(r#"{"names": [], "action": "SCMP_ACT_ERRNO", "errnoRet": 5000}"#),
            "syscalls[0].action: error number 5000",
        ),
        (
            rule(
                r#"{"action": "SCMP_ACT_KILL", "args": [{"index": 6, "value": 0, "op": "SCMP_CMP_EQ"}]}"#,
            ),
            "syscalls[0].args[0].index: 6 is no argument",
        ),
        (
            rule(r#"{"action": "SCMP_ACT_KILL", "args": [{"index": 0, "value": 0, "op": "EQ"}]}"#),
            "syscalls[0].args[0].op: unknown comparison \"EQ\"",
        ),
        (
            rule(r#"{"action": "SCMP_ACT_KILL", "includes": {"minKernel": "six"}}"#),
            "syscalls[0].includes.minKernel: kernel version \"six\"",
        ),
        (
            rule(r#"{"action": "SCMP_ACT_KILL", "args": [{"index": -1}]}"#),
            "invalid value: integer `-1`, expected u64 at line 1",
        ),
        (
            r#"{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["VAX"]}"#.to_owned(),
            "architectures[0]: unknown architecture \"VAX\"",
        ),
        (
            r#"{"defaultAction": "SCMP_ACT_ALLOW", "flags": ["X"]}"#.to_owned(),
            "flags[0]: unknown flag",
        ),
        (
            r#"{"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/run/x"}"#.to_owned(),
            "listenerPath: calls cannot",
        ),
        ("[".to_owned(), "no profile in Docker's form: EOF"),
        (
            " ".repeat((1 << 20) + 1),
            "has 1048577 bytes, more than 1048576",
        ),
    ];
    for (json, expected) in cases {
        let error = SeccompProfile::from_json(json.as_bytes()).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn what_the_kernel_would_not_take_is_an_error() {
    let conditions = (0..700).map(|value| {
        format!(r#"{{"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [{{"index": 0, "value": {value}, "op": "SCMP_CMP_GT"}}]}}"#)
    });
    let rules: Vec<String> = conditions.collect();
    let json = format!(
        r#"{{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{}]}}"#,
        rules.join(",")
    );
    let profile = SeccompProfile::from_json(json.as_bytes()).unwrap();
    let error = profile
        .compile_for(CapabilitySet::EMPTY, machine(Architecture::X86_64))
        .unwrap_err();
    assert!(
        error.to_string().contains("the kernel takes 4096"),
        "{error}"
    );
}

fn comparison() -> impl Strategy<Value = Comparison> {
    let value = prop_oneof![
        any::<u64>(),
        0..4_u64,
        Just(u64::from(u32::MAX)),
        (0..4_u64).prop_map(|high| high << 32)
    ];
    (0..7, value.clone(), value).prop_map(|(kind, value, second)| match kind {
        0 => Comparison::Ne(value),
        1 => Comparison::Lt(value),
        2 => Comparison::Le(value),
        3 => Comparison::Eq(value),
        4 => Comparison::Ge(value),
        5 => Comparison::Gt(value),
        _ => Comparison::MaskedEq {
            mask: value,
            value: second & value,
        },
    })
}

fn holds(condition: &Condition, arguments: &[u64; 6]) -> bool {
    let argument = arguments[usize::from(condition.argument)];
    match condition.comparison {
        Comparison::Ne(value) => argument != value,
        Comparison::Lt(value) => argument < value,
        Comparison::Le(value) => argument <= value,
        Comparison::Eq(value) => argument == value,
        Comparison::Ge(value) => argument >= value,
        Comparison::Gt(value) => argument > value,
        Comparison::MaskedEq { mask, value } => argument & mask == value,
    }
}

proptest! {
    // Some rules on some numbers, asked with arguments near what they compare with.
    #[test]
    fn a_filter_says_what_its_rules_say(
        rules in proptest::collection::vec(
            (0..40_u32, proptest::collection::vec((0..6_u8, comparison()), 0..4), 1..5_u16), 0..60),
        number in 0..60_u32,
        arguments in proptest::array::uniform6(prop_oneof![any::<u64>(), 0..5_u64, (0..4_u64).prop_map(|high| (high << 32) + 1)]),
        lets_through in any::<bool>(),
    ) {
        let names: Vec<&'static str> = numbers::numbered(numbers::X86_64).map(|(_, name)| name).collect();
        let default = if lets_through { Action::Allow } else { Action::Errno(99) };
        let rules: Vec<Rule> = rules.into_iter().map(|(number, conditions, errno)| Rule {
            names: vec![names[number as usize].into()],
            action: Action::Errno(errno),
            conditions: conditions.into_iter().map(|(argument, comparison)| Condition { argument, comparison }).collect(),
            includes: Filter::default(),
            excludes: Filter::default(),
        }).collect();
        let on_it: Vec<&Rule> = rules.iter().filter(|rule| rule.names[0] == names[number as usize]).collect();
        let passes = |rule: &&&Rule| rule.alternatives().iter().any(|all| all.iter().all(|one| holds(one, &arguments)));
        let settled = on_it.iter().find(|rule| rule.conditions.is_empty());
        let matching = settled.or_else(|| on_it.iter().find(passes));
        let last = rules.iter().map(|rule| super::tests::number(Architecture::X86_64, &rule.names[0])).max();
        let expected = match matching {
            Some(rule) => rule.action,
            None if !lets_through && last.is_some_and(|last| number > last) => Action::NOT_KNOWN,
            None => default,
        };
        let profile = SeccompProfile { default, architectures: Vec::new(), flags: 0, rules };
        let program = profile.compile_for(CapabilitySet::EMPTY, machine(Architecture::X86_64)).unwrap();
        let call = Call { architecture: 0xc000_003e, number, arguments };
        prop_assert_eq!(run(program.instructions(), &call), expected.value());
    }
}
