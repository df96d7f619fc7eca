//! `top`: what the machine's `ps` says of a container's processes (moby, `daemon/top_unix.go`).

use std::collections::BTreeSet;
use std::process::Command;

use wharf_runtime::cgroups::Cgroup;
use wharf_transfer::ErrorKind;

use crate::engine::Engine;
use crate::error::{EngineError, failure};

/// What Docker asks `ps` for.
const DEFAULT_OPTIONS: &str = "-ef";

impl Engine {
    /// The titles of `ps`, and its rows for the processes of a container. Numbers of processes are the machine's.
    pub fn container_processes(
        &self,
        text: &str,
        options: &[String],
    ) -> Result<Vec<Vec<String>>, EngineError> {
        let container = self.container(text)?;
        let id = &container.record.id;
        if !container.state.status.is_alive() {
            let text = format!("container {id} is not running");
            return Err(failure(ErrorKind::Conflict, text));
        }
        let grouped = container.state.cgroup.as_ref();
        let mut processes = grouped.map(Cgroup::processes).unwrap_or_default();
        let first = container
            .state
            .process
            .and_then(|first| u32::try_from(first).ok());
        processes.extend(first);
        // Without a group of its own, which ordinary users often cannot have.
        if let Some(first) = first
            && processes.len() == 1
            && container.record.host_config.pid_mode.is_empty()
        {
            processes.extend(sharing_namespace(first));
        }
        let mut ps = Command::new("ps");
        if options.is_empty() {
            ps.arg(DEFAULT_OPTIONS);
        } else {
            ps.args(options);
        }
        let output = ps
            .output()
            .map_err(|error| failure(ErrorKind::Internal, format!("error running ps: {error}")))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let text = format!("error running ps: {}: {}", output.status, said.trim());
            return Err(failure(ErrorKind::Invalid, text));
        }
        rows(&String::from_utf8_lossy(&output.stdout), &processes)
    }
}

/// The processes whose namespace of processes is that of `first`, as far as this user may see it.
fn sharing_namespace(first: u32) -> Vec<u32> {
    let namespace = |process: u32| std::fs::read_link(format!("/proc/{process}/ns/pid")).ok();
    let (Some(wanted), Ok(all)) = (namespace(first), std::fs::read_dir("/proc")) else {
        return Vec::new();
    };
    let number = |entry: std::fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    let processes = all.flatten().filter_map(number);
    processes
        .filter(|process| namespace(*process).as_ref() == Some(&wanted))
        .collect()
}

/// The titles and the rows of those processes; the last column may have spaces.
fn rows(printed: &str, processes: &BTreeSet<u32>) -> Result<Vec<Vec<String>>, EngineError> {
    let mut lines = printed.lines();
    let titles = words(lines.next().unwrap_or_default());
    let Some(number_at) = titles.iter().position(|title| title == "PID") else {
        let text = "Couldn't find PID field in ps output";
        return Err(failure(ErrorKind::Invalid, text));
    };
    let columns = titles.len();
    let mut rows = vec![titles];
    let mut wanted = false;
    for line in lines.filter(|line| !line.is_empty()) {
        let mut row = words(line);
        wanted = match row.get(number_at).map(String::as_str) {
            // A thread of the process before.
            Some("-") => wanted,
            Some(number) => number
                .parse()
                .is_ok_and(|number| processes.contains(&number)),
            None => false,
        };
        if wanted {
            let last = row.split_off((columns - 1).min(row.len()));
            row.push(last.join(" "));
            rows.push(row);
        }
    }
    Ok(rows)
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_processes_of_the_container_are_told() {
        let printed = "UID PID CMD\nroot 1 init\nroot 7 sleep 100\nroot - thread\nroot 8 x\n";
        let told = rows(printed, &BTreeSet::from([7])).unwrap();
        let expected: [&[&str]; 3] = [
            &["UID", "PID", "CMD"],
            &["root", "7", "sleep 100"],
            &["root", "-", "thread"],
        ];
        assert_eq!(told, expected);
        let error = rows("USER\nx\n", &BTreeSet::new()).unwrap_err();
        assert_eq!(error.to_string(), "Couldn't find PID field in ps output");
    }
}
