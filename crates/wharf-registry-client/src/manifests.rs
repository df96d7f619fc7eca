//! Manifests and indexes: ask for their digest, fetch, put, delete.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, Method};
use wharf_oci::{
    Algorithm, Descriptor, Digest, MANIFEST_LIMIT_BYTES, ManifestDigest, ManifestError, MediaType,
    MediaTypeKind, RawManifest, Reference,
};

use crate::error::{AuthError, DigestMismatch, ErrorResponse, RequestError};
use crate::exchange::{Answer, Outgoing, Payload};
use crate::http::error::TransportError;
use crate::http::proxy::without_password;
use crate::repository::{Access, RepositoryClient, TagOrDigest};

/// The digest of what is served or was stored.
pub(crate) const DOCKER_CONTENT_DIGEST: HeaderName =
    HeaderName::from_static("docker-content-digest");
const OCI_SUBJECT: HeaderName = HeaderName::from_static("oci-subject");

/// Why a manifest could not be fetched. The texts are Docker's (moby `distribution/errors.go`).
#[derive(Debug, thiserror::Error)]
pub enum ManifestFetchError {
    /// The repository has no such manifest.
    #[error("manifest for {} not found: {response}", .reference.familiar())]
    NotFound {
        /// What was asked for.
        reference: Box<Reference>,
        /// What the registry says.
        response: Box<ErrorResponse>,
    },
    /// The registry will not say whether the repository exists.
    #[error(
        "pull access denied for {}, repository does not exist or may require 'docker login': {response}",
        .reference.repository().familiar()
    )]
    Denied {
        /// What was asked for.
        reference: Box<Reference>,
        /// What the registry says.
        response: Box<ErrorResponse>,
    },
    /// The registry has no such repository.
    #[error("repository {} not found: {response}", .reference.repository().familiar())]
    UnknownRepository {
        /// What was asked for.
        reference: Box<Reference>,
        /// What the registry says.
        response: Box<ErrorResponse>,
    },
    /// What was served is not what was asked for.
    #[error("manifest verification failed for digest {0}")]
    WrongDigest(Box<DigestMismatch>),
    /// What was served is no manifest that Wharf can use.
    #[error("{url}: {source}")]
    Invalid {
        /// What was asked for.
        url: String,
        /// What is wrong.
        source: ManifestError,
    },
    /// Anything that can go wrong with any request.
    #[error(transparent)]
    Request(#[from] RequestError),
}

/// Why a manifest could not be put or deleted.
#[derive(Debug, thiserror::Error)]
pub enum ManifestChangeError {
    /// The registry says that it stored something else.
    #[error("manifest verification failed for digest {0}")]
    WrongDigest(Box<DigestMismatch>),
    /// Anything that can go wrong with any request.
    #[error(transparent)]
    Request(#[from] RequestError),
}

/// What a registry says about a manifest that it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredManifest {
    /// Its digest.
    pub digest: ManifestDigest,
    /// The subject that the registry has listed it under, if it knows referrers (`OCI-Subject`).
    /// Without it, whoever pushed a manifest with a subject must maintain the referrers tag.
    pub subject: Option<Digest>,
}

impl ManifestFetchError {
    /// Whether the registry says that there is no such thing, or will not say.
    pub fn is_not_found(&self) -> bool {
        matches!(
            self,
            Self::NotFound { .. } | Self::Denied { .. } | Self::UnknownRepository { .. }
        )
    }
}

