//! Docker's client says of every failure that the daemon found: `Error response from daemon: ...`. There is no daemon
//! here, but scripts look for these words, so what dockerd would have found is said in the same way.

use std::fmt;

use crate::exit;

/// A failure that dockerd would have found.
#[derive(Debug)]
pub(crate) struct DaemonError(anyhow::Error);

/// Says who found a failure.
pub(crate) trait FoundByDaemon<T> {
    /// The same with Docker's words before the failure.
    fn found_by_daemon(self) -> Result<T, DaemonError>;
}

impl<T, E: Into<anyhow::Error>> FoundByDaemon<T> for Result<T, E> {
    fn found_by_daemon(self) -> Result<T, DaemonError> {
        self.map_err(|failure| DaemonError(failure.into()))
    }
}

impl fmt::Display for DaemonError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "Error response from daemon: {}",
            exit::text(&self.0)
        )
    }
}

impl std::error::Error for DaemonError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.0)
    }
}
