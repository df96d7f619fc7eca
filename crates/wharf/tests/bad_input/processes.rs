//! Several `wharf`s at once on one store, and ones that are killed: nobody sees half of anything, and nothing is lost.

use std::process::Child;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use testkit::{BuiltImage, ImageBuilder, LayerCompression, Sandbox, ScriptedRegistry, TarBuilder};

use crate::fixture::{
    assert_nothing_visible, assert_pulls, assert_sound, name, names, noise, pull, sandbox,
};

/// How many moments of a pull a process is killed at.
const MOMENTS: u32 = 12;
/// How often each process of a crowd does what it does.
const ROUNDS: usize = 5;

/// Two layers of some megabytes in many files, the first of which all images here share.
fn image(own: &str) -> BuiltImage {
    let layer = |folder: &str| {
        let mut tar = TarBuilder::new().directory(folder);
        for (number, piece) in noise(2 << 20).chunks(40_000).enumerate() {
            tar = tar.file(&format!("{folder}/{number}"), piece);
        }
        tar.finish()
    };
    ImageBuilder::new()
        .compressed_layer(layer("shared"), LayerCompression::Gzip, "ADD shared /")
        .compressed_layer(layer(own), LayerCompression::Zstd, "ADD own /")
        .build()
}

/// Lets `time` pass.
pub(crate) fn wait(time: Duration) {
    let (_sender, receiver) = mpsc::channel::<()>();
    // Nobody sends: this is how one waits for a while.
    let _timeout = receiver.recv_timeout(time);
}

/// A process that does not outlive its test.
pub(crate) struct Killed(pub(crate) Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended_before = self.0.kill();
        let _nobody_asks = self.0.wait();
    }
}

/// Starts a pull and kills it after `time`.
fn killed_pull(sandbox: &Sandbox, name: &str, time: Duration) {
    let child = Killed(sandbox.wharf(["pull", "--quiet", name]).spawn());
    wait(time);
    drop(child);
}

/// The ID of the image, if there is one to be seen.
fn visible(sandbox: &Sandbox) -> Option<String> {
    let list = sandbox.wharf(["images", "--all", "--quiet", "--no-trunc"]);
    let text = list.run().success().text();
    text.lines().next().map(str::to_owned)
}

#[test]
fn killed_at_any_moment_the_store_is_sound_and_the_next_pull_works() {
    let image = image("own");
    let registry = ScriptedRegistry::start(&image.artifact());
    let name = name(&registry);
    let started = Instant::now();
    assert_eq!(pull(&sandbox(), &name).code, 0);
    let whole = started.elapsed();
    // One store that sees one death, and one that sees all of them.
    let unlucky = sandbox();
    for moment in 0..MOMENTS {
        let what = format!("killed after {moment}/{MOMENTS} of {whole:?}");
        let time = whole * moment / MOMENTS;
        let sandbox = sandbox();
        for store in [&sandbox, &unlucky] {
            killed_pull(store, &name, time);
            // What can be seen is whole, and has its name.
            if let Some(id) = visible(store) {
                assert_eq!(id, image.id.to_string());
                assert_sound(&what, store);
                store.wharf(["rmi", &name]).run().success();
            } else {
                assert_nothing_visible(&what, store, &[&image]);
            }
        }
        assert_pulls(&what, &sandbox, &name, &image);
    }
    assert_pulls("after all deaths", &unlucky, &name, &image);
    let left = names(&unlucky.root().join("ingest"));
    assert!(left.is_empty(), "left behind: {left:?}");
}

#[test]
fn pulls_of_one_image_at_once_fetch_each_layer_once() {
    let image = image("own");
    let registry = ScriptedRegistry::start(&image.artifact());
    let (sandbox, name) = (sandbox(), name(&registry));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let output = pull(&sandbox, &name);
                assert_eq!(output.code, 0, "{}", output.error_text());
            });
        }
    });
    assert_pulls("afterwards", &sandbox, &name, &image);
    let requests = registry.requests();
    for layer in &image.layers {
        let fetched = requests
            .iter()
            .filter(|request| request.is_for(&layer.blob));
        assert_eq!(fetched.count(), 1, "{}", layer.blob.digest());
    }
}

#[test]
fn pulls_removals_and_prunes_at_once() {
    let images = [image("one"), image("two")];
    let registries = images
        .each_ref()
        .map(|image| ScriptedRegistry::start(&image.artifact()));
    let names_of = registries.each_ref().map(name);
    let sandbox = sandbox();
    let run = |words: &[&str], may_miss: bool| {
        let output = sandbox.wharf(words).run();
        let text = output.error_text();
        let is_missing =
            may_miss && (text.contains("No such image") || text.contains("No such object"));
        assert!(output.code == 0 || is_missing, "{words:?}: {text}");
    };
    thread::scope(|scope| {
        for name in &names_of {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    run(&["pull", "--quiet", name], false);
                    run(&["rmi", name], true);
                }
            });
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    run(&["pull", "--quiet", name], false);
                    run(&["image", "inspect", name], true);
                    run(&["history", name], true);
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..ROUNDS {
                run(&["image", "prune", "--all", "--force"], false);
                run(&["system", "df"], false);
                run(&["images", "--all"], false);
                run(&["system", "prune", "--all", "--force"], false);
            }
        });
    });
    assert_sound("after the crowd", &sandbox);
    for name in &names_of {
        assert_eq!(pull(&sandbox, name).code, 0);
    }
    assert_sound("with both", &sandbox);
    for name in &names_of {
        sandbox.wharf(["rmi", name]).run().success();
    }
    // What nobody reaches any more is gone from the disk, too.
    assert_eq!(
        names(&sandbox.root().join("blobs/sha256")),
        Vec::<String>::new()
    );
    assert_eq!(names(&sandbox.root().join("layers")), ["empty"]);
    assert_eq!(
        names(&sandbox.root().join("removing")),
        Vec::<String>::new()
    );
    assert_eq!(names(&sandbox.root().join("ingest")), Vec::<String>::new());
}
