//! A store in a temporary folder, and images to put there.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use wharf_blobs::IngestSlot;
use wharf_images::{
    Clock, Flavour, ImageRecord, ImageStore, LayerFacts, LayerRecord, LayerSlot, NameRecord,
    OpenOptions,
};
use wharf_layers::{ApplyOptions, apply_layer};
use wharf_oci::{
    Algorithm, Descriptor, DiffId, Digest, ImageConfig, MediaType, RawManifest, Reference,
};

/// A store of its own for one test.
pub(crate) struct Fixture {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) store: ImageStore,
    pub(crate) now: Arc<AtomicI64>,
}

/// An image to be made.
pub(crate) struct ImageSpec {
    pub(crate) name: &'static str,
    pub(crate) created: &'static str,
    pub(crate) labels: &'static [(&'static str, &'static str)],
    /// Each layer is one file of this name, whose content is the name too.
    pub(crate) layers: Vec<String>,
}

impl Default for ImageSpec {
    fn default() -> Self {
        Self {
            name: "image",
            created: "2024-01-01T00:00:00Z",
            labels: &[],
            layers: vec!["base".to_owned()],
        }
    }
}

impl ImageSpec {
    pub(crate) fn new(name: &'static str, layers: &[&str]) -> Self {
        Self {
            name,
            layers: layers.iter().map(|layer| (*layer).to_owned()).collect(),
            ..Self::default()
        }
    }
}

pub(crate) fn flavour() -> Flavour {
    if rustix::process::geteuid().is_root() {
        Flavour::Root
    } else {
        Flavour::User
    }
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let now = Arc::new(AtomicI64::new(1_700_000_000));
        let store = open(&folder.path().join("store"), &now);
        Self { folder, store, now }
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    /// Another handle, as another process would have.
    pub(crate) fn reopen(&self) -> ImageStore {
        open(&self.root(), &self.now)
    }

    /// Makes the image and gives it the name `name:tag` and `name@digest`, as a pull does.
    pub(crate) fn pull(&self, spec: &ImageSpec, tag: &str) -> ImageRecord {
        let (manifest, image) = record(&self.store, spec);
        let target = manifest.descriptor();
        let names = [
            reference(&format!("{}:{tag}", spec.name)),
            reference(&format!("{}@{}", spec.name, manifest.digest())),
        ];
        let names = names.map(|name| NameRecord {
            name,
            target: target.clone(),
            manifest: manifest.digest(),
            image: image.id,
            updated: self.store.clock().now(),
        });
        self.store.set_names(&names).unwrap();
        self.store.image(image.id).unwrap().unwrap()
    }

    /// Makes the image and gives it only the name `name:tag`, as a build does.
    pub(crate) fn build(&self, spec: &ImageSpec, tag: &str) -> ImageRecord {
        let (manifest, image) = record(&self.store, spec);
        let name = reference(&format!("{}:{tag}", spec.name));
        self.store
            .set_name(&name, &manifest.descriptor(), manifest.digest(), image.id)
            .unwrap();
        self.store.image(image.id).unwrap().unwrap()
    }

    /// Makes the image without any name.
    pub(crate) fn dangling(&self, spec: &ImageSpec) -> ImageRecord {
        record(&self.store, spec).1
    }
}

pub(crate) fn open(root: &Path, now: &Arc<AtomicI64>) -> ImageStore {
    let now = Arc::clone(now);
    let mut options = OpenOptions::new(flavour());
    options.clock =
        Clock::from_fn(move || Timestamp::from_second(now.load(Ordering::SeqCst)).unwrap());
    ImageStore::open(root, options).unwrap()
}

pub(crate) fn reference(text: &str) -> Reference {
    text.parse().unwrap()
}

/// A tar with one file.
pub(crate) fn layer_tar(file: &str) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(file.len() as u64);
    header.set_mode(0o644);
    header.set_mtime(1_600_000_000);
    builder
        .append_data(&mut header, file, file.as_bytes())
        .unwrap();
    builder.into_inner().unwrap()
}

