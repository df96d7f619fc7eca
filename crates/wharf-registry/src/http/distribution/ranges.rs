//! Ranges and conditions (RFC 9110, sections 13 and 14).

use std::ops::Range;

use crate::repositories::ByteRange;

/// What a `Range` header asks of a body of a known length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::http) enum RangeRequest {
    /// All of it: no range, or one that may be ignored.
    Whole,
    /// These bytes.
    Part(Range<u64>),
    /// Bytes that are not there.
    Unsatisfiable,
}

impl RangeRequest {
    /// Reads a `Range` header. Several ranges, other units and broken ones are ignored, as the RFC
    /// allows; one that ends before it begins is answered as Go's servers do.
    pub(in crate::http) fn parse(header: Option<&str>, size: u64) -> Self {
        let Some(ranges) = header.and_then(|header| header.trim().strip_prefix("bytes=")) else {
            return Self::Whole;
        };
        let Some((first, last)) = ranges.trim().split_once('-') else {
            return Self::Whole;
        };
        match (number(first), number(last)) {
            (Some(first), Some(last)) if first > last => Self::Unsatisfiable,
            (Some(first), _) if first >= size && (last.is_empty() || number(last).is_some()) => {
                Self::Unsatisfiable
            }
            (Some(first), Some(last)) => Self::Part(first..last.saturating_add(1).min(size)),
            (Some(first), None) if last.is_empty() => Self::Part(first..size),
            (None, Some(0)) if first.is_empty() => Self::Unsatisfiable,
            (None, Some(suffix)) if first.is_empty() && size > 0 => {
                Self::Part(size.saturating_sub(suffix)..size)
            }
            _ => Self::Whole,
        }
    }
}

/// Reads the `Content-Range` of a chunk: `<first>-<last>`, as the specification has it, or RFC 9110's `bytes 0-9/*`.
/// `None` if it is neither.
pub(in crate::http) fn content_range(header: &str) -> Option<ByteRange> {
    let text = header.trim();
    let text = text
        .strip_prefix("bytes")
        .unwrap_or(text)
        .trim_start_matches([' ', '=']);
    let text = text.split('/').next()?;
    let (first, last) = text.split_once('-')?;
    let (first, last) = (number(first)?, number(last)?);
    (first <= last).then_some(ByteRange { first, last })
}

/// Whether `If-None-Match` names the entity.
pub(super) fn matches_etag(header: Option<&str>, etag: &str) -> bool {
    header.is_some_and(|header| {
        header
            .split(',')
            .map(str::trim)
            .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == etag)
    })
}

/// Digits only: `parse` alone would take a sign.
fn number(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_rfc_says() {
        use RangeRequest::{Part, Unsatisfiable, Whole};
        for (header, expected) in [
            ("bytes=0-4", Part(0..5)),
            ("bytes=3-", Part(3..10)),
            ("bytes=-4", Part(6..10)),
            ("bytes=-40", Part(0..10)),
            ("bytes=4-400", Part(4..10)),
            ("bytes=9-9", Part(9..10)),
            ("bytes=10-", Unsatisfiable),
            ("bytes=10-12", Unsatisfiable),
            ("bytes=-0", Unsatisfiable),
            ("bytes=5-4", Unsatisfiable),
            ("bytes=0-1,3-4", Whole),
            ("bytes=a-b", Whole),
            ("bytes=+1-2", Whole),
            ("items=0-1", Whole),
            ("bytes=", Whole),
            ("bytes=-", Whole),
            ("bytes=99999999999999999999999-", Whole),
        ] {
            assert_eq!(RangeRequest::parse(Some(header), 10), expected, "{header}");
        }
        assert_eq!(RangeRequest::parse(None, 10), Whole);
        assert_eq!(RangeRequest::parse(Some("bytes=0-0"), 0), Unsatisfiable);
        assert_eq!(RangeRequest::parse(Some("bytes=-1"), 0), Whole);
    }

    #[test]
    fn chunks_say_where_they_belong() {
        let range = |first, last| Some(ByteRange { first, last });
        for (header, expected) in [
            ("0-9", range(0, 9)),
            ("bytes 10-19/*", range(10, 19)),
            ("bytes=5-6", range(5, 6)),
            ("9-0", None),
            ("-9", None),
            ("1-", None),
            ("a-b", None),
            ("-1-2", None),
        ] {
            assert_eq!(content_range(header), expected, "{header}");
        }
    }

    #[test]
    fn an_entity_is_known_by_its_tag() {
        assert!(matches_etag(Some("\"a\", W/\"b\""), "\"b\""));
        assert!(matches_etag(Some("*"), "\"b\""));
        assert!(!matches_etag(Some("\"a\""), "\"b\""));
        assert!(!matches_etag(None, "\"b\""));
    }
}
