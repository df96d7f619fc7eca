//! One repository: its requests with mirrors, challenges, retries and errors. What is asked for is in
//! `manifests`, `blobs`, `uploads`, `tags` and `referrers`.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use wharf_oci::{Digest, Reference, Repository, Tag};

use crate::auth::authenticator::repository_scope;
use crate::client::Shared;
use crate::endpoint::{Endpoint, Target};
use crate::error::{ErrorResponse, RequestError};
use crate::exchange::{Answer, Outgoing};
use crate::http::proxy::without_password;
use crate::retry::{ClientEvent, EventObserver};

/// Speaks to one repository of one registry. Cheap to clone.
#[derive(Clone)]
pub struct RepositoryClient {
    pub(crate) shared: Arc<Shared>,
    pub(crate) name: Repository,
    // Mirrors, then the registry itself.
    pub(crate) readers: Vec<Arc<Endpoint>>,
    pub(crate) registry: Arc<Endpoint>,
    observer: Option<EventObserver>,
    // Hosts of mirrors that had no use for the manifest asked for last: its blobs are not asked of them.
    useless_mirrors: Arc<Mutex<HashSet<String>>>,
}

/// What a manifest is asked for by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagOrDigest {
    /// A tag, which may point to another manifest tomorrow.
    Tag(Tag),
    /// A digest.
    Digest(Digest),
}

/// What a request does to the repository, which decides the scope of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Pull,
    Push,
    Delete,
}

impl RepositoryClient {
    pub(crate) fn new(
        shared: Arc<Shared>,
        name: Repository,
        readers: Vec<Arc<Endpoint>>,
        registry: Arc<Endpoint>,
    ) -> Self {
        Self {
            shared,
            name,
            readers,
            registry,
            observer: None,
            useless_mirrors: Arc::default(),
        }
    }

    /// The repository.
    pub fn name(&self) -> &Repository {
        &self.name
    }

    /// The same client, telling `observer` what happens meanwhile: one for each layer, say.
    #[must_use]
    pub fn observed_by(&self, observer: EventObserver) -> Self {
        Self {
            observer: Some(observer),
            ..self.clone()
        }
    }

    pub(crate) fn tell(&self, event: &ClientEvent) {
        tracing::debug!(repository = %self.name, ?event, "registry client");
        if let Some(observer) = &self.observer {
            observer(event);
        }
    }

    /// `/v2/<path>/<rest>`.
    pub(crate) fn path(&self, rest: &str) -> Target {
        Target::Path(format!("/v2/{}/{rest}", self.name.path()))
    }

    pub(crate) fn scopes(&self, access: Access) -> Vec<String> {
        let actions = match access {
            Access::Pull => "pull",
            Access::Push => "pull,push",
            Access::Delete => "delete,pull",
        };
        vec![repository_scope(self.name.path(), actions)]
    }

    /// Asks the mirrors, and then the registry, until one gives a good answer. Which mirrors gave none is remembered for
    /// the blobs.
    pub(crate) async fn read(
        &self,
        outgoing: &Outgoing,
        target: &Target,
    ) -> Result<Answer, RequestError> {
        let scopes = self.scopes(Access::Pull);
        for mirror in self.readers.iter().filter(|endpoint| endpoint.is_mirror) {
            if mirror.is_given_up() {
                continue;
            }
            match self.send_once(mirror, outgoing, target, &scopes).await {
                Ok(answer) => {
                    self.useless_mirrors().remove(mirror.host());
                    return Ok(answer);
                }
                Err(error) => {
                    self.useless_mirrors().insert(mirror.host().to_owned());
                    self.mirror_failed(mirror, &error);
                }
            }
        }
        self.send(&self.registry, outgoing, target, &scopes).await
    }

    /// The mirrors of which blobs can be expected.
    pub(crate) fn useful_mirrors(&self) -> Vec<Arc<Endpoint>> {
        let useless = self.useless_mirrors();
        let mirrors = self.readers.iter().filter(|endpoint| endpoint.is_mirror);
        let useful = mirrors.filter(|mirror| !useless.contains(mirror.host()));
        useful.map(Arc::clone).collect()
    }

    fn useless_mirrors(&self) -> MutexGuard<'_, HashSet<String>> {
        let useless = self.useless_mirrors.lock();
        useless.unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells that the next endpoint is asked instead.
    pub(crate) fn mirror_failed(&self, mirror: &Endpoint, error: &dyn fmt::Display) {
        self.tell(&ClientEvent::MirrorFailed {
            mirror: mirror.host().to_owned(),
            reason: error.to_string(),
        });
    }

    /// Asks one endpoint, again and again while there is hope; an error status is an error.
    pub(crate) async fn send(
        &self,
        endpoint: &Endpoint,
        outgoing: &Outgoing,
        target: &Target,
        scopes: &[String],
    ) -> Result<Answer, RequestError> {
        let mut failures = 0;
        loop {
            let error = match self.send_once(endpoint, outgoing, target, scopes).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            failures += 1;
            if !error.may_pass() || !self.wait(failures, error.retry_after(), &error).await {
                return Err(error);
            }
        }
    }

    /// Asks one endpoint once; an error status is an error.
    pub(crate) async fn send_once(
        &self,
        endpoint: &Endpoint,
        outgoing: &Outgoing,
        target: &Target,
        scopes: &[String],
    ) -> Result<Answer, RequestError> {
        let exchange = &self.shared.exchange;
        let answer = endpoint.send(exchange, outgoing, target, scopes).await?;
        let status = answer.response.status();
        if status.is_client_error() || status.is_server_error() {
            let url = without_password(&answer.url);
            let response = ErrorResponse::read(url, answer.response).await;
            return Err(RequestError::Refused(Box::new(response)));
        }
        if !status.is_success() {
            return Err(RequestError::Protocol {
                method: outgoing.method.clone(),
                url: without_password(&answer.url),
                reason: format!("unexpected status {status}"),
            });
        }
        Ok(answer)
    }

    /// Waits before the next attempt; `false` if there shall be none.
    pub(crate) async fn wait(
        &self,
        failures: u32,
        retry_after: Option<Duration>,
        reason: &(dyn fmt::Display + Sync),
    ) -> bool {
        let policy = self.shared.config.retry;
        let Some(delay) = policy.delay(failures, retry_after) else {
            return false;
        };
        self.tell(&ClientEvent::Retrying {
            attempt: failures,
            max_attempts: policy.max_attempts,
            delay,
            reason: reason.to_string(),
        });
        tokio::time::sleep(delay).await;
        true
    }
}

impl fmt::Debug for RepositoryClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RepositoryClient")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl TagOrDigest {
    /// What a pull of `reference` asks for: the digest if there is one, else the tag, else `latest`.
    pub fn of(reference: &Reference) -> Self {
        match (reference.digest(), reference.tag()) {
            (Some(digest), _) => Self::Digest(*digest),
            (None, Some(tag)) => Self::Tag(tag.clone()),
            (None, None) => Self::Tag(Tag::latest()),
        }
    }

    /// The name of this in `repository`.
    pub fn in_repository(&self, repository: &Repository) -> Reference {
        match self {
            Self::Tag(tag) => repository.with_tag(tag.clone()),
            Self::Digest(digest) => repository.with_digest(*digest),
        }
    }
}

impl fmt::Display for TagOrDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

impl From<Tag> for TagOrDigest {
    fn from(tag: Tag) -> Self {
        Self::Tag(tag)
    }
}

impl From<Digest> for TagOrDigest {
    fn from(digest: Digest) -> Self {
        Self::Digest(digest)
    }
}
