//! HTTP: the one table of routes, and what stands around it. The only folder of this crate that knows HTTP types.

mod admission;
mod allowance;
mod answer;
mod body;
mod call;
mod challenge;
mod connections;
mod counted;
mod credentials;
mod distribution;
mod error;
mod figures;
mod forwarded;
#[doc(hidden)]
pub mod fuzzing;
mod health;
mod management;
mod openapi;
mod path;
mod patient_stream;
mod portal;
mod query;
mod route;
mod routes;
mod sendfile;
mod server;
mod span;
mod token_service;

pub use admission::{ObjectKind, Requirement};
pub use route::RouteDescription;
pub use routes::described as routes;
pub use server::{Server, ServerSettings};
pub use span::FollowTrace;
