//! Alpine's packages: paragraphs of `X:value` in `lib/apk/db/installed` (apk-tools, "Installed Database").

use crate::package::{Package, PackageKind};

/// The packages that the text names.
pub(crate) fn packages(text: &str) -> Vec<Package> {
    text.split("\n\n").filter_map(package).collect()
}

fn package(paragraph: &str) -> Option<Package> {
    let field = |name: &str| {
        let value = paragraph.lines().find_map(|line| line.strip_prefix(name));
        value.map(str::trim).unwrap_or_default().to_owned()
    };
    let (name, version) = (field("P:"), field("V:"));
    if name.is_empty() || version.is_empty() {
        return None;
    }
    Some(Package {
        kind: PackageKind::Apk,
        name,
        version,
        architecture: field("A:"),
        source: field("o:"),
        licence: field("L:"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installed_packages_are_read() {
        let text =
            "C:Q1x=\nP:musl\nV:1.2.5-r0\nA:x86_64\nL:MIT\no:musl\nF:lib\nR:P:no\n\nP:odd\n\n\n";
        let found = packages(text);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].name, "musl");
        assert_eq!(found[0].licence, "MIT");
    }
}
