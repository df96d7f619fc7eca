//! Writes one layer: a tar, hashed, and compressed as often as there are forms of it.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use flate2::Compression as GzipLevel;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType, Header};

/// The time of all files that the bench makes up (2025-01-01 00:00 UTC).
const MADE_UP_TIME: u64 = 1_735_689_600;

/// How a layer is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Gzip,
    Zstd,
}

/// One compressed form of a layer, as it lies in a layout's blob folder.
#[derive(Debug, Clone)]
pub(super) struct LayerBlob {
    pub(super) media_type: &'static str,
    pub(super) digest: String,
    pub(super) size: u64,
}

/// A finished layer.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    pub(super) diff_id: String,
    /// In the order of the forms that were asked for.
    pub(super) blobs: Vec<LayerBlob>,
}

/// A layer that is being written.
pub(super) struct LayerWriter {
    tar: Builder<Tee>,
}

impl LayerWriter {
    /// Each form is written to its own `blobs/sha256` folder.
    pub(super) fn new(outputs: &[(Form, &Path)], name: &str) -> Result<Self> {
        let mut targets = Vec::with_capacity(outputs.len());
        for (form, folder) in outputs {
            let path = folder.join(format!("{name}.partial"));
            let file = Hashing::new(BufWriter::new(
                File::create(&path).with_context(|| format!("creating {}", path.display()))?,
            ));
            let encoder = match form {
                Form::Gzip => Encoder::Gzip(GzEncoder::new(file, GzipLevel::new(6))),
                Form::Zstd => Encoder::Zstd(zstd::Encoder::new(file, 3)?),
            };
            targets.push((path, encoder));
        }
        Ok(Self {
            tar: Builder::new(Tee {
                hash: Sha256::new(),
                targets,
            }),
        })
    }

    /// Copies what lies at `path` on this machine to the same place in the image.
    pub(super) fn copy(&mut self, path: &Path, inside: &str) -> Result<()> {
        let metadata =
            fs::symlink_metadata(path).with_context(|| format!("reading {}", path.display()))?;
        let mut header = header(metadata.mode() & 0o7777, metadata.mtime().unsigned_abs());
        header.set_uid(metadata.uid().into());
        header.set_gid(metadata.gid().into());
        if metadata.is_dir() {
            header.set_entry_type(EntryType::Directory);
            header.set_size(0);
            self.tar
                .append_data(&mut header, format!("{inside}/"), io::empty())?;
        } else if metadata.is_symlink() {
            header.set_entry_type(EntryType::Symlink);
            header.set_size(0);
            self.tar
                .append_link(&mut header, inside, fs::read_link(path)?)?;
        } else if metadata.is_file() {
            let content = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
            header.set_size(content.len() as u64);
            self.tar
                .append_data(&mut header, inside, content.as_slice())?;
        }
        Ok(())
    }

    pub(super) fn directory(&mut self, inside: &str) -> Result<()> {
        let mut header = header(0o755, MADE_UP_TIME);
        header.set_entry_type(EntryType::Directory);
        header.set_size(0);
        Ok(self
            .tar
            .append_data(&mut header, format!("{inside}/"), io::empty())?)
    }

    pub(super) fn file(&mut self, inside: &str, mode: u32, content: &[u8]) -> Result<()> {
        let mut header = header(mode, MADE_UP_TIME);
        header.set_size(content.len() as u64);
        Ok(self.tar.append_data(&mut header, inside, content)?)
    }

    /// Ends the tar and names each form by its digest.
    pub(super) fn finish(self) -> Result<Layer> {
        let mut tee = self.tar.into_inner()?;
        tee.flush()?;
        let mut blobs = Vec::with_capacity(tee.targets.len());
        for (path, encoder) in tee.targets {
            let (media_type, file) = match encoder {
                Encoder::Gzip(encoder) => (
                    "application/vnd.oci.image.layer.v1.tar+gzip",
                    encoder.finish()?,
                ),
                Encoder::Zstd(encoder) => (
                    "application/vnd.oci.image.layer.v1.tar+zstd",
                    encoder.finish()?,
                ),
            };
            let (mut output, hash, size) = file.into_parts();
            output.flush()?;
            let hex = hex(hash);
            fs::rename(&path, blob_name(&path, &hex))?;
            blobs.push(LayerBlob {
                media_type,
                digest: format!("sha256:{hex}"),
                size,
            });
        }
        Ok(Layer {
            diff_id: format!("sha256:{}", hex(tee.hash)),
            blobs,
        })
    }
}

fn blob_name(partial: &Path, hex: &str) -> PathBuf {
    partial.with_file_name(hex)
}

fn header(mode: u32, mtime: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_mode(mode);
    header.set_mtime(mtime);
    header.set_uid(0);
    header.set_gid(0);
    header.set_entry_type(EntryType::Regular);
    header
}

/// The hexadecimal text of a finished hash.
pub(super) fn hex(hash: Sha256) -> String {
    hash.finalize()
        .iter()
        .fold(String::new(), |mut text, byte| {
            for nibble in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('?'));
            }
            text
        })
}

enum Encoder {
    Gzip(GzEncoder<Hashing>),
    Zstd(zstd::Encoder<'static, Hashing>),
}

/// Hashes the tar and hands it to every encoder.
struct Tee {
    hash: Sha256,
    targets: Vec<(PathBuf, Encoder)>,
}

impl Write for Tee {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.hash.update(bytes);
        for (_, encoder) in &mut self.targets {
            match encoder {
                Encoder::Gzip(encoder) => encoder.write_all(bytes)?,
                Encoder::Zstd(encoder) => encoder.write_all(bytes)?,
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A blob's file, hashed while it is written.
struct Hashing {
    file: BufWriter<File>,
    hash: Sha256,
    size: u64,
}

impl Hashing {
    fn new(file: BufWriter<File>) -> Self {
        Self {
            file,
            hash: Sha256::new(),
            size: 0,
        }
    }

    fn into_parts(self) -> (BufWriter<File>, Sha256, u64) {
        (self.file, self.hash, self.size)
    }
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
