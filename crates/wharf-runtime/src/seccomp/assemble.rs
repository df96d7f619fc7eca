//! Decisions as instructions of the kernel's classic BPF.
//!
//! For each architecture a binary search over the ranges of numbers; where arguments count, comparisons of their halves follow. The
//! kernel runs the numbers that need no arguments once, and remembers those that are always allowed (since 5.11).

use super::action::{Action, Comparison, Condition};
use super::compile::{Architecture, CompileError, Range, Verdict};

/// One instruction, laid out as the kernel's `struct sock_filter`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instruction {
    /// What to do.
    pub code: u16,
    /// How many instructions to skip if a comparison holds.
    pub jump_true: u8,
    /// How many otherwise.
    pub jump_false: u8,
    /// The constant.
    pub constant: u32,
}

/// A filter, ready to be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeccompProgram {
    instructions: Vec<Instruction>,
    flags: u32,
}

/// What the kernel takes (`BPF_MAXINSNS`).
const INSTRUCTIONS_LIMIT: usize = 4096;

// linux/bpf_common.h
pub(super) const LOAD: u16 = 0x20;
pub(super) const AND: u16 = 0x54;
pub(super) const JUMP: u16 = 0x05;
pub(super) const JUMP_EQUAL: u16 = 0x15;
pub(super) const JUMP_GREATER: u16 = 0x25;
pub(super) const JUMP_GREATER_OR_EQUAL: u16 = 0x35;
pub(super) const RETURN: u16 = 0x06;

// struct seccomp_data: the number, the architecture, an address, six arguments.
const NUMBER_OFFSET: u32 = 0;
const ARCHITECTURE_OFFSET: u32 = 4;
const ARGUMENTS_OFFSET: u32 = 16;

impl SeccompProgram {
    /// The instructions, at most 4,096.
    pub fn instructions(&self) -> &[Instruction] {
        &self.instructions
    }

    /// The flags of seccomp(2) that the profile asks for.
    pub fn flags(&self) -> u32 {
        self.flags
    }
}

/// Where a comparison leads.
#[derive(Debug, Clone, Copy)]
enum Target {
    /// To the instruction behind it.
    Next,
    /// To what follows the condition that holds.
    Pass,
    /// To what follows the alternative that does not hold.
    Fail,
}

/// An instruction of a condition, before distances are known.
type Draft = (u16, u32, Target, Target);

