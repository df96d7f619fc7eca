//! Shows one registry who we are: remembers its challenge, and keeps its tokens while they live.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderMap;
use http::header::{HeaderValue, WWW_AUTHENTICATE};

use super::challenge::{AuthChallenge, parse_challenges};
use super::credentials::{CredentialError, CredentialSource, Credentials};
use super::token::{self, TokenRequest};
use crate::error::AuthError;
use crate::exchange::Exchange;

/// A token is renewed this long before it ends, so that it does not end on the way.
const RENEW_BEFORE: Duration = Duration::from_secs(5);

/// Credentials, challenge and tokens of one registry.
#[derive(Debug)]
pub(crate) struct Authenticator {
    // `None` for a mirror: it never sees credentials.
    source: Option<(String, Arc<dyn CredentialSource>)>,
    client_id: String,
    credentials: tokio::sync::OnceCell<Result<Credentials, CredentialError>>,
    state: Mutex<State>,
    // One request for a token at a time: parallel downloads all want the same one.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    challenge: Option<Arc<AuthChallenge>>,
    // Whether a password is shown before there is a challenge.
    shows_password: bool,
    tokens: HashMap<Vec<String>, (HeaderValue, Instant)>,
    // What challenges asked for beyond the scopes that we think we need.
    wanted: HashMap<Vec<String>, Vec<String>>,
}

/// Where an [`Authenticator`] is needed.
pub(crate) struct AuthContext<'a> {
    pub(crate) exchange: &'a Exchange,
    /// `host[:port]` of the registry.
    pub(crate) registry: &'a str,
    /// Whether the registry was reached by TLS.
    pub(crate) over_tls: bool,
}

impl Authenticator {
    /// Of the registry `domain`, or of a mirror, which has no credentials.
    pub(crate) fn new(
        source: Option<(String, Arc<dyn CredentialSource>)>,
        client_id: &str,
    ) -> Self {
        Self {
            source,
            client_id: client_id.to_owned(),
            credentials: tokio::sync::OnceCell::new(),
            state: Mutex::default(),
            fetching: tokio::sync::Mutex::new(()),
        }
    }

    /// Shows a password from now on without being asked for it: to a registry that answers everybody, and those whom it
    /// knows with more.
    pub(crate) fn show_password(&self) {
        self.state().shows_password = true;
    }

    /// The `Authorization` for `scopes`; `None` until the registry has asked for one, unless a password is shown anyway.
    pub(crate) async fn authorization(
        &self,
        context: &AuthContext<'_>,
        scopes: &[String],
    ) -> Result<Option<HeaderValue>, AuthError> {
        let (challenge, shows_password) = {
            let state = self.state();
            (state.challenge.clone(), state.shows_password)
        };
        let Some(challenge) = challenge else {
            if !shows_password {
                return Ok(None);
            }
            return Ok(token::basic(&self.credentials().await?));
        };
        let credentials = self.credentials().await?;
        if let Credentials::RegistryToken(token) = &credentials {
            return Ok(token::bearer(token));
        }
        if challenge.scheme == "basic" {
            let authorization = token::basic(&credentials);
            return authorization.map(Some).ok_or(AuthError::NoBasicCredentials);
        }
        if let Some(token) = self.kept_token(scopes) {
            return Ok(Some(token));
        }
        let _one_at_a_time = self.fetching.lock().await;
        if let Some(token) = self.kept_token(scopes) {
            return Ok(Some(token));
        }
        let asked = self.scopes_to_ask(scopes);
        let request = TokenRequest {
            registry: context.registry,
            over_tls: context.over_tls,
            challenge: &challenge,
            scopes: &asked,
            credentials: &credentials,
            client_id: &self.client_id,
            offline: false,
        };
        let token = token::fetch(context.exchange, &request).await?;
        let authorization = token::bearer(&token.token).ok_or(AuthError::NoToken)?;
        let until = Instant::now() + token.life.saturating_sub(RENEW_BEFORE);
        self.state()
            .tokens
            .insert(scopes.to_vec(), (authorization.clone(), until));
        Ok(Some(authorization))
    }

    /// Takes in a 401 that came although `used` was sent. Whether trying again can help.
    pub(crate) fn challenged(
        &self,
        headers: &HeaderMap,
        used: Option<&HeaderValue>,
        scopes: &[String],
    ) -> bool {
        let Some(challenge) = supported_challenge(headers) else {
            return false;
        };
        let mut state = self.state();
        if let Some(wanted) = challenge.parameter("scope") {
            let wanted = wanted.split(' ').filter(|scope| !covered(scopes, scope));
            let wanted: Vec<_> = wanted.map(str::to_owned).collect();
            state.wanted.insert(scopes.to_vec(), wanted);
        }
        // Another task may have renewed the token in the meantime.
        if let Some((token, _)) = state.tokens.get(scopes)
            && used == Some(token)
        {
            state.tokens.remove(scopes);
        }
        let basic_again = challenge.scheme == "basic" && used.is_some();
        state.challenge = Some(Arc::new(challenge));
        !basic_again
    }

    /// The user that the registry is asked as; `None` for nobody, or where only a token is known.
    async fn credentials(&self) -> Result<Credentials, AuthError> {
        let Some((domain, source)) = &self.source else {
            return Ok(Credentials::Anonymous);
        };
        let found = self.credentials.get_or_init(|| source.credentials(domain));
        Ok(found.await.clone()?)
    }

    fn kept_token(&self, scopes: &[String]) -> Option<HeaderValue> {
        let state = self.state();
        let (token, until) = state.tokens.get(scopes)?;
        (Instant::now() < *until).then(|| token.clone())
    }

    fn scopes_to_ask(&self, scopes: &[String]) -> Vec<String> {
        let state = self.state();
        let wanted = state.wanted.get(scopes).into_iter().flatten();
        scopes.iter().chain(wanted).cloned().collect()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first challenge that Wharf can meet.
pub(crate) fn supported_challenge(headers: &HeaderMap) -> Option<AuthChallenge> {
    let values = headers.get_all(WWW_AUTHENTICATE).into_iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(parse_challenges)
        .find(|challenge| match challenge.scheme.as_str() {
            "basic" => true,
            "bearer" => challenge.parameter("realm").is_some(),
            _ => false,
        })
}

/// The scope of a repository: `repository:library/nginx:pull`.
pub(crate) fn repository_scope(path: &str, actions: &str) -> String {
    format!("repository:{path}:{actions}")
}

// Whether one of `scopes` is about the same thing: `repository:a/b`, whatever the actions.
fn covered(scopes: &[String], wanted: &str) -> bool {
    let thing = |scope: &str| scope.rsplit_once(':').map(|(thing, _)| thing.to_owned());
    wanted.is_empty() || scopes.iter().any(|scope| thing(scope) == thing(wanted))
}
