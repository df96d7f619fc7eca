//! A registry in this process, and who asks it.

#![expect(
    clippy::disallowed_methods,
    reason = "a test runs a runtime of its own"
)]

use std::sync::mpsc;
use std::thread::JoinHandle;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tempfile::TempDir;
use testkit::{HttpResponse, http_request};
use tokio::net::TcpListener;
use tokio::sync::watch;
use wharf_registry::http::{Server, ServerSettings};
use wharf_registry::{Clock, Registry, Settings};

/// The password of everybody here.
pub(crate) const PASSWORD: &str = "Harbor12345";

/// A registry on a free port. It ends when it is dropped.
pub(crate) struct TestServer {
    address: String,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
    _folder: TempDir,
}

/// Somebody who asks, with what he shows.
#[derive(Clone)]
pub(crate) struct Client {
    address: String,
    headers: Vec<(String, String)>,
}

/// An answer, with its JSON.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) json: Value,
    response: HttpResponse,
}

impl TestServer {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().to_owned();
        let (told, address) = mpsc::channel();
        let (stop, stopped) = watch::channel(false);
        let thread = std::thread::spawn(move || {
            let clock = Clock::system();
            let (db, storage) = crate::store::open(&path, &clock);
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            runtime.block_on(async move {
                let registry = Registry::open(db, storage, clock, Settings::default())
                    .await
                    .expect("it works");
                let password = Some(PASSWORD.to_owned());
                registry
                    .prepare_first_start(password)
                    .await
                    .expect("it works");
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("it works");
                let address = listener.local_addr().expect("an address");
                told.send(address.to_string()).expect("somebody waits");
                let server = Server::new(registry, ServerSettings::default());
                server.serve(listener, stopped).await;
            });
        });
        Self {
            address: address.recv().expect("a server"),
            stop,
            thread: Some(thread),
            _folder: folder,
        }
    }

    pub(crate) fn anonymous(&self) -> Client {
        Client {
            address: self.address.clone(),
            headers: Vec::new(),
        }
    }

    pub(crate) fn client(&self, name: &str, password: &str) -> Client {
        let basic = STANDARD.encode(format!("{name}:{password}"));
        self.anonymous()
            .with("Authorization", &format!("Basic {basic}"))
    }

    pub(crate) fn admin(&self) -> Client {
        self.client("admin", PASSWORD)
    }

    /// Makes a user. Gives his number.
    pub(crate) fn make_user(&self, name: &str) -> i64 {
        let made = self.admin().post(
            "/users",
            &serde_json::json!({ "username": name, "email": format!("{name}@example.com"), "password": PASSWORD }),
        );
        assert_eq!(made.status, 201, "{made:?}");
        made.created()
    }

    /// Makes a project. Gives its number.
    pub(crate) fn make_project(&self, name: &str, public: bool) -> i64 {
        let wish = serde_json::json!({ "project_name": name, "metadata": { "public": public.to_string() } });
        let made = self.admin().post("/projects", &wish);
        assert_eq!(made.status, 201, "{made:?}");
        made.created()
    }

    /// Makes a user a member. Gives the number of the membership.
    pub(crate) fn make_member(&self, project: &str, user: &str, role: i64) -> i64 {
        let wish = serde_json::json!({ "role_id": role, "member_user": { "username": user } });
        let made = self
            .admin()
            .post(&format!("/projects/{project}/members"), &wish);
        assert_eq!(made.status, 201, "{made:?}");
        made.created()
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.stop.send(true).ok();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

impl Client {
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Any request, to a whole path.
    pub(crate) fn send(&self, method: &str, path: &str, body: &[u8]) -> Reply {
        let headers: Vec<(&str, &str)> = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let response = http_request(&self.address, method, path, &headers, body);
        Reply {
            status: response.status,
            json: serde_json::from_slice(&response.body).unwrap_or(Value::Null),
            response,
        }
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        self.send("GET", &format!("/api/v2.0{path}"), b"")
    }

    pub(crate) fn delete(&self, path: &str) -> Reply {
        self.send("DELETE", &format!("/api/v2.0{path}"), b"")
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Reply {
        self.send(
            "POST",
            &format!("/api/v2.0{path}"),
            body.to_string().as_bytes(),
        )
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> Reply {
        self.send(
            "PUT",
            &format!("/api/v2.0{path}"),
            body.to_string().as_bytes(),
        )
    }

    pub(crate) fn patch(&self, path: &str, body: &Value) -> Reply {
        self.send(
            "PATCH",
            &format!("/api/v2.0{path}"),
            body.to_string().as_bytes(),
        )
    }
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.response.header(name)
    }

    pub(crate) fn body_text(&self) -> String {
        String::from_utf8_lossy(&self.response.body).into_owned()
    }

    /// The number at the end of `Location`.
    pub(crate) fn created(&self) -> i64 {
        let location = self.header("location").expect("a Location");
        location
            .rsplit('/')
            .next()
            .expect("it works")
            .parse()
            .expect("it works")
    }

    /// The texts of a field of all entries of a list.
    pub(crate) fn column(&self, field: &str) -> Vec<String> {
        let entries = self.json.as_array().expect("a list");
        let text = |entry: &Value| match &entry[field] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        entries.iter().map(text).collect()
    }

    /// What the answer says of its failure.
    pub(crate) fn message(&self) -> String {
        self.json["errors"][0]["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}
