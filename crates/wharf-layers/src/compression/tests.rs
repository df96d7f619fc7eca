use std::io::{self, BufReader, Read as _, Write as _};

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;

use crate::{
    Compression, Compressor, Decompressor, DeflatedBlock, DeflatedBlocks, LimitExceeded, Limits,
    MAGIC_BYTES, PlainHash,
};
use wharf_oci::{Algorithm, Digest, Hasher};

fn gzip(content: &[u8]) -> Vec<u8> {
    gzip_on(content, 2, content.len().max(1))
}

fn gzip_on(content: &[u8], threads: usize, piece: usize) -> Vec<u8> {
    let mut compressor = Compressor::gzip(Vec::new(), 6, threads).unwrap();
    for piece in content.chunks(piece) {
        compressor.write_all(piece).unwrap();
    }
    compressor.finish().unwrap()
}

fn zstd(content: &[u8]) -> Vec<u8> {
    zstd::encode_all(content, 3).unwrap()
}

fn bzip2(content: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn xz(content: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 6);
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

type Encode = fn(&[u8]) -> Vec<u8>;
const ENCODERS: [(Compression, Encode); 4] = [
    (Compression::Gzip, gzip),
    (Compression::Zstd, zstd),
    (Compression::Bzip2, bzip2),
    (Compression::Xz, xz),
];

fn decode(input: &[u8], input_buffer: usize, output_buffer: usize) -> io::Result<Vec<u8>> {
    let source = BufReader::with_capacity(input_buffer, input);
    let mut decoder = Decompressor::new(source, &Limits::default())?;
    let mut output = Vec::new();
    let mut buffer = vec![0; output_buffer];
    loop {
        match decoder.read(&mut buffer)? {
            0 => break,
            count => output.extend_from_slice(&buffer[..count]),
        }
    }
    assert_eq!(decoder.bytes_out(), output.len() as u64);
    assert_eq!(decoder.bytes_in(), input.len() as u64);
    assert_eq!(decoder.read(&mut buffer)?, 0, "the end stays the end");
    Ok(output)
}

fn text(length: usize) -> Vec<u8> {
    (0..length)
        .map(|i| u8::try_from(i * i / 7 % 251).unwrap())
        .collect()
}

#[test]
fn decodes_each_compression_in_pieces_of_any_size() {
    let content = text(70_000);
    for (compression, encode) in ENCODERS {
        let input = encode(&content);
        for buffer in [1, 5, 100, 262_144] {
            let output = decode(&input, buffer, buffer).unwrap();
            assert!(output == content, "{compression:?} with {buffer}");
        }
        let source = Decompressor::new(&input[..], &Limits::default()).unwrap();
        assert_eq!(source.compression(), compression);
    }
    assert!(decode(&content, 7, 7).unwrap() == content);
    assert!(decode(b"", 7, 7).unwrap().is_empty());
    assert_eq!(decode(b"\x1f\x8b", 7, 7).unwrap(), b"\x1f\x8b");
}

#[test]
fn decodes_members_and_frames_one_after_the_other() {
    let (first, second) = (text(3_000), text(10));
    let expected = [&first[..], &second[..]].concat();
    for (compression, encode) in ENCODERS {
        let input = [encode(&first), encode(&[]), encode(&second)].concat();
        assert!(
            decode(&input, 64, 64).unwrap() == expected,
            "{compression:?}"
        );
    }
    let skippable = b"\x5f\x2a\x4d\x18\x03\0\0\0abc";
    let input = [
        &skippable[..],
        &zstd(&first),
        skippable,
        &zstd(&second),
        skippable,
    ]
    .concat();
    assert!(decode(&input, 64, 64).unwrap() == expected);
}

#[test]
fn what_ends_early_is_an_error_wherever_it_ends() {
    let content = text(900);
    for (compression, encode) in ENCODERS {
        let input = encode(&content);
        for end in MAGIC_BYTES..input.len() {
            let result = decode(&input[..end], 4_096, 4_096);
            let error = result.expect_err(&format!("{compression:?} cut at {end}"));
            assert_eq!(
                error.kind(),
                io::ErrorKind::UnexpectedEof,
                "{compression:?} {end}"
            );
        }
    }
}

#[test]
fn a_gzip_stream_may_be_padded_with_zeros_and_nothing_else() {
    let input = gzip(b"content");
    let padded = [&input[..], &[0; 1_000]].concat();
    assert_eq!(decode(&padded, 64, 64).unwrap(), b"content");
    for rest in [
        &b"x"[..],
        b"\0\0x",
        b"\x1f",
        b"\x1f\x8b\x08",
        b"\x1f\x8c\x08\0\0\0\0\0\0\0",
    ] {
        let bad = [&input[..], rest].concat();
        decode(&bad, 64, 64).expect_err(&format!("{rest:?}"));
    }
}

#[test]
fn reads_every_field_of_a_gzip_header() {
    let plain = gzip(b"content");
    let mut input = b"\x1f\x8b\x08\x1e\0\0\0\0\0\xff".to_vec();
    input.extend_from_slice(b"\x03\0abc");
    input.extend_from_slice(b"name\0comment\0");
    let mut crc = flate2::Crc::new();
    crc.update(&input);
    let crc = u16::try_from(crc.sum() & 0xffff).unwrap().to_le_bytes();
    let good = [&input[..], &crc, &plain[10..]].concat();
    assert_eq!(decode(&good, 64, 64).unwrap(), b"content");
    let bad = [&input[..], &[crc[0] ^ 1, crc[1]], &plain[10..]].concat();
    decode(&bad, 64, 64).unwrap_err();
    let mut reserved = plain;
    reserved[3] |= 1 << 5;
    decode(&reserved, 64, 64).unwrap_err();
}

#[test]
fn a_wrong_checksum_or_size_is_an_error() {
    for (compression, encode) in ENCODERS {
        // zstd writes a checksum only when told.
        if compression != Compression::Zstd {
            let mut input = encode(&text(500));
            let from_end = if compression == Compression::Bzip2 {
                3
            } else {
                6
            };
            let at = input.len() - from_end;
            input[at] ^= 0x40;
            decode(&input, 64, 64).expect_err(&format!("{compression:?}"));
        }
    }
}

#[test]
fn bombs_are_stopped() {
    let limits = Limits {
        unpacked_bytes: 3 << 20,
        inflate_ratio: 1_100,
        ratio_free_bytes: 1 << 20,
        ..Limits::default()
    };
    let zeros = vec![0; 4 << 20];
    for (compression, encode) in ENCODERS {
        let input = encode(&zeros);
        let mut decoder = Decompressor::new(&input[..], &limits).unwrap();
        let error = io::copy(&mut decoder, &mut io::sink()).unwrap_err();
        let expected = match compression {
            Compression::Gzip => LimitExceeded::UnpackedBytes { limit: 3 << 20 },
            _ => LimitExceeded::InflateRatio { limit: 1_100 },
        };
        assert_eq!(LimitExceeded::of(&error), Some(expected), "{compression:?}");
        assert!(decoder.bytes_out() < 4 << 20);
    }
    let mut decoder = Decompressor::new(&zeros[..], &limits).unwrap();
    let error = io::copy(&mut decoder, &mut io::sink()).unwrap_err();
    assert!(LimitExceeded::of(&error).is_some());
}

proptest! {
    #[test]
    fn no_input_panics(kind in 0_usize..4, mut content: Vec<u8>, flips: Vec<(usize, u8)>) {
        content.extend_from_slice(b"some more");
        let mut input = ENCODERS[kind].1(&content);
        let length = input.len();
        for (at, value) in flips {
            input[at % length] ^= value;
        }
        let limits = Limits { unpacked_bytes: 1 << 20, ..Limits::default() };
        let decoder = Decompressor::new(&input[..], &limits);
        if let Ok(mut decoder) = decoder {
            // Either outcome is right; that there is one is the test.
            let _outcome = io::copy(&mut decoder, &mut io::sink());
        }
    }
}

#[test]
fn gzip_has_the_same_bytes_whatever_the_threads_and_the_writes() {
    let words = text(3000);
    for length in [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5 << 20] {
        // Repeats over more than a block, so that the dictionary of the block before is needed.
        let content: Vec<u8> = words.iter().copied().cycle().take(length).collect();
        let one = gzip_on(&content, 1, 1 << 16);
        assert_eq!(gzip_on(&content, 3, 70_001), one, "{length} bytes");
        assert!(decode(&one, 1 << 16, 1 << 16).unwrap() == content);
        let mut theirs = Vec::new();
        flate2::read::GzDecoder::new(&one[..])
            .read_to_end(&mut theirs)
            .unwrap();
        assert!(theirs == content, "{length} bytes");
    }
}

#[test]
fn gzip_of_blocks_is_hardly_larger_than_gzip_of_one() {
    // Lines of a list, as people keep them: they compress to about a fifth.
    let lines = (0..200_000_u32).map(|i| format!("{i} item {}\n", i.wrapping_mul(2_654_435_761)));
    let content = lines.collect::<String>().into_bytes();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(&content).unwrap();
    let single = encoder.finish().unwrap().len();
    let blocks = gzip_on(&content, 2, 1 << 16).len();
    assert!(blocks * 1000 < single * 1005, "{blocks} against {single}");
}

#[test]
fn a_target_that_fails_fails_the_compressor() {
    struct Full;
    impl io::Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if bytes.len() == 10 {
                return Ok(10);
            }
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut compressor = Compressor::gzip(Full, 6, 2).unwrap();
    let outcome = compressor
        .write_all(&text(20 << 20))
        .and_then(|()| compressor.finish().map(drop));
    assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::StorageFull);
}

