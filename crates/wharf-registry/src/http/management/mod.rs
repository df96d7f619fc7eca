//! Harbor's management API, `/api/v2.0`: paths, fields, status codes and headers of its public description (version 2.15).

mod artifact_view;
mod artifacts;
mod configurations;
mod garbage;
mod logs;
mod members;
mod metadata;
mod paging;
mod permissions;
mod projects;
mod repositories;
mod robots;
mod routes;
mod search;
mod session;
mod system_info;
mod times;
mod trash;
mod users;

pub(super) use paging::list_request;
pub(super) use routes::table;
