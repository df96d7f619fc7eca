//! Columns as Docker aligns them: cells end with a tab, a column is as wide as its widest cell and three spaces, and
//! at least ten. A column lasts over the lines that follow each other and have it; what stands behind the last tab of a
//! line belongs to no column. It is Go's `text/tabwriter` with Docker's settings, and with Docker's change: a cell is
//! as wide as a terminal shows it, so that CJK characters count two.

use std::ops::Range;

use unicode_width::UnicodeWidthStr as _;

const LEAST_WIDTH: usize = 10;
const PADDING: usize = 3;

/// A table that would be too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the table is larger than {limit_bytes} bytes once its columns are aligned")]
pub struct TableTooLarge {
    /// What is allowed.
    pub limit_bytes: usize,
}

struct Cell<'a> {
    text: &'a [u8],
    width: usize,
    /// Of its column; zero where it belongs to none.
    column_width: usize,
}

/// Aligns the columns of `text`.
pub fn align(text: &[u8], limit_bytes: usize) -> Result<Vec<u8>, TableTooLarge> {
    let mut output = Vec::with_capacity(text.len() * 2);
    // A form feed ends all columns.
    let mut sections = text.split(|byte| *byte == b'\x0c').peekable();
    while let Some(section) = sections.next() {
        let is_last = sections.peek().is_none();
        write_section(section, is_last, limit_bytes, &mut output)?;
        if !is_last {
            output.push(b'\n');
        }
    }
    Ok(output)
}

fn write_section(
    section: &[u8],
    is_last: bool,
    limit_bytes: usize,
    output: &mut Vec<u8>,
) -> Result<(), TableTooLarge> {
    let mut lines: Vec<Vec<Cell<'_>>> = section.split(|byte| *byte == b'\n').map(cells).collect();
    // A line without an end has no cell behind its last tab, so that the tab ends no column there.
    if is_last && let Some(line) = lines.last_mut() {
        line.pop_if(|cell| cell.text.is_empty());
    }
    set_widths(&mut lines);
    for (index, line) in lines.iter().enumerate() {
        if index > 0 {
            output.push(b'\n');
        }
        for cell in line {
            let padding = cell.column_width.saturating_sub(cell.width);
            if output.len() + cell.text.len() + padding > limit_bytes {
                return Err(TableTooLarge { limit_bytes });
            }
            output.extend_from_slice(cell.text);
            output.resize(output.len() + padding, b' ');
        }
    }
    Ok(())
}

fn cells(line: &[u8]) -> Vec<Cell<'_>> {
    let cells = line.split(|byte| matches!(byte, b'\t' | b'\x0b'));
    cells
        .map(|text| Cell {
            text,
            width: display_width(text),
            column_width: 0,
        })
        .collect()
}

/// How many columns of a terminal `text` takes.
fn display_width(text: &[u8]) -> usize {
    if text.is_ascii() {
        return text.iter().filter(|byte| !byte.is_ascii_control()).count();
    }
    let shown: String = String::from_utf8_lossy(text)
        .chars()
        .filter(|character| !character.is_control())
        .collect();
    shown.width()
}

/// Sets the width of every column, over each run of lines that have it.
fn set_widths(lines: &mut [Vec<Cell<'_>>]) {
    // Lines that have the column, as runs: those of the next column lie within them.
    let mut runs = vec![Range {
        start: 0,
        end: lines.len(),
    }];
    let mut column = 0;
    while !runs.is_empty() {
        let mut next = Vec::new();
        for run in runs {
            let mut start = run.start;
            while start < run.end {
                let has = |line: &Vec<Cell<'_>>| line.len() > column + 1;
                let block = lines.get_mut(start..run.end).unwrap_or_default();
                let length = block.iter().take_while(|line| has(line)).count();
                let block = block.get_mut(..length).unwrap_or_default();
                let width = block
                    .iter()
                    .filter_map(|line| line.get(column))
                    .map(|cell| cell.width + PADDING)
                    .max();
                let width = width.unwrap_or(0).max(LEAST_WIDTH);
                for cell in block.iter_mut().filter_map(|line| line.get_mut(column)) {
                    cell.column_width = width;
                }
                if length > 0 {
                    next.push(start..start + length);
                }
                start += length.max(1);
            }
        }
        runs = next;
        column += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aligned(text: &str) -> String {
        String::from_utf8(align(text.as_bytes(), 10_000).unwrap()).unwrap()
    }

    #[test]
    fn columns_last_as_long_as_lines_have_them() {
        assert_eq!(
            aligned("a\tb\tc\nlonger text\tx\ty\n"),
            "a             b         c\nlonger text   x         y\n"
        );
        assert_eq!(
            aligned("a\tb\nplain\nlonger text\tx\n"),
            "a         b\nplain\nlonger text   x\n"
        );
        assert_eq!(aligned("a\t\nb\t\n"), "a         \nb         \n");
        assert_eq!(aligned("a\t"), "a");
        assert_eq!(aligned("a\tb"), "a         b");
        assert_eq!(
            aligned("日本語日本語\tx\nab\ty\n"),
            "日本語日本語   x\nab             y\n"
        );
        assert_eq!(aligned(""), "");
        assert_eq!(aligned("\n"), "\n");
    }

    #[test]
    fn a_table_has_a_limit() {
        assert_eq!(
            align(&[b'x'; 100], 50),
            Err(TableTooLarge { limit_bytes: 50 })
        );
        assert_eq!(align(b"a\tb\n", 10), Err(TableTooLarge { limit_bytes: 10 }));
    }
}
