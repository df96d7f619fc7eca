//! Harbor's management API, `/api/v2.0`: paths, fields, status codes and headers of its public description (version 2.15).

mod projects;
mod system_info;
mod times;

pub(super) use projects::{create_project, get_project};
pub(super) use system_info::get_volumes;
