//! Operations on images, one file each, called by docker's words.

mod archive_files;
mod changes;
mod history;
mod import;
mod import_url;
mod inspect;
mod list;
mod load;
mod mount;
mod prune;
mod pull;
mod push;
mod remove;
mod save;
mod tag;
mod tree;

pub(crate) use changes::{ChangeError, ConfigChanges};
pub use history::HistoryRow;
pub use import::ImportRequest;
pub(crate) use import::{NothingToFetch, published};
pub use inspect::ImageInspect;
pub use load::{LayoutChoice, LoadInput, LoadRequest, LoadedImage};
pub use pull::{PullOutcome, PullRequest, PullStatus};
pub use push::{PushOutcome, PushRequest};
pub use save::SaveRequest;
pub use tree::{ImageTree, PlatformImage};
