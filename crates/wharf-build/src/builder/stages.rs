//! The stages of a build, side by side: each on a thread of its own, which waits where it needs another stage.
//!
//! What comes of a build does not depend on how many work at the same time: stages read only what is done, and of two steps that are
//! the same only one is done while the other waits for it, as it would find it if they came one after the other.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use wharf_oci::Digest;

use super::cancellation::Cancellation;
use super::error::{BuildError, StepError};
use super::stage::{BuildInput, BuiltStage, StageWork, numbered};

/// As many stages work at the same time at least: most of what steps do is waiting for disks and networks.
const MINIMUM_AT_ONCE: usize = 4;

/// Does what the plan says; what the target came to.
///
/// # Errors
/// If a step cannot be done. All others are given up then.
pub fn build(input: BuildInput<'_>) -> Result<BuiltStage, BuildError> {
    let count = input.plan.stages.len();
    let stages = Stages::new(&input, count);
    let steps = input.plan.stages.iter().map(numbered);
    let mut first = input.events.reserve(steps.clone().sum());
    let numbers: Vec<usize> = steps
        .map(|steps| {
            first += steps;
            first - steps
        })
        .collect();
    let wake = Arc::clone(&stages.shared);
    let _wakes = input
        .cancellation
        .when_canceled(move || wake.changed.notify_all());
    std::thread::scope(|scope| {
        let (last, others) = numbers.split_last().unwrap_or((&0, &[]));
        for (index, number) in others.iter().enumerate() {
            let (stages, number) = (&stages, *number);
            let work = move || stages.work_on(index, number);
            let started = std::thread::Builder::new().spawn_scoped(scope, work);
            if let Err(error) = started {
                let error = StepError::io("cannot start a thread for a stage", error);
                stages.fail(BuildError {
                    lines: None,
                    source: error,
                });
            }
        }
        stages.work_on(count.saturating_sub(1), *last);
    });
    stages.result()
}

/// What the threads of a build share.
pub(super) struct Stages<'a> {
    input: &'a BuildInput<'a>,
    done: Vec<OnceLock<StageWork>>,
    shared: Arc<Shared>,
    failure: Mutex<Option<BuildError>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// How many more may work.
    free: usize,
    /// Stages that could work; the first of them is the next.
    waiting: BTreeSet<usize>,
    /// Keys of steps that are being done.
    claimed: HashSet<Digest>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something changes.
    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let waited = self.changed.wait(state);
        waited.unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the right to work; without one if the build is given up.
    fn begin<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        stage: usize,
        cancellation: &Cancellation,
    ) {
        state.waiting.insert(stage);
        while !cancellation.is_canceled()
            && (state.free == 0 || state.waiting.first() != Some(&stage))
        {
            state = self.wait(state);
        }
        state.waiting.remove(&stage);
        state.free = state.free.saturating_sub(1);
        drop(state);
        self.changed.notify_all();
    }

    fn end(&self, mut state: MutexGuard<'_, State>) {
        state.free += 1;
        drop(state);
        self.changed.notify_all();
    }
}

impl<'a> Stages<'a> {
    fn new(input: &'a BuildInput<'a>, count: usize) -> Self {
        let shared = Shared::default();
        {
            let mut state = shared.state();
            state.free = input.options.threads.max(MINIMUM_AT_ONCE);
            state.waiting = (0..count).collect();
        }
        Self {
            input,
            done: (0..count).map(|_| OnceLock::new()).collect(),
            shared: Arc::new(shared),
            failure: Mutex::new(None),
        }
    }

    /// Does one stage, whose first step has the number `number`.
    fn work_on(&self, index: usize, number: usize) {
        let Some(stage) = self.input.plan.stages.get(index) else {
            return;
        };
        let shared = &self.shared;
        shared.begin(shared.state(), index, self.input.cancellation);
        let worked = StageWork::of(self.input, self, index, stage, number);
        match worked {
            Ok(work) => {
                if let Some(place) = self.done.get(index) {
                    let _only_once = place.set(work);
                }
            }
            Err(error) => self.fail(error),
        }
        shared.end(shared.state());
    }

    /// Gives everything up.
    fn fail(&self, error: BuildError) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        let was_canceled = |error: &BuildError| matches!(error.source, StepError::Canceled);
        // what others are given up for is not why
        if failure.as_ref().is_none_or(was_canceled) {
            *failure = Some(error);
        }
        drop(failure);
        self.input.cancellation.cancel();
    }

    /// What stage `wanted` came to; waits for it. Stage `asking` lets others work meanwhile.
    pub(super) fn get(&self, asking: usize, wanted: usize) -> Result<&StageWork, StepError> {
        let place = self.done.get(wanted).ok_or(StepError::NoContext)?;
        self.wait_until(asking, |_| place.get().is_some())?;
        place.get().ok_or(StepError::Canceled)
    }

    /// The right to do the step with this key alone; `None` if another stage was doing it, and has done it now.
    pub(super) fn claim(&self, asking: usize, key: Digest) -> Result<Option<Claim<'_>>, StepError> {
        if self.shared.state().claimed.insert(key) {
            let shared = &self.shared;
            return Ok(Some(Claim { shared, key }));
        }
        self.wait_until(asking, |state| !state.claimed.contains(&key))?;
        Ok(None)
    }

    fn wait_until(
        &self,
        asking: usize,
        mut is_there: impl FnMut(&State) -> bool,
    ) -> Result<(), StepError> {
        let shared = &self.shared;
        let cancellation = self.input.cancellation;
        let mut state = shared.state();
        if !is_there(&state) {
            shared.end(state);
            state = shared.state();
            while !is_there(&state) && !cancellation.is_canceled() {
                state = shared.wait(state);
            }
            shared.begin(state, asking, cancellation);
        }
        if cancellation.is_canceled() {
            return Err(StepError::Canceled);
        }
        Ok(())
    }

    fn result(self) -> Result<BuiltStage, BuildError> {
        let failure = self.failure.into_inner();
        if let Some(error) = failure.unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        let target = self.done.into_iter().next_back();
        let work = target.and_then(OnceLock::into_inner);
        let (work, stage) = work.zip(self.input.plan.stages.last()).ok_or(BuildError {
            lines: None,
            source: StepError::NoContext,
        })?;
        work.finished(stage)
    }
}

/// The right to do a step alone.
pub(super) struct Claim<'a> {
    shared: &'a Shared,
    key: Digest,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.shared.state().claimed.remove(&self.key);
        self.shared.changed.notify_all();
    }
}
