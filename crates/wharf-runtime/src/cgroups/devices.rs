//! Which device nodes a container may use: rules, as version 1 takes them and as a program for version 2.

use std::fmt;
use std::io;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::control_file;
use crate::sys::{self, DeviceInstruction};

/// Kinds of device nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceKind {
    /// Both.
    All,
    /// Character devices.
    Char,
    /// Block devices.
    Block,
}

/// One rule. The last that fits counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DeviceRule {
    /// Whether what fits may be done.
    pub allow: bool,
    /// Which kind.
    pub kind: DeviceKind,
    /// The major number; absent: every one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub major: Option<u32>,
    /// The minor number; absent: every one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minor: Option<u32>,
    /// Some of `r`, `w` and `m` (making a node).
    pub access: String,
}

/// A text that is no rule, in Docker's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid device cgroup rule format: '{text}'")]
pub struct DeviceRuleError {
    /// As it was given.
    pub text: String,
}

// linux/bpf.h
const MAKE: u8 = 1;
const READ: u8 = 2;
const WRITE: u8 = 4;
const BLOCK: i32 = 1;
const CHAR: i32 = 2;

impl DeviceRule {
    /// What Docker allows everybody (moby `oci/defaults.go`, runc `AllowedDevices`): to make any node, and to use null, zero, full,
    /// random, urandom, tty, console, ptmx and terminals.
    pub fn docker_default() -> Vec<Self> {
        const USED: [(u32, Option<u32>); 9] = [
            (1, Some(3)),
            (1, Some(5)),
            (1, Some(7)),
            (1, Some(8)),
            (1, Some(9)),
            (5, Some(0)),
            (5, Some(1)),
            (5, Some(2)),
            (136, None),
        ];
        let allow = |kind, major, minor, access: &str| Self {
            allow: true,
            kind,
            major,
            minor,
            access: access.to_owned(),
        };
        let made = [DeviceKind::Char, DeviceKind::Block];
        let made = made.into_iter().map(|kind| allow(kind, None, None, "m"));
        let used = USED.into_iter();
        let used = used.map(|(major, minor)| allow(DeviceKind::Char, Some(major), minor, "rwm"));
        made.chain(used).collect()
    }

    fn bits(&self) -> u8 {
        let bit = |letter| match letter {
            'm' => MAKE,
            'r' => READ,
            'w' => WRITE,
            _ => 0,
        };
        self.access.chars().fold(0, |all, letter| all | bit(letter))
    }
}

impl FromStr for DeviceRule {
    type Err = DeviceRuleError;

    /// `c 13:* rwm`, as `--device-cgroup-rule` takes it (docker/cli, `opts`: `^[acb] ([0-9]+|\*):([0-9]+|\*) [rwm]{1,3}$`).
    fn from_str(text: &str) -> Result<Self, DeviceRuleError> {
        let parsed = || {
            let mut words = text.split(' ');
            let kind = match words.next()? {
                "a" => DeviceKind::All,
                "b" => DeviceKind::Block,
                "c" => DeviceKind::Char,
                _ => return None,
            };
            let (major, minor) = words.next()?.split_once(':')?;
            let number = |text: &str| match text {
                "*" => Some(None),
                text if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                    text.parse().ok().map(Some)
                }
                _ => None,
            };
            let access = words.next()?;
            let letters = access.chars().all(|letter| "rwm".contains(letter));
            let good = letters && (1..=3).contains(&access.len()) && words.next().is_none();
            good.then_some(Self {
                allow: true,
                kind,
                major: number(major)?,
                minor: number(minor)?,
                access: access.to_owned(),
            })
        };
        parsed().ok_or_else(|| DeviceRuleError {
            text: text.to_owned(),
        })
    }
}

impl fmt::Display for DeviceRule {
    /// As version 1 takes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            DeviceKind::All => 'a',
            DeviceKind::Char => 'c',
            DeviceKind::Block => 'b',
        };
        let number =
            |number: Option<u32>| number.map_or("*".to_owned(), |number| number.to_string());
        let (major, minor) = (number(self.major), number(self.minor));
        write!(f, "{kind} {major}:{minor} {}", self.access)
    }
}

/// Enforces the rules in a group of version 1.
pub(super) fn write_version1(folder: &Path, rules: &[DeviceRule]) -> io::Result<()> {
    control_file::write(folder, "devices.deny", "a")?;
    for rule in rules {
        let file = if rule.allow {
            "devices.allow"
        } else {
            "devices.deny"
        };
        control_file::write(folder, file, &rule.to_string())?;
    }
    Ok(())
}

/// Enforces the rules in a group of version 2.
pub(super) fn attach_version2(folder: &Path, rules: &[DeviceRule]) -> io::Result<()> {
    sys::attach_device_program(folder, &program(rules))
}

