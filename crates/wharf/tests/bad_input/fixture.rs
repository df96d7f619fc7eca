//! What the tests here share: a good image, and how to see that nothing bad remains.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use testkit::{
    BuiltImage, Dialect, ImageBuilder, LayerCompression, Output, Sandbox, ScriptedRegistry,
    TarBuilder, read, write,
};
use wharf_oci::Digest;

/// A sandbox in which failed downloads are tried twice, not five times with ever longer waits.
pub(crate) fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    let folder = sandbox.home().join(".config/wharf");
    fs::create_dir_all(&folder).unwrap();
    write(
        &folder.join("wharf.toml"),
        "[transfer]\nmax-download-attempts = 2\n",
    );
    sandbox
}

/// An image of two layers, one in each compression.
pub(crate) fn good_image() -> BuiltImage {
    let base = TarBuilder::new()
        .directory("etc")
        .file("etc/motd", "hello\n".repeat(2_000))
        .file("etc/words", words(200_000))
        .finish();
    let upper = TarBuilder::new()
        .directory("srv")
        .file("srv/data", noise(60_000))
        .finish();
    ImageBuilder::new()
        .dialect(Dialect::Oci)
        .layer(base, "ADD base /")
        .compressed_layer(upper, LayerCompression::Zstd, "ADD data /srv/")
        .build()
}

/// Text that compresses by half, so that a wrong bit is seen long before the end.
fn words(length: usize) -> Vec<u8> {
    let letters = noise(length).into_iter();
    letters.map(|byte| b'a' + byte % 16).collect()
}

/// Bytes that do not compress, the same each time.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    })
    .take(length)
    .collect()
}

/// The name under which `registry` serves its image.
pub(crate) fn name(registry: &ScriptedRegistry) -> String {
    format!("{}/team/app:1", registry.address())
}

/// Runs `wharf pull`.
pub(crate) fn pull(sandbox: &Sandbox, name: &str) -> Output {
    sandbox.wharf(["pull", name]).run()
}

/// The command failed with 1 and said each of `words` on standard error, in one line besides the log.
#[track_caller]
pub(crate) fn assert_refused(what: &str, output: &Output, words: &[&str]) {
    let text = output.error_text();
    let lines = text.lines().filter(|line| !line.contains(" WARN "));
    let text = lines.collect::<Vec<_>>().join("\n");
    assert!(
        output.code == 1,
        "{what}: exit code {}: {text}",
        output.code
    );
    for word in words {
        assert!(text.contains(word), "{what}: no `{word}` in {text}");
    }
    assert!(
        !text.contains("panicked") && !text.contains("(os error"),
        "{what}: {text}"
    );
    assert!(
        text.lines().count() == 1 && text.len() < 2_000,
        "{what}: {text}"
    );
    assert!(
        text.chars().all(|c| c == '\n' || !c.is_control()),
        "{what}: {text:?}"
    );
}

/// No image can be seen, every blob has its digest, every finished layer is one of `layers`, and `check` finds nothing.
#[track_caller]
pub(crate) fn assert_nothing_visible(what: &str, sandbox: &Sandbox, layers: &[&BuiltImage]) {
    let images = sandbox
        .wharf(["images", "--all", "--quiet"])
        .run()
        .success();
    assert_eq!(images.text(), "", "{what}");
    assert_sound(what, sandbox);
    let known: BTreeSet<String> = layers
        .iter()
        .flat_map(|image| &image.layers)
        .map(|layer| layer.diff_id.digest().to_string().replace(':', "-"))
        .collect();
    for name in names(&sandbox.root().join("layers")) {
        let is_open = Path::new(&name)
            .extension()
            .is_some_and(|end| end == "partial");
        assert!(
            name == "empty" || is_open || known.contains(&name),
            "{what}: layer {name}"
        );
    }
}

/// Every blob has its digest and `wharf system check` finds nothing.
#[track_caller]
pub(crate) fn assert_sound(what: &str, sandbox: &Sandbox) {
    for name in names(&sandbox.root().join("blobs/sha256")) {
        // Somebody died between writing a document and naming it; `prune` takes it away when it is old.
        if Path::new(&name).extension().is_some_and(|end| end == "tmp") {
            continue;
        }
        let content = read(&sandbox.root().join("blobs/sha256").join(&name));
        assert_eq!(
            Digest::of(&content).hex(),
            name,
            "{what}: a blob with wrong content"
        );
    }
    let check = sandbox.wharf(["system", "check"]).run();
    assert!(
        check.code == 0,
        "{what}: {}{}",
        check.text(),
        check.error_text()
    );
}

/// A good pull works, leaves nothing unfinished, and the image is whole.
#[track_caller]
pub(crate) fn assert_pulls(what: &str, sandbox: &Sandbox, name: &str, image: &BuiltImage) {
    let output = pull(sandbox, name);
    assert!(output.code == 0, "{what}: {}", output.error_text());
    let list = sandbox
        .wharf(["images", "--quiet", "--no-trunc"])
        .run()
        .success();
    assert_eq!(list.text().trim(), image.id.to_string(), "{what}");
    assert_sound(what, sandbox);
    for layer in &image.layers {
        let folder = layer.diff_id.digest().to_string().replace(':', "-");
        assert!(
            sandbox
                .root()
                .join("layers")
                .join(folder)
                .join("fs")
                .is_dir(),
            "{what}"
        );
    }
}

/// The names in a folder; none where there is no such folder.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}
