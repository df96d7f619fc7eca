//! Recording, naming, finding and listing images.

use crate::fixture::{Fixture, ImageSpec, reference};
use jiff::Timestamp;
use wharf_images::{
    ImageUser, LabelFilter, ListFilter, NameError, ResolveError, ResolvedBy, UserKind,
};
use wharf_oci::{ImageQuery, ReferencePattern};

fn query(text: &str) -> ImageQuery {
    ImageQuery::parse(text).unwrap()
}

#[test]
fn every_way_to_say_an_image_finds_it() {
    let fixture = Fixture::new();
    let image = fixture.pull(&ImageSpec::new("nginx", &["a", "b"]), "1.27");
    let store = &fixture.store;
    let hex = image.id.digest().hex();
    for text in [
        "nginx:1.27".to_owned(),
        "docker.io/library/nginx:1.27".to_owned(),
        format!("nginx@{}", image.manifest),
        format!("nginx:other@{}", image.manifest),
        image.id.to_string(),
        hex.clone(),
        hex.chars().take(1).collect(),
        image.id.short(),
        format!("sha256:{}", image.id.short()),
        image.manifest.to_string(),
    ] {
        let found = store.resolve_text(&text).unwrap();
        assert_eq!(found.image, image, "{text}");
    }
    for (text, error) in [
        ("nginx", "No such image: nginx:latest"),
        ("127", "No such image: 127:latest"),
        ("nginx:2", "No such image: nginx:2"),
        ("a b", "invalid reference format"),
    ] {
        assert_eq!(store.resolve_text(text).unwrap_err().to_string(), error);
    }
}

#[test]
fn a_name_wins_over_an_id() {
    let fixture = Fixture::new();
    let first = fixture.pull(&ImageSpec::new("one", &["a"]), "1");
    let second = fixture.pull(&ImageSpec::new("two", &["b"]), "1");
    let prefix = first.id.short();
    fixture
        .store
        .tag(&reference("two:1"), &reference(&format!("{prefix}:latest")))
        .unwrap();
    let found = fixture.store.resolve_text(&prefix).unwrap();
    assert_eq!(found.image.id, second.id);
    assert!(matches!(found.by, ResolvedBy::Name(_)));
}

#[test]
fn an_ambiguous_prefix_is_said_to_be_so() {
    let fixture = Fixture::new();
    let mut by_digit = std::collections::HashMap::new();
    for number in 0..17 {
        let file = format!("file{number}");
        let image = fixture.dangling(&ImageSpec::new("x", &[file.as_str()]));
        let digit: String = image.id.short().chars().take(1).collect();
        by_digit
            .entry(digit)
            .or_insert_with(Vec::new)
            .push(image.id);
    }
    let (digit, mut images) = by_digit.into_iter().find(|(_, all)| all.len() > 1).unwrap();
    images.sort();
    match fixture.store.resolve(&query(&digit)) {
        Err(ResolveError::Ambiguous { matches, .. }) => {
            assert!(matches.iter().all(|id| images.contains(id)));
        }
        other => panic!("{digit}: {other:?}"),
    }
}

#[test]
fn an_index_digest_finds_the_image_chosen_from_it() {
    let fixture = Fixture::new();
    let image = fixture.dangling(&ImageSpec::new("multi", &["a"]));
    let index = wharf_oci::Digest::of(b"index");
    let target = wharf_oci::Descriptor::new(wharf_oci::MediaType::OCI_INDEX, index, 5);
    fixture
        .store
        .set_name(&reference("multi:1"), &target, image.manifest, image.id)
        .unwrap();
    for text in [
        index.to_string(),
        format!("multi@{index}"),
        format!("multi@{}", image.manifest),
    ] {
        assert_eq!(
            fixture.store.resolve_text(&text).unwrap().image.id,
            image.id
        );
    }
}

#[test]
fn a_moved_tag_leaves_the_old_image_dangling() {
    let fixture = Fixture::new();
    let old = fixture.build(&ImageSpec::new("app", &["a"]), "1");
    let new = fixture.dangling(&ImageSpec::new("app", &["b"]));
    let target = new.manifests.first().unwrap();
    let previous = fixture
        .store
        .set_name(&reference("app:1"), target, new.manifest, new.id)
        .unwrap();
    assert_eq!(previous.map(|record| record.image), Some(old.id));
    assert_eq!(fixture.store.names_of(old.id).unwrap(), []);
    let dangling = ListFilter {
        dangling: Some(true),
        ..ListFilter::default()
    };
    let listed = fixture.store.list(&dangling).unwrap();
    assert_eq!(listed.iter().map(|s| s.id).collect::<Vec<_>>(), [old.id]);
}

