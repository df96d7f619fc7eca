//! `kill -9` at any moment: what was acknowledged is there afterwards, byte for byte, and nothing else is half there.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use testkit::WharfRegistry;

use crate::ledger::{Dice, Ledger};

const CLIENTS: u64 = 4;
/// The longest that a server lives.
const LIFE_MILLISECONDS: u64 = 250;

#[test]
fn what_was_acknowledged_survives_ten_kills() {
    kill_again_and_again(10);
}

/// As many as fit into two minutes on a slow machine. `WHARF_KILLS=1000` asks for more.
#[test]
#[ignore = "takes minutes"]
fn what_was_acknowledged_survives_two_hundred_kills() {
    let wished = testkit::environment_number("WHARF_KILLS");
    kill_again_and_again(wished.unwrap_or(200));
}

fn kill_again_and_again(kills: u64) {
    let data = tempfile::tempdir().unwrap();
    let mut ledgers: Vec<Ledger> = (0..CLIENTS).map(Ledger::new).collect();
    let mut dice = Dice::new(kills);
    for kill in 0..kills {
        let registry = serve(data.path());
        let address = registry.address();
        for ledger in &mut ledgers {
            ledger.settle(&address);
            ledger.verify(&address, 1 + kill);
        }
        thread::scope(|scope| {
            for ledger in &mut ledgers {
                let address = &address;
                scope.spawn(move || ledger.work(address, &AtomicBool::new(false)));
            }
            live_for(dice.roll(LIFE_MILLISECONDS));
            must_not_have_panicked(&registry);
            registry.kill();
        });
    }
    let registry = serve(data.path());
    for ledger in &mut ledgers {
        ledger.settle(&registry.address());
        ledger.verify(&registry.address(), 1);
    }
    must_not_have_panicked(&registry);
    let acknowledged: u64 = ledgers.iter().map(|ledger| ledger.acknowledged).sum();
    assert!(
        acknowledged > 2 * kills,
        "only {acknowledged} changes came through"
    );
}

fn serve(data: &Path) -> WharfRegistry {
    WharfRegistry::start(Path::new(env!("CARGO_BIN_EXE_wharf")), data)
}

fn must_not_have_panicked(registry: &WharfRegistry) {
    let log = registry.log();
    assert!(!log.contains("panicked"), "{log}");
    assert!(!log.contains("ERROR"), "{log}");
}

#[expect(
    clippy::disallowed_methods,
    reason = "the moment of death is random, not a condition"
)]
fn live_for(milliseconds: u64) {
    thread::sleep(Duration::from_millis(milliseconds));
}
