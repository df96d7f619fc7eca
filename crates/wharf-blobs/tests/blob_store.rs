//! The contract of the blob store: what is visible when, what a crash leaves, what two writers see.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]
#![expect(
    clippy::disallowed_methods,
    reason = "damage is done to files on purpose"
)]

use std::io::{Read as _, Write as _};

use proptest::prelude::*;
use wharf_blobs::{
    BlobError, BlobState, BlobStore, CHECKPOINT_BYTES, Ingest, IngestError, IngestSlot,
};
use wharf_oci::{Algorithm, Digest, Hasher};

fn store() -> (tempfile::TempDir, BlobStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = BlobStore::open(folder.path()).unwrap();
    (folder, store)
}

fn writable(store: &BlobStore, digest: &Digest, size: Option<u64>) -> Box<Ingest> {
    match store.ingest(digest, size).unwrap() {
        IngestSlot::Writable(ingest) => ingest,
        IngestSlot::Present(_) => panic!("{digest} is there already"),
    }
}

fn content(length: usize) -> Vec<u8> {
    (0..length)
        .map(|i| u8::try_from(i * 7 % 251).unwrap())
        .collect()
}

#[test]
fn a_blob_is_visible_only_when_published() {
    let (folder, store) = store();
    let bytes = content(100_000);
    let digest = Digest::of(&bytes);
    let mut ingest = writable(&store, &digest, Some(100_000));
    ingest.write(&bytes).unwrap();
    assert_eq!(store.contains(&digest).unwrap(), None);
    let verified = ingest.finish().unwrap();
    assert_eq!(store.contains(&digest).unwrap(), None);
    verified.publish(store.group_sync()).unwrap();
    assert_eq!(store.contains(&digest).unwrap(), Some(100_000));
    assert_eq!(
        store.verify(&digest).unwrap(),
        BlobState::Good { size: 100_000 }
    );
    assert_eq!(store.list().unwrap(), [digest]);
    assert_eq!(
        std::fs::read_dir(folder.path().join("ingest"))
            .unwrap()
            .count(),
        0
    );
    assert!(matches!(
        store.ingest(&digest, None).unwrap(),
        IngestSlot::Present(100_000)
    ));
}

#[test]
fn sha512_works_too() {
    let (_folder, store) = store();
    let mut hasher = Hasher::new(Algorithm::Sha512);
    hasher.update(b"hello");
    let digest = hasher.finish();
    let mut ingest = writable(&store, &digest, None);
    ingest.write(b"hello").unwrap();
    ingest
        .finish()
        .unwrap()
        .publish(store.group_sync())
        .unwrap();
    assert_eq!(store.read_document(&digest).unwrap(), b"hello");
}

#[test]
fn wrong_bytes_are_thrown_away() {
    let (_folder, store) = store();
    let digest = Digest::of(b"right");
    let mut ingest = writable(&store, &digest, Some(5));
    ingest.write(b"wrong").unwrap();
    let error = ingest.finish().unwrap_err();
    assert!(
        matches!(error, IngestError::WrongDigest { actual, .. } if actual == Digest::of(b"wrong"))
    );
    assert_eq!(store.contains(&digest).unwrap(), None);
    assert_eq!(writable(&store, &digest, Some(5)).offset(), 0);
}

#[test]
fn too_long_is_refused_and_thrown_away() {
    let (_folder, store) = store();
    let digest = Digest::of(b"right");
    let mut ingest = writable(&store, &digest, Some(5));
    ingest.write(b"rig").unwrap();
    assert!(matches!(
        ingest.write(b"htmore"),
        Err(IngestError::TooLong { expected: 5, .. })
    ));
    drop(ingest);
    assert_eq!(writable(&store, &digest, Some(5)).offset(), 0);
}

#[test]
fn too_short_is_kept_for_the_next_attempt() {
    let (_folder, store) = store();
    let digest = Digest::of(b"right");
    let mut ingest = writable(&store, &digest, Some(5));
    ingest.write(b"rig").unwrap();
    let error = ingest.finish().unwrap_err();
    assert!(matches!(
        error,
        IngestError::TooShort {
            expected: 5,
            actual: 3,
            ..
        }
    ));
    let mut ingest = writable(&store, &digest, Some(5));
    assert_eq!((ingest.offset(), ingest.hashed_bytes()), (3, 0));
    let mut existing = String::new();
    ingest
        .read_existing()
        .unwrap()
        .read_to_string(&mut existing)
        .unwrap();
    assert_eq!(existing, "rig");
    ingest.write(b"ht").unwrap();
    ingest
        .finish()
        .unwrap()
        .publish(store.group_sync())
        .unwrap();
    assert_eq!(store.read_document(&digest).unwrap(), b"right");
}

