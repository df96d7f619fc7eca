//! Seccomp profiles.

use wharf_runtime::CapabilitySet;
use wharf_runtime::seccomp::{Architecture, Instruction, KernelVersion, Machine, SeccompProfile};

/// Takes the bytes for a profile; what can be read is translated for both machines, with no capability and with all.
pub(crate) fn check(bytes: &[u8]) {
    let Ok(profile) = SeccompProfile::from_json(bytes) else {
        return;
    };
    for architecture in [Architecture::X86_64, Architecture::Aarch64] {
        for capabilities in [CapabilitySet::EMPTY, CapabilitySet::ALL] {
            let machine = Machine {
                architecture,
                kernel: KernelVersion {
                    major: 5,
                    minor: 10,
                },
            };
            if let Ok(program) = profile.compile_for(capabilities, machine) {
                loads(program.instructions());
            }
        }
    }
}

/// Panics unless the kernel would take it: not too long, every way leads forward and ends in a return, loads are of whole words.
fn loads(program: &[Instruction]) {
    assert!(
        (1..=4096).contains(&program.len()),
        "a length that no kernel takes"
    );
    for (place, instruction) in program.iter().enumerate() {
        let inside = |skipped: u32| {
            let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
            assert!(
                place.saturating_add(skipped) < program.len() - 1,
                "a jump out of the program"
            );
        };
        match instruction.code {
            0x06 => {}
            0x05 => inside(instruction.constant),
            0x20 => {
                assert!(
                    instruction.constant <= 60 && instruction.constant % 4 == 0,
                    "a load beside the data"
                );
                inside(0);
            }
            0x54 => inside(0),
            0x15 | 0x25 | 0x35 => {
                inside(instruction.jump_true.into());
                inside(instruction.jump_false.into());
            }
            other => panic!("an instruction of no filter: {other:#x}"),
        }
    }
}
