//! The monitor's side: questions come, answers go.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::FileType;
use rustix::io::Errno;
use wharf_layers::Device;

use super::calls::{self, Target, Wish};
use super::files;
use crate::seccomp::SeccompProfile;
use crate::sys::{self, Question, Reply};

/// Loads the filter of a container with a single id into this thread, for good and for all that it starts, and gives the descriptor by
/// which it is answered: it goes to whoever makes a [`SingleIdNotifier`] of it. It stands beside the profile of system calls, which may
/// still refuse what this one would answer. As with that, the thread needs `CAP_SYS_ADMIN` in its user namespace, or `no_new_privs`.
///
/// Nothing that sets an owner, permissions or a node may be called between here and the first answer: it would wait.
pub fn load_single_id_filter() -> io::Result<OwnedFd> {
    let profile = SeccompProfile::asking(calls::ASKED, calls::DONE);
    let program = profile.compile(crate::CapabilitySet::EMPTY);
    sys::load_asking_filter(&program.map_err(io::Error::other)?)
}

/// Answers the questions of a container with a single id. It must run as the user whose container it is, outside of it, and see the
/// container's processes in `/proc`.
#[derive(Debug)]
pub struct SingleIdNotifier {
    listener: OwnedFd,
}

impl SingleIdNotifier {
    /// For the descriptor that [`load_single_id_filter`] gave.
    pub fn new(listener: OwnedFd) -> Self {
        Self { listener }
    }

    /// Answers one question; to be called when the descriptor is readable, and waits otherwise. Once no process with the filter is left
    /// the descriptor is at its end (`POLLHUP`), and there is nothing to answer any more.
    pub fn answer(&self) -> io::Result<()> {
        let listener = self.listener.as_fd();
        let Some(question) = sys::next_question(listener)? else {
            return Ok(());
        };
        let reply = self.reply(&question).unwrap_or_else(Reply::Failed);
        sys::reply(listener, question.id, reply)
    }

    fn reply(&self, question: &Question) -> Result<Reply, Errno> {
        let thread = question.thread;
        match calls::wish(question) {
            None => Ok(Reply::Proceed),
            Some(Wish::Own {
                target,
                user,
                group,
            }) => {
                let file = self.found(question, &target)?;
                if files::carries(&file)? {
                    let mut metadata = files::remembered(&file)?;
                    metadata.user_id = user.unwrap_or(metadata.user_id);
                    metadata.group_id = group.unwrap_or(metadata.group_id);
                    files::remember(&file, &metadata)?;
                }
                Ok(Reply::Done)
            }
            Some(Wish::Permit { target, mode }) => {
                // Without a file the kernel itself says why.
                if let Ok(file) = self.found(question, &target)
                    && files::is_remembered(&file)
                {
                    let mut metadata = files::remembered(&file)?;
                    metadata.mode = metadata.mode & !0o7777 | mode & 0o7777;
                    files::remember(&file, &metadata)?;
                }
                Ok(Reply::Proceed)
            }
            Some(Wish::Make {
                target,
                mode,
                device,
            }) => {
                let kind = FileType::from_raw_mode(mode);
                let node = matches!(kind, FileType::CharacterDevice | FileType::BlockDevice);
                // Everything else the kernel makes for everybody, also the mark that overlayfs leaves of a removed file.
                if !node || device == 0 {
                    return Ok(Reply::Proceed);
                }
                self.alive(question)?;
                let file = files::make(thread, &target, mode)?;
                let mut metadata = files::remembered(&file)?;
                metadata.mode = metadata.mode & 0o7777 | mode & !0o7777;
                metadata.device = numbers_of(device);
                files::remember(&file, &metadata)?;
                Ok(Reply::Done)
            }
        }
    }

    fn found(&self, question: &Question, target: &Target) -> Result<OwnedFd, Errno> {
        let found = files::find(question.thread, target);
        // A thread that died meanwhile may have given its number to another, whose memory was read.
        self.alive(question)?;
        found
    }

    fn alive(&self, question: &Question) -> Result<(), Errno> {
        if sys::still_waits(self.listener.as_fd(), question.id) {
            Ok(())
        } else {
            Err(Errno::SRCH)
        }
    }
}