impl RepositoryClient {
    /// What `of` points to now, in one small request; `None` if the registry has no such manifest.
    /// A registry that does not say the digest is asked for the whole manifest.
    pub async fn head_manifest(
        &self,
        of: &TagOrDigest,
    ) -> Result<Option<Descriptor>, ManifestFetchError> {
        let outgoing = asking(Method::HEAD);
        let target = self.path(&format!("manifests/{of}"));
        let answer = match self.read(&outgoing, &target).await {
            Ok(answer) => answer,
            Err(error) if error.status() == Some(http::StatusCode::NOT_FOUND) => return Ok(None),
            // An answer to HEAD has no body that would say what is wrong; the same question by GET has.
            Err(error) if error.response().is_some() && !error.may_pass() => {
                return self.head_by_get(of).await;
            }
            Err(error) => return Err(error.into()),
        };
        match descriptor(answer.response.headers(), of) {
            Some(descriptor) => Ok(Some(descriptor)),
            None => self.head_by_get(of).await,
        }
    }

    /// The manifest or index that `of` points to, as served. Its digest was checked against `of` and
    /// against what the registry says; its media type and shape are those of a manifest or index.
    pub async fn get_manifest(&self, of: &TagOrDigest) -> Result<RawManifest, ManifestFetchError> {
        let target = self.path(&format!("manifests/{of}"));
        let outgoing = asking(Method::GET);
        let mut failures = 0;
        loop {
            let answer = self.read(&outgoing, &target).await;
            let answer = answer.map_err(|error| self.fetch_error(of, error))?;
            let headers = answer.response.headers().clone();
            let url = without_password(&answer.url);
            match answer
                .response
                .into_body()
                .collect(MANIFEST_LIMIT_BYTES)
                .await
            {
                Ok(content) => return checked(content, &headers, of, url),
                Err(source) => {
                    let method = Method::GET;
                    let may_pass = source.may_pass();
                    let error = interrupted(method, url, source);
                    failures += 1;
                    if !may_pass || !self.wait(failures, None, &error).await {
                        return Err(error);
                    }
                }
            }
        }
    }

    /// Stores `manifest` under `as_name`: a tag, or its own digest.
    pub async fn put_manifest(
        &self,
        as_name: &TagOrDigest,
        manifest: &RawManifest,
    ) -> Result<StoredManifest, ManifestChangeError> {
        let content = Bytes::copy_from_slice(manifest.bytes());
        let outgoing = Outgoing::new(Method::PUT)
            .header(CONTENT_TYPE, manifest.media_type().as_str())
            .payload(Payload::Bytes(content));
        let answer = self.change(&outgoing, as_name, Access::Push).await?;
        let headers = answer.response.headers();
        let subject = header_digest(headers, &OCI_SUBJECT);
        let expected = *manifest.digest().digest();
        if let Some(actual) = header_digest(headers, &DOCKER_CONTENT_DIGEST)
            && actual.algorithm() == expected.algorithm()
            && actual != expected
        {
            let mismatch = DigestMismatch { expected, actual };
            return Err(ManifestChangeError::WrongDigest(Box::new(mismatch)));
        }
        answer.response.into_body().discard().await;
        Ok(StoredManifest {
            digest: manifest.digest(),
            subject,
        })
    }

    /// Deletes a manifest by digest, or a tag where the registry can do that.
    pub async fn delete_manifest(&self, of: &TagOrDigest) -> Result<(), ManifestChangeError> {
        let outgoing = Outgoing::new(Method::DELETE);
        let answer = self.change(&outgoing, of, Access::Delete).await?;
        answer.response.into_body().discard().await;
        Ok(())
    }

    async fn change(
        &self,
        outgoing: &Outgoing,
        name: &TagOrDigest,
        access: Access,
    ) -> Result<Answer, RequestError> {
        let target = self.path(&format!("manifests/{name}"));
        let scopes = self.scopes(access);
        self.send(&self.registry, outgoing, &target, &scopes).await
    }

