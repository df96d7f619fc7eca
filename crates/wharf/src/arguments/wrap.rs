//! Breaks the explanation of an option into lines, exactly where Docker's help does.

/// Room that a last word may overrun, so that no line holds one short word only.
const SLOP: usize = 5;
/// Below this room, the text moves to a line of its own.
const NARROW: usize = 24;
/// Where it then starts.
const NARROW_INDENT: usize = 16;

/// The text broken to the width, with every line but the first indented. Line breaks in the text are kept.
pub(super) fn wrapped(indent: usize, width: usize, text: &str) -> String {
    let mut indent = indent;
    let mut lines = String::new();
    let mut room = width.saturating_sub(indent);
    if room < NARROW {
        indent = NARROW_INDENT;
        room = width.saturating_sub(indent);
        lines.push('\n');
        lines.push_str(&" ".repeat(indent));
    }
    let margin = format!("\n{}", " ".repeat(indent));
    if room < NARROW {
        lines.push_str(&text.replace('\n', &margin));
        return lines;
    }
    let room = room - SLOP;
    let (mut line, mut rest) = first_line(room, text);
    lines.push_str(&line.replace('\n', &margin));
    while !rest.is_empty() {
        (line, rest) = first_line(room, rest);
        lines.push_str(&margin);
        lines.push_str(&line.replace('\n', &margin));
    }
    lines
}

/// Splits at the last space that fits, or at the last line break before it. Counts bytes, as Docker does.
fn first_line(room: usize, text: &str) -> (&str, &str) {
    if room + SLOP > text.len() {
        return (text, "");
    }
    let fitting = text.get(..text.floor_char_boundary(room)).unwrap_or(text);
    let Some(space) = fitting
        .rfind([' ', '\t', '\n'])
        .filter(|position| *position > 0)
    else {
        return (text, "");
    };
    let at = fitting
        .rfind('\n')
        .filter(|position| *position > 0 && *position < space)
        .unwrap_or(space);
    let (line, rest) = text.split_at(at);
    (line, rest.get(1..).unwrap_or_default())
}
