//! Health checks: a program of the container's own, started again and again in it. Docker's rules (moby, `daemon/health.go`).

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Pid;

use crate::cgroups::Cgroup;
use crate::exec::{ExecTarget, exec};
use crate::launch::{ChildIo, Launched};
use crate::order::HealthOrder;
use crate::spec::{ContainerSpec, ProcessSpec};
use crate::state::{HealthResult, HealthState};
use crate::sys;

/// What is kept of a check's output.
const OUTPUT_LIMIT_BYTES: usize = 4096;
/// How many checks are remembered.
const LOG_LENGTH: usize = 5;
/// What a check ends with when it took too long.
const TOO_LONG: i32 = -1;

pub(super) struct HealthWatch {
    order: HealthOrder,
    state: HealthState,
    began: Instant,
    next: Option<Instant>,
    check: Option<Check>,
}

struct Check {
    launched: Launched,
    output: Option<OwnedFd>,
    text: Vec<u8>,
    start: Timestamp,
    late_at: Instant,
    late: bool,
    code: Option<i32>,
}

impl HealthWatch {
    pub(super) fn new(order: HealthOrder) -> Self {
        Self {
            order,
            state: HealthState::default(),
            began: Instant::now(),
            next: None,
            check: None,
        }
    }

    /// The container has started.
    pub(super) fn begin(&mut self, now: Instant) {
        self.began = now;
        self.state = HealthState {
            status: "starting".to_owned(),
            ..HealthState::default()
        };
        self.next = now.checked_add(self.interval(now));
    }

    /// The container has ended, and its check with it.
    pub(super) fn stop(&mut self) {
        self.next = None;
        if let Some(check) = self.check.take() {
            let _ended = sys::signal_descriptor_process(&check.launched.descriptor, sys::KILL);
        }
    }

    pub(super) fn interest<'a>(&'a self, into: &mut Vec<PollFd<'a>>) {
        let output = self.check.as_ref().and_then(|check| check.output.as_ref());
        into.extend(output.map(|output| PollFd::new(output, PollFlags::IN)));
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.check {
            Some(check) if !check.late => Some(check.late_at),
            Some(_) => None,
            None => self.next,
        }
    }

    /// A child has ended.
    pub(super) fn ended(&mut self, process: Pid, code: i32) {
        if let Some(check) = &mut self.check
            && check.launched.process == process
        {
            check.code = Some(code);
        }
    }

    /// Does what is due: the new state, if it has changed.
    pub(super) fn keep_time(
        &mut self,
        now: Instant,
        spec: &ContainerSpec,
        container: Pid,
        cgroup: Option<&Cgroup>,
    ) -> Option<HealthState> {
        if let Some(check) = &mut self.check {
            check.read();
            if !check.late && check.late_at <= now {
                check.late = true;
                let _ended = sys::signal_descriptor_process(&check.launched.descriptor, sys::KILL);
            }
            let code = check.code?;
            let check = self.check.take()?;
            self.next = now.checked_add(self.interval(now));
            let result = check.result(code, self.order.timeout);
            return Some(self.judge(result, now));
        }
        if self.next.is_some_and(|at| at <= now) {
            match Check::start(&self.order, spec, container, cgroup, now) {
                Ok(check) => self.check = Some(check),
                Err(text) => {
                    self.next = now.checked_add(self.interval(now));
                    let time = Timestamp::now();
                    let result = HealthResult {
                        start: time,
                        end: time,
                        exit_code: TOO_LONG,
                        output: text,
                    };
                    return Some(self.judge(result, now));
                }
            }
        }
        None
    }

    fn interval(&self, now: Instant) -> Duration {
        if self.is_starting(now) {
            self.order.start_interval
        } else {
            self.order.interval
        }
    }

    fn is_starting(&self, now: Instant) -> bool {
        let age = now.saturating_duration_since(self.began);
        self.state.status == "starting" && age < self.order.start_period
    }

    fn judge(&mut self, result: HealthResult, now: Instant) -> HealthState {
        if result.exit_code == 0 {
            self.state.failing_streak = 0;
            "healthy".clone_into(&mut self.state.status);
        } else if !self.is_starting(now) {
            self.state.failing_streak += 1;
            if self.state.failing_streak >= self.order.retries {
                "unhealthy".clone_into(&mut self.state.status);
            }
        }
        self.state.log.push(result);
        if self.state.log.len() > LOG_LENGTH {
            self.state.log.remove(0);
        }
        self.state.clone()
    }
}

impl Check {
    fn start(
        order: &HealthOrder,
        spec: &ContainerSpec,
        container: Pid,
        cgroup: Option<&Cgroup>,
        now: Instant,
    ) -> Result<Self, String> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC).map_err(|error| error.to_string())?;
        rustix::io::ioctl_fionbio(&read, true).map_err(|error| error.to_string())?;
        let both = write.try_clone().map_err(|error| error.to_string())?;
        let process = ProcessSpec {
            arguments: order.arguments.clone(),
            terminal: false,
            init: false,
            oom_score: None,
            ..spec.process.clone()
        };
        let target = ExecTarget {
            process: container,
            user_namespace: spec.namespaces.user.as_ref().map(|user| user.set_groups),
            // What a check uses is the container's.
            join_cgroup: &|process| match cgroup {
                Some(cgroup) => cgroup
                    .add(process.as_raw_nonzero().get().unsigned_abs())
                    .map_err(std::io::Error::other),
                None => Ok(()),
            },
        };
        let io = ChildIo {
            stdin: None,
            stdout: Some(write),
            stderr: Some(both),
        };
        let launched = exec(target, &process, io).map_err(|error| error.to_string())?;
        Ok(Self {
            launched,
            output: Some(read),
            text: Vec::new(),
            start: Timestamp::now(),
            late_at: now + order.timeout,
            late: false,
            code: None,
        })
    }

    fn read(&mut self) {
        let mut buffer = [0; OUTPUT_LIMIT_BYTES];
        while let Some(output) = &self.output {
            match rustix::io::read(output, &mut buffer[..]) {
                Ok(length) if length > 0 => {
                    let room = OUTPUT_LIMIT_BYTES - self.text.len();
                    let kept = buffer.get(..length.min(room)).unwrap_or_default();
                    self.text.extend_from_slice(kept);
                }
                Err(Errno::AGAIN | Errno::INTR) => return,
                _ => self.output = None,
            }
        }
    }

    fn result(self, code: i32, timeout: Duration) -> HealthResult {
        let (exit_code, output) = if self.late {
            (
                TOO_LONG,
                format!("Health check exceeded timeout ({timeout:?})"),
            )
        } else {
            (code, String::from_utf8_lossy(&self.text).into_owned())
        };
        HealthResult {
            start: self.start,
            end: Timestamp::now(),
            exit_code,
            output,
        }
    }
}
