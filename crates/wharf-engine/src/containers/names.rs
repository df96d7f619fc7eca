//! Names and IDs of new containers.

use std::fs::File;
use std::io::{self, Read as _};

/// Words before a name, and names: people who made ships and harbours what they are, and what they sailed on.
const ADJECTIVES: [&str; 48] = [
    "able", "agile", "amber", "bold", "brave", "brisk", "calm", "clever", "coral", "crisp", "deft",
    "eager", "early", "fair", "fleet", "fresh", "gentle", "glad", "golden", "happy", "hardy",
    "honest", "jolly", "keen", "kind", "lively", "loyal", "lucid", "lucky", "mellow", "merry",
    "misty", "nimble", "noble", "patient", "plucky", "proud", "quick", "quiet", "ready", "sharp",
    "silent", "steady", "sunny", "swift", "tidal", "vivid", "wise",
];
const NOUNS: [&str; 48] = [
    "anchor",
    "anson",
    "barge",
    "baret",
    "beagle",
    "beacon",
    "boatswain",
    "bowline",
    "brig",
    "buoy",
    "caravel",
    "clipper",
    "cog",
    "coracle",
    "crane",
    "cutter",
    "davit",
    "dinghy",
    "dock",
    "dory",
    "dromon",
    "ferry",
    "flinders",
    "frigate",
    "galleon",
    "gangway",
    "halyard",
    "harbour",
    "helm",
    "jetty",
    "junk",
    "keel",
    "ketch",
    "lighter",
    "magellan",
    "mole",
    "mooring",
    "packet",
    "pier",
    "pilot",
    "pinnace",
    "quay",
    "schooner",
    "skiff",
    "sloop",
    "tender",
    "tugboat",
    "yawl",
];

/// 64 hexadecimal digits that nobody else has. The first twelve are not all decimal, so that they are no number (Docker's rule).
pub(crate) fn new_id() -> io::Result<String> {
    loop {
        let mut id = String::with_capacity(64);
        for byte in random::<32>()? {
            let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or_default();
            id.extend([digit(byte >> 4), digit(byte & 15)]);
        }
        if !super::record::short(&id)
            .bytes()
            .all(|digit| digit.is_ascii_digit())
        {
            return Ok(id);
        }
    }
}

/// A name for a container that was given none.
pub(super) fn new_name(attempt: u32) -> io::Result<String> {
    let [first, second, number] = random::<3>()?;
    let pick = |words: &'static [&'static str], at: u8| {
        words
            .get(usize::from(at) % words.len())
            .copied()
            .unwrap_or_default()
    };
    let name = format!("{}_{}", pick(&ADJECTIVES, first), pick(&NOUNS, second));
    // Many containers have many names already.
    Ok(if attempt == 0 {
        name
    } else {
        format!("{name}{number}")
    })
}

/// Whether a container may be called so (moby, `daemon/names`).
pub(super) fn is_name(name: &str) -> bool {
    let mut characters = name.chars();
    characters
        .next()
        .is_some_and(|first| first.is_ascii_alphanumeric())
        && name.len() >= 2
        && characters.all(|one| one.is_ascii_alphanumeric() || matches!(one, '_' | '.' | '-'))
}

fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dockers() {
        for good in ["ab", "a1_b.c-d", "9x"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "a", "_a", "-a", "a b", "a/b", "ä1"] {
            assert!(!is_name(bad), "{bad}");
        }
        assert!(is_name(&new_name(0).unwrap()) && is_name(&new_name(1).unwrap()));
        assert_eq!(new_id().unwrap().len(), 64);
    }
}
