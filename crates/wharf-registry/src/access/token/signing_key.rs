//! A key that signs tokens, and its public half for those who verify them.

use std::fmt;

use aws_lc_rs::error::{KeyRejected, Unspecified};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    ParsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// How long a key verifies after it was made. It signs for half of that: see [`KeyRing`](super::KeyRing).
const VERIFIES_FOR: SignedDuration = SignedDuration::from_hours(60 * 24);
/// An uncompressed point begins with this byte (SEC 1).
const UNCOMPRESSED: u8 = 4;

/// A key pair for ES256, ECDSA on P-256 with SHA-256: the only algorithm there is.
pub struct SigningKey {
    jwk: Jwk,
    header: String,
    pair: EcdsaKeyPair,
    public: ParsedPublicKey,
    created: Timestamp,
    retires: Timestamp,
}

/// A signing key cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SigningKeyError {
    /// It could not be made, written or signed with.
    #[error("the cryptographic library failed with a signing key")]
    Library(#[from] Unspecified),
    /// What is stored is no P-256 key in PKCS#8.
    #[error("a stored signing key is damaged; delete it from the database, and a new one is made")]
    Stored(#[from] KeyRejected),
}

/// The public half of a key as a JSON Web Key (RFC 7517).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Jwk {
    kty: &'static str,
    crv: &'static str,
    x: String,
    y: String,
    alg: &'static str,
    #[serde(rename = "use")]
    usage: &'static str,
    kid: String,
}

impl SigningKey {
    /// A new key.
    pub fn generate(now: Timestamp) -> Result<Self, SigningKeyError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
        let retires = now.saturating_add(VERIFIES_FOR).unwrap_or(Timestamp::MAX);
        Self::new(pair, now, retires)
    }

    /// A key from the database: what [`Self::to_pkcs8`] gave, and its times.
    pub fn from_pkcs8(
        pkcs8: &[u8],
        created: Timestamp,
        retires: Timestamp,
    ) -> Result<Self, SigningKeyError> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8)?;
        Self::new(pair, created, retires)
    }

    fn new(
        pair: EcdsaKeyPair,
        created: Timestamp,
        retires: Timestamp,
    ) -> Result<Self, SigningKeyError> {
        let point = pair.public_key().as_ref();
        let public = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)?;
        let jwk = Jwk::of_point(point).ok_or(Unspecified)?;
        let header = format!(r#"{{"typ":"JWT","alg":"ES256","kid":"{}"}}"#, jwk.kid);
        Ok(Self {
            jwk,
            header: URL_SAFE_NO_PAD.encode(header),
            pair,
            public,
            created,
            retires,
        })
    }

    /// The private key, for the database and nobody else.
    pub fn to_pkcs8(&self) -> Result<Vec<u8>, SigningKeyError> {
        Ok(self.pair.to_pkcs8v1()?.as_ref().to_vec())
    }

    /// The key's name in tokens, `kid`: its thumbprint (RFC 7638), which anybody can make of the public key.
    pub fn id(&self) -> &str {
        &self.jwk.kid
    }

    /// When it was made.
    pub fn created(&self) -> Timestamp {
        self.created
    }

    /// From when on nothing that it signed counts.
    pub fn retires(&self) -> Timestamp {
        self.retires
    }

    /// The public half.
    pub fn jwk(&self) -> &Jwk {
        &self.jwk
    }

    /// The first part of every token that this key signs.
    pub(super) fn header(&self) -> &str {
        &self.header
    }

    /// The signature of `message`, 64 bytes.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningKeyError> {
        let signature = self.pair.sign(&SystemRandom::new(), message)?;
        Ok(signature.as_ref().to_vec())
    }

    /// Whether `signature` is this key's under `message`.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.public.verify_sig(message, signature).is_ok()
    }
}

impl Jwk {
    /// Of an uncompressed point.
    fn of_point(point: &[u8]) -> Option<Self> {
        let (kind, coordinates) = point.split_first()?;
        let (x, y) = coordinates.split_at_checked(32)?;
        let is_point = *kind == UNCOMPRESSED && y.len() == 32;
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        is_point.then(|| Self {
            kty: "EC",
            crv: "P-256",
            kid: thumbprint(&x, &y),
            x,
            y,
            alg: "ES256",
            usage: "sig",
        })
    }
}

/// RFC 7638: the hash of the members that are needed, in the order of their names, without spaces.
fn thumbprint(x: &str, y: &str) -> String {
    let members = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    URL_SAFE_NO_PAD.encode(Sha256::digest(members))
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("id", &self.jwk.kid)
            .field("created", &self.created)
            .field("retires", &self.retires)
            .finish_non_exhaustive()
    }
}
