//! Tokens that a client sends to the registry.

use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
use wharf_registry::access::token::{KeyRing, SigningKey, TokenService};

/// A private key (PKCS#8) that signed the seeds and nothing else.
const KEY: &str = concat!(
    "308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420e5f73c9635e7d70a51e4",
    "5c378691bb4d982f6373f6c4aa5aa4cf43756a9d099ba14403420004a1ba9dbbfaa2911a4d63e3ed4b14485bf380",
    "fc5349e955f8a73f151c9b112bf2be6a65d11ba8dfb473fe1cf50a24d51b4d8fd0370c420eef981424a49784ec54",
);
/// What it signed, for this registry and this time.
const SIGNED: [&str; 2] = [
    include_str!("../../../fuzz/corpus/registry_token/good"),
    include_str!("../../../fuzz/corpus/registry_token/anonymous"),
];
const NOW_SECONDS: i64 = 1_800_000_000;
const TOKEN_LIMIT_BYTES: usize = 8 * 1024;

static KEYS: LazyLock<KeyRing> = LazyLock::new(|| {
    let byte = |digits: &[u8]| {
        let digits = std::str::from_utf8(digits).expect("ASCII");
        u8::from_str_radix(digits, 16).expect("hex digits")
    };
    let pkcs8: Vec<u8> = KEY.as_bytes().chunks(2).map(byte).collect();
    let key = SigningKey::from_pkcs8(&pkcs8, now(), Timestamp::MAX);
    KeyRing::new(vec![key.expect("a key")])
});

fn now() -> Timestamp {
    Timestamp::from_second(NOW_SECONDS).expect("a time")
}

/// Takes the bytes for a token: only what was signed counts.
pub(crate) fn check(bytes: &[u8]) {
    let service = TokenService::new("wharf", "registry.example", SignedDuration::from_mins(30));
    for token in SIGNED {
        let result = service.verify(&KEYS, token, now());
        assert!(
            result.is_ok(),
            "the registry takes its own token: {result:?}"
        );
    }
    let token = String::from_utf8_lossy(bytes);
    if let Ok(claims) = service.verify(&KEYS, &token, now()) {
        assert!(token.len() <= TOKEN_LIMIT_BYTES);
        let message = |token: &str| {
            token
                .rsplit_once('.')
                .map(|(message, _)| message.to_owned())
        };
        let is_ours = SIGNED
            .iter()
            .any(|signed| message(signed) == message(&token));
        assert!(is_ours, "nobody signed this: {token:?} {claims:?}");
    }
    let stored = SigningKey::from_pkcs8(bytes, now(), now());
    assert!(
        stored.is_err() || bytes.len() > 64,
        "a private key in {} bytes",
        bytes.len()
    );
}
