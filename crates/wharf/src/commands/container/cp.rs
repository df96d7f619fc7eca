//! `wharf cp`: files from a container to this machine, and back.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context as _;
use rustix::fs::{Mode, OFlags};
use wharf_engine::ContainerFiles;
use wharf_layers::{
    Decompressor, ExtractOptions, ExtractPlace, Limits, Ownership, TarWriter, TreeKind,
    archive_named, extract_archive,
};
use wharf_template::units::human_size_with_precision;

use super::cp_paths::{
    Destination, absolute, check_output, folder_and_name, local_destination, local_source, placed,
    split,
};
use super::cp_progress::{Direction, drawn};
use crate::arguments::{Command, Flag, Matches, Positionals, Run};
use crate::daemon_words::FoundByDaemon as _;
use crate::session::Session;

/// What is read and written at once.
const BUFFER_BYTES: usize = 256 << 10;

const ARCHIVE: Flag =
    Flag::switch("archive", "Archive mode (copy all uid/gid information)").letter('a');
const FOLLOW: Flag =
    Flag::switch("follow-link", "Always follow symbol link in SRC_PATH").letter('L');
const QUIET: Flag = Flag::switch(
    "quiet",
    "Suppress progress output during copy. Progress output is automatically suppressed if no terminal is attached",
)
.letter('q');

pub(crate) const COMMAND: Command = Command {
    name: "cp",
    spellings: &["wharf container cp", "wharf cp"],
    synopsis: "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n\twharf cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
    summary: "Copy files/folders between a container and the local filesystem",
    description: "Copy files/folders between a container and the local filesystem

Use '-' as the source to read a tar archive from stdin
and extract it to a directory destination in a container.
Use '-' as the destination to stream a tar archive of a
container source to stdout.",
    flags: &[ARCHIVE, FOLLOW, QUIET],
    positionals: Positionals::Exactly(2),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let (source, destination) = (matches.argument(0), matches.argument(1));
    anyhow::ensure!(!source.is_empty(), "source can not be empty");
    anyhow::ensure!(!destination.is_empty(), "destination can not be empty");
    let copy = Copy {
        session,
        owners: matches.is_set(&ARCHIVE),
        follow: matches.is_set(&FOLLOW),
        quiet: if matches.is_given(&QUIET) {
            matches.is_set(&QUIET)
        } else {
            !session.printer().is_terminal()
        },
    };
    for argument in [source, destination] {
        // Everything that a container has is asked for by a slash.
        anyhow::ensure!(
            !matches!(split(argument), (Some(_), "")),
            "Error response from daemon: bad parameter: path cannot be empty"
        );
    }
    match (split(source), split(destination)) {
        ((Some(container), source), (None, destination)) => {
            copy.copy_out(container, source, destination)?;
        }
        ((None, source), (Some(container), destination)) => {
            copy.copy_in(source, container, destination)?;
        }
        ((Some(_), _), (Some(_), _)) => {
            anyhow::bail!("copying between containers is not supported")
        }
        ((None, _), (None, _)) => anyhow::bail!("must specify at least one container source"),
    }
    Ok(ExitCode::SUCCESS)
}

struct Copy<'a> {
    session: &'a Session,
    owners: bool,
    follow: bool,
    quiet: bool,
}

