//! Databases as rpm writes them, made here byte by byte, and everything that can be wrong with them.

use proptest::prelude::*;

use super::*;

/// A header with the usual tags.
fn header(name: &str, version: &str, epoch: Option<u32>) -> Vec<u8> {
    let mut index = Vec::new();
    let mut store = Vec::new();
    let mut entries: Vec<(u32, u32, Vec<u8>)> = [
        (1000, name),
        (1001, version),
        (1002, "7.el9"),
        (1014, "GPLv3+"),
        (1022, "x86_64"),
        (1044, "source-pkg-1-2.src.rpm"),
    ]
    .into_iter()
    .map(|(tag, text)| (tag, 6, [text.as_bytes(), b"\0"].concat()))
    .collect();
    if let Some(epoch) = epoch {
        entries.push((1003, 4, epoch.to_be_bytes().to_vec()));
    }
    for (tag, kind, value) in &entries {
        while *kind == 4 && store.len() % 4 != 0 {
            store.push(0);
        }
        let offset = u32::try_from(store.len()).unwrap();
        for number in [*tag, *kind, offset, 1] {
            index.extend(number.to_be_bytes());
        }
        store.extend(value);
    }
    let mut bytes = Vec::new();
    for number in [entries.len(), store.len()] {
        bytes.extend(u32::try_from(number).unwrap().to_be_bytes());
    }
    bytes.extend(index);
    bytes.extend(store);
    bytes
}

fn many() -> Vec<Vec<u8>> {
    let long = "n".repeat(3000);
    let mut headers = vec![
        header("bash", "5.1", None),
        header("gpg-pubkey", "1", None),
        header("openssl", "3.0", Some(1)),
        header(&long, "1", None),
    ];
    headers.extend((0..60).map(|number| header(&format!("package-{number}"), "1", None)));
    headers
}

fn ndb(headers: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = vec![0; 4096];
    let put = |bytes: &mut Vec<u8>, offset: usize, number: u32| {
        bytes[offset..offset + 4].copy_from_slice(&number.to_le_bytes());
    };
    bytes[..4].copy_from_slice(b"RpmP");
    put(&mut bytes, 12, 1);
    for slot in 2..256 {
        bytes[slot * 16..slot * 16 + 4].copy_from_slice(b"Slot");
    }
    for (number, header) in headers.iter().enumerate() {
        let index = u32::try_from(number).unwrap() + 1;
        let block = u32::try_from(bytes.len() / 16).unwrap();
        let slot = (number + 2) * 16;
        put(&mut bytes, slot + 4, index);
        put(&mut bytes, slot + 8, block);
        bytes.extend(b"BlbS");
        for number in [index, 0, u32::try_from(header.len()).unwrap()] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(header);
        bytes.resize(bytes.len().next_multiple_of(16), 0);
    }
    bytes
}

/// A hash of Berkeley DB: one page of entries for a few headers, each of them on pages of its own or in the page.
fn berkeley(headers: &[Vec<u8>], big_endian: bool) -> Vec<u8> {
    const PAGE: usize = 4096;
    let long = |number: u32| {
        if big_endian {
            number.to_be_bytes()
        } else {
            number.to_le_bytes()
        }
    };
    let short = |number: usize| {
        let number = u16::try_from(number).unwrap();
        if big_endian {
            number.to_be_bytes()
        } else {
            number.to_le_bytes()
        }
    };
    let mut bytes = vec![0; PAGE];
    bytes[12..16].copy_from_slice(&long(0x0006_1561));
    bytes[20..24].copy_from_slice(&long(4096));
    bytes[25] = 8;
    for (number, header) in headers.iter().enumerate() {
        let first = bytes.len() / PAGE + 1;
        let mut page = vec![0; PAGE];
        page[25] = 13;
        page[20..22].copy_from_slice(&short(2));
        let key = PAGE - 5;
        page[26..28].copy_from_slice(&short(key));
        page[key] = 1;
        let inline = number % 2 == 1 && header.len() < 2000;
        let value = if inline {
            key - 1 - header.len()
        } else {
            key - 12
        };
        page[28..30].copy_from_slice(&short(value));
        if inline {
            page[value] = 1;
            page[value + 1..key].copy_from_slice(header);
            bytes.extend(page);
            continue;
        }
        page[value] = 3;
        page[value + 4..value + 8].copy_from_slice(&long(u32::try_from(first).unwrap()));
        page[value + 8..value + 12].copy_from_slice(&long(u32::try_from(header.len()).unwrap()));
        bytes.extend(page);
        let parts: Vec<&[u8]> = header.chunks(1000).collect();
        for (index, part) in parts.iter().enumerate() {
            let mut page = vec![0; PAGE];
            page[25] = 7;
            page[22..24].copy_from_slice(&short(part.len()));
            if index + 1 < parts.len() {
                let next = u32::try_from(first + index + 1).unwrap();
                page[16..20].copy_from_slice(&long(next));
            }
            page[26..26 + part.len()].copy_from_slice(part);
            bytes.extend(page);
        }
    }
    bytes
}