/// Puts everything of the image into the store and records it.
pub(crate) fn record(store: &ImageStore, spec: &ImageSpec) -> (RawManifest, ImageRecord) {
    let lease = store.lease("test").unwrap();
    let layers: Vec<(Descriptor, LayerRecord)> = spec
        .layers
        .iter()
        .map(|file| {
            let tar = layer_tar(file);
            let digest = Digest::of(&tar);
            lease.protect(&[digest]).unwrap();
            put_blob(store, &digest, &tar);
            let layer = unpack(store, DiffId::new(digest), file);
            let blob = Descriptor::new(MediaType::OCI_LAYER, digest, tar.len() as u64);
            (blob, layer)
        })
        .collect();
    let config = config(spec, &layers);
    let manifest = manifest(&config, &layers);
    lease
        .protect(&[*config.id().digest(), *manifest.digest().digest()])
        .unwrap();
    store
        .blobs()
        .put_document(config.id().digest(), config.bytes())
        .unwrap();
    store
        .blobs()
        .put_document(manifest.digest().digest(), manifest.bytes())
        .unwrap();
    let image = store
        .record_image(&manifest, &config, &layers, &lease)
        .unwrap();
    (manifest, image)
}

pub(crate) fn put_blob(store: &ImageStore, digest: &Digest, content: &[u8]) {
    match store
        .blobs()
        .ingest(digest, Some(content.len() as u64))
        .unwrap()
    {
        IngestSlot::Present(_) => (),
        IngestSlot::Writable(mut ingest) => {
            ingest.write(content).unwrap();
            let verified = ingest.finish().unwrap();
            verified.publish(store.blobs().group_sync()).unwrap();
        }
    }
}

/// Unpacks the tar of [`layer_tar`], as a pull does.
pub(crate) fn unpack(store: &ImageStore, diff_id: DiffId, file: &str) -> LayerRecord {
    match store.layer_slot(diff_id).unwrap() {
        LayerSlot::Present(layer) => layer,
        LayerSlot::Writable(writer) => {
            let tar = layer_tar(file);
            let options = ApplyOptions::new(store.flavour());
            let applied =
                apply_layer(&mut &tar[..], writer.tree(), &options, &mut |_| Ok(())).unwrap();
            writer.finish(LayerFacts::from(&applied)).unwrap()
        }
    }
}

pub(crate) fn write_file(path: &Path, content: &str) {
    use std::io::Write as _;
    let mut file = std::fs::File::create(path).unwrap();
    file.write_all(content.as_bytes()).unwrap();
}

fn config(spec: &ImageSpec, layers: &[(Descriptor, LayerRecord)]) -> ImageConfig {
    let labels: serde_json::Map<String, serde_json::Value> = spec
        .labels
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).into()))
        .collect();
    let json = serde_json::json!({
        "architecture": "amd64",
        "os": "linux",
        "created": spec.created,
        "author": spec.name,
        "config": { "Labels": labels },
        "rootfs": {
            "type": "layers",
            "diff_ids": layers.iter().map(|(_, layer)| layer.diff_id).collect::<Vec<_>>(),
        },
    });
    ImageConfig::parse(json.to_string().into_bytes()).unwrap()
}

fn manifest(config: &ImageConfig, layers: &[(Descriptor, LayerRecord)]) -> RawManifest {
    let config_descriptor = Descriptor::new(
        MediaType::OCI_CONFIG,
        *config.id().digest(),
        config.bytes().len() as u64,
    );
    let json = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_MANIFEST,
        "config": config_descriptor,
        "layers": layers.iter().map(|(blob, _)| blob).collect::<Vec<_>>(),
    });
    RawManifest::new(json.to_string().into_bytes(), None, Algorithm::Sha256).unwrap()
}
