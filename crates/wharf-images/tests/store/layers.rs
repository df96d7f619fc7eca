//! Who may unpack a layer, and what a crash leaves.

use crate::fixture::{Fixture, layer_tar, unpack, write_file};
use wharf_images::{LayerFacts, LayerSlot, LayerWriter};
use wharf_oci::{DiffId, Digest};

const FACTS: LayerFacts = LayerFacts {
    size: 3,
    unpacked_bytes: 4096,
    entries: 1,
    root_is_opaque: false,
    remembered: Vec::new(),
};

fn layer() -> DiffId {
    DiffId::new(Digest::of(&layer_tar("one")))
}

fn writer(slot: LayerSlot) -> LayerWriter {
    match slot {
        LayerSlot::Writable(writer) => *writer,
        LayerSlot::Present(layer) => panic!("{layer:?} is there"),
    }
}

#[test]
fn is_present_once_finished() {
    let fixture = Fixture::new();
    let made = unpack(&fixture.store, layer(), "one");
    let again = match fixture.reopen().layer_slot(layer()).unwrap() {
        LayerSlot::Present(layer) => layer,
        LayerSlot::Writable(_) => panic!("not present"),
    };
    assert_eq!(again, made);
    let tree = fixture.store.layer_tree(layer());
    assert_eq!(std::fs::read_to_string(tree.join("one")).unwrap(), "one");
    let mut left: Vec<_> = std::fs::read_dir(tree.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["fs", "layer.json"]);
}

#[test]
fn the_second_writer_waits_and_finds_it() {
    let fixture = Fixture::new();
    let first = writer(fixture.store.layer_slot(layer()).unwrap());
    let other = fixture.reopen();
    assert!(other.try_layer_slot(layer()).unwrap().is_none());
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| other.layer_slot(layer()).unwrap());
        first.finish(FACTS).unwrap();
        assert!(matches!(waiter.join().unwrap(), LayerSlot::Present(_)));
    });
}

#[test]
fn an_abandoned_layer_goes_to_the_waiter() {
    let fixture = Fixture::new();
    let first = writer(fixture.store.layer_slot(layer()).unwrap());
    write_file(&first.tree_path().join("left"), "over");
    let other = fixture.reopen();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| writer(other.layer_slot(layer()).unwrap()));
        first.abandon().unwrap();
        let second = waiter.join().unwrap();
        assert!(!second.tree_path().join("left").exists());
        second.finish(FACTS).unwrap();
    });
    assert_eq!(
        std::fs::read_dir(fixture.root().join("removing"))
            .unwrap()
            .count(),
        0
    );
}

#[test]
fn a_checkpoint_is_taken_up_only_within_the_boot() {
    let fixture = Fixture::new();
    let first = writer(fixture.store.layer_slot(layer()).unwrap());
    assert_eq!(first.checkpoint::<u64>().unwrap(), None);
    first.save_checkpoint(&42_u64).unwrap();
    write_file(&first.tree_path().join("done"), "x");
    drop(first);
    let second = writer(fixture.store.layer_slot(layer()).unwrap());
    assert_eq!(second.checkpoint::<u64>().unwrap(), Some(42));
    assert!(second.tree_path().join("done").exists());
    drop(second);

    let state = fixture.root().join(format!(
        "layers/sha256-{}.partial/state",
        layer().digest().hex()
    ));
    let text = std::fs::read_to_string(&state).unwrap();
    let boot = wharf_blobs::BootId::current().unwrap();
    write_file(&state, &text.replace(boot.as_str(), "an earlier boot"));
    let third = writer(fixture.store.layer_slot(layer()).unwrap());
    assert_eq!(third.checkpoint::<u64>().unwrap(), None);
    assert!(!third.tree_path().join("done").exists());
}

#[test]
fn what_a_dead_process_left_without_checkpoint_is_thrown_away() {
    let fixture = Fixture::new();
    let first = writer(fixture.store.layer_slot(layer()).unwrap());
    write_file(&first.tree_path().join("half"), "x");
    drop(first);
    let second = writer(fixture.store.layer_slot(layer()).unwrap());
    assert_eq!(std::fs::read_dir(second.tree_path()).unwrap().count(), 0);
}

#[test]
fn a_layer_without_its_row_is_recorded_when_met() {
    let fixture = Fixture::new();
    let made = unpack(&fixture.store, layer(), "one");
    let database = rusqlite::Connection::open(fixture.root().join("wharf.db")).unwrap();
    database.execute("DELETE FROM layers", []).unwrap();
    assert_eq!(fixture.store.layer(layer()).unwrap(), Some(made));
    let rows: i64 = database
        .query_row("SELECT count(*) FROM layers", [], |row| row.get(0))
        .unwrap();
    assert_eq!(rows, 1);
}