/// Blocks of an earlier stream, and how many of them were taken.
struct Earlier {
    stream: Vec<u8>,
    blocks: Vec<DeflatedBlock>,
    taken: AtomicUsize,
}

impl DeflatedBlocks for Earlier {
    fn find(&self, number: usize) -> Option<(DeflatedBlock, Vec<u8>)> {
        let block = self.blocks.get(number)?;
        let before = self.blocks.iter().take(number);
        let offset = before.map(|block| u64::from(block.length)).sum::<u64>();
        let offset = usize::try_from(Compressor::<Vec<u8>>::HEADER_BYTES + offset).unwrap();
        let end = offset + usize::try_from(block.length).unwrap();
        let bytes = self.stream[offset..end].to_vec();
        if !block.has(&bytes) {
            return None;
        }
        self.taken.fetch_add(1, Ordering::SeqCst);
        Some((block.clone(), bytes))
    }
}

fn gzip_with(content: &[u8], known: &Arc<Earlier>) -> (Vec<u8>, Vec<DeflatedBlock>) {
    let known: Arc<dyn DeflatedBlocks> = Arc::<Earlier>::clone(known);
    let mut compressor = Compressor::gzip_from_known(Vec::new(), 6, 2, &known).unwrap();
    compressor.write_all(content).unwrap();
    let finished = compressor.finish_with_blocks().unwrap();
    (finished.target, finished.blocks)
}

