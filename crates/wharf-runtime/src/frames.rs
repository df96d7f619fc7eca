//! What goes over a monitor's socket: Docker's stream frames (Engine API, "Attach to a container"), with two kinds of our own.
//!
//! ```text
//! kind, 0, 0, 0, length (4 bytes, big endian), payload
//! ```

use std::io;

use serde::{Deserialize, Serialize};

const HEADER_BYTES: usize = 8;
/// A frame may be this long.
const FRAME_LIMIT_BYTES: usize = 1 << 20;

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameKind {
    /// Standard input; an empty one ends it.
    Stdin,
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// A [`Request`], as JSON.
    Request,
    /// A [`Reply`], as JSON.
    Reply,
}

/// What a monitor is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Request {
    /// Start the container. Answered by `Started` or `Failed`.
    Start {
        /// Lines and columns of its terminal; zeros where there is none.
        terminal_size: (u16, u16),
    },
    /// Send its output to me from now on, and take its input from me. Answered by `Done`; `Exited` comes at the end.
    Attach {
        /// Whether input is taken.
        stdin: bool,
        /// Whether output is sent.
        stdout: bool,
        /// Whether errors are sent.
        stderr: bool,
    },
    /// Tell me when it has ended, by `Exited`.
    Wait,
    /// Give its terminal this size.
    Resize {
        /// Lines.
        rows: u16,
        /// Columns.
        columns: u16,
    },
    /// Send this signal to its first process. Answered by `Done`.
    Signal {
        /// The signal's number.
        signal: i32,
    },
    /// End it, and do not start it again. Answered by `Done` once it has ended.
    Stop {
        /// Instead of its own stop signal.
        signal: Option<i32>,
        /// Instead of its own time; below 0 without end.
        timeout_seconds: Option<i64>,
    },
    /// Hold it. Answered by `Done`.
    Pause,
    /// Let it go on. Answered by `Done`.
    Unpause,
    /// Lead its published ports to these addresses from now on: its networks have changed. Answered by `Done`.
    LeadPorts {
        /// The container's addresses.
        addresses: crate::network::ContainerAddresses,
    },
    /// Take these settings for its next end.
    SetRestart {
        /// When it is started again.
        policy: crate::order::RestartPolicy,
    },
}

/// What a monitor answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Reply {
    /// It was done.
    Done,
    /// The container runs.
    Started {
        /// What of it does not hold here: for people.
        warnings: Vec<String>,
    },
    /// It could not be started.
    Failed {
        /// Why.
        text: String,
        /// Docker's exit code for it.
        exit_code: u8,
    },
    /// What was asked could not be done.
    Refused {
        /// Why.
        text: String,
    },
    /// The container has ended.
    Exited {
        /// Its exit code.
        code: i32,
    },
}

impl FrameKind {
    fn number(self) -> u8 {
        match self {
            Self::Stdin => 0,
            Self::Stdout => 1,
            Self::Stderr => 2,
            Self::Request => 3,
            Self::Reply => 4,
        }
    }

    fn of_number(number: u8) -> Option<Self> {
        [
            Self::Stdin,
            Self::Stdout,
            Self::Stderr,
            Self::Request,
            Self::Reply,
        ]
        .into_iter()
        .find(|kind| kind.number() == number)
    }
}

/// Appends one frame to `to`. Longer payloads become several.
pub(crate) fn push_frame(to: &mut Vec<u8>, kind: FrameKind, payload: &[u8]) {
    let mut rest = payload;
    loop {
        let (now, later) = rest.split_at(rest.len().min(FRAME_LIMIT_BYTES));
        to.extend_from_slice(&[kind.number(), 0, 0, 0]);
        let length = u32::try_from(now.len()).unwrap_or(u32::MAX);
        to.extend_from_slice(&length.to_be_bytes());
        to.extend_from_slice(now);
        if later.is_empty() {
            return;
        }
        rest = later;
    }
}

/// Appends one frame that carries JSON.
pub(crate) fn push_message(to: &mut Vec<u8>, kind: FrameKind, message: &impl Serialize) {
    // These types are made of texts and numbers alone: there is nothing that could not be written.
    if let Ok(payload) = serde_json::to_vec(message) {
        push_frame(to, kind, &payload);
    }
}

/// Takes the first whole frame out of `from`: its kind and payload. `None` if there is none yet.
pub(crate) fn take_frame(from: &mut Vec<u8>) -> io::Result<Option<(FrameKind, Vec<u8>)>> {
    let Some((header, rest)) = from.split_first_chunk::<HEADER_BYTES>() else {
        return Ok(None);
    };
    let [number, _, _, _, length @ ..] = *header;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    let kind = FrameKind::of_number(number);
    let (Some(kind), true) = (kind, length <= FRAME_LIMIT_BYTES) else {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "what came is no frame of a container's stream",
        ));
    };
    let Some(payload) = rest.get(..length) else {
        return Ok(None);
    };
    let payload = payload.to_vec();
    from.drain(..HEADER_BYTES + length);
    Ok(Some((kind, payload)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_as_they_went_in() {
        let mut bytes = Vec::new();
        push_frame(&mut bytes, FrameKind::Stdout, b"out");
        push_frame(&mut bytes, FrameKind::Stdin, b"");
        push_message(&mut bytes, FrameKind::Request, &Request::Wait);
        let whole = bytes.clone();
        // One byte after the other: nothing comes out before it is whole.
        let (mut from, mut frames) = (Vec::new(), Vec::new());
        for byte in &whole {
            from.push(*byte);
            frames.extend(take_frame(&mut from).unwrap());
        }
        assert_eq!(
            frames,
            [
                (FrameKind::Stdout, b"out".to_vec()),
                (FrameKind::Stdin, Vec::new()),
                (FrameKind::Request, b"\"Wait\"".to_vec()),
            ]
        );
    }

    #[test]
    fn long_output_becomes_several_frames_and_longer_ones_are_refused() {
        let mut bytes = Vec::new();
        push_frame(
            &mut bytes,
            FrameKind::Stderr,
            &vec![7; FRAME_LIMIT_BYTES + 1],
        );
        let lengths: Vec<_> = std::iter::from_fn(|| take_frame(&mut bytes).unwrap())
            .map(|(_, payload)| payload.len())
            .collect();
        assert_eq!(lengths, [FRAME_LIMIT_BYTES, 1]);
        for header in [[9, 0, 0, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0xff, 0, 0, 0]] {
            assert!(take_frame(&mut header.to_vec()).is_err());
        }
    }
}
