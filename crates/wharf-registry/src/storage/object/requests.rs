//! Requests about unfinished multipart uploads that the client library does not have. It signs them, and S3's XML is read
//! here: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html>

use std::cmp::Ordering;

use futures_util::StreamExt as _;
use jiff::Timestamp;
use object_store::client::{HttpRequest, HttpRequestBody};
use serde::Deserialize;
use url::Url;

use super::client::Client;
use super::failure::Failure;

/// Longest answer that is read, in bytes: a thousand uploads with the longest keys need less.
const ANSWER_LIMIT_BYTES: usize = 8 << 20;
/// How many uploads S3 lists at most at once.
const PAGE: usize = 1000;
/// Most pages that are read for one question.
const PAGES: usize = 10_000;

/// An unfinished multipart upload.
#[derive(Debug)]
pub(super) struct ListedMultipart {
    /// The key that the object will have.
    pub(super) key: String,
    /// The service's name for it.
    pub(super) id: String,
    /// When it began, in microseconds since 1970.
    pub(super) begun: i64,
}

/// A page of S3's list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MultipartPage {
    #[serde(default)]
    is_truncated: bool,
    #[serde(default)]
    next_key_marker: String,
    #[serde(default)]
    next_upload_id_marker: String,
    #[serde(default, rename = "Upload")]
    pub(super) uploads: Vec<MultipartEntry>,
}

/// An upload in S3's list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MultipartEntry {
    /// The key that the object will have.
    pub(super) key: String,
    /// The service's name for it.
    pub(super) upload_id: String,
    /// When it began, as the service writes times.
    pub(super) initiated: String,
}

