//! `--output`: what becomes of the result.

use std::path::PathBuf;

/// What becomes of the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Output {
    /// Its files in a folder.
    Local(PathBuf),
    /// Its files as an archive; on stdout without a path.
    Tar(Option<PathBuf>),
    /// The image as an archive; on stdout without a path.
    Archive(Option<PathBuf>),
    /// An image of the store, perhaps with a name, perhaps pushed.
    Image {
        /// Further names.
        names: Vec<String>,
        /// Whether it is pushed.
        push: bool,
    },
    /// Nothing.
    CacheOnly,
}

impl Output {
    /// Reads one `--output`: `DEST`, `-`, or fields.
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        if text == "-" {
            return Ok(Self::Tar(None));
        }
        if !text.contains('=') {
            return Ok(Self::Local(PathBuf::from(text)));
        }
        let (mut kind, mut dest) = (None, None);
        let (mut names, mut push) = (Vec::new(), false);
        for field in text.split(',') {
            let Some((key, value)) = field.split_once('=') else {
                // a comma within a name begins another name
                names.push(field.to_owned());
                continue;
            };
            match key.trim().to_lowercase().as_str() {
                "type" => kind = Some(value.to_owned()),
                "dest" => dest = Some(value.to_owned()),
                "name" => names.push(value.trim_matches('"').to_owned()),
                "push" => push = value == "true",
                key => anyhow::bail!(
                    "unknown field {key:?} in --output {text}: expected type, dest, name or push"
                ),
            }
        }
        let path = dest.filter(|dest| dest != "-").map(PathBuf::from);
        let kind = kind.as_deref().unwrap_or("local");
        Ok(match kind {
            "local" => match path {
                Some(path) => Self::Local(path),
                None => anyhow::bail!("--output type=local needs dest=FOLDER"),
            },
            "tar" => Self::Tar(path),
            "oci" | "docker" if kind == "docker" && path.is_none() => Self::Image { names, push },
            "oci" | "docker" => Self::Archive(path),
            "image" => Self::Image { names, push },
            "registry" => Self::Image { names, push: true },
            "cacheonly" => Self::CacheOnly,
            _ => anyhow::bail!(
                "unknown output type {kind:?}: expected local, tar, oci, docker, image, registry or cacheonly"
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_read() {
        for (text, expected) in [
            ("out", Output::Local("out".into())),
            ("-", Output::Tar(None)),
            ("type=local,dest=a/b", Output::Local("a/b".into())),
            ("type=tar,dest=-", Output::Tar(None)),
            ("type=oci,dest=x.tar", Output::Archive(Some("x.tar".into()))),
            (
                "type=docker,dest=-",
                Output::Image {
                    names: vec![],
                    push: false,
                },
            ),
            ("type=cacheonly", Output::CacheOnly),
            (
                "type=image,name=a,b:c,push=true",
                Output::Image {
                    names: vec!["a".to_owned(), "b:c".to_owned()],
                    push: true,
                },
            ),
        ] {
            assert_eq!(Output::parse(text).unwrap(), expected, "{text}");
        }
        for text in ["type=zip", "type=local", "kind=tar"] {
            assert!(Output::parse(text).is_err(), "{text}");
        }
    }
}
