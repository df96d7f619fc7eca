//! What a kernel and its root are needed for. Tests that need root are named `privileged_`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "helpers of tests fail and skip as tests do"
)]

mod cgroups;

/// Whether this is root; if not, says that `test` is skipped.
fn is_root(test: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        println!("SKIPPED {test}: only root may do this");
    }
    root
}
