//! AWS Signature Version 4 for whole requests: enough to make buckets, and to look at what Wharf stored without any code
//! of Wharf's own client. <https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html>

use jiff::Timestamp;
use jiff::tz::TimeZone;
use wharf_oci::Digest;

/// The length of SHA-256's blocks, in bytes.
const BLOCK_BYTES: usize = 64;

/// Who signs, and for which region.
pub(super) struct Credentials<'a> {
    pub(super) access_key: &'a str,
    pub(super) secret_key: &'a str,
    pub(super) region: &'a str,
}

impl Credentials<'_> {
    /// The header fields that make the request a signed one. `target` is a percent-encoded path with its query.
    pub(super) fn sign(
        &self,
        method: &str,
        host: &str,
        target: &str,
        body: &[u8],
    ) -> Vec<(&'static str, String)> {
        let now = Timestamp::now().to_zoned(TimeZone::UTC);
        let time = now.strftime("%Y%m%dT%H%M%SZ").to_string();
        let date = now.strftime("%Y%m%d").to_string();
        let content = Digest::of(body).hex();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let fields = "host;x-amz-content-sha256;x-amz-date";
        let request = format!(
            "{method}\n{path}\n{}\nhost:{host}\nx-amz-content-sha256:{content}\nx-amz-date:{time}\n\n{fields}\n{content}",
            canonical_query(query)
        );
        let scope = format!("{date}/{}/s3/aws4_request", self.region);
        let text = format!(
            "AWS4-HMAC-SHA256\n{time}\n{scope}\n{}",
            Digest::of(request.as_bytes()).hex()
        );
        let mut key = format!("AWS4{}", self.secret_key).into_bytes();
        for word in [date.as_str(), self.region, "s3", "aws4_request"] {
            key = authentication_code(&key, word.as_bytes()).hash().to_vec();
        }
        let signature = authentication_code(&key, text.as_bytes()).hex();
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={fields}, Signature={signature}",
            self.access_key
        );
        vec![
            ("X-Amz-Content-Sha256", content),
            ("X-Amz-Date", time),
            ("Authorization", authorization),
        ]
    }
}

/// Parameters in order, each with an equals sign.
fn canonical_query(query: &str) -> String {
    let mut parameters: Vec<String> = query
        .split('&')
        .filter(|parameter| !parameter.is_empty())
        .map(|parameter| {
            let equals = if parameter.contains('=') { "" } else { "=" };
            format!("{parameter}{equals}")
        })
        .collect();
    parameters.sort_unstable();
    parameters.join("&")
}

/// HMAC-SHA-256 (RFC 2104).
fn authentication_code(key: &[u8], message: &[u8]) -> Digest {
    let mut block = [0; BLOCK_BYTES];
    if key.len() > BLOCK_BYTES {
        let digest = Digest::of(key);
        block[..digest.hash().len()].copy_from_slice(digest.hash());
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = Digest::of(&[&block.map(|byte| byte ^ 0x36), message].concat());
    Digest::of(&[&block.map(|byte| byte ^ 0x5c), inner.hash()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test cases 2 and 6.
    #[test]
    fn authentication_codes_are_as_published() {
        assert_eq!(
            authentication_code(b"Jefe", b"what do ya want for nothing?").hex(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            authentication_code(
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First"
            )
            .hex(),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn parameters_are_in_order_and_have_an_equals_sign() {
        assert_eq!(
            canonical_query("uploads&prefix=a%2Fb&"),
            "prefix=a%2Fb&uploads="
        );
    }
}
