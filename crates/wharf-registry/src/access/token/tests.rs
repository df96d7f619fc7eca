//! Tokens that count, and everything that tries to look like one.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};

use super::service::TOKEN_LIMIT_BYTES;
use super::*;
use crate::access::SubjectId;

const NOW: i64 = 1_800_000_000;
const LIFETIME: i64 = 30 * 60;
const DAY: i64 = 24 * 60 * 60;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn service() -> TokenService {
    let lifetime = SignedDuration::from_secs(LIFETIME);
    TokenService::new("wharf", "registry.example", lifetime)
}

fn key(created: i64) -> SigningKey {
    SigningKey::generate(at(created)).unwrap()
}

fn ring() -> KeyRing {
    KeyRing::new(vec![key(NOW - DAY)])
}

fn issue(keys: &KeyRing, now: i64) -> String {
    let access = vec![Scope::repository("team/app", [ScopeAction::Pull])];
    let subject_id = Some(SubjectId::User(7));
    let issued = service().issue(keys, "emon", subject_id, access, at(now));
    issued.unwrap().token
}

fn verify(keys: &KeyRing, token: &str, now: i64) -> Result<Claims, TokenError> {
    service().verify(keys, token, at(now))
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode_text(part: &str) -> String {
    String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// A token of any payload with a good signature.
fn signed(keys: &KeyRing, payload: &str) -> String {
    let key = keys.verifying(at(NOW)).next().unwrap();
    let message = format!("{}.{}", key.header(), encode(payload));
    let signature = key.sign(message.as_bytes()).unwrap();
    format!("{message}.{}", encode(signature))
}

#[test]
fn a_token_says_what_was_put_into_it() {
    let keys = ring();
    let access = Scope::parse_all(["repository:team/app:pull,push registry:catalog:*"]).unwrap();
    let issued = service()
        .issue(
            &keys,
            "robot$team+ci",
            Some(SubjectId::Robot(3)),
            access.clone(),
            at(NOW),
        )
        .unwrap();
    assert_eq!((issued.expires_in, issued.issued_at), (LIFETIME, at(NOW)));
    let claims = verify(&keys, &issued.token, NOW).unwrap();
    let expected = Claims {
        issuer: "wharf".to_owned(),
        subject: "robot$team+ci".to_owned(),
        audience: "registry.example".to_owned(),
        expires: NOW + LIFETIME,
        not_before: NOW,
        issued: NOW,
        id: claims.id.clone(),
        access,
        subject_id: Some(SubjectId::Robot(3)),
    };
    assert_eq!(claims, expected);
}

/// The form of a token may not change: those that are out would be refused, and so would a request that meets a node of
/// another version.
#[test]
fn a_token_is_written_as_docker_reads_it() {
    let keys = ring();
    let id = keys.verifying(at(NOW)).next().unwrap().id().to_owned();
    let token = issue(&keys, NOW);
    let parts: Vec<_> = token.split('.').collect();
    assert_eq!(parts.len(), 3);
    assert_eq!(
        decode_text(parts[0]),
        format!(r#"{{"typ":"JWT","alg":"ES256","kid":"{id}"}}"#)
    );
    let payload = decode_text(parts[1]);
    let token_id = verify(&keys, &token, NOW).unwrap().id;
    let expected = format!(
        concat!(
            r#"{{"iss":"wharf","sub":"emon","aud":"registry.example","exp":1800001800,"nbf":1800000000,"iat":1800000000,"#,
            r#""jti":"{}","access":[{{"type":"repository","name":"team/app","actions":["pull"]}}],"wharf_subject":"user:7"}}"#
        ),
        token_id
    );
    assert_eq!(payload, expected);
    assert_ne!(token, issue(&keys, NOW), "each has a number of its own");
}

#[test]
fn nobody_gets_a_token_too() {
    let keys = ring();
    let issued = service()
        .issue(&keys, "", None, Vec::new(), at(NOW))
        .unwrap();
    let claims = verify(&keys, &issued.token, NOW).unwrap();
    assert_eq!((claims.subject.as_str(), claims.subject_id), ("", None));
    assert!(!decode_text(issued.token.split('.').nth(1).unwrap()).contains("wharf_subject"));
}

#[test]
fn the_largest_grant_is_a_token_that_is_taken() {
    let keys = ring();
    let name = |number: usize| format!("{}/{number:02}{}", "p".repeat(126), "r".repeat(126));
    let text = |number| format!("repository(plugin):{}:pull,push,delete", name(number));
    let texts: Vec<_> = (0..16).map(text).collect();
    let access = Scope::parse_all(texts.iter().map(String::as_str)).unwrap();
    assert!(access.iter().all(|scope| scope.repository_name().is_some()));
    let subject = "u".repeat(255);
    let issued = service().issue(
        &keys,
        &subject,
        Some(SubjectId::User(i64::MAX)),
        access,
        at(NOW),
    );
    let token = issued.unwrap().token;
    assert!(verify(&keys, &token, NOW).is_ok(), "{} bytes", token.len());
}

/// A good token in its parts, and the keys around it.
struct Parts {
    keys: KeyRing,
    id: String,
    header: String,
    payload: String,
    signature: String,
}

impl Parts {
    fn new() -> Self {
        let keys = ring();
        let id = keys.verifying(at(NOW)).next().unwrap().id().to_owned();
        let token = issue(&keys, NOW);
        let mut parts = token.split('.').map(str::to_owned);
        let mut next = || parts.next().unwrap();
        let (header, payload, signature) = (next(), next(), next());
        Self {
            keys,
            id,
            header,
            payload,
            signature,
        }
    }

    fn refuses(&self, what: &str, token: &str, error: TokenError) {
        assert_eq!(
            verify(&self.keys, token, NOW),
            Err(error),
            "{what}: {token}"
        );
    }
}

#[test]
fn a_token_does_not_choose_its_algorithm() {
    let good = Parts::new();
    let header = |alg: &str| {
        encode(format!(
            r#"{{"typ":"JWT","alg":"{alg}","kid":"{}"}}"#,
            good.id
        ))
    };
    for alg in ["none", "None", "", "RS256", "ES384", "es256"] {
        for signature in ["", &good.signature] {
            let token = format!("{}.{}.{signature}", header(alg), good.payload);
            good.refuses(alg, &token, TokenError::UnknownKey);
        }
    }
    // The public key as the secret of an HMAC works where a token can say how it is to be verified.
    let jwk = serde_json::to_value(good.keys.verifying(at(NOW)).next().unwrap().jwk()).unwrap();
    let x = jwk["x"].as_str().unwrap();
    for secret in [x, &jwk.to_string(), ""] {
        for header in [header("HS256"), good.header.clone()] {
            let message = format!("{header}.{}", good.payload);
            let secret = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
            let tag = encode(hmac::sign(&secret, message.as_bytes()));
            let is_ours = header == good.header;
            let error = if is_ours {
                TokenError::Signature
            } else {
                TokenError::UnknownKey
            };
            good.refuses("HS256", &format!("{message}.{tag}"), error);
        }
    }
}

#[test]
fn a_token_does_not_bring_its_key() {
    let good = Parts::new();
    let theirs = key(NOW - DAY);
    let jwk = serde_json::to_string(&theirs.jwk()).unwrap();
    let id = &good.id;
    let table = [
        (
            "their kid",
            theirs.header().to_owned(),
            TokenError::UnknownKey,
        ),
        ("our kid", good.header.clone(), TokenError::Signature),
        (
            "no kid",
            encode(r#"{"typ":"JWT","alg":"ES256"}"#),
            TokenError::UnknownKey,
        ),
        (
            "a key for a kid",
            encode(format!(r#"{{"typ":"JWT","alg":"ES256","jwk":{jwk}}}"#)),
            TokenError::UnknownKey,
        ),
        (
            "a key beside our kid",
            encode(format!(
                r#"{{"typ":"JWT","alg":"ES256","kid":"{id}","jwk":{jwk}}}"#
            )),
            TokenError::UnknownKey,
        ),
        (
            "where to fetch a key",
            encode(format!(
                r#"{{"typ":"JWT","alg":"ES256","kid":"{id}","jku":"http://127.0.0.1/"}}"#
            )),
            TokenError::UnknownKey,
        ),
        (
            "another order",
            encode(format!(r#"{{"kid":"{id}","alg":"ES256","typ":"JWT"}}"#)),
            TokenError::UnknownKey,
        ),
        (
            "a file for a kid",
            encode(r#"{"typ":"JWT","alg":"ES256","kid":"../../dev/null"}"#),
            TokenError::UnknownKey,
        ),
    ];
    for (what, header, error) in table {
        let message = format!("{header}.{}", good.payload);
        let signature = encode(theirs.sign(message.as_bytes()).unwrap());
        good.refuses(what, &format!("{message}.{signature}"), error);
    }
}

#[test]
fn what_was_changed_or_cut_does_not_count() {
    let good = Parts::new();
    let Parts {
        header,
        payload,
        signature,
        ..
    } = &good;
    let whole = format!("{header}.{payload}.{signature}");
    let other = encode(decode_text(payload).replace("emon", "root"));
    let start = |length| signature.chars().take(length).collect::<String>();
    assert!(verify(&good.keys, &whole, NOW).is_ok());
    let table = [
        (
            format!("{header}.{other}.{signature}"),
            TokenError::Signature,
        ),
        (format!("{header}.{payload}."), TokenError::Signature),
        (
            format!("{header}.{payload}.{}", encode([0; 64])),
            TokenError::Signature,
        ),
        (
            format!("{header}.{payload}.{}", start(40)),
            TokenError::Signature,
        ),
        (
            format!("{header}.{payload}.{}", start(41)),
            TokenError::Malformed,
        ),
        (format!("{whole}=="), TokenError::Malformed),
        (format!("{whole}\n"), TokenError::Malformed),
        (format!(" {whole}"), TokenError::UnknownKey),
        (
            format!("{header}.{payload}.{}", "+/".repeat(43)),
            TokenError::Malformed,
        ),
        (format!("{header}.{payload}.é"), TokenError::Malformed),
        (format!("{whole}.{signature}"), TokenError::Signature),
        (format!("{header}.{payload}"), TokenError::Malformed),
        (header.clone(), TokenError::Malformed),
        ("..".to_owned(), TokenError::UnknownKey),
        (String::new(), TokenError::Malformed),
        ("Harbor12345".to_owned(), TokenError::Malformed),
        (
            format!("{whole}{}", "A".repeat(TOKEN_LIMIT_BYTES)),
            TokenError::TooLong,
        ),
    ];
    for (token, error) in table {
        good.refuses("changed", &token, error);
    }
}

#[test]
fn each_changed_character_is_noticed() {
    let keys = ring();
    let good = issue(&keys, NOW);
    for position in 0..good.len() {
        let mut changed = good.clone().into_bytes();
        changed[position] = if changed[position] == b'A' {
            b'B'
        } else {
            b'A'
        };
        let changed = String::from_utf8(changed).unwrap();
        assert!(verify(&keys, &changed, NOW).is_err(), "position {position}");
    }
}

#[test]
fn times_are_kept_with_a_minute_of_leeway() {
    let keys = ring();
    let token = issue(&keys, NOW);
    let table = [
        (NOW - 61, Err(TokenError::NotYetValid)),
        (NOW - 60, Ok(())),
        (NOW, Ok(())),
        (NOW + LIFETIME + 59, Ok(())),
        (NOW + LIFETIME + 60, Err(TokenError::Expired)),
        (NOW + 50 * DAY, Err(TokenError::Expired)),
        (NOW + 60 * DAY, Err(TokenError::UnknownKey)),
    ];
    for (now, expected) in table {
        assert_eq!(
            verify(&keys, &token, now).map(|_| ()),
            expected,
            "{}",
            now - NOW
        );
    }
}

/// Verifies a token with a good signature in which `from` is `to`.
fn with_claim(from: &str, to: &str) -> Result<Claims, TokenError> {
    let keys = ring();
    let payload = decode_text(issue(&keys, NOW).split('.').nth(1).unwrap());
    assert!(payload.contains(from), "{from}");
    verify(&keys, &signed(&keys, &payload.replace(from, to)), NOW)
}

#[test]
fn a_token_from_or_for_somebody_else_is_refused_though_it_is_signed() {
    let (iss, aud) = (r#""iss":"wharf""#, r#""aud":"registry.example""#);
    let table = [
        (iss, r#""iss":"Wharf""#, TokenError::Issuer),
        (iss, r#""iss":"""#, TokenError::Issuer),
        (aud, r#""aud":"other.example""#, TokenError::Audience),
        (aud, r#""aud":"""#, TokenError::Audience),
        (aud, r#""aud":["registry.example"]"#, TokenError::Malformed),
        (r#""aud":"registry.example","#, "", TokenError::Malformed),
        ("user:7", "user:seven", TokenError::Malformed),
        ("user:7", "sysadmin:7", TokenError::Malformed),
    ];
    for (from, to, error) in table {
        assert_eq!(with_claim(from, to), Err(error), "{to}");
    }
}

#[test]
fn times_and_forms_that_are_not_ours_are_refused_though_they_are_signed() {
    let exp = r#""exp":1800001800"#;
    let table = [
        (exp, r#""exp":0"#, TokenError::Expired),
        (exp, r#""exp":-9223372036854775808"#, TokenError::Expired),
        (exp, r#""exp":9223372036854775808"#, TokenError::Malformed),
        (exp, r#""exp":"1800001800""#, TokenError::Malformed),
        (exp, r#""exp":1e300"#, TokenError::Malformed),
        (exp, r#""exp":null"#, TokenError::Malformed),
        (r#""exp":1800001800,"#, "", TokenError::Malformed),
        (exp, r#""exp":1,"exp":1800001800"#, TokenError::Malformed),
        (
            r#""nbf":1800000000"#,
            r#""nbf":9223372036854775807"#,
            TokenError::NotYetValid,
        ),
        (r#"["pull"]"#, r#"["pull","admin"]"#, TokenError::Malformed),
        (r#""sub":"#, r#""admin":true,"sub":"#, TokenError::Malformed),
    ];
    for (from, to, error) in table {
        assert_eq!(with_claim(from, to), Err(error), "{to}");
    }
    assert!(with_claim(exp, r#""exp":9223372036854775807"#).is_ok());
    let keys = ring();
    for payload in ["", "{}", "[]", "null", &"[".repeat(4_000)] {
        let result = verify(&keys, &signed(&keys, payload), NOW);
        assert_eq!(result, Err(TokenError::Malformed), "{payload}");
    }
}

#[test]
fn a_key_comes_back_from_the_database() {
    let made = key(NOW);
    let stored = made.to_pkcs8().unwrap();
    let read = SigningKey::from_pkcs8(&stored, made.created(), made.retires()).unwrap();
    assert_eq!((read.id(), read.jwk()), (made.id(), made.jwk()));
    let token = issue(&KeyRing::new(vec![made]), NOW);
    assert!(verify(&KeyRing::new(vec![read]), &token, NOW).is_ok());
    for bad in [&[][..], b"key", &stored[..stored.len() - 1], &[0x30; 200]] {
        let result = SigningKey::from_pkcs8(bad, at(NOW), at(NOW));
        assert!(
            matches!(result, Err(SigningKeyError::Stored(_))),
            "{result:?}"
        );
    }
}

#[test]
fn keys_are_changed_without_anybody_noticing() {
    let first = key(NOW);
    let first_id = first.id().to_owned();
    assert!(KeyRing::default().needs_new_key(at(NOW)));
    let stored = first.to_pkcs8().unwrap();
    let again = || SigningKey::from_pkcs8(&stored, at(NOW), at(NOW + 60 * DAY)).unwrap();
    let ring = KeyRing::new(vec![first]);
    // The only key signs at once.
    let early = issue(&ring, NOW);
    assert!(!ring.needs_new_key(at(NOW + 29 * DAY)));
    assert!(ring.needs_new_key(at(NOW + 30 * DAY)));

    let made = NOW + 30 * DAY;
    let ring = KeyRing::new(vec![again(), key(made)]);
    let signer = |now: i64| {
        let token = issue(&ring, now);
        assert!(verify(&ring, &token, now).is_ok());
        let header = decode_text(token.split('.').next().unwrap());
        if header.contains(&first_id) {
            "first"
        } else {
            "second"
        }
    };
    // Another node may not know the second key yet, so the first goes on for five minutes.
    assert_eq!(signer(made), "first");
    assert_eq!(signer(made + 299), "first");
    assert_eq!(signer(made + 300), "second");
    assert!(!ring.needs_new_key(at(made)));
    assert_eq!(ring.verifying(at(made)).count(), 2);
    assert_eq!(ring.verifying(at(NOW + 61 * DAY)).count(), 1);
    assert_eq!(
        verify(&ring, &early, NOW + 61 * DAY),
        Err(TokenError::UnknownKey)
    );
    assert_eq!(signer(NOW + 61 * DAY), "second");
}

#[test]
fn a_key_that_was_deleted_is_out() {
    let keys = ring();
    let token = issue(&keys, NOW);
    assert_eq!(
        verify(&KeyRing::default(), &token, NOW),
        Err(TokenError::UnknownKey)
    );
    assert_eq!(verify(&ring(), &token, NOW), Err(TokenError::UnknownKey));
}

#[test]
fn no_key_signs_what_it_will_not_verify() {
    let keys = KeyRing::new(vec![key(NOW - 60 * DAY + LIFETIME)]);
    let result = service().issue(&keys, "emon", None, Vec::new(), at(NOW));
    assert!(matches!(result, Err(IssueError::NoKey)), "{result:?}");
    let result = service().issue(&KeyRing::default(), "emon", None, Vec::new(), at(NOW));
    assert!(matches!(result, Err(IssueError::NoKey)), "{result:?}");
}

#[test]
fn lifetimes_are_kept_within_reason() {
    let keys = ring();
    for (asked, given) in [(-5, 60), (0, 60), (59, 60), (300, 300), (i64::MAX, DAY)] {
        let service = TokenService::new("wharf", "x", SignedDuration::from_secs(asked));
        let issued = service.issue(&keys, "", None, Vec::new(), at(NOW)).unwrap();
        assert_eq!(issued.expires_in, given, "{asked}");
    }
}

#[test]
fn the_public_keys_are_a_document_for_other_verifiers() {
    let keys = ring();
    let document = serde_json::to_value(keys.jwks(at(NOW))).unwrap();
    let jwk = document["keys"][0].as_object().unwrap();
    let names: Vec<_> = jwk.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["kty", "crv", "x", "y", "alg", "use", "kid"],
        "nothing private"
    );
    assert_eq!(
        (&jwk["kty"], &jwk["crv"], &jwk["alg"]),
        (&"EC".into(), &"P-256".into(), &"ES256".into())
    );
    assert_eq!(jwk["kid"], keys.verifying(at(NOW)).next().unwrap().id());
    // What another verifier does: make the point of the document's coordinates, and check a token with it.
    let coordinate = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
    let point = [vec![4], coordinate("x"), coordinate("y")].concat();
    let token = issue(&keys, NOW);
    let (message, signature) = token.rsplit_once('.').unwrap();
    aws_lc_rs::signature::UnparsedPublicKey::new(
        &aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED,
        point,
    )
    .verify(
        message.as_bytes(),
        &URL_SAFE_NO_PAD.decode(signature).unwrap(),
    )
    .unwrap();
}

#[test]
fn a_private_key_is_not_logged() {
    let key = key(NOW);
    let shown = format!("{key:?}");
    assert!(
        shown.starts_with(&format!("SigningKey {{ id: \"{}\"", key.id())),
        "{shown}"
    );
    assert!(!shown.contains("pair"), "{shown}");
}
