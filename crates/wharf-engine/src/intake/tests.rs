//! Layers taken in pieces, by several attempts, from feeds that lie and die.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use wharf_images::{Flavour, ImageStore, OpenOptions};
use wharf_layers::{Entry, Limits, TarWriter, Timestamp};
use wharf_oci::{Algorithm, Descriptor, DiffId, Digest, Hasher, MediaType};
use wharf_transfer::{EndpointError, ErrorKind};

use super::BlobFeed;
use super::layer::{IntakeCost, LayerIntake};
use crate::error::with_causes;
use crate::telling::{Manner, Telling};

const MEBIBYTE: usize = 1 << 20;

/// Gives the blob from the offset that is asked for, in pieces, and dies after `life` of its bytes.
struct Feed<'a> {
    blob: &'a [u8],
    offset: usize,
    life: usize,
}

impl<'a> Feed<'a> {
    fn of(blob: &'a [u8]) -> Self {
        Self::dying(blob, usize::MAX)
    }

    fn dying(blob: &'a [u8], life: usize) -> Self {
        Self {
            blob,
            offset: 0,
            life,
        }
    }
}

impl BlobFeed for Feed<'_> {
    fn start(&mut self, offset: u64) -> Result<(), EndpointError> {
        self.offset = usize::try_from(offset).unwrap();
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Bytes>, EndpointError> {
        if self.offset >= self.life {
            let kind = ErrorKind::Unavailable;
            return Err(EndpointError::new(kind, io::Error::other("it died")));
        }
        let end = (self.offset + 60_000).min(self.blob.len()).min(self.life);
        let piece = self.blob.get(self.offset..end).unwrap_or_default();
        self.offset = end;
        Ok((!piece.is_empty()).then(|| Bytes::copy_from_slice(piece)))
    }
}

/// A store, and a layer of files that do not compress.
struct Bench {
    folder: tempfile::TempDir,
    store: ImageStore,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("store");
        let store = ImageStore::open(&root, OpenOptions::new(Flavour::User)).unwrap();
        Self { folder, store }
    }

    fn take(&self, tar: &[u8], blob: &[u8], feed: &mut Feed<'_>) -> Result<IntakeCost, String> {
        self.take_as(Digest::of(tar), blob, feed)
    }

    fn take_as(
        &self,
        diff_id: Digest,
        blob: &[u8],
        feed: &mut Feed<'_>,
    ) -> Result<IntakeCost, String> {
        let descriptor = Descriptor::new(
            MediaType::OCI_LAYER_GZIP,
            Digest::of(blob),
            blob.len() as u64,
        );
        let events: wharf_transfer::EventSink = Arc::new(|_| ());
        let intake = LayerIntake {
            store: &self.store,
            descriptor: &descriptor,
            diff_id: Some(DiffId::new(diff_id)),
            limits: &Limits::default(),
            telling: &Telling::new(&events, "layer".to_owned(), Manner::Pull),
        };
        intake
            .run(feed)
            .map_err(|failure| with_causes(&failure.error))
    }

    fn tree(&self, tar: &[u8]) -> Vec<String> {
        let name = Digest::of(tar).to_string().replace(':', "-");
        let tree = self
            .folder
            .path()
            .join("store/layers")
            .join(name)
            .join("fs");
        let mut names: Vec<String> = fs::read_dir(tree)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn noise(length: usize, mut seed: u32) -> Vec<u8> {
    let mut byte = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        seed.to_be_bytes()[0]
    };
    (0..length).map(|_| byte()).collect()
}

fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = TarWriter::new(Vec::new());
    for (name, content) in files {
        let mut entry = Entry::file(name, 0o644, Timestamp::default());
        entry.size_bytes = content.len() as u64;
        writer.append_bytes(&entry, content).unwrap();
    }
    writer.finish().unwrap()
}

fn gzip(tar: &[u8]) -> Vec<u8> {
    let mut compressor = wharf_layers::Compressor::gzip(Vec::new(), 1, 1).unwrap();
    std::io::Write::write_all(&mut compressor, tar).unwrap();
    compressor.finish().unwrap()
}

