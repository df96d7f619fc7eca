//! Texts that are cut to the width of a column.

use unicode_width::UnicodeWidthChar as _;

/// Cuts `text` so that it takes at most `width` columns of a terminal, `…` included. With a width of one there is only
/// the first character, with zero nothing. East Asian wide characters take two columns.
pub fn ellipsis(text: &str, width: usize) -> String {
    match width {
        0 => return String::new(),
        1 => return text.chars().take(1).collect(),
        _ => {}
    }
    if text.chars().map(columns).sum::<usize>() <= width {
        return text.to_owned();
    }
    let mut taken = 0;
    let fits = |character: &char| {
        taken += columns(*character);
        taken < width
    };
    let kept: String = text.chars().take_while(fits).collect();
    // Docker keeps a text whole whose first character is already too wide.
    if kept.is_empty() {
        text.to_owned()
    } else {
        kept + "…"
    }
}

/// Combining marks count one here, as Docker counts them.
fn columns(character: char) -> usize {
    if character.width() == Some(2) { 2 } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_as_docker_does() {
        for (text, width, expected) in [
            ("docker", 0, ""),
            ("docker", 1, "d"),
            ("", 1, ""),
            ("docker", 2, "d…"),
            ("docker", 5, "dock…"),
            ("docker", 6, "docker"),
            ("tést", 4, "tést"),
            ("ééééé", 4, "ééé…"),
            ("こんにちは", 10, "こんにちは"),
            ("こんにちは", 5, "こん…"),
            ("こんにちは", 4, "こ…"),
            ("こんにちは", 2, "こんにちは"),
            ("aこんにちは", 3, "a…"),
        ] {
            assert_eq!(ellipsis(text, width), expected, "{text} {width}");
        }
    }
}
