//! What builders remember of the blocks that layers were deflated in: `deflated/<digest of the blob>`, in the builder's form. It saves
//! work and nothing else: a file that is lost or damaged is as good as none.

use std::fs::{DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;

use wharf_oci::Digest;

use crate::store::ImageStore;

/// A file may be this large: of a layer of a terabyte.
const LIMIT_BYTES: u64 = 64 << 20;

impl ImageStore {
    fn deflated_folder(&self) -> PathBuf {
        self.root().join("deflated")
    }

    /// What is remembered of the blocks of a blob.
    pub fn deflated_blocks(&self, blob: &Digest) -> Option<Vec<u8>> {
        let path = self.deflated_folder().join(blob.hex());
        let size = path.metadata().ok()?.len();
        (size <= LIMIT_BYTES).then(|| std::fs::read(path).ok())?
    }

    /// Remembers something of the blocks of a blob.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn remember_deflated_blocks(&self, blob: &Digest, blocks: &[u8]) -> io::Result<()> {
        let folder = self.deflated_folder();
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)?;
        // Whole or not at all; after a crash it may be lost, and is written again the next time.
        let mut file = tempfile_in(&folder)?;
        file.1.write_all(blocks)?;
        std::fs::rename(file.0, folder.join(blob.hex()))
    }

    /// Forgets what is remembered of blobs that are gone.
    pub(crate) fn forget_deflated_blocks(&self) -> io::Result<()> {
        let entries = match std::fs::read_dir(self.deflated_folder()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let blob = name.and_then(|hex| format!("sha256:{hex}").parse::<Digest>().ok());
            if blob.is_none_or(|blob| !self.shared.blobs.path(&blob).exists()) {
                match std::fs::remove_file(&path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

/// A new file with a name of this process and thread.
fn tempfile_in(folder: &std::path::Path) -> io::Result<(PathBuf, File)> {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = folder.join(format!("{}-{number}.new", std::process::id()));
    let file = File::create(&path)?;
    Ok((path, file))
}
