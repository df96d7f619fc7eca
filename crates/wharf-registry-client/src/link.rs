//! Lists that come in pages: the `Link` header (RFC 8288) as registries use it.

use std::collections::HashSet;

use http::header::LINK;
use http::{HeaderMap, Method};
use serde::de::DeserializeOwned;
use url::Url;

use crate::endpoint::Target;
use crate::error::RequestError;
use crate::exchange::Outgoing;
use crate::http::proxy::without_password;
use crate::repository::RepositoryClient;

/// Most pages of one list.
const PAGE_LIMIT: usize = 1000;
/// Longest page.
const PAGE_LIMIT_BYTES: usize = 4 * 1024 * 1024;

impl RepositoryClient {
    /// Fetches all pages of the list that begins at `first`, and gives each page, with its headers,
    /// to `take`; `false` from there is enough.
    pub(crate) async fn pages<T: DeserializeOwned>(
        &self,
        outgoing: &Outgoing,
        first: Target,
        mut take: impl FnMut(T, &HeaderMap) -> bool,
    ) -> Result<(), RequestError> {
        let mut target = first;
        let mut seen = HashSet::new();
        for _page in 0..PAGE_LIMIT {
            let answer = self.read(outgoing, &target).await?;
            let url = answer.url;
            let (parts, body) = answer.response.into_parts();
            let shown = without_password(&url);
            let content = body.collect(PAGE_LIMIT_BYTES).await;
            let content = content.map_err(|source| RequestError::Interrupted {
                method: Method::GET,
                url: shown.clone(),
                source: Box::new(source),
            })?;
            let protocol = |reason: String| RequestError::Protocol {
                method: Method::GET,
                url: shown.clone(),
                reason,
            };
            let page = serde_json::from_slice(&content);
            let page =
                page.map_err(|error| protocol(format!("not the list asked for: {error}")))?;
            let wants_more = take(page, &parts.headers);
            let next = next_page(&url, &parts.headers).filter(|_| wants_more);
            let Some(next) = next else {
                return Ok(());
            };
            if !seen.insert(next.clone()) {
                return Err(protocol("the pages of the list go in a circle".to_owned()));
            }
            target = Target::Path(next);
        }
        Err(RequestError::Protocol {
            method: Method::GET,
            url: self.name.to_string(),
            reason: format!("the list has more than {PAGE_LIMIT} pages"),
        })
    }
}

// Path and query of the next page. Only those count: the registry is the same, whatever it believes its
// own host to be.
fn next_page(url: &Url, headers: &HeaderMap) -> Option<String> {
    let links = headers.get_all(LINK).into_iter();
    let links = links.filter_map(|value| value.to_str().ok());
    let target = links
        .flat_map(|links| links.split(", <"))
        .find_map(next_link)?;
    let next = url.join(&target).ok()?;
    match next.query() {
        Some(query) => Some(format!("{}?{query}", next.path())),
        None => Some(next.path().to_owned()),
    }
}

// `</v2/a/tags/list?last=x>; rel="next"`, the first bracket perhaps gone.
fn next_link(link: &str) -> Option<String> {
    let (target, parameters) = link.trim().trim_start_matches('<').split_once('>')?;
    let is_next = parameters.split(';').any(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or_default();
        let value = value.trim().trim_matches('"');
        name.trim().eq_ignore_ascii_case("rel") && value.eq_ignore_ascii_case("next")
    });
    is_next.then(|| target.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page() {
        let url = Url::parse("https://r.example/v2/a/tags/list?n=2").unwrap();
        for (link, expected) in [
            (
                r#"</v2/a/tags/list?last=b&n=2>; rel="next""#,
                Some("/v2/a/tags/list?last=b&n=2"),
            ),
            (
                "<https://x/v2/a/tags/list?last=b>; rel=next",
                Some("/v2/a/tags/list?last=b"),
            ),
            (
                "<list?last=b>; type=x; Rel = NEXT",
                Some("/v2/a/tags/list?last=b"),
            ),
            (r#"</p>; rel="prev", </n>; rel="next""#, Some("/n")),
            (r#"</p>; rel="prev""#, None),
            ("nonsense", None),
            ("<>; rel=next", Some("/v2/a/tags/list?n=2")),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(LINK, link.parse().unwrap());
            assert_eq!(next_page(&url, &headers).as_deref(), expected, "{link}");
        }
    }
}
