use std::io::Read as _;

use super::*;
use crate::Limits;

fn read_all(archive: &[u8]) -> Result<Vec<(Entry, Vec<u8>)>, TarError> {
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
        writer
            .append_bytes(&Entry::symlink(&name, &name, Timestamp::default()), b"")
            .unwrap();
    }
    let archive = writer.finish().unwrap();
    let entries = read_all(&archive).unwrap();
    entry.size_bytes = 5;
    assert_eq!(entries[0], (entry, b"hello".to_vec()));
    assert_eq!(entries.len(), 10);
    assert_eq!(entries[9].0.name.len(), 4_000);
    assert_eq!(entries[9].0.name, entries[9].0.link_target);
}
