//! Every recorded scenario, run with the real binary: what docker printed, Wharf prints, but for `golden/differences.txt`.

use std::path::Path;

use testkit::Sandbox;
use testkit::golden::{Differences, check_scenario};

fn differences() -> Differences {
    Differences::parse(include_str!("golden/differences.txt")).expect("a list of differences")
}

fn check(name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    let Some(complaints) = check_scenario(&folder, &Sandbox::new().wharf_binary(), &differences())
    else {
        return; // a peer is missing, which was said
    };
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// One test for each scenario, so that they run side by side.
macro_rules! scenarios {
    ($($test:ident => $name:literal),* $(,)?) => {
        $(#[test]
        fn $test() {
            check($name);
        })*

        const SCENARIOS: &[&str] = &[$($name),*];
    };
}

scenarios! {
    history => "history",
    image_prune => "image-prune",
    images => "images",
    images_filters => "images-filters",
    import => "import",
    inspect => "inspect",
    login => "login",
    manifest => "manifest",
    pull => "pull",
    pull_all_tags => "pull-all-tags",
    pull_by_digest => "pull-by-digest",
    push => "push",
    push_pulled => "push-pulled",
    rmi => "rmi",
    rmi_digest => "rmi-digest",
    save_load => "save-load",
    search => "search",
    system_df => "system-df",
    system_prune => "system-prune",
    tag => "tag",
    version_info => "version-info",
}

#[test]
fn every_recorded_scenario_is_checked() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut recorded: Vec<String> = std::fs::read_dir(folder)
        .expect("the folder of scenarios")
        .map(|entry| entry.expect("an entry of it").path())
        .filter(|path| path.is_dir())
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .collect();
    recorded.sort();
    assert_eq!(recorded, SCENARIOS);
    for name in differences().scenarios() {
        assert!(
            SCENARIOS.contains(&name),
            "differences.txt names {name}, which is no scenario"
        );
    }
}
