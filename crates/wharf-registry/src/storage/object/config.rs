//! What an operator says about the S3 service.

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::secret::{Secret, SecretError};

/// The region that services without regions are asked for.
const DEFAULT_REGION: &str = "us-east-1";

/// Object storage, as a configuration file describes it. Only `bucket` must be there.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct S3Config {
    /// The bucket, which must exist.
    pub bucket: String,
    /// The region that requests are signed for.
    #[serde(default = "default_region")]
    pub region: String,
    /// Where the service is: `https://s3.example.com`, `http://127.0.0.1:9000`. Without it, AWS in `region`.
    #[schemars(with = "Option<String>")]
    pub endpoint: Option<Url>,
    /// What all keys begin with, so that several registries can share a bucket.
    #[serde(default)]
    pub prefix: String,
    /// Who asks. Without it, the role that the machine or pod has at AWS.
    pub access_key: Option<Secret>,
    /// The secret that belongs to `access-key`.
    pub secret_key: Option<Secret>,
    /// Whether the bucket stands in the path (`https://HOST/BUCKET/...`) rather than in the host name. By default it does
    /// where an `endpoint` is given.
    pub path_style: Option<bool>,
    /// Whether clients are sent to the service for the bytes of a blob, by a signed URL. They must be able to reach
    /// `endpoint`.
    #[serde(default)]
    pub redirect: bool,
    /// How long one request may take, in seconds; while a blob is read, how long the service may send nothing.
    #[serde(default = "default_request_timeout")]
    pub request_timeout_seconds: u64,
    /// How long a request is tried again while the service is overloaded or cannot be reached, in seconds.
    #[serde(default = "default_retry_timeout")]
    pub retry_timeout_seconds: u64,
    /// How much memory all uploads together may use for parts that are on their way, in mebibytes.
    #[serde(default = "default_upload_memory")]
    pub upload_memory_mebibytes: u32,
}

/// Who asks.
#[derive(Clone, PartialEq, Eq)]
pub struct S3Credentials {
    /// The public half.
    pub access_key: String,
    /// The secret half.
    pub secret_key: String,
}

/// Why a configuration of object storage cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum S3ConfigError {
    /// One half of the credentials alone.
    #[error(
        "object storage has {given} without {missing}; set both, or neither to use the machine's role"
    )]
    HalfCredentials {
        /// What is there.
        given: &'static str,
        /// What is not.
        missing: &'static str,
    },
    /// A credential cannot be had.
    #[error("the credentials of object storage are incomplete")]
    Secret(#[from] SecretError),
    /// Not a prefix that keys can have.
    #[error(
        "{prefix:?} cannot be the prefix of keys; use components of letters, digits, '.', '_' and '-' with '/' between them"
    )]
    Prefix {
        /// What was given.
        prefix: String,
    },
    /// Not an address of a service.
    #[error(
        "{endpoint} cannot be the endpoint of object storage; use http://HOST or https://HOST, with a port if need be"
    )]
    Endpoint {
        /// What was given.
        endpoint: Url,
    },
    /// A limit of zero.
    #[error("{setting} of object storage is 0; nothing could be done")]
    Zero {
        /// Which limit.
        setting: &'static str,
    },
}

impl S3Config {
    /// A configuration with the defaults.
    pub fn new(bucket: &str) -> Self {
        Self {
            bucket: bucket.to_owned(),
            region: default_region(),
            endpoint: None,
            prefix: String::new(),
            access_key: None,
            secret_key: None,
            path_style: None,
            redirect: false,
            request_timeout_seconds: default_request_timeout(),
            retry_timeout_seconds: default_retry_timeout(),
            upload_memory_mebibytes: default_upload_memory(),
        }
    }

