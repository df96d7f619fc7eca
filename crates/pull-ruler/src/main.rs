//! `pull-ruler REGISTRY/REPOSITORY:TAG ROOT [PROGRAM...]`: the bare work of pulling an image.
//!
//! The measure that `cargo xtask bench` holds against Wharf and its peers: fetch each layer over plain HTTP, hash the blob,
//! inflate it, hash the tar, write the files into one directory per layer, two layers at a time; one `syncfs`; mount the
//! union with overlayfs and run one program in it. It does nothing else: it keeps no blob, resumes nothing, defends itself
//! against nothing and prints nothing but errors. Never point it at an image that you did not make.

mod archive;
mod http;
mod inflate;
mod pull;
mod union;
mod untar;

use std::env;
use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

/// Why the ruler failed: it has one reader, the person who runs the benchmark.
type Failure = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    match measure(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nothing is left to do when standard error is closed.
            drop(writeln!(std::io::stderr(), "pull-ruler: {failure}"));
            ExitCode::FAILURE
        }
    }
}

fn measure(words: &[String]) -> Result<(), Failure> {
    let [reference, root, program @ ..] = words else {
        return Err("usage: pull-ruler REGISTRY/REPOSITORY:TAG ROOT [PROGRAM...]".into());
    };
    let root = Path::new(root);
    let layers = pull::pull(reference, root)?;
    if program.is_empty() {
        return Ok(());
    }
    union::run_in_union(root, layers, program)
}
