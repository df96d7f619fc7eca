//! Telling how one layer is doing, not more often than a person can see.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use wharf_transfer::{EventSink, LayerProgress, TransferEvent};

/// At most one amount in this time (moby `pkg/progress`: 100 ms).
const INTERVAL: Duration = Duration::from_millis(100);

/// Tells about one layer.
pub(crate) struct Telling {
    events: EventSink,
    id: String,
    manner: Manner,
    last: Mutex<Option<Instant>>,
}

/// In whose words it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// `Downloading`, `Verifying Checksum`, `Pull complete`; the ID is the blob's.
    Pull,
    /// `Pushing`; the ID is the diff ID's.
    Push,
    /// `Loading layer`; the ID is the diff ID's.
    Load,
}

impl Telling {
    /// Tells `events` about the layer `id`, its short digest.
    pub(crate) fn new(events: &EventSink, id: String, manner: Manner) -> Self {
        Self {
            events: events.clone(),
            id,
            manner,
            last: Mutex::new(None),
        }
    }

    /// So many bytes of the blob have come or gone.
    pub(crate) fn amount(&self, current: u64, total: u64) {
        // The last amount is always told, so that a bar ends full.
        if current < total && !self.is_due() {
            return;
        }
        self.tell(match self.manner {
            Manner::Pull => LayerProgress::Downloading { current, total },
            Manner::Push => LayerProgress::Pushing { current, total },
            Manner::Load => LayerProgress::LoadingLayer { current, total },
        });
    }

    /// The blob's digest is being compared.
    pub(crate) fn verifying(&self) {
        self.tell_pull(LayerProgress::VerifyingChecksum);
    }

    /// The blob is here.
    pub(crate) fn download_complete(&self) {
        self.tell_pull(LayerProgress::DownloadComplete);
    }

    /// The layer is unpacked.
    pub(crate) fn complete(&self) {
        self.tell_pull(LayerProgress::PullComplete);
    }

    fn tell_pull(&self, progress: LayerProgress) {
        if self.manner == Manner::Pull {
            self.tell(progress);
        }
    }

    fn tell(&self, progress: LayerProgress) {
        (self.events)(TransferEvent::Layer {
            id: self.id.clone(),
            progress,
        });
    }

    fn is_due(&self) -> bool {
        // A poisoned lock only means that another thread died between two updates.
        let mut last = self
            .last
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let due = last.is_none_or(|last| last.elapsed() >= INTERVAL);
        if due {
            *last = Some(Instant::now());
        }
        due
    }
}
