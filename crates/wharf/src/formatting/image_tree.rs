//! What `images --tree` prints: docker 28's view of names, with the image for each platform below them, but for colours.

use std::fmt::Write as _;

use wharf_engine::ImageTree;
use wharf_oci::Reference;
use wharf_template::units::{ellipsis, human_size_with_precision};

/// What Docker says first.
const WARNING: &str = "WARNING: This is an experimental feature. The output may change and shouldn't be depended on.\n";
const LEGEND: &str = "Info ->  U In Use ";
/// Titles and widths of the columns after the first.
const COLUMNS: [(&str, usize, Side); 4] = [
    ("ID", 12, Side::Left),
    ("DISK USAGE", 10, Side::Right),
    ("CONTENT SIZE", 12, Side::Right),
    ("EXTRA", 5, Side::Left),
];
const SPACING: usize = 3;
/// Columns that would leave less than this to the first one are left out.
const NARROWEST_NAMES: usize = 12;
const NARROWEST: usize = 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// A line: the cell of the first column and those of the others, or a name alone.
enum Line {
    Cells(String, [String; 4]),
    Name(String),
    Empty,
}

/// The trees in their order, for a terminal of that many columns.
pub(crate) fn image_tree_text(trees: &[ImageTree], columns: usize) -> String {
    let columns = columns.max(NARROWEST);
    let lines: Vec<Line> = trees.iter().flat_map(lines_of).collect();
    let (names, shown) = layout(&lines, columns);
    let mut text = WARNING.to_owned();
    _ = writeln!(text, "{LEGEND:>columns$}\n");
    let titles = COLUMNS.map(|(title, ..)| title.to_owned());
    // The title of the last column that is shown needs no blanks behind it.
    let header = row("IMAGE", &titles, names, shown);
    text.push_str(header.trim_end());
    text.push('\n');
    for line in &lines {
        match line {
            Line::Cells(first, cells) => text.push_str(&row(first, cells, names, shown)),
            Line::Name(name) => text.push_str(name),
            Line::Empty => (),
        }
        text.push('\n');
    }
    text
}

fn lines_of(tree: &ImageTree) -> Vec<Line> {
    let size = |bytes: u64| human_size_with_precision(bytes, 3);
    let in_use = |used: bool| if used { "U" } else { "" }.to_owned();
    let content: u64 = tree.platforms.iter().map(|one| one.content_bytes).sum();
    let unpacked: u64 = tree.platforms.iter().map(|one| one.unpacked_bytes).sum();
    let mut names: Vec<String> = tree.names.iter().map(Reference::familiar).collect();
    let last = names.pop().unwrap_or_else(|| "<untagged>".to_owned());
    let mut lines: Vec<Line> = names.into_iter().map(Line::Name).collect();
    lines.push(Line::Cells(
        last,
        [
            tree.image.short(),
            size(content + unpacked),
            size(content),
            in_use(tree.in_use),
        ],
    ));
    for (number, one) in tree.platforms.iter().enumerate() {
        let branch = if number + 1 == tree.platforms.len() {
            "└─"
        } else {
            "├─"
        };
        lines.push(Line::Cells(
            format!("{branch} {}", one.platform),
            [
                one.manifest.digest().short(),
                size(one.content_bytes + one.unpacked_bytes),
                size(one.content_bytes),
                in_use(one.in_use),
            ],
        ));
    }
    lines.push(Line::Empty);
    lines
}

/// The width of the first column, and how many of the others there is room for.
fn layout(lines: &[Line], columns: usize) -> (usize, usize) {
    let mut names = columns;
    let mut shown = 0;
    for (number, (_, width, _)) in COLUMNS.iter().enumerate() {
        let taken = width + SPACING;
        if names < taken + NARROWEST_NAMES {
            break;
        }
        names -= taken;
        shown = number + 1;
    }
    // Docker counts the bytes of branches, so that the column is wider than it need be.
    let widest = lines.iter().map(|line| match line {
        Line::Cells(first, _) => first.len(),
        Line::Name(name) => name.len(),
        Line::Empty => 0,
    });
    let widest = widest.max().unwrap_or_default().max("IMAGE".len());
    (names.min(widest), shown)
}

fn row(first: &str, cells: &[String; 4], names: usize, shown: usize) -> String {
    let mut text = format!("{:<names$}", ellipsis(first, names));
    for (cell, (_, width, side)) in cells.iter().zip(COLUMNS).take(shown) {
        text.push_str(&" ".repeat(SPACING));
        _ = match side {
            Side::Left => write!(text, "{cell:<width$}"),
            Side::Right => write!(text, "{cell:>width$}"),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use wharf_engine::PlatformImage;
    use wharf_oci::{Digest, ImageId, ManifestDigest};

    use super::*;

    fn digest(hex: char) -> Digest {
        let hex: String = std::iter::repeat_n(hex, 64).collect();
        format!("sha256:{hex}").parse().unwrap()
    }

    fn platform(hex: char, platform: &str, (unpacked, content): (u64, u64)) -> PlatformImage {
        PlatformImage {
            manifest: ManifestDigest::new(digest(hex)),
            platform: platform.parse().unwrap(),
            available: content > 0,
            in_use: unpacked > 10_000,
            content_bytes: content,
            unpacked_bytes: unpacked,
        }
    }

    fn tree(hex: char, names: &[&str], platforms: Vec<PlatformImage>) -> ImageTree {
        ImageTree {
            image: ImageId::new(digest(hex)),
            names: names.iter().map(|name| name.parse().unwrap()).collect(),
            in_use: platforms.iter().any(|one| one.in_use),
            platforms,
        }
    }

    /// As docker 28.2.2 printed the like, without its escape sequences.
    #[test]
    fn trees_are_drawn_as_docker_draws_them() {
        let trees = [
            tree(
                'b',
                &["single:latest"],
                vec![platform('f', "linux/amd64", (1500, 500))],
            ),
            tree(
                'a',
                &["multi:1", "multi:2"],
                vec![
                    platform('c', "linux/amd64", (9_510_000, 4_090_000)),
                    platform('d', "linux/arm/v6", (0, 0)),
                ],
            ),
            tree('9', &[], vec![platform('8', "linux/amd64", (1500, 500))]),
        ];
        let expected = "\
IMAGE                 ID             DISK USAGE   CONTENT SIZE   EXTRA
single:latest         bbbbbbbbbbbb          2kB           500B        
└─ linux/amd64        ffffffffffff          2kB           500B        

multi:1
multi:2               aaaaaaaaaaaa       13.6MB         4.09MB   U    
├─ linux/amd64        cccccccccccc       13.6MB         4.09MB   U    
└─ linux/arm/v6       dddddddddddd           0B             0B        

<untagged>            999999999999          2kB           500B        
└─ linux/amd64        888888888888          2kB           500B        

";
        let text = image_tree_text(&trees, 80);
        let legend = format!("{}{LEGEND}\n\n", " ".repeat(62));
        assert_eq!(text, format!("{WARNING}{legend}{expected}"));
        // On a narrow terminal there is no room for the last column.
        let narrow = image_tree_text(&trees, 60);
        let header =
            "\n\nIMAGE               ID             DISK USAGE   CONTENT SIZE\nsingle:latest  ";
        assert!(narrow.contains(header), "{narrow}");
        assert!(
            image_tree_text(&[], 80)
                .ends_with("IMAGE   ID             DISK USAGE   CONTENT SIZE   EXTRA\n")
        );
    }
}
