//! An instruction as it is written, in one line: what progress shows of it.

use crate::dockerfile::Lines;

/// The lines of an instruction joined, without what continues them, without comments, and without heredocs.
pub(super) fn instruction_text(file: &str, lines: Lines, escape: char) -> String {
    let mut text = String::new();
    let count = lines.last.saturating_sub(lines.first) + 1;
    for line in file.lines().skip(lines.first.saturating_sub(1)).take(count) {
        let trimmed = line.trim_start();
        if !text.is_empty() && (trimmed.is_empty() || trimmed.starts_with('#')) {
            continue;
        }
        let line = line.trim_end_matches(['\r', ' ', '\t']);
        let Some(continued) = line.strip_suffix(escape) else {
            text.push_str(line);
            break;
        };
        text.push_str(continued);
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ")
}