#[test]
fn a_plain_layer_is_hashed_once() {
    let bench = Bench::new();
    let tar = tar(&[("a", b"content"), ("b", &noise(MEBIBYTE, 1))]);
    let cost = bench.take(&tar, &tar, &mut Feed::of(&tar)).unwrap();
    let size = tar.len() as u64;
    let expected = IntakeCost {
        bytes_fetched: size,
        bytes_hashed: size,
        tar_bytes_hashed: 0,
    };
    assert_eq!(cost, expected);
    assert_eq!(bench.tree(&tar), ["a", "b"]);
}

#[test]
fn a_diff_id_may_be_of_another_algorithm() {
    let bench = Bench::new();
    let tar = tar(&[("a", b"content")]);
    let mut hasher = Hasher::new(Algorithm::Sha512);
    hasher.update(&tar);
    let diff_id = hasher.finish();
    for blob in [gzip(&tar), tar.clone()] {
        bench.take_as(diff_id, &blob, &mut Feed::of(&blob)).unwrap();
    }
    let wrong = Digest::from_hash(Algorithm::Sha512, &[7; 64]).unwrap();
    let error = bench.take_as(wrong, &tar, &mut Feed::of(&tar)).unwrap_err();
    assert!(error.contains("diff ID"), "{error}");
}

/// A plain layer is not hashed twice, so a compressed one must not pass for plain.
#[test]
fn the_digest_of_a_compressed_layer_is_no_diff_id() {
    let bench = Bench::new();
    let blob = gzip(&tar(&[("a", b"content")]));
    let error = bench.take(&blob, &blob, &mut Feed::of(&blob)).unwrap_err();
    assert!(
        error.contains("the digest of the compressed layer"),
        "{error}"
    );
}

#[test]
fn a_death_costs_one_piece_at_most() {
    let bench = Bench::new();
    let content = noise(5 * MEBIBYTE, 2);
    let names = ["a", "b", "c", "d", "e", "f"];
    let tar = tar(&names.map(|name| (name, &content[..])));
    let blob = gzip(&tar);
    let life = 20 * MEBIBYTE;
    bench
        .take(&tar, &blob, &mut Feed::dying(&blob, life))
        .unwrap_err();
    let cost = bench.take(&tar, &blob, &mut Feed::of(&blob)).unwrap();
    let rest = (blob.len() - life) as u64;
    assert_eq!(cost.bytes_fetched, rest);
    assert_eq!(cost.bytes_hashed, rest, "the feed's end was remembered");
    let piece = 8 * MEBIBYTE as u64;
    assert!(cost.tar_bytes_hashed <= rest + piece, "{cost:?}");
    assert_eq!(bench.tree(&tar), names);
}

/// Whoever stands between us and the registry can send other bytes and cut the line. What was unpacked
/// of those may not be in the layer that comes out, whatever was resumed.
#[test]
fn nothing_of_refused_bytes_stays_in_the_tree() {
    let good_start = noise(9 * MEBIBYTE, 3);
    let good = tar(&[("a", &good_start), ("b", b"b"), ("c", &noise(MEBIBYTE, 4))]);
    let evil = tar(&[
        ("a", &good_start),
        ("evil", b"evil"),
        ("a", b"replaced"),
        ("c", &noise(MEBIBYTE, 5)),
    ]);
    for (blob, evil) in [(gzip(&good), gzip(&evil)), (good.clone(), evil)] {
        for life in [evil.len() - 200_000, evil.len()] {
            let bench = Bench::new();
            let mut attempts = 0;
            // The first one gets the wrong bytes, the others the right ones.
            let mut feed = Feed::dying(&evil, life);
            bench.take(&good, &blob, &mut feed).unwrap_err();
            while let Err(error) = bench.take(&good, &blob, &mut Feed::of(&blob)) {
                attempts += 1;
                assert!(attempts < 3, "{error}");
            }
            assert_eq!(bench.tree(&good), ["a", "b", "c"]);
            let a = bench.folder.path().join("store/layers");
            let a = a.join(Digest::of(&good).to_string().replace(':', "-"));
            assert!(read(&a.join("fs/a")) == good_start);
        }
    }
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap()
}
