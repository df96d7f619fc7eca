//! `wharf system df`: what takes how much room.

use std::process::ExitCode;

use wharf_engine::{Engine, EngineError, volume_bytes};
use wharf_images::{BuildUsage, DiskUsage};
use wharf_template::{Format, Template, Value};

use crate::arguments::{Command, Files, Flag, Matches, Run};
use crate::commands::format_option::TABLE_FORMAT_USAGE;
use crate::daemon_words::FoundByDaemon as _;
use crate::formatting::Moment;
use crate::formatting::containers::{self, ContainerView};
use crate::formatting::disk_usage::{self, OtherUsage, Usage, VerboseUsage};
use crate::formatting::images::{self, ImageView};
use crate::formatting::volumes::{self, VolumeRow};
use crate::session::Session;

const FORMAT: Flag = Flag::text("format", TABLE_FORMAT_USAGE);
const VERBOSE: Flag =
    Flag::switch("verbose", "Show detailed information on space usage").letter('v');

pub(crate) const COMMAND: Command = Command {
    name: "df",
    synopsis: "[OPTIONS]",
    summary: "Show wharf disk usage",
    flags: &[FORMAT, VERBOSE],
    run: Run::Local(run),
    files: Files::Touched,
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let usage = session.engine().disk_usage().found_by_daemon()?;
    let builds = session.engine().build_usage().found_by_daemon()?;
    let table = matches.is_set(&VERBOSE)
        && matches!(
            Format::parse(matches.text(&FORMAT)),
            Format::Table | Format::Raw
        );
    let others = others(session.engine(), table).found_by_daemon()?;
    session
        .printer()
        .out_bytes(&output(matches, usage, builds, others, &Moment::present())?)?;
    Ok(ExitCode::SUCCESS)
}

/// What containers and volumes take; tables cut what is long.
fn others(engine: &Engine, table: bool) -> Result<OtherUsage, EngineError> {
    let mut others = OtherUsage::default();
    let view = ContainerView {
        engine,
        truncate: table,
        sizes: true,
        moment: Moment::present(),
    };
    for container in engine.containers()? {
        let written = engine.written_bytes(&container.record.id)?;
        others
            .containers
            .add(container.state.status.is_alive(), written);
        others
            .container_rows
            .push(view.row_of_usage(container, written)?);
    }
    for volume in engine.volumes()? {
        let links = engine.volume_users(&volume.name)?.len();
        let bytes = volume_bytes(&volume)?;
        others.volumes.add(links > 0, bytes);
        others
            .volume_rows
            .push(VolumeRow::with_usage(volume, links, bytes));
    }
    Ok(others)
}

/// The usage as the options want it.
pub(crate) fn output(
    matches: &Matches,
    usage: DiskUsage,
    builds: BuildUsage,
    others: OtherUsage,
    moment: &Moment,
) -> anyhow::Result<Vec<u8>> {
    let format = Format::parse(matches.text(&FORMAT));
    if matches.is_set(&VERBOSE) {
        verbose(usage, others, &format, moment)
    } else {
        summary(&usage, builds, &others, &format)
    }
}

/// One row for each kind of things.
fn summary(
    usage: &DiskUsage,
    builds: BuildUsage,
    others: &OtherUsage,
    format: &Format,
) -> anyhow::Result<Vec<u8>> {
    let images = Usage {
        kind: "Images",
        total: usage.images.len() as u64,
        active: usage.active,
        size: usage.layer_bytes,
        reclaimable: usage.reclaimable_layer_bytes,
    };
    let cache = Usage {
        kind: "Build Cache",
        total: builds.entries,
        active: 0,
        size: builds.bytes,
        reclaimable: builds.reclaimable_bytes,
    };
    let rows = [images, others.containers, others.volumes, cache].map(Value::object);
    Ok(disk_usage::formatter(format)?.write(disk_usage::titles(), rows)?)
}

/// Every thing with its row; in a format of one's own, lists.
fn verbose(
    usage: DiskUsage,
    others: OtherUsage,
    format: &Format,
    moment: &Moment,
) -> anyhow::Result<Vec<u8>> {
    let view = |truncate| ImageView {
        truncate,
        digests: false,
        containers: true,
        moment: moment.clone(),
    };
    let template = match format {
        Format::Table | Format::Raw => {
            let view = view(true);
            let rows: Vec<Value> = usage
                .images
                .into_iter()
                .map(|image| view.single_row(image))
                .collect();
            let mut output = b"Images space usage:\n\n".to_vec();
            output.extend(disk_usage::image_section()?.write(images::titles(), rows)?);
            output.extend_from_slice(b"\nContainers space usage:\n\n");
            let section = disk_usage::container_section()?;
            output.extend(section.write(containers::titles(), others.container_rows)?);
            output.extend_from_slice(b"\nLocal Volumes space usage:\n\n");
            output.extend(volumes::usage_section()?.write(volumes::titles(), others.volume_rows)?);
            output.extend_from_slice(disk_usage::LAST_SECTION.as_bytes());
            return Ok(output);
        }
        Format::Json => "{{json .}}",
        Format::TableOf(template) | Format::Template(template) => template,
    };
    let template = template
        .trim_matches(' ')
        .replace("\\t", "\t")
        .replace("\\n", "\n");
    let lists = Value::object(VerboseUsage::new(usage.images, &view(false), others));
    Ok(Template::parse(&template)?.execute(&lists)?)
}
