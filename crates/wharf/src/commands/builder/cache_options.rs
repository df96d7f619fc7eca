//! `--cache-from`, `--cache-to`.

use std::collections::BTreeMap;

use wharf_engine::{CachePlace, CacheSource, CacheTarget};
use wharf_oci::Reference;

use crate::arguments::{Flag, Matches, comma_separated};

pub(super) const CACHE_FROM: Flag = Flag::list(
    "cache-from",
    "External cache sources (e.g., \"user/app:cache\", \"type=local,src=path/to/dir\")",
);
pub(super) const CACHE_TO: Flag = Flag::list(
    "cache-to",
    "Cache export destinations (e.g., \"user/app:cache\", \"type=local,dest=path/to/dir\")",
);

/// Caches of builds elsewhere.
pub(super) fn sources(matches: &Matches) -> anyhow::Result<Vec<CacheSource>> {
    let source = |text: &String| {
        let mut fields = Fields::read(text, "cache-from")?;
        let source = match fields.kind.as_str() {
            // an image with a cache within it is read as any other
            "registry" | "inline" => CacheSource::Registry(fields.reference()?),
            "local" => CacheSource::Folder {
                path: fields.required("src")?.into(),
                tag: fields.values.remove("tag"),
            },
            _ => return Err(fields.unknown_type("registry or local")),
        };
        fields.end(&[])?;
        Ok(source)
    };
    matches.list(&CACHE_FROM).iter().map(source).collect()
}

/// Where caches for builds elsewhere go.
pub(super) fn targets(matches: &Matches) -> anyhow::Result<Vec<CacheTarget>> {
    let target = |text: &String| {
        let mut fields = Fields::read(text, "cache-to")?;
        let place = match fields.kind.as_str() {
            "registry" => CachePlace::Registry(fields.reference()?),
            "local" => CachePlace::Folder(fields.required("dest")?.into()),
            "inline" => CachePlace::Inline,
            _ => return Err(fields.unknown_type("registry, local or inline")),
        };
        let mode = fields.values.remove("mode").unwrap_or_default();
        let is_max = match mode.as_str() {
            "" | "min" => false,
            "max" if place == CachePlace::Inline => anyhow::bail!(
                "mode=max is not supported for the inline cache: an image can only speak of its own layers; use type=registry"
            ),
            "max" => true,
            other => anyhow::bail!("unknown mode {other:?} in --cache-to: expected min or max"),
        };
        let ignores_errors = match fields.values.remove("ignore-error").as_deref() {
            None | Some("false" | "0") => false,
            Some("true" | "1") => true,
            Some(other) => anyhow::bail!("non-bool value {other:?} for ignore-error in --cache-to"),
        };
        // always so
        fields.end(&["image-manifest", "oci-mediatypes"])?;
        Ok(CacheTarget {
            place,
            is_max,
            ignores_errors,
        })
    };
    matches.list(&CACHE_TO).iter().map(target).collect()
}

/// `key=value,...`, or the name of a cache in a registry.
struct Fields {
    text: String,
    flag: &'static str,
    kind: String,
    values: BTreeMap<String, String>,
}

impl Fields {
    fn read(text: &str, flag: &'static str) -> anyhow::Result<Self> {
        let mut values = BTreeMap::new();
        if text.contains('=') {
            let parts = comma_separated(text)
                .map_err(|error| anyhow::anyhow!("invalid value {text:?} for --{flag}: {error}"))?;
            for part in parts {
                let (key, value) = part.split_once('=').ok_or_else(|| {
                    anyhow::anyhow!(
                        "invalid value {text:?} for --{flag}: {part:?} must be key=value"
                    )
                })?;
                values.insert(key.trim().to_lowercase(), value.to_owned());
            }
        } else {
            values.insert("ref".to_owned(), text.to_owned());
        }
        let usual = if values.contains_key("ref") {
            "registry"
        } else {
            ""
        };
        Ok(Self {
            kind: values.remove("type").unwrap_or_else(|| usual.to_owned()),
            text: text.to_owned(),
            flag,
            values,
        })
    }

    fn required(&mut self, key: &str) -> anyhow::Result<String> {
        self.values.remove(key).ok_or_else(|| {
            let (kind, flag) = (&self.kind, self.flag);
            anyhow::anyhow!("--{flag} type={kind} needs {key}=...")
        })
    }

    fn reference(&mut self) -> anyhow::Result<Reference> {
        let text = self.required("ref")?;
        let parsed: Result<Reference, _> = text.parse();
        let reference = parsed
            .map_err(|error| anyhow::anyhow!("invalid ref {text:?} in --{}: {error}", self.flag))?;
        Ok(reference.or_latest())
    }

    fn unknown_type(&self, expected: &str) -> anyhow::Error {
        let (kind, flag) = (&self.kind, self.flag);
        match kind.as_str() {
            "gha" | "s3" | "azblob" => anyhow::anyhow!(
                "--{flag} type={kind} is not supported: every registry can hold a cache, use type=registry,ref=..."
            ),
            _ => anyhow::anyhow!(
                "unknown type {kind:?} in --{flag} {}: expected {expected}",
                self.text
            ),
        }
    }

    /// Refuses what nobody has asked for; `ignored` says nothing here.
    fn end(&self, ignored: &[&str]) -> anyhow::Result<()> {
        let rest = self
            .values
            .keys()
            .find(|key| !ignored.contains(&key.as_str()));
        match rest {
            None => Ok(()),
            Some(key) => anyhow::bail!("unknown field {key:?} in --{} {}", self.flag, self.text),
        }
    }
}
