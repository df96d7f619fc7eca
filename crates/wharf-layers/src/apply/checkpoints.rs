//! Checkpoints of a layer that is being unpacked.
//!
//! What was done since the last checkpoint is done again when the work is resumed, and comes out the
//! same, because nothing is ever taken away or replaced before a checkpoint in front of that very
//! entry was offered: what lies behind a checkpoint are additions, and at most one replacement, at
//! its beginning.

use std::io;

use wharf_oci::Hasher;

use super::error::Fault;
use super::options::ApplyCheckpoint;

/// Offers checkpoints.
pub(super) struct Checkpoints<'a> {
    record: &'a mut dyn FnMut(&ApplyCheckpoint) -> io::Result<()>,
    /// The boundary that was passed last.
    mark: Option<(u64, Hasher)>,
    /// The offset of the checkpoint that was offered last.
    offered: u64,
    interval_bytes: u64,
}

impl<'a> Checkpoints<'a> {
    /// Offers checkpoints to `record` beyond `offset`, where the work begins.
    pub(super) fn new(
        record: &'a mut dyn FnMut(&ApplyCheckpoint) -> io::Result<()>,
        offset: u64,
        interval_bytes: u64,
    ) -> Self {
        Self {
            record,
            mark: None,
            offered: offset,
            interval_bytes: interval_bytes.max(1),
        }
    }

    /// Notes that the archive was read to `offset`, where `hasher` has seen all before it.
    pub(super) fn pass(&mut self, offset: u64, hasher: &Hasher) -> Result<(), Fault> {
        self.mark = Some((offset, hasher.clone()));
        if offset.saturating_sub(self.offered) >= self.interval_bytes {
            self.offer()?;
        }
        Ok(())
    }

    /// Offers the boundary that was passed last, unless it was offered before.
    pub(super) fn offer(&mut self) -> Result<(), Fault> {
        if let Some((offset, hasher)) = &self.mark
            && *offset != self.offered
        {
            let checkpoint = ApplyCheckpoint {
                tar_offset: *offset,
                hasher_state: hasher.save(),
            };
            (self.record)(&checkpoint).map_err(Fault::Checkpoint)?;
            self.offered = *offset;
        }
        Ok(())
    }
}
