//! Debian's packages: paragraphs of `Field: value` (deb-control(5)) in `var/lib/dpkg/status`, or in files of
//! `var/lib/dpkg/status.d` as distroless images have them.

use crate::package::{Package, PackageKind};

/// The packages that are installed, of those that the text names.
pub(crate) fn packages(text: &str) -> Vec<Package> {
    text.split("\n\n").filter_map(package).collect()
}

fn package(paragraph: &str) -> Option<Package> {
    let field = |name: &str| {
        let mut lines = paragraph.lines();
        let value = lines.find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value)
        });
        value.map(str::trim).unwrap_or_default()
    };
    // `install ok installed`: removed packages leave their settings and a paragraph
    let status = field("Status");
    if !status.is_empty() && status.split_whitespace().nth(2) != Some("installed") {
        return None;
    }
    let (name, version) = (field("Package"), field("Version"));
    if name.is_empty() || version.is_empty() {
        return None;
    }
    // `gcc-12 (12.2.0-14)`
    let source = field("Source");
    let source = source.split_once(' ').map_or(source, |(name, _)| name);
    Some(Package {
        kind: PackageKind::Deb,
        name: name.to_owned(),
        version: version.to_owned(),
        architecture: field("Architecture").to_owned(),
        source: source.to_owned(),
        licence: String::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installed_packages_are_read() {
        let text = "Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2-1\nDescription: x\n Version: no\n\n\
                    Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n\
                    Package: libgcc-s1\nstatus: hold ok installed\nSource: gcc-12 (12.2)\nVersion: 12\n\nPackage: odd\n\nx\n";
        let found = packages(text);
        let names: Vec<_> = found
            .iter()
            .map(|one| (one.name.as_str(), one.version.as_str(), one.source.as_str()))
            .collect();
        assert_eq!(
            names,
            [("bash", "5.2-1", ""), ("libgcc-s1", "12", "gcc-12")]
        );
        assert_eq!(found[0].architecture, "amd64");
    }
}
