//! `search`: the first version of Docker's registry API, which Docker Hub still answers (moby
//! `registry/search.go`, `registry/search_endpoint_v1.go`).

use http::{HeaderName, Method, StatusCode};
use serde::Deserialize;

use crate::auth::authenticator::Authenticator;
use crate::client::{DOCKER_HUB, RegistryClient};
use crate::endpoint::{Endpoint, Target};
use crate::error::RequestError;
use crate::exchange::{Answer, Outgoing};
use crate::http::proxy::without_password;
use crate::percent;

/// The host of Docker Hub that searches.
const DOCKER_HUB_INDEX: &str = "index.docker.io";
const X_DOCKER_TOKEN: HeaderName = HeaderName::from_static("x-docker-token");
const DEFAULT_LIMIT: u32 = 25;
const GREATEST_LIMIT: u32 = 100;
/// Longest answer.
const ANSWER_LIMIT_BYTES: usize = 4 * 1024 * 1024;

/// A repository that was found.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SearchResult {
    /// Its name, as one would pull it, but without the registry.
    #[serde(default)]
    pub name: String,
    /// What it says about itself.
    #[serde(default, deserialize_with = "null_is_default")]
    pub description: String,
    /// How many people like it.
    #[serde(default)]
    pub star_count: i64,
    /// Whether it is one of Docker's own.
    #[serde(default)]
    pub is_official: bool,
    /// Whether Docker Hub built it; since 2023 always `false`.
    #[serde(default)]
    pub is_automated: bool,
}

/// Which of the results are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SearchFilters {
    /// Official ones, or the others.
    pub is_official: Option<bool>,
    /// Automated ones, of which there are none any more, whatever a registry says (Docker 28), or all.
    pub is_automated: Option<bool>,
    /// Only those with so many stars at least.
    pub stars: Option<i64>,
}

/// Why a search failed.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// More or fewer results wanted than there can be.
    #[error("limit {limit} is outside the range of [1, {GREATEST_LIMIT}]")]
    Limit {
        /// As given.
        limit: u32,
    },
    /// A term that is a URL.
    #[error(
        "invalid repository name: repository name ({term}) should not have a scheme; leave out {scheme:?}"
    )]
    Scheme {
        /// As given.
        term: String,
        /// `https://` or `http://`.
        scheme: &'static str,
    },
    /// The registry does not search.
    #[error("invalid registry endpoint {url}: {reason}; registry {registry} does not offer search")]
    NoSearch {
        /// Its first API.
        url: String,
        /// What it said.
        reason: String,
        /// The registry.
        registry: String,
    },
    /// The registry cannot be reached.
    #[error("invalid registry endpoint {url}: {source}")]
    Endpoint {
        /// Its first API.
        url: String,
        /// Why not.
        source: RequestError,
    },
    /// The registry answered that it will not.
    #[error("Unexpected status code {}", .status.as_u16())]
    Status {
        /// Its answer.
        status: StatusCode,
    },
    /// Anything that can go wrong with any request.
    #[error(transparent)]
    Request(#[from] RequestError),
}

#[derive(Deserialize)]
struct SearchAnswer {
    #[serde(default)]
    results: Vec<SearchResult>,
}

impl SearchFilters {
    fn matches(&self, result: &SearchResult) -> bool {
        self.is_official
            .is_none_or(|wanted| result.is_official == wanted)
            && self.is_automated != Some(true)
            && self.stars.is_none_or(|least| result.star_count >= least)
    }
}