    /// The credentials, if there are any. `environment` gives the value of a variable.
    pub fn credentials(
        &self,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<S3Credentials>, S3ConfigError> {
        let half = |given, missing| S3ConfigError::HalfCredentials { given, missing };
        match (&self.access_key, &self.secret_key) {
            (Some(access_key), Some(secret_key)) => Ok(Some(S3Credentials {
                access_key: access_key.reveal(&environment)?,
                secret_key: secret_key.reveal(&environment)?,
            })),
            (None, None) => Ok(None),
            (Some(_), None) => Err(half("access-key", "secret-key")),
            (None, Some(_)) => Err(half("secret-key", "access-key")),
        }
    }

    /// Refuses what a person can only have written by mistake.
    pub(crate) fn check(&self) -> Result<(), S3ConfigError> {
        if !self.prefix.is_empty() && crate::storage::ObjectKey::parse(&self.prefix).is_none() {
            return Err(S3ConfigError::Prefix {
                prefix: self.prefix.clone(),
            });
        }
        if let Some(endpoint) = &self.endpoint
            && (!matches!(endpoint.scheme(), "http" | "https") || endpoint.path() != "/")
        {
            return Err(S3ConfigError::Endpoint {
                endpoint: endpoint.clone(),
            });
        }
        let limits = [
            ("request-timeout-seconds", self.request_timeout_seconds),
            (
                "upload-memory-mebibytes",
                self.upload_memory_mebibytes.into(),
            ),
        ];
        match limits.into_iter().find(|(_, limit)| *limit == 0) {
            Some((setting, _)) => Err(S3ConfigError::Zero { setting }),
            None => Ok(()),
        }
    }

    pub(super) fn path_style(&self) -> bool {
        self.path_style.unwrap_or(self.endpoint.is_some())
    }

    pub(super) fn request_timeout(&self) -> Duration {
        Duration::from_secs(self.request_timeout_seconds)
    }

    pub(super) fn retry_timeout(&self) -> Duration {
        Duration::from_secs(self.retry_timeout_seconds)
    }
}

impl fmt::Debug for S3Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("S3Credentials");
        shown.field("access_key", &self.access_key);
        shown.field("secret_key", &"***").finish()
    }
}

fn default_region() -> String {
    DEFAULT_REGION.to_owned()
}

fn default_request_timeout() -> u64 {
    60
}

fn default_retry_timeout() -> u64 {
    60
}

fn default_upload_memory() -> u32 {
    512
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> S3Config {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_bucket_is_enough() {
        let config = parse(r#"{"bucket": "images"}"#);
        assert_eq!(config, S3Config::new("images"));
        assert!(config.check().is_ok());
        assert!(!config.path_style());
        assert_eq!(config.credentials(|_| None).unwrap(), None);
    }

    #[test]
    fn everything_can_be_said_and_no_secret_is_printed() {
        let config = parse(
            r#"{"bucket": "images", "region": "eu-1", "endpoint": "http://127.0.0.1:9000", "prefix": "wharf/blue",
                "access-key": "AKIA", "secret-key": "harbour", "redirect": true, "request-timeout-seconds": 5,
                "retry-timeout-seconds": 9, "upload-memory-mebibytes": 64}"#,
        );
        assert!(config.check().is_ok());
        assert!(config.path_style());
        let credentials = config.credentials(|_| None).unwrap().unwrap();
        assert_eq!(credentials.secret_key, "harbour");
        for printed in [format!("{config:?}"), format!("{credentials:?}")] {
            assert!(!printed.contains("harbour"), "{printed}");
        }
    }

    #[test]
    fn mistakes_are_refused() {
        assert!(serde_json::from_str::<S3Config>(r#"{"bucket": "b", "regoin": "x"}"#).is_err());
        let half = parse(r#"{"bucket": "b", "access-key": "a"}"#);
        assert!(matches!(
            half.credentials(|_| None),
            Err(S3ConfigError::HalfCredentials {
                missing: "secret-key",
                ..
            })
        ));
        for wrong in [
            r#"{"bucket": "b", "prefix": "a//b"}"#,
            r#"{"bucket": "b", "endpoint": "ftp://host"}"#,
            r#"{"bucket": "b", "endpoint": "http://host/bucket"}"#,
            r#"{"bucket": "b", "request-timeout-seconds": 0}"#,
            r#"{"bucket": "b", "upload-memory-mebibytes": 0}"#,
        ] {
            assert!(parse(wrong).check().is_err(), "{wrong}");
        }
    }
}
