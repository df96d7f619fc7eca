//! Every route of the table, asked by everybody, about an object of his, about one of somebody else and about none.
//!
//! What to expect follows from what the route asks for in its handler's signature and from the tables in `access`. So a new
//! route is tested by being in the table.

use serde_json::json;
use wharf_registry::access::{
    Access, Action, Effect, Grant, GrantScope, Object, Permission, Principal, ProjectFacts,
    ProjectRole, Resource, Robot,
};
use wharf_registry::http::{ObjectKind, Requirement, RouteDescription, routes};
use wharf_registry::repositories::RepositoryName;

use crate::server::{Client, PASSWORD, Reply, TestServer};
use crate::world::push_image;

/// What robots are given here.
const GRANTED: &[&str] = &[
    "repository:pull",
    "repository:push",
    "repository:list",
    "artifact:list",
    "artifact:read",
    "tag:list",
];
/// Numbers and names that nothing has.
const NO_NUMBER: i64 = 999_999;

/// Users, and what they are in the project `team`.
const ROLES: [(&str, Option<ProjectRole>); 6] = [
    ("stranger", None),
    ("limited", Some(ProjectRole::LimitedGuest)),
    ("visitor", Some(ProjectRole::Guest)),
    ("developer", Some(ProjectRole::Developer)),
    ("maintainer", Some(ProjectRole::Maintainer)),
    ("leader", Some(ProjectRole::ProjectAdmin)),
];

/// Whose object a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Own,
    Foreign,
    Absent,
}

/// Somebody who asks.
struct Caller {
    name: &'static str,
    client: Client,
    /// What `access` is told of him, and what he is in the project `team`.
    principal: Principal,
    role: Option<ProjectRole>,
}

/// A private project with everything that paths name.
struct Place {
    project: &'static str,
    id: i64,
    member: i64,
    robot: i64,
    digest: String,
}

struct World {
    server: TestServer,
    team: Place,
    foreign: Place,
    victim: i64,
    callers: Vec<Caller>,
}

#[test]
fn everybody_may_do_what_the_tables_say_and_nothing_else() {
    let mut world = World::make();
    let mut failures = Vec::new();
    for route in routes() {
        for caller in 0..world.callers.len() {
            let mut answers = Vec::new();
            for whose in [Whose::Own, Whose::Foreign, Whose::Absent] {
                let (answer, expected) = world.ask(&route, caller, whose);
                let who = world.callers[caller].name;
                if let Err(why) = expected.fits(&route, &answer) {
                    let told = answer.message();
                    failures.push(format!(
                        "{} {} by {who}, {whose:?}: {} {told:?}, but {why}",
                        route.method, route.path, answer.status
                    ));
                }
                answers.push((expected, answer));
                if route.method == "DELETE" {
                    world.repair();
                }
            }
            // What somebody must not know of is told like what is not there.
            let [_, (expected, foreign), (_, absent)] = &answers[..] else {
                unreachable!("three answers");
            };
            let told = |answer: &Reply| {
                let message = answer.message().replace("foreign", "absent");
                message.replace(|c: char| c.is_ascii_digit(), "")
            };
            if *expected == Expected::Hidden && told(foreign) != told(absent) {
                let who = world.callers[caller].name;
                failures.push(format!(
                    "{} {} by {who} tells foreign from absent: {:?} and {:?}",
                    route.method,
                    route.path,
                    told(foreign),
                    told(absent)
                ));
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{}\n{}",
        failures.len(),
        failures.join("\n")
    );
}

/// How a request is to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// The handler is reached, and its object is there.
    Admitted,
    /// The handler may be reached, but there is nothing.
    Nothing,
    /// 401.
    SignIn,
    /// 403.
    Denied,
    /// 404, as if it were not there.
    Hidden,
    /// Only the handler knows.
    Anything,
}

impl Expected {
    fn fits(self, route: &RouteDescription, answer: &Reply) -> Result<(), &'static str> {
        let is_read = matches!(route.method.as_str(), "GET" | "HEAD");
        let status = answer.status;
        let is_right = match self {
            Self::Admitted if is_read => {
                !matches!(status, 401 | 403 | 404 | 405) || IS_ABSENT.contains(&route.operation)
            }
            Self::Admitted => !matches!(status, 401 | 403),
            Self::Nothing => !matches!(status, 200..=299 | 401 | 403),
            Self::SignIn => status == 401,
            Self::Denied => status == 403,
            Self::Hidden => status == 404,
            Self::Anything => status < 500,
        };
        if is_right && status < 500 {
            return Ok(());
        }
        Err(match self {
            Self::Admitted => "he may",
            Self::Nothing => "there is none",
            Self::SignIn => "he has to sign in",
            Self::Denied => "he may not",
            Self::Hidden => "he must not know of it",
            Self::Anything => "the registry failed",
        })
    }
}

/// Reads of what is not made here: an upload, a round of the garbage collection.
const IS_ABSENT: &[&str] = &["uploadProgress", "getGarbageRun", "getGarbageRunLog"];