impl AsFd for SingleIdNotifier {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

/// As the kernel reads the 32 bits of mknod(2).
fn numbers_of(device: u32) -> Device {
    Device {
        major: (device >> 8) & 0xfff,
        minor: (device & 0xff) | ((device >> 12) & 0xf_ff00),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    use std::path::Path;

    use rustix::event::{PollFd, PollFlags};
    use rustix::fs::{AtFlags, Gid, Mode, Uid};
    use wharf_layers::{REMEMBERED_XATTR, RememberedMetadata};

    use super::*;

    /// Does `work` on a thread with the filter, answered until that thread has ended.
    fn filtered<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
        let (send, receive) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            rustix::thread::set_no_new_privs(true).unwrap();
            send.send(load_single_id_filter().unwrap()).unwrap();
            work()
        });
        let notifier = SingleIdNotifier::new(receive.recv().unwrap());
        loop {
            let mut waiting = [PollFd::new(&notifier, PollFlags::IN)];
            rustix::event::poll(&mut waiting, None).unwrap();
            if !waiting[0].revents().contains(PollFlags::IN) {
                break;
            }
            notifier.answer().unwrap();
        }
        thread.join().unwrap()
    }

    fn known(path: &Path) -> Option<RememberedMetadata> {
        let mut value = [0; 4096];
        let length = rustix::fs::getxattr(path, REMEMBERED_XATTR, &mut value[..]).ok()?;
        RememberedMetadata::from_bytes(&value[..length])
    }

    fn ids(user: u32, group: u32) -> (Option<Uid>, Option<Gid>) {
        let kept = |id| id != u32::MAX;
        let user = kept(user).then(|| Uid::from_raw(user));
        (user, kept(group).then(|| Gid::from_raw(group)))
    }

    fn owner(path: &Path) -> Option<(u32, u32, u32)> {
        known(path).map(|known| (known.user_id, known.group_id, known.mode))
    }

    #[test]
    fn owners_are_remembered_and_not_set() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["file", "locked", "target", "plain"] {
            File::create(path(name)).unwrap();
            std::fs::set_permissions(path(name), std::fs::Permissions::from_mode(0o644)).unwrap();
        }
        std::fs::set_permissions(path("locked"), std::fs::Permissions::from_mode(0o400)).unwrap();
        symlink("target", path("link")).unwrap();
        std::fs::create_dir(path("below")).unwrap();
        let own = std::fs::metadata(path("file")).unwrap();
        let paths = ["file", "locked", "link", "below", "plain", "missing"].map(path);
        let results = filtered(move || {
            let [file, locked, link, below, plain, missing] = paths;
            let chown = |path: &Path, user, group| {
                let (user, group) = ids(user, group);
                rustix::fs::chown(path, user, group)
            };
            let opened = File::open(&below).unwrap();
            let (_, nobody) = ids(0, 65_534);
            vec![
                chown(&file, 33, 44),
                chown(&file, u32::MAX, 55),
                chown(&locked, 1, 2),
                chown(&link, 7, 8),
                rustix::fs::chownat(&opened, "", ids(9, 0).0, None, AtFlags::EMPTY_PATH),
                rustix::fs::chownat(&opened, "../file", None, nobody, AtFlags::empty()),
                rustix::fs::chownat(
                    rustix::fs::CWD,
                    &link,
                    ids(3, 0).0,
                    None,
                    AtFlags::SYMLINK_NOFOLLOW,
                ),
                rustix::fs::fchown(&opened, None, nobody),
                rustix::fs::chmod(&file, Mode::from_raw_mode(0o4750)),
                rustix::fs::chmod(&plain, Mode::from_raw_mode(0o600)),
                chown(&missing, 1, 1),
                rustix::fs::chmod(&missing, Mode::from_raw_mode(0o600)),
                chown(Path::new("/proc/self/nothing"), 1, 1),
            ]
        });
        let missing = Err(Errno::NOENT);
        assert_eq!(results[..10], vec![Ok(()); 10]);
        assert_eq!(results[10..], [missing, missing, missing]);
        assert_eq!(owner(&path("file")), Some((33, 65_534, 0o10_4750)));
        assert_eq!(owner(&path("locked")), Some((1, 2, 0o10_0400)));
        assert_eq!(owner(&path("target")), Some((7, 8, 0o10_0644)));
        assert_eq!(
            owner(&path("below")).map(|(user, group, _)| (user, group)),
            Some((9, 65_534))
        );
        assert_eq!(owner(&path("plain")), None);
        let after = std::fs::metadata(path("file")).unwrap();
        assert_eq!((after.uid(), after.gid()), (own.uid(), own.gid()));
        assert_eq!(
            after.mode() & 0o7777,
            0o4750,
            "permissions are the kernel's"
        );
        let locked = std::fs::metadata(path("locked")).unwrap();
        assert_eq!(locked.mode() & 0o7777, 0o400);
    }

    #[test]
    fn devices_are_files_that_remember() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let paths = ["null", "fifo"].map(path);
        let results = filtered(move || {
            let [null, fifo] = paths;
            let make = |path: &Path, kind, device| {
                rustix::fs::mknodat(
                    rustix::fs::CWD,
                    path,
                    kind,
                    Mode::from_raw_mode(0o666),
                    device,
                )
            };
            [
                make(
                    &null,
                    FileType::CharacterDevice,
                    rustix::fs::makedev(259, 700),
                ),
                make(&null, FileType::CharacterDevice, rustix::fs::makedev(1, 3)),
                make(&fifo, FileType::Fifo, 0),
            ]
        });
        assert_eq!(results, [Ok(()), Err(Errno::EXIST), Ok(())]);
        let null = std::fs::metadata(path("null")).unwrap();
        assert!(null.is_file() && null.len() == 0);
        let metadata = known(&path("null")).unwrap();
        assert_eq!(metadata.mode & !0o7777, 0o2_0000);
        assert_eq!(metadata.mode & 0o777, null.mode() & 0o777);
        assert_eq!(
            metadata.device,
            Device {
                major: 259,
                minor: 700
            }
        );
    }

    // Whoever asks for another user gets a yes, and stays.
    #[test]
    fn users_do_not_change() {
        let before = rustix::process::getuid();
        let after = filtered(|| {
            let groups = [Gid::from_raw(12)];
            rustix::thread::set_thread_groups(&groups).unwrap();
            let (user, group) = (Uid::from_raw(33), Gid::from_raw(44));
            rustix::thread::set_thread_res_gid(group, group, group).unwrap();
            rustix::thread::set_thread_res_uid(user, user, user).unwrap();
            rustix::process::getuid()
        });
        assert_eq!(before, after);
    }
}
