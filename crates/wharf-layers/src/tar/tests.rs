use std::fmt::Write as _;
use std::io::Read as _;

use super::*;
use crate::{LimitExceeded, Limits};

type Item = (Entry, Vec<u8>);

fn read_all(archive: &[u8]) -> Result<Vec<Item>, TarError> {
    let mut reader = TarReader::new(archive, Limits::default());
    let mut entries = Vec::new();
    let mut entry = Entry::default();
    while reader.read_entry(&mut entry)? {
        let mut content = Vec::new();
        let mut stream = reader.content(&entry);
        stream.read_to_end(&mut content).unwrap();
        entries.push((entry.clone(), content));
    }
    Ok(entries)
}

// A header block, made by hand.
fn block(name: &str, flag: u8, size: usize, change: impl FnOnce(&mut [u8; 512])) -> Vec<u8> {
    let mut block = [0; 512];
    put(&mut block, 0, name.as_bytes());
    put(&mut block, 100, b"0000644\0");
    put(&mut block, 124, format!("{size:011o}\0").as_bytes());
    put(&mut block, 156, &[flag]);
    put(&mut block, 257, b"ustar\x0000");
    change(&mut block);
    put(&mut block, 148, b"        ");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    put(&mut block, 148, format!("{sum:06o}\0 ").as_bytes());
    block.to_vec()
}

fn put(block: &mut [u8], at: usize, bytes: &[u8]) {
    block[at..at + bytes.len()].copy_from_slice(bytes);
}

fn gnu(block: &mut [u8; 512]) {
    put(block, 257, b"ustar  \0");
}

fn padded(content: &[u8]) -> Vec<u8> {
    let mut padded = content.to_vec();
    padded.resize(content.len().next_multiple_of(512), 0);
    padded
}

// An extended header with `records` given as `key=value`, and an entry behind it.
fn with_pax(flag: u8, records: &[&str]) -> Vec<u8> {
    let mut text = String::new();
    for record in records {
        let rest = record.len() + 2;
        let mut length = rest + 1;
        while length != rest + length.to_string().len() {
            length = rest + length.to_string().len();
        }
        writeln!(text, "{length} {record}").unwrap();
    }
    let header = block("pax", flag, text.len(), |_| {});
    [
        header,
        padded(text.as_bytes()),
        block("name", b'0', 0, |_| {}),
    ]
    .concat()
}

fn only(archive: &[u8]) -> Entry {
    let mut items = read_all(archive).unwrap();
    assert_eq!(items.len(), 1, "{items:?}");
    items.remove(0).0
}

#[test]
fn reads_what_it_wrote() {
    let modified = Timestamp {
        seconds: 1_700_000_000,
        nanoseconds: 250_000_000,
    };
    let mut entry = Entry::file("a/b", 0o4755, modified);
    entry.user_id = u32::MAX - 1;
    entry.group_id = 7;
    entry.xattrs = vec![Xattr {
        name: b"user.x".to_vec(),
        value: b"1\n\0".to_vec(),
    }];
    let mut writer = TarWriter::new(Vec::new());
    writer.append_bytes(&entry, b"hello").unwrap();
    for length in [99, 100, 101, 155, 200, 256, 257, 300, 4_000] {
        let name = ["x".repeat(length / 2), "y".repeat(length - length / 2 - 1)].join("/");
        let link = Entry::symlink(&name, &name, Timestamp::default());
        writer.append_bytes(&link, b"").unwrap();
    }
    let archive = writer.finish().unwrap();
    let entries = read_all(&archive).unwrap();
    let lengths = entries
        .iter()
        .map(|(entry, _)| archived_bytes(entry).unwrap());
    assert_eq!(lengths.sum::<u64>() + 1024, archive.len() as u64);
    entry.size_bytes = 5;
    assert_eq!(entries[0], (entry, b"hello".to_vec()));
    assert_eq!(entries.len(), 10);
    assert_eq!(entries[9].0.name.len(), 4_000);
    assert_eq!(entries[9].0.name, entries[9].0.link_target);
}

#[test]
fn the_writer_refuses_what_it_cannot_write() {
    let mut writer = TarWriter::new(Vec::new());
    let entry = Entry::file("a\0b", 0o644, Timestamp::default());
    writer.append_bytes(&entry, b"").unwrap_err();
    let mut entry = Entry::file("a", 0o644, Timestamp::default());
    entry.size_bytes = 10;
    writer.append(&entry, &b"short"[..]).unwrap_err();
}