/// All architectures one behind the other; the calls of others kill, as libseccomp does it.
pub(super) fn program(
    sections: &[(Architecture, Vec<Range<'_>>)],
    flags: u32,
) -> Result<SeccompProgram, CompileError> {
    let mut instructions = vec![plain(LOAD, ARCHITECTURE_OFFSET)];
    for (architecture, ranges) in sections {
        let mut section = vec![plain(LOAD, NUMBER_OFFSET)];
        search(ranges, &mut section)?;
        let mark = architecture.audit_value();
        instructions.push(jump(JUMP_EQUAL, mark, 1, 0));
        instructions.push(plain(JUMP, distance(section.len())?));
        instructions.extend(section);
        within_limit(instructions.len())?;
    }
    instructions.push(plain(RETURN, Action::KillThread.value()));
    within_limit(instructions.len())?;
    Ok(SeccompProgram {
        instructions,
        flags,
    })
}

fn within_limit(instructions: usize) -> Result<(), CompileError> {
    if instructions > INSTRUCTIONS_LIMIT {
        let limit = INSTRUCTIONS_LIMIT;
        return Err(CompileError::TooLong {
            instructions,
            limit,
        });
    }
    Ok(())
}

/// The search among `ranges`; the number is loaded. As deep as the logarithm of their number.
fn search(ranges: &[Range<'_>], into: &mut Vec<Instruction>) -> Result<(), CompileError> {
    let (lower, upper) = ranges.split_at(ranges.len() / 2);
    let Some(middle) = upper.first() else {
        return Ok(());
    };
    if lower.is_empty() {
        return verdict(&middle.verdict, into);
    }
    let mut below = Vec::new();
    search(lower, &mut below)?;
    if let Ok(short) = u8::try_from(below.len()) {
        into.push(jump(JUMP_GREATER_OR_EQUAL, middle.first, short, 0));
    } else {
        into.push(jump(JUMP_GREATER_OR_EQUAL, middle.first, 0, 1));
        into.push(plain(JUMP, distance(below.len())?));
    }
    into.extend(below);
    within_limit(into.len())?;
    search(upper, into)
}

fn verdict(verdict: &Verdict<'_>, into: &mut Vec<Instruction>) -> Result<(), CompileError> {
    for (conditions, action) in &verdict.alternatives {
        let drafts: Vec<Vec<Draft>> = conditions.iter().map(condition).collect();
        let mut left: usize = drafts.iter().map(Vec::len).sum();
        for draft in drafts {
            let length = draft.len();
            for (place, (code, constant, holds, fails)) in draft.into_iter().enumerate() {
                let rest = length - place - 1;
                // Behind the last condition stands the return of the alternative, and behind that the next alternative.
                let to = |target: Target| match target {
                    Target::Next => 0,
                    Target::Pass => rest,
                    Target::Fail => left - place,
                };
                let [holds, fails] = [holds, fails].map(to);
                into.push(jump(code, constant, short(holds)?, short(fails)?));
            }
            left -= length;
        }
        into.push(plain(RETURN, action.value()));
        within_limit(into.len())?;
    }
    into.push(plain(RETURN, verdict.otherwise.value()));
    Ok(())
}

/// A condition on both halves of an argument. Little-endian: the lower half comes first.
fn condition(condition: &Condition) -> Vec<Draft> {
    use Target::{Fail, Next, Pass};
    let lower = ARGUMENTS_OFFSET + 8 * u32::from(condition.argument);
    let load = |offset: u32| (LOAD, offset, Next, Next);
    let (load_low, load_high) = (load(lower), load(lower + 4));
    // With what is greater goes `above`, with what is less `below`; the lower half decides by `code`.
    let order = |value: u64, code: u16, above: Target, below: Target| {
        let [high, low] = halves(value);
        vec![
            load_high,
            (JUMP_GREATER, high, above, Next),
            (JUMP_EQUAL, high, Next, below),
            load_low,
            (code, low, above, below),
        ]
    };
    let equal = |value: u64, pass: Target, fail: Target| {
        let [high, low] = halves(value);
        vec![
            load_high,
            (JUMP_EQUAL, high, Next, fail),
            load_low,
            (JUMP_EQUAL, low, pass, fail),
        ]
    };
    match condition.comparison {
        Comparison::Eq(value) => equal(value, Pass, Fail),
        Comparison::Ne(value) => equal(value, Fail, Pass),
        Comparison::Gt(value) => order(value, JUMP_GREATER, Pass, Fail),
        Comparison::Ge(value) => order(value, JUMP_GREATER_OR_EQUAL, Pass, Fail),
        Comparison::Le(value) => order(value, JUMP_GREATER, Fail, Pass),
        Comparison::Lt(value) => order(value, JUMP_GREATER_OR_EQUAL, Fail, Pass),
        Comparison::MaskedEq { mask, value } => {
            let ([mask_high, mask_low], [high, low]) = (halves(mask), halves(value));
            vec![
                load_high,
                (AND, mask_high, Next, Next),
                (JUMP_EQUAL, high, Next, Fail),
                load_low,
                (AND, mask_low, Next, Next),
                (JUMP_EQUAL, low, Pass, Fail),
            ]
        }
    }
}

/// The upper and the lower half.
fn halves(value: u64) -> [u32; 2] {
    let half = |half: u64| u32::try_from(half).unwrap_or(u32::MAX);
    [half(value >> 32), half(value & 0xffff_ffff)]
}

fn plain(code: u16, constant: u32) -> Instruction {
    jump(code, constant, 0, 0)
}

fn jump(code: u16, constant: u32, jump_true: u8, jump_false: u8) -> Instruction {
    Instruction {
        code,
        jump_true,
        jump_false,
        constant,
    }
}

fn distance(instructions: usize) -> Result<u32, CompileError> {
    within_limit(instructions)?;
    Ok(u32::try_from(instructions).unwrap_or(u32::MAX))
}

/// A distance within an alternative: six conditions of six instructions never reach the limit of a byte.
fn short(instructions: usize) -> Result<u8, CompileError> {
    u8::try_from(instructions).map_err(|_too_far| CompileError::TooLong {
        instructions,
        limit: usize::from(u8::MAX),
    })
}
