//! `load`: the images of an archive or folder into the store.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::PathBuf;
use std::sync::Mutex;

use wharf_images::{ImageStore, Lease, NameRecord};
use wharf_layers::{Compression, Decompressor, MAGIC_BYTES, detect};
use wharf_oci::{
    Algorithm, Descriptor, DiffId, Digest, Hasher, ImageConfig, ImageId, Manifest, MediaType,
    ParsedManifest, Platform, PlatformMatcher, RawManifest, Reference,
};
use wharf_transfer::{
    ArchiveError, ArchiveImage, ErrorKind, EventSink, LayerPart, TransferEvent, read_contents,
};

use super::archive_files::{FolderFiles, Section, Sections, TarFiles};
use crate::engine::Engine;
use crate::error::{EngineError, classify, failure};
use crate::intake::LayerIntake;
use crate::local_endpoint::recorded_layers;
use crate::telling::{Manner, Telling};

const BUFFER_BYTES: usize = 256 << 10;

/// What to load.
#[derive(Debug)]
pub struct LoadRequest {
    /// Where the archive is.
    pub input: LoadInput,
    /// Only the images for this platform, instead of all, and of an index the one for the machine's.
    pub platform: Option<Platform>,
}

/// Where an archive is.
#[derive(Debug)]
pub enum LoadInput {
    /// An open file, which is read where it stands if it is a plain tar; a pipe is written to disk first.
    File(File),
    /// A folder with an OCI layout or an unpacked `docker save` archive.
    Folder(PathBuf),
}

/// Which image of a layout is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LayoutChoice {
    /// The last one.
    Last,
    /// The one with this tag.
    Tag(String),
    /// The one with this manifest, or of this index.
    Digest(Digest),
}

impl std::fmt::Display for LayoutChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Last => Ok(()),
            Self::Tag(tag) => write!(f, "called {tag:?}"),
            Self::Digest(digest) => write!(f, "{digest}"),
        }
    }
}

impl LayoutChoice {
    fn means(&self, image: &ArchiveImage) -> bool {
        match self {
            Self::Last => true,
            Self::Tag(wanted) => image
                .names
                .iter()
                .any(|name| name.tag().is_some_and(|tag| tag.as_str() == wanted)),
            Self::Digest(wanted) => image.manifest.as_ref().is_some_and(|known| {
                let index = known.index.as_ref().map(|index| *index.digest().digest());
                known.manifest.digest().digest() == wanted || index == Some(*wanted)
            }),
        }
    }
}

/// One image that was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedImage {
    /// The image.
    pub id: ImageId,
    /// The names it got; the image is dangling if there are none.
    pub names: Vec<Reference>,
}

impl Engine {
    /// Loads everything, and tells `events` what Docker tells.
    pub fn load(
        &self,
        request: LoadRequest,
        events: &EventSink,
    ) -> Result<Vec<LoadedImage>, EngineError> {
        let wanted = request.platform.as_ref();
        match request.input {
            LoadInput::Folder(root) => self.load_from(&FolderFiles { root }, wanted, events),
            LoadInput::File(file) => {
                let store = self.store()?;
                // Read where it stands if possible; the scratch file lives as long as it is read.
                let scratch = self.plain_copy(store, &file)?;
                let plain = match &scratch {
                    Some(scratch) => scratch.reopen().map_err(classify)?,
                    None => file,
                };
                let files = TarFiles::index(plain, &self.settings().limits)?;
                self.load_from(&files, wanted, events)
            }
        }
    }

    /// A plain tar of what is compressed or comes through a pipe; `None` if `file` can be read as it is.
    fn plain_copy(
        &self,
        store: &ImageStore,
        file: &File,
    ) -> Result<Option<wharf_blobs::Scratch>, EngineError> {
        use std::os::unix::fs::FileExt as _;
        let mut start = [0; MAGIC_BYTES];
        let is_plain_file = file.metadata().map_err(classify)?.is_file()
            && file.read_at(&mut start, 0).map_err(classify)? > 0
            && detect(&start) == Compression::None;
        if is_plain_file {
            return Ok(None);
        }
        let source = BufReader::with_capacity(BUFFER_BYTES, file);
        let mut plain = Decompressor::new(source, &self.settings().limits).map_err(classify)?;
        let mut scratch = store.blobs().scratch().map_err(classify)?;
        copy(&mut plain, &mut scratch).map_err(classify)?;
        Ok(Some(scratch))
    }