#[test]
fn reads_every_dialect_s_name_and_number() {
    let v7 = block("dir/", 0, 0, |block| put(block, 257, &[0; 8]));
    assert_eq!(only(&v7).kind, EntryKind::Directory);
    let prefix = |block: &mut [u8; 512]| put(block, 345, b"some/prefix");
    let ustar = only(&block("name", b'0', 0, prefix));
    assert_eq!(ustar.name, b"some/prefix/name");
    let star = only(&block("name", b'0', 0, |block| {
        put(block, 345, b"pre");
        put(block, 476, b"00000000017\0");
        put(block, 508, b"tar\0");
    }));
    assert_eq!(star.name, b"pre/name");
    assert_eq!(star.accessed.unwrap().seconds, 0o17);
    // Base 256: uid 2^31, mtime -1, and Go's old habit of a prefix in a GNU header.
    let entry = only(&block("name", b'0', 0, |block| {
        gnu(block);
        put(block, 108, &[0x80, 0, 0, 0, 0x80, 0, 0, 0]);
        put(block, 136, &[0xff; 12]);
        put(block, 345, b"old/go");
    }));
    assert_eq!(entry.user_id, 1 << 31);
    assert_eq!(entry.modified.seconds, -1);
    assert_eq!(entry.name, b"old/go/name");
    let spaces = only(&block("name", b'0', 0, |block| {
        put(block, 108, b"  17 \0  ");
    }));
    assert_eq!(spaces.user_id, 0o17);
}

#[test]
fn signed_checksums_are_accepted_and_wrong_ones_are_not() {
    let mut header = block("n\u{e4}me", b'0', 0, |_| {});
    header[148..156].fill(b' ');
    let sum: i32 = header
        .iter()
        .map(|byte| i32::from(byte.cast_signed()))
        .sum();
    put(&mut header, 148, format!("{sum:06o}\0 ").as_bytes());
    assert_eq!(only(&header).name, "n\u{e4}me".as_bytes());
    header[0] = b'm';
    let error = read_all(&header).unwrap_err();
    assert!(matches!(error, TarError::Checksum { offset: 0 }), "{error}");
}

#[test]
fn gnu_s_long_names_win_over_the_header() {
    let name = "long/".repeat(40);
    let archive = [
        block("././@LongLink", b'L', name.len() + 1, gnu),
        padded(name.as_bytes()),
        block("././@LongLink", b'K', 3, gnu),
        padded(b"to\0"),
        block("short", b'2', 0, gnu),
    ]
    .concat();
    let entry = only(&archive);
    assert_eq!(entry.name, name.as_bytes());
    assert_eq!(
        (entry.kind, &entry.link_target[..]),
        (EntryKind::Symlink, &b"to"[..])
    );
}

#[test]
fn reads_pax_records() {
    let entry = only(&with_pax(
        b'x',
        &[
            "path=long/p\u{e4}th",
            "linkpath=target",
            "uid=4000000000",
            "gid=7",
            "mtime=-1.25",
            "atime=17.5000000009",
            "hdrcharset=BINARY",
            "SCHILY.xattr.user.a=x=y\n",
            "SCHILY.xattr.user.empty=",
            "LIBARCHIVE.xattr.user.b%20c=aGVsbG8",
            "LIBARCHIVE.xattr.user.a=aGVsbG8",
        ],
    ));
    assert_eq!(entry.name, "long/p\u{e4}th".as_bytes());
    assert_eq!(entry.link_target, b"target");
    assert_eq!((entry.user_id, entry.group_id), (4_000_000_000, 7));
    let modified = Timestamp {
        seconds: -2,
        nanoseconds: 750_000_000,
    };
    assert_eq!(entry.modified, modified);
    assert_eq!(entry.accessed.unwrap().nanoseconds, 500_000_000);
    let xattrs: Vec<_> = entry
        .xattrs
        .iter()
        .map(|xattr| (&xattr.name[..], &xattr.value[..]))
        .collect();
    let expected: [(&[u8], &[u8]); 3] = [
        (b"user.a", b"x=y\n"),
        (b"user.b c", b"hello"),
        (b"user.empty", b""),
    ];
    assert_eq!(xattrs, expected);
}

#[test]
fn an_empty_record_takes_nothing_from_the_header_and_global_ones_have_no_effect() {
    assert_eq!(
        only(&with_pax(b'x', &["path=other", "path="])).name,
        b"name"
    );
    assert_eq!(
        only(&with_pax(b'g', &["path=other", "comment=x"])).name,
        b"name"
    );
}

#[test]
fn malformed_records_are_refused() {
    for records in [
        "path=a\0b",
        "uid=-1",
        "uid=4294967295",
        "gid=x",
        "mtime=1.x",
        "mtime=.5",
        "size=-1",
        "size=99999999999999999999",
        "=x",
        "SCHILY.xattr.=x",
        "LIBARCHIVE.xattr.user.a=?",
        "LIBARCHIVE.xattr.user.%zz=aGVsbG8",
        "GNU.sparse.numbytes=1",
        "GNU.sparse.offset=x",
        "GNU.sparse.map=1,2,3",
    ] {
        let error = read_all(&with_pax(b'x', &[records])).unwrap_err();
        assert!(
            matches!(error, TarError::Header { .. }),
            "{records}: {error}"
        );
    }
    for text in [
        "5 a=\n5", "4 a=\n", "99 a=b\n", "6 a=b", "x a=b\n", " a=b\n", "-6 a=b\n",
    ] {
        let header = block("pax", b'x', text.len(), |_| {});
        let archive = [header, padded(text.as_bytes()), block("n", b'0', 0, |_| {})].concat();
        let result = read_all(&archive);
        // "4 a=" would be a record of no key had it its line end.
        assert!(result.is_err(), "{text:?}: {result:?}");
    }
}

