//! What is in each image.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use tar::{Builder, Header};

use super::corpus::{Corpus, Random};
use super::layer::{Form, Layer, LayerWriter};
use super::layout::{blob_folder, image_config, write, write_layout};
use super::packages::{Packages, files_of};
use crate::terminal::say;

/// Raised when a recipe changes, so that cached images are made again.
const RECIPE_VERSION: &str = "1";
const BUSYBOX: &str = "/bin/busybox";

/// A compiler and the tools around it, as development images hold them; what is not installed is left out.
const TOOLS: [&str; 10] = [
    "gcc",
    "g++",
    "make",
    "libc6-dev",
    "git",
    "python3",
    "perl",
    "cmake",
    "vim",
    "python3-dev",
];
const SMALL_FILES: usize = 30_000;
const SMALL_FILE_MEAN_BYTES: usize = 8_800;

const LARGE_LAYERS: u64 = 8;
const LARGE_LAYER_BYTES: usize = 250_000_000;

/// How many images the listing case has in its store.
pub(crate) const TINY_IMAGES: usize = 1_000;

/// An image that can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ImageName {
    /// busybox alone, one layer.
    Small,
    /// A Debian with a compiler and 30,000 small files, four layers, about 1 GB.
    Medium,
    /// The same with zstd layers.
    MediumZstd,
    /// 2 GB in eight layers, half of it incompressible.
    Large,
}

impl ImageName {
    /// The word in the repository's name, on the command line and in the tables.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Medium => "medium",
            Self::MediumZstd => "medium-zstd",
            Self::Large => "large",
        }
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())
    }
}

/// The OCI layout of `image` in the cache, made when it is not there.
pub(crate) fn ensure_image(cache: &Path, image: ImageName) -> Result<PathBuf> {
    let folder = image_folder(cache, image);
    if fs::read_to_string(folder.join("complete")).is_ok_and(|mark| mark == RECIPE_VERSION) {
        return Ok(folder);
    }
    say(&format!("making the image {image}"));
    match image {
        ImageName::Small => make(cache, &[(image, Form::Gzip)], &[Box::new(busybox)])?,
        ImageName::Medium | ImageName::MediumZstd => {
            let both = [
                (ImageName::Medium, Form::Gzip),
                (ImageName::MediumZstd, Form::Zstd),
            ];
            make(cache, &both, &medium()?)?;
        }
        ImageName::Large => make(cache, &[(image, Form::Gzip)], &large()?)?,
    }
    Ok(folder)
}

fn image_folder(cache: &Path, image: ImageName) -> PathBuf {
    cache.join("images").join(image.word())
}

/// Fills one layer.
type Recipe = Box<dyn Fn(&mut LayerWriter) -> Result<()> + Send + Sync>;

/// Makes the images that consist of the same layers in different forms, two layers at a time.
fn make(cache: &Path, images: &[(ImageName, Form)], recipes: &[Recipe]) -> Result<()> {
    let mut outputs = Vec::new();
    for (image, form) in images {
        let folder = image_folder(cache, *image);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        outputs.push((*form, blob_folder(&folder)?));
    }
    let outputs: Vec<(Form, &Path)> = outputs
        .iter()
        .map(|(form, folder)| (*form, folder.as_path()))
        .collect();
    let make_layer = |position: usize| -> Result<Layer> {
        let mut writer = LayerWriter::new(&outputs, &format!("layer-{position}"))?;
        recipes[position](&mut writer)?;
        writer.finish()
    };
    let layers = in_parallel(recipes.len(), &make_layer)?;
    for (position, (image, _)) in images.iter().enumerate() {
        let folder = image_folder(cache, *image);
        write_layout(&folder, &layers, position)?;
        write(&folder.join("complete"), RECIPE_VERSION.as_bytes())?;
    }
    Ok(())
}