    fn load_from(
        &self,
        files: &dyn Sections,
        wanted: Option<&Platform>,
        events: &EventSink,
    ) -> Result<Vec<LoadedImage>, EngineError> {
        let platform = wanted.unwrap_or(&self.settings().platform);
        let mut contents = read_contents(files, platform).map_err(classify)?;
        if let Some(wanted) = wanted {
            leave_out_others(&mut contents, wanted)?;
        }
        let store = self.store()?;
        let lease = store.lease("load").map_err(classify)?;
        let mut loaded = Vec::with_capacity(contents.len());
        for image in &contents {
            let image = self.load_image(files, image, &lease, events)?;
            announce(&image, events);
            loaded.push(image);
        }
        Ok(loaded)
    }

    /// Takes an image of an OCI layout in a folder into the store, under the lease alone: it gets neither a record nor a name.
    pub(crate) fn take_layout(
        &self,
        folder: &std::path::Path,
        chosen: &LayoutChoice,
        platform: &Platform,
        lease: &Lease,
    ) -> Result<wharf_oci::ManifestDigest, EngineError> {
        let root = folder.to_path_buf();
        let files = FolderFiles { root };
        let contents = read_contents(&files, platform).map_err(classify)?;
        let found = contents.iter().rev().find(|image| chosen.means(image));
        let (image, manifest) = found
            .and_then(|image| Some((image, &image.manifest.as_ref()?.manifest)))
            .ok_or_else(|| {
                let text = format!("{} has no image {chosen}", folder.display());
                failure(ErrorKind::NotFound, text)
            })?;
        let ParsedManifest::Manifest(parsed) = manifest.parse().map_err(classify)? else {
            let text = format!("{} is an index, not an image", manifest.digest());
            return Err(failure(ErrorKind::Invalid, text));
        };
        let config = ImageConfig::parse(image.config.clone()).map_err(classify)?;
        let layers = layer_parts(&parsed, &config);
        protect(lease, manifest, &parsed, &layers)?;
        let nobody: EventSink = std::sync::Arc::new(|_event: TransferEvent| ());
        self.take_layers(&files, image, &layers, &nobody)?;
        let blobs = self.store()?.blobs();
        blobs
            .put_document(&parsed.config.digest, config.bytes())
            .map_err(classify)?;
        blobs
            .put_document(manifest.digest().digest(), manifest.bytes())
            .map_err(classify)?;
        Ok(manifest.digest())
    }

    fn load_image(
        &self,
        files: &dyn Sections,
        image: &ArchiveImage,
        lease: &Lease,
        events: &EventSink,
    ) -> Result<LoadedImage, EngineError> {
        let store = self.store()?;
        let config = ImageConfig::parse(image.config.clone()).map_err(classify)?;
        let manifest = match &image.manifest {
            Some(known) => known.manifest.clone(),
            None => self.make_manifest(files, image, &config, lease)?,
        };
        let ParsedManifest::Manifest(parsed) = manifest.parse().map_err(classify)? else {
            let text = format!("{} is an index, not an image", manifest.digest());
            return Err(failure(ErrorKind::Invalid, text));
        };
        let layers = layer_parts(&parsed, &config);
        protect(lease, &manifest, &parsed, &layers)?;
        self.take_layers(files, image, &layers, events)?;
        let blobs = store.blobs();
        blobs
            .put_document(&parsed.config.digest, config.bytes())
            .map_err(classify)?;
        blobs
            .put_document(manifest.digest().digest(), manifest.bytes())
            .map_err(classify)?;
        let mut target = manifest.descriptor();
        if let Some(index) = image
            .manifest
            .as_ref()
            .and_then(|known| known.index.as_ref())
        {
            blobs
                .put_document(index.digest().digest(), index.bytes())
                .map_err(classify)?;
            target = index.descriptor();
        }
        let recorded = recorded_layers(store, &layers)?;
        let id = config.id();
        let updated = store.clock().now();
        let names = image.names.iter().map(|name| NameRecord {
            name: name.clone(),
            target: target.clone(),
            manifest: manifest.digest(),
            image: id,
            updated,
        });
        let names: Vec<_> = names.collect();
        let previous = store
            .record_named_image(&manifest, &config, &recorded, lease, &names)
            .map_err(classify)?;
        tell_renamed(id, &image.names, previous, events);
        Ok(LoadedImage {
            id,
            names: image.names.clone(),
        })
    }

