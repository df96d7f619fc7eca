//! Tokens that do not count, and rights that end in the middle.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use wharf_registry::db::robots::RobotRecord;
use wharf_registry::db::users::NewUser;
use wharf_registry::db::{self, Durability, Sql, SqlError};

use crate::server::{PASSWORD, TestClock, TestServer, Wishes, administrator, basic, digest};

const DEVELOPER: i64 = 2;

/// A token for `scope`.
fn token(server: &TestServer, credentials: &str, scope: &str) -> String {
    let path = format!("/service/token?service=wharf-registry&scope={scope}");
    let issued = server
        .ask_as_nobody("GET", &path, &[credentials], b"")
        .expect(200);
    issued.json()["token"].as_str().unwrap().to_owned()
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

fn change(server: &TestServer, change: fn(&mut dyn Sql) -> Result<(), SqlError>) {
    server
        .run(server.db.write(Durability::Full, change))
        .unwrap();
}

/// A private project `team`, and in it the developer `ann` with the administrator's password.
fn team(server: &TestServer) {
    server
        .ask(
            "POST",
            "/api/v2.0/projects",
            &["Content-Type: application/json"],
            br#"{"project_name":"team"}"#,
        )
        .expect(201);
    change(server, |sql| {
        let password = db::users::find_by_name(sql, "admin")?.unwrap().password;
        let ann = NewUser {
            name: "ann".to_owned(),
            email: None,
            real_name: String::new(),
            comment: String::new(),
            password,
            is_sysadmin: false,
        };
        let ann = db::users::insert(sql, &ann, 1)?;
        let team = db::projects::find(sql, "team")?.unwrap().id;
        db::members::insert(sql, team, ann, DEVELOPER, 1)?;
        Ok(())
    });
}

/// Docker's daemon shows an empty name and password over TLS where nobody is logged in.
#[test]
fn who_searches_with_empty_credentials_is_nobody() {
    let server = TestServer::start();
    let index = r#"{"schemaVersion":2,"manifests":[]}"#;
    server.push_manifest("library/open", "1", index).expect(201);
    let nobody = basic("", "");
    let search =
        |credentials: &str| server.ask_as_nobody("GET", "/v1/search?q=open", &[credentials], b"");
    let found = search(&nobody).expect(200).json();
    assert_eq!(found["results"][0]["name"], "library/open");
    search(&basic("", "x")).refuses(401, "UNAUTHORIZED");
    search(&basic("x", "")).refuses(401, "UNAUTHORIZED");
    let elsewhere = server.ask_as_nobody("GET", "/v2/", &[&nobody], b"");
    elsewhere.refuses(401, "UNAUTHORIZED");
}

#[test]
fn only_what_this_registry_signed_counts() {
    let clock = TestClock::default();
    let server = TestServer::with(Wishes {
        clock: clock.clone(),
        ..Wishes::default()
    });
    let foreign = TestServer::start();
    let scope = "repository:library/r:pull,push";
    let good = token(&server, &administrator(), scope);
    let path = "/v2/library/r/tags/list";
    let ask = |token: &str| server.ask_as_nobody("GET", path, &[&bearer(token)], b"");
    ask(&good).refuses(404, "NAME_UNKNOWN");

    let [head, claims, signature] = good.split('.').collect::<Vec<_>>()[..] else {
        panic!("a token has three parts");
    };
    let encode = |json: &str| URL_SAFE_NO_PAD.encode(json);
    let claims_text = String::from_utf8(URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    let more_rights = encode(&claims_text.replace("library/r", "library/s"));
    let none = encode(r#"{"typ":"JWT","alg":"none"}"#);
    let head_text = String::from_utf8(URL_SAFE_NO_PAD.decode(head).unwrap()).unwrap();
    let symmetric = encode(&head_text.replace("ES256", "HS256"));
    for forged in [
        token(&foreign, &administrator(), scope),
        format!("{head}.{more_rights}.{signature}"),
        format!("{none}.{claims}."),
        format!("{none}.{claims}.{signature}"),
        format!("{symmetric}.{claims}.{signature}"),
        format!("{head}.{claims}."),
        format!("{head}.{claims}"),
        format!("{head}.{claims}.{signature}.{signature}"),
        format!("{head}.{claims}.{signature}="),
        format!("{head}.{claims}.{}", "A".repeat(86)),
        format!(" {good} x"),
        String::new(),
    ] {
        let refused = ask(&forged);
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (401, "UNAUTHORIZED"),
            "{forged}"
        );
    }
    clock.put_forward(24 * 3600);
    let expired = ask(&good);
    expired.refuses(401, "UNAUTHORIZED");
    assert!(
        expired
            .header("www-authenticate")
            .contains("error=\"invalid_token\"")
    );
    clock.put_forward(-48 * 3600);
    ask(&good).refuses(401, "UNAUTHORIZED");
}

#[test]
fn a_token_opens_what_it_was_made_for() {
    let server = TestServer::start();
    team(&server);
    let pull = token(&server, &administrator(), "repository:team/a:pull");
    for (method, path) in [
        ("POST", "/v2/team/a/blobs/uploads/"),
        ("GET", "/v2/team/b/tags/list"),
        ("GET", "/v2/library/a/blobs/uploads/x"),
        ("GET", "/v2/_catalog"),
    ] {
        let refused = server.ask_as_nobody(method, path, &[&bearer(&pull)], b"");
        refused.refuses(401, "UNAUTHORIZED");
        let challenge = refused.header("www-authenticate");
        assert!(
            challenge.contains("error=\"insufficient_scope\""),
            "{path}: {challenge}"
        );
    }
    // Who is nobody gets a token for nothing, and what he may not see is not there for him.
    let nothing = server.ask_as_nobody(
        "GET",
        "/service/token?scope=repository:team/a:pull",
        &[],
        b"",
    );
    let nothing = nothing.json()["token"].as_str().unwrap().to_owned();
    let refused = server.ask_as_nobody("GET", "/v2/team/a/tags/list", &[&bearer(&nothing)], b"");
    refused.refuses(401, "UNAUTHORIZED");
    let absent = server.ask_as_nobody("GET", "/v2/absent/a/tags/list", &[&bearer(&nothing)], b"");
    assert_eq!(
        absent.body, refused.body,
        "a private project looks like none"
    );
}

#[test]
fn a_right_that_is_taken_away_ends_before_the_token_does() {
    let server = TestServer::start();
    team(&server);
    let ann = basic("ann", PASSWORD);
    let token = bearer(&token(&server, &ann, "repository:team/a:pull,push"));
    let ask =
        |method: &str, path: &str, body: &[u8]| server.ask_as_nobody(method, path, &[&token], body);
    let upload = ask("POST", "/v2/team/a/blobs/uploads/", b"").expect(202);
    let upload = upload.header("location");
    ask("PATCH", upload, b"abc").expect(202);
    change(&server, |sql| {
        let team = db::projects::find(sql, "team")?.unwrap().id;
        let ann = db::users::find_by_name(sql, "ann")?.unwrap().id;
        sql.execute(
            "DELETE FROM members WHERE project = $1 AND user_id = $2",
            &[team.into(), ann.into()],
        )?;
        Ok(())
    });
    let finish = format!("{upload}?digest={}", digest(b"abc"));
    ask("PATCH", upload, b"def").refuses(404, "NAME_UNKNOWN");
    ask("PUT", &finish, b"").refuses(404, "NAME_UNKNOWN");
    ask("DELETE", upload, b"").refuses(404, "NAME_UNKNOWN");
    assert_eq!(server.offset(upload), 3, "what she sent before is there");
}

#[test]
fn a_robot_that_is_disabled_is_nobody_at_once() {
    let server = TestServer::start();
    change(&server, |sql| {
        let robot = RobotRecord {
            id: 0,
            name: "ci".to_owned(),
            project: None,
            description: String::new(),
            secret: db::users::find_by_name(sql, "admin")?.unwrap().password,
            permissions: "[]".to_owned(),
            disabled: false,
            duration: -1,
            expires: None,
            creator: "admin".to_owned(),
            created: 1,
            updated: 1,
        };
        db::robots::insert(sql, &robot)?;
        Ok(())
    });
    let robot = basic("robot$ci", PASSWORD);
    let token = bearer(&token(&server, &robot, "repository:library/r:pull"));
    for header in [&robot, &token] {
        server
            .ask_as_nobody("GET", "/v2/", &[header], b"")
            .expect(200);
    }
    change(&server, |sql| {
        let mut robot = db::robots::find_by_name(sql, "ci")?.unwrap();
        robot.disabled = true;
        db::robots::update(sql, &robot)
    });
    for header in [&robot, &token] {
        let refused = server.ask_as_nobody("GET", "/v2/", &[header], b"");
        refused.refuses(401, "UNAUTHORIZED");
    }
}
