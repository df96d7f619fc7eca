//! Giving a build up: what runs is ended, what has not begun does not begin.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

type Action = Box<dyn FnOnce() + Send>;

/// Whether a build is given up, and what is to be done then.
#[derive(Default)]
pub struct Cancellation {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    is_canceled: bool,
    next: u64,
    actions: BTreeMap<u64, Action>,
}

impl Cancellation {
    /// Gives the build up.
    pub fn cancel(&self) {
        let mut state = self.state();
        state.is_canceled = true;
        let actions = std::mem::take(&mut state.actions);
        drop(state);
        self.changed.notify_all();
        for action in actions.into_values() {
            action();
        }
    }

    /// Whether the build is given up.
    pub fn is_canceled(&self) -> bool {
        self.state().is_canceled
    }

    /// Waits as long, or until the build is given up: whether it is.
    pub fn is_canceled_within(&self, time: Duration) -> bool {
        let goes_on = |state: &mut State| !state.is_canceled;
        let waited = self.changed.wait_timeout_while(self.state(), time, goes_on);
        waited.unwrap_or_else(PoisonError::into_inner).0.is_canceled
    }

    /// Does `action` when the build is given up, at once if it is already; unless what is returned was dropped before.
    pub fn when_canceled(&self, action: impl FnOnce() + Send + 'static) -> OnCancel<'_> {
        let mut state = self.state();
        if state.is_canceled {
            drop(state);
            action();
            return OnCancel {
                of: self,
                number: None,
            };
        }
        let number = state.next;
        state.next += 1;
        state.actions.insert(number, Box::new(action));
        OnCancel {
            of: self,
            number: Some(number),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Cancellation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cancellation").finish_non_exhaustive()
    }
}

/// Something that is done when a build is given up, as long as this lives.
#[derive(Debug)]
pub struct OnCancel<'a> {
    of: &'a Cancellation,
    number: Option<u64>,
}

impl Drop for OnCancel<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.of.state().actions.remove(&number);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn actions_are_done_once_and_not_when_they_are_over() {
        let cancellation = Cancellation::default();
        let count = Arc::new(AtomicUsize::new(0));
        let add = |number: usize| {
            let count = Arc::clone(&count);
            move || {
                count.fetch_add(number, Ordering::SeqCst);
            }
        };
        let over = cancellation.when_canceled(add(1));
        let kept = cancellation.when_canceled(add(10));
        drop(over);
        assert!(!cancellation.is_canceled());
        assert!(!cancellation.is_canceled_within(Duration::from_millis(1)));
        cancellation.cancel();
        cancellation.cancel();
        drop(kept);
        assert!(cancellation.is_canceled_within(Duration::from_hours(1)));
        let late = cancellation.when_canceled(add(100));
        drop(late);
        assert!(cancellation.is_canceled());
        assert_eq!(count.load(Ordering::SeqCst), 110);
    }
}
