//! The one place of this crate that sleeps.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Sleeps.
#[expect(
    clippy::disallowed_methods,
    reason = "sampling and polling foreign programs has no condition to wait on"
)]
pub(crate) fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

/// Asks `ready` until it says yes.
pub(crate) fn wait_until(
    what: &str,
    limit: Duration,
    mut ready: impl FnMut() -> bool,
) -> Result<()> {
    let start = Instant::now();
    while !ready() {
        if start.elapsed() > limit {
            bail!("{what} was not ready after {} s", limit.as_secs());
        }
        pause(Duration::from_millis(20));
    }
    Ok(())
}
