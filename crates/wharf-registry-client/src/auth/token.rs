//! Asks a token server for a token: Docker's token protocol (GET) and its OAuth 2 form (POST).

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use url::Url;

use super::challenge::AuthChallenge;
use super::credentials::{Credentials, Secret};
use crate::error::{AuthError, ErrorResponse};
use crate::exchange::{Answer, Exchange, ExchangeError, ExchangeFailure, Outgoing, Payload};
use crate::http::proxy::without_password;
use crate::percent;

/// Longest answer of a token server.
const ANSWER_LIMIT_BYTES: usize = 1024 * 1024;
/// Tokens are used for at least this long (distribution `session.go`, `minimumTokenLifetimeSeconds`).
const SHORTEST_LIFE: Duration = Duration::from_mins(1);
/// Tokens are not used for longer than this, whatever the server says.
const LONGEST_LIFE: Duration = Duration::from_hours(24);

/// What to ask for.
pub(crate) struct TokenRequest<'a> {
    /// `host[:port]` of the registry that sent the challenge.
    pub(crate) registry: &'a str,
    /// Whether the registry itself was reached by TLS.
    pub(crate) over_tls: bool,
    pub(crate) challenge: &'a AuthChallenge,
    pub(crate) scopes: &'a [String],
    pub(crate) credentials: &'a Credentials,
    pub(crate) client_id: &'a str,
    /// Whether to ask for a refresh token too (`docker login`).
    pub(crate) offline: bool,
}

/// What came.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) token: Secret,
    pub(crate) refresh_token: Option<Secret>,
    pub(crate) life: Duration,
}

#[derive(Deserialize)]
struct TokenAnswer {
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    access_token: Option<String>,
    #[serde(default)]
    refresh_token: Option<String>,
    // A number, by some servers with a fraction or as a text.
    #[serde(default)]
    expires_in: serde_json::Value,
}

/// Asks the token server that the challenge names.
pub(crate) async fn fetch(
    exchange: &Exchange,
    request: &TokenRequest<'_>,
) -> Result<Token, AuthError> {
    let realm = realm(exchange, request).await?;
    let answer = match request.credentials {
        Credentials::IdentityToken(token) => {
            let outgoing = refresh_form(request, token);
            ask(exchange, request, realm, &outgoing, None).await?
        }
        credentials => {
            let url = query_url(realm, request);
            let outgoing = Outgoing::new(Method::GET).header(ACCEPT, "application/json");
            let authorization = basic(credentials);
            ask(exchange, request, url, &outgoing, authorization.as_ref()).await?
        }
    };
    read(answer).await
}

/// `Authorization: Basic` of a user and password.
pub(crate) fn basic(credentials: &Credentials) -> Option<HeaderValue> {
    use base64::Engine as _;
    let Credentials::Password { username, password } = credentials else {
        return None;
    };
    let plain = format!("{username}:{}", password.expose());
    let encoded = base64::engine::general_purpose::STANDARD.encode(plain);
    let mut value = HeaderValue::from_str(&format!("Basic {encoded}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// `Authorization: Bearer` of a token.
pub(crate) fn bearer(token: &Secret) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose())).ok()?;
    value.set_sensitive(true);
    Some(value)
}

async fn realm(exchange: &Exchange, request: &TokenRequest<'_>) -> Result<Url, AuthError> {
    let realm = request.challenge.parameter("realm").unwrap_or_default();
    let url = Url::parse(realm).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let url = url.ok_or_else(|| AuthError::Realm {
        realm: realm.to_owned(),
    })?;
    let exposes = url.scheme() == "http"
        && request.over_tls
        && *request.credentials != Credentials::Anonymous;
    let target = crate::exchange::host_and_port(&url);
    if exposes && !exchange.is_insecure(request.registry, &target).await {
        return Err(AuthError::InsecureRealm {
            realm: without_password(&url),
        });
    }
    Ok(url)
}

// distribution `session.go`, `fetchTokenWithBasicAuth`.
fn query_url(mut realm: Url, request: &TokenRequest<'_>) -> Url {
    let mut pairs = Vec::new();
    if let Some(service) = request.challenge.parameter("service") {
        pairs.push(("service", service));
    }
    if request.offline {
        pairs.push(("offline_token", "true"));
    }
    pairs.push(("client_id", request.client_id));
    pairs.extend(request.scopes.iter().map(|scope| ("scope", scope.as_str())));
    if let Credentials::Password { username, .. } = request.credentials {
        pairs.push(("account", username));
    }
    let query = percent::form(&pairs);
    let query = match realm.query().filter(|query| !query.is_empty()) {
        Some(existing) => format!("{existing}&{query}"),
        None => query,
    };
    realm.set_query(Some(&query));
    realm
}

