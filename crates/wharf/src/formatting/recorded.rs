//! Every table and format against what docker's CLI prints for the same answers (`tests/rendering/record_outputs.py`).

use jiff::Timestamp;
use serde_json::Value;
use wharf_engine::HistoryRow;
use wharf_images::BuildUsage;
use wharf_images::{DiskUsage, ImageSummary};
use wharf_oci::{Platform, Reference};
use wharf_registry_client::SearchResult;

use crate::arguments::{Matches, Parsed, parse};
use crate::commands::ROOT;
use crate::commands::image::{history, list};
use crate::commands::registry::search;
use crate::commands::system::disk_usage;

use super::Moment;
use super::disk_usage::OtherUsage;

/// Docker rounds after it has chosen the unit; we do not (`docs/compatibility.md`).
const ROUNDED: (&str, &str) = ("1e+03kB", "1MB");
/// Formats that show the digest of an image that has no tag: docker prints nothing there.
const DIGEST_OF_UNTAGGED: &str = "only/digest";

struct Answers {
    document: Value,
    moment: Moment,
}

impl Answers {
    fn read() -> Self {
        let document: Value =
            serde_json::from_str(include_str!("../../tests/rendering/answers.json")).unwrap();
        let now = Timestamp::from_second(document["now"].as_i64().unwrap()).unwrap();
        Self {
            document,
            moment: Moment::fixed(now),
        }
    }

    fn images(list: &Value) -> Vec<ImageSummary> {
        list.as_array().unwrap().iter().map(image).collect()
    }

    /// What we print for a recorded command.
    fn printed(&self, words: &[&str]) -> Result<Vec<u8>, String> {
        let words = words.iter().map(std::ffi::OsString::from);
        let Ok(Parsed::Run { path, matches, .. }) = parse(&ROOT, words) else {
            panic!("a recorded command line is not understood")
        };
        self.output(&path.words, &matches)
    }