/// A database of SQLite, made by its own program; `None`, said aloud, where that is not installed.
fn sqlite(headers: &[Vec<u8>]) -> Option<Vec<u8>> {
    use std::fmt::Write as _;
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rpmdb.sqlite");
    let mut sql = "PRAGMA page_size=1024;CREATE TABLE 'Name' (key TEXT);CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL);".to_owned();
    for header in headers {
        let hex = header.iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        });
        write!(sql, "INSERT INTO Packages (blob) VALUES (x'{hex}');").unwrap();
    }
    let child = Command::new("sqlite3")
        .arg(&path)
        .stdin(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        eprintln!("skipped: sqlite3 is not installed");
        return None;
    };
    child
        .stdin
        .take()
        .unwrap()
        .write_all(sql.as_bytes())
        .unwrap();
    assert!(child.wait().unwrap().success());
    Some(std::fs::read(&path).unwrap())
}

fn check(database: &[u8]) {
    let packages = rpm_packages(database).unwrap();
    assert_eq!(packages.len(), 63);
    let find = |name: &str| packages.iter().find(|one| one.name == name).unwrap();
    let bash = find("bash");
    assert_eq!(
        (bash.version.as_str(), bash.source.as_str()),
        ("5.1-7.el9", "source-pkg")
    );
    assert_eq!(
        (bash.architecture.as_str(), bash.licence.as_str()),
        ("x86_64", "GPLv3+")
    );
    assert_eq!(find("openssl").version, "1:3.0-7.el9");
    assert_eq!(find(&"n".repeat(3000)).version, "1-7.el9");
    assert_eq!(find("package-59").version, "1-7.el9");
}

#[test]
fn all_three_databases_are_read() {
    check(&ndb(&many()));
    check(&berkeley(&many(), false));
    check(&berkeley(&many(), true));
    if let Some(database) = sqlite(&many()) {
        check(&database);
    }
}

/// A hash of Berkeley DB's own making; `None`, said aloud, without its tools.
fn loaded(headers: &[Vec<u8>], settings: &[&str]) -> Option<Vec<u8>> {
    use std::fmt::Write as _;
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("Packages");
    let hex = |bytes: &[u8]| {
        bytes.iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        })
    };
    let mut dump = "VERSION=3\nformat=bytevalue\ntype=hash\nHEADER=END\n".to_owned();
    // number 0 holds the last number that was given
    let last = u32::try_from(headers.len()).unwrap().to_le_bytes();
    writeln!(dump, " {}\n {}", hex(&[0; 4]), hex(&last)).unwrap();
    for (number, header) in (1_u32..).zip(headers) {
        writeln!(dump, " {}\n {}", hex(&number.to_le_bytes()), hex(header)).unwrap();
    }
    dump += "DATA=END\n";
    let settings = settings.iter().flat_map(|setting| ["-c", setting]);
    let child = Command::new("db5.3_load")
        .args(settings)
        .arg(&path)
        .stdin(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        eprintln!("skipped: db5.3_load (db5.3-util) is not installed");
        return None;
    };
    let mut input = child.stdin.take().unwrap();
    input.write_all(dump.as_bytes()).unwrap();
    drop(input);
    assert!(child.wait().unwrap().success());
    Some(std::fs::read(&path).unwrap())
}

