//! The head of an answer, as far as a load needs it.

use std::io;

/// No server under test sends a head larger than this.
const HEAD_LIMIT_BYTES: usize = 64 * 1024;

/// What is known of an answer before its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) status: u16,
    /// Where the body begins.
    pub(super) bytes: usize,
    pub(super) body: Body,
}

/// How long a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    Length(u64),
    Chunked,
}

impl Head {
    /// The head at the start of `received`, or nothing while it has not come whole.
    pub(super) fn parse(received: &[u8]) -> io::Result<Option<Self>> {
        let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") else {
            if received.len() > HEAD_LIMIT_BYTES {
                return Err(invalid("the head of an answer is too long"));
            }
            return Ok(None);
        };
        let mut lines = received[..end].split(|byte| *byte == b'\n');
        let status = lines
            .next()
            .and_then(|line| line.split(|byte| *byte == b' ').nth(1))
            .and_then(number)
            .and_then(|status| u16::try_from(status).ok())
            .ok_or_else(|| invalid("an answer has no status"))?;
        let mut body = Body::Length(0);
        for line in lines {
            let Some(colon) = line.iter().position(|byte| *byte == b':') else {
                continue;
            };
            let (name, value) = line.split_at(colon);
            let value = value[1..].trim_ascii();
            if name.eq_ignore_ascii_case(b"content-length") {
                let length = number(value).ok_or_else(|| invalid("a length is no number"))?;
                body = Body::Length(length);
            } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
                body = Body::Chunked;
            }
        }
        Ok(Some(Self {
            status,
            bytes: end + 4,
            body,
        }))
    }
}

pub(super) fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_when_it_is_whole() {
        let text = b"HTTP/1.1 200 OK\r\nContent-Type: a\r\ncontent-length: 17\r\n\r\nbody";
        for length in 0..text.len() - 4 {
            assert_eq!(Head::parse(&text[..length]).unwrap(), None, "{length}");
        }
        let head = Head::parse(text).unwrap().unwrap();
        assert_eq!((head.status, head.bytes), (200, text.len() - 4));
        assert_eq!(head.body, Body::Length(17));
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(Head::parse(chunked).unwrap().unwrap().body, Body::Chunked);
        assert!(Head::parse(b"nonsense\r\n\r\n").is_err());
    }
}
