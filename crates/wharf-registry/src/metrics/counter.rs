//! A number that goes up, and down where it says how many there are now.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that threads count together.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

/// One of those that are there now; gone when it is dropped.
#[derive(Debug)]
pub(crate) struct Present<'a>(&'a Counter);

impl Counter {
    /// One more.
    pub(crate) fn increment(&self) {
        self.add(1);
    }

    /// So many more.
    pub(crate) fn add(&self, number: u64) {
        self.0.fetch_add(number, Ordering::Relaxed);
    }

    /// One more until the result is dropped.
    pub(crate) fn enter(&self) -> Present<'_> {
        self.increment();
        Present(self)
    }

    /// The number.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Present<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}
