//! Changes to a seed, as a fuzzer makes them: bytes flipped, cut, repeated, put in, and pieces of other seeds.

use proptest::prelude::*;

/// One change. Positions are parts of the length, so that a change fits every seed.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Set {
        at: f64,
        byte: u8,
    },
    Flip {
        at: f64,
        bit: u8,
    },
    Insert {
        at: f64,
        bytes: Vec<u8>,
    },
    Remove {
        at: f64,
        length: usize,
    },
    Repeat {
        at: f64,
        length: usize,
        times: usize,
    },
    Cut {
        at: f64,
    },
    Splice {
        at: f64,
        other: prop::sample::Index,
        from: f64,
        length: usize,
    },
}

/// What stands in many formats and has broken many readers.
const WORDS: [&str; 28] = [
    "\"",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "-1",
    "1e400",
    "18446744073709551616",
    "\\u0000",
    "\\ud800",
    "\0",
    "\n",
    "..",
    "/",
    "../",
    "sha256:",
    "@",
    "=",
    "\\",
    "%",
    "{{",
    "}}",
    "$x := ",
    "\u{feff}",
    "\u{1f600}",
];

/// A tar archive's blocks.
const BLOCK: usize = 512;

fn change() -> impl Strategy<Value = Change> {
    let at = || 0.0..1.0;
    let length = || prop_oneof![1..16_usize, Just(BLOCK), 1..2_048_usize];
    let bytes = prop_oneof![
        prop::sample::select(WORDS.to_vec()).prop_map(|word| word.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 1..8),
    ];
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Set { at, byte }),
        (at(), 0..8_u8).prop_map(|(at, bit)| Change::Flip { at, bit }),
        (at(), bytes).prop_map(|(at, bytes)| Change::Insert { at, bytes }),
        (at(), length()).prop_map(|(at, length)| Change::Remove { at, length }),
        (at(), length(), 1..5_usize).prop_map(|(at, length, times)| Change::Repeat {
            at,
            length,
            times
        }),
        at().prop_map(|at| Change::Cut { at }),
        (at(), any::<prop::sample::Index>(), at(), length()).prop_map(
            |(at, other, from, length)| Change::Splice {
                at,
                other,
                from,
                length
            }
        ),
    ]
}

/// Some changes, most often few.
pub(crate) fn changes() -> impl Strategy<Value = Vec<Change>> {
    prop::collection::vec(change(), 1..6)
}

/// `seed` with all of `changes`.
pub(crate) fn mutate(seed: &[u8], changes: &[Change], others: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for change in changes {
        apply(&mut bytes, change, others);
    }
    bytes
}

fn apply(bytes: &mut Vec<u8>, change: &Change, others: &[Vec<u8>]) {
    match change {
        Change::Set { at, byte } => {
            let at = position(*at, bytes.len());
            bytes.splice(at..bytes.len().min(at + 1), [*byte]);
        }
        Change::Flip { at, bit } => {
            let at = position(*at, bytes.len());
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << bit;
            }
        }
        Change::Insert { at, bytes: new } => {
            let at = position(*at, bytes.len());
            bytes.splice(at..at, new.iter().copied());
        }
        Change::Remove { at, length } => {
            let at = position(*at, bytes.len());
            bytes.drain(at..bytes.len().min(at + length));
        }
        Change::Repeat { at, length, times } => {
            let at = position(*at, bytes.len());
            let piece = bytes[at..bytes.len().min(at + length)].repeat(*times);
            bytes.splice(at..at, piece);
        }
        Change::Cut { at } => bytes.truncate(position(*at, bytes.len())),
        Change::Splice {
            at,
            other,
            from,
            length,
        } => {
            let other = other.get(others);
            let from = position(*from, other.len());
            let piece = other[from..other.len().min(from + length)].to_vec();
            let at = position(*at, bytes.len());
            bytes.splice(at..at, piece);
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a place in a small file, any will do"
)]
fn position(at: f64, length: usize) -> usize {
    (at * length as f64) as usize
}

/// Writes the right checksum into everything that looks like a tar header: without it every reader stops at the first one
/// that was changed.
pub(crate) fn mend_checksums(bytes: &mut [u8]) {
    for block in bytes.chunks_exact_mut(BLOCK) {
        if block[257..262] != *b"ustar" {
            continue;
        }
        block[148..156].copy_from_slice(b"        ");
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
}
