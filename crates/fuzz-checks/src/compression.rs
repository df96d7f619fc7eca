//! Compressed layers: gzip, zstd, bzip2, xz and none.

use std::io::{self, BufReader, Read as _};

use wharf_layers::{Compression, Compressor, Decompressor, Limits};

const UNPACKED_LIMIT_BYTES: u64 = 4 << 20;

/// Takes the bytes for a compressed stream, and for something to compress.
pub(crate) fn check(bytes: &[u8]) {
    if let Some((output, Compression::Gzip)) = inflate(bytes) {
        let mut theirs = Vec::new();
        // Padding of zeros is an error there and none here; what comes before it must be the same.
        let _padding = flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut theirs);
        assert!(output == theirs, "flate2 inflates to something else");
    }
    let mut compressor = Compressor::gzip(Vec::new(), 1, 1).expect("starting a thread");
    io::Write::write_all(&mut compressor, bytes).expect("writing to memory");
    let compressed = compressor.finish().expect("writing to memory");
    let again = inflate(&compressed).map(|(output, _)| output);
    assert!(
        again.as_deref() == Some(bytes),
        "compressing changed the bytes"
    );
}

/// The output in two ways of reading, if it is one.
fn inflate(bytes: &[u8]) -> Option<(Vec<u8>, Compression)> {
    let limits = Limits {
        unpacked_bytes: UNPACKED_LIMIT_BYTES,
        inflate_ratio: 200,
        ratio_free_bytes: 1 << 20,
        ..Limits::default()
    };
    let read = |buffer: usize| -> io::Result<(Vec<u8>, Compression)> {
        let mut decompressor = Decompressor::new(BufReader::with_capacity(buffer, bytes), &limits)?;
        let mut output = Vec::new();
        let result = decompressor.read_to_end(&mut output);
        assert!(
            output.len() as u64 <= UNPACKED_LIMIT_BYTES,
            "more than the limit"
        );
        result?;
        assert_eq!(decompressor.bytes_out(), output.len() as u64);
        Ok((output, decompressor.compression()))
    };
    let whole = read(64 << 10);
    let pieces = read(7);
    match (whole, pieces) {
        (Ok(whole), Ok(pieces)) => {
            assert!(
                whole == pieces,
                "the output depends on the size of the buffer"
            );
            Some(whole)
        }
        (Err(_), Err(_)) => None,
        (whole, pieces) => panic!("{:?} but {:?}", whole.map(drop), pieces.map(drop)),
    }
}