// distribution `session.go`, `fetchTokenWithOAuth`.
fn refresh_form(request: &TokenRequest<'_>, token: &Secret) -> Outgoing {
    let scope = request.scopes.join(" ");
    let mut pairs = vec![
        ("grant_type", "refresh_token"),
        ("refresh_token", token.expose()),
        ("client_id", request.client_id),
    ];
    if let Some(service) = request.challenge.parameter("service") {
        pairs.push(("service", service));
    }
    if !scope.is_empty() {
        pairs.push(("scope", &scope));
    }
    if request.offline {
        pairs.push(("access_type", "offline"));
    }
    let form = Bytes::from(percent::form(&pairs));
    Outgoing::new(Method::POST)
        .header(ACCEPT, "application/json")
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .payload(Payload::Bytes(form))
}

async fn ask(
    exchange: &Exchange,
    request: &TokenRequest<'_>,
    url: Url,
    outgoing: &Outgoing,
    authorization: Option<&HeaderValue>,
) -> Result<Answer, AuthError> {
    let sent = exchange
        .send(request.registry, url, outgoing, authorization)
        .await;
    sent.map_err(|ExchangeError { url, reason }| {
        let url = without_password(&url);
        match reason {
            ExchangeFailure::Transport(source) => AuthError::Unreachable {
                method: outgoing.method.clone(),
                url,
                source,
            },
            ExchangeFailure::Redirect(reason) => AuthError::Redirect { url, reason },
        }
    })
}

async fn read(answer: Answer) -> Result<Token, AuthError> {
    let url = without_password(&answer.url);
    if !answer.response.status().is_success() {
        let response = ErrorResponse::read(url, answer.response).await;
        return Err(AuthError::TokenServer(Box::new(response)));
    }
    let content = answer.response.into_body().collect(ANSWER_LIMIT_BYTES);
    let content = match content.await {
        Ok(content) => content,
        Err(source) => {
            let method = Method::GET;
            return Err(AuthError::Unreachable {
                method,
                url,
                source,
            });
        }
    };
    let answer: TokenAnswer = match serde_json::from_slice(&content) {
        Ok(answer) => answer,
        Err(source) => return Err(AuthError::TokenAnswer { url, source }),
    };
    let filled = |token: Option<String>| token.filter(|token| !token.is_empty());
    let token = filled(answer.token).or(filled(answer.access_token));
    Ok(Token {
        token: Secret::new(token.ok_or(AuthError::NoToken)?),
        refresh_token: filled(answer.refresh_token).map(Secret::new),
        life: life(&answer.expires_in),
    })
}

fn life(expires_in: &serde_json::Value) -> Duration {
    let text = expires_in.as_str().and_then(|text| text.parse().ok());
    let seconds = expires_in.as_f64().or(text).unwrap_or(0.0);
    Duration::try_from_secs_f64(seconds)
        .unwrap_or(SHORTEST_LIFE)
        .clamp(SHORTEST_LIFE, LONGEST_LIFE)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::auth::challenge::parse_challenges;

    #[test]
    fn asks_as_docker_does() {
        let challenge = r#"Bearer realm="https://auth.example/token?x=1",service="reg istry""#;
        let challenge = parse_challenges(challenge).remove(0);
        let scopes = [
            "repository:a/b:pull".to_owned(),
            "repository:c:pull".to_owned(),
        ];
        let credentials = Credentials::Password {
            username: "emon".to_owned(),
            password: Secret::new("p:w"),
        };
        let request = TokenRequest {
            registry: "registry.example",
            over_tls: true,
            challenge: &challenge,
            scopes: &scopes,
            credentials: &credentials,
            client_id: "wharf",
            offline: true,
        };
        let realm = Url::parse("https://auth.example/token?x=1").unwrap();
        assert_eq!(
            query_url(realm, &request).as_str(),
            "https://auth.example/token?x=1&service=reg%20istry&offline_token=true&client_id=wharf\
             &scope=repository%3Aa%2Fb%3Apull&scope=repository%3Ac%3Apull&account=emon"
        );
        assert_eq!(basic(&credentials).unwrap(), "Basic ZW1vbjpwOnc=");
        let Payload::Bytes(form) = refresh_form(&request, &Secret::new("r/t")).payload else {
            panic!("a form is bytes");
        };
        assert_eq!(
            form,
            "grant_type=refresh_token&refresh_token=r%2Ft&client_id=wharf&service=reg%20istry\
             &scope=repository%3Aa%2Fb%3Apull%20repository%3Ac%3Apull&access_type=offline"
        );
    }

    #[test]
    fn tokens_live_a_minute_at_least_and_a_day_at_most() {
        for (expires_in, seconds) in [
            (json!(null), 60),
            (json!(5), 60),
            (json!(300.5), 300),
            (json!("300"), 300),
            (json!(-1), 60),
            (json!("NaN"), 60),
            (json!(1e300), 60),
            (json!([]), 60),
            (json!(1_000_000_000), 86_400),
        ] {
            assert_eq!(life(&expires_in).as_secs(), seconds, "{expires_in}");
        }
    }
}
