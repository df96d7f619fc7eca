//! The requests that object storage is made of, with keys below the configured prefix.

use std::ops::Range;
use std::pin::Pin;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use http::Method;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::client::{HttpClient, HttpConnector as _, ReqwestConnector};
use object_store::list::{PaginatedListOptions, PaginatedListStore as _};
use object_store::multipart::{MultipartStore as _, PartId};
use object_store::path::Path;
use object_store::signer::{SignedUrlOptions, Signer as _};
use object_store::{
    BackoffConfig, ClientOptions, GetOptions, ObjectStore as _, ObjectStoreExt as _, PutPayload,
    RetryConfig,
};
use url::{Host, Url};

use super::config::{S3Config, S3Credentials};
use super::failure::Failure;
use crate::random;

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The first wait between two attempts; later ones grow to [`LAST_BACKOFF`], each by chance.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LAST_BACKOFF: Duration = Duration::from_secs(5);
/// The time decides how often a request is tried again, not the count.
const RETRY_LIMIT: usize = 1000;

/// One object of a listing.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) key: String,
    pub(super) size: u64,
    /// When it was written, in microseconds since 1970.
    pub(super) modified: i64,
}

/// The bytes of an object. Breaks are mended: it asks again for what is missing.
pub(super) type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, Failure>> + Send>>;

/// A bucket of the service.
#[derive(Debug)]
pub(super) struct Client {
    /// For requests that are done within the configured time.
    service: AmazonS3,
    /// For bodies that come as slowly as their reader reads.
    reading: AmazonS3,
    /// For requests that the library does not know; they are signed by it.
    pub(super) http: HttpClient,
    /// What keys begin with: empty, or ending in a slash.
    prefix: String,
    retry_timeout: Duration,
}

impl Client {
    /// Makes a client. Asks nobody yet.
    pub(super) fn new(
        config: &S3Config,
        credentials: Option<S3Credentials>,
    ) -> Result<Self, object_store::Error> {
        let allow_http = config
            .endpoint
            .as_ref()
            .is_some_and(|endpoint| endpoint.scheme() == "http");
        let options = ClientOptions::new()
            .with_allow_http(allow_http)
            .with_connect_timeout(CONNECT_TIMEOUT.min(config.request_timeout()));
        let whole = options.clone().with_timeout(config.request_timeout());
        let streamed = options
            .with_timeout_disabled()
            .with_read_timeout(config.request_timeout());
        let builder = builder(config, credentials);
        let prefix = match config.prefix.as_str() {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        };
        Ok(Self {
            service: builder.clone().with_client_options(whole.clone()).build()?,
            reading: builder.with_client_options(streamed).build()?,
            http: ReqwestConnector::default().connect(&whole)?,
            prefix,
            retry_timeout: config.retry_timeout(),
        })
    }