impl Client {
    /// Unfinished multipart uploads whose keys begin with `prefix`, in the order of their keys, after `after`: `limit` of
    /// them or a few more, or all there are. A key can have several.
    pub(super) async fn list_multipart(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ListedMultipart>, Failure> {
        let prefix = self.full_key(prefix);
        let mut key_marker = after.map(|after| self.full_key(after)).unwrap_or_default();
        let mut id_marker = String::new();
        let mut listed: Vec<ListedMultipart> = Vec::new();
        for _page in 0..PAGES {
            let page = self
                .multipart_page(&prefix, &key_marker, &id_marker)
                .await?;
            let next = next_markers(&page, &key_marker, &id_marker);
            for entry in page.uploads {
                if let Some(key) = self.own_key(&entry.key) {
                    listed.push(ListedMultipart {
                        key: key.to_owned(),
                        id: entry.upload_id,
                        begun: micros(&entry.initiated),
                    });
                }
            }
            match next {
                Some(next) if listed.len() < limit => (key_marker, id_marker) = next,
                _ => return Ok(listed),
            }
        }
        Err(other("its list of unfinished uploads does not end".into()))
    }

    /// Whether a multipart upload is there and unfinished.
    pub(super) async fn has_multipart(&self, key: &str, id: &str) -> Result<bool, Failure> {
        let query = [("max-parts", "1"), ("uploadId", id)];
        match self.ask(Some(key), &query).await {
            Ok(_) => Ok(true),
            Err(Failure::NotFound) => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    async fn multipart_page(
        &self,
        prefix: &str,
        key_marker: &str,
        id_marker: &str,
    ) -> Result<MultipartPage, Failure> {
        let page = PAGE.to_string();
        let mut query = vec![
            ("max-uploads", page.as_str()),
            ("prefix", prefix),
            ("uploads", ""),
        ];
        if !key_marker.is_empty() {
            query.push(("key-marker", key_marker));
        }
        if !id_marker.is_empty() {
            query.push(("upload-id-marker", id_marker));
        }
        let answer = self.ask(None, &query).await?;
        read_page(&answer).map_err(|error| other(Box::new(error)))
    }

    /// What the service answers to a GET request, as often as it takes.
    async fn ask(&self, key: Option<&str>, query: &[(&str, &str)]) -> Result<Vec<u8>, Failure> {
        let mut retries = self.retries();
        loop {
            let url = self.request_url(key, query).await?;
            match self.ask_once(&url).await {
                Err(failure) => retries.after(failure).await?,
                answer => return answer,
            }
        }
    }

    async fn ask_once(&self, url: &Url) -> Result<Vec<u8>, Failure> {
        let request: HttpRequest = http::Request::get(url.as_str())
            .body(HttpRequestBody::empty())
            .map_err(|error| other(Box::new(error)))?;
        let response = self
            .http
            .execute(request)
            .await
            .map_err(|error| Failure::from(generic(Box::new(error))))?;
        let status = response.status();
        let mut answer = Vec::new();
        let mut pieces = response.into_body().bytes_stream();
        while let Some(piece) = pieces.next().await {
            answer.extend_from_slice(&piece.map_err(|error| generic(Box::new(error)))?);
            if answer.len() > ANSWER_LIMIT_BYTES {
                return Err(other("the answer is too long".into()));
            }
        }
        if status.is_success() {
            return Ok(answer);
        }
        let text = format!(
            "status code: {status}: {}",
            String::from_utf8_lossy(&answer)
        );
        if status == http::StatusCode::NOT_FOUND {
            return Err(Failure::NotFound);
        }
        Err(Failure::from(generic(text.into())))
    }
}

/// Reads a page as S3 writes it.
pub(super) fn read_page(answer: &[u8]) -> Result<MultipartPage, quick_xml::DeError> {
    quick_xml::de::from_reader(answer)
}

/// After which key and upload the next page begins. `None` at the end, and where a service does not lead on: keys ascend, and
/// the uploads of one key are told apart by their names, in whatever order.
pub(super) fn next_markers(
    page: &MultipartPage,
    key_marker: &str,
    id_marker: &str,
) -> Option<(String, String)> {
    let (key, id) = (&page.next_key_marker, &page.next_upload_id_marker);
    let leads_on = match key.as_str().cmp(key_marker) {
        Ordering::Less => false,
        Ordering::Equal => id != id_marker,
        Ordering::Greater => true,
    };
    (page.is_truncated && leads_on).then(|| (key.clone(), id.clone()))
}

fn generic(source: Box<dyn std::error::Error + Send + Sync>) -> object_store::Error {
    object_store::Error::Generic {
        store: "S3",
        source,
    }
}

fn other(source: Box<dyn std::error::Error + Send + Sync>) -> Failure {
    Failure::Other(generic(source))
}

/// Microseconds since 1970 of a time as S3 writes it. One that cannot be read is taken for now: nothing is dropped for it.
pub(super) fn micros(time: &str) -> i64 {
    let time: Result<Timestamp, _> = time.parse();
    time.unwrap_or_else(|_| Timestamp::now()).as_microsecond()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_read_as_s3_writes_them() {
        let text = r#"<?xml version="1.0" encoding="UTF-8"?>
            <ListMultipartUploadsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Bucket>b</Bucket>
            <NextKeyMarker>k2</NextKeyMarker><NextUploadIdMarker>i2</NextUploadIdMarker><IsTruncated>true</IsTruncated>
            <Upload><Key>k1</Key><UploadId>i1</UploadId><Owner><ID>o</ID></Owner>
            <Initiated>2026-11-21T22:01:57.496Z</Initiated></Upload>
            <Upload><Key>k2</Key><UploadId>i2</UploadId><Initiated>never</Initiated></Upload>
            </ListMultipartUploadsResult>"#;
        let page: MultipartPage = quick_xml::de::from_str(text).unwrap();
        assert!(page.is_truncated);
        assert_eq!(page.next_key_marker, "k2");
        assert_eq!(page.uploads.len(), 2);
        assert_eq!(micros(&page.uploads[0].initiated), 1_795_298_517_496_000);
        assert!(micros(&page.uploads[1].initiated) > 1_795_298_517_496_000);
        let next = |key, id| next_markers(&page, key, id);
        let k2 = Some(("k2".to_owned(), "i2".to_owned()));
        assert_eq!(next("", ""), k2);
        assert_eq!(next("k2", "i1"), k2);
        assert_eq!(next("k2", "i9"), k2, "uploads of one key are in any order");
        assert_eq!(next("k2", "i2"), None, "the same again leads nowhere");
        assert_eq!(next("k3", ""), None);
        let empty = "<ListMultipartUploadsResult><Bucket>b</Bucket><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>";
        let page: MultipartPage = quick_xml::de::from_str(empty).unwrap();
        assert!(page.uploads.is_empty() && next_markers(&page, "", "").is_none());
    }
}
