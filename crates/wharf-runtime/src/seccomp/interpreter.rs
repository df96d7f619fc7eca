//! A small interpreter of filters: what the kernel would answer.

use super::assemble::{
    AND, Instruction, JUMP, JUMP_EQUAL, JUMP_GREATER, JUMP_GREATER_OR_EQUAL, LOAD, RETURN,
};

/// What a filter sees of a call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    pub(super) architecture: u32,
    pub(super) number: u32,
    pub(super) arguments: [u64; 6],
}

/// Runs the filter. Panics if it does what the kernel refuses to load.
pub(super) fn run(program: &[Instruction], call: &Call) -> u32 {
    let mut data = [0_u8; 64];
    data[..4].copy_from_slice(&call.number.to_le_bytes());
    data[4..8].copy_from_slice(&call.architecture.to_le_bytes());
    for (place, argument) in call.arguments.iter().enumerate() {
        data[16 + 8 * place..24 + 8 * place].copy_from_slice(&argument.to_le_bytes());
    }
    let (mut accumulator, mut place) = (0_u32, 0_usize);
    loop {
        let instruction = program[place];
        let constant = instruction.constant;
        let branch = |holds: bool| {
            usize::from(if holds {
                instruction.jump_true
            } else {
                instruction.jump_false
            })
        };
        place += 1;
        match instruction.code {
            LOAD => {
                let offset = constant as usize;
                accumulator = u32::from_le_bytes(data[offset..offset + 4].try_into().unwrap());
            }
            AND => accumulator &= constant,
            JUMP => place += constant as usize,
            JUMP_EQUAL => place += branch(accumulator == constant),
            JUMP_GREATER => place += branch(accumulator > constant),
            JUMP_GREATER_OR_EQUAL => place += branch(accumulator >= constant),
            RETURN => return constant,
            other => panic!("instruction {other:#x}"),
        }
    }
}
