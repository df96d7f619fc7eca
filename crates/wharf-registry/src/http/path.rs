//! Paths of requests and the patterns of routes.
//!
//! Repositories have slashes in their names, so a pattern may have one part that takes as many components as are left
//! when what stands before and behind it has matched: `/v2/{name*}/manifests/{reference}`.

/// A pattern, in its components.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    text: &'static str,
    parts: Vec<Part>,
    /// Where the part is that takes several components.
    many: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Word(&'static str),
    /// One component, not empty.
    One(&'static str),
    /// At least one component.
    Many(&'static str),
}

/// What the parts of a pattern that have names were, decoded once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PathParts(Vec<(&'static str, String)>);

/// A path that is no path: a broken escape, or an escaped slash or NUL where none may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadPath;

impl Pattern {
    /// Reads a pattern of the table of routes.
    pub(super) fn new(text: &'static str) -> Self {
        let part = |part: &'static str| match part
            .strip_prefix('{')
            .and_then(|part| part.strip_suffix('}'))
        {
            Some(name) => match name.strip_suffix('*') {
                Some(name) => Part::Many(name),
                None => Part::One(name),
            },
            None => Part::Word(part),
        };
        let parts: Vec<Part> = text.trim_start_matches('/').split('/').map(part).collect();
        let many = parts.iter().position(|part| matches!(part, Part::Many(_)));
        Self { text, parts, many }
    }

    /// The text, as the `OpenAPI` document has it.
    pub(super) fn text(&self) -> &'static str {
        self.text
    }

    /// Whether the components match; the named ones still encoded.
    pub(super) fn matches<'a>(
        &self,
        components: &[&'a str],
    ) -> Option<Vec<(&'static str, Vec<&'a str>)>> {
        let (front, back) = match self.many {
            Some(many) => (many, self.parts.len() - many - 1),
            None if self.parts.len() == components.len() => (self.parts.len(), 0),
            None => return None,
        };
        let middle_ends = components.len().checked_sub(back)?;
        let middle = components.get(front..middle_ends)?;
        let mut named = Vec::new();
        let (before, rest) = self.parts.split_at(front);
        if !all_match(before, components.get(..front)?, &mut named) {
            return None;
        }
        if let Some((Part::Many(name), after)) = rest.split_first() {
            if middle.is_empty() || !all_match(after, components.get(middle_ends..)?, &mut named) {
                return None;
            }
            named.push((name, middle.to_vec()));
        }
        Some(named)
    }
}

fn all_match<'a>(
    parts: &[Part],
    components: &[&'a str],
    named: &mut Vec<(&'static str, Vec<&'a str>)>,
) -> bool {
    parts
        .iter()
        .zip(components)
        .all(|(part, component)| match part {
            Part::Word(word) => word == component,
            Part::One(name) => {
                named.push((name, vec![component]));
                !component.is_empty()
            }
            Part::Many(_) => false,
        })
}

impl PathParts {
    /// Decodes what a pattern took. Within a component, a slash can only be one that was escaped twice (Harbor's way).
    pub(super) fn decode(named: Vec<(&'static str, Vec<&str>)>) -> Result<Self, BadPath> {
        let decoded = named.into_iter().map(|(name, components)| {
            let components: Result<Vec<String>, BadPath> =
                components.into_iter().map(decode_component).collect();
            Ok((name, components?.join("/")))
        });
        Ok(Self(decoded.collect::<Result<_, BadPath>>()?))
    }

    /// All parts.
    pub(super) fn into_pairs(self) -> Vec<(&'static str, String)> {
        self.0
    }

    /// The part `name`; empty if the pattern has none, which a handler asks for only by mistake.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0
            .iter()
            .find(|(known, _)| *known == name)
            .map_or("", |(_, value)| value)
    }
}

fn decode_component(text: &str) -> Result<String, BadPath> {
    let decoded = percent_decode(text, false).ok_or(BadPath)?;
    if decoded.contains(['/', '\0']) {
        return Err(BadPath);
    }
    Ok(decoded)
}

/// Takes percent escapes out, and in a query also `+` for a space. `None` if an escape is broken or the bytes are not UTF-8.
pub(super) fn percent_decode(text: &str, plus_is_space: bool) -> Option<String> {
    if !text.contains(['%', '+']) {
        return Some(text.to_owned());
    }
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let (high, low) = (bytes.next()?, bytes.next()?);
                let digit = |byte: u8| char::from(byte).to_digit(16);
                u8::try_from(digit(high)? * 16 + digit(low)?).ok()?
            }
            b'+' if plus_is_space => b' ',
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matched(pattern: &'static str, path: &str) -> Option<Vec<(&'static str, String)>> {
        let components: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let named = Pattern::new(pattern).matches(&components)?;
        let mut parts = PathParts::decode(named).ok()?.0;
        parts.sort();
        Some(parts)
    }

    #[test]
    fn a_name_takes_what_is_left() {
        let pattern = "/v2/{name*}/manifests/{reference}";
        for (path, name, reference) in [
            ("/v2/a/manifests/latest", "a", "latest"),
            ("/v2/a/b/c/manifests/1", "a/b/c", "1"),
            ("/v2/a/manifests/b/manifests/1", "a/manifests/b", "1"),
            ("/v2/a/manifests/sha256%3Aab", "a", "sha256:ab"),
        ] {
            let expected = vec![
                ("name", name.to_owned()),
                ("reference", reference.to_owned()),
            ];
            assert_eq!(matched(pattern, path), Some(expected), "{path}");
        }
        for path in [
            "/v2/manifests/x",
            "/v2/a/manifests/",
            "/v2/a/manifests",
            "/v2/a/blobs/x",
            "/v2",
        ] {
            assert_eq!(matched(pattern, path), None, "{path}");
        }
    }

    #[test]
    fn a_component_is_decoded_once() {
        let pattern = "/p/{project}/repositories/{repository}";
        let repository = |path| matched(pattern, path).map(|parts| parts[1].1.clone());
        assert_eq!(
            repository("/p/x/repositories/a%252Fb"),
            Some("a%2Fb".to_owned())
        );
        for bad in [
            "/p/x/repositories/a%2Fb",
            "/p/x/repositories/%",
            "/p/x/repositories/%ff",
            "/p/x/repositories/%00",
        ] {
            assert_eq!(repository(bad), None, "{bad}");
        }
    }
}
