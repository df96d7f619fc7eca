//! The header by which a registry says how it wants to be convinced.

use wharf_registry_client::{AuthChallenge, parse_challenges};

const HEADER_LIMIT_BYTES: usize = 16 * 1024;
const CHALLENGE_LIMIT: usize = 16;
const PARAMETER_LIMIT: usize = 32;

/// Takes the bytes for a header.
pub(crate) fn check(bytes: &[u8]) {
    let header = String::from_utf8_lossy(bytes);
    let challenges = parse_challenges(&header);
    assert!(challenges.len() <= CHALLENGE_LIMIT);
    for challenge in &challenges {
        assert!(challenge.parameters.len() <= PARAMETER_LIMIT);
        let is_token = |text: &str| !text.is_empty() && !text.contains([' ', '\t', ',', '"', '=']);
        assert!(is_token(&challenge.scheme), "{:?}", challenge.scheme);
        assert_eq!(challenge.scheme, challenge.scheme.to_ascii_lowercase());
        for (name, value) in &challenge.parameters {
            assert!(
                is_token(name) && *name == name.to_ascii_lowercase(),
                "{name:?}"
            );
            assert!(
                value.len() <= header.len(),
                "a value is longer than the header"
            );
        }
    }
    // What was understood can be said in the plainest form, and is understood the same, unless that is too long.
    let plain: Vec<_> = challenges.iter().map(plain).collect();
    let plain = plain.join(", ");
    if plain.len() <= HEADER_LIMIT_BYTES {
        assert_eq!(parse_challenges(&plain), challenges, "{plain:?}");
    }
}

fn plain(challenge: &AuthChallenge) -> String {
    let parameters = challenge.parameters.iter().map(|(name, value)| {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"");
        format!("{name}=\"{value}\"")
    });
    format!(
        "{} {}",
        challenge.scheme,
        parameters.collect::<Vec<_>>().join(", ")
    )
}
