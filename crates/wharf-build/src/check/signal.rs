//! Signals of STOPSIGNAL.

/// Names without `SIG`, as Linux has them.
const NAMES: [&str; 35] = [
    "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL",
    "PIPE", "POLL", "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP",
    "TTIN", "TTOU", "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ", "RTMIN",
];
/// Real-time signals that are counted from the first, and from the last.
const ABOVE_FIRST: u32 = 15;
const BELOW_LAST: u32 = 14;

/// Whether a text is a signal: a name in any case, with or without `SIG`, or a number that is not zero.
pub(crate) fn is_signal(text: &str) -> bool {
    if let Ok(number) = text.parse::<i64>() {
        return number != 0;
    }
    let upper = text.to_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let within = |rest: &str, limit| rest.parse().is_ok_and(|n: u32| (1..=limit).contains(&n));
    let real_time = match (name.strip_prefix("RTMIN+"), name.strip_prefix("RTMAX-")) {
        (Some(rest), _) => within(rest, ABOVE_FIRST),
        (_, Some(rest)) => within(rest, BELOW_LAST),
        _ => name == "RTMAX",
    };
    real_time || NAMES.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_are_known() {
        for text in [
            "SIGTERM",
            "term",
            "sigkill",
            "9",
            "SIGRTMIN+3",
            "RTMAX-14",
            "SIGRTMAX",
        ] {
            assert!(is_signal(text), "{text}");
        }
        for text in [
            "",
            "0",
            "SIG",
            "SIGNOTHING",
            "SIGRTMIN+16",
            "SIGRTMIN+0",
            "9x",
        ] {
            assert!(!is_signal(text), "{text}");
        }
    }
}
