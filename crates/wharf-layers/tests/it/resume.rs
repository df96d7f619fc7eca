//! Work that was killed and taken up again.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, Read};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use wharf_layers::{
    AppliedLayer, ApplyCheckpoint, ApplyLayerError, ApplyOptions, EntryKind, Flavour, apply_layer,
};
use wharf_oci::Digest;

use crate::support::*;

/// A source that dies after some bytes, as a process does: between any two system calls that
/// write what it gave.
struct Dying<'a> {
    rest: &'a [u8],
    life: usize,
    step: usize,
}

impl Read for Dying<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Dying<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.life == 0 {
            return Err(io::Error::other("killed"));
        }
        Ok(&self.rest[..self.rest.len().min(self.step).min(self.life)])
    }

    fn consume(&mut self, count: usize) {
        self.rest = &self.rest[count..];
        self.life -= count;
    }
}

// One life of a process: what it reached, and the last checkpoint that it kept.
fn live(
    archive: &[u8],
    target: &Path,
    options: &ApplyOptions,
    life: usize,
    kept: &mut Option<ApplyCheckpoint>,
) -> Result<AppliedLayer, ApplyLayerError> {
    let target = fs::File::open(target).unwrap();
    let options = ApplyOptions {
        resume: kept.clone(),
        ..options.clone()
    };
    let mut source = Dying {
        rest: archive,
        life,
        step: 700,
    };
    apply_layer(&mut source, target.as_fd(), &options, &mut |checkpoint| {
        *kept = Some(checkpoint.clone());
        Ok(())
    })
}

fn any_item() -> impl Strategy<Value = Item> {
    let name = || "[abc](/[abc]){0,2}";
    let hidden = prop_oneof![Just(".wh.a"), Just(".wh.b"), Just(".wh..wh..opq")];
    let whiteout = (prop_oneof![Just(String::new()), "[abc]/"], hidden);
    prop_oneof![
        (name(), "[a-z]{0,3}", 0..3_000_usize).prop_map(|(name, text, length)| with(
            file(&name, &text.repeat(length)),
            |entry| entry.xattrs = vec![xattr("user.length", length.to_string().as_bytes())],
        )),
        (name(), any::<u16>()).prop_map(|(name, mode)| with(directory(&name), |entry| {
            entry.mode = u32::from(mode) & 0o7777;
            entry.user_id = u32::from(mode) & 3;
            entry.modified.seconds = i64::from(mode);
        })),
        (name(), name()).prop_map(|(name, target)| with(symlink(&name, &target), |entry| {
            entry.user_id = 5;
        })),
        (name(), name()).prop_map(|(name, target)| hard_link(&name, &target)),
        (name(), name()).prop_map(|(name, target)| symlink(&name, &format!("/{target}"))),
        name().prop_map(|name| node(&name, EntryKind::Fifo, 0, 0)),
        whiteout.prop_map(|(parent, name)| file(&format!("{parent}{name}"), "")),
    ]
}

// Keeps of `items` what makes an archive that can be unpacked.
fn acceptable(mut items: Vec<Item>, options: &ApplyOptions) -> Vec<Item> {
    let works = |items: &[Item]| {
        let target = scratch();
        apply_with(&archive(items), target.path(), options, |_| true).is_ok()
    };
    while !works(&items) {
        // The shortest beginning that does not work ends with what is wrong.
        let (mut good, mut bad) = (0, items.len());
        while bad - good > 1 {
            let middle = usize::midpoint(good, bad);
            if works(&items[..middle]) {
                good = middle;
            } else {
                bad = middle;
            }
        }
        items.remove(bad - 1);
    }
    items
}

// These archives have no entry for the root, so that its times are when it was last changed.
fn timeless_root(root: &Path) -> BTreeMap<PathBuf, Node> {
    let mut nodes = tree(root);
    if let Some(root) = nodes.get_mut(Path::new("")) {
        root.modified = (0, 0);
    }
    nodes
}

