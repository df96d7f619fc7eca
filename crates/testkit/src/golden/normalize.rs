//! The rules by which two runs of one scenario become comparable. There are no others.
//!
//! 1. The registry's address (`127.0.0.1:PORT`) is `REGISTRY`, the sandbox's folder is `SANDBOX`.
//! 2. An ID that a scenario captured as `NAME` is `{NAME}` at full length and `{NAME:12}` at 12 digits.
//! 3. An age (`16 years ago`, `Less than a second ago`) is `AGE ago`: the clock of tests is the real one.
//! 4. A time of 2025 or later (`2026-11-21T15:55:12.98Z`, `2026-11-21 15:55:12 +0000 UTC`) is `NOW`; images of fixtures are older.
//! 5. Progress lines (`3b4d2a9ed1c7: Pull complete`) that follow each other are ordered by their ID: layers run side by side.
//! 6. Of these lines, `Waiting` and `Verifying Checksum` are left out: Docker prints them or not, as the clock falls.
//! 7. The daemon's folder is `DAEMON`; a layer's folder below it, which has a random name, is `overlay2/LAYER`.

/// What is replaced in the output of one scenario.
#[derive(Debug, Clone, Default)]
pub(crate) struct Normalizer {
    replacements: Vec<(String, String)>,
}

impl Normalizer {
    /// Replaces `text` by `name` from now on.
    pub(crate) fn replace(&mut self, text: String, name: &str) {
        self.replacements.push((text, name.to_owned()));
    }

    /// Calls the last ID in `output` `name` from now on: 64 hex digits, with or without `sha256:`.
    ///
    /// Where there is no ID nothing is captured: the transcript shows what was printed instead.
    pub(crate) fn capture(&mut self, output: &str, name: &str) {
        let id = output
            .split(|character: char| !character.is_ascii_alphanumeric())
            .rfind(|word| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let Some(id) = id else { return };
        let short: String = id.chars().take(12).collect();
        self.replace(id.to_owned(), &format!("{{{name}}}"));
        self.replace(short, &format!("{{{name}:12}}"));
    }

    /// Applies every rule.
    pub(crate) fn apply(&self, output: &str) -> String {
        let mut text = output.to_owned();
        for (from, to) in &self.replacements {
            text = text.replace(from, to);
        }
        let lines: Vec<String> = text
            .split_inclusive('\n')
            .map(|line| replace_layer_folders(&replace_times(&replace_ages(line))))
            .collect();
        sort_progress(lines).concat()
    }
}

/// Rule 3. An age stands before ` ago`, and begins after two blanks, a quote, or at the start of the line.
fn replace_ages(line: &str) -> String {
    let mut result = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once(" ago") {
        let start = ["  ", "\t", "\"", "|"]
            .iter()
            .filter_map(|mark| before.rfind(mark).map(|at| at + mark.len()))
            .max()
            .unwrap_or(0);
        let (kept, age) = before.split_at(start);
        if is_age(age) {
            result.push_str(kept);
            result.push_str("AGE ago");
        } else {
            result.push_str(before);
            result.push_str(" ago");
        }
        rest = after;
    }
    result + rest
}

fn is_age(text: &str) -> bool {
    let words: Vec<&str> = text.split(' ').collect();
    match words.as_slice() {
        ["Less", "than", "a", "second"] | ["About", "a", "minute"] | ["About", "an", "hour"] => {
            true
        }
        [count, unit] => {
            let unit = unit.strip_suffix('s').unwrap_or(unit);
            count.bytes().all(|byte| byte.is_ascii_digit())
                && ["second", "minute", "hour", "day", "week", "month", "year"].contains(&unit)
        }
        _ => false,
    }
}

/// Rule 4.
fn replace_times(line: &str) -> String {
    let mut result = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        if let Some(length) = recent_time_length(rest) {
            let (_, after) = rest.split_at(length);
            result.push_str("NOW");
            rest = after;
            continue;
        }
        result.push(first);
        rest = rest.split_at(first.len_utf8()).1;
    }
    result
}

