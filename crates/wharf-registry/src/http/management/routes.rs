//! The routes of the management API, as a part of the one table.

use http::Method;

use super::{
    artifacts as a, configurations, garbage, logs, members as m, metadata, permissions,
    projects as p, repositories as r, robots as bot, search, session, system_info as system, trash,
    users as u,
};
use crate::http::route::Route;
use crate::http::{health, openapi};

/// Rows of the table: method, path below `/api/v2.0`, name of the operation, handler.
macro_rules! routes {
    ($($method:ident $path:literal $operation:ident = $handler:path;)*) => {
        vec![$(Route::new(
            Method::$method,
            concat!("/api/v2.0", $path),
            stringify!($operation),
            $handler,
        )),*]
    };
}

/// All routes of the management API.
pub(in crate::http) fn table() -> Vec<Route> {
    let mut routes = elsewhere();
    routes.extend(system_wide());
    routes.extend(accounts());
    routes.extend(in_projects());
    routes.extend(in_repositories());
    routes
}

/// What Harbor has at other paths.
fn elsewhere() -> Vec<Route> {
    vec![
        Route::new(Method::POST, "/c/login", "signIn", session::sign_in),
        Route::new(Method::GET, "/c/log_out", "signOut", session::sign_out),
        Route::new(Method::GET, "/v1/_ping", "pingV1", search::ping_v1),
        Route::new(Method::GET, "/v1/search", "searchV1", search::search_v1),
    ]
}

fn system_wide() -> Vec<Route> {
    routes! {
        GET "/openapi.json" getOpenapi = openapi::get_openapi;
        GET "/ping" ping = health::ping;
        GET "/health" getHealth = health::report_health;
        GET "/systeminfo" getSystemInfo = system::get_system_info;
        GET "/systeminfo/volumes" getVolumes = system::get_volumes;
        GET "/statistics" getStatistics = system::get_statistics;
        GET "/system/gc" listGarbageRuns = garbage::list_runs;
        GET "/system/gc/schedule" getGarbageSchedule = garbage::get_schedule;
        POST "/system/gc/schedule" startGarbageRun = garbage::start_run;
        PUT "/system/gc/schedule" setGarbageSchedule = garbage::start_run;
        GET "/system/gc/{run}" getGarbageRun = garbage::get_run;
        GET "/system/gc/{run}/log" getGarbageRunLog = garbage::get_run_log;
        GET "/search" search = search::search;
        GET "/configurations" getConfigurations = configurations::get_configurations;
        PUT "/configurations" updateConfigurations = configurations::update_configurations;
        GET "/permissions" listPermissions = permissions::list_permissions;
        GET "/audit-logs" listAuditLogs = logs::list_audit_log;
        GET "/auditlog-exts" listAuditLogExts = logs::list_audit_log;
        GET "/auditlog-exts/events" listAuditLogEventTypes = logs::list_event_types;
    }
}

fn accounts() -> Vec<Route> {
    routes! {
        GET "/users" listUsers = u::list_users;
        POST "/users" createUser = u::create_user;
        GET "/users/search" searchUsers = u::search_users;
        GET "/users/current" getCurrentUser = u::get_current_user;
        GET "/users/current/permissions" listOwnPermissions = permissions::list_own_permissions;
        GET "/users/{user}" getUser = u::get_user;
        PUT "/users/{user}" updateUser = u::update_user;
        DELETE "/users/{user}" deleteUser = u::delete_user;
        PUT "/users/{user}/password" setPassword = u::set_password;
        PUT "/users/{user}/sysadmin" setSysadmin = u::set_sysadmin;
        GET "/robots" listRobots = bot::list_robots;
        POST "/robots" createRobot = bot::create_robot;
        GET "/robots/{robot}" getRobot = bot::get_robot;
        PUT "/robots/{robot}" updateRobot = bot::update_robot;
        PATCH "/robots/{robot}" refreshSecret = bot::refresh_secret;
        DELETE "/robots/{robot}" deleteRobot = bot::delete_robot;
    }
}

