//! Overlayfs through the mount API of file descriptors, which takes one layer at a time and so has
//! no limit on their names together; through `mount(2)` where the kernel is older than 6.5.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MoveMountFlags, fsconfig_create,
    fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, mount, move_mount,
};

use crate::Flavour;

/// `fsconfig` takes strings up to this length.
const VALUE_LIMIT_BYTES: usize = 255;
/// `mount(2)` takes one page of options.
const OPTIONS_LIMIT_BYTES: usize = 4095;

/// Trees of layers, shown as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlay {
    /// Trees of the layers from the top down, each once.
    pub lowers: Vec<PathBuf>,
    /// An empty folder: overlayfs wants two layers at least.
    pub empty: PathBuf,
    /// Where changes go; without it nothing can be changed, and neither setuid programs nor device nodes have power.
    pub upper: Option<OverlayUpper>,
    /// Which marks the layers' trees have.
    pub flavour: Flavour,
}

/// Where changes go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverlayUpper {
    /// Takes the changes.
    pub upper: PathBuf,
    /// For overlayfs itself: an empty folder on the same file system as `upper`.
    pub work: PathBuf,
}

/// Why the kernel did not mount.
#[derive(Debug, thiserror::Error)]
#[error("{step}: {source}{}", said(kernel))]
pub struct OverlayError {
    /// What was asked of the kernel.
    pub step: String,
    /// What the kernel wrote about it.
    pub kernel: Vec<String>,
    /// The error number.
    pub source: io::Error,
}

impl OverlayError {
    /// Whether this user may not mount at all.
    pub fn is_permission(&self) -> bool {
        self.source.raw_os_error() == Some(Errno::PERM.raw_os_error())
    }
}

impl Overlay {
    /// Mounts it at `target`.
    pub fn mount(&self, target: &Path) -> Result<(), OverlayError> {
        if self.lowers.is_empty() && self.upper.is_none() {
            return mount_empty(target);
        }
        let folders = Folders::open(self)?;
        match self.with_descriptors(&folders, target) {
            // A kernel without `fsopen`, or one whose overlayfs does not know `lowerdir+`.
            Err(error) if error.is_unknown() => self.with_options(&folders, target),
            other => other,
        }
    }

    fn with_descriptors(&self, folders: &Folders, target: &Path) -> Result<(), OverlayError> {
        let context = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC).map_err(plain("fsopen"))?;
        let set = |key: &str, value: &str| {
            fsconfig_set_string(context.as_fd(), key, value)
                .map_err(|error| failure(format!("{key}={value}"), error, &context))
        };
        set("source", "overlay")?;
        for lower in &folders.lowers {
            set("lowerdir+", &lower.name)?;
        }
        if let Some((upper, work)) = &folders.upper {
            set("upperdir", &upper.name)?;
            set("workdir", &work.name)?;
            if !self.flavour.is_users() {
                // What is written must be a layer by itself, whatever the kernel's defaults are.
                set("redirect_dir", "off")?;
                set("metacopy", "off")?;
            }
        }
        if self.flavour.is_users() {
            fsconfig_set_flag(context.as_fd(), "userxattr")
                .map_err(|error| failure("userxattr".to_owned(), error, &context))?;
        }
        fsconfig_create(context.as_fd())
            .map_err(|error| failure("overlay".to_owned(), error, &context))?;
        let mounted = fsmount(
            context.as_fd(),
            FsMountFlags::FSMOUNT_CLOEXEC,
            self.attributes(),
        )
        .map_err(|error| failure("fsmount".to_owned(), error, &context))?;
        attach(&mounted, target)
    }

    fn with_options(&self, folders: &Folders, target: &Path) -> Result<(), OverlayError> {
        let lowers: Vec<String> = folders.lowers.iter().map(Folder::short).collect();
        let mut options = format!("lowerdir={}", lowers.join(":"));
        if let Some((upper, work)) = &folders.upper {
            for (key, folder) in [("upperdir", upper), ("workdir", work)] {
                options.extend([",", key, "=", &folder.short()]);
            }
        }
        if self.flavour.is_users() {
            options += ",userxattr";
        }
        if options.len() > OPTIONS_LIMIT_BYTES {
            return Err(OverlayError {
                step: format!(
                    "this kernel takes {OPTIONS_LIMIT_BYTES} bytes of options, too few for {} layers",
                    lowers.len()
                ),
                kernel: Vec::new(),
                source: Errno::TOOBIG.into(),
            });
        }
        let mut flags = MountFlags::empty();
        if self.upper.is_none() {
            flags |= MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV;
        }
        let options = std::ffi::CString::new(options).map_err(|source| OverlayError {
            step: "overlay".to_owned(),
            kernel: Vec::new(),
            source: source.into(),
        })?;
        mount("overlay", target, "overlay", flags, options.as_c_str()).map_err(plain("overlay"))
    }

    fn attributes(&self) -> MountAttrFlags {
        match self.upper {
            Some(_) => MountAttrFlags::empty(),
            None => read_only_attributes(),
        }
    }
}

