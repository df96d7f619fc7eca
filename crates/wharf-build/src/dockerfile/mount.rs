//! `RUN --mount=`: what is there while the command runs.

use super::error::{MountReason, Reason};
use super::expand::ExpandError;
use super::suggestion::Suggestion;

const KEYS: [&str; 19] = [
    "type",
    "from",
    "source",
    "target",
    "readonly",
    "id",
    "sharing",
    "required",
    "size",
    "mode",
    "uid",
    "gid",
    "src",
    "dst",
    "destination",
    "ro",
    "rw",
    "readwrite",
    "env",
];

/// What is mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MountKind {
    /// A folder of the context, a stage or an image.
    Bind,
    /// A folder that outlives the build.
    Cache,
    /// Memory.
    Tmpfs,
    /// A secret as a file or a variable.
    Secret,
    /// The socket of an SSH agent.
    Ssh,
}

impl MountKind {
    const ALL: [(&'static str, Self); 5] = [
        ("bind", Self::Bind),
        ("cache", Self::Cache),
        ("tmpfs", Self::Tmpfs),
        ("secret", Self::Secret),
        ("ssh", Self::Ssh),
    ];

    /// As it is written.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Bind => "bind",
            Self::Cache => "cache",
            Self::Tmpfs => "tmpfs",
            Self::Secret => "secret",
            Self::Ssh => "ssh",
        }
    }
}

/// Who may use a cache at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// Everybody.
    Shared,
    /// Each build has its own.
    Private,
    /// One after the other.
    Locked,
}

impl Sharing {
    const ALL: [(&'static str, Self); 3] = [
        ("shared", Self::Shared),
        ("private", Self::Private),
        ("locked", Self::Locked),
    ];
}

/// One mount of a RUN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// What.
    pub kind: MountKind,
    /// The stage or image that it comes from.
    pub from: Option<String>,
    /// The path there.
    pub source: Option<String>,
    /// The path in the container.
    pub target: Option<String>,
    /// Whether it cannot be written to. The default depends on the type.
    pub read_only: bool,
    /// How large a tmpfs may become, in bytes.
    pub size_bytes: Option<u64>,
    /// The name of a cache, a secret or an agent.
    pub id: Option<String>,
    /// Who shares a cache.
    pub sharing: Option<Sharing>,
    /// Whether a secret or an agent that is not there is an error.
    pub required: bool,
    /// The variable that a secret becomes.
    pub variable: Option<String>,
    /// Permissions.
    pub mode: Option<u32>,
    /// Owner.
    pub user: Option<u32>,
    /// Group.
    pub group: Option<u32>,
}

impl Mount {
    /// Reads what is written behind `--mount=`; `expand` substitutes variables in the values.
    ///
    /// # Errors
    /// If a key or value is unknown, or does not go with the type.
    pub fn parse(
        text: &str,
        expand: &mut dyn FnMut(&str) -> Result<String, ExpandError>,
    ) -> Result<Self, Reason> {
        let mut reader = MountReader::default();
        for field in csv_fields(text)? {
            match field.split_once('=') {
                None => reader.word(&field)?,
                Some((key, value)) => {
                    let key = key.to_lowercase();
                    let value = expand(value)?;
                    reader.pair(&key, &value, &field)?;
                }
            }
        }
        Ok(reader.finished()?)
    }
}

/// What can be known of a mount before variables are: its form, and that `from` has none.
pub(super) fn check_form(text: &str) -> Result<(), MountReason> {
    for field in csv_fields(text)? {
        let Some((key, value)) = field.split_once('=') else {
            continue;
        };
        if key.eq_ignore_ascii_case("from")
            && value.find('$').is_some_and(|at| at + 1 != value.len())
        {
            return Err(MountReason::FromExpansion);
        }
    }
    Ok(())
}

/// What is read so far.
#[derive(Default)]
struct MountReader {
    kind: Option<MountKind>,
    from: Option<String>,
    source: Option<String>,
    target: Option<String>,
    read_only: Option<bool>,
    size_bytes: Option<u64>,
    id: Option<String>,
    sharing: Option<Sharing>,
    required: bool,
    variable: Option<String>,
    mode: Option<u32>,
    user: Option<u32>,
    group: Option<u32>,
}

impl MountReader {
    fn kind(&self) -> MountKind {
        self.kind.unwrap_or(MountKind::Bind)
    }

    /// A field without a value.
    fn word(&mut self, field: &str) -> Result<(), MountReason> {
        match field.to_lowercase().as_str() {
            "readonly" | "ro" => self.read_only = Some(true),
            "readwrite" | "rw" => self.read_only = Some(false),
            "required" => {
                self.only_for("required", &[MountKind::Secret, MountKind::Ssh])?;
                self.required = true;
            }
            _ => {
                return Err(MountReason::NotAPair {
                    field: field.to_owned(),
                });
            }
        }
        Ok(())
    }

