//! An inventory as an SPDX document (SPDX 2.3, JSON).

use serde_json::{Value, json};
use wharf_oci::Digest;

use crate::inventory::Inventory;
use crate::package::Package;

/// The type of the predicate of a statement that holds such a document.
pub const SPDX_PREDICATE: &str = "https://spdx.dev/Document";
const NOTHING_SAID: &str = "NOASSERTION";

/// What a document is about.
#[derive(Debug, Clone, Copy)]
pub struct SpdxSubject<'a> {
    /// What it is called.
    pub name: &'a str,
    /// When it was made, as RFC 3339 has it.
    pub created: &'a str,
    /// Who reads it: `wharf-0.1.0`.
    pub tool: &'a str,
}

/// The document. The same inventory and subject give the same bytes.
pub fn spdx_document(subject: SpdxSubject<'_>, inventory: &Inventory) -> Value {
    let mut packages = vec![json!({
        "name": subject.name,
        "SPDXID": "SPDXRef-Image",
        "downloadLocation": NOTHING_SAID,
        "filesAnalyzed": false,
        "licenseConcluded": NOTHING_SAID,
        "licenseDeclared": NOTHING_SAID,
        "copyrightText": NOTHING_SAID,
        "primaryPackagePurpose": "CONTAINER",
    })];
    let mut relationships = vec![json!({
        "spdxElementId": "SPDXRef-DOCUMENT",
        "relationshipType": "DESCRIBES",
        "relatedSpdxElement": "SPDXRef-Image",
    })];
    let mut names = String::new();
    for package in &inventory.packages {
        let url = package.url(&inventory.release);
        let id = identifier(package, &url);
        relationships.push(json!({
            "spdxElementId": "SPDXRef-Image",
            "relationshipType": "CONTAINS",
            "relatedSpdxElement": id,
        }));
        packages.push(described(package, &id, &url));
        names.push_str(&url);
        names.push('\n');
    }
    // a document is called by what it says, so that two that say the same have the same name
    let content = format!("{}\n{}\n{names}", subject.name, subject.created);
    let hash = Digest::of(content.as_bytes()).hex();
    let mut comment = format!(
        "Found in the databases of package managers of {}",
        shown(inventory)
    );
    for problem in &inventory.problems {
        comment.push_str("; not read: ");
        comment.push_str(problem);
    }
    json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": subject.name,
        "documentNamespace": format!("https://spdx.org/spdxdocs/wharf-{hash}"),
        "comment": comment,
        "creationInfo": {
            "created": subject.created,
            "creators": [format!("Tool: {}", subject.tool)],
        },
        "packages": packages,
        "relationships": relationships,
    })
}

fn shown(inventory: &Inventory) -> &str {
    let release = &inventory.release;
    match (release.name.as_str(), release.id.as_str()) {
        ("", "") => "an image of no known distribution",
        ("", id) => id,
        (name, _) => name,
    }
}

fn described(package: &Package, id: &str, url: &str) -> Value {
    let mut described = json!({
        "name": package.name,
        "SPDXID": id,
        "versionInfo": package.version,
        "downloadLocation": NOTHING_SAID,
        "filesAnalyzed": false,
        "licenseConcluded": NOTHING_SAID,
        "licenseDeclared": NOTHING_SAID,
        "copyrightText": NOTHING_SAID,
        "externalRefs": [{
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": url,
        }],
    });
    let mut put = |key: &str, text: &str| {
        if let Some(fields) = described.as_object_mut().filter(|_| !text.is_empty()) {
            fields.insert(key.to_owned(), json!(text));
        }
    };
    // databases have words of their own for licences, SPDX has an exact language
    put("licenseComments", &package.licence);
    if package.source != package.name && !package.source.is_empty() {
        put("sourceInfo", &format!("built from {}", package.source));
    }
    described
}

/// Letters, digits, dots and dashes only, and no two alike.
fn identifier(package: &Package, url: &str) -> String {
    let clean: String = package
        .name
        .chars()
        .map(|letter| {
            if letter.is_ascii_alphanumeric() || letter == '.' {
                letter
            } else {
                '-'
            }
        })
        .collect();
    // Two may differ in nothing that the address has.
    let Package {
        kind: _,
        name,
        version,
        architecture,
        source,
        licence,
    } = package;
    let all = [url, name, version, architecture, source, licence].join("\0");
    let hash: String = Digest::of(all.as_bytes()).hex().chars().take(16).collect();
    format!("SPDXRef-Package-{}-{clean}-{hash}", package.kind.word())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::PackageKind;

    fn package(licence: &str) -> Package {
        Package {
            kind: PackageKind::Apk,
            name: "c++".to_owned(),
            version: "1".to_owned(),
            architecture: String::new(),
            source: "gcc".to_owned(),
            licence: licence.to_owned(),
        }
    }

    // A damaged database may name one package twice.
    #[test]
    fn packages_that_differ_in_their_licence_are_two() {
        let inventory = Inventory {
            packages: vec![package("Apache-2.0"), package("MIT")],
            ..Inventory::default()
        };
        let subject = SpdxSubject {
            name: "image",
            created: "1970-01-01T00:00:00Z",
            tool: "wharf-1",
        };
        let document = spdx_document(subject, &inventory);
        let id = |at: usize| document["packages"][at]["SPDXID"].clone();
        assert_ne!(id(1), id(2));
    }

    #[test]
    fn documents_say_what_there_is() {
        let package = package("MIT");
        let inventory = Inventory {
            packages: vec![package],
            problems: vec!["x: y".to_owned()],
            ..Inventory::default()
        };
        let subject = SpdxSubject {
            name: "image",
            created: "1970-01-01T00:00:00Z",
            tool: "wharf-1",
        };
        let document = spdx_document(subject, &inventory);
        assert_eq!(document, spdx_document(subject, &inventory));
        let found = &document["packages"][1];
        assert_eq!(
            found["externalRefs"][0]["referenceLocator"],
            "pkg:apk/c%2B%2B@1?upstream=gcc"
        );
        assert!(
            found["SPDXID"]
                .as_str()
                .unwrap()
                .starts_with("SPDXRef-Package-apk-c---")
        );
        assert_eq!(
            document["relationships"][1]["relatedSpdxElement"],
            found["SPDXID"]
        );
        assert!(
            document["comment"]
                .as_str()
                .unwrap()
                .ends_with("; not read: x: y")
        );
    }
}
