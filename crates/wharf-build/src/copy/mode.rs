//! `--chmod`: octal, or as `chmod` takes it.

/// What `--chmod` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModeChange {
    /// A mode.
    Octal(u32),
    /// Changes of the mode that a file has.
    Symbolic(Vec<Clause>),
}

/// `u+rwX`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clause {
    /// Bits of those who are meant.
    who: u32,
    operator: char,
    /// Permissions for each of them, in the lowest three bits.
    permissions: u32,
    /// `X`: execution where it makes sense.
    execute_if_any: bool,
    /// `s`.
    set_id: bool,
    /// `t`.
    sticky: bool,
    /// `u`, `g`, `o`: as they have it.
    copied_from: Option<u32>,
}

/// A text is no mode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModeError {
    /// Digits, but no octal number, or too large.
    #[error("invalid chmod parameter: '{0}'. it should be octal string and between 0 and 07777")]
    Octal(String),
    /// Neither digits nor changes.
    #[error("invalid chmod parameter: '{0}': expected a mode as 0755, or changes as u=rwX,go-w")]
    Symbolic(String),
}

const USER: u32 = 0o700;
const GROUP: u32 = 0o070;
const OTHERS: u32 = 0o007;

impl ModeChange {
    /// Reads what stands behind `--chmod=`.
    ///
    /// # Errors
    /// If it is no mode.
    pub fn parse(text: &str) -> Result<Self, ModeError> {
        if text.starts_with(|first: char| first.is_ascii_digit()) {
            let mode = u32::from_str_radix(text, 8).ok();
            let mode = mode.filter(|mode| *mode <= 0o7777);
            return mode
                .map(Self::Octal)
                .ok_or_else(|| ModeError::Octal(text.to_owned()));
        }
        let mut clauses = Vec::new();
        for part in text.split(',') {
            let read = clauses_of(part).filter(|read| !read.is_empty());
            clauses.extend(read.ok_or_else(|| ModeError::Symbolic(text.to_owned()))?);
        }
        Ok(Self::Symbolic(clauses))
    }

    /// The mode that a file with `mode` gets.
    pub fn apply(&self, mode: u32, is_directory: bool) -> u32 {
        match self {
            Self::Octal(new) => *new,
            Self::Symbolic(clauses) => clauses
                .iter()
                .fold(mode, |mode, clause| clause.apply(mode, is_directory)),
        }
    }

    /// The mode of directories that have to be made on the way.
    pub fn of_parents(&self) -> u32 {
        match self {
            Self::Octal(mode) => mode & 0o777,
            Self::Symbolic(_) => 0o755,
        }
    }
}

impl Clause {
    fn apply(&self, mode: u32, is_directory: bool) -> u32 {
        let mut permissions = self.permissions;
        if let Some(shift) = self.copied_from {
            permissions |= (mode >> shift) & 0o7;
        }
        if self.execute_if_any && (is_directory || mode & 0o111 != 0) {
            permissions |= 0o1;
        }
        let mut bits = ((permissions << 6) | (permissions << 3) | permissions) & self.who;
        let mut special = 0;
        if self.set_id {
            special |= if self.who & USER != 0 { 0o4000 } else { 0 };
            special |= if self.who & GROUP != 0 { 0o2000 } else { 0 };
        }
        if self.sticky {
            special |= 0o1000;
        }
        bits |= special;
        match self.operator {
            '+' => mode | bits,
            '-' => mode & !bits,
            _ => {
                let mut cleared = self.who;
                // a directory keeps its set-ID bits unless they are spoken of, as chmod has it
                if !is_directory {
                    cleared |= if self.who & USER != 0 { 0o4000 } else { 0 };
                    cleared |= if self.who & GROUP != 0 { 0o2000 } else { 0 };
                }
                (mode & !cleared) | bits
            }
        }
    }
}

/// `ug+rw-x`: those who are meant, then operators with what they give or take.
fn clauses_of(part: &str) -> Option<Vec<Clause>> {
    let names = part.find(['+', '-', '='])?;
    let (names, mut rest) = part.split_at_checked(names)?;
    let mut who = 0;
    for name in names.chars() {
        who |= match name {
            'u' => USER,
            'g' => GROUP,
            'o' => OTHERS,
            'a' => 0o777,
            _ => return None,
        };
    }
    if names.is_empty() {
        who = 0o777;
    }
    let mut clauses = Vec::new();
    while let Some(operator) = rest.chars().next() {
        let behind = rest.get(1..)?;
        let end = behind.find(['+', '-', '=']).unwrap_or(behind.len());
        let (letters, following) = behind.split_at_checked(end)?;
        let mut clause = Clause {
            who,
            operator,
            permissions: 0,
            execute_if_any: false,
            set_id: false,
            sticky: false,
            copied_from: None,
        };
        for letter in letters.chars() {
            match letter {
                'r' => clause.permissions |= 0o4,
                'w' => clause.permissions |= 0o2,
                'x' => clause.permissions |= 0o1,
                'X' => clause.execute_if_any = true,
                's' => clause.set_id = true,
                't' => clause.sticky = true,
                'u' if letters.len() == 1 => clause.copied_from = Some(6),
                'g' if letters.len() == 1 => clause.copied_from = Some(3),
                'o' if letters.len() == 1 => clause.copied_from = Some(0),
                _ => return None,
            }
        }
        clauses.push(clause);
        rest = following;
    }
    Some(clauses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_changed() {
        for (text, mode, is_directory, expected) in [
            ("0755", 0o600, false, 0o755),
            ("4755", 0o600, false, 0o4755),
            ("u=rwX,go=rX", 0o600, false, 0o644),
            ("u=rwX,go=rX", 0o700, true, 0o755),
            ("u=rwX,go=rX", 0o711, false, 0o755),
            ("go-w", 0o666, false, 0o644),
            ("+x", 0o644, false, 0o755),
            ("a+rw-x", 0o111, false, 0o666),
            ("g=u", 0o640, false, 0o660),
            ("o=", 0o777, false, 0o770),
            ("u+s", 0o755, false, 0o4755),
            ("ug+s,+t", 0o755, true, 0o7755),
            ("u=rwx", 0o4755, false, 0o755),
        ] {
            let change = ModeChange::parse(text).unwrap();
            assert_eq!(change.apply(mode, is_directory), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_mode_is_named() {
        for text in ["", "x", "u", "u+q", "z+r", "u=rw,", "u=gx"] {
            assert!(
                matches!(ModeChange::parse(text), Err(ModeError::Symbolic(_))),
                "{text}"
            );
        }
        for text in ["9", "07778", "10000", "0x1"] {
            assert!(
                matches!(ModeChange::parse(text), Err(ModeError::Octal(_))),
                "{text}"
            );
        }
    }
}
