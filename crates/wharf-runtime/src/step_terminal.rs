//! The terminal of a step: what somebody types at the terminal of the build, and what the step's own shows there.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::termios::{
    OptionalActions, Termios, Winsize, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize,
};

const BUFFER_BYTES: usize = 16 << 10;
/// How often it is looked whether the terminal of the build has another size.
const RESIZE_INTERVAL: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 250_000_000,
};

/// Connects both terminals until the process has ended; ends it when the builder wants that, or is gone. The terminal of the build
/// is this process's standard output.
pub(crate) fn connect(process: &OwnedFd, builder: &UnixStream, own: &OwnedFd) -> io::Result<()> {
    let theirs = io::stdout();
    let _raw = Raw::begin()?;
    let mut size = None;
    // what still can say something: builder, keyboard, program
    let (mut wanted, mut types, mut prints) = (true, true, true);
    loop {
        follow_size(&mut size, own);
        let ready = |is: bool| {
            if is {
                PollFlags::IN
            } else {
                PollFlags::empty()
            }
        };
        let mut all = [
            PollFd::new(process, PollFlags::IN),
            PollFd::new(builder, ready(wanted)),
            PollFd::new(&theirs, ready(types)),
            PollFd::new(own, ready(prints)),
        ];
        rustix::io::retry_on_intr(|| poll(&mut all, Some(&RESIZE_INTERVAL)))?;
        let [ended, ending, typed, printed] = all.map(|one| !one.revents().is_empty());
        if wanted && ending {
            wanted = false;
            rustix::process::pidfd_send_signal(process, rustix::process::Signal::KILL)?;
        }
        if types && typed {
            types = pass(&theirs, own)?;
        }
        if prints && printed {
            prints = pass(own, &theirs)?;
        } else if ended {
            return Ok(());
        }
    }
}

/// Passes on what is there; whether more may come.
fn pass(from: impl AsFd, to: impl AsFd) -> io::Result<bool> {
    let mut buffer = [0; BUFFER_BYTES];
    let count = match rustix::io::retry_on_intr(|| rustix::io::read(&from, &mut buffer)) {
        Ok(0) | Err(Errno::IO) => return Ok(false),
        read => read?,
    };
    let mut rest = buffer.get(..count).unwrap_or_default();
    while !rest.is_empty() {
        match rustix::io::retry_on_intr(|| rustix::io::write(&to, rest)) {
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(Errno::IO) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}

/// Gives the step's terminal the size of the build's.
fn follow_size(known: &mut Option<(u16, u16)>, own: &OwnedFd) {
    let Ok(size) = tcgetwinsize(io::stdout()) else {
        return;
    };
    let now = (size.ws_row, size.ws_col);
    if *known != Some(now) {
        *known = Some(now);
        let size = Winsize {
            ws_xpixel: 0,
            ws_ypixel: 0,
            ..size
        };
        // a terminal whose program has ended has no size to be set
        let _ended = tcsetwinsize(own, size);
    }
}

/// The terminal of the build passes every key on as it is, as long as this lives.
struct Raw {
    before: Termios,
}

impl Raw {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdout())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdout(), OptionalActions::Now, &raw)?;
        Ok(Self { before })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // a terminal that is gone needs nothing any more
        let _gone = tcsetattr(io::stdout(), OptionalActions::Drain, &self.before);
    }
}
