//! What people type and documents contain to mean an image: names, digests, platforms, patterns.

use wharf_oci::{Digest, ImageQuery, Platform, Reference, ReferencePattern};

/// Docker's limits (`distribution/reference`).
const NAME_LIMIT: usize = 255;
const TAG_LIMIT: usize = 128;

/// Patterns longer than this match slowly by their nature; people do not type them.
const PATTERN_LIMIT: usize = 64;

/// Takes the bytes for one text.
pub(crate) fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(reference) = text.parse::<Reference>() {
        check_reference(&reference);
        let query = ImageQuery::parse(text).expect("what is a name can be asked for");
        assert!(
            !matches!(query, ImageQuery::Prefix(_)),
            "a name became an ID: {text}"
        );
    }
    if let Ok(digest) = text.parse::<Digest>() {
        assert_eq!(digest.to_string().parse(), Ok(digest), "{text}");
        assert_eq!(
            ImageQuery::parse(text),
            Ok(ImageQuery::Digest(digest)),
            "{text}"
        );
    }
    if let Ok(platform) = text.parse::<Platform>() {
        let again: Platform = platform
            .to_string()
            .parse()
            .expect("a platform prints as one");
        assert_eq!(again, platform, "{text}");
        assert_eq!(
            platform.normalized(),
            platform.normalized().normalized(),
            "{text}"
        );
    }
    check_pattern(text);
}

fn check_reference(reference: &Reference) {
    let printed = reference.to_string();
    assert_eq!(
        printed.parse().as_ref(),
        Ok(reference),
        "the whole form: {printed}"
    );
    let repository = reference.repository();
    assert!(repository.to_string().len() <= NAME_LIMIT, "{printed}");
    assert!(
        reference
            .tag()
            .is_none_or(|tag| tag.as_str().len() <= TAG_LIMIT),
        "{printed}"
    );
    assert!(
        repository
            .path()
            .split('/')
            .all(|part| !part.is_empty() && part != "." && part != ".."),
        "a path that leads elsewhere: {printed}"
    );
    let whole = reference.clone().or_latest();
    assert!(!whole.is_name_only());
    assert_eq!(whole.clone().or_latest(), whole);
    check_familiar(reference);
}

/// The familiar form means the same, but for names of Docker Hub that cannot be said without their registry: Docker prints
/// `docker.io/localhost/web` as `localhost/web` too.
fn check_familiar(reference: &Reference) {
    let familiar = reference.familiar();
    let Ok(again) = familiar.parse::<Reference>() else {
        assert!(
            reference.repository().is_docker_hub(),
            "the familiar form: {familiar}"
        );
        return;
    };
    let is_same = again == *reference;
    assert!(
        is_same || reference.repository().is_docker_hub(),
        "the familiar form: {familiar}"
    );
}

fn check_pattern(text: &str) {
    if text.len() > PATTERN_LIMIT {
        return;
    }
    if let Ok(pattern) = ReferencePattern::parse(text) {
        let is_plain = !text.contains(['*', '?', '[', '\\']);
        assert_eq!(
            pattern.matches_text(text),
            is_plain || pattern.matches_text(text),
            "{text}"
        );
        let _any_answer = pattern.matches_text("docker.io/library/nginx");
    }
}
