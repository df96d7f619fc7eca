//! `PATH | URL | -` and `--file`: where files and the Dockerfile come from.

use std::io::{self, Read};
use std::path::PathBuf;

use anyhow::Context as _;
use wharf_build::dockerfile::limits::MAXIMUM_FILE_BYTES;
use wharf_engine::{ContextSource, DockerfileSource, LayoutChoice, NamedContext};

const STDIN: &str = "-";
/// Enough to see that an archive begins.
const MAGIC_BYTES: u64 = 512;

/// Where files come from, and where the Dockerfile is.
pub(super) fn sources(
    context: &str,
    file: Option<&str>,
) -> anyhow::Result<(ContextSource, DockerfileSource)> {
    let named = |file: &str| DockerfileSource::InContext(Some(file.to_owned()));
    match (context, file) {
        (STDIN, Some(STDIN)) => {
            anyhow::bail!("invalid argument: can't use stdin for both build context and dockerfile")
        }
        (STDIN, file) => stdin_context(file),
        (context, Some(STDIN)) => {
            let dockerfile = DockerfileSource::Bytes(limited_stdin(io::stdin().lock())?);
            Ok((source(context), dockerfile))
        }
        (context, file) => {
            let source = source(context);
            let dockerfile = match (&source, file) {
                (ContextSource::Folder(_), Some(file)) => DockerfileSource::File(file.into()),
                (_, Some(file)) => named(file),
                (_, None) => DockerfileSource::InContext(None),
            };
            Ok((source, dockerfile))
        }
    }
}

/// What a `NAME=VALUE` of `--build-context` means.
pub(super) fn named_context(text: &str) -> anyhow::Result<(String, NamedContext)> {
    let (name, value) = text
        .split_once('=')
        .filter(|(name, value)| !name.is_empty() && !value.is_empty())
        .with_context(|| format!("invalid context value: {text}, expected key=value"))?;
    let context = if let Some(image) = value.strip_prefix("docker-image://") {
        let reference: wharf_oci::Reference = image.parse()?;
        NamedContext::Image(reference.digest_wins().or_latest())
    } else if let Some(layout) = value.strip_prefix("oci-layout://") {
        layout_context(layout)?
    } else {
        match source(value) {
            ContextSource::Git(address) => NamedContext::Git(address),
            ContextSource::Url(url) => NamedContext::Url(url),
            _ => NamedContext::Folder(PathBuf::from(value)),
        }
    };
    Ok((name.to_owned(), context))
}

/// `FOLDER`, `FOLDER:TAG`, `FOLDER@DIGEST`.
fn layout_context(text: &str) -> anyhow::Result<NamedContext> {
    let (folder, image) = if let Some((folder, digest)) = text.rsplit_once('@') {
        let parsed: Result<wharf_oci::Digest, _> = digest.parse();
        let digest = parsed
            .map_err(|error| anyhow::anyhow!("invalid digest {digest:?} of a layout: {error}"))?;
        (folder, LayoutChoice::Digest(digest))
    } else {
        match text.rsplit_once(':') {
            Some((folder, tag)) if !tag.contains('/') => {
                (folder, LayoutChoice::Tag(tag.to_owned()))
            }
            _ => (text, LayoutChoice::Last),
        }
    };
    Ok(NamedContext::Layout {
        folder: PathBuf::from(folder),
        image,
    })
}

fn source(text: &str) -> ContextSource {
    let is_web = text.starts_with("http://") || text.starts_with("https://");
    let address = text.split(['#', '?']).next().unwrap_or(text);
    let is_git = text.starts_with("git://")
        || text.starts_with("ssh://")
        || text.starts_with("git@")
        || text.starts_with("github.com/")
        || (is_web && address.strip_suffix(".git").is_some());
    if is_git {
        let text = match text.strip_prefix("github.com/") {
            Some(_) => format!("https://{text}"),
            None => text.to_owned(),
        };
        ContextSource::Git(text)
    } else if is_web {
        ContextSource::Url(text.to_owned())
    } else {
        ContextSource::Folder(PathBuf::from(text))
    }
}

/// An archive, or a Dockerfile without a context.
fn stdin_context(file: Option<&str>) -> anyhow::Result<(ContextSource, DockerfileSource)> {
    let mut input = io::stdin();
    let mut start = Vec::new();
    let read = input.by_ref().take(MAGIC_BYTES).read_to_end(&mut start);
    read.context("cannot read stdin")?;
    let is_compressed = wharf_layers::detect(&start) != wharf_layers::Compression::None;
    let is_archive = is_compressed || start.get(257..262) == Some(b"ustar");
    let whole = io::Cursor::new(start).chain(input);
    if is_archive {
        let dockerfile = DockerfileSource::InContext(file.map(str::to_owned));
        return Ok((ContextSource::Archive(Box::new(whole)), dockerfile));
    }
    let dockerfile = DockerfileSource::Bytes(limited_stdin(whole)?);
    Ok((ContextSource::Nothing, dockerfile))
}

/// One byte more than a Dockerfile may have, so that its reader sees that it is too large.
fn limited_stdin(input: impl Read) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input
        .take(MAXIMUM_FILE_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .context("cannot read stdin")?;
    Ok(bytes)
}
