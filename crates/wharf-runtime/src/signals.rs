//! Signals by name and number, as `--stop-signal` and `kill --signal` take them.

/// The names of signals 1 to 31 on Linux (all architectures but MIPS, Alpha and SPARC).
const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
    "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
    "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];
/// Other names for some of them.
const OTHER_NAMES: [(&str, i32); 4] = [("IOT", 6), ("CLD", 17), ("POLL", 29), ("UNUSED", 31)];
/// The first and the last real-time signal, as the C library counts them.
const REAL_TIME: (i32, i32) = (34, 64);

/// A text that is no signal. The text is Docker's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid signal: {0}")]
pub struct InvalidSignal(pub String);

/// The number of the signal that `text` names: `15`, `TERM`, `sigterm`, `RTMIN+1`.
pub fn parse_signal(text: &str) -> Result<i32, InvalidSignal> {
    let invalid = || InvalidSignal(text.to_owned());
    if let Ok(number) = text.parse::<i32>() {
        return Some(number)
            .filter(|number| (1..=REAL_TIME.1).contains(number))
            .ok_or_else(invalid);
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let plain = NAMES.iter().position(|known| *known == name);
    let plain = plain.and_then(|position| i32::try_from(position + 1).ok());
    let other = OTHER_NAMES.iter().find(|(known, _)| *known == name);
    plain
        .or_else(|| other.map(|(_, number)| *number))
        .or_else(|| real_time(name))
        .ok_or_else(invalid)
}

fn real_time(name: &str) -> Option<i32> {
    let number = if let Some(rest) = name.strip_prefix("RTMIN") {
        REAL_TIME.0 + offset(rest.strip_prefix('+'), rest)?
    } else {
        let rest = name.strip_prefix("RTMAX")?;
        REAL_TIME.1 - offset(rest.strip_prefix('-'), rest)?
    };
    (REAL_TIME.0..=REAL_TIME.1)
        .contains(&number)
        .then_some(number)
}

fn offset(digits: Option<&str>, rest: &str) -> Option<i32> {
    match digits {
        Some(digits) => digits
            .parse()
            .ok()
            .filter(|offset| (0..=30).contains(offset)),
        None => rest.is_empty().then_some(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_are_read() {
        for (text, expected) in [
            ("15", Some(15)),
            ("TERM", Some(15)),
            ("sigkill", Some(9)),
            ("SIGSYS", Some(31)),
            ("IOT", Some(6)),
            ("RTMIN", Some(34)),
            ("SIGRTMIN+3", Some(37)),
            ("RTMAX-1", Some(63)),
            ("64", Some(64)),
            ("0", None),
            ("65", None),
            ("-1", None),
            ("RTMIN+99", None),
            ("RTMINx", None),
            ("SIGNONSENSE", None),
            ("", None),
        ] {
            assert_eq!(parse_signal(text).ok(), expected, "{text:?}");
        }
        assert_eq!(
            parse_signal("X").unwrap_err().to_string(),
            "invalid signal: X"
        );
    }
}