fn in_projects() -> Vec<Route> {
    routes! {
        GET "/projects" listProjects = p::list_projects;
        HEAD "/projects" headProject = p::head_project;
        POST "/projects" createProject = p::create_project;
        GET "/projects/{project}" getProject = p::get_project;
        PUT "/projects/{project}" updateProject = p::update_project;
        DELETE "/projects/{project}" deleteProject = p::delete_project;
        GET "/projects/{project}/summary" summariseProject = p::summarise_project;
        GET "/projects/{project}/_deletable" isProjectDeletable = p::is_project_deletable;
        GET "/projects/{project}/logs" listProjectLogs = logs::list_project_log;
        GET "/projects/{project}/auditlog-exts" listProjectLogExts = logs::list_project_log;

        GET "/projects/{project}/trash" listTrash = trash::list_trash;
        POST "/projects/{project}/trash/{entry}/restore" restoreFromTrash = trash::restore_from_trash;

        GET "/projects/{project}/metadatas/" listMetadata = metadata::list_metadata;
        GET "/projects/{project}/metadatas" listMetadataBare = metadata::list_metadata;
        POST "/projects/{project}/metadatas/" createMetadata = metadata::create_metadata;
        POST "/projects/{project}/metadatas" createMetadataBare = metadata::create_metadata;
        GET "/projects/{project}/metadatas/{meta}" getMetadata = metadata::get_metadata;
        PUT "/projects/{project}/metadatas/{meta}" updateMetadata = metadata::update_metadata;
        DELETE "/projects/{project}/metadatas/{meta}" deleteMetadata = metadata::delete_metadata;

        GET "/projects/{project}/members" listMembers = m::list_members;
        POST "/projects/{project}/members" createMember = m::create_member;
        GET "/projects/{project}/members/{member}" getMember = m::get_member;
        PUT "/projects/{project}/members/{member}" updateMember = m::update_member;
        DELETE "/projects/{project}/members/{member}" deleteMember = m::delete_member;

        GET "/projects/{project}/robots" listProjectRobots = bot::list_project_robots;
        POST "/projects/{project}/robots" createProjectRobot = bot::create_project_robot;
        GET "/projects/{project}/robots/{robot}" getProjectRobot = bot::get_project_robot;
        PUT "/projects/{project}/robots/{robot}" updateProjectRobot = bot::update_project_robot;
        DELETE "/projects/{project}/robots/{robot}" deleteProjectRobot = bot::delete_project_robot;
    }
}

fn in_repositories() -> Vec<Route> {
    routes! {
        GET "/repositories" browseRepositories = r::browse_repositories;
        GET "/projects/{project}/repositories" listRepositories = r::list_repositories;
        GET "/projects/{project}/repositories/{repository}" getRepository = r::get_repository;
        PUT "/projects/{project}/repositories/{repository}" updateRepository = r::update_repository;
        DELETE "/projects/{project}/repositories/{repository}" deleteRepository = r::delete_repository;

        GET "/projects/{project}/artifacts" listArtifactsOfProject = a::list_artifacts_of_project;
        GET "/projects/{project}/repositories/{repository}/artifacts" listArtifacts = a::list_artifacts;
        POST "/projects/{project}/repositories/{repository}/artifacts" copyArtifact = a::copy_artifact;
        GET "/projects/{project}/repositories/{repository}/artifacts/{reference}" getArtifact = a::get_artifact;
        DELETE "/projects/{project}/repositories/{repository}/artifacts/{reference}" deleteArtifact = a::delete_artifact;
        GET "/projects/{project}/repositories/{repository}/artifacts/{reference}/tags" listArtifactTags = a::list_tags;
        POST "/projects/{project}/repositories/{repository}/artifacts/{reference}/tags" createTag = a::create_tag;
        DELETE "/projects/{project}/repositories/{repository}/artifacts/{reference}/tags/{tag}" deleteTag = a::delete_tag;
        GET "/projects/{project}/repositories/{repository}/artifacts/{reference}/accessories" listAccessories = a::list_accessories;
        GET "/projects/{project}/repositories/{repository}/artifacts/{reference}/additions/{addition}" getAddition = a::get_addition;
    }
}