#[test]
fn what_berkeley_db_makes_is_read() {
    for settings in [
        &["db_pagesize=512"][..],
        &["db_pagesize=4096"],
        &["db_pagesize=65536"],
        &["db_pagesize=4096", "db_lorder=4321"],
    ] {
        match loaded(&many(), settings) {
            Some(database) => check(&database),
            None => return,
        }
    }
}

/// Headers that rpm 4.18 wrote, in databases of rpm's and Berkeley DB's own code: `real/Packages.db` was made by `lib/backend/ndb` of
/// rpm's sources, which has deleted pack3 again, `real/Packages` by `db5.3_load` of what `rpmdb.sqlite` holds; rpm's
/// reader `bdb_ro` finds these packages in it.
#[test]
fn real_databases_are_read() {
    let shown = |database: &[u8]| -> Vec<String> {
        let mut packages: Vec<String> = rpm_packages(database)
            .unwrap()
            .into_iter()
            .map(|one| {
                format!(
                    "{} {} {} {}",
                    one.name, one.version, one.source, one.licence
                )
            })
            .collect();
        packages.sort();
        packages
    };
    let small = "small 4:1.2-3 small MIT";
    assert_eq!(
        shown(include_bytes!("real/Packages.db")),
        [
            "pack1 1.0~rc1-3 pack1 MIT",
            "pack2 2.0~rc1-3 pack2 MIT",
            small
        ]
    );
    assert_eq!(
        shown(include_bytes!("real/Packages")),
        [
            "pack1 1.0~rc1-3 pack1 MIT",
            "pack2 2.0~rc1-3 pack2 MIT",
            "pack3 3.0~rc1-3 pack3 MIT",
            small
        ]
    );
}

#[test]
fn damage_is_told() {
    let whole = ndb(&many());
    for (offset, expected) in [
        (4, "its version"),
        (13, "more slots"),
        (32, "a slot is none"),
    ] {
        let mut bytes = whole.clone();
        bytes[offset] = 0xff;
        let error = rpm_packages(&bytes).unwrap_err().to_string();
        assert!(error.contains(expected), "{offset}: {error}");
    }
    assert_eq!(rpm_packages(b"x"), Err(RpmError::Unknown));
    // pages of a table that lead to each other
    if let Some(mut bytes) = sqlite(&many()) {
        for page in bytes.chunks_mut(1024).skip(1) {
            if page[0] == 5 {
                page[8..12].copy_from_slice(&3_u32.to_be_bytes());
            }
        }
        let _told_or_read = rpm_packages(&bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn hostile_databases_end(
        which in 0..3_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..40),
        end in any::<prop::sample::Index>(),
        cuts in any::<bool>(),
    ) {
        let headers = [header("a", "1", Some(2)), header(&"b".repeat(5000), "2", None)];
        let mut bytes = match which {
            0 => ndb(&headers),
            1 => berkeley(&headers, false),
            _ => berkeley(&headers, true),
        };
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        if cuts {
            bytes.truncate(end.index(bytes.len()));
        }
        // it returns, in no more time than the bytes take
        let _told_or_read = rpm_packages(&bytes);
    }

    #[test]
    fn any_bytes_as_sqlite_end(bytes in prop::collection::vec(any::<u8>(), 0..4096), size in 9..16_u32) {
        let mut bytes = bytes;
        let start = [b"SQLite format 3\0".as_slice(), &(1_u16 << size.min(15)).to_be_bytes(), &[1, 1, 0]].concat();
        bytes.splice(..start.len().min(bytes.len()), start);
        let _told_or_read = rpm_packages(&bytes);
    }
}
