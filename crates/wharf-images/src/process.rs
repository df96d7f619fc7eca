//! Which process is meant, also after its number was given to another one.

use std::io;

use wharf_blobs::BootId;

/// One process of one boot. A pid alone would not do: pids are used again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProcessIdentity {
    pub(crate) pid: u32,
    /// Clock ticks from boot to its start (`/proc/<pid>/stat`, field 22).
    pub(crate) start_ticks: i64,
    /// The pid namespace in which the pid holds, as `/proc/self/ns/pid` names it.
    pub(crate) pid_namespace: String,
    pub(crate) boot_id: String,
}

impl ProcessIdentity {
    /// This process.
    pub(crate) fn current() -> io::Result<Self> {
        let pid = std::process::id();
        let start_ticks = start_ticks(pid)?.ok_or(io::ErrorKind::NotFound)?;
        Ok(Self {
            pid,
            start_ticks,
            pid_namespace: namespace("pid")?,
            boot_id: BootId::current()?.as_str().to_owned(),
        })
    }

    /// Whether the process may still run, seen from `here`. One of another pid namespace cannot be
    /// seen and counts as running; its lease ends by its expiry.
    pub(crate) fn may_run(&self, here: &Self) -> io::Result<bool> {
        if self.boot_id != here.boot_id {
            return Ok(false);
        }
        if self.pid_namespace != here.pid_namespace {
            return Ok(true);
        }
        Ok(start_ticks(self.pid)? == Some(self.start_ticks))
    }
}

/// The namespace of `kind` that this process is in, such as `pid:[4026531836]`.
pub(crate) fn namespace(kind: &str) -> io::Result<String> {
    let target = std::fs::read_link(format!("/proc/self/ns/{kind}"))?;
    Ok(target.to_string_lossy().into_owned())
}

fn start_ticks(pid: u32) -> io::Result<Option<i64>> {
    let stat = match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => stat,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        // The process ended between opening and reading.
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error()) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    // The second field is the program's name in parentheses and may hold anything, `)` included.
    let ticks = stat
        .rsplit_once(')')
        .and_then(|(_, fields)| fields.split_ascii_whitespace().nth(19))
        .and_then(|field| field.parse().ok());
    Ok(ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_itself_and_not_its_successor() {
        let here = ProcessIdentity::current().unwrap();
        assert!(here.may_run(&here).unwrap());
        let successor = ProcessIdentity {
            start_ticks: here.start_ticks + 1,
            ..here.clone()
        };
        assert!(!successor.may_run(&here).unwrap());
        let before = ProcessIdentity {
            boot_id: "another".to_owned(),
            ..here.clone()
        };
        assert!(!before.may_run(&here).unwrap());
    }

    #[test]
    fn a_dead_child_does_not_run() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let here = ProcessIdentity::current().unwrap();
        let pid = child.id();
        let start_ticks = super::start_ticks(pid).unwrap().unwrap();
        child.wait().unwrap();
        let dead = ProcessIdentity {
            pid,
            start_ticks,
            ..here.clone()
        };
        assert!(!dead.may_run(&here).unwrap());
    }
}