/// What made a difference when a thread's state was used again for its next block.
fn numbers(length: usize) -> Vec<u8> {
    let lines = (0..u32::MAX).flat_map(|number| {
        let line = (number.wrapping_mul(2_654_435_761) >> 8).to_string() + "\n";
        line.into_bytes()
    });
    lines.take(length).collect()
}

#[test]
fn a_block_does_not_depend_on_what_its_thread_did_before() {
    let content = numbers((3 << 20) + 1000);
    let alone = gzip_on(&content, 1, content.len());
    for _ in 0..4 {
        // Each block has a thread of its own.
        assert!(gzip_on(&content, 8, content.len()) == alone);
    }
    let nothing = || {
        let taken = AtomicUsize::new(0);
        Earlier {
            stream: Vec::new(),
            blocks: Vec::new(),
            taken,
        }
    };
    let (stream, mut blocks) = gzip_with(&content, &Arc::new(nothing()));
    assert!(stream == alone);
    // All but the last are taken: that one is the first thing its thread does.
    blocks.pop();
    let known = Arc::new(Earlier {
        stream,
        blocks,
        ..nothing()
    });
    assert!(gzip_with(&content, &known).0 == alone);
    assert_eq!(known.taken.load(Ordering::SeqCst), 3);
}

#[test]
fn known_blocks_give_the_same_bytes() {
    let earlier = |stream: Vec<u8>, blocks: Vec<DeflatedBlock>| {
        let taken = AtomicUsize::new(0);
        Arc::new(Earlier {
            stream,
            blocks,
            taken,
        })
    };
    let mut content = text(5 << 20);
    let (stream, blocks) = gzip_with(&content, &earlier(Vec::new(), Vec::new()));
    assert_eq!((stream == gzip(&content), blocks.len()), (true, 5));
    // Within the third block, far from its end.
    content[(2 << 20) + 5] ^= 1;
    let known = earlier(stream.clone(), blocks.clone());
    let (changed, again) = gzip_with(&content, &known);
    assert!(changed == gzip(&content) && changed != stream);
    assert_eq!(
        (again[1] == blocks[1], again[2] == blocks[2]),
        (true, false)
    );
    // A block that is damaged is deflated again.
    let mut damaged = stream;
    damaged[100] ^= 1;
    let known = earlier(damaged, blocks);
    assert!(gzip_with(&content, &known).0 == changed);
    // The third one was found, but is not what was deflated then.
    assert_eq!(known.taken.load(Ordering::SeqCst), 4);
}

