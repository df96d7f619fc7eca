//! What S3 services answer to the registry: lists of unfinished uploads, and errors.

use std::fmt::Write as _;

use jiff::Timestamp;
use wharf_registry::storage::fuzzing::{UploadsPage, gives_up, uploads_page};

/// What an entry needs at least, with its tags, in bytes.
const SMALLEST_ENTRY_BYTES: usize = 40;
/// After these the service does not know an upload or its parts any more.
const ENDS_OF_UPLOADS: [&str; 6] = [
    "NoSuchKey",
    "NoSuchUpload",
    "NoSuchBucket",
    "InvalidPart",
    "InvalidPartOrder",
    "EntityTooSmall",
];

/// Takes the bytes for an answer: a list comes to its end, and no upload is given up unless the service says that it is gone.
pub(crate) fn check(bytes: &[u8]) {
    if let Some(page) = uploads_page(bytes, "", "") {
        check_page(bytes, &page);
    }
    let text = String::from_utf8_lossy(bytes);
    if gives_up(&text) {
        let says_so = |code: &str| text.contains(&format!("<Code>{code}</Code>"));
        assert!(ENDS_OF_UPLOADS.iter().any(|code| says_so(code)), "{text}");
    }
}

fn check_page(bytes: &[u8], page: &UploadsPage) {
    let most = bytes.len() / SMALLEST_ENTRY_BYTES;
    assert!(
        page.uploads.len() <= most,
        "{} of {most}",
        page.uploads.len()
    );
    // A service that says the same again does not get the registry to ask for ever.
    if let Some((key, id)) = &page.next {
        let again = uploads_page(bytes, key, id).expect("it was read before");
        assert_eq!(again.next, None, "the list goes round in circles");
    }
    let written = write(page);
    let read = uploads_page(written.as_bytes(), "", "");
    let read = read.unwrap_or_else(|| panic!("written and not read: {written}"));
    assert_eq!(read.uploads, page.uploads, "{written}");
    assert_eq!(read.next, page.next, "{written}");
}

/// A page as a service would write it.
fn write(page: &UploadsPage) -> String {
    let mut text = "<ListMultipartUploadsResult>".to_owned();
    let mut element = |name: &str, content: &str| {
        let content = escaped(content);
        write!(text, "<{name}>{content}</{name}>").expect("memory");
    };
    if let Some((key, id)) = &page.next {
        element("IsTruncated", "true");
        element("NextKeyMarker", key);
        element("NextUploadIdMarker", id);
    }
    for (key, id, begun) in &page.uploads {
        let begun = Timestamp::from_microsecond(*begun).expect("a time");
        let parts = [
            ("Key", key),
            ("UploadId", id),
            ("Initiated", &begun.to_string()),
        ];
        let parts = parts.map(|(name, content)| format!("<{name}>{}</{name}>", escaped(content)));
        write!(text, "<Upload>{}</Upload>", parts.concat()).expect("memory");
    }
    text + "</ListMultipartUploadsResult>"
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
