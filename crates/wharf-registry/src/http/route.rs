//! One route: a method and a pattern, what its caller must be allowed, and who handles it.

use std::fmt;
use std::pin::Pin;

use http::Method;

use super::admission::{Admission, Requirement};
use super::answer::Outcome;
use super::call::Call;
use super::path::Pattern;

type Handling = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// One row of the table of routes.
pub(crate) struct Route {
    /// The method.
    pub(super) method: Method,
    /// The path.
    pub(super) pattern: Pattern,
    /// The name of the operation, unique in the table.
    pub(super) operation: &'static str,
    /// What its caller must be allowed. It comes from the handler's own signature.
    pub(super) requirement: Requirement,
    handler: Box<dyn Fn(Call) -> Handling + Send + Sync>,
}

/// A row of the table as data, for tests and descriptions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteDescription {
    /// The method.
    pub method: String,
    /// The path, with `{name}` for a component and `{name*}` for several.
    pub path: &'static str,
    /// The name of the operation, unique in the table.
    pub operation: &'static str,
    /// What its caller must be allowed.
    pub requirement: Requirement,
}

impl Route {
    /// A route whose handler says with its second parameter what its caller must be allowed.
    pub(super) fn new<A, H, F>(
        method: Method,
        pattern: &'static str,
        operation: &'static str,
        handler: H,
    ) -> Self
    where
        A: Admission,
        H: Fn(Call, A) -> F + Copy + Send + Sync + 'static,
        F: Future<Output = Outcome> + Send + 'static,
    {
        Self {
            method,
            pattern: Pattern::new(pattern),
            operation,
            requirement: A::REQUIREMENT,
            handler: Box::new(move |call| {
                Box::pin(async move {
                    let admission = A::admit(&call).await?;
                    handler(call, admission).await
                })
            }),
        }
    }

    /// Admits the caller and handles the request.
    pub(super) async fn handle(&self, call: Call) -> Outcome {
        (self.handler)(call).await
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.pattern.text())
    }
}
