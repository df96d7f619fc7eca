//! Image configs, with their history and layers.

use wharf_oci::{ChainId, Digest, ImageConfig, MANIFEST_LIMIT_BYTES};

/// Takes the bytes for a config.
pub(crate) fn check(bytes: &[u8]) {
    let Ok(config) = ImageConfig::parse(bytes.to_vec()) else {
        return;
    };
    assert!(bytes.len() <= MANIFEST_LIMIT_BYTES);
    assert_eq!(config.bytes(), bytes, "the bytes are kept");
    assert_eq!(
        *config.id().digest(),
        Digest::of(bytes),
        "the ID is their digest"
    );
    let layers = config.diff_ids();
    let chains = config.chain_ids();
    assert_eq!(chains.len(), layers.len());
    if let (Some(layer), Some(chain)) = (layers.first(), chains.first()) {
        assert_eq!(ChainId::base(*layer), *chain);
    }
    for (pair, layer) in chains.windows(2).zip(layers.iter().skip(1)) {
        let expected = pair.first().map(|below| below.with(*layer));
        assert_eq!(expected.as_ref(), pair.last());
    }
    // The view says no more than the document does.
    let document = config.document().expect("a config is JSON");
    let steps = document["history"].as_array().map_or(0, Vec::len);
    assert_eq!(config.history().len(), steps);
    assert_eq!(
        document["rootfs"]["diff_ids"]
            .as_array()
            .map_or(0, Vec::len),
        layers.len()
    );
    assert_eq!(
        document["author"].as_str().unwrap_or_default(),
        config.author()
    );
    let platform = config.platform();
    let _any_answer = (config.created(), config.labels(), platform.normalized());
}
