//! Sizes as people read them.

use crate::print::{FloatForm, format_float};

const DECIMAL_UNITS: [&str; 9] = ["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];
const BINARY_UNITS: [&str; 9] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"];

/// A size in units of 1000 with up to four digits: `1.982MB`.
pub fn human_size(size_bytes: u64) -> String {
    human_size_with_precision(size_bytes, 4)
}

/// A size in units of 1000 with up to `digits` digits: with three, as in the column SIZE of `docker images`, `1.98MB`.
///
/// Docker writes 999600 bytes in three digits as `1e+03kB`, since it rounds after it chose the unit. That is a mistake
/// which no reader of such a column expects; this writes `1MB`. With four digits Docker's `1000kB` stays.
pub fn human_size_with_precision(size_bytes: u64, digits: usize) -> String {
    scaled(size_bytes, 1000.0, &DECIMAL_UNITS, digits)
}

/// A size in units of 1024 with up to four digits: `1.89MiB`.
pub fn bytes_size(size_bytes: u64) -> String {
    scaled(size_bytes, 1024.0, &BINARY_UNITS, 4)
}

#[expect(clippy::cast_precision_loss, reason = "four digits of it are shown")]
fn scaled(size_bytes: u64, base: f64, units: &[&str], digits: usize) -> String {
    let mut size = size_bytes as f64;
    let mut units = units.iter().peekable();
    let mut unit = units.next().copied().unwrap_or_default();
    while let Some(larger) = units.next_if(|_| size >= base) {
        size /= base;
        unit = larger;
    }
    let mut number = format_float(size, FloatForm::General, Some(digits));
    if number.contains('e')
        && let Some(larger) = units.next()
    {
        number = format_float(size / base, FloatForm::General, Some(digits));
        unit = larger;
    }
    format!("{number}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_docker_s() {
        for (size, three, four, binary) in [
            (0, "0B", "0B", "0B"),
            (1, "1B", "1B", "1B"),
            (999, "999B", "999B", "999B"),
            (1000, "1kB", "1kB", "1000B"),
            (1024, "1.02kB", "1.024kB", "1KiB"),
            (1_982_000, "1.98MB", "1.982MB", "1.89MiB"),
            (202_700_000, "203MB", "202.7MB", "193.3MiB"),
            (999_600, "1MB", "999.6kB", "976.2KiB"),
            (999_960, "1MB", "1000kB", "976.5KiB"),
            (u64::MAX, "18.4EB", "18.45EB", "16EiB"),
        ] {
            assert_eq!(human_size_with_precision(size, 3), three);
            assert_eq!(human_size(size), four);
            assert_eq!(bytes_size(size), binary);
        }
    }
}
