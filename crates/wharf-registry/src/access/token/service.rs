//! Making and verifying tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::key_ring::KeyRing;
use super::scope::Scope;
use super::signing_key::SigningKeyError;
use crate::access::subject::SubjectId;
use crate::random;

/// Longest token in bytes: of the largest grant, with room for long names; servers in front take headers of 8 KiB.
pub(super) const TOKEN_LIMIT_BYTES: usize = 8 * 1024;
/// How far the clocks of two nodes may be apart.
const LEEWAY: SignedDuration = SignedDuration::from_secs(60);
/// The shortest life of a token that Docker's specification allows, and the longest that makes sense: the holder's rights
/// are looked up at every request, but the token itself cannot be called back.
const LIFETIME_LEAST: SignedDuration = SignedDuration::from_secs(60);
const LIFETIME_MOST: SignedDuration = SignedDuration::from_hours(24);

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    /// Who made the token.
    #[serde(rename = "iss")]
    pub issuer: String,
    /// The name of who it was made for; empty for somebody anonymous.
    #[serde(rename = "sub")]
    pub subject: String,
    /// For which service it was made.
    #[serde(rename = "aud")]
    pub audience: String,
    /// When it ends, in seconds since 1970.
    #[serde(rename = "exp")]
    pub expires: i64,
    /// When it begins.
    #[serde(rename = "nbf")]
    pub not_before: i64,
    /// When it was made.
    #[serde(rename = "iat")]
    pub issued: i64,
    /// Its own number.
    #[serde(rename = "jti")]
    pub id: String,
    /// What it is for, at most.
    pub access: Vec<Scope>,
    /// Who it was made for, which stays true when names change hands; `None` for somebody anonymous.
    #[serde(
        rename = "wharf_subject",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub subject_id: Option<SubjectId>,
}

/// A token and what a client is told about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedToken {
    /// The token.
    pub token: String,
    /// How long it counts, in seconds.
    pub expires_in: i64,
    /// When it was made.
    pub issued_at: Timestamp,
}

/// Why no token could be made.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// [`KeyRing::needs_new_key`] was not asked in time.
    #[error("there is no key to sign tokens with")]
    NoKey,
    /// The key failed.
    #[error("a token could not be signed")]
    Key(#[from] SigningKeyError),
    /// The claims cannot be written as JSON.
    #[error("a token could not be written")]
    Claims(#[from] serde_json::Error),
}

/// Why a token does not count. Who sent it is told only that it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Longer than any that is made here.
    #[error("the token is longer than {TOKEN_LIMIT_BYTES} bytes")]
    TooLong,
    /// Not three parts of base64url, or not the claims that are made here.
    #[error("the token is malformed")]
    Malformed,
    /// Its header is none that a key of this registry writes: another algorithm, another registry, or a retired key.
    #[error("the token was not signed with a key of this registry")]
    UnknownKey,
    /// The signature is wrong: somebody changed it.
    #[error("the signature of the token is wrong")]
    Signature,
    /// It has ended.
    #[error("the token has expired")]
    Expired,
    /// It has not begun.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// Made by another service.
    #[error("the token was made by another issuer")]
    Issuer,
    /// Made for another service.
    #[error("the token is for another service")]
    Audience,
}

/// Makes and verifies the tokens of one registry.
#[derive(Debug, Clone)]
pub struct TokenService {
    issuer: String,
    audience: String,
    lifetime: SignedDuration,
}

impl TokenService {
    /// Tokens made by `issuer` for the service `audience`, which a challenge names. `lifetime` is brought between a
    /// minute and a day.
    pub fn new(issuer: &str, audience: &str, lifetime: SignedDuration) -> Self {
        Self {
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
            lifetime: lifetime.clamp(LIFETIME_LEAST, LIFETIME_MOST),
        }
    }

    /// The service's name: `service` in a challenge and in a request for a token.
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// A token for `access`, which has been checked against the rights of who asks: [`Principal::grant`].
    ///
    /// [`Principal::grant`]: crate::access::Principal::grant
    pub fn issue(
        &self,
        keys: &KeyRing,
        subject: &str,
        subject_id: Option<SubjectId>,
        access: Vec<Scope>,
        now: Timestamp,
    ) -> Result<IssuedToken, IssueError> {
        let until = now.saturating_add(self.lifetime + LEEWAY);
        let key = keys.signing(now, until.unwrap_or(Timestamp::MAX));
        let key = key.ok_or(IssueError::NoKey)?;
        let claims = Claims {
            issuer: self.issuer.clone(),
            subject: subject.to_owned(),
            audience: self.audience.clone(),
            expires: now.as_second().saturating_add(self.lifetime.as_secs()),
            not_before: now.as_second(),
            issued: now.as_second(),
            id: random::uuid(),
            access,
            subject_id,
        };
        let payload = serde_json::to_vec(&claims)?;
        let mut token = format!("{}.{}", key.header(), URL_SAFE_NO_PAD.encode(payload));
        let signature = key.sign(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(IssuedToken {
            token,
            expires_in: self.lifetime.as_secs(),
            issued_at: now,
        })
    }

    /// What `token` says, if it counts now.
    ///
    /// It says what the holder asked for, not what he may do: look up the subject and his rights, and let
    /// [`TokenScopes`](crate::access::TokenScopes) narrow them.
    pub fn verify(
        &self,
        keys: &KeyRing,
        token: &str,
        now: Timestamp,
    ) -> Result<Claims, TokenError> {
        if token.len() > TOKEN_LIMIT_BYTES {
            return Err(TokenError::TooLong);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(TokenError::Malformed)?;
        let key = keys.verifying(now).find(|key| key.header() == header);
        let key = key.ok_or(TokenError::UnknownKey)?;
        if !key.verifies(message.as_bytes(), &decode(signature)?) {
            return Err(TokenError::Signature);
        }
        let claims = serde_json::from_slice(&decode(payload)?);
        let claims: Claims = claims.map_err(|_why| TokenError::Malformed)?;
        self.check(&claims, now)?;
        Ok(claims)
    }

    /// Whether claims that were verified before still count. Their key is not looked at again.
    pub fn check(&self, claims: &Claims, now: Timestamp) -> Result<(), TokenError> {
        let now = now.as_second();
        let leeway = LEEWAY.as_secs();
        if claims.issuer != self.issuer {
            return Err(TokenError::Issuer);
        }
        if claims.audience != self.audience {
            return Err(TokenError::Audience);
        }
        if now >= claims.expires.saturating_add(leeway) {
            return Err(TokenError::Expired);
        }
        if now < claims.not_before.saturating_sub(leeway) {
            return Err(TokenError::NotYetValid);
        }
        Ok(())
    }
}

fn decode(text: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_why| TokenError::Malformed)
}
