//! Rows of `ps`.

use wharf_engine::{Container, Engine, EngineError};
use wharf_runtime::Status;
use wharf_runtime::network::TakenPort;
use wharf_template::units::{human_duration, human_size_with_precision};
use wharf_template::{Format, FormatError, Formatter, TemplateContext, Value};

use super::Moment;
use crate::arguments::quoted;

const TABLE: &str =
    "{{.ID}}\\t{{.Image}}\\t{{.Command}}\\t{{.RunningFor}}\\t{{.Status}}\\t{{.Ports}}\\t{{.Names}}";
const SIZE_TABLE: &str = "{{.ID}}\\t{{.Image}}\\t{{.Command}}\\t{{.RunningFor}}\\t{{.Status}}\\t{{.Ports}}\\t{{.Names}}\\t{{.Size}}";
const RAW: &str = "container_id: {{.ID}}\\nimage: {{.Image}}\\ncommand: {{.Command}}\\ncreated_at: {{.CreatedAt}}\\nstate: {{- pad .State 1 0}}\\nstatus: {{- pad .Status 1 0}}\\nnames: {{.Names}}\\nlabels: {{- pad .Labels 1 0}}\\nports: {{- pad .Ports 1 0}}\\n";
const QUIET: &str = "{{.ID}}";
const QUIET_RAW: &str = "container_id: {{.ID}}";

const TITLES: &[(&str, &str)] = &[
    ("ID", "CONTAINER ID"),
    ("Image", "IMAGE"),
    ("Command", "COMMAND"),
    ("CreatedAt", "CREATED AT"),
    ("RunningFor", "CREATED"),
    ("Ports", "PORTS"),
    ("State", "STATE"),
    ("Status", "STATUS"),
    ("Size", "SIZE"),
    ("Labels", "LABELS"),
    ("Names", "NAMES"),
    ("Mounts", "MOUNTS"),
    ("LocalVolumes", "LOCAL VOLUMES"),
    ("Networks", "NETWORKS"),
    ("Platform", "PLATFORM"),
];

/// The placeholders, in the order of Docker's JSON.
const PLACEHOLDERS: [&str; 15] = [
    "Command",
    "CreatedAt",
    "ID",
    "Image",
    "Labels",
    "LocalVolumes",
    "Mounts",
    "Names",
    "Networks",
    "Platform",
    "Ports",
    "RunningFor",
    "Size",
    "State",
    "Status",
];

/// What a command is cut to.
const COMMAND_WIDTH: usize = 20;
/// What a mount is cut to.
const MOUNT_WIDTH: usize = 15;

/// The format of `ps`.
pub(crate) fn formatter(
    format: &Format,
    quiet: bool,
    sizes: bool,
) -> Result<Formatter, FormatError> {
    match (format, quiet) {
        (Format::Table, true) => Formatter::new(&Format::Template(QUIET.to_owned()), "", ""),
        (Format::Raw, true) => Formatter::new(format, "", QUIET_RAW),
        _ if sizes => Formatter::new(format, SIZE_TABLE, RAW),
        _ => Formatter::new(format, TABLE, RAW),
    }
}

/// Titles of the columns.
pub(crate) fn titles() -> impl Iterator<Item = (&'static str, &'static str)> {
    TITLES.iter().copied()
}

/// How containers are shown.
pub(crate) struct ContainerView<'a> {
    /// Who knows sizes.
    pub(crate) engine: &'a Engine,
    /// Whether IDs and commands are cut.
    pub(crate) truncate: bool,
    /// Whether sizes are looked up.
    pub(crate) sizes: bool,
    /// The present.
    pub(crate) moment: Moment,
}

impl ContainerView<'_> {
    /// The row of a container.
    pub(crate) fn row(&self, container: Container) -> Result<Value, EngineError> {
        let sizes = if self.sizes {
            Some(self.engine.container_sizes(&container)?)
        } else {
            None
        };
        self.row_with(container, sizes)
    }

    /// The row of a container in `system df`: only what it wrote is its own.
    pub(crate) fn row_of_usage(
        &self,
        container: Container,
        written: u64,
    ) -> Result<Value, EngineError> {
        self.row_with(container, Some((written, 0)))
    }

    fn row_with(
        &self,
        container: Container,
        sizes: Option<(u64, u64)>,
    ) -> Result<Value, EngineError> {
        let ports = if container.state.status.is_alive() {
            let places = self.engine.container_networks(&container.record.id)?;
            places.into_iter().flat_map(|place| place.ports).collect()
        } else {
            Vec::new()
        };
        let image = self.engine.shown_image(&container, self.truncate)?;
        Ok(Value::object(ContainerRow {
            container,
            image,
            sizes,
            ports,
            truncate: self.truncate,
            moment: self.moment.clone(),
        }))
    }
}

