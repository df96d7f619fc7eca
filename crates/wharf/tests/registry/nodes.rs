//! Three nodes on one PostgreSQL and one S3 bucket are one registry, also while they die and come back.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use testkit::{Balancer, SharedStores, WharfNode};

use crate::ledger::{Dice, Ledger};
use crate::walk::{Walk, make_walker};

const NODES: usize = 3;
const CLIENTS: u64 = 3;
/// The longest time between two deaths.
const LIFE_MILLISECONDS: u64 = 400;

/// The nodes, each with a folder of its own.
struct Cluster {
    // Before the folder: they stop before their files go.
    nodes: Vec<WharfNode>,
    _folder: tempfile::TempDir,
}

impl Cluster {
    /// `None`, said aloud, where a store is not installed.
    fn start() -> Option<Self> {
        let stores = SharedStores::new()?;
        let settings = format!("[log]\nlevel = \"warn\"\n{}", stores.settings());
        let folder = tempfile::tempdir().unwrap();
        let program = Path::new(env!("CARGO_BIN_EXE_wharf"));
        let start = |number: usize| {
            WharfNode::start(program, &folder.path().join(number.to_string()), &settings)
        };
        Some(Self {
            nodes: (0..NODES).map(start).collect(),
            _folder: folder,
        })
    }

    /// An address where each request meets another node than the one before, if nobody else uses it.
    fn balancer(&self) -> Balancer {
        Balancer::start(self.nodes.iter().map(WharfNode::address).collect())
    }

    /// Hashes all that is stored.
    fn check(&self) {
        let checked = Command::new(env!("CARGO_BIN_EXE_wharf"))
            .args(["registry", "fsck", "--deep", "--config"])
            .arg(self.nodes[0].configuration())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&checked.stdout);
        assert!(
            checked.status.success() && said.contains(": 0 problems"),
            "{said}{}",
            String::from_utf8_lossy(&checked.stderr)
        );
    }
}

#[test]
fn every_request_may_meet_another_node() {
    let Some(cluster) = Cluster::start() else {
        return;
    };
    // The walk is not always in step with the nodes: each request meets each of them.
    for turn in 0..NODES {
        let balancer = cluster.balancer();
        let address = balancer.address();
        if turn == 0 {
            make_walker(&address).unwrap();
        }
        for _ in 0..turn {
            testkit::http_request(&address, "GET", "/livez", &[], b"");
        }
        let walk = Walk {
            address: &address,
            project: &format!("walk-{turn}"),
        };
        walk.go().unwrap();
    }
    cluster.nodes.iter().for_each(must_be_well);
    cluster.check();
}

#[test]
fn what_was_acknowledged_survives_the_deaths_of_nodes() {
    kill_again_and_again(12);
}

/// `WHARF_KILLS=1000` asks for more.
#[test]
#[ignore = "takes a minute"]
fn what_was_acknowledged_survives_many_deaths_of_nodes() {
    let wished = testkit::environment_number("WHARF_KILLS");
    kill_again_and_again(wished.unwrap_or(40));
}

fn kill_again_and_again(kills: u64) {
    let Some(mut cluster) = Cluster::start() else {
        return;
    };
    let balancer = cluster.balancer();
    let address = balancer.address();
    make_walker(&address).unwrap();
    let mut ledgers: Vec<Ledger> = (0..CLIENTS).map(Ledger::new).collect();
    let walker = cluster.balancer();
    let is_over = AtomicBool::new(false);
    let mut walks = 0;
    thread::scope(|scope| {
        for ledger in &mut ledgers {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    ledger.work(&address, &is_over);
                    ledger.settle_by_asking_again(&address);
                }
            });
        }
        let walking = scope.spawn(|| walk_on(&walker.address(), &is_over));
        let mut dice = Dice::new(kills);
        for kill in 0..kills {
            let died = usize::try_from(kill).unwrap() % NODES;
            live_for(dice.roll(LIFE_MILLISECONDS));
            let node = &mut cluster.nodes[died];
            must_be_well(node);
            node.kill();
            live_for(dice.roll(LIFE_MILLISECONDS));
            node.resume();
        }
        is_over.store(true, Ordering::Relaxed);
        walks = walking.join().unwrap();
    });
    for ledger in &mut ledgers {
        ledger.verify(&address, 1);
        ledger.finish_what_waits(&address);
    }
    cluster.nodes.iter().for_each(must_be_well);
    cluster.check();
    let acknowledged: u64 = ledgers.iter().map(|ledger| ledger.acknowledged).sum();
    assert!(
        acknowledged > 5 * kills && walks > 0,
        "only {acknowledged} changes and {walks} walks came through"
    );
}

/// Walks until it is over, and gives how often it came to the end of the way.
fn walk_on(address: &str, is_over: &AtomicBool) -> u64 {
    let mut arrived = 0;
    for number in 0_u64.. {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let walk = Walk {
            address,
            project: &format!("walk-{number}"),
        };
        // Where a node dies on the way, it begins anew, with another project.
        arrived += u64::from(walk.go().is_ok());
    }
    arrived
}

fn must_be_well(node: &WharfNode) {
    let log = node.log();
    assert!(
        !log.contains("panicked") && !log.contains(" ERROR "),
        "{log}"
    );
}

#[expect(
    clippy::disallowed_methods,
    reason = "the moment of death is random, not a condition"
)]
fn live_for(milliseconds: u64) {
    thread::sleep(Duration::from_millis(milliseconds));
}
