//! What a build tells while it goes on.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use wharf_oci::Digest;

/// One thing that is done and shown with a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Vertex(pub usize);

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepOutcome {
    /// It was done.
    Done {
        /// How long it took, in milliseconds.
        milliseconds: u64,
    },
    /// What it comes to was known.
    Cached,
    /// The build was given up meanwhile.
    Canceled,
}

/// What a build tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildEvent {
    /// Something begins.
    Started {
        /// Its number.
        vertex: Vertex,
        /// What it is called.
        name: String,
    },
    /// How far it is: `exporting layers done`.
    Status {
        /// Its number.
        vertex: Vertex,
        /// The text.
        text: String,
    },
    /// A line that a program printed.
    Output {
        /// Its number.
        vertex: Vertex,
        /// How long after its begin, in milliseconds.
        milliseconds: u64,
        /// The line, without its end.
        line: String,
    },
    /// Why a step was done, or was not: `--explain`.
    Explained {
        /// Its number.
        vertex: Vertex,
        /// The text.
        text: String,
    },
    /// It ended.
    Ended {
        /// Its number.
        vertex: Vertex,
        /// How.
        outcome: StepOutcome,
    },
    /// It failed.
    Failed {
        /// Its number.
        vertex: Vertex,
        /// Why.
        error: String,
    },
    /// Something that should be known.
    Warning(String),
}

/// Who is told, and the numbers.
pub struct BuildEvents {
    sink: Arc<dyn Fn(BuildEvent) + Send + Sync>,
    next: std::sync::atomic::AtomicUsize,
    used: Mutex<Vec<Digest>>,
    made: std::sync::atomic::AtomicBool,
}

impl BuildEvents {
    /// Tells everything to `sink`.
    pub fn new(sink: Arc<dyn Fn(BuildEvent) + Send + Sync>) -> Self {
        Self {
            sink,
            next: 1.into(),
            used: Mutex::default(),
            made: false.into(),
        }
    }

    /// Notes that a step has come to what the cache has under this key.
    pub(super) fn used_entry(&self, key: Digest) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.push(key);
    }

    /// Notes that a step has made something new.
    pub(super) fn made_entry(&self) {
        self.made.store(true, std::sync::atomic::Ordering::Relaxed);
    }

    /// Whether a step has made something that was not there before.
    pub fn has_made(&self) -> bool {
        self.made.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Keys of everything that steps have come to so far.
    pub fn used_entries(&self) -> Vec<Digest> {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.clone()
    }

    /// Tells something.
    pub fn tell(&self, event: BuildEvent) {
        (self.sink)(event);
    }

    /// Something begins; its number.
    pub fn start(&self, name: impl Into<String>) -> Running<'_> {
        self.start_as(self.reserve(1), name)
    }

    /// Keeps this many numbers for what begins later, in whatever order; the first of them.
    pub fn reserve(&self, count: usize) -> usize {
        self.next
            .fetch_add(count, std::sync::atomic::Ordering::Relaxed)
    }

    /// Something begins that has a number already.
    pub fn start_as(&self, number: usize, name: impl Into<String>) -> Running<'_> {
        let vertex = Vertex(number);
        self.tell(BuildEvent::Started {
            vertex,
            name: name.into(),
        });
        Running {
            events: self,
            vertex,
            began: std::time::Instant::now(),
        }
    }
}

impl fmt::Debug for BuildEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BuildEvents").finish_non_exhaustive()
    }
}

/// Something that has begun.
#[derive(Debug)]
pub struct Running<'a> {
    events: &'a BuildEvents,
    vertex: Vertex,
    began: std::time::Instant,
}

impl Running<'_> {
    /// How far it is.
    pub fn status(&self, text: impl Into<String>) {
        self.events.tell(BuildEvent::Status {
            vertex: self.vertex,
            text: text.into(),
        });
    }

    /// A line that its program prints.
    pub fn output(&self, line: &[u8]) {
        let milliseconds = self.began.elapsed().as_millis();
        self.events.tell(BuildEvent::Output {
            vertex: self.vertex,
            milliseconds: u64::try_from(milliseconds).unwrap_or(u64::MAX),
            line: String::from_utf8_lossy(line).into_owned(),
        });
    }

    /// Why it is done.
    pub fn explain(&self, text: impl Into<String>) {
        self.events.tell(BuildEvent::Explained {
            vertex: self.vertex,
            text: text.into(),
        });
    }

    /// It is done.
    pub fn done(self) {
        let milliseconds = self.began.elapsed().as_millis();
        self.events.tell(BuildEvent::Ended {
            vertex: self.vertex,
            outcome: StepOutcome::Done {
                milliseconds: u64::try_from(milliseconds).unwrap_or(u64::MAX),
            },
        });
    }

    /// What it comes to was known.
    pub fn cached(self) {
        self.events.tell(BuildEvent::Ended {
            vertex: self.vertex,
            outcome: StepOutcome::Cached,
        });
    }

    /// The build was given up meanwhile.
    pub fn canceled(self) {
        self.events.tell(BuildEvent::Ended {
            vertex: self.vertex,
            outcome: StepOutcome::Canceled,
        });
    }

    /// It failed.
    pub fn failed(self, error: impl fmt::Display) {
        self.events.tell(BuildEvent::Failed {
            vertex: self.vertex,
            error: error.to_string(),
        });
    }
}
