//! Memory that this virtual machine's host has taken back.
//!
//! A guest reports free pages to its host, which takes them away; the first touch afterwards costs several times what
//! writing the page costs, and is counted as the time of the process that touched it. So whoever has its turn after a pause pays
//! for the pause.

use std::hint::black_box;

const PAGE_BYTES: usize = 4096;
/// More than any tool under test writes in one command.
const TOUCHED_BYTES: usize = 6 << 30;

/// Touches free memory and frees it again, so that the command that is measured next finds it as it would on a machine of
/// one's own.
pub(crate) fn touch_free_memory() {
    let mut memory = vec![0_u8; TOUCHED_BYTES];
    for page in memory.chunks_mut(PAGE_BYTES) {
        if let Some(byte) = page.first_mut() {
            *byte = 1;
        }
    }
    black_box(&memory);
}
