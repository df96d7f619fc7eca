//! Memory that this virtual machine's host has taken back.
//!
//! A guest reports free pages to its host, which takes them away; the first touch afterwards costs several times what
//! writing the page costs, and is counted as the time of the process that touched it. So whoever has its turn after a pause pays
//! for the pause. What files hold in the page cache goes in the same way when nobody has read it for some seconds.

use std::fs::{self, File};
use std::hint::black_box;
use std::io;
use std::path::Path;

use anyhow::{Context as _, Result};

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

/// Reads a file, or all files of a folder, so that whoever reads them next need not wait for the disk.
pub(crate) fn bring_into_memory(path: &Path) -> Result<()> {
    let read = || format!("reading {}", path.display());
    let kind = fs::symlink_metadata(path).with_context(read)?;
    if kind.is_dir() {
        for entry in fs::read_dir(path).with_context(read)? {
            bring_into_memory(&entry.with_context(read)?.path())?;
        }
    } else if kind.is_file() {
        let mut file = File::open(path).with_context(read)?;
        io::copy(&mut file, &mut io::sink()).with_context(read)?;
    }
    Ok(())
}
