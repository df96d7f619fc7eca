//! `--output`: what becomes of the result.

use std::collections::BTreeMap;
use std::path::PathBuf;

use wharf_engine::{ImageAnnotation, ImageShape, LayerCompression};

use crate::arguments::comma_separated;

/// What becomes of the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Output {
    /// Its files in a folder.
    Local {
        /// The folder.
        folder: PathBuf,
        /// Whether what is there and not in the result goes.
        deletes: bool,
        /// How they lie there.
        files: FilesAttributes,
    },
    /// Its files as an archive.
    Tar {
        /// Where to; stdout without.
        path: Option<PathBuf>,
        /// How they lie in it.
        files: FilesAttributes,
    },
    /// The image as an archive or a layout.
    Archive {
        /// Where to; stdout without.
        path: Option<PathBuf>,
        /// For `docker load`, too.
        for_docker: bool,
        /// A folder instead of an archive.
        is_folder: bool,
        /// What the image is like.
        image: ImageAttributes,
    },
    /// An image of the store, perhaps with a name, perhaps pushed.
    Image {
        /// Whether it is pushed.
        push: bool,
        /// Whether it is pushed by its digest alone.
        by_digest: bool,
        /// Whether it is recorded in the store.
        keeps: bool,
        /// What it is like.
        image: ImageAttributes,
    },
    /// Nothing.
    CacheOnly,
}

/// How exported files lie.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct FilesAttributes {
    /// Those of several platforms all in one folder.
    pub(super) unsplit: bool,
    /// What stands in front of the names of attestations.
    pub(super) attestation_prefix: String,
}

/// What an image is like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ImageAttributes {
    /// Further names.
    pub(super) names: Vec<String>,
    /// The name of an image that has none, to which its digest is added.
    pub(super) dangling_prefix: Option<String>,
    /// Whether names with the digest are given as well.
    pub(super) names_digest: bool,
    /// How its documents and layers are written.
    pub(super) shape: ImageShape,
}

/// Fields as they are written.
#[derive(Debug, Default)]
struct Fields {
    kind: Option<String>,
    path: Option<PathBuf>,
    deletes: bool,
    /// `push`, `push-by-digest`, `store`, `tar`.
    switches: BTreeMap<String, bool>,
    oci: Option<bool>,
    compression: Option<String>,
    level: Option<i32>,
    image: ImageAttributes,
    /// Of `type=local` and `type=tar` only.
    files: Option<FilesAttributes>,
}

impl Output {
    /// An image of the store.
    pub(super) fn image(push: bool) -> Self {
        Self::Image {
            push,
            by_digest: false,
            keeps: true,
            image: ImageAttributes::default(),
        }
    }

    /// Reads one `--output`: `DEST`, `-`, or fields.
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        if text == "-" {
            return Ok(Self::Tar {
                path: None,
                files: FilesAttributes::default(),
            });
        }
        if !text.contains('=') {
            return Ok(Self::Local {
                folder: PathBuf::from(text),
                deletes: false,
                files: FilesAttributes::default(),
            });
        }
        let mut fields = Fields::read(text)?;
        let kind = fields.kind.clone().unwrap_or_else(|| "local".to_owned());
        let image = fields.attributes(&kind)?;
        let switch = |name: &str, usual| fields.switches.get(name).copied().unwrap_or(usual);
        let (push, by_digest) = (switch("push", false), switch("push-by-digest", false));
        let (keeps, is_tar) = (switch("store", true), switch("tar", true));
        let (path, deletes) = (fields.path, fields.deletes);
        anyhow::ensure!(
            fields.files.is_none() || matches!(kind.as_str(), "local" | "tar"),
            "attestation-prefix and platform-split in --output are about type=local and type=tar, not about type={kind}"
        );
        let files = fields.files.unwrap_or_default();
        Ok(match kind.as_str() {
            "local" => match path {
                Some(folder) => Self::Local {
                    folder,
                    deletes,
                    files,
                },
                None => anyhow::bail!("--output type=local needs dest=FOLDER"),
            },
            "tar" => Self::Tar { path, files },
            "oci" | "docker" if kind == "docker" && path.is_none() => Self::Image {
                push,
                by_digest,
                keeps,
                image,
            },
            "oci" | "docker" => {
                anyhow::ensure!(
                    is_tar || path.is_some(),
                    "--output type={kind},tar=false needs dest=FOLDER"
                );
                Self::Archive {
                    path,
                    for_docker: kind == "docker",
                    is_folder: !is_tar,
                    image,
                }
            }
            "image" | "registry" => Self::Image {
                push: push || kind == "registry",
                by_digest,
                keeps,
                image,
            },
            "cacheonly" => Self::CacheOnly,
            _ => anyhow::bail!(
                "unknown output type {kind:?}: expected local, tar, oci, docker, image, registry or cacheonly"
            ),
        })
    }
}

