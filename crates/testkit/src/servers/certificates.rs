//! A certificate authority and a server certificate, made by OpenSSL's command.

use std::path::Path;
use std::process::Command;

use crate::files::write;

const SERVER_EXTENSIONS: &str =
    "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n";

/// Writes `ca.crt`, `ca.key`, `server.crt` and `server.key` to `folder`; they are valid for a day.
pub(super) fn write_certificates(folder: &Path) {
    write(&folder.join("server.ext"), SERVER_EXTENSIONS);
    let key = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ];
    openssl(
        folder,
        &[
            "req",
            "-x509",
            "-days",
            "1",
            "-subj",
            "/CN=Wharf test authority",
            "-keyout",
            "ca.key",
            "-out",
            "ca.crt",
        ],
        &key,
    );
    openssl(
        folder,
        &[
            "req",
            "-new",
            "-subj",
            "/CN=localhost",
            "-keyout",
            "server.key",
            "-out",
            "server.csr",
        ],
        &key,
    );
    let sign = [
        "x509",
        "-req",
        "-days",
        "1",
        "-in",
        "server.csr",
        "-CA",
        "ca.crt",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
    ];
    openssl(
        folder,
        &sign,
        &["-extfile", "server.ext", "-out", "server.crt"],
    );
}

fn openssl(folder: &Path, arguments: &[&str], more: &[&str]) {
    let output = Command::new("openssl")
        .args(arguments)
        .args(more)
        .current_dir(folder)
        .output()
        .expect("running openssl");
    assert!(
        output.status.success(),
        "openssl {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