impl Copy<'_> {
    fn copy_out(&self, container: &str, source: &str, destination: &str) -> anyhow::Result<()> {
        let local = absolute(destination)?;
        if destination != "-" {
            check_output(&local)?;
        }
        let files = self.files(container, false)?;
        let (source, renamed) = self.followed(&files, source)?;
        if destination == "-" {
            anyhow::ensure!(
                !self.session.printer().is_terminal(),
                "cowardly refusing to write an archive to a terminal: redirect it"
            );
            let stdout = File::from(io::stdout().as_fd().try_clone_to_owned()?);
            let output = BufWriter::with_capacity(BUFFER_BYTES, stdout);
            files.archive(&source, None, output).found_by_daemon()?;
            return Ok(());
        }
        let is_folder = files.stat(&source).found_by_daemon()?.is_folder();
        let called = renamed.unwrap_or_else(|| last_name(&source));
        let (folder, name) = placed(is_folder, &called, &local_destination(&local)?)?;
        let unpack = |input: io::PipeReader| {
            let options = ExtractOptions {
                ownership: if self.owners && self.session.is_machine_root() {
                    Ownership::Archived
                } else {
                    Ownership::Ours
                },
                remembers: false,
                limits: self.session.engine().settings().limits.clone(),
            };
            let opened = open_folder(&folder)?;
            let input = BufReader::with_capacity(BUFFER_BYTES, input);
            extract_archive(input, &mut ExtractPlace::beneath(opened, &folder), &options)?;
            Ok(())
        };
        let pack = |output: &mut dyn Write| {
            files
                .archive(&source, Some(&name), output)
                .found_by_daemon()?;
            Ok(())
        };
        let copied = self.piped(Direction::Out, pack, unpack)?;
        self.tell(copied, &local.display().to_string());
        Ok(())
    }

    fn copy_in(&self, source: &str, container: &str, destination: &str) -> anyhow::Result<()> {
        let files = self.files(container, true)?;
        let target = in_container(&files, container, destination)?;
        let shown = target.path.to_string_lossy().into_owned();
        if source == "-" {
            anyhow::ensure!(
                target.found == Some(true),
                "destination \"{container}:{destination}\" must be a directory"
            );
            let stdin = File::from(io::stdin().as_fd().try_clone_to_owned()?);
            let stdin = BufReader::with_capacity(BUFFER_BYTES, stdin);
            let archive = Decompressor::new(stdin, &Limits::default())
                .context("cannot read the archive from stdin")?;
            let archive = BufReader::with_capacity(BUFFER_BYTES, archive);
            let extracted = files.extract(&shown, archive, self.owners);
            extracted.found_by_daemon()?;
            return Ok(());
        }
        let local = local_source(&absolute(source)?, self.follow)?;
        let (folder, name) = placed(local.is_folder, &local.called, &target)?;
        let opened = open_folder(&local.folder)?;
        let pack = |output: &mut dyn Write| {
            let mut writer = TarWriter::new(output);
            let name_in_archive = name.as_encoded_bytes();
            archive_named(
                &opened,
                TreeKind::Plain,
                &local.name,
                name_in_archive,
                &mut writer,
            )?;
            writer.finish()?;
            Ok(())
        };
        let unpack = |input: io::PipeReader| {
            let input = BufReader::with_capacity(BUFFER_BYTES, input);
            let extracted = files.extract(&folder.to_string_lossy(), input, self.owners);
            extracted.found_by_daemon()?;
            Ok(())
        };
        let copied = self.piped(Direction::In, pack, unpack)?;
        self.tell(copied, &format!("{container}:{shown}"));
        Ok(())
    }

    fn files(&self, container: &str, written: bool) -> anyhow::Result<ContainerFiles> {
        Ok(self
            .session
            .engine()
            .container_files(container, written)
            .found_by_daemon()?)
    }

    /// With `-L` what a link leads to, and the link's name for it.
    fn followed(
        &self,
        files: &ContainerFiles,
        source: &str,
    ) -> anyhow::Result<(String, Option<OsString>)> {
        let stat = files.stat(source).found_by_daemon()?;
        match stat.link_target {
            Some(target) if self.follow => {
                let target = target.to_string_lossy().into_owned();
                Ok((target, Some(last_name(source))))
            }
            _ => Ok((source.to_owned(), None)),
        }
    }

    /// Packs and unpacks at the same time, and shows how far that is: how long the archive was, in bytes.
    fn piped(
        &self,
        direction: Direction,
        pack: impl FnOnce(&mut dyn Write) -> anyhow::Result<()> + Send,
        unpack: impl FnOnce(io::PipeReader) -> anyhow::Result<()>,
    ) -> anyhow::Result<u64> {
        let bytes = AtomicU64::new(0);
        if self.quiet {
            piped(&bytes, pack, unpack)?;
            return Ok(bytes.into_inner());
        }
        let copied = drawn(self.session.printer(), direction, |bytes| {
            piped(bytes, pack, unpack)?;
            Ok::<_, anyhow::Error>(bytes.load(Ordering::Relaxed))
        });
        copied?
    }

    fn tell(&self, copied_bytes: u64, place: &str) {
        if !self.quiet {
            let size = human_size_with_precision(copied_bytes, 3);
            self.session
                .printer()
                .error_line(&format!("Successfully copied {size} to {place}"));
        }
    }
}

fn last_name(path: &str) -> OsString {
    folder_and_name(&Path::new("/").join(path)).1
}

/// What a path of the container means as a place to copy to. That nothing is there is no error yet.
fn in_container(
    files: &ContainerFiles,
    container: &str,
    path: &str,
) -> anyhow::Result<Destination> {
    let missing = |path: &OsStr| Destination {
        path: path.into(),
        found: None,
    };
    let mut at = path.to_owned();
    let Ok(mut stat) = files.stat(&at) else {
        return Ok(missing(OsStr::new(&at)));
    };
    if let Some(target) = stat.link_target.take() {
        at = target.to_string_lossy().into_owned();
        match files.stat(&at) {
            Ok(followed) => stat = followed,
            Err(_) => return Ok(missing(OsStr::new(&at))),
        }
    }
    anyhow::ensure!(
        !stat.is_device(),
        "destination \"{container}:{path}\" must be a directory or a regular file: got a device"
    );
    Ok(Destination {
        path: at.into(),
        found: Some(stat.is_folder()),
    })
}

fn open_folder(path: &Path) -> anyhow::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty())
        .map_err(io::Error::from)
        .with_context(|| format!("cannot open {}", path.display()))
}

/// Packs and unpacks at the same time, and counts the bytes of the archive.
fn piped(
    bytes: &AtomicU64,
    pack: impl FnOnce(&mut dyn Write) -> anyhow::Result<()> + Send,
    unpack: impl FnOnce(io::PipeReader) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let (reader, writer) = io::pipe()?;
    let packing = move || {
        let mut output = Counted {
            output: BufWriter::with_capacity(BUFFER_BYTES, writer),
            bytes,
        };
        pack(&mut output)?;
        output.flush()?;
        Ok::<(), anyhow::Error>(())
    };
    std::thread::scope(|scope| {
        let packing = std::thread::Builder::new().spawn_scoped(scope, packing)?;
        let unpacked = unpack(reader);
        let panicked = |_panic| anyhow::anyhow!("the thread that packs panicked");
        let packed = packing.join().map_err(panicked)?;
        match (packed, unpacked) {
            (Ok(()), Ok(())) => Ok(()),
            // Who could not unpack has closed the pipe.
            (Err(error), Err(cause)) if is_broken_pipe(&error) => Err(cause),
            (Err(error), _) | (Ok(()), Err(error)) => Err(error),
        }
    })
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let cause = cause.downcast_ref::<io::Error>();
        cause.is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
    })
}

struct Counted<'a, W> {
    output: W,
    bytes: &'a AtomicU64,
}

impl<W: Write> Write for Counted<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.output.write(bytes)?;
        self.bytes.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}
