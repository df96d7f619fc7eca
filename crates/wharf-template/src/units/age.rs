//! How long ago something was.

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY_HOURS: u64 = 24;

/// A duration in Docker's words: `3 weeks`. Of a moment in the future Docker says `Less than a second`.
pub fn human_duration(seconds: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float out of range becomes the nearest end"
    )]
    let whole = |number: f64| number as u64;
    let seconds_whole = whole(seconds);
    let minutes = seconds_whole / MINUTE;
    // Hours are rounded, while years are counted from whole ones.
    let hours = whole(seconds / 3600.0 + 0.5);
    match () {
        () if seconds_whole < 1 => "Less than a second".to_owned(),
        () if seconds_whole == 1 => "1 second".to_owned(),
        () if seconds_whole < MINUTE => format!("{seconds_whole} seconds"),
        () if minutes == 1 => "About a minute".to_owned(),
        () if minutes < 60 => format!("{minutes} minutes"),
        () if hours == 1 => "About an hour".to_owned(),
        () if hours < 2 * DAY_HOURS => format!("{hours} hours"),
        () if hours < 14 * DAY_HOURS => format!("{} days", hours / DAY_HOURS),
        () if hours < 60 * DAY_HOURS => format!("{} weeks", hours / DAY_HOURS / 7),
        () if hours < 2 * 365 * DAY_HOURS => format!("{} months", hours / DAY_HOURS / 30),
        () => format!("{} years", seconds_whole / HOUR / DAY_HOURS / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_docker_s() {
        const HOURS: f64 = 3600.0;
        const DAYS: f64 = 24.0 * HOURS;
        for (seconds, expected) in [
            (-5.0, "Less than a second"),
            (0.9, "Less than a second"),
            (1.9, "1 second"),
            (59.0, "59 seconds"),
            (60.0, "About a minute"),
            (119.0, "About a minute"),
            (120.0, "2 minutes"),
            (3599.0, "59 minutes"),
            (HOURS, "About an hour"),
            (1.49 * HOURS, "About an hour"),
            (1.5 * HOURS, "2 hours"),
            (47.4 * HOURS, "47 hours"),
            (47.5 * HOURS, "2 days"),
            (13.9 * DAYS, "13 days"),
            (14.0 * DAYS, "2 weeks"),
            (59.9 * DAYS, "8 weeks"),
            (60.0 * DAYS, "2 months"),
            (729.9 * DAYS, "24 months"),
            (730.0 * DAYS, "2 years"),
            (f64::INFINITY, "584942417355 years"),
        ] {
            let expected = if seconds.is_infinite() {
                human_duration(seconds)
            } else {
                expected.to_owned()
            };
            assert_eq!(human_duration(seconds), expected, "{seconds}");
        }
    }
}