fn in_parallel<T: Send>(
    count: usize,
    work: &(dyn Fn(usize) -> Result<T> + Sync),
) -> Result<Vec<T>> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let worker = || -> Result<Vec<(usize, T)>> {
        let mut done = Vec::new();
        loop {
            let position = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            if position >= count {
                return Ok(done);
            }
            done.push((position, work(position)?));
        }
    };
    let mut done = thread::scope(|scope| -> Result<Vec<(usize, T)>> {
        let threads = thread::available_parallelism().map_or(2, usize::from);
        let workers: Vec<_> = (0..threads.min(count))
            .map(|_| scope.spawn(worker))
            .collect();
        let mut all = Vec::new();
        for worker in workers {
            match worker.join() {
                Ok(done) => all.extend(done?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(all)
    })?;
    done.sort_by_key(|(position, _)| *position);
    Ok(done.into_iter().map(|(_, value)| value).collect())
}

fn busybox(layer: &mut LayerWriter) -> Result<()> {
    let program = fs::read(BUSYBOX).with_context(
        || "/bin/busybox is missing: install the package busybox-static (the images need a program that runs alone)",
    )?;
    for folder in ["bin", "dev", "etc", "proc", "sys", "tmp"] {
        layer.directory(folder)?;
    }
    layer.file("bin/busybox", 0o755, &program)?;
    layer.file("etc/passwd", 0o644, b"root:x:0:0:root:/root:/bin/sh\n")
}

fn medium() -> Result<Vec<Recipe>> {
    let packages = Packages::installed()?;
    let mut base = packages.base();
    base.extend(packages.with_needs(&["busybox-static"]));
    if !base.contains("busybox-static") {
        bail!("install the package busybox-static: the images need a program that runs alone");
    }
    let base = files_of(&base)?;
    let tools: BTreeSet<PathBuf> = files_of(&packages.with_needs(&TOOLS))?
        .difference(&base)
        .cloned()
        .collect();
    Ok(vec![
        Box::new(move |layer| copy_all(layer, &base)),
        Box::new(move |layer| copy_all(layer, &tools)),
        Box::new(small_files),
        Box::new(application),
    ])
}

fn copy_all(layer: &mut LayerWriter, files: &BTreeSet<PathBuf>) -> Result<()> {
    for path in files {
        let inside = path.strip_prefix("/").unwrap_or(path);
        layer.copy(path, &inside.to_string_lossy())?;
    }
    Ok(())
}

/// Thirty thousand files, as a package manager of a scripting language leaves them.
fn small_files(layer: &mut LayerWriter) -> Result<()> {
    let corpus = Corpus::read()?;
    let mut random = Random::new(3);
    let mut made = 0;
    for folder in ["srv", "srv/app", "srv/app/node_modules"] {
        layer.directory(folder)?;
    }
    for package in 0.. {
        let root = format!("srv/app/node_modules/package-{package:04}");
        layer.directory(&root)?;
        for part in ["lib", "test", "types"] {
            let folder = format!("{root}/{part}");
            layer.directory(&folder)?;
            for file in 0..(3 + random.below(14)) {
                if made == SMALL_FILES {
                    return Ok(());
                }
                let length = random.file_size(SMALL_FILE_MEAN_BYTES);
                let text = corpus.text(&mut random, length);
                layer.file(&format!("{folder}/module-{file}.js"), 0o644, &text)?;
                made += 1;
            }
        }
    }
    Ok(())
}

/// A last layer as a build leaves it: some new files, one that is replaced, one that is gone, one folder emptied.
fn application(layer: &mut LayerWriter) -> Result<()> {
    let corpus = Corpus::read()?;
    let mut random = Random::new(4);
    layer.directory("srv/app")?;
    for file in 0..200 {
        let text = corpus.text(&mut random, 6_000);
        layer.file(&format!("srv/app/source-{file:03}.js"), 0o644, &text)?;
    }
    layer.file(
        "srv/app/node_modules/package-0000/lib/module-0.js",
        0o644,
        b"'use strict'\n",
    )?;
    layer.file(
        "srv/app/node_modules/package-0001/lib/.wh.module-0.js",
        0o644,
        b"",
    )?;
    layer.directory("srv/app/node_modules/package-0002/test")?;
    layer.file(
        "srv/app/node_modules/package-0002/test/.wh..wh..opq",
        0o644,
        b"",
    )
}

fn large() -> Result<Vec<Recipe>> {
    let corpus = std::sync::Arc::new(Corpus::read()?);
    Ok((0..LARGE_LAYERS)
        .map(|position| {
            let corpus = corpus.clone();
            let recipe: Recipe = Box::new(move |layer| {
                if position == 0 {
                    busybox(layer)?;
                }
                large_layer(layer, position, &corpus)
            });
            recipe
        })
        .collect())
}

/// Big binaries that do not compress, and text that does, half and half.
fn large_layer(layer: &mut LayerWriter, position: u64, corpus: &Corpus) -> Result<()> {
    let mut random = Random::new(100 + position);
    let folder = format!("data-{position}");
    layer.directory(&folder)?;
    let mut written = 0;
    let mut file = 0;
    while written < LARGE_LAYER_BYTES {
        let length = random.file_size(4_000_000);
        let bytes = random.bytes(length);
        layer.file(&format!("{folder}/binary-{file:04}"), 0o755, &bytes)?;
        written += length;
        let mut left = length;
        let mut part = 0;
        while left > 0 {
            let length = random.file_size(120_000).min(left);
            let text = corpus.text(&mut random, length);
            layer.file(&format!("{folder}/text-{file:04}-{part:03}"), 0o644, &text)?;
            left -= length;
            written += length;
            part += 1;
        }
        file += 1;
    }
    Ok(())
}

/// A `docker save` archive of `count` images of one tiny layer each, tagged `tiny/N:latest`.
pub(crate) fn ensure_tiny_archive(cache: &Path, count: usize) -> Result<PathBuf> {
    let path = cache
        .join("images")
        .join(format!("tiny-{count}-{RECIPE_VERSION}.tar"));
    if path.exists() {
        return Ok(path);
    }
    let scratch = cache.join("images/tiny-scratch");
    fs::create_dir_all(&scratch)?;
    let partial = path.with_extension("partial");
    let mut archive = Builder::new(std::io::BufWriter::new(File::create(&partial)?));
    let mut manifest = Vec::with_capacity(count);
    for number in 0..count {
        let mut writer = LayerWriter::new(&[(Form::Gzip, &scratch)], "tiny")?;
        writer.file("number", 0o644, number.to_string().as_bytes())?;
        let layer = writer.finish()?;
        let hex = layer.blobs[0].digest.trim_start_matches("sha256:");
        let blob = scratch.join(hex);
        let name = format!("{number}/layer.tar");
        append(&mut archive, &name, &fs::read(&blob)?)?;
        fs::remove_file(&blob)?;
        let config = serde_json::to_vec(&image_config(&[layer], &format!("tiny {number}")))?;
        append(&mut archive, &format!("{number}.json"), &config)?;
        manifest.push(json!({
            "Config": format!("{number}.json"),
            "RepoTags": [format!("tiny/{number}:latest")],
            "Layers": [name],
        }));
    }
    append(
        &mut archive,
        "manifest.json",
        &serde_json::to_vec(&Value::from(manifest))?,
    )?;
    archive
        .into_inner()?
        .into_inner()
        .map_err(std::io::IntoInnerError::into_error)?;
    fs::remove_dir(&scratch)?;
    fs::rename(&partial, &path)?;
    Ok(path)
}

fn append(archive: &mut Builder<std::io::BufWriter<File>>, name: &str, bytes: &[u8]) -> Result<()> {
    let mut header = Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    Ok(archive.append_data(&mut header, name, bytes)?)
}