    fn output(&self, path: &str, matches: &Matches) -> Result<Vec<u8>, String> {
        let moment = self.moment.clone();
        match path {
            "wharf images" => {
                let images = Self::images(&self.document["images"]);
                list::Listing::new(matches, "", moment)
                    .print(images)
                    .map_err(|error| error.to_string())
            }
            "wharf history" => {
                let steps = self.document["history"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(step)
                    .collect();
                history::output(matches, steps, moment).map_err(|error| error.to_string())
            }
            "wharf system df" => {
                let usage = self.usage();
                disk_usage::output(
                    matches,
                    usage,
                    BuildUsage::default(),
                    OtherUsage::default(),
                    &moment,
                )
                .map_err(|error| error.to_string())
            }
            "wharf search" => {
                let results: Vec<SearchResult> =
                    serde_json::from_value(self.document["search"].clone()).unwrap();
                search::output(matches, results).map_err(|error| error.to_string())
            }
            other => panic!("no rendering of {other}"),
        }
    }

    fn usage(&self) -> DiskUsage {
        let images = Self::images(&self.document["df"]["Images"]);
        let in_use: u64 = images
            .iter()
            .filter(|image| image.users > 0)
            .map(|image| image.size - image.shared_size.unwrap_or_default())
            .sum();
        let layer_bytes = self.document["df"]["LayersSize"].as_u64().unwrap();
        DiskUsage {
            active: images.iter().filter(|image| image.users > 0).count() as u64,
            layer_bytes,
            reclaimable_layer_bytes: layer_bytes - in_use,
            images,
            unpacked_bytes: 0,
            blob_bytes: 0,
            reclaimable_blob_bytes: 0,
            unfinished_bytes: 0,
        }
    }
}

fn image(answer: &Value) -> ImageSummary {
    let names = |field: &str| -> Vec<Reference> {
        let names = answer[field].as_array().unwrap();
        names
            .iter()
            .map(|name| name.as_str().unwrap().parse().unwrap())
            .collect()
    };
    let digest: wharf_oci::Digest = answer["Id"].as_str().unwrap().parse().unwrap();
    ImageSummary {
        id: wharf_oci::ImageId::new(digest),
        manifest: wharf_oci::ManifestDigest::new(digest),
        parent: None,
        created: Some(Timestamp::from_second(answer["Created"].as_i64().unwrap()).unwrap()),
        size: answer["Size"].as_u64().unwrap(),
        shared_size: answer["SharedSize"].as_u64(),
        platform: Platform::host(),
        labels: std::collections::BTreeMap::new(),
        repo_tags: names("RepoTags"),
        repo_digests: names("RepoDigests"),
        users: answer["Containers"].as_u64().unwrap_or_default(),
    }
}

fn step(answer: &Value) -> HistoryRow {
    HistoryRow {
        id: answer["Id"].as_str().unwrap().parse().ok(),
        created: Some(Timestamp::from_second(answer["Created"].as_i64().unwrap()).unwrap()),
        created_by: answer["CreatedBy"].as_str().unwrap().to_owned(),
        size: answer["Size"].as_u64().unwrap(),
        comment: answer["Comment"].as_str().unwrap().to_owned(),
        names: Vec::new(),
    }
}

#[test]
fn docker_prints_the_same_for_the_same_answers() {
    let answers = Answers::read();
    let mut compared = 0;
    let recorded = format!("\n{}", include_str!("../../tests/rendering/outputs.txt"));
    for block in recorded.split("\n===\t").skip(1) {
        let (words, rest) = block.split_once('\n').unwrap();
        let words: Vec<&str> = words.split('\t').collect();
        if !matches!(words[0], "images" | "history" | "search")
            && !words.starts_with(&["system", "df"])
        {
            continue;
        }
        let (_, rest) = rest.split_once("--- stdout\n").unwrap();
        let (stdout, stderr) = rest.split_once("--- stderr").unwrap();
        let printed = answers.printed(&words);
        compared += 1;
        match printed {
            Err(error) => assert_eq!(error, stderr.trim(), "{words:?}"),
            Ok(printed) => compare(&words, &String::from_utf8(printed).unwrap(), stdout),
        }
    }
    assert!(compared > 40, "only {compared} cases");
}

fn compare(words: &[&str], printed: &str, recorded: &str) {
    // A table's columns are as wide as its longest cell, so only words can be compared where one differs.
    let same_words = |line: &str| {
        line.replace(ROUNDED.0, ROUNDED.1)
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    // The recording was made at another moment than the answers say: times, but not ages, differ.
    let shows_times = ["json", "raw", "CreatedAt", "H=false"]
        .iter()
        .any(|part| words.join(" ").contains(part));
    let (ours, theirs): (Vec<&str>, Vec<&str>) =
        (printed.lines().collect(), recorded.lines().collect());
    assert_eq!(ours.len(), theirs.len(), "{words:?}\n{printed}");
    for (ours, theirs) in ours.iter().zip(theirs) {
        if theirs.contains(DIGEST_OF_UNTAGGED) && !words.contains(&"--digests") {
            assert!(ours.contains(DIGEST_OF_UNTAGGED), "{words:?}");
        } else if shows_times {
            assert_eq!(without_times(ours), without_times(theirs), "{words:?}");
        } else if recorded.contains(ROUNDED.0) {
            assert_eq!(same_words(ours), same_words(theirs), "{words:?}");
        } else {
            assert_eq!(*ours, theirs, "{words:?}");
        }
    }
}

/// Takes out what looks like a date or a time of day.
fn without_times(line: &str) -> String {
    let is_time = |word: &str| {
        let digits = word.chars().filter(char::is_ascii_digit).count();
        digits >= 6 && word.contains([':', '-']) && !word.contains("sha256")
    };
    let words = line.replace(ROUNDED.0, ROUNDED.1).replace([',', '"'], " ");
    words
        .split_whitespace()
        .filter(|word| !is_time(word))
        .collect::<Vec<_>>()
        .join(" ")
}
