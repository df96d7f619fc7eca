//! `^C` during a build.

use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use wharf_build::builder::Cancellation;

/// What a shell adds to the number of a signal.
const SIGNALED: u8 = 128;

/// Does `work`, and gives the build up when somebody wants that: with the exit code for the signal. `work` ends by itself then, and
/// has cleaned up.
pub(super) async fn until_interrupted<T>(
    cancellation: &Arc<Cancellation>,
    work: impl Future<Output = T>,
) -> anyhow::Result<(T, Option<u8>)> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut work = std::pin::pin!(work);
    let exit_code = tokio::select! {
        done = &mut work => return Ok((done, None)),
        exit_code = came(&mut interrupt, SignalKind::interrupt()) => exit_code,
        exit_code = came(&mut terminate, SignalKind::terminate()) => exit_code,
    };
    cancellation.cancel();
    Ok((work.await, Some(exit_code)))
}

async fn came(signal: &mut Signal, kind: SignalKind) -> u8 {
    while signal.recv().await.is_none() {
        // no more can come
        std::future::pending::<()>().await;
    }
    u8::try_from(kind.as_raw_value()).map_or(u8::MAX, |number| SIGNALED + number)
}