    /// The key in the bucket of a key of ours.
    pub(super) fn full_key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// The key of ours that a key in the bucket is.
    pub(super) fn own_key<'a>(&self, full: &'a str) -> Option<&'a str> {
        full.strip_prefix(&self.prefix)
    }

    fn path(&self, key: &str) -> Result<Path, Failure> {
        Path::parse(self.full_key(key)).map_err(|error| Failure::Other(error.into()))
    }

    pub(super) async fn put(&self, key: &str, content: Bytes) -> Result<(), Failure> {
        let payload = PutPayload::from_bytes(content);
        self.service.put(&self.path(key)?, payload).await?;
        Ok(())
    }

    /// The bytes `range` of an object, which must not be empty; all of them without a range.
    pub(super) async fn get(
        &self,
        key: &str,
        range: Option<Range<u64>>,
    ) -> Result<ByteStream, Failure> {
        let options = GetOptions {
            range: range.map(Into::into),
            ..GetOptions::default()
        };
        let found = self.reading.get_opts(&self.path(key)?, options).await?;
        Ok(found.into_stream().map_err(Failure::from).boxed())
    }

    /// The length of an object in bytes.
    pub(super) async fn size(&self, key: &str) -> Result<Option<u64>, Failure> {
        match self
            .service
            .head(&self.path(key)?)
            .await
            .map_err(Failure::from)
        {
            Ok(found) => Ok(Some(found.size)),
            Err(Failure::NotFound) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Deletes objects, a thousand by one request. What is not there is no failure.
    pub(super) async fn delete(&self, keys: &[String]) -> Result<(), Failure> {
        let paths: Vec<Path> = keys
            .iter()
            .map(|key| self.path(key))
            .collect::<Result<_, _>>()?;
        let mut retries = self.retries();
        loop {
            match self.delete_once(paths.clone()).await {
                Err(failure) => retries.after(failure).await?,
                Ok(()) => return Ok(()),
            }
        }
    }

    async fn delete_once(&self, paths: Vec<Path>) -> Result<(), Failure> {
        let paths = futures_util::stream::iter(paths).map(Ok).boxed();
        let mut outcomes = self.service.delete_stream(paths);
        while let Some(outcome) = outcomes.next().await {
            let outcome = outcome.map(drop).map_err(Failure::from);
            outcome.or_else(absent_is_fine)?;
        }
        Ok(())
    }

    /// Up to `limit` objects whose keys begin with `prefix`, in order, after `after`.
    pub(super) async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Listed>, Failure> {
        let prefix = self.full_key(prefix);
        let mut options = PaginatedListOptions {
            offset: after.map(|after| self.full_key(after)),
            ..PaginatedListOptions::default()
        };
        let mut listed = Vec::new();
        while listed.len() < limit {
            options.max_keys = Some(limit - listed.len());
            let page = self
                .service
                .list_paginated(Some(&prefix), options.clone())
                .await?;
            listed.extend(page.result.objects.into_iter().filter_map(|object| {
                Some(Listed {
                    key: self.own_key(object.location.as_ref())?.to_owned(),
                    size: object.size,
                    modified: object.last_modified.timestamp_micros(),
                })
            }));
            options.page_token = page.page_token;
            if options.page_token.is_none() {
                break;
            }
        }
        listed.truncate(limit);
        Ok(listed)
    }

    /// Begins a multipart upload and gives the service's name for it.
    pub(super) async fn create_multipart(&self, key: &str) -> Result<String, Failure> {
        Ok(self.service.create_multipart(&self.path(key)?).await?)
    }

    /// Stores a part and gives the service's answer, which finishing needs.
    pub(super) async fn put_part(
        &self,
        key: &str,
        id: &str,
        index: usize,
        content: Bytes,
    ) -> Result<String, Failure> {
        let payload = PutPayload::from_bytes(content);
        let stored = self
            .service
            .put_part(&self.path(key)?, &id.to_owned(), index, payload)
            .await?;
        Ok(stored.content_id)
    }

    /// Makes an object of the parts.
    pub(super) async fn complete_multipart(
        &self,
        key: &str,
        id: &str,
        parts: &[String],
    ) -> Result<(), Failure> {
        let parts = parts.iter().map(|part| PartId {
            content_id: part.clone(),
        });
        self.service
            .complete_multipart(&self.path(key)?, &id.to_owned(), parts.collect())
            .await?;
        Ok(())
    }

    /// Drops a multipart upload. That it is not there is no failure.
    pub(super) async fn abort_multipart(&self, key: &str, id: &str) -> Result<(), Failure> {
        let (path, id) = (self.path(key)?, id.to_owned());
        let mut retries = self.retries();
        loop {
            let aborted = self.service.abort_multipart(&path, &id).await;
            match aborted.map_err(Failure::from).or_else(absent_is_fine) {
                Err(failure) => retries.after(failure).await?,
                Ok(()) => return Ok(()),
            }
        }
    }

    /// A URL that lets whoever has it read the object for so long.
    pub(super) async fn readable_url(&self, key: &str, lifetime: Duration) -> Result<Url, Failure> {
        let path = self.path(key)?;
        Ok(self
            .service
            .signed_url(Method::GET, &path, lifetime)
            .await?)
    }

    /// A URL for a GET request to the bucket (without a key) or an object, which is sent at once.
    pub(super) async fn request_url(
        &self,
        key: Option<&str>,
        query: &[(&str, &str)],
    ) -> Result<Url, Failure> {
        let path = match key {
            Some(key) => self.path(key)?,
            None => Path::ROOT,
        };
        let options = SignedUrlOptions::new().with_query(query.iter().copied());
        let signed =
            self.service
                .signed_url_opts(Method::GET, &path, Duration::from_mins(5), &options);
        Ok(signed.await?)
    }

    /// For requests that the library does not make again: their repetition is harmless.
    pub(super) fn retries(&self) -> Retries {
        Retries {
            begun: Instant::now(),
            limit: self.retry_timeout,
            backoff: FIRST_BACKOFF,
        }
    }
}

/// The attempts of one request.
#[derive(Debug)]
pub(super) struct Retries {
    begun: Instant,
    limit: Duration,
    backoff: Duration,
}

impl Retries {
    /// Waits until it is time for another attempt. Gives the failure back where there should be none.
    pub(super) async fn after(&mut self, failure: Failure) -> Result<(), Failure> {
        let Failure::Unavailable(error) = &failure else {
            return Err(failure);
        };
        if self.begun.elapsed() >= self.limit {
            return Err(failure);
        }
        tracing::info!(%error, "object storage is asked again");
        tokio::time::sleep(by_chance(self.backoff)).await;
        self.backoff = (self.backoff * 2).min(LAST_BACKOFF);
        Ok(())
    }
}

fn builder(config: &S3Config, credentials: Option<S3Credentials>) -> AmazonS3Builder {
    let retry = RetryConfig {
        backoff: BackoffConfig {
            init_backoff: FIRST_BACKOFF,
            max_backoff: LAST_BACKOFF,
            base: 2.0,
        },
        max_retries: RETRY_LIMIT,
        retry_timeout: config.retry_timeout(),
    };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&config.bucket)
        .with_region(&config.region)
        .with_virtual_hosted_style_request(!config.path_style())
        .with_retry(retry);
    if let Some(endpoint) = &config.endpoint {
        let endpoint = if config.path_style() {
            endpoint.clone()
        } else {
            with_bucket_in_host(endpoint, &config.bucket)
        };
        // It puts a slash of its own behind.
        builder = builder.with_endpoint(endpoint.as_str().trim_end_matches('/'));
    }
    if let Some(credentials) = credentials {
        builder = builder
            .with_access_key_id(credentials.access_key)
            .with_secret_access_key(credentials.secret_key);
    }
    builder
}

/// The library wants the bucket in the endpoint's host where it is not to stand in the path.
fn with_bucket_in_host(endpoint: &Url, bucket: &str) -> Url {
    let mut with_bucket = endpoint.clone();
    if let Some(Host::Domain(host)) = endpoint.host()
        && with_bucket
            .set_host(Some(&format!("{bucket}.{host}")))
            .is_ok()
    {
        return with_bucket;
    }
    endpoint.clone()
}

fn absent_is_fine(failure: Failure) -> Result<(), Failure> {
    match failure {
        Failure::NotFound => Ok(()),
        failure => Err(failure),
    }
}

/// Between half and all of `wait`, so that those who failed together do not come again together.
fn by_chance(wait: Duration) -> Duration {
    let [chance] = random::bytes();
    wait / 2 + wait / 2 * u32::from(chance) / u32::from(u8::MAX)
}
