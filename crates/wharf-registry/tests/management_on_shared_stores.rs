//! The tests of `management/` once more, on PostgreSQL and S3: all but the matrix of every route and role, whose
//! thousands of requests take a minute there, and which is of rules that no store knows.

#[path = "management/accounts.rs"]
mod accounts;
#[path = "management/artifacts.rs"]
mod artifacts;
#[path = "management/projects.rs"]
mod projects;
#[path = "management/robots.rs"]
mod robots;
#[path = "management/server.rs"]
mod server;
#[path = "management/sessions.rs"]
mod sessions;
#[path = "stores/shared.rs"]
mod store;
#[path = "management/world.rs"]
mod world;
