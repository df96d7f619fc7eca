//! The description of what is served, for programs: an `OpenAPI` document that a test holds against the table of routes.

use super::admission::Everybody;
use super::answer::{Answer, Outcome};
use super::body::Body;
use super::call::Call;

use http::StatusCode;
use http::header::CONTENT_TYPE;

const DOCUMENT: &str = include_str!("openapi.json");

/// `GET /api/v2.0/openapi.json`.
pub(super) async fn get_openapi(_call: Call, _caller: Everybody) -> Outcome {
    Ok(Answer::new(StatusCode::OK)
        .static_header(CONTENT_TYPE, "application/json")
        .body(Body::whole(DOCUMENT)))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde_json::Value;

    use super::*;
    use crate::http::routes::described;

    /// Paths that the document is about. Others are for machines that look after this one, or for people.
    const DESCRIBED: &[&str] = &["/api/v2.0/", "/c/", "/service/", "/v2/"];

    fn document() -> Value {
        serde_json::from_str(DOCUMENT).unwrap()
    }

    /// Operations by (path, method), with what they are described with.
    fn operations(document: &Value) -> BTreeMap<(String, String), &Value> {
        let paths = document["paths"].as_object().unwrap();
        let operations = paths.iter().flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().iter();
            methods
                .map(move |(method, operation)| ((path.clone(), method.to_uppercase()), operation))
        });
        operations.collect()
    }

    #[test]
    fn what_is_served_is_described_and_nothing_else() {
        let document = document();
        let described_operations = operations(&document);
        let routes = described();
        let served: BTreeSet<(String, String)> = routes
            .iter()
            .filter(|route| {
                DESCRIBED
                    .iter()
                    .any(|prefix| route.path.starts_with(prefix))
            })
            .map(|route| (route.path.replace("*}", "}"), route.method.clone()))
            .collect();
        let known: BTreeSet<_> = described_operations.keys().cloned().collect();
        let missing: Vec<_> = served.difference(&known).collect();
        let surplus: Vec<_> = known.difference(&served).collect();
        assert!(missing.is_empty(), "not in openapi.json: {missing:#?}");
        assert!(surplus.is_empty(), "in openapi.json only: {surplus:#?}");
        for route in routes {
            let key = (route.path.replace("*}", "}"), route.method.clone());
            if let Some(operation) = described_operations.get(&key) {
                assert_eq!(operation["operationId"], route.operation, "{key:?}");
            }
        }
    }

    #[test]
    fn each_operation_tells_its_parameters_and_answers() {
        let document = document();
        for ((path, method), operation) in operations(&document) {
            let empty = Vec::new();
            let parameters = operation["parameters"].as_array().unwrap_or(&empty);
            let in_path: BTreeSet<&str> = parameters
                .iter()
                .filter(|parameter| parameter["in"] == "path")
                .filter_map(|parameter| parameter["name"].as_str())
                .collect();
            let named: BTreeSet<&str> = path
                .split('/')
                .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
                .collect();
            assert_eq!(in_path, named, "{method} {path}");
            let answers = operation["responses"].as_object().unwrap();
            assert!(
                answers.keys().any(|status| status.starts_with('2')),
                "{method} {path}"
            );
        }
    }

    #[test]
    fn what_is_referred_to_is_there() {
        let document = document();
        let mut references = DOCUMENT.split("\"$ref\": \"#").skip(1);
        assert!(references.all(|rest| {
            let pointer = rest.split('"').next().unwrap_or_default();
            document.pointer(pointer).is_some()
        }));
    }
}
