//! Dockerfile instructions that set up an image's config: `import --change`, `commit --change`.
//!
//! The instructions allowed and the texts of errors are Docker's (`builder/dockerfile/dispatchers.go`).

use serde_json::{Map, Value, json};

/// The instructions that may stand here.
const ALLOWED: [&str; 11] = [
    "CMD",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "HEALTHCHECK",
    "LABEL",
    "ONBUILD",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// A config made by instructions.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ConfigChanges {
    fields: Map<String, Value>,
}

/// Why an instruction cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ChangeError {
    /// Not one of those allowed.
    #[error("{0} is not a valid change command")]
    NotAllowed(String),
    /// Nothing behind the instruction.
    #[error("{0} requires at least one argument")]
    NoArgument(String),
    /// `ENV` or `LABEL` without a value.
    #[error("Syntax error - can't find = in {0:?}. Must be of the form: name=value")]
    NoValue(String),
    /// A quote that is not closed.
    #[error("unexpected end of statement while looking for matching double-quote in {0:?}")]
    Quote(String),
    /// A port that is none.
    #[error("invalid containerPort: {0}")]
    Port(String),
    /// An option that is none.
    #[error("invalid {instruction} option: {option}")]
    Option {
        /// The instruction.
        instruction: &'static str,
        /// What was given.
        option: String,
    },
}

impl ConfigChanges {
    /// Reads the instructions, one or more to a text, in order.
    pub(super) fn parse(texts: &[String]) -> Result<Self, ChangeError> {
        Self::parse_upon(Map::new(), texts)
    }

    /// The same, changing the `config` that is there.
    pub(crate) fn parse_upon(
        fields: Map<String, Value>,
        texts: &[String],
    ) -> Result<Self, ChangeError> {
        let mut changes = Self { fields };
        for line in texts.iter().flat_map(|text| text.lines()) {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                changes.apply(line)?;
            }
        }
        Ok(changes)
    }

    /// The config document's `config`.
    pub(crate) fn to_json(&self) -> Value {
        Value::Object(self.fields.clone())
    }

    fn apply(&mut self, line: &str) -> Result<(), ChangeError> {
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let (instruction, rest) = (word.to_ascii_uppercase(), rest.trim());
        if !ALLOWED.contains(&instruction.as_str()) {
            return Err(ChangeError::NotAllowed(word.to_ascii_lowercase()));
        }
        if rest.is_empty() && !matches!(instruction.as_str(), "CMD" | "ENTRYPOINT") {
            return Err(ChangeError::NoArgument(instruction));
        }
        match instruction.as_str() {
            "CMD" => self.set("Cmd", command(rest)),
            "ENTRYPOINT" => self.set("Entrypoint", command(rest)),
            "ENV" => {
                for (key, value) in pairs(rest)? {
                    self.set_environment(&key, &value);
                }
            }
            "LABEL" => {
                for (key, value) in pairs(rest)? {
                    self.put_in("Labels", &key, json!(value));
                }
            }
            "EXPOSE" => {
                for port in rest.split_whitespace() {
                    self.put_in("ExposedPorts", &port_key(port)?, json!({}));
                }
            }
            "VOLUME" => {
                for path in strings(rest).unwrap_or_else(|| split(rest)) {
                    self.put_in("Volumes", &path, json!({}));
                }
            }
            "HEALTHCHECK" => self.set("Healthcheck", healthcheck(rest)?),
            "ONBUILD" => self.push("OnBuild", json!(rest)),
            "STOPSIGNAL" => self.set("StopSignal", json!(rest)),
            "USER" => self.set("User", json!(rest)),
            _ => self.set_working_dir(rest),
        }
        Ok(())
    }

    fn set(&mut self, key: &str, value: Value) {
        self.fields.insert(key.to_owned(), value);
    }

    fn put_in(&mut self, field: &str, key: &str, value: Value) {
        let entry = self.fields.entry(field).or_insert_with(|| json!({}));
        if let Some(map) = entry.as_object_mut() {
            map.insert(key.to_owned(), value);
        }
    }

    fn push(&mut self, field: &str, value: Value) {
        let entry = self.fields.entry(field).or_insert_with(|| json!([]));
        if let Some(list) = entry.as_array_mut() {
            list.push(value);
        }
    }

    fn set_environment(&mut self, key: &str, value: &str) {
        let entry = self.fields.entry("Env").or_insert_with(|| json!([]));
        if let Some(list) = entry.as_array_mut() {
            let is_key = |item: &Value| {
                item.as_str()
                    .and_then(|text| text.split_once('='))
                    .is_some_and(|(k, _)| k == key)
            };
            list.retain(|item| !is_key(item));
            list.push(json!(format!("{key}={value}")));
        }
    }

    /// A relative folder is below the one before.
    fn set_working_dir(&mut self, path: &str) {
        let before = self
            .fields
            .get("WorkingDir")
            .and_then(Value::as_str)
            .unwrap_or("/");
        let joined = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("{before}/{path}")
        };
        let mut parts: Vec<&str> = Vec::new();
        for part in joined.split('/') {
            match part {
                "" | "." => (),
                ".." => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        let clean = format!("/{}", parts.join("/"));
        self.set("WorkingDir", json!(clean));
    }
}

