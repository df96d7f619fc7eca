//! `wharf builder prune`: removes what builds remember.

use std::fmt::Write as _;
use std::process::ExitCode;

use jiff::Timestamp;
use wharf_images::{BuildPruneFilter, BuildPruneReport};

use crate::arguments::{Command, Flag, Matches, Run};
use crate::commands::image::prune::reclaimed;
use crate::daemon_words::FoundByDaemon as _;
use crate::filters::FilterTerms;
use crate::formatting::Moment;
use crate::prompt;
use crate::session::Session;

const ALL: Flag = Flag::switch(
    "all",
    "Remove all unused build cache, not just dangling ones",
)
.letter('a');
const FILTER: Flag = Flag::filter("filter", "Provide filter values (e.g. \"until=24h\")");
const FORCE: Flag = Flag::switch("force", "Do not prompt for confirmation").letter('f');
const KEEP_STORAGE: Flag = Flag::text("keep-storage", "Amount of disk space to keep for cache");

pub(crate) const COMMAND: Command = Command {
    name: "prune",
    spellings: &["wharf builder prune", "wharf buildx prune"],
    synopsis: "[OPTIONS]",
    summary: "Remove build cache",
    flags: &[ALL, FILTER, FORCE, KEEP_STORAGE],
    run: Run::Local(run),
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
    let keep_bytes = matches.some_text(&KEEP_STORAGE).map(size).transpose()?;
    let terms = FilterTerms::for_prune(matches.list(&FILTER), &[]);
    terms
        .accept_only(&["until", "unused-for"])
        .found_by_daemon()?;
    let now = Moment::present().zoned();
    let unused_since: Option<Timestamp> = terms.until(&now).found_by_daemon()?;
    if !matches.is_set(&FORCE) && !prompt::confirm(session.printer(), &question)? {
        return Ok(ExitCode::SUCCESS);
    }
    let report = session
        .engine()
        .prune_builds(&BuildPruneFilter {
            all,
            unused_since,
            keep_bytes,
        })
        .found_by_daemon()?;
    let text = format!(
        "{}{}",
        deleted_entries(&report),
        reclaimed(report.reclaimed_bytes)
    );
    session.printer().out(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// The list of what is gone; empty if that is nothing.
pub(crate) fn deleted_entries(report: &BuildPruneReport) -> String {
    if report.entries.is_empty() {
        return String::new();
    }
    let mut text = "Deleted build cache objects:\n".to_owned();
    for entry in &report.entries {
        _ = writeln!(text, "{}", entry.blob.digest.short());
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
