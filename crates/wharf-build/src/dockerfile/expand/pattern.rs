//! The patterns of `${name#pattern}` and `${name/pattern/text}`: `*` and `?`, which never match a line break, and `\` before a
//! character that is meant as it is. There are no brackets.

use super::lexer::ExpandReason;

/// A pattern, read.
#[derive(Debug)]
pub(super) struct Pattern {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Character(char),
    AnyCharacter,
    AnyText,
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, ExpandReason> {
        let mut pieces = Vec::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            pieces.push(match character {
                '*' => Piece::AnyText,
                '?' => Piece::AnyCharacter,
                '\\' => match characters.next() {
                    Some(escaped @ ('*' | '?' | '\\' | '}' | '/')) => Piece::Character(escaped),
                    other => {
                        return Err(ExpandReason::InvalidPattern {
                            pattern: text.to_owned(),
                            escape: other
                                .map_or_else(|| "\\".to_owned(), |other| format!("\\{other}")),
                        });
                    }
                },
                other => Piece::Character(other),
            });
        }
        Ok(Self { pieces })
    }

    /// The value without the shortest, or the longest, beginning that matches.
    pub(super) fn trim_start(
        &self,
        value: &str,
        longest: bool,
        work: &mut usize,
    ) -> Result<String, ExpandReason> {
        let value: Vec<char> = value.chars().collect();
        let end = match_end(&self.pieces, &value, longest, work)?.unwrap_or(0);
        Ok(value.iter().skip(end).collect())
    }

    /// The value without the shortest, or the longest, end that matches.
    pub(super) fn trim_end(
        &self,
        value: &str,
        longest: bool,
        work: &mut usize,
    ) -> Result<String, ExpandReason> {
        let value: Vec<char> = value.chars().rev().collect();
        let pieces: Vec<Piece> = self.pieces.iter().rev().copied().collect();
        let end = match_end(&pieces, &value, longest, work)?.unwrap_or(0);
        Ok(value.iter().skip(end).rev().collect())
    }

    /// The value with the first match, or each, replaced.
    pub(super) fn replace(
        &self,
        value: &str,
        replacement: &str,
        each: bool,
        limit_bytes: usize,
        work: &mut usize,
    ) -> Result<String, ExpandReason> {
        let value: Vec<char> = value.chars().collect();
        let mut replaced = String::new();
        let mut position = 0;
        // an empty match right behind another is none
        let mut after_match = None;
        while position <= value.len() {
            let rest = value.get(position..).unwrap_or_default();
            let end = match_end(&self.pieces, rest, true, work)?
                .filter(|length| *length > 0 || after_match != Some(position));
            if let Some(length) = end {
                replaced.push_str(replacement);
                if replaced.len() > limit_bytes {
                    return Err(ExpandReason::TooLong);
                }
                if !each {
                    replaced.extend(rest.iter().skip(length));
                    return Ok(replaced);
                }
                if length > 0 {
                    position += length;
                    after_match = Some(position);
                    continue;
                }
            }
            replaced.extend(rest.first());
            if replaced.len() > limit_bytes {
                return Err(ExpandReason::TooLong);
            }
            position += 1;
        }
        Ok(replaced)
    }
}

/// Where the shortest or longest match ends that begins where `value` does.
fn match_end(
    pieces: &[Piece],
    value: &[char],
    longest: bool,
    work: &mut usize,
) -> Result<Option<usize>, ExpandReason> {
    // the ends that the pieces up to here can have, in order
    let mut ends = vec![0];
    for piece in pieces {
        *work = work
            .checked_sub(ends.len() + 1)
            .ok_or(ExpandReason::TooMuchWork)?;
        let mut next: Vec<usize> = Vec::new();
        let mut reached = 0;
        for end in ends {
            match piece {
                // what an earlier end has reached, up to a line break, is there already
                Piece::AnyText if end < reached => {}
                Piece::AnyText => {
                    let stop = value
                        .iter()
                        .skip(end)
                        .position(|character| *character == '\n')
                        .map_or(value.len(), |length| end + length);
                    *work = work
                        .checked_sub(stop - end)
                        .ok_or(ExpandReason::TooMuchWork)?;
                    next.extend(end..=stop);
                    reached = stop + 1;
                }
                Piece::AnyCharacter if value.get(end).is_some_and(|found| *found != '\n') => {
                    next.push(end + 1);
                }
                Piece::Character(wanted) if value.get(end) == Some(wanted) => next.push(end + 1),
                Piece::AnyCharacter | Piece::Character(_) => {}
            }
        }
        ends = next;
        if ends.is_empty() {
            return Ok(None);
        }
    }
    Ok(if longest { ends.last() } else { ends.first() }.copied())
}
