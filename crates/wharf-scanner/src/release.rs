//! Which distribution an image is of (`os-release`).

/// The distribution.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Release {
    /// `debian`, `alpine`; empty if the image does not say.
    pub id: String,
    /// `12`, `3.20.1`; empty where there is none.
    pub version: String,
    /// For people: `Debian GNU/Linux 12 (bookworm)`.
    pub name: String,
}

impl Release {
    /// Reads an `os-release`: lines of `KEY=value`, the value perhaps in quotes.
    pub(crate) fn read(text: &str) -> Self {
        let mut release = Self::default();
        for line in text.lines() {
            let Some((key, value)) = line.trim().split_once('=') else {
                continue;
            };
            let value = unquoted(value);
            match key {
                "ID" => release.id = value.to_lowercase(),
                "VERSION_ID" => release.version = value,
                "PRETTY_NAME" => release.name = value,
                _ => {}
            }
        }
        release
    }
}

fn unquoted(value: &str) -> String {
    let inner = ['"', '\'']
        .into_iter()
        .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
    let mut text = String::new();
    let mut characters = inner.unwrap_or(value).chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => text.extend(characters.next()),
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn os_releases_are_read() {
        let text = "# x\nPRETTY_NAME=\"A \\\"B\\\" 1\"\nID=Debian\nVERSION_ID='12'\nodd\n";
        let release = Release::read(text);
        assert_eq!(release.id, "debian");
        assert_eq!(release.version, "12");
        assert_eq!(release.name, "A \"B\" 1");
    }
}
