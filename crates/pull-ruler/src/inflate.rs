//! A layer's bytes as they were before compression.

use flate2::{Decompress, FlushDecompress, Status};
use zstd::stream::raw::{Decoder as ZstdDecoder, InBuffer, Operation as _, OutBuffer};

use crate::Failure;

/// Small enough to stay in a core's own cache between inflating, hashing and writing.
const OUTPUT_BYTES: usize = 128 * 1024;

/// Takes compressed pieces and hands on plain ones.
pub(crate) struct Inflater {
    codec: Codec,
    output: Vec<u8>,
}

enum Codec {
    Plain,
    Gzip(Gzip),
    Zstd(ZstdDecoder<'static>),
}

impl Inflater {
    /// The media type of the layer says how it is compressed.
    pub(crate) fn new(media_type: &str) -> Result<Self, Failure> {
        let codec = if media_type.ends_with("gzip") {
            Codec::Gzip(Gzip::new())
        } else if media_type.ends_with("zstd") {
            Codec::Zstd(ZstdDecoder::new()?)
        } else {
            Codec::Plain
        };
        Ok(Self {
            codec,
            output: vec![0; OUTPUT_BYTES],
        })
    }

    /// Inflates `input` wholly; `on_plain` gets what comes out of it.
    pub(crate) fn feed(
        &mut self,
        mut input: &[u8],
        mut on_plain: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if matches!(self.codec, Codec::Plain) {
            return on_plain(input);
        }
        loop {
            let (consumed, produced) = match &mut self.codec {
                Codec::Plain => return Ok(()),
                Codec::Gzip(gzip) => gzip.step(input, &mut self.output)?,
                Codec::Zstd(decoder) => zstd_step(decoder, input, &mut self.output)?,
            };
            input = &input[consumed..];
            if produced > 0 {
                on_plain(&self.output[..produced])?;
            }
            if input.is_empty() && produced < self.output.len() {
                return Ok(());
            }
        }
    }
}

fn zstd_step(
    decoder: &mut ZstdDecoder<'static>,
    input: &[u8],
    output: &mut [u8],
) -> Result<(usize, usize), Failure> {
    let mut source = InBuffer::around(input);
    let mut target = OutBuffer::around(output);
    decoder.run(&mut source, &mut target)?;
    Ok((source.pos(), target.pos()))
}

/// Gzip without its own checksum: two SHA-256 stand over these bytes already.
struct Gzip {
    inflate: Decompress,
    part: Part,
    header: Vec<u8>,
}

enum Part {
    Header,
    Body,
    Trailer { remaining: usize },
}

impl Gzip {
    fn new() -> Self {
        Self {
            inflate: Decompress::new(false),
            part: Part::Header,
            header: Vec::new(),
        }
    }

    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<(usize, usize), Failure> {
        match self.part {
            Part::Header => {
                // Headers are a few bytes: taken one by one until they are whole.
                let Some(&byte) = input.first() else {
                    return Ok((0, 0));
                };
                self.header.push(byte);
                if header_is_whole(&self.header)? {
                    self.header.clear();
                    self.part = Part::Body;
                }
                Ok((1, 0))
            }
            Part::Body => {
                let (before_in, before_out) = (self.inflate.total_in(), self.inflate.total_out());
                let status = self
                    .inflate
                    .decompress(input, output, FlushDecompress::None)?;
                let consumed = usize::try_from(self.inflate.total_in() - before_in)?;
                let produced = usize::try_from(self.inflate.total_out() - before_out)?;
                if status == Status::StreamEnd {
                    self.inflate.reset(false);
                    self.part = Part::Trailer { remaining: 8 };
                }
                Ok((consumed, produced))
            }
            Part::Trailer { remaining } => {
                let consumed = remaining.min(input.len());
                self.part = if consumed == remaining {
                    Part::Header
                } else {
                    Part::Trailer {
                        remaining: remaining - consumed,
                    }
                };
                Ok((consumed, 0))
            }
        }
    }
}

/// RFC 1952, section 2.3: ten bytes, then what the flags announce.
fn header_is_whole(header: &[u8]) -> Result<bool, Failure> {
    if header.len() < 10 {
        return Ok(false);
    }
    if header[..3] != [0x1f, 0x8b, 8] {
        return Err("a layer is not the gzip that its media type says".into());
    }
    let flags = header[3];
    let mut rest = &header[10..];
    if flags & 0x04 != 0 {
        let [low, high, ..] = *rest else {
            return Ok(false);
        };
        let length = 2 + usize::from(u16::from_le_bytes([low, high]));
        if rest.len() < length {
            return Ok(false);
        }
        rest = &rest[length..];
    }
    for text in [0x08, 0x10] {
        if flags & text != 0 {
            let Some(end) = rest.iter().position(|byte| *byte == 0) else {
                return Ok(false);
            };
            rest = &rest[end + 1..];
        }
    }
    Ok(flags & 0x02 == 0 || rest.len() >= 2)
}