impl Fields {
    fn read(text: &str) -> anyhow::Result<Self> {
        let mut fields = Self::default();
        let parts = comma_separated(text)
            .map_err(|error| anyhow::anyhow!("invalid value {text:?} for --output: {error}"))?;
        let mut names_follow = false;
        for part in parts {
            let Some((key, value)) = part.split_once('=') else {
                anyhow::ensure!(
                    names_follow,
                    "invalid value {text:?} for --output: {part:?} must be key=value"
                );
                // a comma within a name begins another name
                fields.image.names.push(part);
                continue;
            };
            let key = key.trim().to_lowercase();
            names_follow = key == "name";
            fields.take(&key, value, text)?;
        }
        Ok(fields)
    }

    fn take(&mut self, key: &str, value: &str, text: &str) -> anyhow::Result<()> {
        let bool = || boolean(key, value);
        match key {
            "type" => self.kind = Some(value.to_owned()),
            "dest" => self.path = Some(value).filter(|dest| *dest != "-").map(PathBuf::from),
            "mode" => {
                self.deletes = match value {
                    "copy" => false,
                    "delete" => true,
                    _ => {
                        anyhow::bail!("invalid mode {value:?} in --output: expected copy or delete")
                    }
                }
            }
            "name" => {
                let names = value.trim_matches('"').split(',').map(str::to_owned);
                self.image.names.extend(names);
            }
            "push" | "push-by-digest" | "store" | "tar" => {
                self.switches.insert(key.to_owned(), bool()?);
            }
            "attestation-prefix" => {
                let files = self.files.get_or_insert_default();
                value.clone_into(&mut files.attestation_prefix);
            }
            "platform-split" => self.files.get_or_insert_default().unsplit = !bool()?,
            "name-canonical" => self.image.names_digest = bool()?,
            "dangling-name-prefix" => self.image.dangling_prefix = Some(value.to_owned()),
            "oci-mediatypes" => self.oci = Some(bool()?),
            "oci-artifact" => self.image.shape.plain_attestations = !bool()?,
            "compression" => self.compression = Some(value.to_owned()),
            "compression-level" => {
                self.level = Some(value.parse().map_err(|_no_number| {
                    anyhow::anyhow!(
                        "invalid compression-level {value:?} in --output: expected a number"
                    )
                })?);
            }
            "force-compression" => self.image.shape.force_compression = bool()?,
            "compatibility-version" => match value {
                "10" | "20" => self.oci = self.oci.or(Some(false)),
                "30" => self.oci = self.oci.or(Some(true)),
                _ => {
                    anyhow::bail!("unknown compatibility-version {value:?}: expected 10, 20 or 30")
                }
            },
            _ => self.take_rest(key, value, text)?,
        }
        Ok(())
    }