/// `["a","b"]` is taken as it is, anything else goes through the shell.
fn command(text: &str) -> Value {
    match strings(text) {
        Some(words) => json!(words),
        None if text.is_empty() => Value::Null,
        None => json!(["/bin/sh", "-c", text]),
    }
}

fn strings(text: &str) -> Option<Vec<String>> {
    serde_json::from_str(text).ok()
}

fn split(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn port_key(text: &str) -> Result<String, ChangeError> {
    let (port, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let is_number = |text: &str| text.parse::<u16>().is_ok();
    let valid = match port.split_once('-') {
        Some((first, last)) => is_number(first) && is_number(last),
        None => is_number(port),
    };
    let protocol = protocol.to_ascii_lowercase();
    if valid && matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
        Ok(format!("{port}/{protocol}"))
    } else {
        Err(ChangeError::Port(text.to_owned()))
    }
}

/// `key=value key2="a b"`, or the old form `key the rest`.
fn pairs(text: &str) -> Result<Vec<(String, String)>, ChangeError> {
    let words = words(text)?;
    let first = words.first().map(String::as_str).unwrap_or_default();
    if !first.contains('=') {
        let (key, value) = text
            .split_once(char::is_whitespace)
            .ok_or_else(|| ChangeError::NoValue(text.to_owned()))?;
        return Ok(vec![(key.to_owned(), value.trim().to_owned())]);
    }
    words
        .into_iter()
        .map(|word| match word.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
            _ => Err(ChangeError::NoValue(word)),
        })
        .collect()
}

/// Splits at spaces that are neither quoted nor escaped, and takes quotes and escapes off.
fn words(text: &str) -> Result<Vec<String>, ChangeError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match (quote, c) {
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (Some(open), c) if c == open => quote = None,
            (None | Some('"'), '\\') => {
                let escaped = rest.next().unwrap_or('\\');
                word.get_or_insert_default().push(escaped);
            }
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err(ChangeError::Quote(text.to_owned()));
    }
    words.extend(word);
    Ok(words)
}

fn healthcheck(text: &str) -> Result<Value, ChangeError> {
    let invalid = |option: &str| ChangeError::Option {
        instruction: "HEALTHCHECK",
        option: option.to_owned(),
    };
    let mut check = Map::new();
    let mut rest = text;
    while let Some(option) = rest.strip_prefix("--") {
        let (option, behind) = option
            .split_once(char::is_whitespace)
            .unwrap_or((option, ""));
        let (name, value) = option.split_once('=').ok_or_else(|| invalid(option))?;
        let field = match name {
            "interval" => "Interval",
            "timeout" => "Timeout",
            "start-period" => "StartPeriod",
            "start-interval" => "StartInterval",
            "retries" => "Retries",
            _ => return Err(invalid(option)),
        };
        let number = match name {
            "retries" => value.parse::<i64>().ok(),
            _ => nanoseconds(value),
        };
        check.insert(
            field.to_owned(),
            json!(number.ok_or_else(|| invalid(option))?),
        );
        rest = behind.trim_start();
    }
    let (kind, behind) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let test = match (kind.to_ascii_uppercase().as_str(), strings(behind)) {
        ("NONE", _) => vec!["NONE".to_owned()],
        ("CMD", Some(words)) => [vec!["CMD".to_owned()], words].concat(),
        ("CMD", None) if !behind.is_empty() => vec!["CMD-SHELL".to_owned(), behind.to_owned()],
        _ => return Err(invalid(rest)),
    };
    check.insert("Test".to_owned(), json!(test));
    Ok(Value::Object(check))
}