fn check(items: Vec<Item>, lives: &[prop::sample::Index], options: &ApplyOptions) {
    let items = acceptable(items, options);
    let mut archive = archive(&items);
    archive.extend_from_slice(b"and something behind the end");
    let whole = scratch();
    let expected = live(&archive, whole.path(), options, usize::MAX, &mut None).unwrap();
    let expected_tree = timeless_root(whole.path());

    let target = scratch();
    let mut kept = None;
    for life in lives {
        let life = life.index(archive.len());
        live(&archive, target.path(), options, life, &mut kept).unwrap_err();
    }
    let last = kept.clone();
    let resumed = live(&archive, target.path(), options, usize::MAX, &mut kept).unwrap();
    let resumed = AppliedLayer {
        xattrs_refused: expected.xattrs_refused,
        ..resumed
    };
    assert_eq!(resumed, expected);
    let resumed_tree = timeless_root(target.path());
    for (path, node) in &expected_tree {
        let names: Vec<_> = items.iter().map(|(entry, _)| entry).collect();
        assert_eq!(
            resumed_tree.get(path),
            Some(node),
            "{} {last:?} {names:#?}",
            path.display()
        );
    }
    assert_eq!(resumed_tree.len(), expected_tree.len());
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 2_000, ..ProptestConfig::with_cases(96) })]

    #[test]
    fn killed_anywhere_the_tree_and_the_diff_id_are_the_same(
        items in prop::collection::vec(any_item(), 1..25),
        lives in prop::collection::vec(any::<prop::sample::Index>(), 1..5),
        interval in prop_oneof![Just(1), Just(2_000), Just(20_000), Just(1 << 30)],
        as_user in any::<bool>(),
    ) {
        let flavour = if as_user { Flavour::User } else { flavour() };
        let options = ApplyOptions {
            checkpoint_interval_bytes: interval,
            ..ApplyOptions::new(flavour)
        };
        check(items, &lives, &options);
    }
}

#[test]
fn a_resumed_run_neither_hashes_nor_writes_again_what_was_done() {
    let items: Vec<Item> = (0..40)
        .map(|index| file(&format!("f{index}"), &"x".repeat(5_000)))
        .collect();
    let archive = archive(&items);
    let options = ApplyOptions {
        checkpoint_interval_bytes: 20_000,
        ..ApplyOptions::new(flavour())
    };
    let target = scratch();
    let mut kept = None;
    live(&archive, target.path(), &options, 150_000, &mut kept).unwrap_err();
    let offset = kept.as_ref().unwrap().tar_offset;
    assert!((125_000..=150_000).contains(&offset), "{offset}");
    // What lies before the checkpoint is not looked at: a mark there survives.
    let mark = target.path().join("f0");
    fs::File::create(&mark).unwrap();
    live(&archive, target.path(), &options, usize::MAX, &mut kept).unwrap();
    assert_eq!(fs::read(&mark).unwrap(), b"");
    assert_eq!(fs::read(target.path().join("f39")).unwrap().len(), 5_000);
}

#[test]
fn death_within_a_large_file_costs_no_more_hashing_than_elsewhere() {
    let large = "0123456789".repeat(10_000);
    let archive = archive(&[file("small", "x"), file("large", &large)]);
    let options = ApplyOptions {
        checkpoint_interval_bytes: 20_000,
        ..ApplyOptions::new(flavour())
    };
    let target = scratch();
    let mut kept = None;
    for life in [50_000, 90_000] {
        live(&archive, target.path(), &options, life, &mut kept).unwrap_err();
        let checkpoint = kept.clone().unwrap();
        assert_eq!(checkpoint.tar_offset, 2048, "the large file begins here");
        let life = life as u64;
        let hashed = checkpoint.hashed_bytes;
        assert!((life - 20_700..=life).contains(&hashed), "{hashed}");
    }
    let applied = live(&archive, target.path(), &options, usize::MAX, &mut kept).unwrap();
    assert_eq!(applied.diff_id.digest(), &Digest::of(&archive));
    assert_eq!(
        fs::read_to_string(target.path().join("large")).unwrap(),
        large
    );
}
