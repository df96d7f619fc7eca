//! Inflates gzip streams of any number of members (RFC 1952).
//!
//! The members are told apart here rather than in the gzip reader of flate2, because that one
//! starts a new inflater for each member (an eStargz layer has one member for each file) and would
//! take no zero padding behind the last one.

use std::io::{self, BufRead, Read};

use flate2::{Crc, Decompress, FlushDecompress, Status};

/// The most bytes of a member's file name or comment. Nobody needs them; a megabyte is generous.
const TEXT_LIMIT_BYTES: usize = 1 << 20;

const FLAG_HEADER_CRC: u8 = 1 << 1;
const FLAG_EXTRA: u8 = 1 << 2;
const FLAG_NAME: u8 = 1 << 3;
const FLAG_COMMENT: u8 = 1 << 4;
/// RFC 1952 wants an error for these: what they will mean may move what follows.
const FLAGS_RESERVED: u8 = 0b1110_0000;

/// The inflated bytes of all members of a gzip stream.
pub(super) struct GzipDecoder<R> {
    source: R,
    inflate: Decompress,
    crc: Crc,
    position: Position,
    members: u64,
}

enum Position {
    Header,
    Body,
    End,
}

impl<R: BufRead> GzipDecoder<R> {
    pub(super) fn new(source: R) -> Self {
        Self {
            source,
            inflate: Decompress::new(false),
            crc: Crc::new(),
            position: Position::Header,
            members: 0,
        }
    }

    pub(super) fn get_ref(&self) -> &R {
        &self.source
    }

    pub(super) fn into_inner(self) -> R {
        self.source
    }

    // Takes the next member's header, or finds that there is no further member.
    fn header(&mut self) -> io::Result<()> {
        let start = self.source.fill_buf()?;
        match start.first() {
            None if self.members > 0 => return self.end(),
            Some(0) if self.members > 0 => {
                // Archives that came from tapes and block devices are padded with zeros.
                skip_zeros(&mut self.source)?;
                return self.end();
            }
            _ => {}
        }
        let mut header = Header {
            source: &mut self.source,
            crc: Crc::new(),
        };
        header.read()?;
        self.crc.reset();
        if self.members > 0 {
            self.inflate.reset(false);
        }
        self.members += 1;
        self.position = Position::Body;
        Ok(())
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "reads as the last step of `header`"
    )]
    fn end(&mut self) -> io::Result<()> {
        self.position = Position::End;
        Ok(())
    }

    fn body(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let input = self.source.fill_buf()?;
            let at_end = input.is_empty();
            let (in_before, out_before) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self
                .inflate
                .decompress(input, buffer, FlushDecompress::None)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            let consumed = moved(in_before, self.inflate.total_in());
            let produced = moved(out_before, self.inflate.total_out());
            self.source.consume(consumed);
            self.crc.update(buffer.get(..produced).unwrap_or_default());
            if status == Status::StreamEnd {
                self.trailer()?;
                return Ok(produced);
            }
            if produced > 0 {
                return Ok(produced);
            }
            if at_end {
                let text = "the gzip stream ends too early";
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
            }
            if consumed == 0 {
                return Err(invalid("the gzip stream makes no progress"));
            }
        }
    }

    fn trailer(&mut self) -> io::Result<()> {
        let mut trailer = [0; 8];
        fill(&mut self.source, &mut trailer)?;
        let [c0, c1, c2, c3, s0, s1, s2, s3] = trailer;
        if u32::from_le_bytes([c0, c1, c2, c3]) != self.crc.sum() {
            return Err(invalid("the checksum of the gzip stream does not match"));
        }
        // RFC 1952: the size modulo 2^32.
        let size = u64::from(u32::from_le_bytes([s0, s1, s2, s3]));
        if size != self.inflate.total_out() & 0xffff_ffff {
            return Err(invalid("the size of the gzip stream does not match"));
        }
        self.position = Position::Header;
        Ok(())
    }
}

impl<R: BufRead> Read for GzipDecoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        // A member may be empty, so that several are passed before there is a byte.
        loop {
            match self.position {
                Position::Header => self.header()?,
                Position::Body => match self.body(buffer)? {
                    0 => {}
                    count => return Ok(count),
                },
                Position::End => return Ok(0),
            }
        }
    }
}

struct Header<'a, R> {
    source: &'a mut R,
    crc: Crc,
}

impl<R: BufRead> Header<'_, R> {
    fn read(&mut self) -> io::Result<()> {
        // One by one: what follows the stream may be shorter than a header.
        if self.take::<1>()? != [0x1f] || self.take::<1>()? != [0x8b] {
            return Err(invalid(
                "data that is no gzip member follows the gzip stream",
            ));
        }
        let [method, flags, ..] = self.take::<8>()?;
        if method != 8 {
            return Err(invalid("the gzip stream is not compressed with deflate"));
        }
        if flags & FLAGS_RESERVED != 0 {
            return Err(invalid("the gzip header has reserved flags"));
        }
        if flags & FLAG_EXTRA != 0 {
            let length = u16::from_le_bytes(self.take::<2>()?);
            for _ in 0..length {
                self.take::<1>()?;
            }
        }
        for flag in [FLAG_NAME, FLAG_COMMENT] {
            if flags & flag != 0 {
                self.skip_text()?;
            }
        }
        if flags & FLAG_HEADER_CRC != 0 {
            let expected = self.crc.sum() & 0xffff;
            if u32::from(u16::from_le_bytes(self.take::<2>()?)) != expected {
                return Err(invalid("the checksum of the gzip header does not match"));
            }
        }
        Ok(())
    }

    fn take<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        fill(self.source, &mut bytes)?;
        self.crc.update(&bytes);
        Ok(bytes)
    }

    fn skip_text(&mut self) -> io::Result<()> {
        for _ in 0..TEXT_LIMIT_BYTES {
            if self.take::<1>()? == [0] {
                return Ok(());
            }
        }
        Err(invalid("the gzip header has a name or comment without end"))
    }
}

/// As [`Read::read_exact`], with a text that says what ended.
fn fill(source: &mut impl Read, bytes: &mut [u8]) -> io::Result<()> {
    source
        .read_exact(bytes)
        .map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                io::Error::new(error.kind(), "the gzip stream ends too early")
            }
            _ => error,
        })
}

fn skip_zeros(source: &mut impl BufRead) -> io::Result<()> {
    loop {
        let rest = source.fill_buf()?;
        if rest.is_empty() {
            return Ok(());
        }
        if rest.iter().any(|byte| *byte != 0) {
            return Err(invalid(
                "data that is no gzip member follows the gzip stream",
            ));
        }
        let count = rest.len();
        source.consume(count);
    }
}

// How far a 64-bit counter moved; within one call it is bounded by the length of a buffer.
fn moved(before: u64, after: u64) -> usize {
    usize::try_from(after.saturating_sub(before)).unwrap_or(usize::MAX)
}

fn invalid(text: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}
