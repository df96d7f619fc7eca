//! `login`: shows a registry the credentials, as dockerd does (moby `registry/auth.go`, `loginV2`).

use http::{Method, StatusCode};

use crate::auth::authenticator::{Authenticator, supported_challenge};
use crate::auth::credentials::{Credentials, Secret};
use crate::auth::server_address::registry_domain;
use crate::auth::token::{self, TokenRequest};
use crate::client::{RegistryClient, host_of};
use crate::endpoint::{Endpoint, Target};
use crate::error::{AuthError, RequestError, status_text};
use crate::exchange::Outgoing;
use crate::http::proxy::without_password;

/// What came of a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginOutcome {
    /// What people are told: `Login Succeeded`.
    pub status: &'static str,
    /// A refresh token, to be kept instead of the password.
    pub identity_token: Option<Secret>,
}

/// Why a login failed.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The registry does not take the credentials.
    #[error("login attempt to {url} failed with status: {}", status_text(*.status))]
    Refused {
        /// The root of its API.
        url: String,
        /// Its answer.
        status: StatusCode,
    },
    /// Anything that can go wrong with any request; the token server's refusal too.
    #[error(transparent)]
    Request(#[from] RequestError),
}

impl RegistryClient {
    /// Tries `credentials` on `registry`, which may be given as a domain or as Docker's key for it
    /// (`https://index.docker.io/v1/`). Nothing is stored.
    pub async fn login(
        &self,
        registry: &str,
        credentials: &Credentials,
    ) -> Result<LoginOutcome, LoginError> {
        let domain = registry_domain(registry);
        // Not the endpoint that knows stored credentials: these ones are on trial.
        let nobody = Authenticator::new(None, &self.shared.config.client_id);
        let endpoint = Endpoint::registry(host_of(&domain), nobody);
        let exchange = &self.shared.exchange;
        let outgoing = Outgoing::new(Method::GET);
        let root = Target::Path("/v2/".to_owned());
        let sent = endpoint.send_as(exchange, &outgoing, &root, None);
        let mut answer = sent.await?;
        let mut identity_token = None;
        if answer.response.status() == StatusCode::UNAUTHORIZED
            && let Some(challenge) = supported_challenge(answer.response.headers())
        {
            let url = without_password(&answer.url);
            let over_tls = answer.url.scheme() == "https";
            answer.response.into_body().discard().await;
            let failed = |source: AuthError| RequestError::Authentication {
                method: Method::GET,
                url: url.clone(),
                source: Box::new(source),
            };
            let authorization = if challenge.scheme == "basic" {
                token::basic(credentials).ok_or_else(|| failed(AuthError::NoBasicCredentials))?
            } else {
                let request = TokenRequest {
                    registry: endpoint.host(),
                    over_tls,
                    challenge: &challenge,
                    scopes: &[],
                    credentials,
                    client_id: &self.shared.config.client_id,
                    offline: true,
                };
                let token = token::fetch(exchange, &request).await.map_err(failed)?;
                identity_token = token.refresh_token;
                token::bearer(&token.token).ok_or_else(|| failed(AuthError::NoToken))?
            };
            let sent = endpoint.send_as(exchange, &outgoing, &root, Some(&authorization));
            answer = sent.await?;
        }
        let status = answer.response.status();
        let url = without_password(&answer.url);
        answer.response.into_body().discard().await;
        if status != StatusCode::OK {
            return Err(LoginError::Refused { url, status });
        }
        Ok(LoginOutcome {
            status: "Login Succeeded",
            identity_token,
        })
    }
}