    async fn head_by_get(
        &self,
        of: &TagOrDigest,
    ) -> Result<Option<Descriptor>, ManifestFetchError> {
        match self.get_manifest(of).await {
            Ok(manifest) => Ok(Some(manifest.descriptor())),
            Err(ManifestFetchError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn fetch_error(&self, of: &TagOrDigest, error: RequestError) -> ManifestFetchError {
        let reference = Box::new(of.in_repository(&self.name));
        let response = match error {
            RequestError::Refused(response) => response,
            RequestError::Authentication {
                method,
                url,
                source,
            } => match *source {
                AuthError::TokenServer(response) if response.has_code("DENIED") => response,
                source => {
                    let source = Box::new(source);
                    let error = RequestError::Authentication {
                        method,
                        url,
                        source,
                    };
                    return error.into();
                }
            },
            error => return error.into(),
        };
        if response.has_code("DENIED") {
            ManifestFetchError::Denied {
                reference,
                response,
            }
        } else if response.has_code("NAME_UNKNOWN") {
            ManifestFetchError::UnknownRepository {
                reference,
                response,
            }
        } else if response.has_code("MANIFEST_UNKNOWN") || is_plain_not_found(&response) {
            ManifestFetchError::NotFound {
                reference,
                response,
            }
        } else {
            RequestError::Refused(response).into()
        }
    }
}

// 404 without a word why; a web page with 404 is a server that is no registry.
fn is_plain_not_found(response: &ErrorResponse) -> bool {
    response.status == http::StatusCode::NOT_FOUND
        && (response.excerpt.is_none() || !response.errors.is_empty())
}

fn asking(method: Method) -> Outgoing {
    let accepted = MediaType::ACCEPTED_MANIFESTS.join(", ");
    Outgoing::new(method).header(ACCEPT, &accepted)
}

fn interrupted(method: Method, url: String, source: TransportError) -> ManifestFetchError {
    if matches!(source, TransportError::TooLarge { .. }) {
        let size = MANIFEST_LIMIT_BYTES + 1;
        let source = ManifestError::TooLarge { size };
        return ManifestFetchError::Invalid { url, source };
    }
    RequestError::Interrupted {
        method,
        url,
        source: Box::new(source),
    }
    .into()
}

// From the headers alone, if they say all of it and fit what was asked for.
fn descriptor(headers: &HeaderMap, of: &TagOrDigest) -> Option<Descriptor> {
    let digest = header_digest(headers, &DOCKER_CONTENT_DIGEST)?;
    if matches!(of, TagOrDigest::Digest(asked) if *asked != digest) {
        return None;
    }
    let text = |name| headers.get(name)?.to_str().ok();
    let size = text(CONTENT_LENGTH)?.parse().ok()?;
    let media_type = MediaType::new(without_parameters(text(CONTENT_TYPE)?));
    if !matches!(
        media_type.kind(),
        MediaTypeKind::Manifest | MediaTypeKind::Index
    ) {
        return None;
    }
    Some(Descriptor::new(media_type, digest, size))
}

fn checked(
    content: Vec<u8>,
    headers: &HeaderMap,
    of: &TagOrDigest,
    url: String,
) -> Result<RawManifest, ManifestFetchError> {
    let said = header_digest(headers, &DOCKER_CONTENT_DIGEST);
    let expected = match of {
        TagOrDigest::Digest(digest) => Some(*digest),
        TagOrDigest::Tag(_) => said,
    };
    if let Some(expected) = expected
        && !expected.matches(&content)
    {
        let mut hasher = wharf_oci::Hasher::new(expected.algorithm());
        hasher.update(&content);
        let actual = hasher.finish();
        let mismatch = DigestMismatch { expected, actual };
        return Err(ManifestFetchError::WrongDigest(Box::new(mismatch)));
    }
    let algorithm = expected.map_or(Algorithm::Sha256, |digest| digest.algorithm());
    let served_as = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(|value| MediaType::new(without_parameters(value)));
    RawManifest::new(content, served_as.as_ref(), algorithm)
        .map_err(|source| ManifestFetchError::Invalid { url, source })
}

fn header_digest(headers: &HeaderMap, name: &HeaderName) -> Option<Digest> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

// `application/json; charset=utf-8` is `application/json`.
fn without_parameters(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}