#[test]
fn names_need_an_image_and_a_form() {
    let fixture = Fixture::new();
    let image = fixture.build(&ImageSpec::default(), "1");
    let target = image.manifests.first().unwrap();
    let store = &fixture.store;
    let bare = store.set_name(&reference("x"), target, image.manifest, image.id);
    assert!(matches!(bare, Err(NameError::Form(_))));
    let nobody = wharf_oci::ImageId::new(wharf_oci::Digest::of(b"nobody"));
    let unknown = store.set_name(&reference("x:1"), target, image.manifest, nobody);
    assert!(matches!(unknown, Err(NameError::NoSuchImage(_))));
    let missing = store.tag(&reference("nothing:1"), &reference("x:1"));
    assert_eq!(missing.unwrap_err().to_string(), "No such image: nothing:1");
}

#[test]
fn names_json_follows_every_change() {
    let fixture = Fixture::new();
    let journal = || std::fs::read_to_string(fixture.root().join("names.json")).unwrap();
    fixture.pull(&ImageSpec::new("nginx", &["a"]), "1");
    assert!(journal().contains("\"docker.io/library/nginx:1\""));
    fixture.store.remove_name(&reference("nginx:1")).unwrap();
    assert!(!journal().contains("\"docker.io/library/nginx:1\""));
    assert!(journal().contains("docker.io/library/nginx@sha256:"));
}

#[test]
fn lists_the_youngest_first_and_then_by_name() {
    let fixture = Fixture::new();
    let made = |name, created, file: &str| ImageSpec {
        created,
        ..ImageSpec::new(name, &[file])
    };
    fixture.pull(&made("zebra", "2024-01-01T00:00:00Z", "a"), "1");
    fixture.pull(&made("ant", "2024-01-01T00:00:00.5Z", "b"), "1");
    fixture.pull(&made("old", "2020-01-01T00:00:00Z", "c"), "1");
    fixture.pull(&made("undated", "never", "d"), "1");
    fixture.pull(&made("new", "2025-01-01T00:00:00Z", "e"), "2");
    let listed = fixture.store.list(&ListFilter::default()).unwrap();
    let names: Vec<String> = listed
        .iter()
        .flat_map(|summary| &summary.repo_tags)
        .map(wharf_oci::Reference::familiar)
        .collect();
    assert_eq!(names, ["new:2", "ant:1", "zebra:1", "old:1", "undated:1"]);
    assert!(listed.iter().all(|summary| summary.repo_digests.len() == 1));
}

fn filtered_images() -> Fixture {
    let fixture = Fixture::new();
    let made = |name, created, labels, file: &str| ImageSpec {
        created,
        labels,
        ..ImageSpec::new(name, &[file])
    };
    fixture.pull(
        &made("one", "2024-01-01T00:00:00Z", &[("a", "1")], "a"),
        "1",
    );
    fixture.pull(
        &made("two", "2024-02-01T00:00:00Z", &[("a", "2"), ("b", "")], "b"),
        "1",
    );
    fixture.pull(&made("x/three", "2024-03-01T00:00:00Z", &[], "c"), "1");
    fixture
        .store
        .tag(&reference("one:1"), &reference("eins:1"))
        .unwrap();
    fixture.dangling(&made("lost", "2024-04-01T00:00:00Z", &[("a", "1")], "d"));
    fixture
}

