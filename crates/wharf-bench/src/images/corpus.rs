//! Text that compresses as source code does, and bytes that do not compress: both from a fixed seed.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

/// Where programming text lies on a Debian machine with a compiler.
const SOURCES: [&str; 4] = [
    "/usr/include",
    "/usr/lib/python3.11",
    "/usr/lib/python3",
    "/usr/share/perl",
];
/// Enough that passages seldom repeat within one layer's window.
const ENOUGH_BYTES: usize = 24 << 20;

/// A generator of numbers that are always the same for the same seed (`SplitMix64`).
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        let limit = limit.max(1) as u64;
        usize::try_from(self.next() % limit).unwrap_or_default()
    }

    /// `length` bytes that no compressor makes smaller.
    pub(super) fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }

    /// A file size with many small ones and a long tail, `mean` bytes on average.
    pub(super) fn file_size(&mut self, mean: usize) -> usize {
        // The product of two even distributions over (0, 2) has the mean 1 and leans to the small side.
        let factor = self.below(2000) * self.below(2000);
        mean * factor / 1_000_000 + 16
    }
}

/// Programming text of this machine, to cut passages from.
#[derive(Debug)]
pub(super) struct Corpus(Vec<u8>);

impl Corpus {
    /// Reads source files in the order of their names, until there is enough.
    pub(super) fn read() -> Result<Self> {
        let mut text = Vec::new();
        for source in SOURCES {
            read_sources(
                Path::new(source),
                &mut text,
                ENOUGH_BYTES * 2 / SOURCES.len(),
            )?;
            if text.len() >= ENOUGH_BYTES {
                break;
            }
        }
        if text.len() < 1 << 20 {
            bail!(
                "there is too little source text in {SOURCES:?}: install the packages libc6-dev and python3"
            );
        }
        Ok(Self(text))
    }

    /// About `length` bytes, in passages of some dozens of lines.
    pub(super) fn text(&self, random: &mut Random, length: usize) -> Vec<u8> {
        let mut text = Vec::with_capacity(length + 4096);
        while text.len() < length {
            let start = random.below(self.0.len() - 8192);
            let passage = 512 + random.below(4096);
            let line = self.0[start..]
                .iter()
                .position(|byte| *byte == b'\n')
                .unwrap_or_default();
            text.extend_from_slice(&self.0[start + line + 1..][..passage.min(4096)]);
            text.push(b'\n');
        }
        text.truncate(length);
        text
    }
}

fn read_sources(folder: &Path, text: &mut Vec<u8>, limit: usize) -> Result<()> {
    let start = text.len();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let Ok(listing) = fs::read_dir(&folder) else {
            continue;
        };
        let mut paths: Vec<PathBuf> = listing
            .map(|entry| Ok(entry?.path()))
            .collect::<std::io::Result<_>>()?;
        paths.sort();
        for path in paths {
            let kind = fs::symlink_metadata(&path)
                .with_context(|| format!("reading {}", path.display()))?;
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() && is_source(&path) {
                text.extend_from_slice(&fs::read(&path)?);
                if text.len() - start > limit {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

fn is_source(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        ["h", "hpp", "py", "pm", "pl", "txt"]
            .iter()
            .any(|source| extension == *source)
    })
}
