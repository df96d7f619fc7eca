//! What is built: contexts with a Dockerfile, made on this machine, the same every time.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// As many as a middling tree of dependencies has.
const FILES: usize = 20_000;
const FILES_IN_A_FOLDER: usize = 100;
/// On average; they are from nothing to twice that.
const FILE_BYTES: usize = 1_350;
const LARGE_FILE_MEGABYTES: usize = 2_000;

/// A context.
#[derive(Debug)]
pub(super) struct Project {
    pub(super) folder: PathBuf,
}

impl Project {
    /// One with this Dockerfile and nothing else.
    pub(super) fn new(cache: &Path, name: &str, dockerfile: &str) -> Result<Self> {
        let folder = cache.join("contexts").join(name);
        fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
        let project = Self { folder };
        project.write("Dockerfile", dockerfile.as_bytes())?;
        Ok(project)
    }

    /// Steps that do nothing upon `base`.
    pub(super) fn of_steps(cache: &Path, base: &str, steps: usize) -> Result<Self> {
        let mut dockerfile = format!("FROM {base}\n");
        for step in 0..steps {
            // Each another one, so that nobody can take one for all.
            let _ = writeln!(dockerfile, r#"RUN ["/bin/busybox", "true", "{step}"]"#);
        }
        Self::new(cache, &format!("steps-{steps}"), &dockerfile)
    }

    /// Two stages that count to `limit` each, and one that takes what both came to.
    pub(super) fn of_stages(cache: &Path, base: &str, limit: usize) -> Result<Self> {
        let mut dockerfile = String::new();
        for stage in ["one", "two"] {
            let script = format!(
                "i=0; while [ $i -lt {limit} ]; do i=$((i+1)); done; echo {stage} >/{stage}"
            );
            let _ = writeln!(
                dockerfile,
                "FROM {base} AS {stage}\nRUN [\"/bin/busybox\", \"sh\", \"-c\", \"{script}\"]"
            );
        }
        dockerfile.push_str("FROM scratch\nCOPY --from=one /one /\nCOPY --from=two /two /\n");
        Self::new(cache, "stages", &dockerfile)
    }

    /// Many small files.
    pub(super) fn of_files(cache: &Path) -> Result<Self> {
        let project = Self::new(cache, "files", "FROM scratch\nCOPY . /files/\n")?;
        let done = project.folder.join("done");
        if !done.exists() {
            for number in 0..FILES {
                let folder = format!("folder-{}", number / FILES_IN_A_FOLDER);
                fs::create_dir_all(project.folder.join(&folder))?;
                let line = format!("line of file {number}\n");
                let bytes = number * 7919 % (2 * FILE_BYTES);
                let content = line.repeat(bytes / line.len() + 1);
                project.write(&format!("{folder}/file-{number}"), content.as_bytes())?;
            }
            project.write("done", b"")?;
        }
        Ok(project)
    }

    /// One large file, no two megabytes of it the same.
    pub(super) fn of_large_file(cache: &Path) -> Result<Self> {
        let project = Self::new(cache, "large-file", "FROM scratch\nCOPY large /\n")?;
        let large = project.folder.join("large");
        if !large.exists() {
            let partial = project.folder.join("partial");
            let mut file = BufWriter::new(File::create(&partial)?);
            let mut block: Vec<u8> = (0..1_000_000_u32)
                .map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8)
                .collect();
            for number in 0..LARGE_FILE_MEGABYTES {
                block[..8].copy_from_slice(&(number as u64).to_le_bytes());
                file.write_all(&block)?;
            }
            file.into_inner()?.sync_all()?;
            fs::rename(&partial, &large)?;
        }
        Ok(project)
    }

    /// Puts a file into the context.
    pub(super) fn write(&self, name: &str, content: &[u8]) -> Result<()> {
        let path = self.folder.join(name);
        let mut file =
            File::create(&path).with_context(|| format!("creating {}", path.display()))?;
        file.write_all(content)
            .with_context(|| format!("writing {}", path.display()))
    }
}
