//! Containers of an ordinary user without subordinate ids: one id inside, which is root, and yet files of many owners.
//!
//! Calls that would set an owner, make a device or change the user are not refused: a filter of system calls asks a process
//! outside, which remembers the owner beside the file, in the attribute that unpacking uses (`user.wharf.meta`), so that the layer
//! that is made of the file has it. Calls that change the user do nothing and succeed: there is only one.

mod calls;
mod files;
mod notifier;
mod process;

pub use notifier::{SingleIdNotifier, load_single_id_filter};
pub(crate) use process::start_notifier;
