//! Credentials, and where they come from.

use std::fmt;

use futures_util::future::BoxFuture;

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

/// How to convince a registry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Credentials {
    /// Not at all.
    #[default]
    Anonymous,
    /// With a password or an access token that is used like one.
    Password {
        /// The user.
        username: String,
        /// The password.
        password: Secret,
    },
    /// With a refresh token, which a token server gives for a password (`identitytoken`).
    IdentityToken(Secret),
    /// With a token for the registry itself (`registrytoken`).
    RegistryToken(Secret),
}

/// Gives the credentials of a registry. Asked once for each registry that wants any.
pub trait CredentialSource: fmt::Debug + Send + Sync {
    /// The credentials for `registry`: a domain as in [`wharf_oci::Repository::domain`], such as
    /// `docker.io` or `localhost:5000`. No credentials are [`Credentials::Anonymous`], not an error.
    fn credentials<'a>(
        &'a self,
        registry: &'a str,
    ) -> BoxFuture<'a, Result<Credentials, CredentialError>>;
}

/// Why credentials could not be looked up. Kept by the client and given to each request that needs
/// them, so it is shared.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{source}")]
pub struct CredentialError {
    /// The registry.
    pub registry: String,
    /// Why.
    pub source: std::sync::Arc<dyn std::error::Error + Send + Sync>,
}

/// The same credentials for every registry: those of an API request's header, or none.
#[derive(Debug, Clone, Default)]
pub struct FixedCredentials(pub Credentials);

impl CredentialSource for FixedCredentials {
    fn credentials<'a>(
        &'a self,
        _registry: &'a str,
    ) -> BoxFuture<'a, Result<Credentials, CredentialError>> {
        Box::pin(std::future::ready(Ok(self.0.clone())))
    }
}

impl Secret {
    /// Hides `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one place that sends or stores it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing to hide.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_print_as_stars() {
        let credentials = Credentials::Password {
            username: "emon".to_owned(),
            password: Secret::new("open sesame"),
        };
        let shown = format!("{credentials:?} {}", Secret::new("open sesame"));
        assert!(shown.contains("emon") && shown.contains("***"));
        assert!(!shown.contains("sesame"));
    }
}