    fn pair(&mut self, key: &str, value: &str, field: &str) -> Result<(), MountReason> {
        let text = Some(value.to_owned()).filter(|value| !value.is_empty());
        match key {
            "type" => self.kind = Some(kind(value)?),
            "from" => self.from = text,
            "source" | "src" => self.source = text,
            "target" | "dst" | "destination" => self.target = text,
            "readonly" | "ro" => self.read_only = Some(boolean(key, value)?),
            "readwrite" | "rw" => self.read_only = Some(!boolean(key, value)?),
            "required" => {
                self.only_for(key, &[MountKind::Secret, MountKind::Ssh])?;
                self.required = boolean(key, value)?;
            }
            "size" => {
                self.only_for(key, &[MountKind::Tmpfs])?;
                self.size_bytes = Some(bytes(value).ok_or_else(|| invalid(key, value))?);
            }
            "id" => self.id = text,
            "sharing" => self.sharing = Some(sharing(value)?),
            "mode" => self.mode = Some(number(key, value, 8)?),
            "uid" => self.user = Some(number(key, value, 10)?),
            "gid" => self.group = Some(number(key, value, 10)?),
            "env" => self.variable = Some(value.to_owned()),
            _ => {
                return Err(MountReason::UnknownKey {
                    key: key.to_owned(),
                    field: field.to_owned(),
                    suggestion: Suggestion::among(key, KEYS),
                });
            }
        }
        Ok(())
    }

    /// These keys depend on the type, which has to stand before them.
    fn only_for(&self, key: &str, kinds: &[MountKind]) -> Result<(), MountReason> {
        if kinds.contains(&self.kind()) {
            return Ok(());
        }
        Err(MountReason::KeyOfOtherType {
            key: key.to_owned(),
            kind: self.kind().word(),
        })
    }

    fn finished(self) -> Result<Mount, MountReason> {
        let kind = self.kind();
        if matches!(kind, MountKind::Bind | MountKind::Tmpfs) {
            let owner = [("mode", self.mode), ("uid", self.user), ("gid", self.group)];
            if let Some((key, _)) = owner.into_iter().find(|(_, value)| value.is_some()) {
                return Err(MountReason::OwnerNotAllowed {
                    key,
                    kind: kind.word(),
                });
            }
        }
        if kind == MountKind::Secret {
            self.check_secret()?;
        }
        if self.sharing.is_some() && kind != MountKind::Cache {
            return Err(MountReason::SharingNotAllowed { kind: kind.word() });
        }
        Ok(Mount {
            kind,
            from: self.from,
            source: self.source,
            target: self.target,
            read_only: self
                .read_only
                .unwrap_or(!matches!(kind, MountKind::Cache | MountKind::Tmpfs)),
            size_bytes: self.size_bytes,
            id: self.id,
            sharing: self.sharing,
            required: self.required,
            variable: self.variable,
            mode: self.mode,
            user: self.user,
            group: self.group,
        })
    }

    fn check_secret(&self) -> Result<(), MountReason> {
        if self.from.is_some() {
            return Err(MountReason::SecretFrom);
        }
        match (&self.source, &self.id, &self.target) {
            (None, None, None) => Err(MountReason::SecretWithoutName),
            (Some(_), Some(_), _) => Err(MountReason::SecretWithTwoNames),
            _ => Ok(()),
        }
    }
}

fn kind(value: &str) -> Result<MountKind, MountReason> {
    let found = MountKind::ALL
        .iter()
        .find(|(word, _)| *word == value.to_lowercase());
    found
        .map(|(_, kind)| *kind)
        .ok_or_else(|| MountReason::Type {
            value: value.to_owned(),
            suggestion: Suggestion::among(value, MountKind::ALL.map(|(word, _)| word)),
        })
}

fn sharing(value: &str) -> Result<Sharing, MountReason> {
    let found = Sharing::ALL
        .iter()
        .find(|(word, _)| *word == value.to_lowercase());
    found
        .map(|(_, sharing)| *sharing)
        .ok_or_else(|| MountReason::Sharing {
            value: value.to_owned(),
            suggestion: Suggestion::among(value, Sharing::ALL.map(|(word, _)| word)),
        })
}

/// As Go reads a boolean.
fn boolean(key: &str, value: &str) -> Result<bool, MountReason> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(invalid(key, value)),
    }
}

fn number(key: &str, value: &str, radix: u32) -> Result<u32, MountReason> {
    if value.starts_with('+') {
        return Err(invalid(key, value));
    }
    u32::from_str_radix(value, radix).map_err(|_no_number| invalid(key, value))
}

fn invalid(key: &str, value: &str) -> MountReason {
    MountReason::Value {
        key: key.to_owned(),
        value: value.to_owned(),
    }
}