#[test]
fn filters_mean_what_dockers_mean() {
    let fixture = filtered_images();
    let labels = |texts: &[&str]| texts.iter().map(|text| LabelFilter::parse(text)).collect();
    let patterns = |texts: &[&str]| {
        texts
            .iter()
            .map(|text| ReferencePattern::parse(text).unwrap())
            .collect()
    };
    let base = ListFilter::default;
    for (filter, expected) in [
        (base(), vec!["-", "x/three:1", "two:1", "eins:1 one:1"]),
        (
            ListFilter {
                labels: labels(&["a"]),
                ..base()
            },
            vec!["-", "two:1", "eins:1 one:1"],
        ),
        (
            ListFilter {
                labels: labels(&["a=2"]),
                ..base()
            },
            vec!["two:1"],
        ),
        (
            ListFilter {
                labels: labels(&["a", "b"]),
                ..base()
            },
            vec!["two:1"],
        ),
        (
            ListFilter {
                not_labels: labels(&["a"]),
                ..base()
            },
            vec!["x/three:1"],
        ),
        (
            ListFilter {
                dangling: Some(true),
                ..base()
            },
            vec!["-"],
        ),
        (
            ListFilter {
                dangling: Some(false),
                ..base()
            },
            vec!["x/three:1", "two:1", "eins:1 one:1"],
        ),
        (
            ListFilter {
                references: patterns(&["one"]),
                ..base()
            },
            vec!["one:1"],
        ),
        (
            ListFilter {
                references: patterns(&["*/*", "two:*"]),
                ..base()
            },
            vec!["x/three:1", "two:1"],
        ),
        (
            ListFilter {
                references: patterns(&["*"]),
                ..base()
            },
            vec!["two:1", "eins:1 one:1"],
        ),
        (
            ListFilter {
                before: vec![query("two:1")],
                ..base()
            },
            vec!["eins:1 one:1"],
        ),
        (
            ListFilter {
                since: vec![query("two:1")],
                ..base()
            },
            vec!["-", "x/three:1"],
        ),
        (
            ListFilter {
                since: vec![query("one:1"), query("two:1")],
                before: vec![query("x/three:1")],
                ..base()
            },
            vec![],
        ),
        (
            ListFilter {
                until: Some("2024-02-01T00:00:00Z".parse::<Timestamp>().unwrap()),
                ..base()
            },
            vec!["eins:1 one:1"],
        ),
    ] {
        let listed = fixture.store.list(&filter).unwrap();
        let shown: Vec<String> = listed
            .iter()
            .map(|summary| match summary.repo_tags.as_slice() {
                [] => "-".to_owned(),
                tags => tags
                    .iter()
                    .map(wharf_oci::Reference::familiar)
                    .collect::<Vec<_>>()
                    .join(" "),
            })
            .collect();
        assert_eq!(shown, expected, "{filter:?}");
    }
    let unknown = ListFilter {
        before: vec![query("nobody")],
        ..base()
    };
    assert_eq!(
        fixture.store.list(&unknown).unwrap_err().to_string(),
        "No such image: nobody:latest"
    );
}

#[test]
fn intermediate_images_are_hidden() {
    let fixture = Fixture::new();
    let parent = fixture.dangling(&ImageSpec::new("step", &["a"]));
    let child = fixture.build(&ImageSpec::new("app", &["a", "b"]), "1");
    fixture.store.set_parent(child.id, Some(parent.id)).unwrap();
    let ids = |all| {
        let filter = ListFilter {
            all,
            ..ListFilter::default()
        };
        let listed = fixture.store.list(&filter).unwrap();
        listed.iter().map(|summary| summary.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(false), [child.id]);
    assert_eq!(ids(true).len(), 2);
    let dangling = ListFilter {
        dangling: Some(true),
        all: true,
        ..ListFilter::default()
    };
    assert_eq!(fixture.store.list(&dangling).unwrap(), []);
}

#[test]
fn sizes_are_shared_and_users_counted() {
    let fixture = Fixture::new();
    let one = fixture.build(&ImageSpec::new("one", &["common", "1"]), "1");
    fixture.build(&ImageSpec::new("two", &["common", "22"]), "1");
    let user = ImageUser {
        kind: UserKind::Container,
        id: "c1".to_owned(),
        name: "web".to_owned(),
        running: true,
    };
    fixture.store.add_user(one.id, &user).unwrap();
    let filter = ListFilter {
        shared_size: true,
        ..ListFilter::default()
    };
    let listed = fixture.store.list(&filter).unwrap();
    let numbers: Vec<_> = listed
        .iter()
        .map(|s| (s.size, s.shared_size, s.users))
        .collect();
    assert_eq!(numbers, [(7, Some(6), 1), (8, Some(6), 0)]);
}