impl Place {
    fn make(server: &TestServer, project: &'static str) -> Self {
        Self {
            project,
            id: server.make_project(project, false),
            digest: push_image(&server.admin(), &format!("{project}/app"), "v1", "me"),
            member: server.make_member(project, "extra", 3),
            robot: make_robot(server, project, "victim").0,
        }
    }
}

impl World {
    fn make() -> Self {
        let server = TestServer::start();
        let users = ROLES.map(|(name, _)| server.make_user(name));
        server.make_user("extra");
        let victim = server.make_user("victim");
        let (team, foreign) = (
            Place::make(&server, "team"),
            Place::make(&server, "foreign"),
        );
        let mut callers = vec![
            Caller {
                name: "anonymous",
                client: server.anonymous(),
                principal: Principal::Anonymous,
                role: None,
            },
            Caller {
                name: "administrator",
                client: server.admin(),
                principal: user(1, "admin", true),
                role: None,
            },
        ];
        for ((name, role), id) in ROLES.into_iter().zip(users) {
            if let Some(role) = role {
                server.make_member("team", name, role.id());
            }
            callers.push(Caller {
                name,
                client: server.client(name, PASSWORD),
                principal: user(id, name, false),
                role,
            });
        }
        callers.push(robot_of(&server, "robot", &team));
        callers.push(robot_of(&server, "robot of a foreign project", &foreign));
        callers.push(robot_of_system(&server));
        Self {
            server,
            team,
            foreign,
            victim,
            callers,
        }
    }

    /// Makes anew what a deletion took away.
    fn repair(&mut self) {
        let admin = self.server.admin();
        for place in [&mut self.team, &mut self.foreign] {
            let path = format!("/projects/{}", place.project);
            let artifact = format!("{path}/repositories/app/artifacts/v1");
            if admin.get(&artifact).status != 200 {
                push_image(&admin, &format!("{}/app", place.project), "v1", "me");
            }
            if admin
                .get(&format!("{path}/members/{}", place.member))
                .status
                != 200
            {
                place.member = self.server.make_member(place.project, "extra", 3);
            }
            if admin.get(&format!("/robots/{}", place.robot)).status != 200 {
                place.robot = make_robot(&self.server, place.project, "victim").0;
            }
        }
        if admin.get(&format!("/users/{}", self.victim)).status != 200 {
            self.victim = self.server.make_user("victim");
        }
    }

    /// Sends the request, and says what to expect of it.
    fn ask(&self, route: &RouteDescription, caller: usize, whose: Whose) -> (Reply, Expected) {
        let caller = &self.callers[caller];
        let path = self.path(route, caller, whose);
        let answer = caller.client.send(&route.method, &path, b"");
        (answer, self.expected(route, caller, whose))
    }

    fn path(&self, route: &RouteDescription, caller: &Caller, whose: Whose) -> String {
        let place = match whose {
            Whose::Own => &self.team,
            Whose::Foreign | Whose::Absent => &self.foreign,
        };
        let is_absent = whose == Whose::Absent;
        let number = |number: i64| if is_absent { NO_NUMBER } else { number }.to_string();
        let project = if is_absent { "absent" } else { place.project };
        let part = |name: &str| match name {
            "name*" => format!("{project}/app"),
            "project" => project.to_owned(),
            "repository" => "app".to_owned(),
            "reference" | "tag" => "v1".to_owned(),
            "digest" if route.path.contains("blobs") => wharf_oci::Digest::of(b"layer").to_string(),
            "digest" => place.digest.clone(),
            "upload" => "00000000-0000-4000-8000-000000000000".to_owned(),
            "meta" => "public".to_owned(),
            "addition" => "build_history".to_owned(),
            "member" => number(place.member),
            "robot" => number(place.robot),
            "user" => match (whose, &caller.principal) {
                (Whose::Own, Principal::User { id, .. }) => id.to_string(),
                _ => number(self.victim),
            },
            // Numbers of things that this test makes none of.
            _ => NO_NUMBER.to_string(),
        };
        let components = route.path.split('/').map(|component| {
            let name = component
                .strip_prefix('{')
                .and_then(|name| name.strip_suffix('}'));
            name.map_or_else(|| component.to_owned(), part)
        });
        let path = components.collect::<Vec<_>>().join("/");
        let query = match route.operation {
            "headProject" => "?project_name=library",
            "searchUsers" => "?username=a",
            _ => "",
        };
        format!("{path}{query}")
    }