/// Dropping an ingest without a word is what kill -9 looks like to the next process.
#[test]
fn a_crash_costs_one_piece_at_most() {
    let (_folder, store) = store();
    let piece = usize::try_from(CHECKPOINT_BYTES).unwrap();
    let bytes = content(3 * piece + 1000);
    let digest = Digest::of(&bytes);
    let mut ingest = writable(&store, &digest, None);
    for chunk in bytes[..2 * piece + 500_000].chunks(300_000) {
        ingest.write(chunk).unwrap();
    }
    drop(ingest);
    let mut ingest = writable(&store, &digest, None);
    let offset = usize::try_from(ingest.offset()).unwrap();
    assert_eq!(offset, 2 * piece + 500_000, "all that was written is kept");
    let again = ingest.hashed_bytes();
    assert!(again <= piece as u64, "{again}");
    ingest.write(&bytes[offset..]).unwrap();
    assert_eq!(ingest.hashed_bytes() - again, (bytes.len() - offset) as u64);
    ingest.finish().unwrap();
    // Killed between verification and publication: nothing is left to fetch or to hash.
    let ingest = writable(&store, &digest, None);
    assert_eq!(
        (ingest.offset(), ingest.hashed_bytes()),
        (bytes.len() as u64, 0)
    );
    ingest
        .finish()
        .unwrap()
        .publish(store.group_sync())
        .unwrap();
}

#[test]
fn a_checkpoint_of_another_boot_is_hashed_again() {
    let (folder, store) = store();
    let digest = Digest::of(b"right");
    let mut ingest = writable(&store, &digest, Some(5));
    ingest.write(b"rig").unwrap();
    ingest.suspend().unwrap();
    let directory = folder
        .path()
        .join(format!("ingest/sha256-{}", digest.hex()));
    let state = directory.join("state");
    let text = std::fs::read_to_string(&state).unwrap();
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    std::fs::write(&state, text.replace(boot.trim(), "another boot")).unwrap();
    // The power loss has also eaten a byte.
    std::fs::write(directory.join("data"), b"ri").unwrap();
    let mut ingest = writable(&store, &digest, Some(5));
    assert_eq!((ingest.offset(), ingest.hashed_bytes()), (2, 2));
    ingest.write(b"ght").unwrap();
    ingest.finish().unwrap();
}

#[test]
fn a_state_of_rubbish_does_not_matter() {
    for rubbish in [&b""[..], b"{", b"{\"format\":99}", &[0; 300]] {
        let (folder, store) = store();
        let digest = Digest::of(b"right");
        let mut ingest = writable(&store, &digest, Some(5));
        ingest.write(b"rig").unwrap();
        ingest.suspend().unwrap();
        let state = folder
            .path()
            .join(format!("ingest/sha256-{}/state", digest.hex()));
        std::fs::write(state, rubbish).unwrap();
        assert_eq!(writable(&store, &digest, Some(5)).offset(), 3);
    }
}

#[test]
fn two_writers_one_download() {
    let (_folder, store) = store();
    let bytes = content(1 << 20);
    let digest = Digest::of(&bytes);
    let first = writable(&store, &digest, None);
    assert!(store.try_ingest(&digest, None).unwrap().is_none());
    std::thread::scope(|scope| {
        let second = scope.spawn(|| store.ingest(&digest, None).unwrap());
        let mut first = first;
        first.write(&bytes).unwrap();
        first.finish().unwrap().publish(store.group_sync()).unwrap();
        assert!(matches!(second.join().unwrap(), IngestSlot::Present(_)));
    });
}

#[test]
fn many_writers_race_and_one_blob_comes_out() {
    let (folder, store) = store();
    let bytes = content(50_000);
    let digest = Digest::of(&bytes);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let store = BlobStore::open(folder.path()).unwrap();
                for _ in 0..20 {
                    if let IngestSlot::Writable(mut ingest) = store.ingest(&digest, None).unwrap() {
                        let offset = usize::try_from(ingest.offset()).unwrap();
                        ingest.write(&bytes[offset..]).unwrap();
                        ingest
                            .finish()
                            .unwrap()
                            .publish(store.group_sync())
                            .unwrap();
                    }
                    store.delete(&digest).unwrap();
                }
            });
        }
    });
    assert_eq!(store.unfinished().unwrap(), []);
}

#[test]
fn documents_are_verified_on_reading() {
    let (_folder, store) = store();
    let digest = Digest::of(b"{}");
    assert!(matches!(
        store.read_document(&digest),
        Err(BlobError::NotFound(_))
    ));
    assert!(store.put_document(&digest, b"[]").is_err());
    store.put_document(&digest, b"{}").unwrap();
    assert_eq!(store.read_document(&digest).unwrap(), b"{}");
    std::fs::write(store.path(&digest), b"!!").unwrap();
    assert!(matches!(
        store.read_document(&digest),
        Err(BlobError::Corrupt { .. })
    ));
    assert!(matches!(
        store.verify(&digest).unwrap(),
        BlobState::Corrupt { .. }
    ));
    assert_eq!(store.delete(&digest).unwrap(), Some(2));
    assert_eq!(store.delete(&digest).unwrap(), None);
    assert_eq!(store.verify(&digest).unwrap(), BlobState::Missing);
}