impl RegistryClient {
    /// Searches Docker Hub for `term`, or the registry `host` for `host/term`. At most `limit` results
    /// are asked for, 25 if it is 0; the filters apply to what came, as in Docker.
    pub async fn search(
        &self,
        term: &str,
        limit: u32,
        filters: SearchFilters,
    ) -> Result<Vec<SearchResult>, SearchError> {
        let limit = if limit == 0 { DEFAULT_LIMIT } else { limit };
        if limit > GREATEST_LIMIT {
            return Err(SearchError::Limit { limit });
        }
        for scheme in ["https://", "http://"] {
            if term.starts_with(scheme) {
                let term = term.to_owned();
                return Err(SearchError::Scheme { term, scheme });
            }
        }
        let (registry, term) = split_term(term);
        let endpoint = self.searcher(registry);
        if registry != DOCKER_HUB {
            self.ping(&endpoint).await?;
            // Nobody is turned away, so nobody is asked who he is: what only he may see would never be found (moby
            // `registry/search_session.go`, `authTransport`).
            endpoint.show_password();
        }
        let limit = limit.to_string();
        let query = percent::form(&[("q", term), ("n", &limit)]);
        let answer = self.ask(&endpoint, &format!("/v1/search?{query}")).await?;
        let status = answer.response.status();
        if status != StatusCode::OK {
            return Err(SearchError::Status { status });
        }
        let results = read(answer).await?.results.into_iter();
        Ok(results.filter(|result| filters.matches(result)).collect())
    }

    fn searcher(&self, registry: &str) -> Endpoint {
        let source = (registry.to_owned(), self.shared.credentials.clone());
        let authenticator = Authenticator::new(Some(source), &self.shared.config.client_id);
        let host = if registry == DOCKER_HUB {
            DOCKER_HUB_INDEX
        } else {
            registry
        };
        Endpoint::registry(host, authenticator)
    }

    async fn ask(&self, endpoint: &Endpoint, path: &str) -> Result<Answer, RequestError> {
        let outgoing = Outgoing::new(Method::GET).header(X_DOCKER_TOKEN, "true");
        let target = Target::Path(path.to_owned());
        let exchange = &self.shared.exchange;
        endpoint.send(exchange, &outgoing, &target, &[]).await
    }

    async fn ping(&self, endpoint: &Endpoint) -> Result<(), SearchError> {
        let answer = self.ask(endpoint, "/v1/_ping").await;
        let answer = answer.map_err(|source| match &source {
            RequestError::Unreachable { base_url, .. } => SearchError::Endpoint {
                url: base_url.replace("_ping", ""),
                source,
            },
            _ => source.into(),
        })?;
        let status = answer.response.status();
        let url = without_password(&answer.url).replace("_ping", "");
        answer.response.into_body().discard().await;
        if status.is_success() {
            return Ok(());
        }
        Err(SearchError::NoSearch {
            url,
            reason: status.to_string(),
            registry: endpoint.host().to_owned(),
        })
    }
}

// moby `registry/search.go`, `splitReposSearchTerm`.
fn split_term(term: &str) -> (&str, &str) {
    let (registry, name) = match term.split_once('/') {
        Some((host, name)) if host.contains(['.', ':']) || host == "localhost" => (host, name),
        _ => (DOCKER_HUB, term),
    };
    if matches!(registry, DOCKER_HUB | DOCKER_HUB_INDEX) {
        let name = name.strip_prefix("library/").unwrap_or(name);
        return (DOCKER_HUB, name);
    }
    (registry, name)
}

async fn read(answer: Answer) -> Result<SearchAnswer, RequestError> {
    let url = without_password(&answer.url);
    let content = answer
        .response
        .into_body()
        .collect(ANSWER_LIMIT_BYTES)
        .await;
    let content = match content {
        Ok(content) => content,
        Err(source) => {
            return Err(RequestError::Interrupted {
                method: Method::GET,
                url,
                source: Box::new(source),
            });
        }
    };
    serde_json::from_slice(&content).map_err(|error| RequestError::Protocol {
        method: Method::GET,
        url,
        reason: format!("not a list of results: {error}"),
    })
}

fn null_is_default<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms() {
        for (term, expected) in [
            ("nginx", ("docker.io", "nginx")),
            ("library/nginx", ("docker.io", "nginx")),
            ("docker.io/library/nginx", ("docker.io", "nginx")),
            ("index.docker.io/nginx", ("docker.io", "nginx")),
            ("bitnami/nginx", ("docker.io", "bitnami/nginx")),
            ("localhost/nginx", ("localhost", "nginx")),
            ("r.example:5000/a/b", ("r.example:5000", "a/b")),
        ] {
            assert_eq!(split_term(term), expected);
        }
    }
}