#[test]
fn malformed_headers_are_refused() {
    for (at, bytes) in [
        (100, &b"000x644\0"[..]),
        (108, b"8\0\0\0\0\0\0\0"),
        (108, &[0xff; 8]),
        (124, &[0xff; 12]),
        (124, b"-0000000001\0"),
        (136, &[0xbf; 12]),
        (329, b"zz\0\0\0\0\0\0"),
    ] {
        let header = block("name", b'0', 0, |block| put(block, at, bytes));
        let error = read_all(&header).unwrap_err();
        assert!(matches!(error, TarError::Header { .. }), "{at}: {error}");
    }
    let huge = block("name", b'0', 0, |block| {
        put(block, 124, b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff");
    });
    assert!(read_all(&huge).is_err_and(|error| matches!(error, TarError::Header { .. })));
    let huge = block("name", b'L', 1 << 30, gnu);
    let error = read_all(&huge).unwrap_err();
    assert!(
        matches!(error, TarError::Limit(LimitExceeded::HeaderBytes { .. })),
        "{error}"
    );
}

#[test]
fn the_end_may_be_missing_but_not_in_the_middle() {
    let file = [block("a", b'0', 3, |_| {}), padded(b"abc")].concat();
    let zeros = vec![0; 512];
    for end in [&[][..], &zeros, &vec![0; 1_024], &vec![0; 10_000]] {
        assert_eq!(read_all(&[&file[..], end].concat()).unwrap().len(), 1);
    }
    assert_eq!(
        read_all(&file[..520]).unwrap().len(),
        1,
        "within the padding"
    );
    assert!(read_all(&[]).unwrap().is_empty());
    let behind = [&file[..], &zeros, &zeros, b"anything"].concat();
    assert_eq!(read_all(&behind).unwrap().len(), 1);
    for bad in [
        [&file[..], &zeros, &file].concat(),
        [&file[..], &zeros, b"x"].concat(),
        [&file[..], b"x"].concat(),
        file[..100].to_vec(),
    ] {
        read_all(&bad).unwrap_err();
    }
    let cut = &file[..514];
    let mut reader = TarReader::new(cut, Limits::default());
    let mut entry = Entry::default();
    assert!(reader.read_entry(&mut entry).unwrap());
    assert!(matches!(
        reader.read_entry(&mut entry),
        Err(TarError::Truncated)
    ));
}

#[test]
fn what_has_no_content_is_followed_by_none_whatever_its_size() {
    for flag in *b"123456" {
        let archive = [block("a", flag, 700, |_| {}), block("b", b'0', 0, |_| {})].concat();
        let items = read_all(&archive).unwrap();
        assert_eq!((items.len(), items[0].0.size_bytes), (2, 0), "{flag}");
    }
}

#[test]
fn sparse_maps_must_fit_their_file() {
    let sparse = |records: &[&str], content: &[u8]| {
        let mut archive = with_pax(b'x', records);
        archive.truncate(archive.len() - 512);
        [
            archive,
            block("name", b'0', content.len(), |_| {}),
            padded(content),
        ]
        .concat()
    };
    let good = sparse(
        &[
            "GNU.sparse.size=10",
            "GNU.sparse.numblocks=2",
            "GNU.sparse.map=1,2,5,1",
        ],
        b"abc",
    );
    let items = read_all(&good).unwrap();
    assert_eq!(items[0].1, b"\0ab\0\0c\0\0\0\0");
    assert_eq!(items[0].0.size_bytes, 10);
    let count = "GNU.sparse.numblocks=2";
    for records in [
        // Overlapping, out of order, beyond the end, too little or too much content, odd count.
        &["GNU.sparse.size=10", count, "GNU.sparse.map=1,2,2,1"][..],
        &["GNU.sparse.size=10", count, "GNU.sparse.map=5,1,1,2"],
        &["GNU.sparse.size=5", count, "GNU.sparse.map=1,2,5,1"],
        &["GNU.sparse.size=10", count, "GNU.sparse.map=1,2,5,2"],
        &["GNU.sparse.size=10", count, "GNU.sparse.map=1,1,5,1"],
        &[
            "GNU.sparse.size=10",
            "GNU.sparse.numblocks=1",
            "GNU.sparse.map=1,2,5,1",
        ],
        &[
            "GNU.sparse.size=10",
            count,
            "GNU.sparse.map=1,9223372036854775807,5,1",
        ],
        &[
            "GNU.sparse.major=1",
            "GNU.sparse.minor=0",
            "GNU.sparse.realsize=10",
        ],
    ] {
        read_all(&sparse(records, b"abc")).expect_err(&format!("{records:?}"));
    }
    for map in ["99999999\n", "1\n0\n", "x\n", "1\n0\n600\n"] {
        let content = padded(map.as_bytes());
        let records = [
            "GNU.sparse.major=1",
            "GNU.sparse.minor=0",
            "GNU.sparse.realsize=10",
        ];
        read_all(&sparse(&records, &content)).expect_err(map);
    }
    let not_gnu = block("a", b'S', 0, |_| {});
    read_all(&not_gnu).unwrap_err();
}