/// `64m`, `1GiB`, `100`: whole numbers with units of 1024.
fn bytes(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let digits = text
        .trim_end_matches(|character: char| character.is_ascii_alphabetic() || character == ' ');
    let unit = text.strip_prefix(digits)?.trim();
    let power = match unit.trim_end_matches('b').trim_end_matches('i') {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return None,
    };
    digits
        .parse::<u64>()
        .ok()?
        .checked_mul(1024_u64.checked_pow(power)?)
}

/// The fields of one CSV record: quotes around a field keep its commas, and two of them inside are one.
fn csv_fields(text: &str) -> Result<Vec<String>, MountReason> {
    let broken = || MountReason::Quotes {
        text: text.to_owned(),
    };
    let mut fields = Vec::new();
    let mut rest = text;
    loop {
        let (field, behind) = match rest.strip_prefix('"') {
            None => {
                let (field, behind) = match rest.split_once(',') {
                    Some((field, behind)) => (field, Some(behind)),
                    None => (rest, None),
                };
                if field.contains('"') {
                    return Err(broken());
                }
                (field.to_owned(), behind)
            }
            Some(quoted) => quoted_field(quoted).ok_or_else(broken)?,
        };
        fields.push(field);
        match behind {
            Some(behind) => rest = behind,
            None => return Ok(fields),
        }
    }
}

/// The field, and what follows the comma behind it.
fn quoted_field(text: &str) -> Option<(String, Option<&str>)> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let (part, behind) = rest.split_once('"')?;
        field.push_str(part);
        if let Some(behind) = behind.strip_prefix('"') {
            field.push('"');
            rest = behind;
        } else if behind.is_empty() {
            return Some((field, None));
        } else {
            return Some((field, Some(behind.strip_prefix(',')?)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Mount, Reason> {
        Mount::parse(text, &mut |value| Ok(value.replace("$x", "value")))
    }

    #[test]
    fn mounts_are_read() {
        let mount =
            parse("type=cache,target=/root/.cache,id=$x,sharing=locked,mode=0755,uid=1,gid=2")
                .unwrap();
        assert_eq!(mount.kind, MountKind::Cache);
        assert_eq!(mount.id.as_deref(), Some("value"));
        assert_eq!(mount.sharing, Some(Sharing::Locked));
        assert_eq!(
            (mount.mode, mount.user, mount.group),
            (Some(0o755), Some(1), Some(2))
        );
        assert!(!mount.read_only);
        let mount = parse("from=base,src=/a,dst=/b").unwrap();
        assert_eq!((mount.kind, mount.read_only), (MountKind::Bind, true));
        assert!(!parse("target=/b,rw").unwrap().read_only);
        assert!(!parse("target=/b,ro=false").unwrap().read_only);
        assert_eq!(
            parse("type=tmpfs,target=/t,size=64m").unwrap().size_bytes,
            Some(64 << 20)
        );
        assert!(parse("type=secret,id=a,required").unwrap().required);
        assert_eq!(
            parse("type=secret,id=a,env=TOKEN")
                .unwrap()
                .variable
                .as_deref(),
            Some("TOKEN")
        );
        assert_eq!(
            parse("\"target=/a,b\",type=bind")
                .unwrap()
                .target
                .as_deref(),
            Some("/a,b")
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, expected) in [
            (
                "type=cahe",
                "unsupported mount type \"cahe\" (did you mean cache?)",
            ),
            (
                "type=cache,sharing=lock",
                "unsupported sharing value \"lock\" (did you mean locked?)",
            ),
            (
                "targt=/a",
                "unexpected key 'targt' in 'targt=/a' (did you mean target?)",
            ),
            ("target", "invalid field 'target' must be a key=value pair"),
            ("ro=maybe", "invalid value for ro: maybe"),
            (
                "required",
                "unexpected key 'required' for mount type 'bind'",
            ),
            ("size=1g", "unexpected key 'size' for mount type 'bind'"),
            ("type=tmpfs,size=big", "invalid value for size: big"),
            ("type=cache,mode=9", "invalid value for mode: 9"),
            ("type=cache,uid=-1", "invalid value for uid: -1"),
            ("mode=0400", "mode not allowed for \"bind\" type mounts"),
            (
                "type=tmpfs,gid=1",
                "gid not allowed for \"tmpfs\" type mounts",
            ),
            (
                "type=secret",
                "invalid secret mount. one of source, target required",
            ),
            ("type=secret,id=a,src=b", "both source and id can't be set"),
            (
                "type=secret,id=a,from=b",
                "secret mount should not have a from",
            ),
            (
                "type=ssh,sharing=locked",
                "invalid cache sharing set for ssh mount",
            ),
            (
                "a\"b",
                "failed to parse csv mounts: a quote is open or stands inside of a field in \"a\\\"b\"",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), expected, "{text}");
        }
        assert_eq!(
            check_form("from=$x,target=/a"),
            Err(MountReason::FromExpansion)
        );
        assert_eq!(check_form("from=x$,target=$y"), Ok(()));
    }
}