// Held open so that they can be named shortly, whatever their paths are.
#[derive(Debug)]
struct Folders {
    lowers: Vec<Folder>,
    upper: Option<(Folder, Folder)>,
}

#[derive(Debug)]
struct Folder {
    /// The path, or a short one that means the same in this process.
    name: String,
    descriptor: OwnedFd,
}

impl Folders {
    fn open(overlay: &Overlay) -> Result<Self, OverlayError> {
        let mut lowers = Vec::with_capacity(overlay.lowers.len() + 1);
        for lower in &overlay.lowers {
            lowers.push(Folder::open(lower)?);
        }
        let upper = match &overlay.upper {
            Some(OverlayUpper { upper, work }) => Some((Folder::open(upper)?, Folder::open(work)?)),
            None => None,
        };
        // Overlayfs wants two layers at least.
        if lowers.len() + usize::from(upper.is_some()) < 2 || lowers.is_empty() {
            lowers.push(Folder::open(&overlay.empty)?);
        }
        Ok(Self { lowers, upper })
    }
}

impl Folder {
    fn open(path: &Path) -> Result<Self, OverlayError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let descriptor =
            rustix::fs::open(path, flags, Mode::empty()).map_err(plain(&path.to_string_lossy()))?;
        let mut folder = Self {
            name: String::new(),
            descriptor,
        };
        folder.name = match path.to_str() {
            Some(text) if text.len() <= VALUE_LIMIT_BYTES && text.starts_with('/') => {
                text.to_owned()
            }
            _ => folder.short(),
        };
        Ok(folder)
    }

    fn short(&self) -> String {
        format!("/proc/self/fd/{}", self.descriptor.as_raw_fd())
    }
}

impl OverlayError {
    fn is_unknown(&self) -> bool {
        let number = self.source.raw_os_error();
        let unknown_key = self.step.starts_with("lowerdir+")
            && number == Some(Errno::INVAL.raw_os_error())
            && self.kernel.iter().all(|line| line.contains("Unknown"));
        number == Some(Errno::NOSYS.raw_os_error()) || unknown_key
    }
}

fn mount_empty(target: &Path) -> Result<(), OverlayError> {
    let context = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC).map_err(plain("fsopen"))?;
    for (key, value) in [("source", "wharf"), ("size", "4096"), ("mode", "0755")] {
        fsconfig_set_string(context.as_fd(), key, value)
            .map_err(|error| failure(format!("{key}={value}"), error, &context))?;
    }
    fsconfig_create(context.as_fd())
        .map_err(|error| failure("tmpfs".to_owned(), error, &context))?;
    let mounted = fsmount(
        context.as_fd(),
        FsMountFlags::FSMOUNT_CLOEXEC,
        read_only_attributes(),
    )
    .map_err(|error| failure("fsmount".to_owned(), error, &context))?;
    attach(&mounted, target)
}

fn read_only_attributes() -> MountAttrFlags {
    MountAttrFlags::MOUNT_ATTR_RDONLY
        | MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
}

fn attach(mounted: &OwnedFd, target: &Path) -> Result<(), OverlayError> {
    move_mount(
        mounted.as_fd(),
        "",
        rustix::fs::CWD,
        target,
        MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH,
    )
    .map_err(plain("move_mount"))
}

fn plain(step: &str) -> impl FnOnce(Errno) -> OverlayError {
    let step = step.to_owned();
    move |error| OverlayError {
        step,
        kernel: Vec::new(),
        source: error.into(),
    }
}

// The kernel says more than the error number: it can be read from the context.
fn failure(step: String, error: Errno, context: &OwnedFd) -> OverlayError {
    let mut kernel = Vec::new();
    let mut line = [0; 1024];
    // As many lines as the kernel keeps.
    for _ in 0..8 {
        match rustix::io::read(context, &mut line) {
            Ok(length) if length > 0 => {
                let text = String::from_utf8_lossy(line.get(..length).unwrap_or_default());
                kernel.push(text.trim_end().to_owned());
            }
            _ => break,
        }
    }
    OverlayError {
        step,
        kernel,
        source: error.into(),
    }
}

fn said(kernel: &[String]) -> String {
    if kernel.is_empty() {
        String::new()
    } else {
        format!(" (the kernel says: {})", kernel.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // What a kernel before 6.5 gets, tried on this one.
    #[test]
    fn privileged_the_old_way_shows_the_same() {
        if !rustix::process::geteuid().is_root() {
            println!("SKIPPED privileged_the_old_way_shows_the_same: mounting needs root");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let make = |name: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir(&path).unwrap();
            path
        };
        let [lower, empty, target] = ["a:,b", "empty", "target"].map(make);
        std::fs::File::create(lower.join("file")).unwrap();
        let overlay = Overlay {
            lowers: vec![lower],
            empty,
            upper: None,
            flavour: Flavour::Root,
        };
        let folders = Folders::open(&overlay).unwrap();
        overlay.with_options(&folders, &target).unwrap();
        let seen = target.join("file").exists();
        let written = std::fs::File::create(target.join("new"));
        rustix::mount::unmount(&target, rustix::mount::UnmountFlags::empty()).unwrap();
        assert!(seen && written.is_err());
    }
}