#[test]
fn unfinished_downloads_can_be_listed_and_removed() {
    let (_folder, store) = store();
    let digest = Digest::of(b"right");
    let mut ingest = writable(&store, &digest, None);
    ingest.write(b"rig").unwrap();
    assert!(
        !store.remove_unfinished(&digest).unwrap(),
        "a running one must stay"
    );
    drop(ingest);
    let unfinished = store.unfinished().unwrap();
    assert_eq!(
        (unfinished.len(), unfinished[0].digest, unfinished[0].size),
        (1, digest, 3)
    );
    assert!(store.remove_unfinished(&digest).unwrap());
    assert_eq!(store.unfinished().unwrap(), []);
    assert!(!store.remove_unfinished(&digest).unwrap());
}

/// What is in the folder of ingests, and the folder of `digest` in it.
fn ingests(folder: &tempfile::TempDir, digest: &Digest) -> (usize, std::path::PathBuf) {
    let ingests = folder.path().join("ingest");
    let count = std::fs::read_dir(&ingests).unwrap().count();
    (count, ingests.join(format!("sha256-{}", digest.hex())))
}

#[test]
fn what_a_death_after_naming_the_blob_left_goes_with_the_next_question() {
    let (folder, store) = store();
    let digest = Digest::of(b"right");
    store.put_document(&digest, b"right").unwrap();
    let ways: [fn(&BlobStore, &Digest) -> IngestSlot; 2] = [
        |store, digest| store.ingest(digest, None).unwrap(),
        |store, digest| store.try_ingest(digest, None).unwrap().unwrap(),
    ];
    for ask in ways {
        let (_, left) = ingests(&folder, &digest);
        std::fs::create_dir(&left).unwrap();
        for name in ["lock", "state", "state.1-0.tmp"] {
            std::fs::write(left.join(name), b"left behind").unwrap();
        }
        assert!(matches!(ask(&store, &digest), IngestSlot::Present(5)));
        assert_eq!(ingests(&folder, &digest).0, 0);
    }
}

#[test]
fn what_a_death_while_remembering_left_goes_with_the_ingest() {
    let (folder, store) = store();
    let digest = Digest::of(b"right");
    let mut ingest = writable(&store, &digest, None);
    ingest.write(b"rig").unwrap();
    drop(ingest);
    let (_, left) = ingests(&folder, &digest);
    std::fs::write(left.join("state.1-0.tmp"), b"half a st").unwrap();
    let mut ingest = writable(&store, &digest, None);
    ingest.write(b"ht").unwrap();
    let blob = ingest.finish().unwrap();
    blob.publish(store.group_sync()).unwrap();
    assert_eq!(ingests(&folder, &digest).0, 0);
}

#[test]
fn an_ingest_that_died_before_its_first_byte_can_be_removed() {
    let (folder, store) = store();
    let digest = Digest::of(b"right");
    let (_, left) = ingests(&folder, &digest);
    std::fs::create_dir(&left).unwrap();
    std::fs::write(left.join("lock"), b"").unwrap();
    let unfinished = store.unfinished().unwrap();
    assert_eq!((unfinished[0].digest, unfinished[0].size), (digest, 0));
    assert!(store.remove_unfinished(&digest).unwrap());
    assert_eq!(ingests(&folder, &digest).0, 0);
}

#[test]
fn a_spool_becomes_a_blob_or_nothing() {
    let (folder, store) = store();
    let mut dropped = store.spool().unwrap();
    dropped.write_all(b"gone").unwrap();
    drop(dropped);
    let mut spool = store.spool().unwrap();
    spool.write_all(b"right").unwrap();
    // A living one is not swept, one of a dead process is.
    std::fs::write(folder.path().join("ingest/spool-1-1"), b"left behind").unwrap();
    store.sweep_spools().unwrap();
    assert_eq!(
        std::fs::read_dir(folder.path().join("ingest"))
            .unwrap()
            .count(),
        1
    );
    let (digest, size) = spool.publish(&store, store.group_sync()).unwrap();
    assert_eq!((digest, size), (Digest::of(b"right"), 5));
    assert_eq!(store.read_document(&digest).unwrap(), b"right");
    assert_eq!(
        std::fs::read_dir(folder.path().join("ingest"))
            .unwrap()
            .count(),
        0
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// However the bytes are cut, and wherever the process is killed, the blob is the same.
    #[test]
    fn any_interruption_ends_well(cuts in proptest::collection::vec(1usize..40_000, 1..6)) {
        let (_folder, store) = store();
        let bytes = content(100_000);
        let digest = Digest::of(&bytes);
        for cut in cuts {
            let mut ingest = writable(&store, &digest, Some(100_000));
            let offset = usize::try_from(ingest.offset()).unwrap();
            let end = (offset + cut).min(bytes.len());
            ingest.write(&bytes[offset..end]).unwrap();
            if cut % 2 == 0 { ingest.suspend().unwrap() } else { drop(ingest) }
        }
        let mut ingest = writable(&store, &digest, Some(100_000));
        let offset = usize::try_from(ingest.offset()).unwrap();
        ingest.write(&bytes[offset..]).unwrap();
        ingest.finish().unwrap().publish(store.group_sync()).unwrap();
        prop_assert_eq!(store.verify(&digest).unwrap(), BlobState::Good { size: 100_000 });
    }
}