/// The length of the time that `text` begins with, if it is one of 2025 or later.
fn recent_time_length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let shape = b"dddd-dd-ddTdd:dd:dd";
    let fits = bytes.len() >= shape.len()
        && bytes.iter().zip(shape).all(|(byte, form)| match form {
            b'd' => byte.is_ascii_digit(),
            b'T' => matches!(byte, b'T' | b' '),
            other => byte == other,
        });
    if !fits || text.get(..4)?.parse::<u32>().ok()? < 2025 {
        return None;
    }
    let rest = text.get(shape.len()..)?;
    let fraction = rest
        .bytes()
        .take_while(|byte| *byte == b'.' || byte.is_ascii_digit())
        .count();
    let zone = rest.get(fraction..)?;
    let zone = ["Z", " +0000 UTC", "+00:00"]
        .iter()
        .find(|name| zone.starts_with(**name))
        .map_or(0, |name| name.len());
    Some(shape.len() + fraction + zone)
}

/// Rule 7.
fn replace_layer_folders(line: &str) -> String {
    let mut parts = line.split("/overlay2/");
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        result.push_str("/overlay2/");
        let name = part.bytes().take_while(u8::is_ascii_hexdigit).count();
        match part.split_at_checked(name) {
            Some((_, rest)) if name == 64 => {
                result.push_str("LAYER");
                result.push_str(rest);
            }
            _ => result.push_str(part),
        }
    }
    result
}

/// Rules 5 and 6.
fn sort_progress(lines: Vec<String>) -> Vec<String> {
    let mut result: Vec<String> = Vec::with_capacity(lines.len());
    let mut block: Vec<String> = Vec::new();
    for line in lines {
        if progress_id(&line).is_some() {
            if !line.ends_with(": Waiting\n") && !line.ends_with(": Verifying Checksum\n") {
                block.push(line);
            }
            continue;
        }
        block.sort_by_key(|line| progress_id(line).map(str::to_owned));
        result.append(&mut block);
        result.push(line);
    }
    block.sort_by_key(|line| progress_id(line).map(str::to_owned));
    result.append(&mut block);
    result
}

fn progress_id(line: &str) -> Option<&str> {
    let (id, _) = line.split_once(": ")?;
    (id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules() {
        let mut normalizer = Normalizer::default();
        normalizer.replace("127.0.0.1:5000".to_owned(), "REGISTRY");
        normalizer.capture(&format!("sha256:{}\n", "ac".repeat(32)), "NEW");
        let table = [
            ("127.0.0.1:5000/a/b:1\n", "REGISTRY/a/b:1\n"),
            (
                "sha256:acacacacacacacacacacacacacacacacacacacacacacacacacacacacacacacac",
                "sha256:{NEW}",
            ),
            ("x   acacacacacac   y", "x   {NEW:12}   y"),
            ("a   16 years ago   b\n", "a   AGE ago   b\n"),
            ("Less than a second ago", "AGE ago"),
            (
                "\"CreatedSince\":\"16 years ago\",",
                "\"CreatedSince\":\"AGE ago\",",
            ),
            ("years ago and 16 moons ago", "years ago and 16 moons ago"),
            (
                "\"Created\": \"2026-11-21T15:55:12.989Z\",",
                "\"Created\": \"NOW\",",
            ),
            ("at 2026-11-21 15:55:12 +0000 UTC.", "at NOW."),
            (
                "at 2010-11-21 15:55:12 +0000 UTC.",
                "at 2010-11-21 15:55:12 +0000 UTC.",
            ),
            ("é 2010", "é 2010"),
            (
                "a/overlay2/abababababababababababababababababababababababababababababababab/diff:b/overlay2/l\n",
                "a/overlay2/LAYER/diff:b/overlay2/l\n",
            ),
            (
                "x\nbbbbbbbbbbbb: one\naaaaaaaaaaaa: Waiting\naaaaaaaaaaaa: one\nbbbbbbbbbbbb: two\nDigest: y\n",
                "x\naaaaaaaaaaaa: one\nbbbbbbbbbbbb: one\nbbbbbbbbbbbb: two\nDigest: y\n",
            ),
        ];
        for (input, expected) in table {
            assert_eq!(normalizer.apply(input), expected, "{input}");
        }
    }
}
