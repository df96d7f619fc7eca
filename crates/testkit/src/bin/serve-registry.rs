//! Serves a registry until standard input ends: `serve-registry PROGRAM FOLDER folder|s3 NODES`. Run as `cargo xtask conformance`.
//!
//! Its address stands in the first line of standard output. Where there are several nodes, they are stopped in good order
//! and started again, one after the other, all the time, behind a load balancer.

use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use testkit::{Balancer, SharedStores, WharfNode};

/// What all nodes have in common: they take what the suite calls sparse, too.
const SETTINGS: &str =
    "[log]\nlevel = \"warn\"\n[manifests]\nsparse-indexes = true\nsparse-images = true\n";
/// How long all nodes serve between two restarts.
const REST: Duration = Duration::from_millis(200);

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for developers that says what it does"
)]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [program, folder, store, count] = &arguments[..] else {
        eprintln!("usage: serve-registry PROGRAM FOLDER folder|s3 NODES");
        return ExitCode::FAILURE;
    };
    let (program, folder) = (Path::new(program), Path::new(folder));
    let mut settings = SETTINGS.to_owned();
    if store == "s3" {
        // It was said why not.
        let Some(stores) = SharedStores::new() else {
            return ExitCode::SUCCESS;
        };
        settings.push_str(&stores.settings());
    }
    let count: usize = count.parse().expect("a number of nodes");
    let mut nodes: Vec<WharfNode> = (0..count)
        .map(|number| WharfNode::start(program, &folder.join(number.to_string()), &settings))
        .collect();
    let ended = end_of_input();
    if let [node] = &nodes[..] {
        println!("{}", node.address());
        let _ended = ended.recv();
        return outcome(is_well(node));
    }
    let balancer = Balancer::start(nodes.iter().map(WharfNode::address).collect());
    println!("{}", balancer.address());
    let (mut restarts, mut all_well) = (0, true);
    while ended.recv_timeout(REST) == Err(RecvTimeoutError::Timeout) {
        let node = &mut nodes[restarts % count];
        let address = node.address();
        balancer.take_out(&address);
        // What was just sent there is taken up first, as every load balancer leaves time for it.
        let _ended = ended.recv_timeout(REST);
        all_well &= is_well(node);
        node.terminate();
        node.resume();
        balancer.put_in(&address);
        restarts += 1;
    }
    println!("{restarts} restarts");
    outcome(all_well && nodes.iter().all(is_well))
}

/// Whether a node has logged nothing bad; otherwise it is shown.
#[expect(
    clippy::print_stderr,
    reason = "a program for developers that says what it does"
)]
fn is_well(node: &WharfNode) -> bool {
    let log = node.log();
    let is_bad = log.contains(" ERROR ") || log.contains("panicked");
    if is_bad {
        eprintln!("{log}");
    }
    !is_bad
}

fn outcome(is_well: bool) -> ExitCode {
    if is_well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Is told when standard input ends.
fn end_of_input() -> mpsc::Receiver<()> {
    let (sender, ended) = mpsc::channel();
    thread::spawn(move || {
        drop(std::io::stdin().read_to_end(&mut Vec::new()));
        // The other side may be gone.
        let _nobody_listens = sender.send(());
    });
    ended
}