#[derive(Debug)]
struct ContainerRow {
    container: Container,
    image: String,
    sizes: Option<(u64, u64)>,
    ports: Vec<TakenPort>,
    truncate: bool,
    moment: Moment,
}

impl ContainerRow {
    fn command(&self) -> String {
        // Docker quotes what follows the program.
        let words = self.container.record.arguments().into_iter().enumerate();
        let words = words.map(|(place, word)| {
            if place > 0 && word.contains(' ') {
                format!("'{word}'")
            } else {
                word
            }
        });
        let command = words.collect::<Vec<_>>().join(" ");
        quoted(&if self.truncate {
            shortened(&command, COMMAND_WIDTH)
        } else {
            command
        })
    }

    fn labels(&self) -> String {
        let labels = self.container.record.config.labels.iter();
        let pairs: Vec<String> = labels
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        pairs.join(",")
    }

    fn mounts(&self) -> String {
        let mounts = self.container.record.mounts.iter();
        let names: Vec<String> = mounts
            .map(|mount| match mount.name.as_str() {
                "" => mount.source.clone(),
                name => name.to_owned(),
            })
            .map(|name| {
                if self.truncate {
                    shortened(&name, MOUNT_WIDTH)
                } else {
                    name
                }
            })
            .collect();
        names.join(",")
    }

    fn size(&self) -> String {
        let Some((written, whole)) = self.sizes else {
            return "0B".to_owned();
        };
        let written = human_size_with_precision(written, 3);
        if whole == 0 {
            return written;
        }
        format!(
            "{written} (virtual {})",
            human_size_with_precision(whole, 3)
        )
    }
}

impl TemplateContext for ContainerRow {
    fn type_name(&self) -> &'static str {
        "*formatter.ContainerContext"
    }

    fn field(&self, name: &str) -> Option<Value> {
        let (record, state) = (&self.container.record, &self.container.state);
        let volumes = record.mounts.iter().filter(|mount| mount.kind == "volume");
        Some(Value::from(match name {
            "ID" if self.truncate => record.short_id().to_owned(),
            "ID" => record.id.clone(),
            "Names" => record.name.clone(),
            "Image" => self.image.clone(),
            "Command" => self.command(),
            "CreatedAt" => self.moment.go_time(Some(record.created)),
            "RunningFor" => self.moment.age(record.created),
            "Ports" => crate::formatting::ports::shown(&self.container, &self.ports),
            "State" => state.status.as_str().to_owned(),
            "Status" => status(&self.container, &self.moment),
            "Size" => self.size(),
            "Labels" => self.labels(),
            "Mounts" => self.mounts(),
            "LocalVolumes" => volumes.count().to_string(),
            "Networks" => record.endpoints().into_keys().collect::<Vec<_>>().join(","),
            "Platform" => String::new(),
            _ => return None,
        }))
    }

    fn json_fields(&self) -> Vec<&str> {
        PLACEHOLDERS.to_vec()
    }
}

/// `Up 3 minutes (healthy)`, `Exited (0) 2 hours ago` (moby, `container/state.go`).
pub(crate) fn status(container: &Container, moment: &Moment) -> String {
    let state = &container.state;
    let up = || {
        let since = state.started.map(|started| moment.seconds_since(started));
        human_duration(since.unwrap_or_default())
    };
    let ago = || {
        state
            .finished
            .map(|finished| moment.age(finished))
            .unwrap_or_default()
    };
    match state.status {
        Status::Created => "Created".to_owned(),
        Status::Paused => format!("Up {} (Paused)", up()),
        Status::Restarting => format!("Restarting ({}) {}", state.exit_code, ago()),
        Status::Exited => format!("Exited ({}) {}", state.exit_code, ago()),
        Status::Running => match state.health.as_ref().map(|health| health.status.as_str()) {
            None | Some("") => format!("Up {}", up()),
            Some("starting") => format!("Up {} (health: starting)", up()),
            Some(health) => format!("Up {} ({health})", up()),
        },
    }
}

/// Cut to so many characters, the last of which says that something is missing.
fn shortened(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width - 1).collect();
    format!("{kept}…")
}
