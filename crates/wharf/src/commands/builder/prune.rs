//! `wharf builder prune`: removes what builds remember.

use std::fmt::Write as _;
use std::process::ExitCode;

use jiff::Timestamp;
use wharf_engine::{CacheMountFilter, CacheMountReport};
use wharf_images::{BuildPruneFilter, BuildPruneReport};

use crate::arguments::{Command, Files, Flag, Matches, Run};
use crate::commands::image::prune::reclaimed;
use crate::daemon_words::FoundByDaemon as _;
use crate::filters::FilterTerms;
use crate::formatting::Moment;
use crate::prompt;
use crate::session::Session;

/// What records are, in BuildKit's words.
const REGULAR: &str = "regular";
const CACHE_MOUNT: &str = "exec.cachemount";

const ALL: Flag = Flag::switch(
    "all",
    "Remove all unused build cache, not just dangling ones",
)
.letter('a');
const FILTER: Flag = Flag::filter("filter", "Provide filter values (e.g. \"until=24h\")");
const FORCE: Flag = Flag::switch("force", "Do not prompt for confirmation").letter('f');
const KEEP_STORAGE: Flag = Flag::text("keep-storage", "Amount of disk space to keep for cache");
// buildx has two words for it since 0.20
const MAX_USED_SPACE: Flag = Flag::text(
    "max-used-space",
    "Maximum amount of disk space allowed to keep for cache",
)
.hidden();
const RESERVED_SPACE: Flag = Flag::text(
    "reserved-space",
    "Amount of disk space always allowed to keep for cache",
)
.hidden();

pub(crate) const COMMAND: Command = Command {
    name: "prune",
    spellings: &["wharf builder prune", "wharf buildx prune"],
    synopsis: "[OPTIONS]",
    summary: "Remove build cache",
    flags: &[
        ALL,
        FILTER,
        FORCE,
        KEEP_STORAGE,
        MAX_USED_SPACE,
        RESERVED_SPACE,
    ],
    run: Run::Local(run),
    files: Files::Touched,
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let all = matches.is_set(&ALL);
    let what = if all {
        "all build cache"
    } else {
        "all dangling build cache"
    };
    let question = format!("WARNING! This will remove {what}. Are you sure you want to continue?");
    let kept = [&KEEP_STORAGE, &MAX_USED_SPACE, &RESERVED_SPACE];
    let kept = kept.iter().find_map(|flag| matches.some_text(flag));
    let keep_bytes = kept.map(size).transpose()?;
    let terms = FilterTerms::for_prune(matches.list(&FILTER), &[]);
    terms
        .accept_only(&["description", "id", "type", "until", "unused-for"])
        .found_by_daemon()?;
    let now = Moment::present().zoned();
    let unused_since: Option<Timestamp> = terms.until(&now).found_by_daemon()?;
    if !matches.is_set(&FORCE) && !prompt::confirm(session.printer(), &question)? {
        return Ok(ExitCode::SUCCESS);
    }
    let one = |key: &str| terms.values(key).last().cloned();
    let (id, description, kind) = (one("id"), one("description"), one("type"));
    let engine = session.engine();
    let mut report = BuildPruneReport::default();
    let mut caches = CacheMountReport::default();
    let is_meant = |word: &str| kind.as_deref().is_none_or(|kind| kind == word);
    anyhow::ensure!(
        is_meant(REGULAR) || is_meant(CACHE_MOUNT),
        "invalid filter 'type={}': expected {REGULAR} or {CACHE_MOUNT}",
        kind.unwrap_or_default()
    );
    if is_meant(REGULAR) {
        let filter = BuildPruneFilter {
            all,
            unused_since,
            keep_bytes,
            id: id.clone(),
            description: description.clone(),
        };
        report = engine.prune_builds(&filter).found_by_daemon()?;
    }
    // no step's text is written beside a cache
    if is_meant(CACHE_MOUNT) && description.is_none() {
        let filter = CacheMountFilter {
            unused_since,
            keep_bytes,
            id,
        };
        caches = engine.prune_cache_mounts(&filter).found_by_daemon()?;
    }
    let text = format!(
        "{}{}",
        deleted_entries(&report, &caches),
        reclaimed(report.reclaimed_bytes + caches.reclaimed_bytes)
    );
    session.printer().out(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// The list of what is gone; empty if that is nothing.
pub(crate) fn deleted_entries(report: &BuildPruneReport, caches: &CacheMountReport) -> String {
    if report.entries.is_empty() && report.fetched.is_empty() && caches.removed.is_empty() {
        return String::new();
    }
    let mut text = "Deleted build cache objects:\n".to_owned();
    for entry in &report.entries {
        _ = writeln!(text, "{}", entry.blob.digest.short());
    }
    for file in &report.fetched {
        _ = writeln!(text, "{}", file.facts.digest.short());
    }
    for cache in &caches.removed {
        let short: String = cache.name.chars().take(12).collect();
        _ = writeln!(text, "{short}");
    }
    text.push('\n');
    text
}

/// `512m`, `10GB`: bytes with units of 1024, as Docker reads them here.
fn size(text: &str) -> anyhow::Result<u64> {
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.trim_end_matches(|next: char| next.is_ascii_alphabetic());
    let unit = lower.strip_prefix(digits).unwrap_or_default();
    let power = match unit.trim_end_matches('b').trim_end_matches('i') {
        "" => Some(0),
        "k" => Some(1),
        "m" => Some(2),
        "g" => Some(3),
        "t" => Some(4),
        _ => None,
    };
    let bytes = power.and_then(|power| {
        let number = digits.parse::<u64>().ok()?;
        number.checked_mul(1024_u64.checked_pow(power)?)
    });
    bytes.ok_or_else(|| {
        anyhow::anyhow!("invalid size {text:?} for --keep-storage: expected a number with a unit, as 512m or 10GB")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        for (text, expected) in [
            ("0", 0),
            ("512m", 512 << 20),
            ("10GB", 10 << 30),
            ("1KiB", 1024),
        ] {
            assert_eq!(size(text).unwrap(), expected, "{text}");
        }
        assert!(size("many").is_err() && size("99999999t").is_err());
    }
}