#[test]
fn blocks_that_are_taken_over_give_the_same_bytes() {
    const BLOCK: usize = 1 << 20;
    let taken = AtomicUsize::new(0);
    let nothing = Arc::new(Earlier {
        stream: Vec::new(),
        blocks: Vec::new(),
        taken,
    });
    let mut content = text(3 * BLOCK + 100);
    let (stream, blocks) = gzip_with(&content, &nothing);
    content.truncate(2 * BLOCK + 5);
    content.extend(numbers(2 * BLOCK));
    for count in 0..=2 {
        let known: Arc<dyn DeflatedBlocks> = Arc::<Earlier>::clone(&nothing);
        let mut compressor = Compressor::gzip_from_known(Vec::new(), 6, 2, &known).unwrap();
        let mut offset = usize::try_from(Compressor::<Vec<u8>>::HEADER_BYTES).unwrap();
        for block in &blocks[..count] {
            let end = offset + usize::try_from(block.length).unwrap();
            let bytes = &stream[offset..end];
            compressor.take_over(block.clone(), bytes).unwrap();
            offset = end;
        }
        let begin = count * BLOCK;
        let dictionary = usize::try_from(Compressor::<Vec<u8>>::DICTIONARY_BYTES).unwrap();
        compressor.precede(&content[begin.saturating_sub(dictionary)..begin]);
        let mut hasher = Hasher::new(Algorithm::Sha256);
        hasher.update(&content[..begin]);
        compressor.hash_plain(PlainHash {
            hasher,
            states: Vec::new(),
        });
        compressor.write_all(&content[begin..]).unwrap();
        let finished = compressor.finish_with_blocks().unwrap();
        assert!(finished.target == gzip(&content), "{count}");
        assert_eq!(finished.blocks.len(), 5);
        let plain = finished.plain.unwrap();
        assert_eq!(plain.hasher.finish(), Digest::of(&content));
        assert_eq!(plain.states.len(), 5 - count);
        let state = Hasher::resume(Algorithm::Sha256, &plain.states[0]).unwrap();
        assert_eq!(state.finish(), Digest::of(&content[..begin + BLOCK]));
    }
}