    fn expected(&self, route: &RouteDescription, caller: &Caller, whose: Whose) -> Expected {
        let is_anonymous = caller.principal == Principal::Anonymous;
        let refused = |expected| {
            if is_anonymous {
                Expected::SignIn
            } else {
                expected
            }
        };
        let requirement = match route.operation {
            // A setting says who may read figures; nobody set it here.
            "readMetrics" => Requirement::On {
                object: ObjectKind::System,
                permission: Permission::new(Resource::SystemVolumes, Action::Read),
            },
            _ => route.requirement,
        };
        match requirement {
            Requirement::Optional => Expected::Admitted,
            Requirement::SignedIn if is_anonymous => Expected::SignIn,
            Requirement::Open | Requirement::SignedIn => Expected::Anything,
            Requirement::Administrator if caller.principal.is_sysadmin() => Expected::Anything,
            Requirement::Administrator => refused(Expected::Denied),
            Requirement::On { object, permission } => {
                self.expected_on(object, permission, route, caller, whose, refused)
            }
        }
    }

    fn expected_on(
        &self,
        object: ObjectKind,
        permission: Permission,
        route: &RouteDescription,
        caller: &Caller,
        whose: Whose,
        refused: impl Fn(Expected) -> Expected,
    ) -> Expected {
        let may_in_system = caller.principal.may(&Object::System, permission);
        let is_user = matches!(caller.principal, Principal::User { .. });
        match object {
            // Nobody deletes himself.
            ObjectKind::User
                if whose == Whose::Own && is_user && route.operation == "deleteUser" =>
            {
                Expected::Denied
            }
            ObjectKind::User if whose == Whose::Own && is_user => Expected::Admitted,
            ObjectKind::User if may_in_system && whose == Whose::Absent => Expected::Nothing,
            ObjectKind::System | ObjectKind::User if may_in_system => Expected::Admitted,
            ObjectKind::System | ObjectKind::User => refused(Expected::Denied),
            ObjectKind::Project | ObjectKind::Repository | ObjectKind::Robot => {
                if whose == Whose::Absent {
                    return refused(Expected::Hidden);
                }
                let (own, place) = match whose {
                    Whose::Own => (caller.role, &self.team),
                    _ => (None, &self.foreign),
                };
                let facts = ProjectFacts {
                    id: place.id,
                    is_public: false,
                    role: own,
                };
                let name =
                    RepositoryName::parse(&format!("{}/app", place.project)).expect("it is there");
                let object = match object {
                    ObjectKind::Repository => Object::Repository(facts, &name),
                    _ => Object::Project(facts),
                };
                if caller.principal.may(&object, permission) {
                    Expected::Admitted
                } else if caller.principal.may(&object, Permission::PULL) {
                    refused(Expected::Denied)
                } else {
                    refused(Expected::Hidden)
                }
            }
        }
    }
}

fn user(id: i64, name: &str, is_sysadmin: bool) -> Principal {
    Principal::User {
        id,
        name: name.to_owned(),
        is_sysadmin,
    }
}

fn robot(
    id: i64,
    name: &str,
    project: Option<i64>,
    scope: GrantScope,
    granted: &[&str],
) -> Principal {
    let access = granted.iter().map(|text| {
        let (resource, action) = text.split_once(':').expect("resource:action");
        Access {
            permission: Permission::new(
                resource.parse().expect("it is there"),
                action.parse().expect("it is there"),
            ),
            effect: Effect::Allow,
        }
    });
    Principal::Robot(Robot {
        id,
        name: name.to_owned(),
        project,
        grants: vec![Grant {
            scope,
            access: access.collect(),
        }],
    })
}

fn access(granted: &[&str]) -> Vec<serde_json::Value> {
    let access = granted.iter().map(|text| {
        let (resource, action) = text.split_once(':').expect("resource:action");
        json!({ "resource": resource, "action": action })
    });
    access.collect()
}

fn make_robot(server: &TestServer, project: &str, name: &str) -> (i64, String, String) {
    let place = json!({ "kind": "project", "namespace": project, "access": access(GRANTED) });
    made(&server.admin().post(
        "/robots",
        &json!({ "name": name, "level": "project", "duration": -1, "permissions": [place] }),
    ))
}

fn robot_of(server: &TestServer, who: &'static str, place: &Place) -> Caller {
    let (id, name, secret) = make_robot(server, place.project, "caller");
    let scope = GrantScope::Project(place.id);
    Caller {
        name: who,
        client: server.client(&name, &secret),
        principal: robot(id, &name, Some(place.id), scope, GRANTED),
        role: None,
    }
}

fn robot_of_system(server: &TestServer) -> Caller {
    const GRANTED: &[&str] = &["catalog:read", "user:list"];
    let place = json!({ "kind": "system", "namespace": "/", "access": access(GRANTED) });
    let (id, name, secret) = made(&server.admin().post(
        "/robots",
        &json!({ "name": "everywhere", "level": "system", "duration": -1, "permissions": [place] }),
    ));
    Caller {
        name: "robot of the system",
        client: server.client(&name, &secret),
        principal: robot(id, &name, None, GrantScope::System, GRANTED),
        role: None,
    }
}

fn made(reply: &Reply) -> (i64, String, String) {
    assert_eq!(reply.status, 201, "{reply:?}");
    let text = |field: &str| reply.json[field].as_str().expect("it is there").to_owned();
    (
        reply.json["id"].as_i64().expect("it is there"),
        text("name"),
        text("secret"),
    )
}
