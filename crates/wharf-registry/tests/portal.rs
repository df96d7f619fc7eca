//! The portal over HTTP: a page for browsers, an error for programs.

#![expect(
    clippy::disallowed_methods,
    reason = "tests run a runtime of their own"
)]

use std::error::Error;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use wharf_registry::db::Database;
use wharf_registry::http::{Server, ServerSettings};
use wharf_registry::storage::{LocalStorage, RegistryStorage};
use wharf_registry::{Clock, Registry, Settings};

const BROWSER: &str = "text/html,application/xhtml+xml,*/*;q=0.8";

/// Status, headers in lower case, and body.
struct Received {
    status: u16,
    head: String,
    body: String,
}

async fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    accept: &str,
) -> Result<Received, Box<dyn Error>> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAccept: {accept}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await?;
    let text = String::from_utf8(bytes)?;
    let (head, body) = text.split_once("\r\n\r\n").ok_or("an answer has a head")?;
    let status = head.split(' ').nth(1).ok_or("an answer has a status")?;
    Ok(Received {
        status: status.parse()?,
        head: head.to_lowercase(),
        body: body.to_owned(),
    })
}

#[tokio::test]
async fn browsers_get_the_portal_where_no_route_is_and_programs_an_error()
-> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let clock = Clock::system();
    let db = Database::open_sqlite(&folder.path().join("registry.db"), &clock)?;
    let storage = RegistryStorage::Local(LocalStorage::open(&folder.path().join("storage"))?);
    let registry = Registry::open(db, storage, clock, Settings::default()).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (stop, stopped) = watch::channel(false);
    let server = Server::new(registry, ServerSettings::default());
    let serving = tokio::spawn(async move { server.serve(listener, stopped).await });

    for path in [
        "/",
        "/projects/team/repositories/a/b@sha256:00",
        "/sign-in?next=%2F",
    ] {
        let page = ask(address, "GET", path, BROWSER).await?;
        assert_eq!(page.status, 200, "{path}");
        assert!(
            page.head.contains("content-type: text/html"),
            "{}",
            page.head
        );
        assert!(page.body.contains("<div id=\"root\">"), "{}", page.body);
        let head = ask(address, "HEAD", path, BROWSER).await?;
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{path}");
    }
    for (method, path, accept, status) in [
        ("GET", "/projects", "application/json", 404),
        ("POST", "/projects", BROWSER, 404),
        ("GET", "/api/v2.0/nothing", BROWSER, 404),
        ("GET", "/v2/", BROWSER, 401),
        ("DELETE", "/livez", BROWSER, 405),
    ] {
        let refusal = ask(address, method, path, accept).await?;
        assert_eq!(refusal.status, status, "{method} {path}");
        assert!(
            refusal.body.starts_with("{\"errors\":["),
            "{method} {path}: {}",
            refusal.body
        );
    }

    stop.send(true)?;
    serving.await?;
    Ok(())
}
