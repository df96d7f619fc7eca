//! Queries of requests.

use super::path::percent_decode;

/// Most parameters that are read.
const PARAMETER_LIMIT: usize = 256;

/// The parameters of a query, decoded, in their order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads the part of an address behind `?`. `None` if an escape is broken or stands for a NUL, or there are too many.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parameters = Vec::new();
        for parameter in text.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let decoded = (percent_decode(name, true)?, percent_decode(value, true)?);
            // No name or text that is asked for has a NUL, and PostgreSQL does not even compare one.
            if decoded.0.contains('\0') || decoded.1.contains('\0') {
                return None;
            }
            parameters.push(decoded);
            if parameters.len() > PARAMETER_LIMIT {
                return None;
            }
        }
        Some(Self(parameters))
    }

    /// All parameters.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether the parameter `name` says yes.
    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.get(name)
            .is_some_and(|value| value == "true" || value == "1")
    }

    /// The first value of `name`.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// All values of `name`.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Writes a value so that it can stand in a query or a path.
pub(crate) fn percent_encode(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _infallible = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_may_repeat() {
        let query = Query::parse("tag=a&tag=b%2Bc&n=1+2&flag&&x=%C3%A9").unwrap();
        assert_eq!(query.all("tag").collect::<Vec<_>>(), ["a", "b+c"]);
        assert_eq!(query.get("n"), Some("1 2"));
        assert_eq!(query.get("flag"), Some(""));
        assert_eq!(query.get("x"), Some("é"));
        assert_eq!(query.get("y"), None);
        assert!(Query::parse("a=%zz").is_none());
        assert!(Query::parse("a=%00").is_none());
        assert!(Query::parse(&"a&".repeat(300)).is_none());
    }

    #[test]
    fn what_is_encoded_is_decoded_again() {
        let text = "a/b c&d=é%";
        assert_eq!(percent_decode(&percent_encode(text), true).unwrap(), text);
    }
}
