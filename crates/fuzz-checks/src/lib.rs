//! What each fuzz target promises.
//!
//! Everything that reads bytes from outside has one function here. It takes any bytes and returns, or panics because a
//! promise is broken: something read is not what was written, a limit does not hold, a file appears outside its folder.
//! The files in `fuzz/fuzz_targets` call these functions and do nothing else, and the tests of this crate run each over the
//! committed seeds in `fuzz/corpus` and over a bounded number of mutations of them, so that stable Rust runs them too.

mod archive;
mod compression;
mod config;
mod docker_config;
mod dockerfile;
mod dockerfile_expand;
mod dockerignore;
mod go_template;
mod manifest;
mod packages;
mod reference;
mod registry_manifest;
mod registry_request;
mod registry_s3;
mod registry_scope;
mod registry_token;
mod seccomp;
mod tar;
mod www_authenticate;

/// A check: returns, or panics because a promise is broken.
pub type Check = fn(&[u8]);

/// Every target: its name, which is that of its seeds' folder, and its check.
pub const TARGETS: [(&str, Check); 19] = [
    ("archive", archive::check),
    ("compression", compression::check),
    ("config", config::check),
    ("docker_config", docker_config::check),
    ("dockerfile", dockerfile::check),
    ("dockerfile_expand", dockerfile_expand::check),
    ("dockerignore", dockerignore::check),
    ("go_template", go_template::check),
    ("manifest", manifest::check),
    ("packages", packages::check),
    ("reference", reference::check),
    ("registry_manifest", registry_manifest::check),
    ("registry_request", registry_request::check),
    ("registry_s3", registry_s3::check),
    ("registry_scope", registry_scope::check),
    ("registry_token", registry_token::check),
    ("seccomp", seccomp::check),
    ("tar_apply", tar::check),
    ("www_authenticate", www_authenticate::check),
];

/// Runs the check of the target `name`.
///
/// # Panics
/// When a promise is broken, and when there is no such target.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|(target, _)| *target == name);
    let (_, check) = target.expect("a target of this name");
    check(bytes);
}
