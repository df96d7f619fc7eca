//! Reads `WWW-Authenticate` (RFC 9110, section 11.6.1).
//!
//! The header may hold several challenges, separated by the same comma that separates the parameters
//! of one. What breaks the grammar ends the reading: the challenges before it count. Values that should
//! have been quoted and are not are taken up to the next comma or space, since registries send them.

/// Longest header that is read, in bytes.
const HEADER_LIMIT_BYTES: usize = 16 * 1024;
const CHALLENGE_LIMIT: usize = 16;
const PARAMETER_LIMIT: usize = 32;

/// One way in which a server offers to be convinced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthChallenge {
    /// The scheme in lower case: `basic`, `bearer`, or one that Wharf does not know.
    pub scheme: String,
    /// Parameters in the order sent, with their names in lower case.
    pub parameters: Vec<(String, String)>,
}

impl AuthChallenge {
    /// The first value of the parameter `name`.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let mut parameters = self.parameters.iter();
        parameters
            .find(|(parameter, _)| parameter == name)
            .map(|(_, value)| value.as_str())
    }
}

/// The challenges of one `WWW-Authenticate` header. Never fails: what cannot be read offers nothing.
pub fn parse_challenges(header: &str) -> Vec<AuthChallenge> {
    let mut challenges = Vec::new();
    if header.len() > HEADER_LIMIT_BYTES {
        return challenges;
    }
    let mut reader = Reader { rest: header };
    while challenges.len() < CHALLENGE_LIMIT {
        reader.skip_separators();
        let Some(challenge) = reader.challenge() else {
            break;
        };
        challenges.push(challenge);
    }
    challenges
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    // `None` at the end, or where the grammar is broken.
    fn challenge(&mut self) -> Option<AuthChallenge> {
        let scheme = self.token()?.to_ascii_lowercase();
        let mut parameters = Vec::new();
        if !self.rest.is_empty() && !self.rest.starts_with([' ', '\t', ',']) {
            return None;
        }
        self.skip_token68();
        while parameters.len() < PARAMETER_LIMIT {
            self.skip_separators();
            let before = self.rest;
            let Some(name) = self.token() else {
                break;
            };
            self.skip_spaces();
            if !self.eat('=') {
                // The scheme of the next challenge.
                self.rest = before;
                break;
            }
            self.skip_spaces();
            parameters.push((name.to_ascii_lowercase(), self.value()?));
        }
        Some(AuthChallenge { scheme, parameters })
    }

    fn token(&mut self) -> Option<&'a str> {
        let token = self.take_while(is_token_character);
        (!token.is_empty()).then_some(token)
    }

    // `Negotiate dG9rZW4=`: a value without a name, which no scheme that we know uses.
    fn skip_token68(&mut self) {
        let mut ahead = Reader { rest: self.rest };
        ahead.skip_spaces();
        let token = ahead.take_while(|c| c.is_ascii_alphanumeric() || "-._~+/".contains(c));
        ahead.take_while(|c| c == '=');
        ahead.skip_spaces();
        let ends = ahead.rest.is_empty() || ahead.rest.starts_with(',');
        // `Basic, Bearer ...` has nothing here, and `Basic` at the end neither.
        if !token.is_empty() && ends {
            self.rest = ahead.rest;
        }
    }

    fn value(&mut self) -> Option<String> {
        if !self.eat('"') {
            let value = self.take_while(|c| !matches!(c, ',' | ' ' | '\t' | '"'));
            return Some(value.to_owned());
        }
        let mut value = String::new();
        let mut characters = self.rest.chars();
        loop {
            match characters.next()? {
                '"' => break,
                '\\' => value.push(characters.next()?),
                character => value.push(character),
            }
        }
        self.rest = characters.as_str();
        Some(value)
    }

    fn skip_spaces(&mut self) {
        self.take_while(|c| matches!(c, ' ' | '\t'));
    }

    fn skip_separators(&mut self) {
        self.take_while(|c| matches!(c, ' ' | '\t' | ','));
    }

    fn eat(&mut self, character: char) -> bool {
        let after = self.rest.strip_prefix(character);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let after = self.rest.trim_start_matches(belongs);
        let taken = self.rest.strip_suffix(after).unwrap_or_default();
        self.rest = after;
        taken
    }
}

fn is_token_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(character)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // As `scheme{name=value;...}` for the table.
    fn shown(header: &str) -> String {
        let challenges = parse_challenges(header);
        let shown = challenges.iter().map(|challenge| {
            let parameters = challenge.parameters.iter();
            let parameters: Vec<_> = parameters.map(|(n, v)| format!("{n}={v}")).collect();
            format!("{}{{{}}}", challenge.scheme, parameters.join(";"))
        });
        shown.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn reads_what_registries_send() {
        for (header, expected) in [
            ("", ""),
            ("Basic", "basic{}"),
            (
                r#"Basic realm="Registry Realm""#,
                "basic{realm=Registry Realm}",
            ),
            (
                r#"Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push""#,
                "bearer{realm=https://auth.example/token;service=registry.example;scope=repository:a/b:pull,push}",
            ),
            (
                r#"BEARER Realm = "x" , Service = y"#,
                "bearer{realm=x;service=y}",
            ),
            (
                r"Bearer realm=https://a/t?x=y,service=s",
                "bearer{realm=https://a/t?x=y;service=s}",
            ),
            (
                r#"Basic realm="a", Bearer realm="b""#,
                "basic{realm=a} bearer{realm=b}",
            ),
            (r#"Basic, Bearer realm="b""#, "basic{} bearer{realm=b}"),
            (
                r#"Negotiate, Basic realm="a""#,
                "negotiate{} basic{realm=a}",
            ),
            (
                r#"Negotiate YWJj==, Basic realm="a""#,
                "negotiate{} basic{realm=a}",
            ),
            (r#"Basic realm="a\"b\\c""#, r#"basic{realm=a"b\c}"#),
            (r#", ,Basic realm="a",,"#, "basic{realm=a}"),
            (
                r#"Basic realm="a,b", charset="UTF-8""#,
                "basic{realm=a,b;charset=UTF-8}",
            ),
            (r#"Basic realm="never closed"#, ""),
            (r#"Basic realm="a", Bearer realm="open"#, "basic{realm=a}"),
            (r#"Basic="x""#, ""),
            ("=", ""),
            ("\"", ""),
            (
                "Bearer error=\"invalid_token\"",
                "bearer{error=invalid_token}",
            ),
            ("Bearer scope=\"\"", "bearer{scope=}"),
        ] {
            assert_eq!(shown(header), expected, "{header}");
        }
    }

    #[test]
    fn has_limits() {
        assert_eq!(parse_challenges(&"a, ".repeat(1000)).len(), CHALLENGE_LIMIT);
        let many = format!("Basic {}", "a=b,".repeat(1000));
        assert_eq!(parse_challenges(&many)[0].parameters.len(), PARAMETER_LIMIT);
        let long = format!("Basic realm=\"{}\"", "x".repeat(HEADER_LIMIT_BYTES));
        assert!(parse_challenges(&long).is_empty());
    }

    proptest! {
        #[test]
        fn never_panics_and_ends(header in "\\PC{0,200}") {
            parse_challenges(&header);
        }

        #[test]
        fn quoted_values_come_back(value in "[ -~]{0,40}") {
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            let header = format!("Bearer realm=\"{quoted}\", service=s");
            let challenges = parse_challenges(&header);
            prop_assert_eq!(challenges[0].parameter("realm"), Some(value.as_str()));
            prop_assert_eq!(challenges[0].parameter("service"), Some("s"));
        }
    }
}