/// A program that answers 1 for what may be done: the rules from the last to the first, and no.
fn program(rules: &[DeviceRule]) -> Vec<DeviceInstruction> {
    // The context is in register 1: access and kind in one word, major, minor.
    const LOAD: u8 = 0x61;
    const COPY: u8 = 0xbf;
    const AND: u8 = 0x57;
    const SHIFT_RIGHT: u8 = 0x77;
    const JUMP_EQUAL: u8 = 0x15;
    const JUMP_NOT_EQUAL: u8 = 0x55;
    const SET: u8 = 0xb7;
    const EXIT: u8 = 0x95;
    let op = |code, to: u8, from: u8, offset, constant| DeviceInstruction {
        code,
        registers: to | (from << 4),
        offset,
        constant,
    };
    let mut program = vec![
        op(LOAD, 2, 1, 0, 0),
        op(COPY, 3, 2, 0, 0),
        op(AND, 2, 0, 0, 0xffff),
        op(SHIFT_RIGHT, 3, 0, 0, 16),
        op(LOAD, 4, 1, 4, 0),
        op(LOAD, 5, 1, 8, 0),
    ];
    for rule in rules.iter().rev() {
        // What is asked; each jump leads to the next rule.
        let mut asked = Vec::new();
        match rule.kind {
            DeviceKind::All => {}
            DeviceKind::Char => asked.push(op(JUMP_NOT_EQUAL, 2, 0, 0, CHAR)),
            DeviceKind::Block => asked.push(op(JUMP_NOT_EQUAL, 2, 0, 0, BLOCK)),
        }
        for (register, number) in [(4, rule.major), (5, rule.minor)] {
            if let Some(number) = number.and_then(|number| i32::try_from(number).ok()) {
                asked.push(op(JUMP_NOT_EQUAL, register, 0, 0, number));
            }
        }
        let bits = rule.bits();
        asked.push(op(COPY, 1, 3, 0, 0));
        if rule.allow {
            // All that is wanted must be among what is allowed.
            asked.push(op(AND, 1, 0, 0, i32::from(!bits & (MAKE | READ | WRITE))));
            asked.push(op(JUMP_NOT_EQUAL, 1, 0, 0, 0));
        } else {
            asked.push(op(AND, 1, 0, 0, i32::from(bits)));
            asked.push(op(JUMP_EQUAL, 1, 0, 0, 0));
        }
        // The two that answer stand between here and the next rule.
        let mut behind = i16::try_from(asked.len()).unwrap_or(i16::MAX);
        for instruction in &mut asked {
            behind -= 1;
            if matches!(instruction.code, JUMP_EQUAL | JUMP_NOT_EQUAL) {
                instruction.offset = behind + 2;
            }
        }
        program.extend(asked);
        program.push(op(SET, 0, 0, 0, i32::from(rule.allow)));
        program.push(op(EXIT, 0, 0, 0, 0));
    }
    program.push(op(SET, 0, 0, 0, 0));
    program.push(op(EXIT, 0, 0, 0, 0));
    program
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_and_written() {
        for text in ["c 13:* rwm", "a *:* r", "b 8:0 mw"] {
            assert_eq!(text.parse::<DeviceRule>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "c",
            "c 1:3",
            "c 1 rwm",
            "x 1:3 r",
            "c 1:3 x",
            "c 1:3 rwmr",
            "c -1:3 r",
            "c 1:3 r ",
            "c 99999999999:1 r",
        ] {
            let error = text.parse::<DeviceRule>().unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("invalid device cgroup rule format: '{text}'")
            );
        }
    }

    /// Runs a program as the kernel would.
    fn run(program: &[DeviceInstruction], kind: i32, access: u8, major: i32, minor: i32) -> bool {
        let context = [
            (i64::from(access) << 16) | i64::from(kind),
            i64::from(major),
            i64::from(minor),
        ];
        let mut registers = [0_i64; 11];
        let mut place = 0_usize;
        loop {
            let DeviceInstruction {
                code,
                registers: pair,
                offset,
                constant,
            } = program[place];
            let (to, from) = (usize::from(pair & 15), usize::from(pair >> 4));
            place += 1;
            let jump = usize::try_from(offset).unwrap();
            match code {
                0x61 => registers[to] = context[jump / 4],
                0xbf => registers[to] = registers[from],
                0x57 => registers[to] &= i64::from(constant),
                0x77 => registers[to] >>= constant,
                0x15 => {
                    place += if registers[to] == i64::from(constant) {
                        jump
                    } else {
                        0
                    }
                }
                0x55 => {
                    place += if registers[to] != i64::from(constant) {
                        jump
                    } else {
                        0
                    }
                }
                0xb7 => registers[to] = i64::from(constant),
                0x95 => return registers[0] == 1,
                other => panic!("instruction {other:#x}"),
            }
        }
    }

    #[test]
    fn the_program_says_what_the_rules_say() {
        let mut rules = DeviceRule::docker_default();
        rules.push("b 8:* r".parse().unwrap());
        rules.push(DeviceRule {
            allow: false,
            ..("c 1:9 w".parse().unwrap())
        });
        let program = program(&rules);
        let cases = [
            (CHAR, READ | WRITE, 1, 3, true),
            (CHAR, MAKE, 250, 7, true),
            (CHAR, READ, 250, 7, false),
            (CHAR, READ | MAKE, 10, 229, false),
            (BLOCK, MAKE, 8, 1, true),
            (BLOCK, READ, 8, 1, true),
            (BLOCK, READ | WRITE, 8, 1, false),
            (CHAR, READ, 8, 1, false),
            (CHAR, READ | WRITE, 136, 5, true),
            (CHAR, READ, 1, 9, true),
            (CHAR, READ | WRITE, 1, 9, false),
        ];
        for (kind, access, major, minor, expected) in cases {
            assert_eq!(
                run(&program, kind, access, major, minor),
                expected,
                "{kind} {access} {major}:{minor}"
            );
        }
    }
}
