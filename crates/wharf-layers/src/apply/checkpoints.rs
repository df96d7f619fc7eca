//! Checkpoints of a layer that is being unpacked.
//!
//! What was done since the last checkpoint is done again when the work is resumed, and comes out the
//! same, because nothing is ever taken away or replaced before a checkpoint in front of that very
//! entry was offered: what lies behind a checkpoint are additions, and at most one replacement, at
//! its beginning.

use std::io;

use wharf_oci::{Hasher, HasherState};

use super::error::Fault;
use super::options::ApplyCheckpoint;

/// Offers checkpoints.
pub(super) struct Checkpoints<'a> {
    record: &'a mut dyn FnMut(&ApplyCheckpoint) -> io::Result<()>,
    /// The boundary that was passed last.
    mark: Option<(u64, Hasher)>,
    /// The offset of the checkpoint that was offered last.
    offered: u64,
    /// The bytes that were hashed up to then.
    offered_hashed: u64,
    interval_bytes: u64,
}

impl<'a> Checkpoints<'a> {
    /// Offers checkpoints to `record` beyond `resume`, where the work begins.
    pub(super) fn new(
        record: &'a mut dyn FnMut(&ApplyCheckpoint) -> io::Result<()>,
        resume: Option<&ApplyCheckpoint>,
        interval_bytes: u64,
    ) -> Self {
        Self {
            record,
            mark: None,
            offered: resume.map_or(0, |resume| resume.tar_offset),
            offered_hashed: resume.map_or(0, |resume| resume.hashed_bytes),
            interval_bytes: interval_bytes.max(1),
        }
    }

    /// Notes that the archive was read to `offset`, where `hasher` has seen all before it.
    pub(super) fn pass(&mut self, offset: u64, hasher: &Hasher) -> Result<(), Fault> {
        self.mark = Some((offset, hasher.clone()));
        if self.is_due(offset) {
            self.offer()?;
        }
        Ok(())
    }

    /// Whether it is time for a checkpoint, at `offset` in the archive.
    pub(super) fn is_due(&self, offset: u64) -> bool {
        offset.saturating_sub(self.offered_hashed) >= self.interval_bytes
    }

    /// Offers a checkpoint within the content of an entry: `hasher` has seen the first `hashed_bytes`.
    /// The entry is written anew from the boundary before it, but nothing is hashed again.
    pub(super) fn within(&mut self, hashed_bytes: u64, hasher: &Hasher) -> Result<(), Fault> {
        match &self.mark {
            Some((offset, _)) => self.record(*offset, hashed_bytes, hasher.save()),
            None => Ok(()),
        }
    }

    /// Offers the boundary that was passed last, unless it was offered before.
    pub(super) fn offer(&mut self) -> Result<(), Fault> {
        match &self.mark {
            Some((offset, hasher)) if *offset != self.offered => {
                let (offset, state) = (*offset, hasher.save());
                self.record(offset, offset, state)
            }
            _ => Ok(()),
        }
    }

    fn record(
        &mut self,
        tar_offset: u64,
        hashed_bytes: u64,
        hasher_state: HasherState,
    ) -> Result<(), Fault> {
        let checkpoint = ApplyCheckpoint {
            tar_offset,
            hashed_bytes,
            hasher_state,
        };
        (self.record)(&checkpoint).map_err(Fault::Checkpoint)?;
        self.offered = tar_offset;
        self.offered_hashed = hashed_bytes;
        Ok(())
    }
}
