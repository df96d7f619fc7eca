//! The last step: becoming the user, and then the program.

use std::convert::Infallible;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::identity::{self, Identity};
use super::{InitError, NOT_EXECUTABLE, NOT_FOUND, during};
use crate::launch::Message;
use crate::seccomp::{SeccompProfile, SeccompProgram};
use crate::single_id::load_single_id_filter;
use crate::spec::{ProcessSpec, SeccompChoice};
use crate::sys;

/// Where programs are looked for if the environment does not say (Docker's default).
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Becomes the program; comes back only if that failed.
pub(super) fn execute(
    process: &ProcessSpec,
    identity: &Identity,
    folder: &Path,
    asks: Option<&OwnedFd>,
) -> Result<Infallible, InitError> {
    let Some((name, arguments)) = process.arguments.split_first() else {
        return Err(InitError::new("no command specified"));
    };
    let environment = environment(process, identity);
    let filter = filter(process)?;
    sys::keep_descriptors().map_err(during("keep descriptors from the program"))?;
    sys::leave_session_keyring().map_err(during("make a session keyring"))?;
    identity.own_streams()?;
    identity::bound_capabilities(process.capabilities)?;
    // Without new privileges forbidden, only who may administer the system may limit its calls: that is now. With them
    // forbidden it is done at last, so that a strict profile need not allow what is done until then.
    if let (Some(filter), false) = (&filter, process.no_new_privileges) {
        load(filter)?;
    }
    identity.assume()?;
    if let Some(launcher) = asks {
        ask(launcher)?;
    }
    if identity.is_root() {
        identity::take_capabilities(process.capabilities)?;
    }
    // Those of the user may enter what root of a user namespace may not.
    rustix::process::chdir(folder).map_err(during(format!(
        "use the working folder {}",
        folder.display()
    )))?;
    let program = find_program(name, &environment)?;
    super::die_with_launcher()?;
    if process.no_new_privileges {
        rustix::thread::set_no_new_privs(true).map_err(during("forbid new privileges"))?;
        filter.as_ref().map_or(Ok(()), load)?;
    }
    sys::restore_signals().map_err(during("restore signals"))?;
    let arguments = arguments.iter().map(String::as_str);
    let arguments: Vec<&str> = [name.as_str()].into_iter().chain(arguments).collect();
    let error = sys::execute(&program, &arguments, &environment);
    Err(failed_to_start(&program, &error))
}

/// From now on the launcher is asked for what a single id cannot do. A kernel that cannot ask refuses it, as it would without this.
fn ask(launcher: &OwnedFd) -> Result<(), InitError> {
    match load_single_id_filter() {
        Ok(listener) => Message::Listener
            .send_with(launcher, &listener)
            .map_err(during("ask for owners")),
        Err(_refused) => Ok(()),
    }
}

/// The filter of system calls, made for what this program may do as root.
fn filter(process: &ProcessSpec) -> Result<Option<SeccompProgram>, InitError> {
    let profile = match &process.seccomp {
        SeccompChoice::Unconfined => return Ok(None),
        SeccompChoice::Docker => SeccompProfile::docker_default(),
        SeccompChoice::Profile(text) => SeccompProfile::from_json(text.as_bytes())
            .map_err(|error| InitError::new(format!("seccomp profile: {error}")))?,
    };
    let compiled = profile.compile(process.capabilities);
    compiled
        .map(Some)
        .map_err(|error| InitError::new(format!("seccomp profile: {error}")))
}

fn load(filter: &SeccompProgram) -> Result<(), InitError> {
    sys::load_filter(filter, 0).map_err(during("limit system calls"))
}

/// What was asked for, and `HOME` where it was not.
fn environment(process: &ProcessSpec, identity: &Identity) -> Vec<String> {
    let mut environment = process.environment.clone();
    if !environment.iter().any(|pair| pair.starts_with("HOME=")) {
        environment.push(format!("HOME={}", identity.home()));
    }
    environment
}

/// The file that a shell would start: in the words of Go's `exec.LookPath`, which Docker shows.
fn find_program(name: &str, environment: &[String]) -> Result<PathBuf, InitError> {
    let failed = |why: &str, code| InitError::new(format!("exec: {name:?}: {why}")).with_code(code);
    if name.contains('/') {
        return match std::fs::metadata(name) {
            Ok(metadata) if metadata.is_dir() => Err(failed("is a directory", NOT_EXECUTABLE)),
            Ok(metadata) if metadata.permissions().mode() & 0o111 == 0 => {
                Err(failed("permission denied", NOT_EXECUTABLE))
            }
            Ok(_) => Ok(PathBuf::from(name)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let why = format!("stat {name}: no such file or directory");
                Err(failed(&why, NOT_FOUND))
            }
            Err(error) => Err(failed(&format!("stat {name}: {error}"), NOT_EXECUTABLE)),
        };
    }
    let path = environment
        .iter()
        .find_map(|pair| pair.strip_prefix("PATH="));
    let mut refused = false;
    for folder in path.unwrap_or(DEFAULT_PATH).split(':') {
        let folder = if folder.is_empty() { "." } else { folder };
        let candidate = Path::new(folder).join(name);
        match std::fs::metadata(&candidate) {
            Ok(metadata) if metadata.is_dir() => (),
            Ok(metadata) if metadata.permissions().mode() & 0o111 != 0 => return Ok(candidate),
            Ok(_) => refused = true,
            Err(_) => (),
        }
    }
    if refused {
        return Err(failed("permission denied", NOT_EXECUTABLE));
    }
    Err(failed("executable file not found in $PATH", NOT_FOUND))
}

fn failed_to_start(program: &Path, error: &io::Error) -> InitError {
    let path = program.display();
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOEXEC) => {
            // Docker's containers have begun at this point, and say it themselves.
            let mut text = b"exec ".to_vec();
            text.extend_from_slice(program.as_os_str().as_bytes());
            text.extend_from_slice(b": exec format error\n");
            let _nobody_reads = io::stderr().write_all(&text);
            InitError::new(format!("exec {path}: exec format error")).with_code(255)
        }
        // The file is there: what is not there is the interpreter that it names.
        Some(Errno::NOENT) => {
            InitError::new(format!("exec {path}: no such file or directory")).with_code(NOT_FOUND)
        }
        _ => InitError::new(format!("exec {path}: {error}")).with_code(NOT_EXECUTABLE),
    }
}