    /// Takes the layers side by side, as many as the machine has processors for.
    fn take_layers(
        &self,
        files: &dyn Sections,
        image: &ArchiveImage,
        layers: &[LayerPart],
        events: &EventSink,
    ) -> Result<(), EngineError> {
        let store = self.store()?;
        let jobs = Mutex::new(layers.iter().zip(&image.layers));
        let failed = Mutex::new(None);
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        let work = || {
            while let Some((layer, place)) = next_job(&jobs, &failed) {
                let id = crate::registry_endpoint::layer_id(layer);
                let intake = LayerIntake {
                    store,
                    descriptor: &layer.descriptor,
                    diff_id: layer.diff_id,
                    limits: &self.settings().limits,
                    telling: &Telling::new(events, id, Manner::Load),
                };
                let section = files.section(&place.path).map_err(classify);
                let taken = section.and_then(|section| {
                    match intake.run(&mut section.clone()) {
                        Err(failure) if failure.built_on_leftovers => {
                            intake.run(&mut section.clone())
                        }
                        taken => taken,
                    }
                    .map_err(EngineError::from)
                });
                if let Err(error) = taken {
                    locked(&failed).get_or_insert(error);
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..workers.min(layers.len()) {
                scope.spawn(work);
            }
        });
        let error = locked(&failed).take();
        error.map_or(Ok(()), Err)
    }

    /// Archives without manifests get one of Docker's: over the layers as they are.
    fn make_manifest(
        &self,
        files: &dyn Sections,
        image: &ArchiveImage,
        config: &ImageConfig,
        lease: &Lease,
    ) -> Result<RawManifest, EngineError> {
        let mut layers = Vec::with_capacity(image.layers.len());
        for (place, diff_id) in image.layers.iter().zip(config.diff_ids()) {
            let section = files.section(&place.path).map_err(classify)?;
            layers.push(self.describe(section, *diff_id, lease)?);
        }
        let size = config.bytes().len() as u64;
        let manifest = Manifest {
            schema_version: 2,
            media_type: Some(MediaType::new(MediaType::DOCKER_MANIFEST)),
            artifact_type: None,
            config: Descriptor::new(MediaType::DOCKER_CONFIG, *config.id().digest(), size),
            layers,
            subject: None,
            annotations: std::collections::BTreeMap::new(),
        };
        RawManifest::from_manifest(&manifest).map_err(classify)
    }

    fn describe(
        &self,
        mut section: Section,
        diff_id: DiffId,
        lease: &Lease,
    ) -> Result<Descriptor, EngineError> {
        let whole = section.clone();
        let mut start = Vec::with_capacity(MAGIC_BYTES);
        section
            .by_ref()
            .take(MAGIC_BYTES as u64)
            .read_to_end(&mut start)
            .map_err(classify)?;
        let media_type = match detect(&start) {
            // The digest of a plain tar is its diff ID, which is verified when it is taken.
            Compression::None => {
                let size = whole.len();
                return Ok(Descriptor::new(
                    MediaType::DOCKER_LAYER,
                    *diff_id.digest(),
                    size,
                ));
            }
            Compression::Gzip => MediaType::DOCKER_LAYER_GZIP,
            Compression::Zstd => MediaType::OCI_LAYER_ZSTD,
            // No registry knows these: the layer is kept as a plain tar.
            Compression::Bzip2 | Compression::Xz => return self.spooled_plain(whole, lease),
        };
        let size = whole.len();
        Ok(Descriptor::new(
            media_type,
            hash(whole).map_err(classify)?,
            size,
        ))
    }

    fn spooled_plain(&self, section: Section, lease: &Lease) -> Result<Descriptor, EngineError> {
        let blobs = self.store()?.blobs();
        let source = BufReader::with_capacity(BUFFER_BYTES, section);
        let mut plain = Decompressor::new(source, &self.settings().limits).map_err(classify)?;
        let mut spool = blobs.spool().map_err(classify)?;
        copy(&mut plain, &mut spool).map_err(classify)?;
        lease.protect(&[spool.digest()]).map_err(classify)?;
        let (digest, size) = spool.publish(blobs, blobs.group_sync()).map_err(classify)?;
        Ok(Descriptor::new(MediaType::DOCKER_LAYER, digest, size))
    }
}

/// Docker's words, one line for each name.
fn announce(image: &LoadedImage, events: &EventSink) {
    if image.names.is_empty() {
        let text = format!("Loaded image ID: {}", image.id);
        events(TransferEvent::Status(text));
    }
    for name in &image.names {
        let text = format!("Loaded image: {}", name.familiar());
        events(TransferEvent::Status(text));
    }
}

fn layer_parts(manifest: &Manifest, config: &ImageConfig) -> Vec<LayerPart> {
    let pairs = manifest.layers.iter().zip(config.diff_ids());
    pairs
        .map(|(descriptor, diff_id)| LayerPart {
            descriptor: descriptor.clone(),
            diff_id: Some(*diff_id),
        })
        .collect()
}

fn protect(
    lease: &Lease,
    manifest: &RawManifest,
    parsed: &Manifest,
    layers: &[LayerPart],
) -> Result<(), EngineError> {
    let mut digests = vec![*manifest.digest().digest(), parsed.config.digest];
    for layer in layers {
        digests.push(layer.descriptor.digest);
        digests.extend(layer.diff_id.map(|diff_id| *diff_id.digest()));
    }
    lease.protect(&digests).map_err(classify)
}

/// Tells where another image has lost a name to `image`. The text is Docker's.
fn tell_renamed(
    image: ImageId,
    names: &[Reference],
    previous: Vec<Option<NameRecord>>,
    events: &EventSink,
) {
    for (name, previous) in names.iter().zip(previous) {
        if let Some(previous) = previous.filter(|previous| previous.image != image) {
            events(TransferEvent::Status(format!(
                "The image {} already exists, renaming the old one with ID {} to empty string",
                name.familiar(),
                previous.image
            )));
        }
    }
}

fn next_job<T>(
    jobs: &Mutex<impl Iterator<Item = T>>,
    failed: &Mutex<Option<EngineError>>,
) -> Option<T> {
    if locked(failed).is_some() {
        return None;
    }
    locked(jobs).next()
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn hash(mut section: Section) -> io::Result<Digest> {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = section.read(&mut buffer)?;
        if count == 0 {
            return Ok(hasher.finish());
        }
        hasher.update(buffer.get(..count).unwrap_or_default());
    }
}

/// Leaves the images for other platforms than `wanted` out. That none is left is an error: nothing would be done.
fn leave_out_others(
    contents: &mut Vec<ArchiveImage>,
    wanted: &Platform,
) -> Result<(), EngineError> {
    let matcher = PlatformMatcher::only_strict(wanted);
    let mut fitting = Vec::with_capacity(contents.len());
    for image in contents.drain(..) {
        let config = ImageConfig::parse(image.config.clone()).map_err(classify)?;
        if matcher.rank(&config.platform()).is_some() {
            fitting.push(image);
        }
    }
    *contents = fitting;
    if contents.is_empty() {
        return Err(classify(ArchiveError::NoMatchingPlatform(wanted.clone())));
    }
    Ok(())
}

/// As [`io::copy`], with large steps.
pub(super) fn copy(from: &mut dyn Read, to: &mut dyn io::Write) -> io::Result<u64> {
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut total = 0;
    loop {
        let count = from.read(&mut buffer)?;
        if count == 0 {
            return Ok(total);
        }
        to.write_all(buffer.get(..count).unwrap_or_default())?;
        total += count as u64;
    }
}
