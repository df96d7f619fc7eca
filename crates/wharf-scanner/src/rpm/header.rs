//! A header: an index of tags, and a store with their values (rpm, "RPM V4 Package format", header structure; in databases without
//! the magic in front).

use super::RpmError;
use crate::bytes::{size, slice, u32_be};
use crate::package::{Package, PackageKind};

const NAME: u32 = 1000;
const VERSION: u32 = 1001;
const RELEASE: u32 = 1002;
const EPOCH: u32 = 1003;
const LICENCE: u32 = 1014;
const ARCHITECTURE: u32 = 1022;
const SOURCE: u32 = 1044;

const INT32: u32 = 4;
const STRING: u32 = 6;
const STRINGS: u32 = 8;
const TRANSLATED: u32 = 9;

const ENTRY_BYTES: usize = 16;
/// rpm's own limit.
const ENTRIES_LIMIT: usize = 0xffff;
/// A text that an inventory shows may be this long.
const TEXT_LIMIT_BYTES: usize = 4096;
/// What keys of vendors are called.
const KEY: &str = "gpg-pubkey";

/// The package; `None` if it is none.
pub(super) fn package(header: &[u8]) -> Result<Option<Package>, RpmError> {
    let short = RpmError::Damaged("a header ends too early");
    let count = size(u32_be(header, 0).ok_or(short.clone())?);
    let length = size(u32_be(header, 4).ok_or(short.clone())?);
    if count > ENTRIES_LIMIT {
        return Err(RpmError::Damaged("a header has too many entries"));
    }
    let index = slice(header, 8, count * ENTRY_BYTES).ok_or(short.clone())?;
    let store = slice(header, 8 + count * ENTRY_BYTES, length).ok_or(short)?;
    let values = Values { index, store };
    let name = values.text(NAME);
    if name.is_empty() || name == KEY {
        return Ok(None);
    }
    let mut version = values.text(VERSION);
    let release = values.text(RELEASE);
    if !release.is_empty() {
        version = format!("{version}-{release}");
    }
    if let Some(epoch) = values.number(EPOCH).filter(|epoch| *epoch > 0) {
        version = format!("{epoch}:{version}");
    }
    // `bash-5.2-1.src.rpm`: version and release stand behind the last two dashes
    let source = values.text(SOURCE);
    let source = source.rsplitn(3, '-').nth(2).unwrap_or_default().to_owned();
    Ok(Some(Package {
        kind: PackageKind::Rpm,
        name,
        version,
        architecture: values.text(ARCHITECTURE),
        source,
        licence: values.text(LICENCE),
    }))
}

struct Values<'a> {
    index: &'a [u8],
    store: &'a [u8],
}

impl Values<'_> {
    /// The type and the place of a tag's value.
    fn find(&self, tag: u32) -> Option<(u32, usize)> {
        let mut entries = self.index.chunks_exact(ENTRY_BYTES);
        let entry = entries.find(|entry| u32_be(entry, 0) == Some(tag))?;
        Some((u32_be(entry, 4)?, size(u32_be(entry, 8)?)))
    }

    /// A text, the first of several; empty if there is none.
    fn text(&self, tag: u32) -> String {
        let found = self.find(tag).and_then(|(kind, offset)| {
            let rest = self.store.get(offset..)?;
            matches!(kind, STRING | STRINGS | TRANSLATED).then_some(rest)
        });
        let rest = found.unwrap_or_default();
        let rest = rest.get(..TEXT_LIMIT_BYTES).unwrap_or(rest);
        let end = rest
            .iter()
            .position(|byte| *byte == 0)
            .unwrap_or(rest.len());
        String::from_utf8_lossy(rest.get(..end).unwrap_or_default()).into_owned()
    }

    fn number(&self, tag: u32) -> Option<u32> {
        let (kind, offset) = self.find(tag)?;
        u32_be(self.store, offset).filter(|_| kind == INT32)
    }
}