/// Go's durations as far as health checks use them: `1h30m`, `1.5s`, `500ms`.
fn nanoseconds(text: &str) -> Option<i64> {
    let mut total = 0.0;
    let mut rest = text;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, behind) = rest.split_at_checked(end)?;
        let unit_end = behind
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(behind.len());
        let (unit, behind) = behind.split_at_checked(unit_end)?;
        let scale = match unit {
            "ns" => 1.0,
            "us" | "µs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * scale;
        rest = behind;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "saturates, and no check waits 292 years"
    )]
    Some(total as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(texts: &[&str]) -> Result<Value, ChangeError> {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        ConfigChanges::parse(&texts).map(|changes| changes.to_json())
    }

    #[test]
    fn instructions_set_the_config() {
        for (text, expected) in [
            (r#"CMD ["a","b"]"#, json!({"Cmd": ["a", "b"]})),
            ("cmd echo hi", json!({"Cmd": ["/bin/sh", "-c", "echo hi"]})),
            ("ENTRYPOINT [\"x\"]", json!({"Entrypoint": ["x"]})),
            (
                "ENV A=1 B=\"two words\" C=x\\ y",
                json!({"Env": ["A=1", "B=two words", "C=x y"]}),
            ),
            ("ENV A the rest of it", json!({"Env": ["A=the rest of it"]})),
            ("ENV A=1\nENV A=2", json!({"Env": ["A=2"]})),
            (
                "LABEL a.b=c 'd'=e",
                json!({"Labels": {"a.b": "c", "d": "e"}}),
            ),
            (
                "EXPOSE 80 53/UDP",
                json!({"ExposedPorts": {"80/tcp": {}, "53/udp": {}}}),
            ),
            ("VOLUME /a /b", json!({"Volumes": {"/a": {}, "/b": {}}})),
            (r#"VOLUME ["/a b"]"#, json!({"Volumes": {"/a b": {}}})),
            ("USER 1000:1000", json!({"User": "1000:1000"})),
            ("WORKDIR /a\nWORKDIR b/../c", json!({"WorkingDir": "/a/c"})),
            ("STOPSIGNAL SIGTERM", json!({"StopSignal": "SIGTERM"})),
            ("ONBUILD RUN x", json!({"OnBuild": ["RUN x"]})),
            (
                "HEALTHCHECK NONE",
                json!({"Healthcheck": {"Test": ["NONE"]}}),
            ),
            (
                "HEALTHCHECK --interval=1m30s --retries=3 CMD curl -f x",
                json!({"Healthcheck": {"Interval": 90_000_000_000_i64, "Retries": 3, "Test": ["CMD-SHELL", "curl -f x"]}}),
            ),
        ] {
            assert_eq!(changed(&[text]).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_docker_refuses_is_refused() {
        for (text, expected) in [
            ("FROM x", "from is not a valid change command"),
            ("RUN x", "run is not a valid change command"),
            ("ENV", "ENV requires at least one argument"),
            (
                "ENV A",
                "Syntax error - can't find = in \"A\". Must be of the form: name=value",
            ),
            ("EXPOSE many", "invalid containerPort: many"),
            (
                "HEALTHCHECK --interval=soon CMD x",
                "invalid HEALTHCHECK option: interval=soon",
            ),
        ] {
            assert_eq!(
                changed(&[text]).unwrap_err().to_string(),
                expected,
                "{text}"
            );
        }
        assert!(changed(&["LABEL a=\"open"]).is_err());
    }
}
