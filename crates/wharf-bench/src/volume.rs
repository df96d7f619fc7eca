//! A fresh file system for each store under test.
//!
//! Fresh, because creating files where many were deleted a moment ago costs ext4 several times as much, whoever does it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::accounting::run;
use crate::sandbox::Sandbox;
use crate::waiting::wait_until;

const SIZE_BYTES: u64 = 16 << 30;

/// What the stores under test lie on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum VolumeKind {
    /// ext4 with a journal, on a loop device over a file in the cache folder.
    Ext4,
    /// Memory.
    Tmpfs,
}

/// A mounted file system, empty at first, gone when dropped.
#[derive(Debug)]
pub(crate) struct Volume {
    path: PathBuf,
}

impl Volume {
    pub(crate) fn fresh(sandbox: &Sandbox, kind: VolumeKind, name: &str) -> Result<Self> {
        let path = sandbox.run.join(name);
        fs::create_dir_all(&path)?;
        match kind {
            VolumeKind::Tmpfs => {
                let options = c"size=80%,mode=0755";
                mount("wharf-bench", &path, "tmpfs", MountFlags::empty(), options)?;
            }
            VolumeKind::Ext4 => mount_ext4(&sandbox.cache.join(format!("{name}.ext4")), &path)?,
        }
        Ok(Self { path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

fn mount_ext4(file: &Path, target: &Path) -> Result<()> {
    if file.exists() {
        fs::remove_file(file)?;
    }
    File::create(file)
        .and_then(|created| created.set_len(SIZE_BYTES))
        .with_context(|| format!("creating {}", file.display()))?;
    run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(file))?;
    // Direct: else each byte lies in memory twice, and every sync waits for the disk below to find its pages.
    let device = run(Command::new("losetup")
        .args(["--find", "--show", "--direct-io=on"])
        .arg(file))?;
    let device = device.trim();
    // `noinit_itable`: the kernel's thread that zeroes inode tables in the background would be measured too.
    let mounted = run(Command::new("mount")
        .args(["-t", "ext4", "-o", "noinit_itable", device])
        .arg(target));
    // While it is mounted, detaching means: when it is unmounted, however that happens. And the device holds the file.
    run(Command::new("losetup").args(["--detach", device]))?;
    mounted?;
    fs::remove_file(file)?;
    Ok(())
}

impl Drop for Volume {
    fn drop(&mut self) {
        let unmounted = wait_until("the volume", Duration::from_secs(5), || {
            unmount(&self.path, UnmountFlags::empty()).is_ok()
        });
        if unmounted.is_err() {
            // Something still has a file open: it goes when that ends, at the latest with this program.
            let _ = unmount(&self.path, UnmountFlags::DETACH);
        }
    }
}
