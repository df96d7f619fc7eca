//! The notifier in a process of its own, outside of the container, which ends with the last process that asks.

use std::io;
use std::os::fd::OwnedFd;
use std::panic::AssertUnwindSafe;

use rustix::event::{PollFd, PollFlags};

use super::SingleIdNotifier;
use crate::alone::{keep_only, nothing};
use crate::sys::{self, CloneFlags, Forked};

/// Starts it. Only a process with one thread can, and it reaps the child in its own time.
pub(crate) fn start_notifier(listener: OwnedFd) -> io::Result<()> {
    match sys::fork(CloneFlags::default())? {
        Forked::Child => {
            let served = std::panic::catch_unwind(AssertUnwindSafe(|| {
                let [listener, ..] = keep_only([listener, nothing()?, nothing()?])?;
                answer_all(&SingleIdNotifier::new(listener))
            }));
            sys::exit_now(i32::from(!matches!(served, Ok(Ok(())))))
        }
        Forked::Parent { .. } => Ok(()),
    }
}

fn answer_all(notifier: &SingleIdNotifier) -> io::Result<()> {
    loop {
        let mut waiting = [PollFd::new(notifier, PollFlags::IN)];
        rustix::io::retry_on_intr(|| rustix::event::poll(&mut waiting, None))?;
        let [asked] = &waiting;
        if !asked.revents().contains(PollFlags::IN) {
            return Ok(());
        }
        notifier.answer()?;
    }
}