    /// Annotations, and what can only have one value here.
    fn take_rest(&mut self, key: &str, value: &str, text: &str) -> anyhow::Result<()> {
        // (key, the only value, what to do instead)
        let fixed = [
            ("unpack", None, ""),
            ("attestation-inline", None, ""),
            (
                "rewrite-timestamp",
                Some("true"),
                "use --timestamps=preserve",
            ),
            (
                "registry.insecure",
                Some("false"),
                "add the registry to insecure-registries in daemon.json",
            ),
            (
                "prefer-nondist-layers",
                Some("false"),
                "such layers cannot be pushed anywhere else",
            ),
        ];
        if let Some((_, only, instead)) = fixed.iter().find(|(name, ..)| *name == key) {
            let value = boolean(key, value)?.to_string();
            anyhow::ensure!(
                only.is_none_or(|only| only == value),
                "{key}={value} in --output is not supported: {instead}"
            );
            return Ok(());
        }
        anyhow::ensure!(
            key != "source-date-epoch",
            "{key} in --output is not supported: use --build-arg SOURCE_DATE_EPOCH={value}"
        );
        let annotation = ImageAnnotation::parse_attribute(key, value)
            .map_err(|error| anyhow::anyhow!("invalid value {text:?} for --output: {error}"))?;
        let Some(annotation) = annotation else {
            anyhow::bail!("unknown field {key:?} in --output {text}");
        };
        self.image.shape.annotations.push(annotation);
        Ok(())
    }

    fn attributes(&mut self, kind: &str) -> anyhow::Result<ImageAttributes> {
        let mut image = std::mem::take(&mut self.image);
        image.shape.oci = self.oci.unwrap_or(kind == "oci");
        let level = self.level;
        image.shape.compression = match self.compression.as_deref() {
            None => level.map(gzip),
            Some("gzip") => Some(gzip(level.unwrap_or(6))),
            Some("uncompressed") => Some(LayerCompression::None),
            Some("zstd") => Some(LayerCompression::Zstd(level.unwrap_or(3).clamp(1, 22))),
            Some("estargz") => anyhow::bail!(
                "compression=estargz is not supported: nothing here reads such layers in parts; use zstd"
            ),
            Some(other) => anyhow::bail!(
                "unsupported compression type {other:?}: expected gzip, zstd or uncompressed"
            ),
        };
        Ok(image)
    }
}

fn gzip(level: i32) -> LayerCompression {
    LayerCompression::Gzip(u32::try_from(level.clamp(1, 9)).unwrap_or(6))
}

/// As Go's `strconv.ParseBool`.
fn boolean(key: &str, value: &str) -> anyhow::Result<bool> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => anyhow::bail!("non-bool value {value:?} specified for {key} in --output"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_read() {
        let local = |folder: &str| Output::Local {
            folder: folder.into(),
            deletes: false,
            files: FilesAttributes::default(),
        };
        let tar = || Output::Tar {
            path: None,
            files: FilesAttributes::default(),
        };
        for (text, expected) in [
            ("out", local("out")),
            ("-", tar()),
            ("type=local,dest=a/b", local("a/b")),
            ("type=tar,dest=-", tar()),
            (
                "type=oci,dest=x.tar",
                Output::Archive {
                    path: Some("x.tar".into()),
                    for_docker: false,
                    is_folder: false,
                    image: ImageAttributes {
                        shape: ImageShape {
                            oci: true,
                            ..ImageShape::default()
                        },
                        ..ImageAttributes::default()
                    },
                },
            ),
            ("type=docker,dest=-", Output::image(false)),
            ("type=cacheonly", Output::CacheOnly),
        ] {
            assert_eq!(Output::parse(text).unwrap(), expected, "{text}");
        }
        for text in [
            "type=image,name=a,b:c,push=true",
            "type=image,\"name=a,b:c\",push=1",
        ] {
            let Output::Image { push, image, .. } = Output::parse(text).unwrap() else {
                panic!("{text}");
            };
            assert!(push && image.names == ["a", "b:c"], "{text}");
        }
        for text in [
            "type=zip",
            "type=local",
            "kind=tar",
            "type=oci,tar=false",
            "type=image,push=yes",
            "type=image,compression=estargz",
            "type=image,compression-level=x",
            "type=image,registry.insecure=true",
            "type=image,x",
            "type=image,platform-split=true",
        ] {
            assert!(Output::parse(text).is_err(), "{text}");
        }
    }
}
